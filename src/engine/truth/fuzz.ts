// Compares the engine with this CPU until told to stop: npm run fuzz -- [--seed N] [--count N] [--tier T]
// Without --count it goes on with one seed after another. Prints each difference, shrunk; the status is 1 when there was one.

import { scriptOptions } from '../../lib/script-options.js'
import { nativeExecutor } from '../../x86/native/harness.js'
import { compareSequences } from './sequences.js'

const USAGE = `usage: npm run fuzz -- [--seed N] [--count N] [--tier interpreter|regions]
Random instruction sequences on this CPU and in the engine, until the count is reached or you stop it.
Status: 0 no difference, 1 a difference (printed, shrunk), 2 it cannot run here.`

const values = scriptOptions(USAGE, {
  seed: { type: 'string' },
  count: { type: 'string' },
  tier: { type: 'string', default: 'interpreter' },
})
const native = nativeExecutor()
const tier = values.tier === 'regions' ? 'regions' : 'interpreter'
const ROUND = 20_000

if ('reason' in native) {
  console.error(`fuzz: ${native.reason}`)
  process.exitCode = 2
} else {
  let seed = values.seed === undefined ? Math.floor(Math.random() * 0x1_0000_0000) : Number(values.seed)
  let left = values.count === undefined ? Number.POSITIVE_INFINITY : Number(values.count)
  for (; left > 0; left -= ROUND, seed++) {
    const count = Math.min(ROUND, left)
    const reports = compareSequences({ seed, count, tier, native: native.run, reportsMax: 10 })
    console.log(`seed ${seed}: ${count} sequences, ${reports.length} differ`)
    for (const text of reports) console.log(`\n${text}`)
    if (reports.length > 0) process.exitCode = 1
  }
}
