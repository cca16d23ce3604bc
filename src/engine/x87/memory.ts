// x87 numbers in memory: singles, doubles, integers of 16, 32 and 64 bits, packed decimals and whole registers (SDM vol. 1, 4.2 and 8.2).

import { combine } from './arithmetic.js'
import { compareWith } from './compare.js'
import {
  DOUBLE,
  type Extended,
  finite,
  fromImage,
  fromInteger,
  INVALID,
  integerOf,
  propagate,
  roundToIntegral,
  SINGLE,
  TRUNCATE,
  toExtended,
  toImage,
} from './extended.js'
import { STACK_FAULT, type X87State } from './state.js'

export const unsigned = (low: number, high: number): bigint => (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0)

// ---- loads --------------------------------------------------------------------------------------------------------------

/** What the bytes mean, by opcode, when it says the type. */
function operand({ context }: X87State, opcode: number, low: number, middle: number): Extended {
  switch (opcode) {
    case 0xd8:
    case 0xd9:
      return fromImage(BigInt(low >>> 0), SINGLE, context)
    case 0xdc:
    case 0xdd:
      return fromImage(unsigned(low, middle), DOUBLE, context)
    case 0xda:
    case 0xdb:
      return fromInteger(BigInt(low))
    default:
      return fromInteger(BigInt((low << 16) >> 16))
  }
}

/** Eighteen packed decimal digits and a sign byte (SDM vol. 1, 4.7). */
function fromDecimal(image: bigint, top: number): Extended {
  let value = 0n
  for (let n = 17; n >= 0; n--) {
    const digits = n >= 16 ? BigInt(top & 0xff) >> BigInt((n - 16) * 4) : image >> BigInt(n * 4)
    value = value * 10n + (digits & 15n)
  }
  return finite((top & 0x8000) !== 0, value, 0)
}

/** A form that reads memory: a push, or arithmetic and comparisons with st(0). */
export function load(x87: X87State, opcode: number, digit: number, low: number, middle: number, high: number): void {
  if (opcode === 0xdb && digit === 5) {
    if (x87.room()) x87.setImage(0, unsigned(low, middle), high & 0xffff)
  } else if (opcode === 0xdf && digit === 4) x87.push(fromDecimal(unsigned(low, middle), high))
  else if (opcode === 0xdf && digit === 5) x87.push(fromInteger(BigInt.asIntN(64, unsigned(low, middle))))
  else if (opcode === 0xd9 || opcode === 0xdb || opcode === 0xdd || opcode === 0xdf) {
    const value = operand(x87, opcode, low, middle)
    x87.loads = true
    x87.push(value.kind === 'nan' ? propagate(value, value, x87.context) : value)
  } else if (digit === 2 || digit === 3) compareWith(x87, operand(x87, opcode, low, middle), true, digit - 2)
  else combine(x87, digit, operand(x87, opcode, low, middle))
}

// ---- stores -------------------------------------------------------------------------------------------------------------

/** As an integer of so many bits, or the integer indefinite. */
function toWhole({ context }: X87State, value: Extended, bits: number, mode: number): bigint {
  const limit = 1n << BigInt(bits - 1)
  const before = { ...context, mode }
  const whole = value.kind === 'nan' || value.kind === 'infinite' ? limit : integerOf(roundToIntegral(value, before))
  if (whole >= limit || whole < -limit) {
    context.raised |= INVALID
    return limit
  }
  context.raised = before.raised
  context.roundedUp = before.roundedUp
  return whole
}

const DECIMAL_LIMIT = 10n ** 18n
function toDecimal({ context }: X87State, value: Extended): readonly [bigint, number] {
  const whole =
    value.kind === 'nan' || value.kind === 'infinite' ? DECIMAL_LIMIT : integerOf(roundToIntegral(value, context))
  const size = whole < 0n ? -whole : whole
  if (size >= DECIMAL_LIMIT) {
    context.raised = INVALID | (context.raised & STACK_FAULT)
    return [0xc000000000000000n, 0xffff]
  }
  const decimal = BigInt(`0x${size}`)
  return [decimal & 0xffffffffffffffffn, Number(decimal >> 64n) | (value.negative ? 0x8000 : 0)]
}

/** Prepares a store; true when the operation is one. */
export function store(x87: X87State, opcode: number, digit: number): boolean {
  const integer = opcode === 0xdb || opcode === 0xdf || digit === 1
  if (opcode === 0xdb && digit === 7) {
    if (x87.isEmpty(0)) x87.result(...toExtended(x87.fault(false)))
    else x87.result(x87.significand(0), x87.signAndExponent(0))
  } else if (opcode === 0xdf && digit === 6) x87.result(...toDecimal(x87, x87.get(0)))
  else if (opcode === 0xdf && digit === 7) x87.result(toWhole(x87, x87.get(0), 64, x87.context.mode))
  else if (digit < 1 || digit > 3 || opcode === 0xd8 || opcode === 0xda || opcode === 0xdc || opcode === 0xde)
    return false
  else if (integer) {
    const bits = opcode === 0xdf ? 16 : opcode === 0xdb ? 32 : 64
    x87.result(toWhole(x87, x87.get(0), bits, digit === 1 ? TRUNCATE : x87.context.mode))
  } else x87.result(toImage(x87.get(0), opcode === 0xd9 ? SINGLE : DOUBLE, x87.context))
  if (digit !== 2) x87.pop()
  return true
}
