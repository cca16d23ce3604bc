// Compares random sequences in the engine with this CPU, and shrinks what differs to the instructions it takes.
//   const reports = compareSequences({ seed, count, tier, reportsMax })

import { Prng } from '../../lib/prng.js'
import { differences, report, strictnessOf } from '../../x86/native/compare.js'
import { type Case, type Executor, FILLED_SIZE, type Outcome } from '../../x86/native/machine.js'
import { sequenceOf, shrink } from '../../x86/native/sequence.js'
import { fillOf } from '../../x86/native/values.js'
import { engineExecutor, type Tier } from './executor.js'

const SHORTEST = 5
const LONGEST = 30
/** Cases per run of the harness: bounds the memory they take. */
const BATCH = 2000

export type SequenceOptions = {
  readonly seed: number
  readonly count: number
  readonly tier: Tier
  readonly native: Executor
  /** Stop after so many differences. */
  readonly reportsMax: number
  readonly progress?: (done: number) => void
}

/** A report for each difference, shrunk; empty when the engine and the CPU agree. */
export function compareSequences({ seed, count, tier, native, reportsMax, progress }: SequenceOptions): string[] {
  const prng = new Prng(seed)
  const fill = fillOf(prng, FILLED_SIZE)
  const engine = engineExecutor(tier)
  const outcomes = (one: Case) => [native([one], fill)[0], engine([one], fill)[0]] as [Outcome, Outcome]
  const strictness = strictnessOf(tier)
  const wrong = (one: Case) => differences(one, ...outcomes(one), strictness).size > 0
  const reports: string[] = []
  for (let done = 0; done < count && reports.length < reportsMax; done += BATCH) {
    const cases = Array.from({ length: Math.min(BATCH, count - done) }, () => sequenceOf(prng, SHORTEST, LONGEST))
    const expected = native(cases, fill)
    const got = engine(cases, fill)
    for (const [n, one] of cases.entries()) {
      if (reports.length >= reportsMax) break
      if (differences(one, expected[n] as Outcome, got[n] as Outcome, strictness).size === 0) continue
      const smallest = shrink(one, wrong)
      reports.push(`seed ${seed}, sequence ${done + n}:\n${report(smallest, ...outcomes(smallest))}`)
    }
    progress?.(done + cases.length)
  }
  return reports
}
