// Exact arithmetic on x87 numbers (SDM vol. 1, 4.2 and 8.2) with BigInt significands: decode, compute, round once.
//   const sum = round(add(a, b, context), EXTENDED, context)
// Exactness over speed: nothing here is on a hot path. NaNs follow the x87 rule of SDM table 4-7.

/** value = ± significand × 2^exponent for `finite`; a `nan` keeps its 64-bit significand. */
export type Extended = {
  readonly kind: 'zero' | 'finite' | 'infinite' | 'nan'
  readonly negative: boolean
  readonly exponent: number
  readonly significand: bigint
}

/** Exception flags at their places in the status word. */
export const INVALID = 1
export const DENORMAL = 2
export const ZERO_DIVIDE = 4
export const OVERFLOW = 8
export const UNDERFLOW = 16
export const INEXACT = 32

export const NEAREST = 0
const DOWN = 1
export const UP = 2
export const TRUNCATE = 3

/** Rounding control as in the control word; the exceptions that are not masked; what an operation raised. */
export type Context = { mode: number; unmasked: number; raised: number; roundedUp: boolean }
export type Format = { readonly precision: number; readonly least: number; readonly greatest: number }
export const SINGLE: Format = { precision: 24, least: -126, greatest: 127 }
export const DOUBLE: Format = { precision: 53, least: -1022, greatest: 1023 }
export const EXTENDED: Format = { precision: 64, least: -16382, greatest: 16383 }

const INTEGER_BIT = 1n << 63n
const QUIET_BIT = 1n << 62n
/** Significands this far apart cannot influence a rounding but by being there. */
const FAR = 140
/** One below the least exponent of a significand in an image. */
const PSEUDO_DENORMAL = -16446

export const zero = (negative = false): Extended => ({ kind: 'zero', negative, exponent: 0, significand: 0n })
export const infinite = (negative: boolean): Extended => ({
  kind: 'infinite',
  negative,
  exponent: 0,
  significand: INTEGER_BIT,
})
export const finite = (negative: boolean, significand: bigint, exponent: number): Extended =>
  significand === 0n ? zero(negative) : { kind: 'finite', negative, exponent, significand }
const nan = (negative: boolean, significand: bigint): Extended => ({ kind: 'nan', negative, exponent: 0, significand })
/** The default NaN of a masked invalid operation. */
export const INDEFINITE = nan(true, INTEGER_BIT | QUIET_BIT)

/** Unnormals, pseudo-NaNs and pseudo-infinities lack the integer bit and are invalid operands since the 80387 (SDM vol. 1,
 *  8.2.2): here a NaN without that bit. */
const UNSUPPORTED = nan(false, 0n)
export const isUnsupported = (x: Extended): boolean => x.kind === 'nan' && (x.significand & INTEGER_BIT) === 0n
export const isSignaling = (x: Extended): boolean =>
  x.kind === 'nan' && ((x.significand & QUIET_BIT) === 0n || isUnsupported(x))
const quiet = (x: Extended): Extended => (isUnsupported(x) ? INDEFINITE : nan(x.negative, x.significand | QUIET_BIT))

export function bitLength(value: bigint): number {
  const hex = value.toString(16)
  return hex.length * 4 - (Math.clz32(Number.parseInt(hex[0] as string, 16)) - 28)
}

// ---- images -----------------------------------------------------------------------------------------------------------

export function fromExtended(significand: bigint, signAndExponent: number): Extended {
  const negative = signAndExponent >= 0x8000
  const exponent = signAndExponent & 0x7fff
  if (exponent !== 0 && (significand & INTEGER_BIT) === 0n) return UNSUPPORTED
  if (exponent === 0x7fff) return significand === INTEGER_BIT ? infinite(negative) : nan(negative, significand)
  // A pseudo-denormal has the value of a normal number, but raises DENORMAL: its exponent tells.
  if (exponent === 0 && significand >= INTEGER_BIT) return finite(negative, significand << 1n, PSEUDO_DENORMAL)
  return finite(negative, significand, Math.max(exponent, 1) - 16383 - 63)
}

