// SSE2 integer arithmetic on vectors, with the SSSE3 and SSE4.1 operations of the same shape: sums, products, shifts,
// comparisons, packing and interleaving, on MMX registers too. Most rows name one wasm operation.

import { geU, pure, select, wrap } from '../expr.js'
import { form, type Row, withFeature } from '../form.js'
import { i32, i64, type Node } from '../ir.js'
import { mmx } from '../mmx.js'
import type { Semantics } from '../semantics.js'
import { atMost, bytesDown, bytesUp, laneOf, lanes, pick, ZERO } from '../vector.js'
import { BITWISE } from './sse-float.js'

type Binary = (a: Node, b: Node) => Node
const op =
  (name: string): Binary =>
  (a, b) =>
    pure(name, a, b)
const binary =
  (compute: Binary): Semantics =>
  (s) =>
    s.setVec(0, compute(s.vec(0), s.vec(1)))

const words = (value: number): Node => lanes(...new Array<number>(8).fill(value))

/** The high halves of the 32-bit products of 16-bit lanes. */
const highProducts =
  (sign: 's' | 'u'): Binary =>
  (a, b) =>
    pick(
      pure(`i32x4.extmul_low_i16x8_${sign}`, a, b),
      pure(`i32x4.extmul_high_i16x8_${sign}`, a, b),
      2,
      1,
      3,
      5,
      7,
      9,
      11,
      13,
      15,
    )

/** 64-bit products of the even 32-bit lanes. */
const evenProducts =
  (sign: 's' | 'u'): Binary =>
  (a, b) =>
    pure(`i64x2.extmul_low_i32x4_${sign}`, pick(a, a, 4, 0, 2, 0, 2), pick(b, b, 4, 0, 2, 0, 2))

/** Sums of absolute differences of bytes, one for each half. */
const absoluteDifferences: Binary = (a, b) => {
  const difference = pure('v128.or', pure('i8x16.sub_sat_u', a, b), pure('i8x16.sub_sat_u', b, a))
  const fours = pure('i32x4.extadd_pairwise_i16x8_u', pure('i16x8.extadd_pairwise_i8x16_u', difference))
  return pure('i64x2.add', pure('v128.and', fours, lanes(-1, 0, -1, 0)), pure('i64x2.shr_u', fours, i32(32)))
}

/** Pairs of unsigned bytes of a times signed bytes of b, added with saturation (PMADDUBSW). */
const multiplyAddBytes: Binary = (a, b) => {
  const even = pure(
    'i16x8.mul',
    pure('v128.and', a, words(0xff)),
    pure('i16x8.shr_s', pure('i16x8.shl', b, i32(8)), i32(8)),
  )
  const odd = pure('i16x8.mul', pure('i16x8.shr_u', a, i32(8)), pure('i16x8.shr_s', b, i32(8)))
  return pure('i16x8.add_sat_s', even, odd)
}

/** PMULHRSW wraps where wasm's saturates: for -1 times -1. */
const roundedProducts: Binary = (a, b) => {
  const least = words(-0x8000)
  const both = pure('v128.and', pure('i16x8.eq', a, least), pure('i16x8.eq', b, least))
  return pure('v128.xor', pure('i16x8.q15mulr_sat_s', a, b), both)
}

const horizontal =
  (name: string, size: 2 | 4): Binary =>
  (a, b) => {
    const order = size === 2 ? [0, 2, 4, 6, 8, 10, 12, 14] : [0, 2, 4, 6]
    return pure(name, pick(a, b, size, ...order), pick(a, b, size, ...order.map((n) => n + 1)))
  }

/** a with the sign of b applied; zero where b is zero (PSIGN). */
const applySign =
  (shape: string): Binary =>
  (a, b) => {
    const negative = pure(`${shape}.lt_s`, b, ZERO)
    const signed = pure(`${shape}.sub`, pure('v128.xor', a, negative), negative)
    return pure('v128.andnot', signed, pure(`${shape}.eq`, b, ZERO))
  }

const absolute =
  (shape: string): Semantics =>
  (s) =>
    s.setVec(0, pure(`${shape}.abs`, s.vec(1)))

