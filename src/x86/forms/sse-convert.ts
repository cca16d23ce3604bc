// SSE conversions between integers, floats and doubles, and rounding to integers. Rounding follows MXCSR; in code that is not
// careful float results round to nearest. Out of range and NaN give the integer indefinite value (SDM 4.2.2).

import { and, eq, pure, select, shrU } from '../expr.js'
import { type Form, form } from '../form.js'
import { i32, i64, type Node, type Width } from '../ir.js'
import { lane, type Sem, type Semantics } from '../semantics.js'
import { lanes, pick, ZERO } from '../vector.js'
import { WORD } from '../words.js'

type Real = 'f32' | 'f64'

/** Rounding control, SDM table 4-8: MXCSR bits 13–14. */
const MODES = ['nearest', 'floor', 'ceil', 'trunc'] as const
const roundingControl = (s: Sem): Node => and(shrU(s.word(WORD.mxcsr, 'i32'), i32(13)), i32(3))

/** x (f32, f64 or a vector of them) rounded to an integral value by the mode 0–3. */
function round(shape: string, mode: Node, x: Node): Node {
  const by = (n: 0 | 1 | 2 | 3) => pure(`${shape}.${MODES[n]}`, x)
  if (mode.kind === 'const') return by((mode.low & 3) as 0 | 1 | 2 | 3)
  const others = select(eq(mode, i32(1)), by(1), select(eq(mode, i32(2)), by(2), by(3)))
  return select(eq(mode, i32(0)), by(0), others)
}

/** 2^31 or 2^63, the first value that is too great. */
const limit = (real: Real, width: Width): Node =>
  real === 'f32'
    ? pure('f32.reinterpret_i32', i32(width === 64 ? 0x5f000000 : 0x4f000000))
    : pure('f64.reinterpret_i64', i64(0, width === 64 ? 0x43e00000 : 0x41e00000))

/** wasm's saturating conversion differs from x86's only from the limit upwards and for NaN. */
const toInteger =
  (real: Real, truncates: boolean): Semantics =>
  (s) => {
    const scalar = s.scalar(1, real)
    const value = truncates ? scalar : round(real, roundingControl(s), scalar)
    const type = s.width === 64 ? 'i64' : 'i32'
    const indefinite = s.width === 64 ? i64(0, 0x80000000 | 0) : i32(0x80000000)
    const fits = pure(`${real}.lt`, value, limit(real, s.width))
    const plain = select(fits, pure(`${type}.trunc_sat_${real}_s`, value), indefinite)
    s.write(0, s.exact(`${type}.${real}`, plain, scalar, i32(truncates ? 1 : 0)))
  }

const fromInteger =
  (real: Real): Semantics =>
  (s) => {
    const value = s.read(1)
    s.setScalar(0, s.exact(`${real}.${value.type}`, pure(`${real}.convert_${value.type}_s`, value), value))
  }

const singlesToIntegers =
  (truncates: boolean): Semantics =>
  (s) => {
    const source = s.vec(1)
    const value = truncates ? source : round('f32x4', roundingControl(s), source)
    const fits = pure('f32x4.lt', value, lanes(0x4f000000, 0x4f000000, 0x4f000000, 0x4f000000))
    const indefinite = pure('i32x4.splat', i32(0x80000000))
    const plain = pure('v128.bitselect', pure('i32x4.trunc_sat_f32x4_s', value), indefinite, fits)
    s.setVec(0, s.exact('i32x4.f32x4', plain, source, i32(truncates ? 1 : 0)))
  }

const doublesToIntegers =
  (truncates: boolean): Semantics =>
  (s) => {
    const source = s.vec(1)
    const value = truncates ? source : round('f64x2', roundingControl(s), source)
    const fits = pick(pure('f64x2.lt', value, lanes(0, 0x41e00000, 0, 0x41e00000)), ZERO, 4, 0, 2, 4, 4)
    const indefinite = lanes(0x80000000, 0x80000000, 0, 0)
    const plain = pure('v128.bitselect', pure('i32x4.trunc_sat_f64x2_s_zero', value), indefinite, fits)
    s.setVec(0, s.exact('i32x4.f64x2', plain, source, i32(truncates ? 1 : 0)))
  }

/** A wasm operation on the source, and the exact helper for it where it can raise anything. */
const unary =
  (op: string, exact?: string): Semantics =>
  (s) => {
    const source = s.vec(1)
    const plain = pure(op, source)
    s.setVec(0, exact === undefined ? plain : s.exact(exact, plain, source))
  }