/** Significand, and sign with exponent, of a value already rounded to EXTENDED or less. */
export function toExtended(x: Extended): readonly [bigint, number] {
  const sign = x.negative ? 0x8000 : 0
  if (x.kind === 'zero') return [0n, sign]
  if (x.kind !== 'finite') return [x.significand, sign | 0x7fff]
  const shift = Math.min(64 - bitLength(x.significand), x.exponent + 16445)
  const significand = shift >= 0 ? x.significand << BigInt(shift) : x.significand >> BigInt(-shift)
  const exponent = significand >= INTEGER_BIT ? x.exponent - shift + 63 + 16383 : 0
  return [significand, sign | exponent]
}

/** From the image of a single or a double. Denormals raise DENORMAL; a signaling NaN stays one. */
export function fromImage(image: bigint, format: Format, context: Context): Extended {
  const fraction = BigInt(format.precision - 1)
  const exponentBits = format === SINGLE ? 8n : 11n
  const negative = image >> (fraction + exponentBits) !== 0n
  const exponent = Number((image >> fraction) & ((1n << exponentBits) - 1n))
  const significand = image & ((1n << fraction) - 1n)
  if (exponent === (1 << Number(exponentBits)) - 1) {
    if (significand === 0n) return infinite(negative)
    return nan(negative, INTEGER_BIT | (significand << (63n - fraction)))
  }
  if (exponent === 0) {
    if (significand !== 0n) context.raised |= DENORMAL
    return finite(negative, significand, format.least - format.precision + 1)
  }
  return finite(negative, significand | (1n << fraction), exponent + format.least - format.precision)
}

/** The image of a single or a double, rounding. */
export function toImage(x: Extended, format: Format, context: Context): bigint {
  const fraction = BigInt(format.precision - 1)
  const exponentBits = format === SINGLE ? 8n : 11n
  const build = (negative: boolean, exponent: bigint, significand: bigint) =>
    ((negative ? 1n : 0n) << (fraction + exponentBits)) | (exponent << fraction) | significand
  const top = (1n << exponentBits) - 1n
  if (isSignaling(x)) context.raised |= INVALID
  if (x.kind === 'nan') return build(quiet(x).negative, top, (quiet(x).significand & ~INTEGER_BIT) >> (63n - fraction))
  const value = round(x, format, context)
  if (value.kind === 'infinite') return build(value.negative, top, 0n)
  if (value.kind === 'zero') return build(value.negative, 0n, 0n)
  const shift = BigInt(
    value.exponent -
      Math.max(value.exponent + bitLength(value.significand) - format.precision, format.least - format.precision + 1),
  )
  const significand = shift >= 0n ? value.significand << shift : value.significand >> -shift
  const normal = significand >> fraction !== 0n
  const exponent = normal ? value.exponent - Number(shift) + format.precision - format.least : 0
  return build(value.negative, BigInt(exponent), normal ? significand - (1n << fraction) : significand)
}

// ---- rounding ---------------------------------------------------------------------------------------------------------

const roundsUp = (mode: number, negative: boolean, odd: boolean, rest: bigint, half: bigint): boolean =>
  mode === NEAREST
    ? rest > half || (rest === half && odd)
    : rest !== 0n && (mode === DOWN ? negative : mode === UP && !negative)

/** A finite value with all bits below 2^lsb rounded away. */
function roundAt(x: Extended, lsb: number, context: Context): Extended {
  if (lsb <= x.exponent) return x
  const length = bitLength(x.significand)
  // Far below the last place only the fact that something is there counts.
  const far = lsb - x.exponent > length + 2
  const significand = far ? 1n : x.significand
  const shift = BigInt(far ? 2 : lsb - x.exponent)
  const kept = significand >> shift
  const rest = significand - (kept << shift)
  const up = roundsUp(context.mode, x.negative, (kept & 1n) !== 0n, rest, 1n << (shift - 1n))
  if (rest !== 0n) {
    context.raised |= INEXACT
    context.roundedUp = up
  }
  return finite(x.negative, up ? kept + 1n : kept, lsb)
}

