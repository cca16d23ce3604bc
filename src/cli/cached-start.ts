// Runs the bundle of guest-run.ts with V8's code cache, so that its functions are neither parsed nor compiled again.
// bundle.ts puts this in that one's place and asks it, by LEGO_WRITE_CODE_CACHE, to leave the cache behind at exit.
// A cache of another Node is refused by V8: the bundle then runs without it.
import { writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { Script } from 'node:vm'
import { disableBranchHints } from '../engine/v8.js'
import { BUNDLE_NAME } from './bundle-script.js'
import { startFile } from './start-files.js'

type GuestRun = typeof import('./guest-run.js')
type Bundle = (module: { exports?: GuestRun }, require: NodeJS.Require, filename: string) => void

const bundle = fileURLToPath(new URL('./guest.js', import.meta.url))
const cache = fileURLToPath(new URL('./guest.cache', import.meta.url))

function cached(): Buffer<ArrayBuffer> | undefined {
  try {
    return startFile(cache)
  } catch {
    return undefined
  }
}

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
const loaded: { exports?: GuestRun } = {}
start(loaded, createRequire(bundle), bundle)

export const { runGuest } = loaded.exports!
