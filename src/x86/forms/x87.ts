// x87 instructions: D8–DF. All computing is one helper, `x87(operation, low, middle, high)`, on the x87 area of the task
// record (engine/x87.ts); operation is opcode << 8 | modrm, with mod and rm 0 for memory forms. Memory is read and written
// here: a load hands its bytes to the helper; a store asks it for the value, stores, and only then takes the new status and
// tag words, so that a fault leaves the stack as it was. Exceptions are always masked. The 14-byte environments of 16-bit
// code are left out.

import { add, and, or, shl, shrU, wrap } from '../expr.js'
import { fromFlagBits } from '../flags.js'
import { type Form, form, withFeature } from '../form.js'
import { i32, i64, type Node } from '../ir.js'
import { RAX, type Sem, type Semantics } from '../semantics.js'
import { WORD } from '../words.js'

const x87 = (s: Sem, operation: Node, low: Node = i32(0), middle: Node = i32(0), high: Node = i32(0)): void =>
  s.sync('x87', operation, low, middle, high)

type Size = 16 | 32 | 64 | 80
const halves = (value: Node): [Node, Node] => [wrap(value), wrap(shrU(value, i64(32)))]
const at = (address: Node, offset: number): Node => add(address, i64(offset))

/** A register form: the helper does everything. `reg` are bits to set in modrm.reg: that of an alias's documented form. */
const register =
  (opcode: number, reg = 0): Semantics =>
  (s) =>
    x87(s, or(i32((opcode << 8) | (reg << 3)), s.immediateByte()))

const fixed =
  (operation: number): Semantics =>
  (s) =>
    x87(s, i32(operation))

/** A memory operand that the helper reads. */
const loading =
  (opcode: number, digit: number, size: Size): Semantics =>
  (s) => {
    const operation = i32((opcode << 8) | (digit << 3))
    const address = s.address()
    if (size <= 32) return x87(s, operation, s.load(address, size as 16 | 32))
    const [low, middle] = halves(s.load(address, 64))
    x87(s, operation, low, middle, size === 80 ? s.load(at(address, 8), 16) : i32(0))
  }

/** A memory operand that the helper's result goes to. */
const storing =
  (opcode: number, digit: number, size: Size): Semantics =>
  (s) => {
    x87(s, i32((opcode << 8) | (digit << 3)))
    const address = s.address()
    if (size <= 32) s.store(address, size as 16 | 32, s.word(WORD.x87Result, 'i32'))
    else s.store(address, 64, s.word(WORD.x87Result, 'i64'))
    if (size === 80) s.store(at(address, 8), 16, s.word(WORD.x87Result + 8, 'i32'))
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
    x87(s, or(i32(opcode << 8), s.immediateByte()), s.condition(condition))

/** The stack pointer of the status word moves, C1 is cleared. */
const rotate =
  (by: number): Semantics =>
  (s) => {
    const status = s.word(WORD.x87Status, 'i32')
    const top = and(add(status, i32(by << 11)), i32(0x3800))
    s.setWord(WORD.x87Status, or(and(status, i32(~0x3a00)), top))
  }

const nothing: Semantics = () => {}
const status = (s: Sem): Node => s.word(WORD.x87Status, 'i32')
const setControl = (s: Sem, value: Node): void => s.setWord(WORD.x87Control, or(and(value, i32(0x1f3f)), i32(0x40)))
const initialise: Semantics = (s) => {
  s.setWord(WORD.x87Control, i32(0x37f))
  s.setWord(WORD.x87Status, i32(0))
  s.setWord(WORD.x87Tag, i32(0xffff))
}

/** The 28-byte environment (SDM vol. 1, figure 8-9); instruction and operand pointers are stored as 0. */
const storeEnvironment = (s: Sem, address: Node): void => {
  const upper = (value: Node) => or(value, i32(0xffff0000 | 0))
  const words = [upper(s.word(WORD.x87Control, 'i32')), upper(status(s)), upper(s.word(WORD.x87Tag, 'i32'))]
  words.push(i32(0), i32(0), i32(0), i32(0xffff0000 | 0))
  words.forEach((word, n) => {
    s.store(at(address, n * 4), 32, word)
  })
}
const loadEnvironment = (s: Sem, address: Node): Node => {
  const [control, newStatus, tag] = [0, 4, 8].map((offset) => s.load(at(address, offset), 16)) as [Node, Node, Node]
  s.load(at(address, 24), 32)
  setControl(s, control)
  s.setWord(WORD.x87Status, newStatus)
  s.setWord(WORD.x87Tag, tag)
  return newStatus
}

const fnstenv: Semantics = (s) => {
  storeEnvironment(s, s.address())
  s.setWord(WORD.x87Control, or(s.word(WORD.x87Control, 'i32'), i32(0x3f)))
}
const FNSAVE = 0xdd30
const FRSTOR = 0xdd20
const fnsave: Semantics = (s) => {
  const address = s.address()
  storeEnvironment(s, address)
  for (let n = 0; n < 8; n++) {
    x87(s, i32(FNSAVE), i32(n))
    s.store(at(address, 28 + n * 10), 64, s.word(WORD.x87Result, 'i64'))
    s.store(at(address, 36 + n * 10), 16, s.word(WORD.x87Result + 8, 'i32'))
  }
  initialise(s)
}
const frstor: Semantics = (s) => {
  const address = s.address()
  const top = shrU(loadEnvironment(s, address), i32(11))
  const registers = [0, 1, 2, 3, 4, 5, 6, 7].map((n) => [
    s.load(at(address, 28 + n * 10), 64),
    s.load(at(address, 36 + n * 10), 16),
  ]) as [Node, Node][]
  // After the last access that may fault. The physical register goes above the sign and exponent.
  registers.forEach(([significand, exponent], n) => {
    const physical = and(add(top, i32(n)), i32(7))
    x87(s, i32(FRSTOR), ...halves(significand), or(exponent, shl(physical, i32(16))))
  })
}

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

const x = (encoding: string, name: string, operands: string, semantics: Semantics): Form =>
  form(encoding, name, operands, semantics, { untestable: true })

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
  ...Object.entries(NULLARY).map(([hex, name]) => x(`D9 ${hex}`, name, '', fixed(0xd900 | Number.parseInt(hex, 16)))),
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
  x('DB E0', 'fneni', '', nothing),
  x('DB E1', 'fndisi', '', nothing),
  x('DB E4', 'fnsetpm', '', nothing),
  x('D9 D0', 'fnop', '', nothing),
  x('D9 F6', 'fdecstp', '', rotate(-1)),
  x('D9 F7', 'fincstp', '', rotate(1)),
  x('DB E2', 'fnclex', '', (s) => s.setWord(WORD.x87Status, and(status(s), i32(0x7f00)))),
  x('DB E3', 'fninit', '', initialise),
  x('D9 /5', 'fldcw', 'Mw', (s) => setControl(s, s.read(0))),
  x('D9 /7', 'fnstcw', 'Mw', (s) => s.write(0, s.word(WORD.x87Control, 'i32'))),
  x('DD /7', 'fnstsw', 'Mw', (s) => s.write(0, status(s))),
  x('DF E0', 'fnstsw', '', (s) => s.setReg(RAX, 16, status(s))),
  x('D9 /4', 'fldenv', 'Md', (s) => void loadEnvironment(s, s.address())),
  x('D9 /6', 'fnstenv', 'Md', fnstenv),
  x('DD /4', 'frstor', 'Md', frstor),
  x('DD /6', 'fnsave', 'Md', fnsave),
  x('9B', 'wait', '', nothing),
]
