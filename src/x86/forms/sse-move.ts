// SSE data movement: whole registers, halves, scalars, between general and vector registers, masks.
// The MMX rows beside them mean the low eight bytes (mmx.ts).

import { add, or, pure, shl, shuffle } from '../expr.js'
import { form, type Row, withFeature } from '../form.js'
import { i32, type Node } from '../ir.js'
import { emptyRegisters, mmx, mmxStore } from '../mmx.js'
import { lane, RDI, type Semantics } from '../semantics.js'
import { laneCount, laneOf, mergeLow, pick, ZERO } from '../vector.js'

const move: Semantics = (s) => s.setVec(0, s.vec(1))

/** movss, movsd to a register: memory clears the rest, a register keeps it. */
const loadScalar =
  (bytes: 4 | 8): Semantics =>
  (s) => {
    const source = s.vec(1)
    s.setVec(0, s.isMemory(1) ? source : mergeLow(s.vec(0), source, bytes))
  }
const storeScalar =
  (bytes: 4 | 8): Semantics =>
  (s) => {
    const source = s.vec(1)
    if (!s.isMemory(0)) s.setVec(0, mergeLow(s.vec(0), source, bytes))
    else if (bytes === 4) s.storeAs('f32.store', s.address(), lane('f32x4.extract_lane', 0, source))
    else s.storeAs('f64.store', s.address(), lane('f64x2.extract_lane', 0, source))
  }

/** vmovss, vmovsd between registers. */
const mergeScalar =
  (bytes: 4 | 8): Semantics =>
  (s) =>
    s.setVec(0, mergeLow(s.vec(1), s.vec(2), bytes))

const storeHalf =
  (half: 0 | 1): Semantics =>
  (s) =>
    s.storeAs('f64.store', s.address(), lane('f64x2.extract_lane', half, s.vec(1)))
const loadLow: Semantics = (s) => s.setVec(0, mergeLow(s.vec(0), s.vec(1), 8))
const loadHigh: Semantics = (s) => s.setVec(0, pick(s.vec(0), s.vec(1), 8, 0, 2))
const highToLow: Semantics = (s) => s.setVec(0, pick(s.vec(0), s.vec(1), 8, 3, 1))

/** movd, movq from a general register or memory: the rest becomes zero. */
const fromGeneral: Semantics = (s) => {
  const wide = s.width === 64
  if (s.isMemory(1)) s.setVec(0, s.loadAs(wide ? 'v128.load64_zero' : 'v128.load32_zero', s.address()))
  else s.setVec(0, lane(wide ? 'i64x2.replace_lane' : 'i32x4.replace_lane', 0, ZERO, s.read(1)))
}
const toGeneral: Semantics = (s) => s.write(0, laneOf(s.vec(1), s.width === 64 ? 'i64x2' : 'i32x4', 0))

const lowHalf = (v: Node): Node => pick(v, ZERO, 8, 0, 2)
const loadQuad: Semantics = (s) => s.setVec(0, s.isMemory(1) ? s.vec(1) : lowHalf(s.vec(1)))
const storeQuad: Semantics = (s) => {
  if (s.isMemory(0)) s.storeAs('i64.store', s.address(), laneOf(s.vec(1), 'i64x2', 0))
  else s.setVec(0, lowHalf(s.vec(1)))
}

const signMask =
  (shape: 'i8x16' | 'i32x4' | 'i64x2'): Semantics =>
  (s) => {
    const low = pure(`${shape}.bitmask`, s.vec(1, 0))
    s.write(0, s.length === 128 ? low : or(low, shl(pure(`${shape}.bitmask`, s.vec(1, 1)), i32(laneCount(shape)))))
  }

/** maskmovdqu, maskmovq: the bytes whose mask byte has its top bit set, and no others, go to rdi. */
const storeSelected =
  (bytes: 8 | 16): Semantics =>
  (s) => {
    const address = add(s.addressSized(s.reg(RDI, 64)), s.segmentBase())
    s.sync('storeSelected', address, i32(bytes), s.vec(0), s.vec(1))
  }

