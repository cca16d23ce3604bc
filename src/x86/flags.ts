// Lazy arithmetic flags. The canonical form is two words (task record FLAG_RESULT, FLAG_AUX), a scheme known from Bochs:
//   result  sign-extended to 64 bits: ZF is `result == 0`; SF its sign, inverted by aux bit 0; PF the parity of its low
//           byte xor aux bits 8–15
//   aux     bit 31 CF, bit 30 CF^OF, bit 3 AF: the carries out of the top bit, into it, and out of bit 3
// Conditions ask a FlagState, which may still know the operands, so that `cmp; jl` becomes one comparison.

import {
  and,
  eq,
  eqz,
  leS,
  leU,
  like,
  ltS,
  ltU,
  neg,
  not,
  or,
  pure,
  select,
  sext64,
  shl,
  shrU,
  signBit,
  signed,
  wrap,
  xor,
  zext64,
} from './expr.js'
import { type FlagState, i32, type Node, type Width } from './ir.js'

const CARRY = 31
const CARRY_IN = 30
const TOP = 0xc0000000

/** The flags as they are in the task record, or in a region's two flag locals. */
export const CANONICAL: FlagState = {
  kind: 'canonical',
  width: 64,
  a: i32(0),
  b: i32(0),
  result: { kind: 'flag', type: 'i64', which: 'result' },
  aux: { kind: 'flag', type: 'i32', which: 'aux' },
}

export const addFlags = (width: Width, a: Node, b: Node, result: Node): FlagState => ({
  kind: 'add',
  width,
  a,
  b,
  result,
  aux: undefined,
})
export const subFlags = (width: Width, a: Node, b: Node, result: Node): FlagState => ({
  kind: 'sub',
  width,
  a,
  b,
  result,
  aux: undefined,
})
export const logicFlags = (width: Width, result: Node): FlagState => ({
  kind: 'logic',
  width,
  a: result,
  b: result,
  result,
  aux: undefined,
})

/** comiss, ucomisd and the like (SDM vol. 2A, COMISD): ZF PF CF 111 unordered, 000 greater, 001 less, 100 equal; OF SF AF 0. */
export const compareFlags = (a: Node, b: Node): FlagState => ({
  kind: 'compare',
  width: 32,
  a,
  b,
  result: or(pure(`${a.type}.lt`, a, b), pure(`${a.type}.gt`, a, b)),
  aux: undefined,
})
const unorderedOf = ({ a, b }: FlagState): Node => or(pure(`${a.type}.ne`, a, a), pure(`${b.type}.ne`, b, b))

/** ZF, PF and CF as given (i32 0 or 1), OF SF AF clear. */
export const zeroParityCarryFlags = (zero: Node, parity: Node, carry: Node): FlagState => {
  const nonZero = xor(zero, i32(1))
  // The byte 0 has even parity and 1 odd; the auxiliary byte corrects it.
  const flip = shl(xor(nonZero, xor(parity, i32(1))), i32(8))
  return { ...CANONICAL, result: zext64(nonZero), aux: or(and(neg(carry), i32(TOP)), flip) }
}

/** Flags with explicit CF and OF (i32 0 or 1) and AF clear; ZF SF PF from the result. */
export const explicitFlags = (width: Width, result: Node, carry: Node, overflow: Node): FlagState => ({
  kind: 'custom',
  width,
  a: result,
  b: result,
  result,
  aux: or(shl(carry, i32(CARRY)), shl(xor(carry, overflow), i32(CARRY_IN))),
})

/** The carries of a sum or difference moved to where the auxiliary word has them. */
function packCarries(width: Width, carries: Node): Node {
  const half = and(wrap(carries), i32(8))
  if (width === 64) return or(and(wrap(shrU(carries, like(carries, 32))), i32(TOP)), half)
  if (width === 32) return and(carries, i32(TOP | 8))
  return or(and(shl(carries, i32(32 - width)), i32(TOP)), half)
}

/** The auxiliary word of a state (i32). */
export function auxOf(state: FlagState): Node {
  const { a, b, result, width } = state
  if (state.aux !== undefined) return state.aux
  if (state.kind === 'logic') return i32(0)
  if (state.kind === 'compare') {
    // PF: the result 0 of unordered has even parity, as it should, 1 odd, as it should; that of equal is corrected.
    const equal = shl(pure(`${a.type}.eq`, a, b), i32(8))
    return or(and(neg(carryOf(state)), i32(TOP)), equal)
  }
  // Carry out of each bit: SDM 3.4.3.1 flags follow from it. For a difference it is the borrow.
  const carries =
    state.kind === 'add' ? or(and(a, b), and(or(a, b), not(result))) : or(and(not(a), b), and(or(not(a), b), result))
  return packCarries(width, carries)
}

/** The canonical result word of a state (i64, sign-extended). */
export const resultOf = (state: FlagState): Node => sext64(signed(state.result, state.width))

export const carryOf = (state: FlagState): Node => {
  if (state.kind === 'sub') return ltUof(state)
  if (state.kind === 'logic') return i32(0)
  if (state.kind === 'compare') return eqz(pure(`${state.a.type}.ge`, state.a, state.b))
  return shrU(auxOf(state), i32(CARRY))
}
// A borrow-in (sbb) makes `a < b` wrong for CF; such states are recorded with `kind: 'custom'` by the arithmetic family.
const ltUof = (state: FlagState) => ltU(state.a, state.b)

