// Building blocks of the SSE families: vector constants, lane moves, and what an immediate selects. An immediate is a
// constant in regions, where these give one shuffle, and a value in the interpreter, where they give a swizzle or a mask.

import { and, lane, pure, select, shrU, shuffle, sub, zext64 } from './expr.js'
import { i32, type Node, vector } from './ir.js'

export const ZERO = vector(new Array(16).fill(0))
export const ONES = vector(new Array(16).fill(255))

/** A vector constant from lanes of 1, 2, 4 or 8 bytes (as many as fit). */
export function lanes(...values: number[]): Node {
  const size = 16 / values.length
  // Lanes of 8 bytes hold small non-negative numbers or -1 only.
  return vector(
    values.flatMap((value) =>
      Array.from({ length: size }, (_, n) => (n < 4 ? (value >> (8 * n)) & 255 : value < 0 ? 255 : 0)),
    ),
  )
}

export const IOTA = vector(Array.from({ length: 16 }, (_, n) => n))

/** Byte numbers of whole lanes: `bytesOf(4, [1, 0])` is 4 5 6 7 0 1 2 3. Lanes of the second vector count on from the first's. */
export const bytesOf = (size: number, order: readonly number[]): number[] =>
  order.flatMap((index) => Array.from({ length: size }, (_, n) => index * size + n))

/** Lanes of `size` bytes picked from a and b. */
export const pick = (a: Node, b: Node, size: number, ...order: number[]): Node => shuffle(a, b, bytesOf(size, order))

/** Bytes of a that `mask` names are replaced by those of b. */
export const blend = (a: Node, b: Node, mask: Node): Node => pure('v128.bitselect', b, a, mask)

/** The low `size` bytes of b, the rest of a. */
export const mergeLow = (a: Node, b: Node, size: number): Node =>
  shuffle(
    a,
    b,
    Array.from({ length: 16 }, (_, n) => (n < size ? 16 + n : n)),
  )

export type Shape = 'i8x16' | 'i16x8' | 'i32x4' | 'i64x2'
export const LANE_BYTES: Record<Shape, number> = { i8x16: 1, i16x8: 2, i32x4: 4, i64x2: 8 }
export const laneCount = (shape: Shape): number => 16 / LANE_BYTES[shape]

/** A mask whose lane n is all ones when bit n of `bits` (i32) is set. */
export function maskOfBits(shape: Shape, bits: Node): Node {
  const count = laneCount(shape)
  if (bits.kind === 'const') return lanes(...Array.from({ length: count }, (_, n) => ((bits.low >> n) & 1 ? -1 : 0)))
  // A byte holds eight of the sixteen bits.
  const weights = lanes(...Array.from({ length: count }, (_, n) => (shape === 'i8x16' ? 1 << (n & 7) : 1 << n)))
  const spread =
    shape === 'i8x16'
      ? pure('i8x16.swizzle', pure('i16x8.splat', bits), vector(Array.from({ length: 16 }, (_, n) => n >> 3)))
      : pure(`${shape}.splat`, shape === 'i64x2' ? zext64(bits) : bits)
  return pure(`${shape}.eq`, pure('v128.and', spread, weights), weights)
}

/** A mask of the one lane that `index` (i32, below the number of lanes) names. */
export function maskOfLane(shape: Exclude<Shape, 'i64x2'>, index: Node): Node {
  const count = laneCount(shape)
  if (index.kind === 'const') return lanes(...Array.from({ length: count }, (_, n) => (n === index.low ? -1 : 0)))
  return pure(`${shape}.eq`, pure(`${shape}.splat`, index), lanes(...Array.from({ length: count }, (_, n) => n)))
}

/** The selectors of a shuffle: lane n is bits 2n and 2n+1 of the immediate. */
const selectors = (imm: Node, shape: 'i32x4' | 'i16x8', weights: Node): Node =>
  pure(
    'v128.and',
    pure(`${shape}.shr_u`, pure(`${shape}.mul`, pure(`${shape}.splat`, imm), weights), i32(6)),
    shape === 'i32x4' ? lanes(3, 3, 3, 3) : lanes(3, 3, 3, 3, 3, 3, 3, 3),
  )

const field = (imm: number, n: number) => (imm >> (2 * n)) & 3

/** Lane n of the result is the 32-bit lane of v that bits 2n and 2n+1 of the immediate name (PSHUFD). */
export function shuffleDwords(v: Node, imm: Node): Node {
  if (imm.kind === 'const')
    return pick(v, v, 4, field(imm.low, 0), field(imm.low, 1), field(imm.low, 2), field(imm.low, 3))
  const index = selectors(imm, 'i32x4', lanes(64, 16, 4, 1))
  const repeat = (value: number) => lanes(value, value, value, value)
  return pure('i8x16.swizzle', v, pure('i32x4.add', pure('i32x4.mul', index, repeat(0x04040404)), repeat(0x03020100)))
}