type Shift = { readonly shape: 'i16x8' | 'i32x4' | 'i64x2'; readonly name: 'shl' | 'shr_u' | 'shr_s' }

/** Counts of the lane width or more give zero, or the sign (SDM vol. 2B PSLLW, PSRAW); wasm takes counts modulo the width. */
function shift(a: Node, { shape, name }: Shift, count: Node): Node {
  const bits = shape === 'i16x8' ? 16 : shape === 'i32x4' ? 32 : 64
  const operation = `${shape}.${name}`
  if (name === 'shr_s') return pure(operation, a, clampedCount(count, bits - 1))
  if (count.kind === 'const') return count.low >= bits ? ZERO : pure(operation, a, count)
  const tooFar = geU(count, count.type === 'i64' ? i64(bits) : i32(bits))
  return select(tooFar, ZERO, pure(operation, a, wrap(count)))
}
const clampedCount = (count: Node, limit: number): Node =>
  count.type === 'i64' ? select(pure('i64.lt_u', count, i64(limit)), wrap(count), i32(limit)) : atMost(count, limit)

const shiftByRegister =
  (by: Shift): Semantics =>
  (s) =>
    s.setVec(0, shift(s.vec(0), by, laneOf(s.vec(1), 'i64x2', 0)))
const shiftByImmediate =
  (by: Shift): Semantics =>
  (s) =>
    s.setVec(0, shift(s.vec(0), by, s.immediateByte()))
const shiftBytes =
  (move: typeof bytesUp): Semantics =>
  (s) =>
    s.setVec(0, move(s.vec(0), s.immediateByte()))

const interleave =
  (size: number, high: boolean): Binary =>
  (a, b) => {
    const count = 16 / size
    const order = Array.from({ length: count }, (_, n) => (n >> 1) + (n & 1 ? count : 0) + (high ? count / 2 : 0))
    return pick(a, b, size, ...order)
  }

/** What an operation on sixteen bytes becomes on the low eight: itself, lane by lane; */
const same = (compute: Binary): Binary => compute
/** for one that takes its two operands one after the other, as one vector of both; */
const joined =
  (compute: Binary): Binary =>
  (a, b) => {
    const both = pick(a, b, 8, 0, 2)
    return compute(both, both)
  }
/** for one that takes the high halves, with what is theirs moved there. */
const raised =
  (compute: Binary): Binary =>
  (a, b) =>
    compute(pick(a, a, 4, 0, 0, 1, 1), pick(b, b, 4, 0, 0, 1, 1))

