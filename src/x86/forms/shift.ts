// Shifts and rotates: C0 C1 D0–D3 and the double shifts. A count of zero leaves all flags; where the SDM leaves OF and AF
// undefined they are as on AMD Zen (found by running it): AF set by shifts, OF as for a count of one.

import {
  and,
  bit,
  cut,
  leU,
  mul,
  or,
  pure,
  rotl,
  rotr,
  select,
  shl,
  shrS,
  shrU,
  signBit,
  signed,
  sub,
  wrap,
  xor,
  zext64,
} from '../expr.js'
import { auxOf, carryOf, explicitFlags, selectFlags, withCarryOverflow } from '../flags.js'
import { form, type Row } from '../form.js'
import { type FlagState, i32, i64, type Node, type Width } from '../ir.js'
import type { Sem, Semantics } from '../semantics.js'

const AUX_ADJUST = 8

/** The count operand, masked (SDM vol. 2B, SAL): i32, a constant in regions unless it is cl. */
const countOf = (s: Sem, width: Width, index = 1): Node => and(wrap(s.read(index)), i32(width === 64 ? 63 : 31))
/** A shift amount in the type that carries the width. */
const amount = (count: Node, width: Width): Node => (width === 64 ? zext64(count) : count)
const last = (value: Node): Node => and(wrap(value), i32(1))

function flagsUnlessZero(s: Sem, count: Node, state: FlagState): void {
  if (count.kind !== 'const') s.flags(selectFlags(count, state, s.flagsBefore))
  else if (count.low !== 0) s.flags(state)
}

function shiftFlags(s: Sem, width: Width, count: Node, result: Node, carry: Node, overflow: Node): void {
  const state = explicitFlags(width, result, carry, overflow)
  flagsUnlessZero(s, count, { ...state, aux: or(auxOf(state), i32(AUX_ADJUST)) })
}

/** Rotates change CF and OF alone. */
function rotateFlags(s: Sem, count: Node, carry: Node, overflow: Node): void {
  const before = s.flagsBefore
  const state = withCarryOverflow(before, carry, overflow)
  if (count.kind !== 'const') s.flags({ ...state, aux: select(count, auxOf(state), auxOf(before)) })
  else if (count.low !== 0) s.flags(state)
}

const top = (value: Node, width: Width): Node => signBit(value, width)
/** The top two bits differ: OF of right shifts and rotates. */
const topChange = (value: Node, width: Width): Node => xor(top(value, width), bit(value, width - 2))

const shiftLeft: Semantics = (s) => {
  const width = s.widthOf(0)
  const count = countOf(s, width)
  const a = s.modify(0)
  const wide = shl(a, amount(count, width))
  const result = cut(wide, width)
  // Narrow values leave room above for the last bit shifted out.
  const carry = width < 32 ? bit(wide, width) : last(shrU(a, amount(sub(i32(width), count), width)))
  s.write(0, result)
  shiftFlags(s, width, count, result, carry, xor(top(result, width), carry))
}

const shiftRight: Semantics = (s) => {
  const width = s.widthOf(0)
  const count = countOf(s, width)
  const a = s.modify(0)
  const result = shrU(a, amount(count, width))
  const carry = last(shrU(a, amount(sub(count, i32(1)), width)))
  s.write(0, result)
  shiftFlags(s, width, count, result, carry, topChange(result, width))
}

const shiftRightSigned: Semantics = (s) => {
  const width = s.widthOf(0)
  const count = countOf(s, width)
  const a = signed(s.modify(0), width)
  const result = cut(shrS(a, amount(count, width)), width)
  const carry = last(shrS(a, amount(sub(count, i32(1)), width)))
  s.write(0, result)
  shiftFlags(s, width, count, result, carry, i32(0))
}

/** A narrow value repeated over 32 bits, so that rotating them rotates it. */
const repeated = (a: Node, width: Width): Node =>
  width === 8 ? mul(a, i32(0x01010101)) : width === 16 ? or(a, shl(a, i32(16))) : a

const rotate =
  (direction: 'left' | 'right'): Semantics =>
  (s) => {
    const width = s.widthOf(0)
    const count = countOf(s, width)
    const turn = direction === 'left' ? rotl : rotr
    const result = cut(turn(repeated(s.modify(0), width), amount(count, width)), width)
    s.write(0, result)
    if (direction === 'left') {
      const carry = last(result)
      rotateFlags(s, count, carry, xor(top(result, width), carry))
    } else {
      rotateFlags(s, count, top(result, width), topChange(result, width))
    }
  }

/** The count modulo the number of bits with the carry (SDM vol. 2B, RCL: 9 and 17 for narrow operands). */
function carryCount(count: Node, width: Width): Node {
  if (width > 16) return count
  if (count.kind === 'const') return i32(count.low % (width + 1))
  return pure('i32.rem_u', count, i32(width + 1))
}