/** The same within the low (or high) four 16-bit lanes (PSHUFLW, PSHUFHW). */
export function shuffleWords(v: Node, imm: Node, high: boolean): Node {
  if (imm.kind === 'const') {
    const four = [0, 1, 2, 3].map((n) => field(imm.low, n) + (high ? 4 : 0))
    return high ? pick(v, v, 2, 0, 1, 2, 3, ...four) : pick(v, v, 2, ...four, 4, 5, 6, 7)
  }
  const weights = high ? lanes(0, 0, 0, 0, 64, 16, 4, 1) : lanes(64, 16, 4, 1, 0, 0, 0, 0)
  const base = high
    ? lanes(0x0100, 0x0302, 0x0504, 0x0706, 0x0908, 0x0908, 0x0908, 0x0908)
    : lanes(0x0100, 0x0100, 0x0100, 0x0100, 0x0908, 0x0b0a, 0x0d0c, 0x0f0e)
  const twos = pure('i16x8.splat', i32(0x0202))
  return pure('i8x16.swizzle', v, pure('i16x8.add', pure('i16x8.mul', selectors(imm, 'i16x8', weights), twos), base))
}

/** The lesser of an i32 and a constant, unsigned. */
export const atMost = (value: Node, limit: number): Node =>
  value.kind === 'const'
    ? i32(Math.min(value.low >>> 0, limit))
    : select(pure('i32.lt_u', value, i32(limit)), value, i32(limit))

/** v moved towards its low end by `count` bytes, zeros coming in (PSRLDQ). */
export function bytesDown(v: Node, count: Node): Node {
  const clamped = atMost(count, 16)
  if (clamped.kind === 'const')
    return shuffle(
      v,
      ZERO,
      Array.from({ length: 16 }, (_, n) => Math.min(n + clamped.low, 16)),
    )
  return pure('i8x16.swizzle', v, pure('i8x16.add', IOTA, pure('i8x16.splat', clamped)))
}

/** v moved towards its high end by `count` bytes, zeros coming in (PSLLDQ). */
export function bytesUp(v: Node, count: Node): Node {
  const clamped = atMost(count, 16)
  if (clamped.kind === 'const') {
    return shuffle(
      v,
      ZERO,
      Array.from({ length: 16 }, (_, n) => (n < clamped.low ? 16 : n - clamped.low)),
    )
  }
  return pure('i8x16.swizzle', v, pure('i8x16.sub', IOTA, pure('i8x16.splat', clamped)))
}

/** Sixteen bytes of high:low from byte `count` on (PALIGNR). */
export function alignRight(high: Node, low: Node, count: Node): Node {
  if (count.kind === 'const' && count.low <= 16)
    return shuffle(
      low,
      high,
      Array.from({ length: 16 }, (_, n) => n + count.low),
    )
  const clamped = atMost(count, 32)
  if (clamped.kind === 'const') return bytesDown(high, i32(clamped.low - 16))
  const at = (from: Node) => pure('i8x16.add', IOTA, pure('i8x16.splat', from))
  return pure(
    'v128.or',
    pure('i8x16.swizzle', low, at(clamped)),
    pure('i8x16.swizzle', high, at(sub(clamped, i32(16)))),
  )
}

const EXTRACT: Record<Shape, string> = {
  i8x16: 'i8x16.extract_lane_u',
  i16x8: 'i16x8.extract_lane_u',
  i32x4: 'i32x4.extract_lane',
  i64x2: 'i64x2.extract_lane',
}

/** A lane's value, zero-extended. */
export const laneOf = (v: Node, shape: Shape, index: number): Node => lane(EXTRACT[shape], index, v)

/** v with every lane the one that `index` names; the index counts modulo the number of lanes. */
export function broadcast(v: Node, shape: Exclude<Shape, 'i64x2'>, index: Node): Node {
  const size = LANE_BYTES[shape]
  const wanted = and(index, i32(laneCount(shape) - 1))
  if (wanted.kind === 'const') return pick(v, v, size, ...new Array<number>(laneCount(shape)).fill(wanted.low))
  const unit = size === 1 ? 1 : size === 2 ? 0x0202 : 0x04040404
  const base = size === 1 ? 0 : size === 2 ? 0x0100 : 0x03020100
  const bytes = pure('i32.add', pure('i32.mul', wanted, i32(unit)), i32(base))
  return pure('i8x16.swizzle', v, pure(`${shape}.splat`, bytes))
}

/** The value of the lane that `index` names, modulo the number of lanes. */
export function extract(v: Node, shape: Shape, index: Node): Node {
  const wanted = and(index, i32(laneCount(shape) - 1))
  if (wanted.kind === 'const') return laneOf(v, shape, wanted.low)
  if (shape === 'i64x2') return pickHalf(v, wanted)
  return laneOf(broadcast(v, shape, wanted), shape, 0)
}

/** The 64-bit lane that a bit (0 or 1) names. */
export const pickHalf = (v: Node, bit: Node): Node => select(bit, laneOf(v, 'i64x2', 1), laneOf(v, 'i64x2', 0))

/** v with the lane that `index` names (modulo) replaced by a value. */
export function insert(v: Node, shape: Shape, index: Node, value: Node): Node {
  const wanted = and(index, i32(laneCount(shape) - 1))
  if (wanted.kind === 'const') return lane(`${shape}.replace_lane`, wanted.low, v, value)
  const mask = shape === 'i64x2' ? maskOfBits(shape, pure('i32.add', wanted, i32(1))) : maskOfLane(shape, wanted)
  return blend(v, pure(`${shape}.splat`, value), mask)
}

/** Bit `n` of an i32 as 0 or 1. */
export const bitOf = (value: Node, n: number): Node => and(shrU(value, i32(n)), i32(1))
