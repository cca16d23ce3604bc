// The rounds of AES on vectors (SDM vol. 2A, AESENC and its kin), without tables in memory. The S-box is an inversion in
// GF(2^8), done in pairs of GF(2^4): x = iζ + jζ' with ζ + ζ' = 1, all lookups being swizzles of sixteen entries (M. Hamburg,
// "Accelerating AES with vector permute instructions", 2009). The tables are computed here from the field.

import { pure, shuffle } from './expr.js'
import { i32, type Node, vector } from './ir.js'

// ---- the field GF(2^8), polynomial 11B ------------------------------------------------------------------------------

function multiply(a: number, b: number): number {
  let product = 0
  for (let bit = 7; bit >= 0; bit--) {
    product = (product << 1) ^ (product & 0x80 ? 0x11b : 0)
    if ((b >> bit) & 1) product ^= a
  }
  return product
}
const power = (a: number, exponent: number): number => (exponent === 0 ? 1 : multiply(a, power(a, exponent - 1)))
const inverse = (a: number): number => power(a, 254)

/** FIPS 197, 5.1.1, without its constant 63; and its inverse. */
const rotate = (byte: number, count: number): number => ((byte << count) | (byte >> (8 - count))) & 255
const spread = (byte: number): number => [1, 2, 3, 4].reduce((sum, count) => sum ^ rotate(byte, count), byte)
const unspread = (byte: number): number => rotate(byte, 1) ^ rotate(byte, 3) ^ rotate(byte, 6)
const AFFINE = 0x63

const SIXTEEN = Array.from({ length: 16 }, (_, n) => n)

/** Tables of a box: in to coordinates by low and high nibble, out by the two quotients. */
type Box = { readonly low: Node; readonly high: Node; readonly first: Node; readonly second: Node }
type Tables = {
  /** 1/n and a/n of a nibble. */
  readonly reciprocals: Node
  readonly scaled: Node
  readonly forward: Box
  readonly backward: Box
}

/** Above every nibble, so that swizzling by it gives 0: the inverse of 0. */
const INFINITY = 0x80

function makeTables(): Tables {
  // The subfield: a generator of its fifteen units; nibbles are sums of the first four powers.
  const generator = power(3, 17)
  const element = (nibble: number): number =>
    [0, 1, 2, 3].reduce((sum, bit) => sum ^ ((nibble >> bit) & 1 ? power(generator, bit) : 0), 0)
  const nibbleOf = new Map(SIXTEEN.map((nibble) => [element(nibble), nibble]))
  const conjugate = (a: number): number => power(a, 16)
  const zeta = Array.from({ length: 256 }, (_, n) => n).find((n) => (n ^ conjugate(n)) === 1) as number
  /** ζζ', an element of the subfield. */
  const norm = multiply(zeta, conjugate(zeta))

  /** A byte's coordinates: i in the high nibble, k = i + j in the low. */
  const coordinates = new Map(
    SIXTEEN.flatMap((i) =>
      SIXTEEN.map((k) => {
        const value = multiply(element(i), zeta) ^ multiply(element(i) ^ element(k), conjugate(zeta))
        return [value, (i << 4) | k] as const
      }),
    ),
  )
  const quotients = (numerator: number): Node =>
    vector(
      SIXTEEN.map((nibble) =>
        nibble === 0 ? INFINITY : (nibbleOf.get(multiply(numerator, inverse(element(nibble)))) as number),
      ),
    )
  const box = (before: (byte: number) => number, after: (byte: number) => number): Box => {
    const into = (shift: number) => vector(SIXTEEN.map((nibble) => coordinates.get(before(nibble << shift)) as number))
    const out = (factor: number) =>
      vector(SIXTEEN.map((nibble) => (nibble === 0 ? 0 : after(multiply(inverse(element(nibble)), factor)))))
    return { low: into(0), high: into(4), first: out(norm ^ conjugate(zeta)), second: out(norm ^ zeta) }
  }
  return {
    reciprocals: quotients(1),
    scaled: quotients(inverse(norm)),
    forward: box((byte) => byte, spread),
    // The inverse of the affine map is linear once its constant is taken off.
    backward: box(unspread, (byte) => byte),
  }
}
/** Made when the first helper is built, so that a start does not pay for them. */
let made: Tables | undefined
const tables = (): Tables => (made ??= makeTables())