const overflowOf = (state: FlagState): Node => {
  if (state.kind === 'logic' || state.kind === 'compare') return i32(0)
  const aux = auxOf(state)
  return shrU(xor(aux, shl(aux, i32(1))), i32(31))
}
const zeroOf = (state: FlagState): Node => (state.kind === 'sub' ? eq(state.a, state.b) : eqz(state.result))
const signOf = (state: FlagState): Node => {
  if (state.kind === 'compare') return i32(0)
  const sign = signBit(state.result, state.width)
  return state.kind === 'canonical' ? xor(sign, and(auxOf(state), i32(1))) : sign
}
const parityOf = (state: FlagState): Node => {
  if (state.kind === 'compare') return unorderedOf(state)
  const low = wrap(state.result)
  const byte = state.kind === 'canonical' ? xor(low, shrU(auxOf(state), i32(8))) : low
  return xor(and(pure('i32.popcnt', and(byte, i32(0xff))), i32(1)), i32(1))
}
const adjustOf = (state: FlagState): Node => and(shrU(auxOf(state), i32(3)), i32(1))
const fused = (state: FlagState, compare: (a: Node, b: Node) => Node): Node =>
  compare(signed(state.a, state.width), signed(state.b, state.width))
const versusZero = (state: FlagState, compare: (a: Node, b: Node) => Node): Node => {
  const result = signed(state.result, state.width)
  return compare(result, like(result, 0))
}

/** The even condition codes of SDM appendix B.1.4.7; an odd code is the negation of the one before. */
const CONDITIONS: readonly ((state: FlagState) => Node)[] = [
  overflowOf,
  carryOf,
  zeroOf,
  (s) =>
    s.kind === 'sub'
      ? leU(s.a, s.b)
      : s.kind === 'logic'
        ? zeroOf(s)
        : s.kind === 'compare'
          ? eqz(pure(`${s.a.type}.gt`, s.a, s.b))
          : or(carryOf(s), zeroOf(s)),
  signOf,
  parityOf,
  (s) => (s.kind === 'sub' ? fused(s, ltS) : s.kind === 'logic' ? versusZero(s, ltS) : xor(signOf(s), overflowOf(s))),
  (s) =>
    s.kind === 'sub'
      ? fused(s, leS)
      : s.kind === 'logic'
        ? versusZero(s, leS)
        : or(xor(signOf(s), overflowOf(s)), zeroOf(s)),
]

/** Condition code 0–15 (O NO B AE E NE BE A S NS P NP L GE LE G) as i32: non-zero when it holds; 0 or 1. */
export function condition(state: FlagState, code: number): Node {
  const holds = (CONDITIONS[code >> 1] as (state: FlagState) => Node)(state)
  return (code & 1) === 0 ? holds : eqz(holds)
}

/** The state with another CF, everything else kept (stc, bt, inc). */
export const withCarry = (state: FlagState, carry: Node): FlagState =>
  withCarryOverflow(state, carry, overflowOf(state))

/** The state with another CF and OF, everything else kept (rotates; mul on AMD). */
export function withCarryOverflow(state: FlagState, carry: Node, overflow: Node): FlagState {
  const kept = and(auxOf(state), i32(~TOP))
  const aux = or(kept, or(shl(carry, i32(CARRY)), shl(xor(carry, overflow), i32(CARRY_IN))))
  if (state.kind === 'canonical' || state.kind === 'compare') return { ...CANONICAL, result: resultOf(state), aux }
  return { ...state, kind: 'custom', aux }
}

/** `yes` when the condition is non-zero, else `no`; canonical. */
export const selectFlags = (when: Node, yes: FlagState, no: FlagState): FlagState => ({
  ...CANONICAL,
  result: select(when, resultOf(yes), resultOf(no)),
  aux: select(when, auxOf(yes), auxOf(no)),
})

/** CF PF AF ZF SF OF at their RFLAGS positions (i32). */
export const flagBits = (state: FlagState): Node =>
  [
    [carryOf(state), 0],
    [parityOf(state), 2],
    [adjustOf(state), 4],
    [zeroOf(state), 6],
    [signOf(state), 7],
    [overflowOf(state), 11],
  ].reduce<Node>((bits, [flag, position]) => or(bits, shl(flag as Node, i32(position as number))), i32(0))

/** The state that RFLAGS bits describe (i32; other bits are ignored). */
export function fromFlagBits(bits: Node): FlagState {
  const at = (index: number) => and(shrU(bits, i32(index)), i32(1))
  const nonZero = xor(at(6), i32(1))
  const parityByte = xor(nonZero, xor(at(2), i32(1)))
  const aux = [
    shl(at(0), i32(CARRY)),
    shl(xor(at(0), at(11)), i32(CARRY_IN)),
    shl(at(4), i32(3)),
    shl(parityByte, i32(8)),
    at(7),
  ].reduce((a, b) => or(a, b))
  return { ...CANONICAL, result: zext64(nonZero), aux }
}
