// x87 instructions: D8–DF. All computing is one helper, `x87(operation, low, middle, high)`, on the x87 area of the task
// record (engine/x87); operation is opcode << 8 | modrm, with mod and rm 0 for memory forms. Memory is read and written
// here: a load hands its bytes to the helper; a store asks it for the value, stores unless an exception that is not masked forbids it, and
// only then takes the new status and tag words, so that a fault leaves the stack as it was. State as a whole is in x87-state.ts.

import { or, select, shrU, wrap } from '../expr.js'
import { fromFlagBits } from '../flags.js'
import { type Form, type FormOptions, form, withFeature } from '../form.js'
import { i32, i64, type Node } from '../ir.js'
import { raisePending } from '../mmx.js'
import type { Sem, Semantics } from '../semantics.js'
import { WORD } from '../words.js'
import { at, notePointers, nothing, rotate, x87StateForms } from './x87-state.js'

const x87 = (s: Sem, operation: Node, low: Node = i32(0), middle: Node = i32(0), high: Node = i32(0)): Node =>
  s.call('x87', 'i32', operation, low, middle, high)

type Size = 16 | 32 | 64 | 80
const halves = (value: Node): [Node, Node] => [wrap(value), wrap(shrU(value, i64(32)))]

/** A register form: the helper does everything. `reg` are bits to set in modrm.reg: that of an alias's documented form. */
const register =
  (opcode: number, reg = 0): Semantics =>
  (s) =>
    void x87(s, or(i32((opcode << 8) | (reg << 3)), s.immediateByte()))

const fixed =
  (operation: number): Semantics =>
  (s) =>
    void x87(s, i32(operation))

/** A memory operand that the helper reads. */
const loading =
  (opcode: number, digit: number, size: Size): Semantics =>
  (s) => {
    const operation = i32((opcode << 8) | (digit << 3))
    const address = s.address()
    if (size <= 32) return void x87(s, operation, s.load(address, size as 16 | 32))
    const [low, middle] = halves(s.load(address, 64))
    x87(s, operation, low, middle, size === 80 ? s.load(at(address, 8), 16) : i32(0))
  }

/** A memory operand that the helper's result goes to. */
const storing =
  (opcode: number, digit: number, size: Size): Semantics =>
  (s) => {
    const width = size === 80 ? 64 : size
    const before = s.modifyAt(s.address(), width)
    const top = size === 80 ? s.modifyAt(at(s.address(), 8), 16) : undefined
    const stores = x87(s, i32((opcode << 8) | (digit << 3)))
    s.update(before, width, select(stores, s.word(WORD.x87Result, width === 64 ? 'i64' : 'i32'), before))
    if (top !== undefined) s.update(top, 16, select(stores, s.word(WORD.x87Result + 8, 'i32'), top))
    s.setWord(WORD.x87Status, s.word(WORD.x87NextStatus, 'i32'))
    s.setWord(WORD.x87Tag, s.word(WORD.x87NextTag, 'i32'))
  }

/** fcomi and its kin: ZF PF CF from the comparison, the other flags 0. */
const comparing =
  (opcode: number): Semantics =>
  (s) => {
    register(opcode)(s)
    s.flags(fromFlagBits(s.word(WORD.x87Flags, 'i32')))
  }

/** fcmov: the helper is told whether the condition holds. */
const moving =
  (opcode: number, condition: number): Semantics =>
  (s) =>
    void x87(s, or(i32(opcode << 8), s.immediateByte()), s.condition(condition))

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
const CONDITIONS = [
  ['b', 2],
  ['e', 4],
  ['be', 6],
  ['u', 10],
] as const

/** D9 and DB forms without operands; the helper looks at the modrm byte. */
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

/** Raises what an earlier one left pending, and is remembered by the pointers. */
const x = (encoding: string, name: string, operands: string, semantics: Semantics, options: FormOptions = {}): Form =>
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

