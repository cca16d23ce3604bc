// The values that find bugs: edges of integer and floating-point ranges, and random ones between them.

import type { Prng } from '../../lib/prng.js'

/** As after reset. */
export const MXCSR_DEFAULT = 0x1f80

const MASK64 = 0xffff_ffff_ffff_ffffn

/** 0, ±1 and both sides of every width's signed and unsigned limits, at 64 bits. */
const INTEGER_EDGES: readonly bigint[] = [8n, 16n, 32n, 64n]
  .flatMap((bits) => [
    (1n << (bits - 1n)) - 1n,
    1n << (bits - 1n),
    (1n << bits) - 1n,
    -(1n << (bits - 1n)) - 1n,
    1n << bits,
  ])
  .concat([0n, 1n, 2n, -1n, -2n, 0xfn, 0x10n, 0x1fn, 0x20n, 0x3fn, 0x40n, 0x41n])
  .map((value) => value & MASK64)

const SINGLE_EDGES: readonly number[] = [
  0x00000000, 0x80000000, 0x3f800000, 0xbf800000, 0x7f800000, 0xff800000, 0x7fc00000, 0xffc00001, 0x7f800001,
  0xff812345, 0x00000001, 0x807fffff, 0x00800000, 0x7f7fffff, 0x3f000000, 0x3fc00000, 0x40200000, 0x4effffff,
  0x4f000000, 0xcf000000, 0x5f000000, 0xdf000000, 0x4b000001, 0x33800000,
]
const DOUBLE_EDGES: readonly bigint[] = [
  0x0n,
  0x8000000000000000n,
  0x3ff0000000000000n,
  0xbff0000000000000n,
  0x7ff0000000000000n,
  0xfff0000000000000n,
  0x7ff8000000000000n,
  0xfff8000000000001n,
  0x7ff0000000000001n,
  0xfff123456789abcdn,
  0x1n,
  0x800fffffffffffffn,
  0x0010000000000000n,
  0x7fefffffffffffffn,
  0x3fe0000000000000n,
  0x3ff8000000000000n,
  0x4004000000000000n,
  0x41dfffffffc00000n,
  0x41e0000000000000n,
  0xc1e0000000000000n,
  0x43e0000000000000n,
  0xc3e0000000000000n,
  0x4340000000000001n,
  0x3ca0000000000000n,
  0x36a0000000000000n,
  0x47efffffe0000000n,
  0x380fffffc0000000n,
]

const random64 = (prng: Prng): bigint => (BigInt(prng.next()) << 32n) | BigInt(prng.next())

/** An integer at 64 bits; cut it as needed. */
export function integer(prng: Prng): bigint {
  const kind = prng.below(10)
  if (kind < 4) return prng.pick(INTEGER_EDGES)
  if (kind < 6) return BigInt(prng.below(256))
  if (kind < 7) return (random64(prng) >> BigInt(prng.below(64))) & MASK64
  return random64(prng)
}

/** Small enough to be a length, a count or an offset in bits. */
export const small = (prng: Prng, limit: number): bigint => BigInt(prng.below(limit))

/** Vectors made once per generator: making one costs more than running a case. */
const pools = new WeakMap<Prng, Readonly<Record<Lanes, Uint8Array>>>()
const POOL_VECTORS = 2048

/** Of which lanes a vector is: `mixed` are integers, singles or doubles, or bytes without meaning. */
export type Lanes = 'mixed' | 'half' | 'single' | 'double'
const KINDS = { half: 6, single: 2, double: 4 } as const

/** Sixteen bytes. */
export function vectorBytes(prng: Prng, lanes: Lanes = 'mixed'): Uint8Array {
  let pool = pools.get(prng)
  if (pool === undefined) {
    pool = {
      mixed: newPool(prng, 'mixed'),
      half: newPool(prng, 'half'),
      single: newPool(prng, 'single'),
      double: newPool(prng, 'double'),
    }
    pools.set(prng, pool)
  }
  const at = 16 * prng.below(POOL_VECTORS)
  return pool[lanes].slice(at, at + 16)
}

function newPool(prng: Prng, lanes: Lanes): Uint8Array {
  const pool = new Uint8Array(16 * POOL_VECTORS)
  for (let n = 0; n < POOL_VECTORS; n++) pool.set(newVector(prng, lanes), 16 * n)
  return pool
}

function newVector(prng: Prng, lanes: Lanes): Uint8Array {
  const bytes = new Uint8Array(16)
  const view = new DataView(bytes.buffer)
  const kind = lanes === 'mixed' ? prng.below(8) : KINDS[lanes]
  if (kind < 2) for (let n = 0; n < 16; n += 8) view.setBigUint64(n, integer(prng), true)
  else if (kind < 4) for (let n = 0; n < 16; n += 4) view.setUint32(n, single(prng), true)
  else if (kind < 6) for (let n = 0; n < 16; n += 8) view.setBigUint64(n, double(prng), true)
  else if (kind < 7) for (let n = 0; n < 16; n += 2) view.setUint16(n, half(prng), true)
  else prng.fill(bytes)
  return bytes
}

