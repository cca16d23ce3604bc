// Comparisons of x87 numbers, and what fxam says of one (SDM vol. 1, 8.1.3 and 8.3.6).

import { X87_FLAGS } from '../record.js'
import {
  compare,
  DENORMAL,
  type Extended,
  fromExtended,
  INVALID,
  isSignaling,
  isUnsupported,
  noteDenormal,
} from './extended.js'
import { C0, C1, C2, C3, type X87State } from './state.js'

/** C3 C2 C0 of a comparison: ordered ones refuse quiet NaNs too. */
function relation(x87: X87State, a: Extended, b: Extended, ordered: boolean): number {
  const { context } = x87
  if (a.kind === 'nan' || b.kind === 'nan') {
    context.raised &= ~DENORMAL
    if (ordered || isSignaling(a) || isSignaling(b)) context.raised |= INVALID
    return C3 | C2 | C0
  }
  noteDenormal(a, b, context)
  const order = compare(a, b)
  return order > 0 ? 0 : order < 0 ? C0 : C3
}

/** st(0) with another operand. */
export function compareWith(x87: X87State, b: Extended, ordered: boolean, pops: number): void {
  x87.codes(relation(x87, x87.get(0), b, ordered))
  for (let n = 0; n < pops; n++) x87.pop()
}

/** fcomi and its kin: ZF PF CF. */
export function compareToFlags(x87: X87State, index: number, ordered: boolean, pops: boolean): void {
  const codes = relation(x87, x87.get(0), x87.get(index), ordered)
  const flags = (codes & C0 ? 1 : 0) | (codes & C2 ? 4 : 0) | (codes & C3 ? 0x40 : 0)
  x87.view.setInt32(x87.task + X87_FLAGS, flags, true)
  if (pops) x87.pop()
}

/** fxam (SDM vol. 2A, table 3-43). An empty register has a sign too. */
export function examine(x87: X87State) {
  const sign = x87.signAndExponent(0) & 0x8000 ? C1 : 0
  if (x87.isEmpty(0)) return x87.codes(sign | C3 | C0)
  const value = fromExtended(x87.significand(0), x87.signAndExponent(0))
  x87.codes(sign | classOf(value, x87.signAndExponent(0)))
}

function classOf(value: Extended, signAndExponent: number): number {
  switch (value.kind) {
    case 'nan':
      return isUnsupported(value) ? 0 : C0
    case 'infinite':
      return C2 | C0
    case 'zero':
      return C3
    case 'finite':
      return (signAndExponent & 0x7fff) === 0 ? C3 | C2 : C2
  }
}
