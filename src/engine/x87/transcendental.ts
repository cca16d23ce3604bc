// f2xm1, fyl2x, fyl2xp1, fptan, fpatan, fsin, fcos, fsincos (SDM vol. 1, 8.3.7 and 8.3.10): computed to more than a hundred bits by fixed
// point and rounded once to 64, whatever the precision control. CPUs promise less than one unit in the last place. Arguments of the
// trigonometric ones are reduced by a π of 66 bits, as CPUs do. Results are always inexact but for zeros and infinities.

import {
  bitLength,
  EXTENDED,
  type Extended,
  finite,
  INDEFINITE,
  INEXACT,
  INVALID,
  infinite,
  noteDenormal,
  propagate,
  UNDERFLOW,
  ZERO_DIVIDE,
  zero,
} from './extended.js'
import { arctangent, atanh, cosineLess1, expm1, overLn2, PI_66, piAt, sine, timesLn2 } from './fixed-point.js'
import { C1, C2, type X87State } from './state.js'

const ONE = finite(false, 1n, 0)
/** Bits below the leading one of a result. */
const BITS = 224
const topOf = (x: Extended): number => x.exponent + bitLength(x.significand) - 1
/** For a number and results of its size. */
const precisionFor = (top: number): bigint => BigInt(BITS + Math.max(0, -top))
const shift = (value: bigint, by: number): bigint => (by >= 0 ? value << BigInt(by) : value >> BigInt(-by))
const toFixed = (x: Extended, precision: bigint): bigint => {
  const size = shift(x.significand, x.exponent + Number(precision))
  return x.negative ? -size : size
}
const fromFixed = (value: bigint, precision: bigint): Extended =>
  finite(value < 0n, value < 0n ? -value : value, -Number(precision))
/** A last place more or less: the terms of a series that are too small to be there decide a directed rounding. */
const away = (value: bigint): bigint => (value < 0n ? value - 1n : value + 1n)
const inwards = (value: bigint): bigint => (value < 0n ? value + 1n : value - 1n)
const withSign = (x: Extended, negative: boolean): Extended => ({ ...x, negative })

const invalid = (x87: X87State): Extended => {
  x87.context.raised |= INVALID
  return INDEFINITE
}
/** Rounded; the flag is raised even where nothing was rounded away. */
function inexact(x87: X87State, value: Extended): Extended {
  const result = x87.widest(value)
  x87.context.raised |= INEXACT
  if (result.kind === 'finite' && topOf(result) < EXTENDED.least) x87.context.raised |= UNDERFLOW
  return result
}

// ---- exponentials and logarithms ----------------------------------------------------------------------------------------

function power(x87: X87State, x: Extended): Extended {
  if (x.kind === 'nan') return propagate(x, x, x87.context)
  if (x.kind === 'zero') return x
  if (x.kind === 'infinite') return x.negative ? withSign(ONE, true) : x
  noteDenormal(x, x, x87.context)
  // Out of range, which the manual leaves undefined: this CPU gives the operand.
  const isOne = bitLength(x.significand) + x.exponent === 1 && /^10*$/.test(x.significand.toString(2))
  if (topOf(x) > 0 || (topOf(x) === 0 && !isOne) || (isOne && !x.negative)) return inexact(x87, x)
  const precision = precisionFor(topOf(x))
  return inexact(x87, fromFixed(expm1(timesLn2(toFixed(x, precision)), precision) + 1n, precision))
}
export function f2xm1(x87: X87State): void {
  x87.set(0, x87.settled(power(x87, x87.get(0))))
}

/** log2 of a positive number, with its precision. */
function logarithm(x: Extended): readonly [bigint, bigint] {
  const length = bitLength(x.significand)
  // x = m × 2^k with m around 1.
  let k = topOf(x)
  const precision = BigInt(BITS)
  let m = shift(x.significand, BITS - (length - 1))
  const one = 1n << precision
  if (m * m > 2n * one * one) {
    m >>= 1n
    k++
  }
  const ratio = ((m - one) << precision) / (m + one)
  return [(BigInt(k) << precision) + overLn2(2n * atanh(ratio, precision)), precision]
}