/** rcl and rcr up to 32 bits: the operand with the carry above it, rotated in an i64. */
function rotateNarrow(a: Node, carry: Node, width: Width, count: Node, left: boolean): { result: Node; carry: Node } {
  const value = or(zext64(a), shl(zext64(carry), i64(width)))
  const up = zext64(count)
  const down = zext64(sub(i32(width + 1), count))
  const turned = left ? or(shl(value, up), shrU(value, down)) : or(shrU(value, up), shl(value, down))
  return { result: cut(turned, width), carry: bit(turned, width) }
}

/** 65 bits do not fit: the part that crosses the carry is shifted in two steps, and a count of zero set apart. */
function rotateWide(a: Node, carry: Node, count: Node, left: boolean): { result: Node; carry: Node } {
  const forward = zext64(count)
  const less = zext64(sub(count, i32(1)))
  const back = zext64(sub(i32(64), count))
  const inserted = zext64(carry)
  const turned = left
    ? or(or(shl(a, forward), shl(inserted, less)), shrU(shrU(a, i64(1)), back))
    : or(or(shrU(a, forward), shl(inserted, back)), shl(shl(a, i64(1)), back))
  return { result: select(count, turned, a), carry: last(shrU(a, left ? back : less)) }
}

const rotateThroughCarry =
  (direction: 'left' | 'right'): Semantics =>
  (s) => {
    const width = s.widthOf(0)
    const count = countOf(s, width)
    const a = s.modify(0)
    const left = direction === 'left'
    const before = carryOf(s.flagsBefore)
    const { result, carry } =
      width === 64 ? rotateWide(a, before, count, left) : rotateNarrow(a, before, width, carryCount(count, width), left)
    s.write(0, result)
    rotateFlags(s, count, carry, left ? xor(top(result, width), carry) : topChange(result, width))
  }

/** shld and shrd of 16 bits: counts above 16 shift in the second operand again, and clear CF (so on Zen; undefined in the SDM). */
function doubleShiftNarrow(a: Node, b: Node, count: Node, left: boolean): { result: Node; carry: Node } {
  const both = or(zext64(left ? b : a), shl(zext64(b), i64(left ? 16 : 32)))
  const three = or(both, shl(zext64(left ? a : b), i64(left ? 32 : 16)))
  const up = shl(three, zext64(count))
  const result = cut(left ? shrU(up, i64(32)) : shrU(three, zext64(count)), 16)
  const carry = left ? bit(up, 48) : last(shrU(three, zext64(sub(count, i32(1)))))
  return { result, carry: and(carry, leU(count, i32(16))) }
}

const doubleShift =
  (direction: 'left' | 'right'): Semantics =>
  (s) => {
    const { width } = s
    const count = countOf(s, width, 2)
    const b = s.read(1)
    const a = s.modify(0)
    const left = direction === 'left'
    let result: Node
    let carry: Node
    if (width === 16) {
      ;({ result, carry } = doubleShiftNarrow(a, b, count, left))
    } else {
      const forward = amount(count, width)
      const rest = amount(sub(i32(width - 1), count), width)
      const less = amount(sub(count, i32(1)), width)
      const one = amount(i32(1), width)
      result = left ? or(shl(a, forward), shrU(shrU(b, one), rest)) : or(shrU(a, forward), shl(shl(b, one), rest))
      carry = last(shrU(a, left ? amount(sub(i32(width), count), width) : less))
    }
    s.write(0, result)
    shiftFlags(s, width, count, result, carry, left ? xor(top(result, width), carry) : topChange(result, width))
  }

/** In the order of modrm.reg; /6 is an undocumented second shl. */
const OPERATIONS: readonly (readonly [string, Semantics, string])[] = [
  ['rol', rotate('left'), 'o'],
  ['ror', rotate('right'), 'o'],
  ['rcl', rotateThroughCarry('left'), 'o'],
  ['rcr', rotateThroughCarry('right'), 'o'],
  ['shl', shiftLeft, 'oa'],
  ['shr', shiftRight, 'oa'],
  ['shl', shiftLeft, 'oa'],
  ['sar', shiftRightSigned, 'oa'],
]

export const shift: readonly Row[] = [
  ...OPERATIONS.flatMap(([name, semantics, undefinedFlags], index) => [
    form(`C0 /${index}`, name, 'Eb Ib', semantics, { undefinedFlags }),
    form(`C1 /${index}`, name, 'Ev Ib', semantics, { undefinedFlags }),
    form(`D0 /${index}`, name, 'Eb 1', semantics, { undefinedFlags }),
    form(`D1 /${index}`, name, 'Ev 1', semantics, { undefinedFlags }),
    form(`D2 /${index}`, name, 'Eb C', semantics, { undefinedFlags }),
    form(`D3 /${index}`, name, 'Ev C', semantics, { undefinedFlags }),
  ]),
  form('0F A4 /r', 'shld', 'Ev Gv Ib', doubleShift('left'), { undefinedFlags: 'oa' }),
  form('0F A5 /r', 'shld', 'Ev Gv C', doubleShift('left'), { undefinedFlags: 'oa' }),
  form('0F AC /r', 'shrd', 'Ev Gv Ib', doubleShift('right'), { undefinedFlags: 'oa' }),
  form('0F AD /r', 'shrd', 'Ev Gv C', doubleShift('right'), { undefinedFlags: 'oa' }),
]