/** Powers of two of significands, less or more a little, and long ones. */
function fraction(prng: Prng, bits: number): bigint {
  const all = (1n << BigInt(bits)) - 1n
  const few = BigInt(prng.below(4))
  switch (prng.below(5)) {
    case 0:
      return few
    case 1:
      return all - few
    case 2:
      return ((1n << BigInt(prng.below(bits))) + few) & all
    case 3:
      return (all << BigInt(prng.below(bits))) & all
    default:
      return random64(prng) & all
  }
}

/** Near the borders of the format: denormals, the least and greatest numbers, and what gives such as products and quotients. */
function nearBorder(prng: Prng, exponentBits: number, fractionBits: number): bigint {
  const greatest = 2 ** exponentBits - 2
  const middle = greatest / 2
  const around = (exponent: number, reach: number) => exponent + prng.below(2 * reach + 1) - reach
  const exponent = prng.pick([
    0,
    prng.below(3),
    greatest - prng.below(3),
    around(middle, 2),
    around(middle, fractionBits + 3),
    around(Math.floor(middle / 2), fractionBits),
    around(Math.floor(middle * 1.5), 2),
    fractionBits + prng.below(4),
  ])
  const sign = BigInt(prng.below(2)) << BigInt(exponentBits + fractionBits)
  const clamped = Math.max(0, Math.min(greatest, exponent))
  return sign | (BigInt(clamped) << BigInt(fractionBits)) | fraction(prng, fractionBits)
}

/** Exception flags, masks, rounding, flushing: often the default. */
export function mxcsr(prng: Prng): number {
  const flags = prng.chance(0.5) ? prng.below(64) : 0
  if (prng.chance(0.25)) return MXCSR_DEFAULT | flags
  const masks = prng.chance(0.75) ? 0x1f80 : prng.below(64) << 7
  const rounding = prng.chance(0.3) ? 0 : prng.below(4) << 13
  return flags | masks | rounding | (prng.chance(0.25) ? 0x40 : 0) | (prng.chance(0.25) ? 0x8000 : 0)
}

/** A number of a middling size, so that sums and products mean something, or an edge. */
function single(prng: Prng): number {
  if (prng.chance(0.4)) return Number(nearBorder(prng, 8, 23))
  if (prng.chance(0.5)) return prng.pick(SINGLE_EDGES)
  const view = new DataView(new ArrayBuffer(4))
  view.setFloat32(0, (prng.next() - 0x8000_0000) / 2 ** prng.below(40))
  return view.getUint32(0)
}

/** Half precision, or any 16 bits. */
const half = (prng: Prng): number => Number(prng.chance(0.5) ? nearBorder(prng, 5, 10) : integer(prng) & 0xffffn)

function double(prng: Prng): bigint {
  if (prng.chance(0.4)) return nearBorder(prng, 11, 52)
  if (prng.chance(0.5)) return prng.pick(DOUBLE_EDGES)
  const view = new DataView(new ArrayBuffer(8))
  view.setFloat64(0, (prng.next() - 0x8000_0000) / 2 ** prng.below(40))
  return view.getBigUint64(0)
}

/** What the data area holds before a case's patches. */
export function fillOf(prng: Prng, size: number): Uint8Array {
  const bytes = new Uint8Array(size)
  for (let at = 0; at < size; at += 16) bytes.set(vectorBytes(prng), at)
  return bytes
}

/** Masks all exceptions, extended precision, to nearest (SDM vol. 1, 8.1.5). */
const X87_CONTROL_DEFAULT = 0x37f
/** The first part of an FXSAVE image (SDM vol. 1, table 10-2): any stack; when `pending`, now and then an exception that is not masked. */
export function x87State(prng: Prng, size: number, pending: boolean): Uint8Array {
  const bytes = new Uint8Array(size)
  const view = new DataView(bytes.buffer)
  const control = pending && prng.chance(0.2) ? (prng.next() & 0xf3f) | 0x40 : X87_CONTROL_DEFAULT
  const exceptions = prng.chance(0.5) ? 0 : prng.next() & 0x7f
  // Exception summary and busy follow from the others (SDM vol. 1, figure 8-4).
  const summary = (exceptions & ~control & 0x3f) === 0 ? 0 : 0x8080
  view.setUint16(0, control, true)
  view.setUint16(2, (prng.next() & 0x7f00) | exceptions | summary, true)
  bytes[4] = prng.pick([0, 0xff, prng.next() & 0xff])
  for (let n = 0; n < 8; n++) bytes.set(vectorBytes(prng).subarray(0, 10), 32 + 16 * n)
  return bytes
}
