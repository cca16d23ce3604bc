// Data movement: mov in all its encodings, extensions, lea, exchanges and the compare-and-exchange family.
// Segment registers are in segment.ts.

import {
  add,
  and,
  byteSwap,
  constant,
  cut,
  eq,
  or,
  select,
  shl,
  shrU,
  signExtend,
  sub,
  wrap,
  xor,
  zext64,
} from '../expr.js'
import { addFlags, flagBits, fromFlagBits, subFlags } from '../flags.js'
import { form, type Row } from '../form.js'
import { i32, i64, type Node } from '../ir.js'
import { general, RAX, RBX, RCX, RDX, type Sem, type Semantics } from '../semantics.js'

const mov: Semantics = (s) => s.write(0, s.read(1))
const lea: Semantics = (s) => s.write(0, cut(s.offset(), s.width))

const extendZero: Semantics = (s) => s.write(0, cut(s.read(1), s.width))
const extendSign: Semantics = (s) => {
  const from = s.widthOf(1)
  if (s.isMemory(1) && from < 32) {
    s.write(0, cut(s.loadAs(`${s.width === 64 ? 'i64' : 'i32'}.load${from as 8 | 16}_s`, s.address()), s.width))
  } else {
    s.write(0, signExtend(s.read(1), from, s.width))
  }
}

/** cbw, cwde, cdqe: the accumulator's low half sign-extended. */
const extendAccumulator: Semantics = (s) => {
  const half = s.width === 64 ? 32 : s.width === 32 ? 16 : 8
  s.setReg(RAX, s.width, signExtend(s.reg(RAX, half), half, s.width))
}

/** cwd, cdq, cqo: the accumulator's sign fills rdx. */
const fillSign: Semantics = (s) => {
  const { width } = s
  const sign = shrU(s.reg(RAX), constant(width, width - 1))
  s.setReg(RDX, width, sub(constant(width, 0), sign))
}

/** bswap of 16 bits is undefined (SDM vol. 2A); CPUs give zero. */
const bswap: Semantics = (s) => s.write(0, s.width === 16 ? i32(0) : byteSwap(s.read(0), s.width))
const movbe: Semantics = (s) => s.write(0, byteSwap(s.read(1), s.width))

const xlat: Semantics = (s) => {
  const offset = s.addressSized(add(s.reg(RBX, 64), zext64(s.reg(RAX, 8))))
  s.setReg(RAX, 8, s.load(add(offset, s.segmentBase()), 8))
}

/** With memory it is always locked (SDM vol. 2C, XCHG). */
const xchg: Semantics = (s) => {
  const b = s.read(1)
  const a = s.isMemory(0) ? s.atomic('xchg', 0, b) : s.read(0)
  if (!s.isMemory(0)) s.write(0, b)
  s.write(1, a)
}

const xadd: Semantics = (s) => {
  const width = s.widthOf(0)
  const b = s.read(1)
  const a = s.lock ? s.atomic('add', 0, b) : s.modify(0)
  const sum = cut(add(a, b), width)
  // The destination last: when both are one register, it keeps the sum.
  s.write(1, a)
  if (!s.lock) s.write(0, sum)
  s.flags(addFlags(width, a, b, sum))
}

/** A 32-bit register that is only written when the condition holds keeps its upper half otherwise. */
function setWhen(s: Sem, ref: ReturnType<typeof general>, width: 8 | 16 | 32 | 64, when: Node, value: Node): void {
  const whole = width === 32 ? 64 : width
  s.set(ref, whole, select(when, width === 32 ? zext64(value) : value, s.get(ref, whole)))
}

const cmpxchg: Semantics = (s) => {
  const width = s.widthOf(0)
  const expected = s.reg(RAX, width)
  const replacement = s.read(1)
  const old = s.lock ? s.atomic('cmpxchg', 0, expected, replacement) : s.modify(0)
  const equal = eq(old, expected)
  // Memory is written either way, with its own value when they differ.
  if (s.isMemory(0) && !s.lock) s.write(0, select(equal, replacement, old))
  setWhen(s, general(RAX), width, xor(equal, i32(1)), old)
  if (!s.isMemory(0)) setWhen(s, s.ref(0), width, equal, replacement)
  s.flags(subFlags(width, expected, old, cut(sub(expected, old), width)))
}

