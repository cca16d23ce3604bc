// SSE conversions between integers, floats and doubles, and rounding to integers. Careful code has the exact helpers, which follow
// MXCSR; other code rounds to nearest. Out of range and NaN give the integer indefinite value (SDM 4.2.2).

import { assert } from '../../lib/assert.js'
import { pure, select } from '../expr.js'
import { form, type Row, withFeature } from '../form.js'
import { i32, i64, type Node, type Width } from '../ir.js'
import { fromMmx, mmxConversion } from '../mmx.js'
import { lane, type Sem, type Semantics } from '../semantics.js'
import { lanes, mergeLow, pick, ZERO } from '../vector.js'

type Real = 'f32' | 'f64'

/** 2^31 or 2^63, the first value that is too great. */
const limit = (real: Real, width: Width): Node =>
  real === 'f32'
    ? pure('f32.reinterpret_i32', i32(width === 64 ? 0x5f000000 : 0x4f000000))
    : pure('f64.reinterpret_i64', i64(0, width === 64 ? 0x43e00000 : 0x41e00000))

const integral = (shape: string, truncates: boolean, x: Node): Node => (truncates ? x : pure(`${shape}.nearest`, x))

/** wasm's saturating conversion differs from x86's only from the limit upwards and for NaN. */
const toInteger =
  (real: Real, truncates: boolean): Semantics =>
  (s) => {
    const scalar = s.scalar(1, real)
    const type = s.width === 64 ? 'i64' : 'i32'
    const plain = () => {
      const value = integral(real, truncates, scalar)
      const indefinite = s.width === 64 ? i64(0, 0x80000000 | 0) : i32(0x80000000)
      const fits = pure(`${real}.lt`, value, limit(real, s.width))
      return select(fits, pure(`${type}.trunc_sat_${real}_s`, value), indefinite)
    }
    s.write(0, s.exact(`${type}.${real}`, type, plain, scalar, i32(truncates ? 1 : 0)))
  }

const fromInteger =
  (real: Real): Semantics =>
  (s) => {
    const value = s.read(1)
    const plain = () => pure(`${real}.convert_${value.type}_s`, value)
    s.setScalar(0, s.exact(`${real}.${value.type}`, real, plain, value))
  }

/** A vector from a vector: what becomes of 128 bits. */
type Conversion = (s: Sem, source: Node) => Node

const singlesToIntegers =
  (truncates: boolean): Conversion =>
  (s, source) => {
    const plain = () => {
      const value = integral('f32x4', truncates, source)
      const fits = pure('f32x4.lt', value, lanes(0x4f000000, 0x4f000000, 0x4f000000, 0x4f000000))
      return pure('v128.bitselect', pure('i32x4.trunc_sat_f32x4_s', value), pure('i32x4.splat', i32(0x80000000)), fits)
    }
    return s.exact('i32x4.f32x4', 'v128', plain, source, i32(truncates ? 1 : 0))
  }

const doublesToIntegers =
  (truncates: boolean): Conversion =>
  (s, source) => {
    const plain = () => {
      const value = integral('f64x2', truncates, source)
      const fits = pick(pure('f64x2.lt', value, lanes(0, 0x41e00000, 0, 0x41e00000)), ZERO, 4, 0, 2, 4, 4)
      const indefinite = lanes(0x80000000, 0x80000000, 0, 0)
      return pure('v128.bitselect', pure('i32x4.trunc_sat_f64x2_s_zero', value), indefinite, fits)
    }
    return s.exact('i32x4.f64x2', 'v128', plain, source, i32(truncates ? 1 : 0))
  }

/** A wasm operation, and the exact helper for it. */
const unary =
  (op: string, exact: string): Conversion =>
  (s, source) =>
    s.exact(exact, 'v128', () => pure(op, source), source)
const integersToDoubles: Conversion = (_s, source) => pure('f64x2.convert_low_i32x4_s', source)

const converts =
  (conversion: Conversion): Semantics =>
  (s) =>
    s.setVec(0, conversion(s, s.vec(1)))
/** 256 bits from 128: lanes get wider. */
const widens =
  (conversion: Conversion): Semantics =>
  (s) => {
    const source = s.vec(1)
    s.setVec(0, conversion(s, source), 0)
    s.setVec(0, conversion(s, pick(source, source, 8, 1, 1)), 1)
  }
/** 128 bits from 256: lanes get narrower. */
const narrows =
  (conversion: Conversion): Semantics =>
  (s) => {
    const low = conversion(s, s.vec(1, 0))
    s.setVec(0, pick(low, conversion(s, s.vec(1, 1)), 8, 0, 2))
  }

/** roundps and its kin: bit 2 of the immediate says to follow MXCSR instead of bits 0–1. */
const MODES = ['nearest', 'floor', 'ceil', 'trunc'] as const
function round(shape: string, mode: Node, x: Node): Node {
  assert(mode.kind === 'const', 'regions know the mode')
  return pure(`${shape}.${MODES[(mode.low & 4 ? 0 : mode.low & 3) as 0 | 1 | 2 | 3]}`, x)
}
const roundPacked =
  (shape: 'f32x4' | 'f64x2'): Semantics =>
  (s) => {
    const source = s.vec(1)
    const mode = s.immediateByte()
    s.setVec(
      0,
      s.exact(`${shape}.round`, 'v128', () => round(shape, mode, source), source, mode),
    )
  }
const roundScalar =
  (real: Real): Semantics =>
  (s) => {
    const source = s.scalar(1, real)
    const mode = s.immediateByte()
    s.setScalar(
      0,
      s.exact(`${real}.round`, real, () => round(real, mode, source), source, mode),
    )
  }

