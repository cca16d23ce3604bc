// AVX and AVX2 instructions that no SSE row has as its VEX form: broadcasts, moves between halves, permutations across them, shifts by
// lane, masked moves, gathers. Semantics without `whole` run once for each half of 256 bits.

import { eqz, or, pure, select, shl, shrU, sub } from '../expr.js'
import { zeroParityCarryFlags } from '../flags.js'
import { type FormOptions, form, type Row } from '../form.js'
import { i32, i64, type Node } from '../ir.js'
import { lane, type Sem, type Semantics } from '../semantics.js'
import {
  bitOf,
  blend,
  LANE_BYTES,
  laneCount,
  laneOf,
  lanes,
  maskOfBits,
  pick,
  type Shape,
  shuffleDwords,
  ZERO,
} from '../vector.js'

const AVX: FormOptions = { feature: 'avx' }
const AVX2: FormOptions = { feature: 'avx2' }
const whole = (options: FormOptions): FormOptions => ({ ...options, whole: true })

/** The lowest element everywhere. */
const broadcastLane =
  (shape: Shape): Semantics =>
  (s) =>
    s.setVec(0, pure(`${shape}.splat`, laneOf(s.vec(1), shape, 0)))
const broadcastHalf: Semantics = (s) => s.setVec(0, s.vec(1))

const insertHalf: Semantics = (s) => {
  const upper = bitOf(s.immediateByte(), 0)
  const inserted = s.vec(2)
  s.setVec(0, select(upper, s.vec(1, 0), inserted), 0)
  s.setVec(0, select(upper, inserted, s.vec(1, 1)), 1)
}
const extractHalf: Semantics = (s) => s.setVec(0, select(bitOf(s.immediateByte(), 0), s.vec(1, 1), s.vec(1, 0)))

/** Four bits of the immediate for each half: which of the four source halves, or zero. */
const permuteHalves: Semantics = (s) => {
  const imm = s.immediateByte()
  for (const half of [0, 1] as const) {
    const bit = (n: number) => bitOf(imm, 4 * half + n)
    const first = select(bit(0), s.vec(1, 1), s.vec(1, 0))
    const second = select(bit(0), s.vec(2, 1), s.vec(2, 0))
    s.setVec(0, select(bit(3), ZERO, select(bit(1), second, first)), half)
  }
}

const permuteSingles: Semantics = (s) => s.setVec(0, shuffleDwords(s.vec(1), s.immediateByte()))
/** A bit for each element of 256 bits. */
const permuteDoubles: Semantics = (s) => {
  const imm = s.immediateByte()
  const v = s.vec(1)
  const choose = (n: number) => select(bitOf(imm, n + 2 * s.half), pick(v, v, 8, 1, 1), pick(v, v, 8, 0, 0))
  s.setVec(0, pick(choose(0), choose(1), 8, 0, 3))
}

const all = (value: number) => lanes(value, value, value, value)
/** Byte numbers of 32-bit elements whose numbers are in the lanes of `index`. */
const bytesOfLanes = (index: Node): Node =>
  pure('i32x4.add', pure('i32x4.mul', index, all(0x04040404)), all(0x03020100))
const permuteSinglesBy: Semantics = (s) =>
  s.setVec(0, pure('i8x16.swizzle', s.vec(1), bytesOfLanes(pure('v128.and', s.vec(2), all(3)))))
/** Bit 1 of each control. */
const permuteDoublesBy: Semantics = (s) => {
  const v = s.vec(1)
  const mask = pure('i64x2.shr_s', pure('i64x2.shl', s.vec(2), i32(62)), i32(63))
  s.setVec(0, blend(pick(v, v, 8, 0, 0), pick(v, v, 8, 1, 1), mask))
}

/** 32-bit elements of the second source picked by those of the first, across halves (VPERMD). */
const permuteAcross: Semantics = (s) => {
  const source = [s.vec(2, 0), s.vec(2, 1)] as const
  for (const half of [0, 1] as const) {
    const control = s.vec(1, half)
    const bytes = bytesOfLanes(pure('v128.and', control, all(3)))
    const upper = pure('i32x4.shr_s', pure('i32x4.shl', control, i32(29)), i32(31))
    s.setVec(0, blend(pure('i8x16.swizzle', source[0], bytes), pure('i8x16.swizzle', source[1], bytes), upper), half)
  }
}