export const x87Forms: readonly Form[] = [
  ...ARITHMETIC.flatMap((name, n) => [
    ...FLOAT_MEMORY.map(([hex, opcode, operand, size]) =>
      x(`${hex} /${n}`, `f${name}`, operand, loading(opcode, n, size)),
    ),
    ...INTEGER_MEMORY.map(([hex, opcode, operand, size]) =>
      x(`${hex} /${n}`, `fi${name}`, operand, loading(opcode, n, size)),
    ),
    x(`D8 /${n}`, `f${name}`, 'Tq', register(0xd8)),
  ]),
  ...REVERSED.flatMap((name, n) =>
    name === ''
      ? []
      : [x(`DC /${n}`, `f${name}`, 'Tq', register(0xdc)), x(`DE /${n}`, `f${name}p`, 'Tq', register(0xde))],
  ),
  x('DE D9', 'fcompp', '', fixed(0xded9)),
  x('D9 /0', 'fld', 'Md', loading(0xd9, 0, 32)),
  x('DD /0', 'fld', 'Mq', loading(0xdd, 0, 64)),
  x('DB /5', 'fld', 'Mq', loading(0xdb, 5, 80)),
  x('D9 /0', 'fld', 'Tq', register(0xd9)),
  x('D9 /1', 'fxch', 'Tq', register(0xd9)),
  x('D9 /2', 'fst', 'Md', storing(0xd9, 2, 32)),
  x('D9 /3', 'fstp', 'Md', storing(0xd9, 3, 32)),
  x('DD /2', 'fst', 'Mq', storing(0xdd, 2, 64)),
  x('DD /3', 'fstp', 'Mq', storing(0xdd, 3, 64)),
  x('DB /7', 'fstp', 'Mq', storing(0xdb, 7, 80)),
  x('DD /2', 'fst', 'Tq', register(0xdd)),
  x('DD /3', 'fstp', 'Tq', register(0xdd)),
  x('DF /0', 'fild', 'Mw', loading(0xdf, 0, 16)),
  x('DB /0', 'fild', 'Md', loading(0xdb, 0, 32)),
  x('DF /5', 'fild', 'Mq', loading(0xdf, 5, 64)),
  ...withFeature('sse3', [
    x('DF /1', 'fisttp', 'Mw', storing(0xdf, 1, 16)),
    x('DB /1', 'fisttp', 'Md', storing(0xdb, 1, 32)),
    x('DD /1', 'fisttp', 'Mq', storing(0xdd, 1, 64)),
  ]),
  x('DF /2', 'fist', 'Mw', storing(0xdf, 2, 16)),
  x('DB /2', 'fist', 'Md', storing(0xdb, 2, 32)),
  x('DF /3', 'fistp', 'Mw', storing(0xdf, 3, 16)),
  x('DB /3', 'fistp', 'Md', storing(0xdb, 3, 32)),
  x('DF /7', 'fistp', 'Mq', storing(0xdf, 7, 64)),
  x('DF /4', 'fbld', 'Mq', loading(0xdf, 4, 80)),
  x('DF /6', 'fbstp', 'Mq', storing(0xdf, 6, 80)),
  ...CONDITIONS.flatMap(([name, code], n) => [
    x(`DA /${n}`, `fcmov${name}`, 'Tq', moving(0xda, code)),
    x(`DB /${n}`, `fcmovn${name}`, 'Tq', moving(0xdb, code + 1)),
  ]),
  x('DA E9', 'fucompp', '', fixed(0xdae9)),
  x('DB /5', 'fucomi', 'Tq', comparing(0xdb)),
  x('DB /6', 'fcomi', 'Tq', comparing(0xdb)),
  x('DF /5', 'fucomip', 'Tq', comparing(0xdf)),
  x('DF /6', 'fcomip', 'Tq', comparing(0xdf)),
  x('DD /4', 'fucom', 'Tq', register(0xdd)),
  x('DD /5', 'fucomp', 'Tq', register(0xdd)),
  x('DD /0', 'ffree', 'Tq', register(0xdd)),
  ...Object.entries(NULLARY).map(([hex, name]) =>
    x(
      `D9 ${hex}`,
      name,
      '',
      fixed(0xd900 | Number.parseInt(hex, 16)),
      TRANSCENDENTAL.test(name) ? { approximate: true } : {},
    ),
  ),
  // Encodings of the 8087's time that no manual lists any more and every CPU takes.
  x('DC /2', 'fcom', 'Tq', register(0xd8)),
  x('DC /3', 'fcomp', 'Tq', register(0xd8)),
  x('DE /2', 'fcomp', 'Tq', register(0xd8, 1)),
  x('DD /1', 'fxch', 'Tq', register(0xd9)),
  x('DF /1', 'fxch', 'Tq', register(0xd9)),
  x('DF /2', 'fstp', 'Tq', register(0xdd, 1)),
  x('DF /3', 'fstp', 'Tq', register(0xdd)),
  x('D9 /3', 'fstpnce', 'Tq', register(0xd9)),
  x('DF /0', 'ffreep', 'Tq', (s) => {
    register(0xdd)(s)
    fixed(0xddc0)(s)
    rotate(1)(s)
  }),
  x('D9 D0', 'fnop', '', nothing),
  x('D9 F6', 'fdecstp', '', rotate(-1)),
  x('D9 F7', 'fincstp', '', rotate(1)),
  ...x87StateForms,
]
