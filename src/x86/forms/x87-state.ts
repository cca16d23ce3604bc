// x87 instructions that work on its state and not on numbers: control, status and tag words, the stack pointer, environments and images
// (SDM vol. 1, 8.1 and 8.3.11). Those with an n in their names do not raise what is pending.

import { add, and, mul, not, or, select, shl, shrU, wrap, zext64 } from '../expr.js'
import { type FormOptions, form, type Row } from '../form.js'
import { i32, i64, type Node } from '../ir.js'
import { raisePending } from '../mmx.js'
import { RAX, type Sem, type Semantics } from '../semantics.js'
import { WORD } from '../words.js'

export const at = (address: Node, offset: number): Node => add(address, i64(offset))
const status = (s: Sem): Node => s.word(WORD.x87Status, 'i32')
const control = (s: Sem): Node => s.word(WORD.x87Control, 'i32')

const EXCEPTIONS = 0x3f
/** Exception summary and busy, which follow from the exceptions and their masks. */
const SUMMARY = 0x8080
const summarised = (statusWord: Node, controlWord: Node): Node => {
  const unmasked = and(and(statusWord, not(controlWord)), i32(EXCEPTIONS))
  return or(and(statusWord, i32(~SUMMARY & 0xffff)), select(unmasked, i32(SUMMARY), i32(0)))
}
/** The last instruction that computed: its address and opcode, and where its memory operand is. */
export function notePointers(s: Sem, opcode: number, memory: boolean): void {
  s.setWord(WORD.x87Instruction, s.here())
  s.setWord(WORD.x87Opcode, or(i32((opcode & 7) << 8), s.immediateByte()))
  if (memory) s.setWord(WORD.x87Operand, s.offset())
}

/** The stack pointer of the status word moves, C1 is cleared. */
export const rotate =
  (by: number): Semantics =>
  (s) => {
    const top = and(add(status(s), i32(by << 11)), i32(0x3800))
    s.setWord(WORD.x87Status, or(and(status(s), i32(~0x3a00)), top))
  }

export const nothing: Semantics = () => {}
const clearPointers = (s: Sem): void => {
  s.setWord(WORD.x87Instruction, i64(0))
  s.setWord(WORD.x87Operand, i64(0))
  s.setWord(WORD.x87Opcode, i32(0))
}
const initialise: Semantics = (s) => {
  s.setWord(WORD.x87Control, i32(0x37f))
  s.setWord(WORD.x87Status, i32(0))
  s.setWord(WORD.x87Tag, i32(0xffff))
  clearPointers(s)
}

/** Takes a control word, with the reserved bits as they always are; a pending exception may be masked or not by it. */
function setControl(s: Sem, value: Node, statusWord: Node): void {
  const word = or(and(value, i32(0x1f3f)), i32(0x40))
  s.setWord(WORD.x87Control, word)
  s.setWord(WORD.x87Status, summarised(statusWord, word))
}

/** An environment's words, of 32 bits or 16 (SDM vol. 1, figures 8-9 and 8-11); selectors are 0, as on CPUs that deprecate them. The first word and the last byte are tried before. */
function storeEnvironment(s: Sem, address: Node, registers = 0): number {
  const bytes = (s.width === 16 ? 14 : 28) + registers
  s.modifyAt(address, s.width === 16 ? 16 : 32)
  s.modifyAt(at(address, bytes - 1), 8)
  const tags = s.call('x87.fullTags', 'i32')
  const instruction = wrap(s.word(WORD.x87Instruction, 'i64'))
  const operand = wrap(s.word(WORD.x87Operand, 'i64'))
  if (s.width === 16) {
    const words = [control(s), status(s), tags, instruction, i32(0), operand, i32(0)]
    words.forEach((word, n) => {
      s.store(at(address, n * 2), 16, word)
    })
    return 14
  }
  const upper = (value: Node) => or(value, i32(0xffff0000 | 0))
  const opcode = shl(s.word(WORD.x87Opcode, 'i32'), i32(16))
  const words = [upper(control(s)), upper(status(s)), upper(tags), instruction, opcode, operand, i32(0xffff0000 | 0)]
  words.forEach((word, n) => {
    s.store(at(address, n * 4), 32, word)
  })
  return 28
}

