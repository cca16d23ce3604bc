// Integer addition, subtraction, comparison and the bitwise operations: opcodes 00–3F, 80–85, A8/A9, F6/F7 /0–/3, FE/FF /0–/1.

import { add, and, constant, neg, not, or, sub, xor, zext64 } from '../expr.js'
import { addFlags, auxOf, carryOf, logicFlags, subFlags, withCarry } from '../flags.js'
import { form, type Row } from '../form.js'
import type { FlagState, Node, Width } from '../ir.js'
import { cut, type Sem, type Semantics } from '../semantics.js'

type AtomicOp = 'add' | 'sub' | 'and' | 'or' | 'xor'
type Operation = {
  readonly name: string
  readonly atomic?: AtomicOp
  compute(s: Sem, a: Node, b: Node): Node
  flags(s: Sem, width: Width, a: Node, b: Node, result: Node): FlagState
  readonly discards?: boolean
  readonly undefinedFlags?: string
}

/** CF as a value of the type that carries the operand size. */
const carryIn = (s: Sem): Node => (s.width === 64 ? zext64(carryOf(s.flagsBefore)) : carryOf(s.flagsBefore))
/** Sums with a carry-in need the explicit carries: `result < a` no longer tells CF. */
const withExplicitCarries = (state: FlagState): FlagState => ({ ...state, kind: 'custom', aux: auxOf(state) })
const logic = (_s: Sem, width: Width, _a: Node, _b: Node, result: Node) => logicFlags(width, result)
const plain = (make: typeof addFlags) => (_s: Sem, width: Width, a: Node, b: Node, result: Node) =>
  make(width, a, b, result)

/** In the order of modrm.reg for opcodes 80–83, and of bits 3–5 for opcodes 00–3F. */
const OPERATIONS: readonly Operation[] = [
  { name: 'add', atomic: 'add', compute: (_s, a, b) => add(a, b), flags: plain(addFlags) },
  { name: 'or', atomic: 'or', compute: (_s, a, b) => or(a, b), flags: logic, undefinedFlags: 'a' },
  {
    name: 'adc',
    compute: (s, a, b) => add(add(a, b), carryIn(s)),
    flags: (_s, w, a, b, r) => withExplicitCarries(addFlags(w, a, b, r)),
  },
  {
    name: 'sbb',
    compute: (s, a, b) => sub(sub(a, b), carryIn(s)),
    flags: (_s, w, a, b, r) => withExplicitCarries(subFlags(w, a, b, r)),
  },
  { name: 'and', atomic: 'and', compute: (_s, a, b) => and(a, b), flags: logic, undefinedFlags: 'a' },
  { name: 'sub', atomic: 'sub', compute: (_s, a, b) => sub(a, b), flags: plain(subFlags) },
  { name: 'xor', atomic: 'xor', compute: (_s, a, b) => xor(a, b), flags: logic, undefinedFlags: 'a' },
  { name: 'cmp', compute: (_s, a, b) => sub(a, b), flags: plain(subFlags), discards: true },
]

const semanticsOf =
  (operation: Operation): Semantics =>
  (s) => {
    const width = s.widthOf(0)
    const b = s.read(1)
    const locked = s.lock && operation.atomic !== undefined
    const a = locked ? s.atomic(operation.atomic as AtomicOp, 0, b) : operation.discards ? s.read(0) : s.modify(0)
    const result = cut(operation.compute(s, a, b), width)
    if (!operation.discards && !locked) s.write(0, result)
    s.flags(operation.flags(s, width, a, b, result))
  }

const test: Semantics = (s) => {
  const width = s.widthOf(0)
  s.flags(logicFlags(width, and(s.read(0), s.read(1))))
}

/** inc and dec leave CF alone (SDM vol. 2A). */
const step =
  (direction: 'add' | 'sub'): Semantics =>
  (s) => {
    const width = s.widthOf(0)
    const one = constant(width, 1)
    const locked = s.lock
    const a = locked ? s.atomic(direction, 0, one) : s.modify(0)
    const result = cut(direction === 'add' ? add(a, one) : sub(a, one), width)
    if (!locked) s.write(0, result)
    const state = direction === 'add' ? addFlags(width, a, one, result) : subFlags(width, a, one, result)
    s.flags(withCarry(state, carryOf(s.flagsBefore)))
  }

const invert: Semantics = (s) => {
  const width = s.widthOf(0)
  if (s.lock) s.atomic('xor', 0, constant(width, -1))
  else s.write(0, not(s.modify(0)))
}

const negate: Semantics = (s) => {
  const width = s.widthOf(0)
  const a = s.modify(0)
  const result = cut(neg(a), width)
  s.write(0, result)
  s.flags(subFlags(width, constant(width, 0), a, result))
}

const hex = (value: number) => value.toString(16).toUpperCase().padStart(2, '0')

export const arithmetic: readonly Row[] = [
  ...OPERATIONS.flatMap((operation, index) => {
    const semantics = semanticsOf(operation)
    const { name } = operation
    const undefinedFlags = operation.undefinedFlags ?? ''
    const options = { lock: !operation.discards, undefinedFlags }
    const base = index * 8
    return [
      form(`${hex(base)} /r`, name, 'Eb Gb', semantics, options),
      form(`${hex(base + 1)} /r`, name, 'Ev Gv', semantics, options),
      form(`${hex(base + 2)} /r`, name, 'Gb Eb', semantics, { undefinedFlags }),
      form(`${hex(base + 3)} /r`, name, 'Gv Ev', semantics, { undefinedFlags }),
      form(hex(base + 4), name, 'Ab Ib', semantics, { undefinedFlags }),
      form(hex(base + 5), name, 'Av Iz', semantics, { undefinedFlags }),
      form(`80 /${index}`, name, 'Eb Ib', semantics, options),
      form(`81 /${index}`, name, 'Ev Iz', semantics, options),
      form(`83 /${index}`, name, 'Ev Ibs', semantics, options),
    ]
  }),
  form('84 /r', 'test', 'Eb Gb', test, { undefinedFlags: 'a' }),
  form('85 /r', 'test', 'Ev Gv', test, { undefinedFlags: 'a' }),
  form('A8', 'test', 'Ab Ib', test, { undefinedFlags: 'a' }),
  form('A9', 'test', 'Av Iz', test, { undefinedFlags: 'a' }),
  form('F6 /0', 'test', 'Eb Ib', test, { undefinedFlags: 'a' }),
  form('F7 /0', 'test', 'Ev Iz', test, { undefinedFlags: 'a' }),
  // /1 is the same instruction, which the SDM does not list and CPUs run.
  form('F6 /1', 'test', 'Eb Ib', test, { undefinedFlags: 'a' }),
  form('F7 /1', 'test', 'Ev Iz', test, { undefinedFlags: 'a' }),
  form('F6 /2', 'not', 'Eb', invert, { lock: true }),
  form('F7 /2', 'not', 'Ev', invert, { lock: true }),
  form('F6 /3', 'neg', 'Eb', negate, { lock: true }),
  form('F7 /3', 'neg', 'Ev', negate, { lock: true }),
  form('FE /0', 'inc', 'Eb', step('add'), { lock: true }),
  form('FF /0', 'inc', 'Ev', step('add'), { lock: true }),
  form('FE /1', 'dec', 'Eb', step('sub'), { lock: true }),
  form('FF /1', 'dec', 'Ev', step('sub'), { lock: true }),
]