/** log2(1 + x), x > -1. */
function logarithmPlus1(x: Extended): readonly [bigint, bigint] {
  if (topOf(x) > BITS / 2) return logarithm(x)
  const precision = precisionFor(topOf(x))
  const value = toFixed(x, precision)
  const one = 1n << precision
  if (topOf(x) >= -2) return logarithm(finite(false, one + value, -Number(precision)))
  return [overLn2(2n * atanh((value << precision) / (2n * one + value), precision)), precision]
}

const product = (x87: X87State, y: Extended, [log, precision]: readonly [bigint, bigint]): Extended => {
  const factor = fromFixed(log, precision)
  return inexact(
    x87,
    finite(y.negative !== factor.negative, y.significand * factor.significand, y.exponent + factor.exponent),
  )
}

/** y × log, whose value is zero, infinite or of a sign only. */
function limit(x87: X87State, y: Extended, size: 'zero' | 'finite' | 'infinite', negative: boolean): Extended {
  const sign = y.negative !== negative
  if (y.kind === 'zero') return size === 'infinite' ? invalid(x87) : zero(sign)
  if (y.kind === 'infinite') return size === 'zero' ? invalid(x87) : infinite(sign)
  return size === 'zero' ? zero(sign) : infinite(sign)
}

function yLog2(x87: X87State, x: Extended, y: Extended): Extended {
  const { context } = x87
  if (x.kind === 'nan' || y.kind === 'nan') return propagate(x, y, context)
  if (x.negative && x.kind !== 'zero') return invalid(x87)
  if (x.kind === 'zero') {
    if (y.kind === 'finite') context.raised |= ZERO_DIVIDE
    return limit(x87, y, 'infinite', true)
  }
  if (x.kind === 'infinite') {
    if (y.kind === 'finite') noteDenormal(y, y, context)
    return limit(x87, y, 'infinite', false)
  }
  noteDenormal(x, y, context)
  const log = logarithm(x)
  if (log[0] === 0n) return limit(x87, y, 'zero', false)
  return y.kind === 'finite' ? product(x87, y, log) : limit(x87, y, 'finite', log[0] < 0n)
}

function yLog2Plus1(x87: X87State, x: Extended, y: Extended): Extended {
  const { context } = x87
  if (x.kind === 'nan' || y.kind === 'nan') return propagate(x, y, context)
  if (x.kind === 'infinite' && x.negative) return invalid(x87)
  noteDenormal(x, y, context)
  if (x.kind === 'infinite') return limit(x87, y, 'infinite', false)
  if (x.kind === 'zero') return limit(x87, y, 'zero', x.negative)
  if (y.kind !== 'finite') return limit(x87, y, 'finite', x.negative)
  // Out of range: as for f2xm1.
  if (x.negative && topOf(x) >= 0) return inexact(x87, x)
  return product(x87, y, logarithmPlus1(x))
}

// ---- arctangent -----------------------------------------------------------------------------------------------------------

const PI_PRECISION = BigInt(BITS)
/** π × quarters/4. */
const fractionOfPi = (quarters: bigint): Extended => fromFixed((piAt(PI_PRECISION) * quarters) >> 2n, PI_PRECISION)

/** The angle of (x, y). */
function angleOf(x87: X87State, x: Extended, y: Extended): Extended {
  const { context } = x87
  if (x.kind === 'nan' || y.kind === 'nan') return propagate(x, y, context)
  noteDenormal(x, y, context)
  const signed = (angle: Extended) => inexact(x87, withSign(angle, y.negative))
  if (y.kind === 'infinite') return signed(fractionOfPi(x.kind === 'infinite' ? (x.negative ? 3n : 1n) : 2n))
  if (y.kind === 'zero' || x.kind === 'infinite') return x.negative ? signed(fractionOfPi(4n)) : zero(y.negative)
  if (x.kind === 'zero') return signed(fractionOfPi(2n))
  const steep = topOf(y) > topOf(x) || (topOf(y) === topOf(x) && isGreater(y, x))
  const [small, great] = steep ? [x, y] : [y, x]
  const precision = precisionFor(topOf(small) - topOf(great) - 1)
  const ratio = shift(small.significand << (precision + 64n), small.exponent - great.exponent - 64) / great.significand
  const angle = inwards(arctangent(ratio, precision))
  const quarter = piAt(precision) >> 1n
  const first = steep ? quarter - angle : angle
  return signed(fromFixed(x.negative ? 2n * quarter - first : first, precision))
}
const isGreater = (a: Extended, b: Extended): boolean => {
  const least = Math.min(a.exponent, b.exponent)
  return shift(a.significand, a.exponent - least) > shift(b.significand, b.exponent - least)
}