/** Added to the exponent of a result that raises underflow unmasked, taken from that of an overflow (SDM vol. 1, 8.5.4 and 8.5.5). */
const BIAS_ADJUSTMENT = 24576
const topOf = (x: Extended): number =>
  x.kind === 'zero' ? Number.NEGATIVE_INFINITY : x.exponent + bitLength(x.significand) - 1
const scaled = (x: Extended, by: number): Extended => ({ ...x, exponent: x.exponent + by })

/**
 * Rounds to a format. Overflow and underflow give their masked responses (SDM vol. 1, 4.9.1), or when they are not masked a result
 * with an adjusted exponent.
 */
export function round(x: Extended, format: Format, context: Context): Extended {
  if (x.kind !== 'finite') return x
  const result = roundAt(x, topOf(x) - format.precision + 1, context)
  // As if the exponent had no bounds (SDM vol. 1, 4.9.1.5).
  if (topOf(result) < format.least) {
    if ((context.unmasked & UNDERFLOW) !== 0) {
      context.raised |= UNDERFLOW
      const adjusted = scaled(result, BIAS_ADJUSTMENT)
      if (topOf(adjusted) >= format.least) return adjusted
      // Of fscale it may be too small all the same.
      context.raised |= INEXACT
      context.roundedUp = false
      return zero(x.negative)
    }
    context.raised &= ~INEXACT
    const denormal = roundAt(x, format.least - format.precision + 1, context)
    if ((context.raised & INEXACT) !== 0) context.raised |= UNDERFLOW
    return denormal
  }
  if (topOf(result) <= format.greatest) return result
  context.raised |= OVERFLOW
  const adjusted = scaled(result, -BIAS_ADJUSTMENT)
  const unmasked = (context.unmasked & OVERFLOW) !== 0
  if (unmasked && topOf(adjusted) <= format.greatest) return adjusted
  context.raised |= INEXACT
  // Of fscale it may be too great all the same.
  const outwards = unmasked || context.mode === NEAREST || context.mode === (x.negative ? DOWN : UP)
  context.roundedUp = outwards
  if (outwards) return infinite(x.negative)
  return finite(x.negative, (1n << BigInt(format.precision)) - 1n, format.greatest - format.precision + 1)
}

/** The nearest integral value by the rounding mode. */
export const roundToIntegral = (x: Extended, context: Context): Extended =>
  x.kind === 'finite' ? roundAt(x, 0, context) : x

/** The value of an integral number. */
export function integerOf(x: Extended): bigint {
  if (x.kind === 'zero') return 0n
  const size = x.exponent >= 0 ? x.significand << BigInt(x.exponent) : x.significand >> BigInt(-x.exponent)
  return x.negative ? -size : size
}
export const fromInteger = (value: bigint): Extended => finite(value < 0n, value < 0n ? -value : value, 0)

// ---- arithmetic: exact, or with a sticky bit far below any format's last place ------------------------------------------

const invalid = (context: Context): Extended => {
  context.raised |= INVALID
  return INDEFINITE
}

/** The NaN that two operands of which one is a NaN give. */
export function propagate(a: Extended, b: Extended, context: Context): Extended {
  if (isSignaling(a) || isSignaling(b)) context.raised |= INVALID
  if (isUnsupported(a) || isUnsupported(b)) return INDEFINITE
  if (a.kind !== 'nan') return quiet(b)
  if (b.kind !== 'nan') return quiet(a)
  if (isSignaling(a) !== isSignaling(b)) return isSignaling(a) ? b : a
  if (a.significand !== b.significand) return quiet(a.significand > b.significand ? a : b)
  return quiet(a.negative ? b : a)
}

/** Denormal operands raise their flag, unless a NaN or a division by zero comes first (SDM vol. 1, 4.9.2). */
export const noteDenormal = (a: Extended, b: Extended, context: Context): void => {
  for (const x of [a, b]) {
    const denormal = x.exponent === PSEUDO_DENORMAL || x.exponent + bitLength(x.significand) - 1 < EXTENDED.least
    if (x.kind === 'finite' && denormal) context.raised |= DENORMAL
  }
}

export const negate = (x: Extended): Extended => ({ ...x, negative: !x.negative })