// ---- on vectors -----------------------------------------------------------------------------------------------------

const xor = (a: Node, ...others: Node[]): Node => others.reduce((sum, b) => pure('v128.xor', sum, b), a)
const look = (table: Node, index: Node): Node => pure('i8x16.swizzle', table, index)
const every = (byte: number): Node => vector(new Array<number>(16).fill(byte))

/**
 * The inverse of each byte, between the box's linear maps. With a = 1/ζζ': io = 1/(1/i + a/k) + j, jo = 1/(1/j + a/k) + i, and the
 * inverse is (ζζ' + ζ')/io + (ζζ' + ζ)/jo. A 0 among the divisors is an infinity that the swizzles carry through.
 */
function invert(bytes: Node, direction: 'forward' | 'backward'): Node {
  const { reciprocals, scaled, [direction]: box } = tables()
  const low4 = every(15)
  const ik = xor(look(box.low, pure('v128.and', bytes, low4)), look(box.high, pure('i8x16.shr_u', bytes, i32(4))))
  const i = pure('i8x16.shr_u', ik, i32(4))
  const k = pure('v128.and', ik, low4)
  const j = xor(i, k)
  const third = look(scaled, k)
  const io = xor(look(reciprocals, xor(look(reciprocals, i), third)), j)
  const jo = xor(look(reciprocals, xor(look(reciprocals, j), third)), i)
  return xor(look(box.first, io), look(box.second, jo))
}

const substitute = (bytes: Node): Node => xor(invert(bytes, 'forward'), every(AFFINE))
const substituteBack = (bytes: Node): Node => invert(xor(bytes, every(AFFINE)), 'backward')

/** Byte n of the result is byte order(n); columns are four bytes, row r of column c is byte 4c + r. */
const permute = (bytes: Node, order: (row: number, column: number) => number): Node =>
  shuffle(
    bytes,
    bytes,
    SIXTEEN.map((n) => order(n & 3, n >> 2)),
  )
const shiftRows = (bytes: Node): Node => permute(bytes, (row, column) => row + 4 * ((column + row) & 3))
const shiftRowsBack = (bytes: Node): Node => permute(bytes, (row, column) => row + 4 * ((column - row) & 3))
/** Each column's rows moved up by `count`. */
const rowsUp = (bytes: Node, count: number): Node => permute(bytes, (row, column) => 4 * column + ((row + count) & 3))

const double = (bytes: Node): Node =>
  xor(pure('i8x16.add', bytes, bytes), pure('v128.and', pure('i8x16.lt_s', bytes, every(0)), every(0x1b)))
/** FIPS 197, 5.1.3: the matrix 2 3 1 1. */
function mixColumns(bytes: Node): Node {
  const twice = double(bytes)
  const next = rowsUp(xor(bytes, twice), 1)
  return xor(twice, next, rowsUp(bytes, 2), rowsUp(bytes, 3))
}
/** 5.3.3: the matrix E B D 9 is that of mixColumns times 5 0 4 0. */
const mixColumnsBack = (bytes: Node): Node => mixColumns(xor(bytes, double(double(xor(bytes, rowsUp(bytes, 2))))))

export const aesEncrypt = (state: Node, key: Node): Node => xor(mixColumns(substitute(shiftRows(state))), key)
export const aesEncryptLast = (state: Node, key: Node): Node => xor(substitute(shiftRows(state)), key)
export const aesDecrypt = (state: Node, key: Node): Node =>
  xor(mixColumnsBack(substituteBack(shiftRowsBack(state))), key)
export const aesDecryptLast = (state: Node, key: Node): Node => xor(substituteBack(shiftRowsBack(state)), key)
export const aesInverseMix = mixColumnsBack

/** Words 1 and 3 substituted; above each the same rotated by a byte, with the round constant (i32) in it. */
export function aesKeyAssist(words: Node, constant: Node): Node {
  const substituted = substitute(words)
  const placed = shuffle(substituted, substituted, [4, 5, 6, 7, 5, 6, 7, 4, 12, 13, 14, 15, 13, 14, 15, 12])
  const odd = vector([0, 0, 0, 0, 255, 255, 255, 255, 0, 0, 0, 0, 255, 255, 255, 255])
  return xor(placed, pure('v128.and', pure('i32x4.splat', constant), odd))
}
