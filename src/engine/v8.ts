// Settings of V8 that the engine wants, made before its first region is compiled. Nothing here is required to work.
// Under other flags V8 refuses code caches, Node's own of its modules too: a program that compiles nothing leaves them alone.

/** V8 reads branch hints by default from 13.7 on; before that behind a flag (WebAssembly branch-hinting proposal). */
const HINTS_BY_DEFAULT = [13, 7] as const

let enabled = false

/** Lets TurboFan keep slow paths out of loops: registers then spill there and not in the loop. */
export function enableBranchHints(): void {
  if (!enabled) setBranchHints('')
  enabled = true
}

/** As before the first region, whoever has set it: for who writes a code cache. */
export const disableBranchHints = (): void => setBranchHints('no-')

function setBranchHints(prefix: '' | 'no-'): void {
  const [major = 0, minor = 0] = process.versions.v8.split('.').map(Number)
  const [needMajor, needMinor] = HINTS_BY_DEFAULT
  if (major < needMajor || (major === needMajor && minor < needMinor))
    process.getBuiltinModule('node:v8').setFlagsFromString(`--${prefix}experimental-wasm-branch-hinting`)
}
