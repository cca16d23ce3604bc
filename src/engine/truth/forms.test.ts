// Every row of the instruction table against this CPU: registers, vectors, flags where defined, memory, faults.
// LEGO_CASES sets the cases per row and operand size, LEGO_ROWS (a pattern) names the mnemonics to run, LEGO_SEED repeats a run.

import { Prng, testSeed } from '../../lib/prng.js'
import { differences, report, strictnessOf } from '../../x86/native/compare.js'
import { caseOf, testable } from '../../x86/native/generate.js'
import { nativeExecutor } from '../../x86/native/harness.js'
import { type Case, FILLED_SIZE, type Outcome } from '../../x86/native/machine.js'
import { fillOf } from '../../x86/native/values.js'
import { allForms } from '../../x86/table.js'
import { engineExecutor } from './executor.js'

const FORMS = allForms()

const CASES_PER_WIDTH = Number(process.env.LEGO_CASES ?? 100)
/** Compiling a region a case takes its time: they run the first few of each row's cases and operand size. */
const REGION_CASES = Number(process.env.LEGO_REGION_CASES ?? 8)
const ROWS = new RegExp(process.env.LEGO_ROWS ?? '')
const seed = testSeed()
const native = nativeExecutor()
// Skipped where there is no gcc or the host is not x86-64 Linux.
const describeNative = 'reason' in native ? describe.skip : describe

describeNative(`the engine and this CPU agree (seed ${seed})`, () => {
  const prng = new Prng(seed)
  const fill = fillOf(prng, FILLED_SIZE)
  const forms = FORMS.filter((form) => testable(form) && ROWS.test(form.mnemonic))
  const cases: Case[] = []
  const ranges = new Map<number, readonly [number, number]>()
  for (const form of forms) {
    const start = cases.length
    for (const width of form.widths) for (let n = 0; n < CASES_PER_WIDTH; n++) cases.push(caseOf(form, width, prng))
    ranges.set(form.id, [start, cases.length])
  }
  let expected: Outcome[] = []
  beforeAll(() => {
    if ('run' in native) expected = native.run(cases, fill)
  })

  const tiers = ['interpreter', 'regions'] as const
  describe.each(tiers)('%s', (tier) => {
    const run = engineExecutor(tier)
    const strictness = { ...strictnessOf(tier), flagsAtFault: true }

    test.each(forms.map((form) => [`${form.encoding} ${form.mnemonic}`, form] as const))('%s', (_name, form) => {
      const [start, end] = ranges.get(form.id) as readonly [number, number]
      const chosen = [...Array(end - start).keys()]
        .filter((n) => tier === 'interpreter' || n % CASES_PER_WIDTH < REGION_CASES)
        .map((n) => start + n)
      const got = run(
        chosen.map((n) => cases[n] as Case),
        fill,
      )
      const wrong = got.flatMap((outcome, n) => {
        const one = cases[chosen[n] as number] as Case
        const right = expected[chosen[n] as number] as Outcome
        return differences(one, right, outcome, strictness).size > 0 ? [report(one, right, outcome)] : []
      })
      if (wrong.length > 0)
        throw new Error(
          `${wrong.length} of ${chosen.length} cases differ, seed ${seed}; the first:\n${wrong.slice(0, 2).join('\n')}`,
        )
    })
  })
})
