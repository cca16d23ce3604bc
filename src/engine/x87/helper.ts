// The exact x87 helper of forms/x87.ts: one instruction on the x87 area of a task record, registers as 80-bit images.
//   const x87 = makeX87(memory.buffer); x87(task, opcode << 8 | modrm, low, middle, high) // 1, or 0 for a store that is not done
// It touches nothing but the x87 area: general registers, vectors, flags and memory are the caller's. BigInt throughout.

import { combine, combineTo, extract, loadConstant, remainder, root, scale, toIntegral } from './arithmetic.js'
import { compareToFlags, compareWith, examine } from './compare.js'
import { zero } from './extended.js'
import { load, store, unsigned } from './memory.js'
import { X87State } from './state.js'
import { f2xm1, fcos, fpatan, fptan, fsin, fsincos, fyl2x, fyl2xp1 } from './transcendental.js'

export type X87Helper = (task: number, operation: number, low: number, middle: number, high: number) => number

const signed =
  (change: (signAndExponent: number) => number) =>
  (x87: X87State): void =>
    x87.isEmpty(0)
      ? x87.set(0, x87.fault(false))
      : x87.view.setUint16(x87.place(0) + 8, change(x87.signAndExponent(0)), true)

/** D9 E0 … FF by the low five bits. */
const NULLARY: Readonly<Record<number, (x87: X87State) => void>> = {
  0: signed((bits) => bits ^ 0x8000),
  1: signed((bits) => bits & 0x7fff),
  4: (x87) => compareWith(x87, zero(), true, 0),
  5: examine,
  16: f2xm1,
  17: fyl2x,
  18: fptan,
  19: fpatan,
  20: extract,
  21: (x87) => remainder(x87, true),
  24: (x87) => remainder(x87, false),
  25: fyl2xp1,
  26: root,
  27: fsincos,
  28: toIntegral,
  29: scale,
  30: fsin,
  31: fcos,
}

function exchange(x87: X87State, index: number): void {
  for (const register of [0, index].filter((one) => x87.isEmpty(one))) x87.set(register, x87.fault(false))
  const significand = x87.significand(0)
  const signAndExponent = x87.signAndExponent(0)
  x87.copy(index, 0)
  x87.setImage(index, significand, signAndExponent)
}

/** fstpnce: when st(0) is empty, st(i) stays as it is and there is no fault. */
function moveWithoutCheck(x87: X87State, index: number): void {
  if (!x87.isEmpty(0)) x87.copy(0, index)
  x87.pop()
}

/** fld st(i), which counts before the push. */
function duplicate(x87: X87State, index: number): void {
  const missing = x87.isEmpty(index)
  const significand = x87.significand(index)
  const signAndExponent = x87.signAndExponent(index)
  const hasRoom = x87.room()
  // Both faults at once count as the underflow.
  if (missing) x87.set(0, x87.fault(false))
  else if (hasRoom) x87.setImage(0, significand, signAndExponent)
}

function move(x87: X87State, index: number, condition: boolean): void {
  if (x87.isEmpty(0) || x87.isEmpty(index)) x87.set(0, x87.fault(false))
  else if (condition) x87.copy(index, 0)
}

function registerForm(x87: X87State, opcode: number, digit: number, rm: number, low: number) {
  switch (opcode) {
    case 0xd8:
      return digit === 2 || digit === 3
        ? compareWith(x87, x87.get(rm), true, digit - 2)
        : combine(x87, digit, x87.get(rm))
    case 0xd9:
      if (digit === 0) return duplicate(x87, rm)
      if (digit === 1) return exchange(x87, rm)
      if (digit === 3) return moveWithoutCheck(x87, rm)
      return NULLARY[(digit - 4) * 8 + rm]?.(x87)
    case 0xda:
    case 0xdb:
      if (digit < 4) return move(x87, rm, low !== 0)
      if (opcode === 0xda) return compareWith(x87, x87.get(1), false, 2)
      return compareToFlags(x87, rm, digit === 6, false)
    case 0xdc:
      return combineTo(x87, digit, rm)
    case 0xdd:
      if (digit === 0) return x87.free(rm)
      if (digit === 2) return x87.copy(0, rm)
      if (digit === 4 || digit === 5) return compareWith(x87, x87.get(rm), false, digit - 4)
      x87.copy(0, rm)
      return x87.pop()
    case 0xde:
      if (digit === 3) return compareWith(x87, x87.get(1), true, 2)
      combineTo(x87, digit, rm)
      return x87.pop()
    default:
      return compareToFlags(x87, rm, digit === 6, true)
  }
}

/** fxam and fprem give C1 a meaning of their own; fcomi, fcmov and their kin leave it. */
const keepsC1 = (opcode: number, modrm: number): boolean =>
  (opcode === 0xd9 && (modrm === 0xe5 || modrm === 0xf5 || modrm === 0xf8)) ||
  ((opcode === 0xdb || opcode === 0xdf) && modrm >= 0xe8) ||
  ((opcode === 0xda || opcode === 0xdb) && modrm >= 0xc0 && modrm < 0xe0)

export function makeX87(buffer: ArrayBufferLike): X87Helper {
  const x87 = new X87State(buffer)
  return (task, operation, low, middle, high) => {
    const opcode = operation >> 8
    const modrm = operation & 0xff
    const digit = (modrm >> 3) & 7
    const memory = modrm < 0xc0
    x87.begin(task, keepsC1(opcode, modrm))
    const stores = memory && store(x87, opcode, digit)
    if (memory && !stores) load(x87, opcode, digit, low, middle, high)
    else if (opcode === 0xd9 && digit === 5) loadConstant(x87, unsigned(low, middle), high)
    else if (!stores) registerForm(x87, opcode, digit, modrm & 7, low)
    return x87.finish(stores) ? 1 : 0
  }
}