const zeroFlagOnly = (s: Sem, zero: Node) =>
  s.flags(fromFlagBits(or(and(flagBits(s.flagsBefore), i32(~0x40)), shl(zero, i32(6)))))
const pair = (high: Node, low: Node): Node => or(shl(zext64(high), i64(32)), zext64(low))

/** cmpxchg8b: with or without lock, one atomic access. */
const cmpxchg8: Semantics = (s) => {
  const expected = pair(s.reg(RDX, 32), s.reg(RAX, 32))
  const old = s.atomic('cmpxchg', 0, expected, pair(s.reg(RCX, 32), s.reg(RBX, 32)))
  const equal = eq(old, expected)
  const differ = xor(equal, i32(1))
  setWhen(s, general(RAX), 32, differ, wrap(old))
  setWhen(s, general(RDX), 32, differ, wrap(shrU(old, i64(32))))
  zeroFlagOnly(s, equal)
}

/** cmpxchg16b: two accesses; not yet atomic against other threads. */
const cmpxchg16: Semantics = (s) => {
  const address = s.address()
  s.raise(13, and(wrap(address), i32(15)))
  const low = s.modifyAt(address, 64)
  const high = s.modifyAt(add(address, i64(8)), 64)
  const equal = and(eq(low, s.reg(RAX, 64)), eq(high, s.reg(RDX, 64)))
  s.update(low, 64, select(equal, s.reg(RBX, 64), low))
  s.update(high, 64, select(equal, s.reg(RCX, 64), high))
  s.setReg(RAX, 64, low)
  s.setReg(RDX, 64, high)
  zeroFlagOnly(s, equal)
}

const lock = { lock: true }

export const move: readonly Row[] = [
  form('88 /r', 'mov', 'Eb Gb', mov),
  form('89 /r', 'mov', 'Ev Gv', mov),
  form('8A /r', 'mov', 'Gb Eb', mov),
  form('8B /r', 'mov', 'Gv Ev', mov),
  form('A0', 'mov', 'Ab Ob', mov),
  form('A1', 'mov', 'Av Ov', mov),
  form('A2', 'mov', 'Ob Ab', mov),
  form('A3', 'mov', 'Ov Av', mov),
  form('B0+r', 'mov', 'Zb Ib', mov),
  form('B8+r', 'mov', 'Zv Iv', mov),
  form('C6 /0', 'mov', 'Eb Ib', mov),
  form('C7 /0', 'mov', 'Ev Iz', mov),
  form('8D /r', 'lea', 'Gv Mv', lea),
  form('0F B6 /r', 'movzx', 'Gv Eb', extendZero),
  form('0F B7 /r', 'movzx', 'Gv Ew', extendZero),
  form('0F BE /r', 'movsx', 'Gv Eb', extendSign),
  form('0F BF /r', 'movsx', 'Gv Ew', extendSign),
  form('63 /r', 'movsxd', 'Gv Ed', extendSign),
  form('98', 'cdqe', 'Av', extendAccumulator),
  form('99', 'cqo', 'Av', fillSign),
  form('0F C8+r', 'bswap', 'Zv', bswap),
  form('NFx 0F38 F0 /r', 'movbe', 'Gv Mv', movbe, { feature: 'movbe' }),
  form('NFx 0F38 F1 /r', 'movbe', 'Mv Gv', movbe, { feature: 'movbe' }),
  form('NP 0F C3 /r', 'movnti', 'My Gy', mov),
  form('D7', 'xlat', '', xlat),
  form('86 /r', 'xchg', 'Eb Gb', xchg, lock),
  form('87 /r', 'xchg', 'Ev Gv', xchg, lock),
  // Before the row for every register: 90 is no exchange, which would clear the upper half of rax.
  form('90', 'nop', '', () => {}, { register: 0 }),
  form('90+r', 'xchg', 'Zv Av', xchg),
  form('0F C0 /r', 'xadd', 'Eb Gb', xadd, lock),
  form('0F C1 /r', 'xadd', 'Ev Gv', xadd, lock),
  form('0F B0 /r', 'cmpxchg', 'Eb Gb', cmpxchg, lock),
  form('0F B1 /r', 'cmpxchg', 'Ev Gv', cmpxchg, lock),
  form('0F C7 /1 W1', 'cmpxchg16b', 'Mq', cmpxchg16, { ...lock, feature: 'cx16' }),
  form('0F C7 /1', 'cmpxchg8b', 'Mq', cmpxchg8, lock),
]
