// FMA and F16C (SDM vol. 1, 14.4 and 14.5): fused multiply-add in its three orders, and half precision. wasm has neither: the exact
// helpers compute them in any code.

import { form, type Row } from '../form.js'
import { i32 } from '../ir.js'
import type { Semantics } from '../semantics.js'
import { pick } from '../vector.js'

type Real = 'f32' | 'f64'
const SHAPE = { f32: 'f32x4', f64: 'f64x2' } as const

/** Which operands are multiplied and which is added: the digits of the name, counted from zero and in this order. */
const ORDERS = [
  { digits: '132', high: 0x90, operands: [0, 2, 1] },
  { digits: '213', high: 0xa0, operands: [1, 0, 2] },
  { digits: '231', high: 0xb0, operands: [1, 2, 0] },
] as const

/** Low digit of the opcode; what is negated in even lanes and in odd ones: 1 the product, 2 the addend. */
const OPERATIONS = [
  { name: 'fmaddsub', low: 0x6, even: 2, odd: 0 },
  { name: 'fmsubadd', low: 0x7, even: 0, odd: 2 },
  { name: 'fmadd', low: 0x8, even: 0, odd: 0 },
  { name: 'fmsub', low: 0xa, even: 2, odd: 2 },
  { name: 'fnmadd', low: 0xc, even: 1, odd: 1 },
  { name: 'fnmsub', low: 0xe, even: 3, odd: 3 },
] as const

const KINDS = [
  { real: 'f32', w: 'W0', letter: 's', scalar: 'd' },
  { real: 'f64', w: 'W1', letter: 'd', scalar: 'q' },
] as const

type Three = readonly [number, number, number]

const packed =
  (real: Real, [a, b, c]: Three, signs: number): Semantics =>
  (s) =>
    s.setVec(0, s.exactAlways(`${SHAPE[real]}.fma`, 'v128', s.vec(a), s.vec(b), s.vec(c), i32(signs)))
const scalar =
  (real: Real, [a, b, c]: Three, signs: number): Semantics =>
  (s) => {
    const [x, y, z] = [s.scalar(a, real), s.scalar(b, real), s.scalar(c, real)]
    s.setScalar(0, s.exactAlways(`${real}.fma`, real, x, y, z, i32(signs)))
  }

const FMA = { feature: 'fma' } as const
const F16C = { feature: 'f16c', whole: true } as const

const rows = ORDERS.flatMap(({ digits, high, operands }) =>
  OPERATIONS.flatMap(({ name, low, even, odd }) =>
    KINDS.flatMap(({ real, w, letter, scalar: size }) => {
      const encoding = (opcode: number) => `VEX 66 0F38 ${opcode.toString(16).toUpperCase()} /r ${w}`
      const whole = form(
        encoding(high + low),
        `v${name}${digits}p${letter}`,
        'Vx Hx Wx',
        packed(real, operands, even | (odd << 2)),
        FMA,
      )
      if (even !== odd) return [whole]
      const lowest = form(
        encoding(high + low + 1),
        `v${name}${digits}s${letter}`,
        `V${size} H${size} W${size}`,
        scalar(real, operands, even),
        FMA,
      )
      return [whole, lowest]
    }),
  ),
)

const fromHalf: Semantics = (s) => {
  const source = s.vec(1)
  s.setVec(0, s.exactAlways('f32x4.f16x4', 'v128', source), 0)
  if (s.length === 256) s.setVec(0, s.exactAlways('f32x4.f16x4', 'v128', pick(source, source, 8, 1, 1)), 1)
}

const toHalf: Semantics = (s) => {
  const convert = (half: 0 | 1) => s.exactAlways('f16x4.f32x4', 'v128', s.vec(1, half), s.immediateByte())
  const low = convert(0)
  const value = s.length === 256 ? pick(low, convert(1), 8, 0, 2) : low
  s.setVecOfFloats(0, value)
}

export const fma: readonly Row[] = [
  ...rows,
  form('VEX 66 0F38 13 /r W0 L0', 'vcvtph2ps', 'Vo Wq', fromHalf, F16C),
  form('VEX 66 0F38 13 /r W0 L1', 'vcvtph2ps', 'Vx Wo', fromHalf, F16C),
  form('VEX 66 0F3A 1D /r W0 L0', 'vcvtps2ph', 'Wq Vo Ib', toHalf, F16C),
  form('VEX 66 0F3A 1D /r W0 L1', 'vcvtps2ph', 'Wo Vx Ib', toHalf, F16C),
]
