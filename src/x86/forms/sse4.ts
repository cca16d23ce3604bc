// What SSE4.1 adds that has no simpler relative in the other SSE families.

import { and, eqz, or, pure, rotl, shl, shrU } from '../expr.js'
import { zeroParityCarryFlags } from '../flags.js'
import { form, type Row, withFeature } from '../form.js'
import { i32, type Node } from '../ir.js'
import { lane, type Semantics } from '../semantics.js'
import { broadcast, IOTA, laneOf, lanes, pick, ZERO } from '../vector.js'

/** ZF: no common bit; CF: no bit of the source outside the destination; the other flags 0. */
const test: Semantics = (s) => {
  const halves = s.length === 128 ? ([0] as const) : ([0, 1] as const)
  const none = (op: string) => {
    const [low, upper] = halves.map((half) => pure(op, s.vec(1, half), s.vec(0, half)))
    return eqz(pure('v128.any_true', upper === undefined ? (low as Node) : pure('v128.or', low as Node, upper)))
  }
  s.flags(zeroParityCarryFlags(none('v128.and'), i32(0), none('v128.andnot')))
}

/** The least 16-bit lane and its index: each lane shifted above its index, then one minimum over all. */
const horizontalMinimum: Semantics = (s) => {
  const v = s.vec(1)
  const keyed = (half: 'low' | 'high', indices: Node) =>
    pure('v128.or', pure('i32x4.shl', pure(`i32x4.extend_${half}_i16x8_u`, v), i32(16)), indices)
  const least = (a: Node, b: Node) => pure('i32x4.min_u', a, b)
  const four = least(keyed('low', lanes(0, 1, 2, 3)), keyed('high', lanes(4, 5, 6, 7)))
  const two = least(four, pick(four, four, 4, 2, 3, 0, 1))
  const one = least(two, pick(two, two, 4, 1, 0, 3, 2))
  s.setVec(0, lane('i32x4.replace_lane', 0, ZERO, rotl(laneOf(one, 'i32x4', 0), i32(16))))
}

/** Eight sums of absolute differences of four bytes: a window sliding over the destination, one fixed group of the source. */
const slidingDifferences: Semantics = (s) => {
  const a = s.vec(0)
  const b = s.vec(1)
  // Three bits for each half of 256 bits.
  const imm = shrU(s.immediateByte(), i32(3 * s.half))
  const windowAt = and(imm, i32(4))
  const groupAt = shl(and(imm, i32(3)), i32(2))
  const term = (n: number): Node => {
    const window = pure(
      'i8x16.swizzle',
      a,
      pure('i8x16.add', IOTA, pure('i8x16.splat', pure('i32.add', windowAt, i32(n)))),
    )
    const byte = broadcast(b, 'i8x16', or(groupAt, i32(n)))
    const difference = pure('v128.or', pure('i8x16.sub_sat_u', window, byte), pure('i8x16.sub_sat_u', byte, window))
    return pure('i16x8.extend_low_i8x16_u', difference)
  }
  const sum = (x: Node, y: Node) => pure('i16x8.add', x, y)
  s.setVec(0, sum(sum(term(0), term(1)), sum(term(2), term(3))))
}

export const sse4: readonly Row[] = [
  ...withFeature('sse4_1', [
    form('66 0F38 17 /r', 'ptest', 'Vx Wx', test, { vex: 'Vx Wx', whole: true }),
    form('66 0F38 41 /r', 'phminposuw', 'Vx Wx', horizontalMinimum, { vex: 'Vo Wo L0' }),
    form('66 0F3A 42 /r', 'mpsadbw', 'Vx Wx Ib', slidingDifferences, { vex: 'Vx Hx Wx Ib' }),
  ]),
]