/** 64-bit elements picked by two bits each of the immediate, across halves (VPERMQ). */
const permuteQuads: Semantics = (s) => {
  const imm = s.immediateByte()
  const [low, upper] = [s.vec(1, 0), s.vec(1, 1)]
  const choose = (n: number) => {
    const from = select(bitOf(imm, 2 * n + 1), upper, low)
    return select(bitOf(imm, 2 * n), pick(from, from, 8, 1, 1), from)
  }
  s.setVec(0, pick(choose(0), choose(1), 8, 0, 2), 0)
  s.setVec(0, pick(choose(2), choose(3), 8, 0, 2), 1)
}

/** ZF: no sign bit of the source is set where the destination's is; CF: none where it is not (VTESTPS). */
const testSigns =
  (shape: 'i32x4' | 'i64x2'): Semantics =>
  (s) => {
    const halves = s.length === 128 ? ([0] as const) : ([0, 1] as const)
    const none = (op: string) => {
      const masks = halves.map((half) => pure(`${shape}.bitmask`, pure(op, s.vec(1, half), s.vec(0, half))))
      return eqz(masks.length === 1 ? (masks[0] as Node) : or(masks[0] as Node, masks[1] as Node))
    }
    s.flags(zeroParityCarryFlags(none('v128.and'), i32(0), none('v128.andnot')))
  }

const blendDwords: Semantics = (s) =>
  s.setVec(0, blend(s.vec(1), s.vec(2), maskOfBits('i32x4', shrU(s.immediateByte(), i32(4 * s.half)))))
/** The mask is the top bit of each lane of the fourth operand. */
const blendBySigns =
  (shape: Exclude<Shape, 'i16x8'>): Semantics =>
  (s) => {
    const mask = pure(`${shape}.shr_s`, s.vec(3), i32(8 * LANE_BYTES[shape] - 1))
    s.setVec(0, blend(s.vec(1), s.vec(2), mask))
  }

/** Each lane by the count in the same lane; counts of the width or more give zero, or the sign (VPSLLVD). */
const shiftLanes =
  (shape: 'i32x4' | 'i64x2', name: 'shl' | 'shr_u' | 'shr_s'): Semantics =>
  (s) => {
    const [type, bits] = shape === 'i32x4' ? (['i32', 32] as const) : (['i64', 64] as const)
    const [v, counts] = [s.vec(1), s.vec(2)]
    const limit = type === 'i32' ? i32(bits) : i64(bits)
    const shifted = Array.from({ length: laneCount(shape) }, (_, n) => {
      const count = laneOf(counts, shape, n)
      const far = pure(`${type}.ge_u`, count, limit)
      const value = laneOf(v, shape, n)
      if (name === 'shr_s')
        return pure(`${type}.shr_s`, value, select(far, sub(limit, type === 'i32' ? i32(1) : i64(1)), count))
      return select(far, type === 'i32' ? i32(0) : i64(0), pure(`${type}.${name}`, value, count))
    })
    s.setVec(
      0,
      shifted.reduce((to, value, n) => lane(`${shape}.replace_lane`, n, to, value), ZERO),
    )
  }

const clearUpper: Semantics = (s) => {
  for (let index = 0; index < 16; index++) s.set({ bank: 'vector', index, high: true }, 128, ZERO)
}
const clearAll: Semantics = (s) => {
  for (let index = 0; index < 16; index++) s.set({ bank: 'vector', index, high: false }, 128, ZERO)
}

// Elements that the mask leaves out are not accessed: helpers on the task record (engine/masked-helpers.ts), told places of registers,
// ten bits each, and bytes and number of the elements.
const packed = (first: Node, second: Node, third: Node = i32(0)): Node =>
  or(first, or(shl(second, i32(10)), shl(third, i32(20))))
