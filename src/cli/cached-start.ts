// Runs the bundle of bundled.ts with V8's code cache, so that its functions are neither parsed nor compiled again.
// bundle.ts asks it, by LEGO_WRITE_CODE_CACHE, to leave the cache behind at exit.
// A cache of another Node is refused by V8: the bundle then runs without it.
import { writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { Script } from 'node:vm'
import { disableBranchHints } from '../engine/v8.js'
import { BUNDLE_NAME } from './bundle-script.js'
import type { compiledHub } from './hub.js'
import { startFile } from './start-files.js'

type Bundled = typeof import('./bundled.js')
type Hub = ReturnType<typeof compiledHub>
type Bundle = (module: { exports?: Bundled }, require: NodeJS.Require, filename: string, preparedHub?: Hub) => void

const bundle = fileURLToPath(new URL('./bundled.js', import.meta.url))
const cache = fileURLToPath(new URL('./bundled.cache', import.meta.url))

function cached(): Buffer<ArrayBuffer> | undefined {
  try {
    return startFile(cache)
  } catch {
    return undefined
  }
}

export function loadBundle(preparedHub?: Hub): Bundled {
  const source = startFile(bundle).toString('latin1')
  const cachedData = cached()
  const script = new Script(source, { filename: BUNDLE_NAME, ...(cachedData && { cachedData }) })
  if (process.env.LEGO_WRITE_CODE_CACHE !== undefined) {
    const { setFlagsFromString } = process.getBuiltinModule('node:v8')
    // At exit it holds every function that the run used, none of them forgotten by a garbage collection meanwhile.
    setFlagsFromString('--no-flush-bytecode')
    process.on('exit', () => {
      // V8 refuses a cache that was made under other flags than those it is read under.
      setFlagsFromString('--flush-bytecode')
      disableBranchHints()
      writeFileSync(cache, script.createCachedData(), { mode: 0o644 })
    })
  }
  const start = script.runInThisContext() as Bundle
  const module: { exports?: Bundled } = {}
  start(module, createRequire(import.meta.url), bundle, preparedHub)
  return module.exports!
}
