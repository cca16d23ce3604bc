// Runs the scripts of bundle.ts with V8's code cache, so that their functions are neither parsed nor compiled again.
// bundle.ts asks, by LEGO_WRITE_CODE_CACHE, to leave the caches behind at exit.
// A cache of another Node is refused by V8: the script then runs without it.
import { writeFileSync } from 'node:fs'
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

const beside = (file: string): string => fileURLToPath(new URL(file, import.meta.url))
const isWriting = process.env.LEGO_WRITE_CODE_CACHE !== undefined

function cached(cache: string): Buffer<ArrayBuffer> | undefined {
  try {
    return startFile(cache)
  } catch {
    return undefined
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

function loadScript<Exports>(name: ScriptName, preparedHub?: Hub): Exports {
  const bundle = beside(`./${name}.js`)
  const cache = beside(`./${name}.cache`)
  const source = startFile(bundle).toString('latin1')
  const cachedData = cached(cache)
  const script = withUsualFlags(
    () => new Script(source, { filename: nameForV8(name), ...(cachedData && { cachedData }) }),
  )
  if (isWriting) {
    process.on('exit', () => {
      disableBranchHints()
      withUsualFlags(() => writeFileSync(cache, script.createCachedData(), { mode: 0o644 }))
    })
  }
  const start = script.runInThisContext() as Bundle<Exports>
  const module: { exports?: Exports } = {}
  start(module, createRequire(import.meta.url), bundle, preparedHub)
  return module.exports!
}

export const loadBundle = (preparedHub?: Hub): typeof import('./bundled.js') => loadScript('bundled', preparedHub)

let builders: typeof import('./code-builders.js') | undefined

export function codeBuilders(): typeof import('./code-builders.js') {
  builders ??= loadScript<typeof import('./code-builders.js')>('code-builders')
  return builders
}