export function add(a: Extended, b: Extended, context: Context): Extended {
  if (a.kind === 'nan' || b.kind === 'nan') return propagate(a, b, context)
  noteDenormal(a, b, context)
  if (a.kind === 'infinite') return b.kind === 'infinite' && a.negative !== b.negative ? invalid(context) : a
  if (b.kind === 'infinite') return b
  if (a.kind === 'zero' && b.kind === 'zero')
    return zero(a.negative === b.negative ? a.negative : context.mode === DOWN)
  if (a.kind === 'zero') return b
  if (b.kind === 'zero') return a
  const top = (x: Extended) => x.exponent + bitLength(x.significand)
  const [great, small] = top(a) >= top(b) ? [a, b] : [b, a]
  const far = top(great) - top(small) > FAR
  const exponent = far ? top(great) - FAR - 8 : Math.min(a.exponent, b.exponent)
  const aligned = (x: Extended) => {
    const size = far && x === small ? 1n : x.significand << BigInt(x.exponent - exponent)
    return x.negative ? -size : size
  }
  const sum = aligned(great) + aligned(small)
  return sum === 0n ? zero(context.mode === DOWN) : finite(sum < 0n, sum < 0n ? -sum : sum, exponent)
}

export function multiply(a: Extended, b: Extended, context: Context): Extended {
  if (a.kind === 'nan' || b.kind === 'nan') return propagate(a, b, context)
  noteDenormal(a, b, context)
  const negative = a.negative !== b.negative
  if (a.kind === 'infinite' || b.kind === 'infinite') {
    return a.kind === 'zero' || b.kind === 'zero' ? invalid(context) : infinite(negative)
  }
  return finite(negative, a.significand * b.significand, a.exponent + b.exponent)
}

export function divide(a: Extended, b: Extended, context: Context): Extended {
  if (a.kind === 'nan' || b.kind === 'nan') return propagate(a, b, context)
  if (b.kind !== 'zero' || a.kind === 'infinite') noteDenormal(a, b, context)
  const negative = a.negative !== b.negative
  if (a.kind === 'infinite') return b.kind === 'infinite' ? invalid(context) : infinite(negative)
  if (b.kind === 'infinite') return zero(negative)
  if (b.kind === 'zero') {
    if (a.kind === 'zero') return invalid(context)
    context.raised |= ZERO_DIVIDE
    return infinite(negative)
  }
  if (a.kind === 'zero') return zero(negative)
  const shift = FAR
  const numerator = a.significand << BigInt(shift)
  const quotient = numerator / b.significand
  const sticky = quotient * b.significand === numerator ? 0n : 1n
  return finite(negative, (quotient << 1n) | sticky, a.exponent - b.exponent - shift - 1)
}

export function squareRoot(x: Extended, context: Context): Extended {
  if (x.kind === 'nan') return propagate(x, x, context)
  if (x.kind === 'zero') return x
  if (x.negative) return invalid(context)
  if (x.kind === 'infinite') return x
  noteDenormal(x, x, context)
  const shift = FAR + ((x.exponent - FAR) & 1)
  const radicand = x.significand << BigInt(shift)
  const root = integerRoot(radicand)
  const sticky = root * root === radicand ? 0n : 1n
  return finite(false, (root << 1n) | sticky, (x.exponent - shift) / 2 - 1)
}

/** The greatest integer whose square is not above: Newton's method from above. */
function integerRoot(value: bigint): bigint {
  let root = 1n << BigInt((bitLength(value) + 1) >> 1)
  for (;;) {
    const next = (root + value / root) >> 1n
    if (next >= root) return root
    root = next
  }
}

/** -1, 0, 1; neither operand may be a NaN. */
export function compare(a: Extended, b: Extended): number {
  const rank = (x: Extended) => (x.kind === 'zero' ? 0 : (x.kind === 'infinite' ? 2 : 1) * (x.negative ? -1 : 1))
  if (rank(a) !== rank(b) || a.kind !== 'finite') return Math.sign(rank(a) - rank(b))
  const difference = add(a, negate(b), { mode: NEAREST, unmasked: 0, raised: 0, roundedUp: false })
  return difference.kind === 'zero' ? 0 : difference.negative ? -1 : 1
}
