// Runs the bundle of processor-worker.ts with V8's code cache, so that its functions are neither parsed nor compiled again.
// bundle.ts puts this in the worker's place and asks it, by LEGO_WRITE_CODE_CACHE, to leave the cache behind at exit.
// A cache of another Node is refused by V8: the bundle then runs without it.
import { readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { Script } from 'node:vm'
import { enableBranchHints } from '../engine/v8.js'

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

// V8 also refuses a cache that was made under other flags: here they are the engine's, as at the exit of the run that writes it.
enableBranchHints()
const cachedData = bytesOf(cache)
const script = new Script(`(function (require, __filename) {${readFileSync(bundle, 'latin1')}\n})`, {
  // The cache keeps this name, wherever the package is then installed.
  filename: 'dist/start/cli/processor.js',
  ...(cachedData && { cachedData }),
})
// At exit it holds every function that the run used.
if (process.env.LEGO_WRITE_CODE_CACHE !== undefined)
  process.on('exit', () => writeFileSync(cache, script.createCachedData(), { mode: 0o644 }))
const start = script.runInThisContext() as Bundle
start(createRequire(bundle), bundle)
