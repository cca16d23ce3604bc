// Settings of V8 that the engine wants, made before its first module is compiled. Nothing here is required to work.

import { setFlagsFromString } from 'node:v8'

/** V8 reads branch hints by default from 13.7 on; before that behind a flag (WebAssembly branch-hinting proposal). */
const HINTS_BY_DEFAULT = [13, 7] as const

/** Lets TurboFan keep slow paths out of loops: registers then spill there and not in the loop. */
export function enableBranchHints(): void {
  const [major = 0, minor = 0] = process.versions.v8.split('.').map(Number)
  const [needMajor, needMinor] = HINTS_BY_DEFAULT
  if (major < needMajor || (major === needMajor && minor < needMinor))
    setFlagsFromString('--experimental-wasm-branch-hinting')
}
