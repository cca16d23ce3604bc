// Random sequences of 5 to 30 instructions against this CPU. LEGO_SEQUENCES sets how many, LEGO_SEED repeats a run.

import { testSeed } from '../../lib/prng.js'
import { nativeExecutor } from '../../x86/native/harness.js'
import { compareSequences } from './sequences.js'

const count = Number(process.env.LEGO_SEQUENCES ?? 2000)
const seed = testSeed()
const native = nativeExecutor()
// Skipped where there is no gcc or the host is not x86-64 Linux.
const testNative = 'reason' in native ? test.skip : test

/** A region is compiled for each, which takes longer. */
const tiers = [
  ['interpreter', count],
  ['regions', Math.ceil(count / 4)],
] as const

testNative.each(tiers)(
  `sequences end as on this CPU: %s, %d of them (seed ${seed})`,
  (tier, sequences) => {
    if ('reason' in native) return
    const reports = compareSequences({ seed, count: sequences, tier, native: native.run, reportsMax: 3 })
    if (reports.length > 0) throw new Error(reports.join('\n\n'))
  },
  600_000,
)
