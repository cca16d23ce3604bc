// f2xm1, fyl2x, fyl2xp1, fptan, fpatan, fsin, fcos, fsincos (SDM vol. 1, 8.3.7 and 8.3.10), through doubles.

import {
  bitLength,
  DOUBLE,
  type Extended,
  finite,
  fromImage,
  INDEFINITE,
  INEXACT,
  INVALID,
  NEAREST,
  propagate,
  toImage,
} from './extended.js'
import { C2, type X87State } from './state.js'

const ONE = finite(false, 1n, 0)
const words = new DataView(new ArrayBuffer(8))
const plain = () => ({ mode: NEAREST, unmasked: 0, raised: 0, roundedUp: false })

const toNumber = (x: Extended): number => {
  words.setBigUint64(0, toImage(x, DOUBLE, plain()))
  return words.getFloat64(0)
}
const fromNumber = ({ context }: X87State, value: number): Extended => {
  words.setFloat64(0, value)
  context.raised |= INEXACT
  return fromImage(words.getBigUint64(0), DOUBLE, plain())
}
function approximately(x87: X87State, a: Extended, b: Extended, compute: (x: number, y: number) => number): Extended {
  if (a.kind === 'nan' || b.kind === 'nan') return propagate(a, b, x87.context)
  const value = compute(toNumber(a), toNumber(b))
  if (!Number.isNaN(value)) return fromNumber(x87, value)
  x87.context.raised |= INVALID
  return INDEFINITE
}
const unary = (compute: (value: number) => number) => (x87: X87State) =>
  x87.set(0, approximately(x87, x87.get(0), ONE, compute))
/** st(1) ← f(st(0), st(1)), pop. */
const binary = (compute: (x: number, y: number) => number) => (x87: X87State) => {
  const value = x87.settled(approximately(x87, x87.get(0), x87.get(1), compute))
  x87.pop()
  x87.set(0, value)
}
const trigonometric = (compute: (value: number) => number, second?: (value: number) => number) => (x87: X87State) => {
  const angle = x87.get(0)
  x87.codes(0)
  // Out of range: the operand stays, C2 says so (SDM vol. 2A, FSIN).
  if (angle.kind === 'finite' && angle.exponent + bitLength(angle.significand) > 63) return x87.codes(C2)
  x87.set(0, approximately(x87, angle, ONE, compute))
  if (second !== undefined) x87.push(approximately(x87, angle, ONE, second))
}

export const f2xm1 = unary((x) => Math.expm1(x * Math.LN2))
export const fyl2x = binary((x, y) => y * Math.log2(x))
export const fyl2xp1 = binary((x, y) => y * (Math.log1p(x) / Math.LN2))
export const fpatan = binary((x, y) => Math.atan2(y, x))
export const fptan = trigonometric(Math.tan, () => 1)
export const fsin = trigonometric(Math.sin)
export const fcos = trigonometric(Math.cos)
export const fsincos = trigonometric(Math.sin, Math.cos)
