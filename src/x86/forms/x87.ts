// x87 instructions: D8–DF. All computing is helpers, `x87.combine(operation, bits, high)` and so on, on the x87 area of the task record
// (engine/x87); operation is opcode << 8 | modrm, with mod and rm 0 for memory forms. `x87` alone knows them all. Memory is read and written
// here: a load hands its bytes to the helper; a store asks it for the value, stores unless an exception that is not masked forbids it, and
// only then takes the new status and tag words, so that a fault leaves the stack as it was. State as a whole is in x87-state.ts.

import { or, select, signExtend, zext64 } from '../expr.js'
import { fromFlagBits } from '../flags.js'
import { type FormOptions, form, type Row, withFeature } from '../form.js'
import { i32, i64, type Node } from '../ir.js'
import { raisePending } from '../mmx.js'
import type { Sem, Semantics } from '../semantics.js'
import { WORD } from '../words.js'
import { at, notePointers, nothing, rotate, x87StateForms } from './x87-state.js'

/** A helper's name, and what it is told beside the operation. */
type Helper = readonly [name: string, high?: number, bits?: Node]
const x87 = (s: Sem, [name, high = 0, bits = i64(0)]: Helper, operation: Node): Node =>
  s.call(name, 'i32', operation, bits, i32(high))
const EXACT: Helper = ['x87']

type Size = 16 | 32 | 64 | 80

/** A register form: the helper does everything. `reg` are bits to set in modrm.reg: that of an alias's documented form. */
const register =
  (helper: Helper, opcode: number, reg = 0): Semantics =>
  (s) =>
    void x87(s, helper, or(i32((opcode << 8) | (reg << 3)), s.immediateByte()))

const fixed =
  (helper: Helper, operation: number): Semantics =>
  (s) =>
    void x87(s, helper, i32(operation))

/** A memory operand that the helper reads; integers are sign-extended. */
const loading =
  (helper: Helper, opcode: number, digit: number, size: Size): Semantics =>
  (s) => {
    const operation = i32((opcode << 8) | (digit << 3))
    const address = s.address()
    const bits = s.load(address, size === 80 ? 64 : size)
    const high = size === 80 ? s.load(at(address, 8), 16) : i32(helper[1] ?? 0)
    const isReal = opcode === 0xd8 || opcode === 0xd9
    const wide = size >= 64 ? bits : isReal ? zext64(bits) : signExtend(bits, size as 16 | 32, 64)
    s.call(helper[0], 'i32', operation, wide, high)
  }

/** A memory operand that the helper's result goes to. */
const storing =
  (helper: Helper, opcode: number, digit: number, size: Size): Semantics =>
  (s) => {
    const width = size === 80 ? 64 : size
    const before = s.modifyAt(s.address(), width)
    const top = size === 80 ? s.modifyAt(at(s.address(), 8), 16) : undefined
    const stores = x87(s, helper, i32((opcode << 8) | (digit << 3)))
    s.update(before, width, select(stores, s.word(WORD.x87Result, width === 64 ? 'i64' : 'i32'), before))
    if (top !== undefined) s.update(top, 16, select(stores, s.word(WORD.x87Result + 8, 'i32'), top))
    s.setWord(WORD.x87Status, s.word(WORD.x87NextStatus, 'i32'))
    s.setWord(WORD.x87Tag, s.word(WORD.x87NextTag, 'i32'))
  }
const storingInteger = (opcode: number, digit: number, size: Size): Semantics =>
  storing(['x87.storeInteger', size], opcode, digit, size)

/** st(0) with another operand, and how many numbers are popped then. */
const compare = (pops: number): Helper => ['x87.compare', pops]
/** fcomi and its kin: ZF PF CF from the comparison, the other flags 0. */
const comparing =
  (opcode: number, pops: number): Semantics =>
  (s) => {
    register(['x87.compareToFlags', pops], opcode)(s)
    s.flags(fromFlagBits(s.word(WORD.x87Flags, 'i32')))
  }

/** fcmov: the helper is told whether the condition holds. */
const moving =
  (opcode: number, condition: number): Semantics =>
  (s) =>
    register(['x87.moveWhen', 0, zext64(s.condition(condition))], opcode)(s)

const FLOAT_MEMORY: readonly (readonly [string, number, string, Size])[] = [
  ['D8', 0xd8, 'Md', 32],
  ['DC', 0xdc, 'Mq', 64],
]
const INTEGER_MEMORY: readonly (readonly [string, number, string, Size])[] = [
  ['DA', 0xda, 'Md', 32],
  ['DE', 0xde, 'Mw', 16],
]
/** In the order of modrm.reg. */
const ARITHMETIC = ['add', 'mul', 'com', 'comp', 'sub', 'subr', 'div', 'divr']
/** Of DC and DE, whose destination is st(i): subtractions and divisions are named the other way round. */
const REVERSED = ['add', 'mul', '', '', 'subr', 'sub', 'divr', 'div']
/** Of those in the order of modrm.reg, comparisons apart. Where the result goes: st(i), then a pop. */
const combine = (to = 0): Helper => ['x87.combine', to]
const TO_REGISTER = 1
const THEN_POP = 2
const arithmetic = (digit: number): Helper => (digit === 2 || digit === 3 ? compare(digit - 2) : combine())
const CONDITIONS = [
  ['b', 2],
  ['e', 4],
  ['be', 6],
  ['u', 10],
] as const