const elements = (s: Sem, bytes: number): Node => i32(bytes | ((s.length / 8 / bytes) << 8))
const maskedLoad =
  (bytes: 4 | 8): Semantics =>
  (s) =>
    s.sync('maskedLoad', s.address(), packed(s.place(0), s.place(1)), elements(s, bytes))
const maskedStore =
  (bytes: 4 | 8): Semantics =>
  (s) =>
    s.sync('maskedStore', s.address(), packed(s.place(2), s.place(1)), elements(s, bytes))

/** Operands: destination, memory, mask. As many elements as indices and places for them there are. */
const gather =
  (bytes: 4 | 8, indexBytes: 4 | 8): Semantics =>
  (s) => {
    const [index, scale] = s.vectorIndex()
    const count = s.length / 8 / Math.max(bytes, indexBytes)
    const shape = or(i32(bytes | (indexBytes << 4) | (count << 8)), shl(scale, i32(16)))
    s.sync('gather', s.offset(), packed(s.place(0), s.place(2), index), shape, s.addressSized(i64(-1)), s.segmentBase())
  }

const GATHERS = [
  ['90', 'W0', 'vpgatherdd', 4, 4],
  ['90', 'W1', 'vpgatherdq', 8, 4],
  ['91', 'W0', 'vpgatherqd', 4, 8],
  ['91', 'W1', 'vpgatherqq', 8, 8],
  ['92', 'W0', 'vgatherdps', 4, 4],
  ['92', 'W1', 'vgatherdpd', 8, 4],
  ['93', 'W0', 'vgatherqps', 4, 8],
  ['93', 'W1', 'vgatherqpd', 8, 8],
] as const

/** Prefix of the encoding, mnemonic, bytes of an element. */
const MASKED_MOVES = [
  ['2C', '2E', 'W0', 'vmaskmovps', 4, AVX],
  ['2D', '2F', 'W0', 'vmaskmovpd', 8, AVX],
  ['8C', '8E', 'W0', 'vpmaskmovd', 4, AVX2],
  ['8C', '8E', 'W1', 'vpmaskmovq', 8, AVX2],
] as const

