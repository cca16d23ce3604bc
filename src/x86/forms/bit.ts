// Bits: bt and its writing forms, bsf/bsr, the counts (tzcnt lzcnt popcnt) and crc32.

import {
  add,
  and,
  cut,
  eqz,
  integerType,
  like,
  ne,
  not,
  or,
  pure,
  select,
  sext64,
  shl,
  shrS,
  shrU,
  signed,
  sub,
  wrap,
  xor,
  zext64,
} from '../expr.js'
import { CANONICAL, fromFlagBits, withCarry } from '../flags.js'
import { form, type Row } from '../form.js'
import { type FlagState, i32, i64, type Node, type Width } from '../ir.js'
import type { Sem, Semantics } from '../semantics.js'

type BitOperation = {
  readonly name: string
  readonly atomic?: 'or' | 'and' | 'xor'
  compute?(a: Node, mask: Node): Node
}

/** In the order of modrm.reg /4–/7 of 0F BA. */
const BIT_OPERATIONS: readonly BitOperation[] = [
  { name: 'bt' },
  { name: 'bts', atomic: 'or', compute: (a, mask) => or(a, mask) },
  { name: 'btr', atomic: 'and', compute: (a, mask) => and(a, not(mask)) },
  { name: 'btc', atomic: 'xor', compute: (a, mask) => xor(a, mask) },
]

/** A bit offset in a register reaches memory beyond the operand, in units of its size (SDM vol. 2A, BT). */
function reach(s: Sem, offset: Node, width: Width): Node {
  const unitLog = width === 64 ? 6 : width === 32 ? 5 : 4
  const units = shrS(sext64(signed(offset, width)), i64(unitLog))
  return add(s.addressSized(add(s.offset(), shl(units, i64(unitLog - 3)))), s.segmentBase())
}

const bitOperation =
  (operation: BitOperation, fromRegister: boolean): Semantics =>
  (s) => {
    const { width } = s
    const { compute } = operation
    const offset = s.read(1)
    const index = and(offset, like(offset, width - 1))
    const carryIn = (a: Node) => and(wrap(shrU(a, index)), i32(1))
    const mask = shl(width === 64 ? i64(1) : i32(1), index)
    let a: Node
    if (!s.isMemory(0)) {
      a = s.read(0)
      if (compute !== undefined) s.write(0, compute(a, mask))
    } else {
      const address = fromRegister ? reach(s, offset, width) : s.address()
      if (compute === undefined) {
        a = s.load(address, width)
      } else if (s.lock && operation.atomic !== undefined) {
        a = s.atomicAt(operation.atomic, address, width, operation.atomic === 'and' ? cut(not(mask), width) : mask)
      } else {
        const old = s.modifyAt(address, width)
        s.update(old, width, compute(old, mask))
        a = old
      }
    }
    s.flags(withCarry(s.flagsBefore, carryIn(a)))
  }

/** ZF for a zero source; of the undefined flags PF is that of the index and the rest clear, as on AMD Zen. */
const scanFlags = (nonZero: Node, index: Node): FlagState => ({
  ...CANONICAL,
  result: zext64(nonZero),
  aux: shl(xor(nonZero, index), i32(8)),
})

/** bsf and bsr: a zero source leaves the destination as it was, upper half included. */
const scan =
  (direction: 'forward' | 'reverse'): Semantics =>
  (s) => {
    const { width } = s
    const a = s.read(1)
    const type = integerType(width)
    const top = width === 64 ? 63 : 31
    const found = direction === 'forward' ? pure(`${type}.ctz`, a) : xor(pure(`${type}.clz`, a), like(a, top))
    const nonZero = ne(a, like(a, 0))
    const whole = width === 32 ? 64 : width
    s.set(s.ref(0), whole, select(nonZero, whole === 64 ? zext64(found) : found, s.get(s.ref(0), whole)))
    s.flags(scanFlags(nonZero, select(nonZero, wrap(found), i32(0))))
  }

/** tzcnt and lzcnt: CF for a zero source, ZF for a zero count. */
const count =
  (direction: 'trailing' | 'leading'): Semantics =>
  (s) => {
    const { width } = s
    const a = s.read(1)
    const type = integerType(width)
    let counted: Node
    if (width !== 16) counted = pure(direction === 'trailing' ? `${type}.ctz` : `${type}.clz`, a)
    else if (direction === 'trailing') counted = pure('i32.ctz', or(a, i32(0x10000)))
    else counted = sub(pure('i32.clz', a), i32(16))
    s.write(0, counted)
    s.flags(fromFlagBits(or(eqz(a), shl(eqz(counted), i32(6)))))
  }

const population: Semantics = (s) => {
  const a = s.read(1)
  s.write(0, pure(`${a.type}.popcnt`, a))
  s.flags(fromFlagBits(shl(eqz(a), i32(6))))
}

/** The destination is 32 or 64 bits wide whatever the source; a 64-bit one gets a zero upper half. */
const crc32: Semantics = (s) => {
  const from = s.widthOf(1)
  const sum = s.call('crc32', 'i32', s.get(s.ref(0), 32), zext64(s.read(1)), i32(from / 8))
  s.set(s.ref(0), 32, sum)
}

const undefinedFlags = 'ospa'

export const bits: readonly Row[] = [
  ...BIT_OPERATIONS.flatMap((operation, n) => {
    const options = { undefinedFlags, lock: operation.compute !== undefined }
    const opcode = (0xa3 + n * 8).toString(16).toUpperCase()
    return [
      form(`0F ${opcode} /r`, operation.name, 'Ev Gv', bitOperation(operation, true), options),
      form(`0F BA /${4 + n}`, operation.name, 'Ev Ib', bitOperation(operation, false), options),
    ]
  }),
  form('0F BC /r', 'bsf', 'Gv Ev', scan('forward'), { undefinedFlags: 'cospa' }),
  form('0F BD /r', 'bsr', 'Gv Ev', scan('reverse'), { undefinedFlags: 'cospa' }),
  form('F3 0F BC /r', 'tzcnt', 'Gv Ev', count('trailing'), { undefinedFlags, feature: 'bmi1' }),
  form('F3 0F BD /r', 'lzcnt', 'Gv Ev', count('leading'), { undefinedFlags, feature: 'lzcnt' }),
  form('F3 0F B8 /r', 'popcnt', 'Gv Ev', population, { feature: 'popcnt' }),
  form('F2 0F38 F0 /r', 'crc32', 'Gy Eb', crc32, { feature: 'sse4_2' }),
  form('F2 0F38 F1 /r', 'crc32', 'Gy Ev', crc32, { feature: 'sse4_2' }),
]