/** D9 forms without operands; the helper looks at the modrm byte. */
const NULLARY = {
  E0: 'fchs',
  E1: 'fabs',
  E4: 'ftst',
  E5: 'fxam',
  E8: 'fld1',
  E9: 'fldl2t',
  EA: 'fldl2e',
  EB: 'fldpi',
  EC: 'fldlg2',
  ED: 'fldln2',
  EE: 'fldz',
  F0: 'f2xm1',
  F1: 'fyl2x',
  F2: 'fptan',
  F3: 'fpatan',
  F4: 'fxtract',
  F5: 'fprem1',
  F8: 'fprem',
  F9: 'fyl2xp1',
  FA: 'fsqrt',
  FB: 'fsincos',
  FC: 'frndint',
  FD: 'fscale',
  FE: 'fsin',
  FF: 'fcos',
}

/** A constant: its exponent, a significand cut to 64 bits, and the next two bits (0 when it is exact). */
const pushing = (exponent: number, high: number, low: number, next: number): Helper => [
  'x87.constant',
  (next << 16) | exponent,
  i64(low, high),
]
/** Those that have a helper of their own. */
const OWN: Readonly<Record<string, Helper>> = {
  fchs: ['x87.sign'],
  fabs: ['x87.sign'],
  ftst: ['x87.test'],
  fxam: ['x87.examine'],
  fld1: pushing(0x3fff, 0x80000000, 0, 0),
  fldl2t: pushing(0x4000, 0xd49a784b, 0xcd1b8afe, 1),
  fldl2e: pushing(0x3fff, 0xb8aa3b29, 0x5c17f0bb, 3),
  fldpi: pushing(0x4000, 0xc90fdaa2, 0x2168c234, 3),
  fldlg2: pushing(0x3ffd, 0x9a209a84, 0xfbcff798, 3),
  fldln2: pushing(0x3ffe, 0xb17217f7, 0xd1cf79ab, 3),
  fldz: pushing(0, 0, 0, 0),
  fprem: ['x87.remainder'],
  fsqrt: ['x87.root'],
  frndint: ['x87.integral'],
  fscale: ['x87.scale'],
}

/** Raises what an earlier one left pending, and is remembered by the pointers. */
const x = (encoding: string, name: string, operands: string, semantics: Semantics, options: FormOptions = {}): Row =>
  form(
    encoding,
    name,
    operands,
    (s) => {
      raisePending(s)
      semantics(s)
      notePointers(s, Number.parseInt(encoding, 16), operands.startsWith('M'))
    },
    options,
  )
const TRANSCENDENTAL = /^(f2xm1|fyl2xp?1?|fptan|fpatan|fsin|fcos|fsincos)$/