export const avx: readonly Row[] = [
  form('VEX 66 0F38 18 /r W0', 'vbroadcastss', 'Vx Md', broadcastLane('i32x4'), AVX),
  form('VEX 66 0F38 18 /r W0', 'vbroadcastss', 'Vx Ud', broadcastLane('i32x4'), AVX2),
  form('VEX 66 0F38 19 /r W0 L1', 'vbroadcastsd', 'Vx Mq', broadcastLane('i64x2'), AVX),
  form('VEX 66 0F38 19 /r W0 L1', 'vbroadcastsd', 'Vx Uq', broadcastLane('i64x2'), AVX2),
  form('VEX 66 0F38 1A /r W0 L1', 'vbroadcastf128', 'Vx Mo', broadcastHalf, AVX),
  form('VEX 66 0F38 5A /r W0 L1', 'vbroadcasti128', 'Vx Mo', broadcastHalf, AVX2),
  form('VEX 66 0F38 78 /r W0', 'vpbroadcastb', 'Vx Wb', broadcastLane('i8x16'), AVX2),
  form('VEX 66 0F38 79 /r W0', 'vpbroadcastw', 'Vx Ww', broadcastLane('i16x8'), AVX2),
  form('VEX 66 0F38 58 /r W0', 'vpbroadcastd', 'Vx Wd', broadcastLane('i32x4'), AVX2),
  form('VEX 66 0F38 59 /r W0', 'vpbroadcastq', 'Vx Wq', broadcastLane('i64x2'), AVX2),
  form('VEX 66 0F3A 18 /r W0 L1', 'vinsertf128', 'Vx Hx Wo Ib', insertHalf, whole(AVX)),
  form('VEX 66 0F3A 38 /r W0 L1', 'vinserti128', 'Vx Hx Wo Ib', insertHalf, whole(AVX2)),
  form('VEX 66 0F3A 19 /r W0 L1', 'vextractf128', 'Wo Vx Ib', extractHalf, whole(AVX)),
  form('VEX 66 0F3A 39 /r W0 L1', 'vextracti128', 'Wo Vx Ib', extractHalf, whole(AVX2)),
  form('VEX 66 0F3A 06 /r W0 L1', 'vperm2f128', 'Vx Hx Wx Ib', permuteHalves, whole(AVX)),
  form('VEX 66 0F3A 46 /r W0 L1', 'vperm2i128', 'Vx Hx Wx Ib', permuteHalves, whole(AVX2)),
  form('VEX 66 0F3A 04 /r W0', 'vpermilps', 'Vx Wx Ib', permuteSingles, AVX),
  form('VEX 66 0F3A 05 /r W0', 'vpermilpd', 'Vx Wx Ib', permuteDoubles, AVX),
  form('VEX 66 0F38 0C /r W0', 'vpermilps', 'Vx Hx Wx', permuteSinglesBy, AVX),
  form('VEX 66 0F38 0D /r W0', 'vpermilpd', 'Vx Hx Wx', permuteDoublesBy, AVX),
  form('VEX 66 0F38 16 /r W0 L1', 'vpermps', 'Vx Hx Wx', permuteAcross, whole(AVX2)),
  form('VEX 66 0F38 36 /r W0 L1', 'vpermd', 'Vx Hx Wx', permuteAcross, whole(AVX2)),
  form('VEX 66 0F3A 00 /r W1 L1', 'vpermq', 'Vx Wx Ib', permuteQuads, whole(AVX2)),
  form('VEX 66 0F3A 01 /r W1 L1', 'vpermpd', 'Vx Wx Ib', permuteQuads, whole(AVX2)),
  form('VEX 66 0F38 0E /r W0', 'vtestps', 'Vx Wx', testSigns('i32x4'), whole(AVX)),
  form('VEX 66 0F38 0F /r W0', 'vtestpd', 'Vx Wx', testSigns('i64x2'), whole(AVX)),
  form('VEX 66 0F3A 02 /r W0', 'vpblendd', 'Vx Hx Wx Ib', blendDwords, AVX2),
  form('VEX 66 0F3A 4A /r W0', 'vblendvps', 'Vx Hx Wx Lx', blendBySigns('i32x4'), AVX),
  form('VEX 66 0F3A 4B /r W0', 'vblendvpd', 'Vx Hx Wx Lx', blendBySigns('i64x2'), AVX),
  form('VEX 66 0F3A 4C /r W0', 'vpblendvb', 'Vx Hx Wx Lx', blendBySigns('i8x16'), { ...AVX, feature256: 'avx2' }),
  form('VEX 66 0F38 47 /r W0', 'vpsllvd', 'Vx Hx Wx', shiftLanes('i32x4', 'shl'), AVX2),
  form('VEX 66 0F38 47 /r W1', 'vpsllvq', 'Vx Hx Wx', shiftLanes('i64x2', 'shl'), AVX2),
  form('VEX 66 0F38 45 /r W0', 'vpsrlvd', 'Vx Hx Wx', shiftLanes('i32x4', 'shr_u'), AVX2),
  form('VEX 66 0F38 45 /r W1', 'vpsrlvq', 'Vx Hx Wx', shiftLanes('i64x2', 'shr_u'), AVX2),
  form('VEX 66 0F38 46 /r W0', 'vpsravd', 'Vx Hx Wx', shiftLanes('i32x4', 'shr_s'), AVX2),
  form('VEX 0F 77 L0', 'vzeroupper', '', clearUpper, AVX),
  form('VEX 0F 77 L1', 'vzeroall', '', clearAll, AVX),
  ...MASKED_MOVES.flatMap(([load, store, w, name, bytes, options]) => [
    form(`VEX 66 0F38 ${load} /r ${w}`, name, 'Vx Hx Mx', maskedLoad(bytes), whole(options)),
    form(`VEX 66 0F38 ${store} /r ${w}`, name, 'Mx Hx Vx', maskedStore(bytes), whole(options)),
  ]),
  ...GATHERS.map(([opcode, w, name, bytes, indexBytes]) =>
    form(`VEX 66 0F38 ${opcode} /r ${w}`, name, 'Vx Mx Hx', gather(bytes, indexBytes), { ...whole(AVX2), vsib: true }),
  ),
]
