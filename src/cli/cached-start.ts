// Runs the scripts of bundle.ts with V8's code cache, so that their functions are neither parsed nor compiled again.
// bundle.ts asks, by LEGO_WRITE_CODE_CACHE, to leave the caches behind at exit.
// A cache of another Node is refused by V8: the script then runs without it.
import { closeSync, openSync, renameSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { Script } from 'node:vm'
import { disableBranchHints } from '../engine/v8.js'
import { nameForV8, type ScriptName } from './bundle-script.js'
import type { compiledHub } from './hub.js'
import { startFile } from './start-files.js'

type Hub = ReturnType<typeof compiledHub>
type Bundle<Exports> = (
  module: { exports?: Exports },
  require: NodeJS.Require,
  filename: string,
  preparedHub?: Hub,
) => void

const isWriting = process.env.LEGO_WRITE_CODE_CACHE !== undefined
const placeOf = (name: ScriptName, ending: 'js' | 'cache'): string =>
  fileURLToPath(new URL(`./${name}.${ending}`, import.meta.url))

/** Descriptors; undefined for a cache that is not there. */
interface ScriptFiles {
  readonly source: number
  readonly cache: number | undefined
}

function openScript(name: ScriptName): ScriptFiles {
  const source = openSync(placeOf(name, 'js'), 'r')
  try {
    return { source, cache: openSync(placeOf(name, 'cache'), 'r') }
  } catch {
    return { source, cache: undefined }
  }
}

/** V8 refuses a cache that was made under other flags than those it is read under. */
const withUsualFlags = <Result>(action: () => Result): Result => {
  if (!isWriting) return action()
  const { setFlagsFromString } = process.getBuiltinModule('node:v8')
  setFlagsFromString('--flush-bytecode')
  const result = action()
  // At exit the cache holds every function that the run used, none of them forgotten by a garbage collection meanwhile.
  setFlagsFromString('--no-flush-bytecode')
  return result
}

function loadScript<Exports>(name: ScriptName, files: ScriptFiles, preparedHub?: Hub): Exports {
  const source = startFile(files.source).toString('latin1')
  const cachedData = files.cache === undefined ? undefined : startFile(files.cache)
  const script = withUsualFlags(
    () => new Script(source, { filename: nameForV8(name), ...(cachedData && { cachedData }) }),
  )
  for (const fd of [files.source, files.cache]) if (fd !== undefined) closeSync(fd)
  if (isWriting) process.on('exit', () => writeCache(name, script))
  const start = script.runInThisContext() as Bundle<Exports>
  const module: { exports?: Exports } = {}
  start(module, createRequire(import.meta.url), placeOf(name, 'js'), preparedHub)
  return module.exports!
}

function writeCache(name: ScriptName, script: Script): void {
  const place = placeOf(name, 'cache')
  disableBranchHints()
  // Another start may have mapped the one that is there.
  withUsualFlags(() => writeFileSync(`${place}.${process.pid}`, script.createCachedData(), { mode: 0o644 }))
  renameSync(`${place}.${process.pid}`, place)
}

export const loadBundle = (preparedHub?: Hub): typeof import('./bundled.js') =>
  loadScript('bundled', openScript('bundled'), preparedHub)

let builderFiles: ScriptFiles | undefined
let builders: typeof import('./code-builders.js') | undefined

/** The same build's, whatever becomes of the files; and the guest may later have taken the right to open them, or the last descriptor. */
export function openCodeBuilders(): void {
  builderFiles = openScript('code-builders')
}

export function codeBuilders(): typeof import('./code-builders.js') {
  builders ??= loadScript<typeof import('./code-builders.js')>(
    'code-builders',
    builderFiles ?? openScript('code-builders'),
  )
  return builders
}