export const x87Forms: readonly Row[] = [
  ...ARITHMETIC.flatMap((name, n) => [
    ...FLOAT_MEMORY.map(([hex, opcode, operand, size]) =>
      x(`${hex} /${n}`, `f${name}`, operand, loading(arithmetic(n), opcode, n, size)),
    ),
    ...INTEGER_MEMORY.map(([hex, opcode, operand, size]) =>
      x(`${hex} /${n}`, `fi${name}`, operand, loading(arithmetic(n), opcode, n, size)),
    ),
    x(`D8 /${n}`, `f${name}`, 'Tq', register(arithmetic(n), 0xd8)),
  ]),
  ...REVERSED.flatMap((name, n) =>
    name === ''
      ? []
      : [
          x(`DC /${n}`, `f${name}`, 'Tq', register(combine(TO_REGISTER), 0xdc)),
          x(`DE /${n}`, `f${name}p`, 'Tq', register(combine(TO_REGISTER | THEN_POP), 0xde)),
        ],
  ),
  x('DE D9', 'fcompp', '', fixed(compare(2), 0xded9)),
  x('D9 /0', 'fld', 'Md', loading(['x87.load'], 0xd9, 0, 32)),
  x('DD /0', 'fld', 'Mq', loading(['x87.load'], 0xdd, 0, 64)),
  x('DB /5', 'fld', 'Mq', loading(['x87.push'], 0xdb, 5, 80)),
  x('D9 /0', 'fld', 'Tq', register(['x87.load'], 0xd9)),
  x('D9 /1', 'fxch', 'Tq', register(['x87.exchange'], 0xd9)),
  x('D9 /2', 'fst', 'Md', storing(['x87.storeSingle'], 0xd9, 2, 32)),
  x('D9 /3', 'fstp', 'Md', storing(['x87.storeSingle'], 0xd9, 3, 32)),
  x('DD /2', 'fst', 'Mq', storing(['x87.storeDouble'], 0xdd, 2, 64)),
  x('DD /3', 'fstp', 'Mq', storing(['x87.storeDouble'], 0xdd, 3, 64)),
  x('DB /7', 'fstp', 'Mq', storing(['x87.storeRegister'], 0xdb, 7, 80)),
  x('DD /2', 'fst', 'Tq', register(['x87.move'], 0xdd)),
  x('DD /3', 'fstp', 'Tq', register(['x87.move'], 0xdd)),
  x('DF /0', 'fild', 'Mw', loading(['x87.load'], 0xdf, 0, 16)),
  x('DB /0', 'fild', 'Md', loading(['x87.load'], 0xdb, 0, 32)),
  x('DF /5', 'fild', 'Mq', loading(['x87.load'], 0xdf, 5, 64)),
  ...withFeature('sse3', [
    x('DF /1', 'fisttp', 'Mw', storingInteger(0xdf, 1, 16)),
    x('DB /1', 'fisttp', 'Md', storingInteger(0xdb, 1, 32)),
    x('DD /1', 'fisttp', 'Mq', storingInteger(0xdd, 1, 64)),
  ]),
  x('DF /2', 'fist', 'Mw', storingInteger(0xdf, 2, 16)),
  x('DB /2', 'fist', 'Md', storingInteger(0xdb, 2, 32)),
  x('DF /3', 'fistp', 'Mw', storingInteger(0xdf, 3, 16)),
  x('DB /3', 'fistp', 'Md', storingInteger(0xdb, 3, 32)),
  x('DF /7', 'fistp', 'Mq', storingInteger(0xdf, 7, 64)),
  x('DF /4', 'fbld', 'Mq', loading(EXACT, 0xdf, 4, 80)),
  x('DF /6', 'fbstp', 'Mq', storing(EXACT, 0xdf, 6, 80)),
  ...CONDITIONS.flatMap(([name, code], n) => [
    x(`DA /${n}`, `fcmov${name}`, 'Tq', moving(0xda, code)),
    x(`DB /${n}`, `fcmovn${name}`, 'Tq', moving(0xdb, code + 1)),
  ]),
  x('DA E9', 'fucompp', '', fixed(compare(2), 0xdae9)),
  x('DB /5', 'fucomi', 'Tq', comparing(0xdb, 0)),
  x('DB /6', 'fcomi', 'Tq', comparing(0xdb, 0)),
  x('DF /5', 'fucomip', 'Tq', comparing(0xdf, 1)),
  x('DF /6', 'fcomip', 'Tq', comparing(0xdf, 1)),
  x('DD /4', 'fucom', 'Tq', register(compare(0), 0xdd)),
  x('DD /5', 'fucomp', 'Tq', register(compare(1), 0xdd)),
  x('DD /0', 'ffree', 'Tq', register(['x87.release'], 0xdd)),
  ...Object.entries(NULLARY).map(([hex, name]) =>
    x(
      `D9 ${hex}`,
      name,
      '',
      fixed(OWN[name] ?? EXACT, 0xd900 | Number.parseInt(hex, 16)),
      TRANSCENDENTAL.test(name) ? { approximate: true } : {},
    ),
  ),
  // Encodings of the 8087's time that no manual lists any more and every CPU takes.
  x('DC /2', 'fcom', 'Tq', register(compare(0), 0xd8)),
  x('DC /3', 'fcomp', 'Tq', register(compare(1), 0xd8)),
  x('DE /2', 'fcomp', 'Tq', register(compare(1), 0xd8, 1)),
  x('DD /1', 'fxch', 'Tq', register(['x87.exchange'], 0xd9)),
  x('DF /1', 'fxch', 'Tq', register(['x87.exchange'], 0xd9)),
  x('DF /2', 'fstp', 'Tq', register(['x87.move'], 0xdd, 1)),
  x('DF /3', 'fstp', 'Tq', register(['x87.move'], 0xdd)),
  x('D9 /3', 'fstpnce', 'Tq', register(EXACT, 0xd9)),
  x('DF /0', 'ffreep', 'Tq', (s) => {
    register(['x87.release'], 0xdd)(s)
    fixed(['x87.release'], 0xddc0)(s)
    rotate(1)(s)
  }),
  x('D9 D0', 'fnop', '', nothing),
  x('D9 F6', 'fdecstp', '', rotate(-1)),
  x('D9 F7', 'fincstp', '', rotate(1)),
  ...x87StateForms,
]