/** A row of the shape `66 map opcode /r  Vx, Wx`, and how the MMX row `NP map opcode /r  Pq, Qq` derives from it, where there is one. */
type Operation = readonly [string, string, Binary, ((compute: Binary) => Binary)?]
const SSE2: readonly Operation[] = [
  ['0F 60', 'punpcklbw', interleave(1, false), same],
  ['0F 61', 'punpcklwd', interleave(2, false), same],
  ['0F 62', 'punpckldq', interleave(4, false), same],
  ['0F 63', 'packsswb', op('i8x16.narrow_i16x8_s'), joined],
  ['0F 64', 'pcmpgtb', op('i8x16.gt_s'), same],
  ['0F 65', 'pcmpgtw', op('i16x8.gt_s'), same],
  ['0F 66', 'pcmpgtd', op('i32x4.gt_s'), same],
  ['0F 67', 'packuswb', op('i8x16.narrow_i16x8_u'), joined],
  ['0F 68', 'punpckhbw', interleave(1, true), raised],
  ['0F 69', 'punpckhwd', interleave(2, true), raised],
  ['0F 6A', 'punpckhdq', interleave(4, true), raised],
  ['0F 6B', 'packssdw', op('i16x8.narrow_i32x4_s'), joined],
  ['0F 6C', 'punpcklqdq', interleave(8, false)],
  ['0F 6D', 'punpckhqdq', interleave(8, true)],
  ['0F 74', 'pcmpeqb', op('i8x16.eq'), same],
  ['0F 75', 'pcmpeqw', op('i16x8.eq'), same],
  ['0F 76', 'pcmpeqd', op('i32x4.eq'), same],
  ['0F D4', 'paddq', op('i64x2.add'), same],
  ['0F D5', 'pmullw', op('i16x8.mul'), same],
  ['0F D8', 'psubusb', op('i8x16.sub_sat_u'), same],
  ['0F D9', 'psubusw', op('i16x8.sub_sat_u'), same],
  ['0F DA', 'pminub', op('i8x16.min_u'), same],
  ['0F DC', 'paddusb', op('i8x16.add_sat_u'), same],
  ['0F DD', 'paddusw', op('i16x8.add_sat_u'), same],
  ['0F DE', 'pmaxub', op('i8x16.max_u'), same],
  ['0F E0', 'pavgb', op('i8x16.avgr_u'), same],
  ['0F E3', 'pavgw', op('i16x8.avgr_u'), same],
  ['0F E4', 'pmulhuw', highProducts('u'), same],
  ['0F E5', 'pmulhw', highProducts('s'), same],
  ['0F E8', 'psubsb', op('i8x16.sub_sat_s'), same],
  ['0F E9', 'psubsw', op('i16x8.sub_sat_s'), same],
  ['0F EA', 'pminsw', op('i16x8.min_s'), same],
  ['0F EC', 'paddsb', op('i8x16.add_sat_s'), same],
  ['0F ED', 'paddsw', op('i16x8.add_sat_s'), same],
  ['0F EE', 'pmaxsw', op('i16x8.max_s'), same],
  ['0F F4', 'pmuludq', evenProducts('u'), same],
  ['0F F5', 'pmaddwd', op('i32x4.dot_i16x8_s'), same],
  ['0F F6', 'psadbw', absoluteDifferences, same],
  ['0F F8', 'psubb', op('i8x16.sub'), same],
  ['0F F9', 'psubw', op('i16x8.sub'), same],
  ['0F FA', 'psubd', op('i32x4.sub'), same],
  ['0F FB', 'psubq', op('i64x2.sub'), same],
  ['0F FC', 'paddb', op('i8x16.add'), same],
  ['0F FD', 'paddw', op('i16x8.add'), same],
  ['0F FE', 'paddd', op('i32x4.add'), same],
]
const SSSE3: readonly Operation[] = [
  ['0F38 01', 'phaddw', horizontal('i16x8.add', 2), joined],
  ['0F38 02', 'phaddd', horizontal('i32x4.add', 4), joined],
  ['0F38 03', 'phaddsw', horizontal('i16x8.add_sat_s', 2), joined],
  ['0F38 04', 'pmaddubsw', multiplyAddBytes, same],
  ['0F38 05', 'phsubw', horizontal('i16x8.sub', 2), joined],
  ['0F38 06', 'phsubd', horizontal('i32x4.sub', 4), joined],
  ['0F38 07', 'phsubsw', horizontal('i16x8.sub_sat_s', 2), joined],
  ['0F38 08', 'psignb', applySign('i8x16'), same],
  ['0F38 09', 'psignw', applySign('i16x8'), same],
  ['0F38 0A', 'psignd', applySign('i32x4'), same],
  ['0F38 0B', 'pmulhrsw', roundedProducts, same],
]
const SSE4_1: readonly Operation[] = [
  ['0F38 28', 'pmuldq', evenProducts('s')],
  ['0F38 29', 'pcmpeqq', op('i64x2.eq')],
  ['0F38 2B', 'packusdw', op('i16x8.narrow_i32x4_u')],
  ['0F38 38', 'pminsb', op('i8x16.min_s')],
  ['0F38 39', 'pminsd', op('i32x4.min_s')],
  ['0F38 3A', 'pminuw', op('i16x8.min_u')],
  ['0F38 3B', 'pminud', op('i32x4.min_u')],
  ['0F38 3C', 'pmaxsb', op('i8x16.max_s')],
  ['0F38 3D', 'pmaxsd', op('i32x4.max_s')],
  ['0F38 3E', 'pmaxuw', op('i16x8.max_u')],
  ['0F38 3F', 'pmaxud', op('i32x4.max_u')],
  ['0F38 40', 'pmulld', op('i32x4.mul')],
]
const SSE4_2: readonly Operation[] = [['0F38 37', 'pcmpgtq', op('i64x2.gt_s')]]

