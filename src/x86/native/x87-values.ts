// Values, states and memory operands that find bugs in x87 instructions: the edges of the 80-bit format, numbers near each other and near
// the limits of other formats, encodings that no operation makes, packed decimals, full and empty stacks, every control word.

import type { Prng } from '../../lib/prng.js'
import type { Form } from '../form.js'
import { X87_BYTES } from './machine.js'
import { integer, vectorBytes } from './values.js'

const INTEGER_BIT = 1n << 63n
const QUIET_BIT = 1n << 62n
const BIAS = 16383
const GREATEST = 0x7ffe
const random64 = (prng: Prng): bigint => (BigInt(prng.next()) << 32n) | BigInt(prng.next())

/** 63 bits of a fraction: few bits, many, those of shorter formats, or any. */
function fraction(prng: Prng): bigint {
  const all = INTEGER_BIT - 1n
  switch (prng.below(9)) {
    case 0:
      return 0n
    case 1:
      return BigInt(prng.below(4))
    case 2:
      return all - BigInt(prng.below(4))
    case 3:
      return (1n << BigInt(prng.below(63))) + BigInt(prng.below(3)) - 1n
    case 4:
      return (all << BigInt(prng.below(63))) & all
    // Halfway, or nearly, between two singles or doubles.
    case 5: {
      const cut = BigInt(prng.pick([39, 10]))
      return (
        (((random64(prng) & all) >> cut) << cut) | (BigInt(prng.below(2)) << cut) | (1n << cut) | BigInt(prng.below(2))
      )
    }
    case 6:
      return ((random64(prng) & all) >> 31n) << 31n
    default:
      return random64(prng) & all
  }
}

/** Exponents at which something happens. */
function exponent(prng: Prng): number {
  const around = (middle: number, reach: number) => middle + prng.below(2 * reach + 1) - reach
  switch (prng.below(12)) {
    case 0:
      return 1 + prng.below(GREATEST)
    case 1:
      return 1 + prng.below(prng.pick([3, 70]))
    case 2:
      return GREATEST - prng.below(prng.pick([3, 70]))
    // Products and quotients near both ends.
    case 3:
      return around(BIAS / 2 + prng.below(2), prng.pick([2, 40]))
    case 4:
      return Math.min(GREATEST, around(BIAS * 1.5 + prng.below(2), prng.pick([2, 40])) | 0)
    // The limits of singles and doubles, normal or not.
    case 5:
      return BIAS + prng.pick([-126, 127, -150]) + prng.below(5) - 2
    case 6:
      return BIAS + prng.pick([-1022, 1023, -1075]) + prng.below(5) - 2
    // And those of integers.
    case 7:
      return BIAS + prng.pick([15, 31, 63, 59]) + prng.below(4) - 2
    default:
      return around(BIAS, prng.pick([1, 3, 70]))
  }
}

/** Ten bytes: a number, or what is none. */
export function extended(prng: Prng): Uint8Array {
  const sign = prng.below(2) << 15
  switch (prng.below(24)) {
    case 0:
      return image(0n, sign)
    case 1:
      return image(INTEGER_BIT, sign | 0x7fff)
    // Quiet NaNs, the indefinite among them, and signaling ones.
    case 2:
      return image(INTEGER_BIT | QUIET_BIT | (prng.chance(0.5) ? 0n : fraction(prng)), sign | 0x7fff)
    case 3:
      return image(INTEGER_BIT | ((fraction(prng) & (QUIET_BIT - 1n)) + 1n), sign | 0x7fff)
    // Denormals and pseudo-denormals.
    case 4:
      return image(random64(prng) >> BigInt(1 + prng.below(63)), sign)
    case 5:
      return image(INTEGER_BIT | fraction(prng), sign)
    // Unnormals, pseudo-infinities and pseudo-NaNs: the integer bit is missing.
    case 6:
      return prng.chance(0.3)
        ? image(prng.chance(0.5) ? 0n : fraction(prng), sign | prng.pick([0x7fff, exponent(prng)]))
        : number(prng, sign)
    case 7:
      return image(INTEGER_BIT, sign | BIAS)
    default:
      return number(prng, sign)
  }
}
const number = (prng: Prng, sign: number) => image(INTEGER_BIT | fraction(prng), sign | exponent(prng))

function image(significand: bigint, signAndExponent: number): Uint8Array {
  const bytes = new Uint8Array(10)
  const view = new DataView(bytes.buffer)
  view.setBigUint64(0, significand, true)
  view.setUint16(8, signAndExponent, true)
  return bytes
}