const duplicate =
  (...order: number[]): Semantics =>
  (s) => {
    const v = s.vec(1)
    s.setVec(0, pick(v, v, 4, ...order))
  }
const duplicateLow: Semantics = (s) => {
  const v = s.vec(1)
  s.setVec(0, shuffle(v, v, [0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 2, 3, 4, 5, 6, 7]))
}

export const sseMove: readonly Row[] = [
  form('NP 0F 28 /r', 'movaps', 'Va Wa', move, { vex: 'Va Wa' }),
  form('NP 0F 29 /r', 'movaps', 'Wa Va', move, { vex: 'Wa Va' }),
  form('66 0F 28 /r', 'movapd', 'Va Wa', move, { vex: 'Va Wa' }),
  form('66 0F 29 /r', 'movapd', 'Wa Va', move, { vex: 'Wa Va' }),
  form('NP 0F 10 /r', 'movups', 'Vu Wu', move, { vex: 'Vx Wx' }),
  form('NP 0F 11 /r', 'movups', 'Wu Vu', move, { vex: 'Wx Vx' }),
  form('66 0F 10 /r', 'movupd', 'Vu Wu', move, { vex: 'Vx Wx' }),
  form('66 0F 11 /r', 'movupd', 'Wu Vu', move, { vex: 'Wx Vx' }),
  form('66 0F 6F /r', 'movdqa', 'Va Wa', move, { vex: 'Va Wa' }),
  form('66 0F 7F /r', 'movdqa', 'Wa Va', move, { vex: 'Wa Va' }),
  form('F3 0F 6F /r', 'movdqu', 'Vu Wu', move, { vex: 'Vx Wx' }),
  form('F3 0F 7F /r', 'movdqu', 'Wu Vu', move, { vex: 'Wx Vx' }),
  ...(
    [
      ['F3', 'vmovss', 'd', 4],
      ['F2', 'vmovsd', 'q', 8],
    ] as const
  ).flatMap(([prefix, name, size, bytes]) => [
    form(`VEX ${prefix} 0F 10 /r`, name, `V${size} M${size}`, loadScalar(bytes), { feature: 'avx' }),
    form(`VEX ${prefix} 0F 10 /r`, name, `V${size} H${size} U${size}`, mergeScalar(bytes), { feature: 'avx' }),
    form(`VEX ${prefix} 0F 11 /r`, name, `M${size} V${size}`, storeScalar(bytes), { feature: 'avx' }),
    form(`VEX ${prefix} 0F 11 /r`, name, `U${size} H${size} V${size}`, mergeScalar(bytes), { feature: 'avx' }),
  ]),
  form('F3 0F 10 /r', 'movss', 'Vd Wd', loadScalar(4)),
  form('F3 0F 11 /r', 'movss', 'Wd Vd', storeScalar(4)),
  form('F2 0F 10 /r', 'movsd', 'Vq Wq', loadScalar(8)),
  form('F2 0F 11 /r', 'movsd', 'Wq Vq', storeScalar(8)),
  form('NP 0F 12 /r', 'movlps', 'Vq Mq', loadLow, { vex: 'Vq Hq Mq L0' }),
  form('NP 0F 12 /r', 'movhlps', 'Vq Uq', highToLow, { vex: 'Vq Hq Uq L0' }),
  form('NP 0F 13 /r', 'movlps', 'Mq Vq', storeHalf(0), { vex: 'Mq Vq L0' }),
  form('66 0F 12 /r', 'movlpd', 'Vq Mq', loadLow, { vex: 'Vq Hq Mq L0' }),
  form('66 0F 13 /r', 'movlpd', 'Mq Vq', storeHalf(0), { vex: 'Mq Vq L0' }),
  form('NP 0F 16 /r', 'movhps', 'Vq Mq', loadHigh, { vex: 'Vq Hq Mq L0' }),
  form('NP 0F 16 /r', 'movlhps', 'Vq Uq', loadHigh, { vex: 'Vq Hq Uq L0' }),
  form('NP 0F 17 /r', 'movhps', 'Mq Vq', storeHalf(1), { vex: 'Mq Vq L0' }),
  form('66 0F 16 /r', 'movhpd', 'Vq Mq', loadHigh, { vex: 'Vq Hq Mq L0' }),
  form('66 0F 17 /r', 'movhpd', 'Mq Vq', storeHalf(1), { vex: 'Mq Vq L0' }),
  form('66 0F 6E /r W0', 'movd', 'Vx Ey', fromGeneral, { vex: 'Vo Ey L0' }),
  form('66 0F 6E /r W1', 'movq', 'Vx Ey', fromGeneral, { vex: 'Vo Ey L0' }),
  form('66 0F 7E /r W0', 'movd', 'Ey Vx', toGeneral, { vex: 'Ey Vo L0' }),
  form('66 0F 7E /r W1', 'movq', 'Ey Vx', toGeneral, { vex: 'Ey Vo L0' }),
  form('F3 0F 7E /r', 'movq', 'Vq Wq', loadQuad, { vex: 'Vq Wq L0' }),
  form('66 0F D6 /r', 'movq', 'Wq Vq', storeQuad, { vex: 'Wq Vq L0' }),
  form('NP 0F 50 /r', 'movmskps', 'Gd Ux', signMask('i32x4'), { vex: 'Gd Ux', whole: true }),
  form('66 0F 50 /r', 'movmskpd', 'Gd Ux', signMask('i64x2'), { vex: 'Gd Ux', whole: true }),
  form('66 0F D7 /r', 'pmovmskb', 'Gd Ux', signMask('i8x16'), { vex: 'Gd Ux', whole: true }),
  form('NP 0F 2B /r', 'movntps', 'Ma Va', move, { vex: 'Ma Va' }),
  form('66 0F 2B /r', 'movntpd', 'Ma Va', move, { vex: 'Ma Va' }),
  form('66 0F E7 /r', 'movntdq', 'Ma Va', move, { vex: 'Ma Va' }),
  form('66 0F38 2A /r', 'movntdqa', 'Va Ma', move, { vex: 'Va Ma', feature: 'sse4_1', feature256: 'avx2' }),
  form('66 0F F7 /r', 'maskmovdqu', 'Vx Ux', storeSelected(16), { vex: 'Vo Uo L0' }),
  ...withFeature('sse3', [
    form('F2 0F F0 /r', 'lddqu', 'Vu Mu', move, { vex: 'Vx Mx' }),
    form('F2 0F 12 /r', 'movddup', 'Vq Wq', duplicateLow, { vex: 'Vq Wq L0' }),
    form('VEX F2 0F 12 /r L1', 'vmovddup', 'Vx Wx', duplicateLow, { feature: 'avx' }),
    form('F3 0F 12 /r', 'movsldup', 'Vx Wx', duplicate(0, 0, 2, 2), { vex: 'Vx Wx' }),
    form('F3 0F 16 /r', 'movshdup', 'Vx Wx', duplicate(1, 1, 3, 3), { vex: 'Vx Wx' }),
  ]),
  form('NP 0F 6E /r W0', 'movd', 'Pq Ey', mmx(fromGeneral)),
  form('NP 0F 6E /r W1', 'movq', 'Pq Ey', mmx(fromGeneral)),
  form('NP 0F 7E /r W0', 'movd', 'Ey Pq', mmx(toGeneral)),
  form('NP 0F 7E /r W1', 'movq', 'Ey Pq', mmx(toGeneral)),
  form('NP 0F 6F /r', 'movq', 'Pq Qq', mmx(move)),
  form('NP 0F 7F /r', 'movq', 'Qq Pq', mmx(storeQuad)),
  form('F3 0F D6 /r', 'movq2dq', 'Vq Nq', mmx(move)),
  form('F2 0F D6 /r', 'movdq2q', 'Pq Uq', mmx(move)),
  form('NP 0F D7 /r', 'pmovmskb', 'Gd Nq', mmx(signMask('i8x16'))),
  form('NP 0F E7 /r', 'movntq', 'Mq Pq', mmx(storeQuad)),
  form('NP 0F F7 /r', 'maskmovq', 'Pq Nq', mmxStore(storeSelected(8))),
  form('NP 0F 77', 'emms', '', emptyRegisters),
]