const widen: Semantics = (s) => {
  const source = s.scalar(1, 'f32')
  s.setScalar(
    0,
    s.exact('f64.f32', 'f64', () => pure('f64.promote_f32', source), source),
  )
}
const narrow: Semantics = (s) => {
  const source = s.scalar(1, 'f64')
  const value = s.exact('f32.f64', 'f32', () => pure('f32.demote_f64', source), source)
  s.setVec(0, lane('f32x4.replace_lane', 0, s.vec(0), value))
}

const promote = unary('f64x2.promote_low_f32x4', 'f64x2.f32x4')
const demote = unary('f32x4.demote_f64x2_zero', 'f32x4.f64x2')
const singles = unary('f32x4.convert_i32x4_s', 'f32x4.i32x4')
const AVX = { feature: 'avx', whole: true } as const

/** Two singles to and from an MMX register: the lanes above are zeros, which raise nothing. */
const toPair =
  (truncates: boolean): Semantics =>
  (s) =>
    s.setVec(0, singlesToIntegers(truncates)(s, pick(s.vec(1), ZERO, 8, 0, 2)))
const fromPair: Semantics = (s) => s.setVec(0, mergeLow(s.vec(0), singles(s, s.vec(1)), 8))

export const sseConvert: readonly Row[] = [
  form('F3 0F 2A /r', 'cvtsi2ss', 'Vd Ey', fromInteger('f32'), { vex: 'Vd Hd Ey' }),
  form('F2 0F 2A /r', 'cvtsi2sd', 'Vq Ey', fromInteger('f64'), { vex: 'Vq Hq Ey' }),
  form('F3 0F 2C /r', 'cvttss2si', 'Gy Wd', toInteger('f32', true), { vex: 'Gy Wd' }),
  form('F2 0F 2C /r', 'cvttsd2si', 'Gy Wq', toInteger('f64', true), { vex: 'Gy Wq' }),
  form('F3 0F 2D /r', 'cvtss2si', 'Gy Wd', toInteger('f32', false), { vex: 'Gy Wd' }),
  form('F2 0F 2D /r', 'cvtsd2si', 'Gy Wq', toInteger('f64', false), { vex: 'Gy Wq' }),
  form('F3 0F 5A /r', 'cvtss2sd', 'Vq Wd', widen, { vex: 'Vq Hq Wd' }),
  form('F2 0F 5A /r', 'cvtsd2ss', 'Vd Wq', narrow, { vex: 'Vd Hd Wq' }),
  form('NP 0F 5A /r', 'cvtps2pd', 'Vx Wq', converts(promote), { vex: 'Vo Wq L0' }),
  form('66 0F 5A /r', 'cvtpd2ps', 'Vx Wx', converts(demote), { vex: 'Vo Wo L0' }),
  form('NP 0F 5B /r', 'cvtdq2ps', 'Vx Wx', converts(singles), { vex: 'Vx Wx' }),
  form('66 0F 5B /r', 'cvtps2dq', 'Vx Wx', converts(singlesToIntegers(false)), { vex: 'Vx Wx' }),
  form('F3 0F 5B /r', 'cvttps2dq', 'Vx Wx', converts(singlesToIntegers(true)), { vex: 'Vx Wx' }),
  form('F3 0F E6 /r', 'cvtdq2pd', 'Vx Wq', converts(integersToDoubles), { vex: 'Vo Wq L0' }),
  form('F2 0F E6 /r', 'cvtpd2dq', 'Vx Wx', converts(doublesToIntegers(false)), { vex: 'Vo Wo L0' }),
  form('66 0F E6 /r', 'cvttpd2dq', 'Vx Wx', converts(doublesToIntegers(true)), { vex: 'Vo Wo L0' }),
  ...withFeature('sse4_1', [
    form('66 0F3A 08 /r', 'roundps', 'Vx Wx Ib', roundPacked('f32x4'), { vex: 'Vx Wx Ib' }),
    form('66 0F3A 09 /r', 'roundpd', 'Vx Wx Ib', roundPacked('f64x2'), { vex: 'Vx Wx Ib' }),
    form('66 0F3A 0A /r', 'roundss', 'Vd Wd Ib', roundScalar('f32'), { vex: 'Vd Hd Wd Ib' }),
    form('66 0F3A 0B /r', 'roundsd', 'Vq Wq Ib', roundScalar('f64'), { vex: 'Vq Hq Wq Ib' }),
  ]),
  form('VEX NP 0F 5A /r L1', 'vcvtps2pd', 'Vx Wo', widens(promote), AVX),
  form('VEX F3 0F E6 /r L1', 'vcvtdq2pd', 'Vx Wo', widens(integersToDoubles), AVX),
  form('VEX 66 0F 5A /r L1', 'vcvtpd2ps', 'Vo Wx', narrows(demote), AVX),
  form('VEX F2 0F E6 /r L1', 'vcvtpd2dq', 'Vo Wx', narrows(doublesToIntegers(false)), AVX),
  form('VEX 66 0F E6 /r L1', 'vcvttpd2dq', 'Vo Wx', narrows(doublesToIntegers(true)), AVX),
  form('NP 0F 2A /r', 'cvtpi2ps', 'Vq Qq', fromMmx(fromPair)),
  form('66 0F 2A /r', 'cvtpi2pd', 'Vx Qq', fromMmx(converts(integersToDoubles))),
  form('NP 0F 2C /r', 'cvttps2pi', 'Pq Wq', mmxConversion(toPair(true))),
  form('66 0F 2C /r', 'cvttpd2pi', 'Pq Wx', mmxConversion(converts(doublesToIntegers(true)))),
  form('NP 0F 2D /r', 'cvtps2pi', 'Pq Wq', mmxConversion(toPair(false))),
  form('66 0F 2D /r', 'cvtpd2pi', 'Pq Wx', mmxConversion(converts(doublesToIntegers(false)))),
]