/** Shifts: opcode by register, opcode and digit by immediate. */
const SHIFTS: readonly (readonly [string, string, string, Shift])[] = [
  ['D1', '71 /2', 'psrlw', { shape: 'i16x8', name: 'shr_u' }],
  ['D2', '72 /2', 'psrld', { shape: 'i32x4', name: 'shr_u' }],
  ['D3', '73 /2', 'psrlq', { shape: 'i64x2', name: 'shr_u' }],
  ['E1', '71 /4', 'psraw', { shape: 'i16x8', name: 'shr_s' }],
  ['E2', '72 /4', 'psrad', { shape: 'i32x4', name: 'shr_s' }],
  ['F1', '71 /6', 'psllw', { shape: 'i16x8', name: 'shl' }],
  ['F2', '72 /6', 'pslld', { shape: 'i32x4', name: 'shl' }],
  ['F3', '73 /6', 'psllq', { shape: 'i64x2', name: 'shl' }],
]

/** The VEX form with a destination of its own. */
const THREE = { vex: 'Vx Hx Wx' } as const

/** pand DB, pandn DF, por EB, pxor EF: andps and its neighbours on integers. */
const INTEGER_BITWISE = ['DB', 'DF', 'EB', 'EF']

/** Interleaving the low halves takes 32 bits of memory. */
const mmxOperands = (name: string): string => (name.startsWith('punpckl') ? 'Pq Qd' : 'Pq Qq')

const formsOf = (operations: readonly Operation[]): readonly Row[] =>
  operations.flatMap(([opcode, name, compute, narrow]) => [
    form(`66 ${opcode} /r`, name, 'Vx Wx', binary(compute), THREE),
    ...(narrow === undefined ? [] : [form(`NP ${opcode} /r`, name, mmxOperands(name), mmx(binary(narrow(compute))))]),
  ])

export const sseInteger: readonly Row[] = [
  ...formsOf(SSE2),
  ...withFeature('ssse3', formsOf(SSSE3)),
  ...withFeature('sse4_1', formsOf(SSE4_1)),
  ...withFeature('sse4_2', formsOf(SSE4_2)),
  ...BITWISE.flatMap(([, name, compute], n) => [
    form(`66 0F ${INTEGER_BITWISE[n]} /r`, `p${name}`, 'Vx Wx', binary(compute), THREE),
    form(`NP 0F ${INTEGER_BITWISE[n]} /r`, `p${name}`, 'Pq Qq', mmx(binary(compute))),
  ]),
  ...SHIFTS.flatMap(([byRegister, byImmediate, name, kind]) => [
    form(`66 0F ${byRegister} /r`, name, 'Vx Wx', shiftByRegister(kind), { vex: 'Vx Hx Wo' }),
    form(`66 0F ${byImmediate}`, name, 'Ux Ib', shiftByImmediate(kind), { vex: 'Hx Ux Ib' }),
    form(`NP 0F ${byRegister} /r`, name, 'Pq Qq', mmx(shiftByRegister(kind))),
    form(`NP 0F ${byImmediate}`, name, 'Nq Ib', mmx(shiftByImmediate(kind))),
  ]),
  form('66 0F 73 /3', 'psrldq', 'Ux Ib', shiftBytes(bytesDown), { vex: 'Hx Ux Ib' }),
  form('66 0F 73 /7', 'pslldq', 'Ux Ib', shiftBytes(bytesUp), { vex: 'Hx Ux Ib' }),
  ...(['i8x16', 'i16x8', 'i32x4'] as const).flatMap((shape, n) => {
    const [opcode, name] = [`0F38 1${'CDE'[n]} /r`, `pabs${'bwd'[n]}`]
    return [
      form(`66 ${opcode}`, name, 'Vx Wx', absolute(shape), { vex: 'Vx Wx', feature: 'ssse3' }),
      form(`NP ${opcode}`, name, 'Pq Qq', mmx(absolute(shape)), { feature: 'ssse3' }),
    ]
  }),
]