/** Loads one: the status word, and where the registers follow. */
function loadEnvironment(s: Sem, address: Node, registers = 0): readonly [status: Node, size: number] {
  const small = s.width === 16
  s.load(address, small ? 16 : 32)
  s.load(at(address, (small ? 13 : 27) + registers), 8)
  const load = (n: number) => s.load(at(address, n * (small ? 2 : 4)), small ? 16 : 32)
  const [controlWord, statusWord, tag, instruction, opcode, operand] = [0, 1, 2, 3, 4, 5].map(load) as [
    Node,
    Node,
    Node,
    Node,
    Node,
    Node,
  ]
  setControl(s, controlWord, statusWord)
  // Of the tags only whether a register is empty counts.
  const empty = and(and(tag, shrU(tag, i32(1))), i32(0x5555))
  s.setWord(WORD.x87Tag, mul(empty, i32(3)))
  s.setWord(WORD.x87Instruction, zext64(instruction))
  s.setWord(WORD.x87Operand, zext64(operand))
  s.setWord(WORD.x87Opcode, small ? i32(0) : and(shrU(opcode, i32(16)), i32(0x7ff)))
  return [statusWord, small ? 14 : 28]
}

const fnstenv: Semantics = (s) => {
  storeEnvironment(s, s.address())
  s.setWord(WORD.x87Control, or(control(s), i32(EXCEPTIONS)))
  s.setWord(WORD.x87Status, and(status(s), i32(~SUMMARY & 0xffff)))
}
const fnsave: Semantics = (s) => {
  const address = s.address()
  const from = storeEnvironment(s, address, 80)
  for (let n = 0; n < 8; n++) {
    s.store(at(address, from + n * 10), 64, s.call('x87.significand', 'i64', i32(n)))
    s.store(at(address, from + 8 + n * 10), 16, s.call('x87.signAndExponent', 'i32', i32(n)))
  }
  initialise(s)
}
const frstor: Semantics = (s) => {
  const address = s.address()
  const [statusWord, from] = loadEnvironment(s, address, 80)
  const registers = [0, 1, 2, 3, 4, 5, 6, 7].map((n) => [
    s.load(at(address, from + n * 10), 64),
    s.load(at(address, from + 8 + n * 10), 16),
  ]) as [Node, Node][]
  // After the last access that may fault.
  registers.forEach(([significand, exponent], n) => {
    s.call('x87.setRegister', 'i32', statusWord, i32(n), significand, exponent)
  })
}

const waiting =
  (semantics: Semantics): Semantics =>
  (s) => {
    raisePending(s)
    semantics(s)
  }
const row = (encoding: string, name: string, operands: string, semantics: Semantics, options: FormOptions = {}): Row =>
  form(encoding, name, operands, semantics, options)
const sized = { sized: true }

export const x87StateForms: readonly Row[] = [
  row('DB E0', 'fneni', '', nothing),
  row('DB E1', 'fndisi', '', nothing),
  row('DB E4', 'fnsetpm', '', nothing),
  row('DB E2', 'fnclex', '', (s) => s.setWord(WORD.x87Status, and(status(s), i32(0x7f00)))),
  row('DB E3', 'fninit', '', initialise),
  row(
    'D9 /5',
    'fldcw',
    'Mw',
    waiting((s) => setControl(s, s.read(0), status(s))),
  ),
  row('D9 /7', 'fnstcw', 'Mw', (s) => s.write(0, control(s))),
  row('DD /7', 'fnstsw', 'Mw', (s) => s.write(0, status(s))),
  row('DF E0', 'fnstsw', '', (s) => s.setReg(RAX, 16, status(s))),
  row(
    'D9 /4',
    'fldenv',
    'Md',
    waiting((s) => void loadEnvironment(s, s.address())),
    sized,
  ),
  row('D9 /6', 'fnstenv', 'Md', fnstenv, sized),
  row('DD /4', 'frstor', 'Md', waiting(frstor), sized),
  row('DD /6', 'fnsave', 'Md', fnsave, sized),
  row('9B', 'wait', '', waiting(nothing)),
]
