// Runs the bundle of processor-worker.ts with V8's code cache, so that its functions are neither parsed nor compiled again.
// bundle.ts puts this in the worker's place and asks it, by LEGO_WRITE_CODE_CACHE, to leave the cache behind at exit.
// A cache of another Node is refused by V8: the bundle then runs without it.
import { readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { setFlagsFromString } from 'node:v8'
import { Script } from 'node:vm'
import { disableBranchHints } from '../engine/v8.js'
import { BUNDLE_NAME, wrapped } from './bundle-script.js'

type Bundle = (require: NodeJS.Require, filename: string) => void

const bundle = fileURLToPath(new URL('./processor.js', import.meta.url))
const cache = fileURLToPath(new URL('./processor.cache', import.meta.url))

function bytesOf(path: string): Buffer | undefined {
  try {
    return readFileSync(path)
  } catch {
    return undefined
  }
}

const cachedData = bytesOf(cache)
const script = new Script(wrapped(readFileSync(bundle, 'latin1')), {
  filename: BUNDLE_NAME,
  ...(cachedData && { cachedData }),
})
if (process.env.LEGO_WRITE_CODE_CACHE !== undefined) {
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
start(createRequire(bundle), bundle)