/** roundps and its kin: bit 2 of the immediate says to follow MXCSR instead of bits 0–1. */
const roundMode = (s: Sem): Node => {
  const imm = s.immediateByte()
  if (imm.kind === 'const') return imm.low & 4 ? roundingControl(s) : and(imm, i32(3))
  return select(and(imm, i32(4)), roundingControl(s), and(imm, i32(3)))
}
const roundPacked =
  (shape: 'f32x4' | 'f64x2'): Semantics =>
  (s) => {
    const source = s.vec(1)
    s.setVec(0, s.exact(`${shape}.round`, round(shape, roundMode(s), source), source, s.immediateByte()))
  }
const roundScalar =
  (real: Real): Semantics =>
  (s) => {
    const source = s.scalar(1, real)
    s.setScalar(0, s.exact(`${real}.round`, round(real, roundMode(s), source), source, s.immediateByte()))
  }

const widen: Semantics = (s) => {
  const source = s.scalar(1, 'f32')
  s.setScalar(0, s.exact('f64.f32', pure('f64.promote_f32', source), source))
}
const narrow: Semantics = (s) => {
  const source = s.scalar(1, 'f64')
  const value = s.exact('f32.f64', pure('f32.demote_f64', source), source)
  s.setVec(0, lane('f32x4.replace_lane', 0, s.vec(0), value))
}

export const sseConvert: readonly Form[] = [
  form('F3 0F 2A /r', 'cvtsi2ss', 'Vd Ey', fromInteger('f32'), { vex: 'Vd Hd Ey' }),
  form('F2 0F 2A /r', 'cvtsi2sd', 'Vq Ey', fromInteger('f64'), { vex: 'Vq Hq Ey' }),
  form('F3 0F 2C /r', 'cvttss2si', 'Gy Wd', toInteger('f32', true), { vex: 'Gy Wd' }),
  form('F2 0F 2C /r', 'cvttsd2si', 'Gy Wq', toInteger('f64', true), { vex: 'Gy Wq' }),
  form('F3 0F 2D /r', 'cvtss2si', 'Gy Wd', toInteger('f32', false), { vex: 'Gy Wd' }),
  form('F2 0F 2D /r', 'cvtsd2si', 'Gy Wq', toInteger('f64', false), { vex: 'Gy Wq' }),
  form('F3 0F 5A /r', 'cvtss2sd', 'Vq Wd', widen, { vex: 'Vq Hq Wd' }),
  form('F2 0F 5A /r', 'cvtsd2ss', 'Vd Wq', narrow, { vex: 'Vd Hd Wq' }),
  form('NP 0F 5A /r', 'cvtps2pd', 'Vx Wq', unary('f64x2.promote_low_f32x4', 'f64x2.f32x4'), { vex: 'Vo Wq L0' }),
  form('66 0F 5A /r', 'cvtpd2ps', 'Vx Wx', unary('f32x4.demote_f64x2_zero', 'f32x4.f64x2'), { vex: 'Vo Wo L0' }),
  form('NP 0F 5B /r', 'cvtdq2ps', 'Vx Wx', unary('f32x4.convert_i32x4_s', 'f32x4.i32x4'), { vex: 'Vx Wx' }),
  form('66 0F 5B /r', 'cvtps2dq', 'Vx Wx', singlesToIntegers(false), { vex: 'Vx Wx' }),
  form('F3 0F 5B /r', 'cvttps2dq', 'Vx Wx', singlesToIntegers(true), { vex: 'Vx Wx' }),
  form('F3 0F E6 /r', 'cvtdq2pd', 'Vx Wq', unary('f64x2.convert_low_i32x4_s'), { vex: 'Vo Wq L0' }),
  form('F2 0F E6 /r', 'cvtpd2dq', 'Vx Wx', doublesToIntegers(false), { vex: 'Vo Wo L0' }),
  form('66 0F E6 /r', 'cvttpd2dq', 'Vx Wx', doublesToIntegers(true), { vex: 'Vo Wo L0' }),
  form('66 0F3A 08 /r', 'roundps', 'Vx Wx Ib', roundPacked('f32x4'), { vex: 'Vx Wx Ib' }),
  form('66 0F3A 09 /r', 'roundpd', 'Vx Wx Ib', roundPacked('f64x2'), { vex: 'Vx Wx Ib' }),
  form('66 0F3A 0A /r', 'roundss', 'Vd Wd Ib', roundScalar('f32'), { vex: 'Vd Hd Wd Ib' }),
  form('66 0F3A 0B /r', 'roundsd', 'Vq Wq Ib', roundScalar('f64'), { vex: 'Vq Hq Wq Ib' }),
]