/** Eighteen digits, mostly of ten, and a sign. */
function decimal(prng: Prng): Uint8Array {
  const bytes = new Uint8Array(10)
  const length = prng.below(10)
  for (let n = 0; n < length; n++) bytes[n] = prng.below(10) | (prng.below(10) << 4)
  bytes[9] = prng.below(2) << 7
  return bytes
}

/** Exceptions masked or not, precision (1 is reserved), rounding. */
function controlWord(prng: Prng): number {
  const masks = prng.chance(0.5) ? 0x3f : prng.chance(0.5) ? 0x3f & ~(1 << prng.below(6)) : prng.below(64)
  const precision = prng.chance(0.6) ? 3 : prng.pick([0, 2])
  return 0x40 | masks | (precision << 8) | (prng.below(4) << 10)
}

/** The first part of an FXSAVE image (SDM vol. 1, table 10-2) for an x87 row: mostly without a pending exception. */
export function x87StateFor(prng: Prng): Uint8Array {
  const bytes = new Uint8Array(X87_BYTES)
  const view = new DataView(bytes.buffer)
  const control = controlWord(prng)
  const flags = prng.chance(0.5) ? 0 : prng.below(0x80)
  const pending = prng.chance(0.05)
  const exceptions = pending ? flags : flags & (control | 0x40)
  const summary = (exceptions & ~control & 0x3f) === 0 ? 0 : 0x8080
  view.setUint16(0, control, true)
  view.setUint16(2, (prng.next() & 0x7f00) | exceptions | summary, true)
  bytes[4] = prng.pick([0xff, 0xff, 0xff, 0, prng.next() & 0xff])
  view.setUint16(6, prng.next() & 0x7ff, true)
  view.setUint32(8, prng.next(), true)
  view.setUint32(16, prng.next(), true)
  const like = prng.chance(0.25) ? extended(prng) : undefined
  for (let n = 0; n < 8; n++) bytes.set(like === undefined ? extended(prng) : near(like, prng), 32 + 16 * n)
  return bytes
}

/** The same number, or one that differs in the last place, in sign or a little in size. */
function near(bytes: Uint8Array, prng: Prng): Uint8Array {
  const copy = bytes.slice()
  const kind = prng.below(6)
  if (kind === 0) copy[0] = (copy[0] as number) ^ (1 << prng.below(4))
  if (kind === 1) copy[8] = (copy[8] as number) ^ (1 << prng.below(3))
  if (kind === 2) copy[8] = (copy[8] as number) ^ (1 << prng.below(8))
  if (prng.chance(0.5)) copy[9] = (copy[9] as number) ^ 0x80
  return copy
}

export const isX87 = ({ x87, mnemonic }: Form): boolean => x87 || mnemonic === 'wait'

/** What a memory operand holds, 32 bytes of it. */
export function x87Memory({ opcode, digit, mnemonic }: Form, prng: Prng): Uint8Array {
  const bytes = new Uint8Array(32)
  prng.fill(bytes)
  const wide = opcode === 0xdb && digit >= 5
  if (wide) bytes.set(extended(prng))
  else if (mnemonic === 'fbld') bytes.set(prng.chance(0.8) ? decimal(prng) : bytes.slice(0, 10))
  else if (mnemonic === 'fldcw') new DataView(bytes.buffer).setUint16(0, controlWord(prng), true)
  else if (/^f(ldenv|rstor)$/.test(mnemonic) && prng.chance(0.7)) bytes.set(environment(prng))
  else if (opcode === 0xd8 || opcode === 0xd9) bytes.set(vectorBytes(prng, 'single'))
  else if (opcode === 0xdc || opcode === 0xdd) bytes.set(vectorBytes(prng, 'double'))
  else if (prng.chance(0.8)) new DataView(bytes.buffer).setBigUint64(0, integer(prng), true)
  return bytes
}

/** A 28-byte environment that mostly has no pending exception. */
function environment(prng: Prng): Uint8Array {
  const bytes = new Uint8Array(28)
  const view = new DataView(bytes.buffer)
  prng.fill(bytes)
  const control = controlWord(prng)
  view.setUint16(0, control, true)
  view.setUint16(4, prng.next() & 0x7f00 & (prng.chance(0.8) ? control | 0xff40 : 0xffff), true)
  return bytes
}
