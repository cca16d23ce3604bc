// Arithmetic on the x87 stack: the four operations, square root, remainders, scaling, extraction, rounding to an integral value
// (SDM vol. 1, 8.3.5). Exact, rounded once by the control word.

import {
  add,
  bitLength,
  DENORMAL,
  divide,
  type Extended,
  finite,
  fromInteger,
  INDEFINITE,
  INVALID,
  infinite,
  integerOf,
  multiply,
  NEAREST,
  negate,
  noteDenormal,
  propagate,
  roundToIntegral,
  squareRoot,
  TRUNCATE,
  ZERO_DIVIDE,
  zero,
} from './extended.js'
import { C0, C1, C2, C3, type X87State } from './state.js'

/** Digits of D8 and its kin on st(0) and another operand, comparisons apart. */
type Operation = (x87: X87State, a: Extended, b: Extended) => Extended
const difference: Operation = ({ context }, a, b) =>
  a.kind === 'nan' || b.kind === 'nan' ? propagate(a, b, context) : add(a, negate(b), context)
const quotient: Operation = ({ context }, a, b) => divide(a, b, context)
const OPERATIONS: Readonly<Record<number, Operation>> = {
  0: ({ context }, a, b) => add(a, b, context),
  1: ({ context }, a, b) => multiply(a, b, context),
  4: difference,
  5: (x87, a, b) => difference(x87, b, a),
  6: quotient,
  7: (x87, a, b) => quotient(x87, b, a),
}
function compute(x87: X87State, digit: number, a: Extended, b: Extended): Extended {
  const operation = OPERATIONS[digit] as Operation
  return x87.settled(x87.rounded(operation(x87, a, b)))
}

/** st(0) and an operand, to st(0). */
export function combine(x87: X87State, digit: number, operand: Extended): void {
  const a = x87.get(0)
  // A NaN, or a division by zero, comes before a denormal memory operand.
  if (a.kind === 'nan' || (digit === 7 && a.kind === 'zero')) x87.context.raised &= ~DENORMAL
  x87.set(0, compute(x87, digit, a, operand))
}

/** The same to st(i): digits keep their meaning for (st(0), st(i)). */
export function combineTo(x87: X87State, digit: number, index: number): void {
  x87.set(index, compute(x87, digit, x87.get(0), x87.get(index)))
}

export function root(x87: X87State): void {
  x87.set(0, x87.rounded(squareRoot(x87.get(0), x87.context)))
}

export function toIntegral(x87: X87State): void {
  const { context } = x87
  const value = x87.get(0)
  noteDenormal(value, value, context)
  x87.set(0, value.kind === 'nan' ? propagate(value, value, context) : roundToIntegral(value, context))
}

/** fprem (truncating) and fprem1 (to nearest): at most 63 bits of quotient at a time, C2 while more remain. */
export function remainder(x87: X87State, nearest: boolean) {
  const { context } = x87
  const a = x87.get(0)
  const b = x87.get(1)
  // An invalid one leaves C0 and C3.
  x87.clearCodes(C1 | C2)
  if (a.kind === 'nan' || b.kind === 'nan') return x87.set(0, x87.settled(propagate(a, b, context)))
  if (a.kind !== 'infinite' && b.kind !== 'zero') noteDenormal(a, b, context)
  if (a.kind === 'infinite' || b.kind === 'zero') {
    context.raised |= INVALID
    return x87.set(0, INDEFINITE)
  }
  if (x87.stopped) return
  if (a.kind === 'zero') return x87.codes(0)
  if (b.kind === 'infinite') {
    x87.set(0, x87.widest(a))
    return x87.codes(0)
  }
  const distance = a.exponent + bitLength(a.significand) - (b.exponent + bitLength(b.significand))
  const partial = distance >= 64
  // A partial remainder is that by a multiple of the divisor (SDM vol. 2A, FPREM); CPUs reduce by 32 to 63 bits.
  const scaling = partial ? distance - ((distance & 31) | 32) : 0
  const exponent = Math.min(a.exponent, b.exponent + scaling)
  const dividend = a.significand << BigInt(a.exponent - exponent)
  const divisor = b.significand << BigInt(b.exponent + scaling - exponent)
  let whole = dividend / divisor
  let rest = dividend - whole * divisor
  let { negative } = a
  if (nearest && !partial && (rest * 2n > divisor || (rest * 2n === divisor && (whole & 1n) === 1n))) {
    whole += 1n
    rest = divisor - rest
    negative = !negative
  }
  x87.set(0, rest === 0n ? zero(a.negative) : x87.widest(finite(negative, rest, exponent)))
  const low = Number(whole & 7n)
  x87.codes(partial ? C2 : (low & 4 ? C0 : 0) | (low & 2 ? C3 : 0) | (low & 1 ? C1 : 0))
}

/** Beyond it every power over- or underflows. */
const POWER_MAX = 70000

export function scale(x87: X87State) {
  const { context } = x87
  const a = x87.get(0)
  const b = x87.get(1)
  if (a.kind === 'nan' || b.kind === 'nan') return x87.set(0, x87.settled(propagate(a, b, context)))
  noteDenormal(a, b, context)
  if (b.kind === 'infinite') {
    if (b.negative ? a.kind === 'infinite' : a.kind === 'zero') context.raised |= INVALID
    if (b.negative) return x87.set(0, a.kind === 'infinite' ? INDEFINITE : zero(a.negative))
    return x87.set(0, a.kind === 'zero' ? INDEFINITE : infinite(a.negative))
  }
  if (a.kind !== 'finite') return
  const whole = integerOf(roundToIntegral(b, { mode: TRUNCATE, unmasked: 0, raised: 0, roundedUp: false }))
  const power = whole > POWER_MAX ? POWER_MAX : whole < -POWER_MAX ? -POWER_MAX : Number(whole)
  x87.set(0, x87.widest(finite(a.negative, a.significand, a.exponent + power)))
}

export function extract(x87: X87State) {
  const { context } = x87
  // Without room for the second result neither is given.
  if (!x87.isEmpty(-1)) {
    const missing = x87.isEmpty(0)
    x87.set(0, INDEFINITE)
    x87.room()
    context.roundedUp = !missing
    return
  }
  const a = x87.get(0)
  if (a.kind === 'nan') {
    x87.set(0, propagate(a, a, context))
    return x87.push(propagate(a, a, context))
  }
  if (a.kind === 'zero') context.raised |= ZERO_DIVIDE
  if (a.kind !== 'finite') {
    x87.set(0, infinite(a.kind === 'zero'))
    return x87.push(a)
  }
  noteDenormal(a, a, context)
  const length = bitLength(a.significand)
  x87.set(0, x87.widest(fromInteger(BigInt(a.exponent + length - 1))))
  x87.push(finite(a.negative, a.significand, 1 - length))
}

const UP = 2

/**
 * fld1 … fldz: a significand cut to 64 bits and its sign and exponent, above which are the next two bits. Rounded to 64 bits whatever
 * the precision control, without an exception.
 */
export function loadConstant(x87: X87State, significand: bigint, high: number): void {
  const { mode } = x87.context
  const next = high >> 16
  const up = next !== 0 && (mode === UP || (mode === NEAREST && next > 1))
  if (x87.room()) x87.setImage(0, up ? significand + 1n : significand, high & 0x7fff)
}
