// The exact helpers of vectors: lane by lane as exact-helpers.ts has them, `exact.f32x4.add` and so on; and conversions between
// vectors of different lanes, half precision among them.

import type { Type } from '../wasm/opcodes.js'
import { bitsOf, type Real, type Row, toHelper } from './exact-helpers.js'
import type { Helper } from './helpers.js'
import { HALF, roundingControl, SINGLE } from './softfloat.js'

const SHAPES = { f32: 'f32x4', f64: 'f64x2' } as const
const COUNTS = { f32: 4, f64: 2 } as const
const MASKS = { f32: 'i32x4', f64: 'i64x2' } as const

const lane = (shape: string, n: number, vector: string) => `(lane ${shape}.extract_lane ${n} ${vector})`
const setLane = (shape: string, n: number, value: string) =>
  `(set $result (lane ${shape}.replace_lane ${n} $result ${value}))`

/** A row whose result is made a lane at a time from lane n on. */
const byLanes = (
  name: string,
  params: readonly Type[],
  shape: string,
  count: number,
  value: (n: number) => string,
): Row => ({
  name,
  params,
  result: 'v128',
  body: `(local $result v128)
    ${Array.from({ length: count }, (_, n) => setLane(shape, n, value(n))).join('\n')}
    $result`,
})

const VECTORS = ['$a', '$b', '$c'] as const
/** An operation of scalars on `operands` vectors, with what else it takes, by lane. */
const packed = (real: Real, name: string, operands: number, extra?: (n: number) => string): Row => {
  const shape = SHAPES[real]
  const params: Type[] = new Array<Type>(operands).fill('v128')
  return byLanes(`${shape}.${name}`, extra === undefined ? params : [...params, 'i32'], shape, COUNTS[real], (n) => {
    const args = VECTORS.slice(0, operands).map((vector) => lane(shape, n, vector))
    return `(call $exact.${real}.${name} $task ${args.join(' ')} ${extra?.(n) ?? ''})`
  })
}

const compare = (real: Real): Row =>
  byLanes(`${SHAPES[real]}.compare`, ['v128', 'v128', 'i32'], MASKS[real], COUNTS[real], (n) => {
    const mask = `(call $exact.${real}.compare $task ${lane(SHAPES[real], n, '$a')} ${lane(SHAPES[real], n, '$b')} $c)`
    return real === 'f64' ? `(i64.extend_i32_s ${mask})` : mask
  })

/** Bits 0–1 of the signs are for even lanes, 2–3 for odd ones: fmaddsub and fmsubadd alternate. */
const laneSigns = (n: number) => `(i32.and (i32.shr_u $d (i32 ${(n & 1) * 2})) (i32 3))`

const HALF_LANE = (n: number) => `(lane i16x8.extract_lane_u ${n} $a)`

const ROWS: readonly Row[] = [
  ...(['f32', 'f64'] as const).flatMap((real) => [
    ...['add', 'sub', 'mul', 'div', 'min', 'max'].map((name) => packed(real, name, 2)),
    packed(real, 'sqrt', 1),
    packed(real, 'round', 1, () => '$b'),
    packed(real, 'fma', 3, laneSigns),
    compare(real),
  ]),
  byLanes(
    'i32x4.f32x4',
    ['v128', 'i32'],
    'i32x4',
    4,
    (n) => `(call $exact.i32.f32 $task ${lane('f32x4', n, '$a')} $b)`,
  ),
  byLanes(
    'i32x4.f64x2',
    ['v128', 'i32'],
    'i32x4',
    2,
    (n) => `(call $exact.i32.f64 $task ${lane('f64x2', n, '$a')} $b)`,
  ),
  byLanes('f32x4.i32x4', ['v128'], 'f32x4', 4, (n) => `(call $exact.f32.i32 $task ${lane('i32x4', n, '$a')})`),
  byLanes('f64x2.f32x4', ['v128'], 'f64x2', 2, (n) => `(call $exact.f64.f32 $task ${lane('f32x4', n, '$a')})`),
  byLanes('f32x4.f64x2', ['v128'], 'f32x4', 2, (n) => `(call $exact.f32.f64 $task ${lane('f64x2', n, '$a')})`),
  /** (a, immediate of vcvtps2ph): bit 2 says MXCSR's mode instead of bits 0–1. */
  byLanes(
    'f16x4.f32x4',
    ['v128', 'i32'],
    'i16x8',
    4,
    (n) => `(i32.wrap_i64 (i64.shr_u (call $soft.convert $task ${bitsOf('f32', lane('f32x4', n, '$a'))}
      (i32 ${SINGLE}) (i32 ${HALF}) (select ${roundingControl} (i32.and $b (i32 3)) (i32.and $b (i32 4)))) (i64 48)))`,
  ),
  byLanes(
    'f32x4.f16x4',
    ['v128'],
    'i32x4',
    4,
    (n) => `(i32.wrap_i64 (i64.shr_u (call $soft.convert $task (i64.shl (i64.extend_i32_u ${HALF_LANE(n)}) (i64 48))
      (i32 ${HALF}) (i32 ${SINGLE}) (i32 0)) (i64 32)))`,
  ),
]

export const exactPackedHelpers: readonly Helper[] = ROWS.map(toHelper)
