// The x87 rows against this CPU: short random programs of them, which end by storing the stack, the status and control words.
// Left out: what computes in doubles here, decimal digits above nine, what stores instruction pointers, and environments that would unmask exceptions.

import { Prng, testSeed } from '../../lib/prng.js'
import { encode, NONE } from '../../x86/encode.js'
import type { Form } from '../../x86/form.js'
import { differences, report } from '../../x86/native/compare.js'
import { nativeExecutor } from '../../x86/native/harness.js'
import { type Case, CODE_BASE, DATA_BASE, DATA_SIZE, FILLED_SIZE } from '../../x86/native/machine.js'
import { fillOf } from '../../x86/native/values.js'
import { allForms } from '../../x86/table.js'
import { engineExecutor } from './executor.js'

const CASES = 3000
const LENGTH = 6
const LEFT_OUT =
  /^(f2xm1|fyl2xp?1?|fptan|fpatan|fsin|fcos|fsincos|fxam|fldcw|fldenv|fnstenv|fnsave|frstor|fninit|fbld)$/
const RSI = 6
const RDI = 7
const R8 = 8
const TO = 0x1800
const IMAGE = 0x2800

const seed = testSeed()
const native = nativeExecutor()
const describeNative = 'reason' in native ? describe.skip : describe
const x87Forms = allForms().filter(({ x87, mnemonic }) => x87 || mnemonic === 'wait')
const forms = x87Forms.filter(({ mnemonic }) => !LEFT_OUT.test(mnemonic))

const instruction = (form: Form, base: number, displacement: number, rm: number): Uint8Array =>
  encode(
    {
      form,
      width: form.widths[0] as 32,
      reg: 0,
      rm:
        form.memory && form.operands.length > 0
          ? { base, index: NONE, scale: 0, displacement, displacementSize: 4 }
          : rm,
      vvvv: 0,
      immediates: [],
      lock: false,
      repeat: 'none',
      rex: false,
    },
    CODE_BASE,
  )
const formOf = (mnemonic: string, encoding: string): Form =>
  x87Forms.find((form) => form.mnemonic === mnemonic && form.encoding === encoding && form.memory) as Form
const frstor = formOf('frstor', 'DD /4')
const fnstcw = formOf('fnstcw', 'D9 /7')
const fstp = formOf('fstp', 'DB /7')
const FNSTSW_AX = [0xdf, 0xe0]
const FXAM = [0xd9, 0xe5]
const FNINIT = [0xdb, 0xe3]

function program(prng: Prng): Case {
  const registers = new BigUint64Array(16)
  registers[4] = BigInt(DATA_BASE + 0x3000)
  registers[RSI] = BigInt(DATA_BASE)
  registers[RDI] = BigInt(DATA_BASE + TO)
  registers[R8] = BigInt(DATA_BASE + IMAGE)
  const code: number[] = [...instruction(frstor, R8, 0, 0), ...FXAM, ...FNSTSW_AX]
  // Each operand starts where a store before it did not reach; a few cross a page.
  for (let n = 0; n < LENGTH; n++) {
    const displacement = prng.chance(0.2) ? 0xff0 + prng.below(16) : prng.below(0x1700)
    code.push(...instruction(prng.pick(forms), RSI, displacement, prng.below(8)))
  }
  code.push(...FNSTSW_AX, ...instruction(fnstcw, RDI, 0x100, 0))
  for (let n = 0; n < 8; n++) code.push(...instruction(fstp, RDI, n * 16, 0))
  code.push(...FNINIT)
  const control = 0x37f | (prng.below(4) << 10)
  const status = prng.below(8) << 11
  const tags = prng.chance(0.7) ? 0 : prng.next() & 0xffff
  const patches = [
    { offset: IMAGE, value: (BigInt(0xffff0000 + status) << 32n) | BigInt(0xffff0000 + control) },
    { offset: IMAGE + 8, value: BigInt(0xffff0000 + tags) },
    { offset: IMAGE + 16, value: 0n },
  ]
  return {
    instructions: [],
    code: Uint8Array.from(code),
    registers,
    flags: prng.next() & 0x8d5,
    mxcsr: 0x1f80,
    vectors: new Uint8Array(512),
    patches,
    undefinedFlags: 0,
  }
}

describeNative(`x87 programs (seed ${seed})`, () => {
  const prng = new Prng(seed)
  const fill = fillOf(prng, FILLED_SIZE)
  const cases = Array.from({ length: CASES }, () => program(prng))

  test.each(['interpreter', 'regions'] as const)(`${CASES} of them end as on this CPU: %s`, (tier) => {
    expect(IMAGE + 108).toBeLessThan(DATA_SIZE)
    if (!('run' in native)) return
    const expected = native.run(cases, fill)
    const got = engineExecutor(tier)(cases, fill)
    const wrong = cases.flatMap((one, n) => {
      const right = expected[n]
      const outcome = got[n]
      if (right === undefined || outcome === undefined) return ['no outcome']
      return differences(one, right, outcome).size > 0 ? [report(one, right, outcome)] : []
    })
    if (wrong.length > 0) throw new Error(`${wrong.length} differ; the first:\n${wrong.slice(0, 2).join('\n')}`)
  })
})
