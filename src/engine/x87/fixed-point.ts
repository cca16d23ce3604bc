// Elementary functions of BigInt fixed-point numbers: value × 2^precision, truncated. A result is good to a few units of its last place;
// callers choose the precision so that far more bits are right than they round to.

/** π to 66 bits, × 2^64: what x87 instructions reduce their arguments by (SDM vol. 1, 8.3.8). */
export const PI_66 = 0x3243f6a8885a308d3n

/** Σ terms of a power series: `step` makes the next power's divisor and sign out of n. */
function series(first: bigint, factor: bigint, precision: bigint, divisor: (n: bigint) => bigint): bigint {
  let sum = 0n
  let power = first
  for (let n = 0n; power !== 0n; n++) {
    sum += power / divisor(n)
    power = (power * factor) >> precision
    // A shift of a negative number never gets to 0.
    if (power === -1n) break
  }
  return sum
}

const odd = (n: bigint): bigint => 2n * n + 1n
/** |x| well below 1. */
export const atanh = (x: bigint, precision: bigint): bigint => series(x, (x * x) >> precision, precision, odd)
const atanSmall = (x: bigint, precision: bigint): bigint => series(x, -((x * x) >> precision), precision, odd)

const CONSTANT_PRECISION = 320n
const inverse = (n: bigint): bigint => (1n << CONSTANT_PRECISION) / n
/** Gregory's series in the forms of Machin. */
const pi = 16n * atanSmall(inverse(5n), CONSTANT_PRECISION) - 4n * atanSmall(inverse(239n), CONSTANT_PRECISION)
const ln2 =
  18n * atanh(inverse(26n), CONSTANT_PRECISION) -
  2n * atanh(inverse(4801n), CONSTANT_PRECISION) +
  8n * atanh(inverse(8749n), CONSTANT_PRECISION)
const at = (constant: bigint, precision: bigint): bigint =>
  precision >= CONSTANT_PRECISION
    ? constant << (precision - CONSTANT_PRECISION)
    : constant >> (CONSTANT_PRECISION - precision)
export const piAt = (precision: bigint): bigint => at(pi, precision)
export const timesLn2 = (x: bigint): bigint => (x * ln2) >> CONSTANT_PRECISION
export const overLn2 = (x: bigint): bigint => (x << CONSTANT_PRECISION) / ln2

/** e^x - 1, |x| < 1. */
export function expm1(x: bigint, precision: bigint): bigint {
  let sum = 0n
  let term = x
  for (let n = 2n; term !== 0n && term !== -1n; n++) {
    sum += term
    term = ((term * x) >> precision) / n
  }
  return sum
}

/** sin and cos - 1, |x| < 1. */
export function sine(x: bigint, precision: bigint): bigint {
  const square = (x * x) >> precision
  let sum = 0n
  let term = x
  for (let n = 2n; term !== 0n && term !== -1n; n += 2n) {
    sum += term
    term = -((term * square) >> precision) / (n * (n + 1n))
  }
  return sum
}
export function cosineLess1(x: bigint, precision: bigint): bigint {
  const square = (x * x) >> precision
  let sum = 0n
  let term = -square / 2n
  for (let n = 3n; term !== 0n && term !== -1n; n += 2n) {
    sum += term
    term = -((term * square) >> precision) / (n * (n + 1n))
  }
  return sum
}

function integerRoot(value: bigint): bigint {
  let root = 1n << BigInt((value.toString(16).length * 4 + 1) >> 1)
  for (;;) {
    const next = (root + value / root) >> 1n
    if (next >= root) return root
    root = next
  }
}

/** 0 ≤ x ≤ 1; halves the angle until the series is short. */
export function arctangent(x: bigint, precision: bigint): bigint {
  const one = 1n << precision
  let angle = x
  let halvings = 0n
  while (angle > one >> 4n) {
    angle = (angle << precision) / (one + integerRoot((one << precision) + angle * angle))
    halvings++
  }
  return atanSmall(angle, precision) << halvings
}