/** st(1) ← f(st(0), st(1)), pop. */
const binary = (compute: (x87: X87State, x: Extended, y: Extended) => Extended) => (x87: X87State) => {
  const value = x87.settled(compute(x87, x87.get(0), x87.get(1)))
  x87.pop()
  x87.set(0, value)
}
export const fyl2x = binary(yLog2)
export const fyl2xp1 = binary(yLog2Plus1)
export const fpatan = binary(angleOf)

// ---- trigonometry ---------------------------------------------------------------------------------------------------------

/** Sine and cosine as fixed-point numbers. */
function circle(x: Extended): readonly [sin: bigint, cos: bigint, precision: bigint] {
  const precision = precisionFor(topOf(x))
  const one = 1n << precision
  const value = toFixed(x, precision)
  const right = PI_66 << (precision - 65n)
  const quadrant = Number(((2n * value + right) / (2n * right)) & 3n)
  const rest = value - ((2n * value + right) / (2n * right)) * right
  const negative = value < 0n && 2n * value + right < 0n
  if (negative) {
    const [sin, cos] = circle(withSign(x, false))
    return [-sin, cos, precision]
  }
  const sin = sine(rest, precision)
  const cos = one + cosineLess1(rest, precision) - 1n
  return [[sin, cos, -sin, -cos][quadrant] as bigint, [cos, -sin, -cos, sin][quadrant] as bigint, precision]
}

type Trigonometric = (x: Extended) => Extended
const sin: Trigonometric = (x) => {
  const [value, , precision] = circle(x)
  return fromFixed(topOf(x) < -BITS / 2 ? inwards(value) : value, precision)
}
const cos: Trigonometric = (x) => {
  const [, value, precision] = circle(x)
  return fromFixed(value, precision)
}
const tan: Trigonometric = (x) => {
  const [numerator, denominator, precision] = circle(x)
  if (topOf(x) < -BITS / 2) return fromFixed(away(numerator), precision)
  return fromFixed((numerator << precision) / denominator, precision)
}

const apply = (x87: X87State, x: Extended, compute: Trigonometric, ofZero: Extended): Extended =>
  x.kind === 'zero' ? ofZero : inexact(x87, compute(x))

/** @param second pushed after it */
const trigonometric =
  (first: Trigonometric | 'cos', second?: Trigonometric | 'one') =>
  (x87: X87State): void => {
    const { context } = x87
    x87.clearCodes(C1 | C2)
    if (second !== undefined && !x87.isEmpty(-1)) {
      // Without room for the second result neither is given.
      const missing = x87.isEmpty(0)
      x87.set(0, INDEFINITE)
      x87.room()
      context.roundedUp = !missing
      return
    }
    const x = x87.get(0)
    // Out of range: the operand stays, C2 says so (SDM vol. 2A, FSIN).
    if (x.kind === 'finite' && topOf(x) >= 63) {
      x87.setCodes(C2)
      return
    }
    const refused = x.kind === 'infinite' ? invalid(x87) : x.kind === 'nan' ? propagate(x, x, context) : undefined
    noteDenormal(x, x, context)
    const compute = first === 'cos' ? cos : first
    const ofZero = first === 'cos' ? ONE : x
    x87.set(0, refused ?? apply(x87, x, compute, ofZero))
    if (second === undefined) return
    x87.push(refused ?? (second === 'one' ? ONE : apply(x87, x, second, ONE)))
  }
export const fptan = trigonometric(tan, 'one')
export const fsin = trigonometric(sin)
export const fcos = trigonometric('cos')
export const fsincos = trigonometric(sin, cos)
