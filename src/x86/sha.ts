// The rounds and message schedules of SHA-1 and SHA-256 on vectors (SDM vol. 2B, SHA1RNDS4 and its kin; FIPS 180-4).

import { add, and, eq, or, pure, rotl, rotr, select, shrU, xor } from './expr.js'
import { i32, type Node } from './ir.js'
import { lane } from './semantics.js'
import { laneOf, pick } from './vector.js'

const word = (v: Node, index: number): Node => laneOf(v, 'i32x4', index)
/** Lanes 0 to 3. */
const vectorOf = (...words: readonly Node[]): Node =>
  words
    .slice(1)
    .reduce((v, value, n) => lane('i32x4.replace_lane', n + 1, v, value), pure('i32x4.splat', words[0] as Node))
const sum = (first: Node, ...others: readonly Node[]): Node => others.reduce((a, b) => add(a, b), first)

const choose = (x: Node, y: Node, z: Node): Node => xor(and(x, xor(y, z)), z)
const majority = (x: Node, y: Node, z: Node): Node => or(and(x, y), and(z, or(x, y)))
const parity = (x: Node, y: Node, z: Node): Node => xor(xor(x, y), z)

/** FIPS 180-4, 4.1.1 and 4.2.1, by the instruction's immediate. */
const SHA1_FUNCTIONS = [choose, parity, majority, parity] as const
const SHA1_CONSTANTS = [0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6] as const

/** Four rounds; `kind` (i32) is 0 to 3. A, or the first word, is in the highest lane. */
export function sha1Rounds(state: Node, message: Node, kind: Node): Node {
  let [d, c, b, a] = [0, 1, 2, 3].map((n) => word(state, n)) as [Node, Node, Node, Node]
  let e: Node | undefined
  const by = <T extends Node>(of: (n: number) => T): Node =>
    select(eq(kind, i32(0)), of(0), select(eq(kind, i32(2)), of(2), of(1)))
  const constant =
    kind.kind === 'const'
      ? i32(SHA1_CONSTANTS[kind.low & 3] as number)
      : select(
          eq(kind, i32(3)),
          i32(SHA1_CONSTANTS[3]),
          by((n) => i32(SHA1_CONSTANTS[n] as number)),
        )
  const mixed = (x: Node, y: Node, z: Node): Node =>
    kind.kind === 'const'
      ? (SHA1_FUNCTIONS[kind.low & 3] as typeof choose)(x, y, z)
      : by((n) => (SHA1_FUNCTIONS[n] as typeof choose)(x, y, z))
  for (let n = 3; n >= 0; n--) {
    // The first word already has e in it.
    const next = sum(mixed(b, c, d), rotl(a, i32(5)), word(message, n), constant, ...(e === undefined ? [] : [e]))
    e = d
    d = c
    c = rotl(b, i32(30))
    b = a
    a = next
  }
  return vectorOf(d, c, b, a)
}

/** The highest word plus the rotated A of four rounds before. */
export function sha1NextE(state: Node, message: Node): Node {
  return lane('i32x4.replace_lane', 3, message, add(word(message, 3), rotl(word(state, 3), i32(30))))
}

export const sha1Message1 = (a: Node, b: Node): Node => pure('v128.xor', a, pick(a, b, 4, 6, 7, 0, 1))

const rotateLanes = (v: Node, right: number): Node =>
  pure('v128.or', pure('i32x4.shr_u', v, i32(right)), pure('i32x4.shl', v, i32(32 - right)))

export function sha1Message2(a: Node, b: Node): Node {
  // Lane 0 wants the new lane 3: without it first.
  const three = rotateLanes(pure('v128.xor', a, pick(b, b, 4, 0, 0, 1, 2)), 31)
  const last = rotl(xor(word(a, 0), word(three, 3)), i32(1))
  return lane('i32x4.replace_lane', 0, three, last)
}

const sigma = (x: Node, ...counts: readonly number[]): Node =>
  counts.map((count) => rotr(x, i32(count))).reduce((a, b) => xor(a, b))

/** Two rounds: `low` has C D G H from the highest lane down, `high` A B E F; the first two lanes of `keyed` are words plus constants. */
export function sha256Rounds(low: Node, high: Node, keyed: Node): Node {
  let [h, g, d, c] = [0, 1, 2, 3].map((n) => word(low, n)) as [Node, Node, Node, Node]
  let [f, e, b, a] = [0, 1, 2, 3].map((n) => word(high, n)) as [Node, Node, Node, Node]
  for (const n of [0, 1]) {
    const first = sum(choose(e, f, g), sigma(e, 6, 11, 25), word(keyed, n), h)
    const second = sum(majority(a, b, c), sigma(a, 2, 13, 22))
    ;[h, g, f, e] = [g, f, e, add(first, d)]
    ;[d, c, b, a] = [c, b, a, add(first, second)]
  }
  return vectorOf(f, e, b, a)
}

/** Lanes plus σ0 of the next word. */
export function sha256Message1(a: Node, b: Node): Node {
  const next = pick(a, b, 4, 1, 2, 3, 4)
  const rotated = pure('v128.xor', rotateLanes(next, 7), rotateLanes(next, 18))
  return pure('i32x4.add', a, pure('v128.xor', rotated, pure('i32x4.shr_u', next, i32(3))))
}

/** Lanes plus σ1 of the word two before, which for lanes 2 and 3 are the new lanes 0 and 1. */
export function sha256Message2(a: Node, b: Node): Node {
  const mixed = (x: Node) => xor(sigma(x, 17, 19), shrU(x, i32(10)))
  const first = add(word(a, 0), mixed(word(b, 2)))
  const second = add(word(a, 1), mixed(word(b, 3)))
  return vectorOf(first, second, add(word(a, 2), mixed(first)), add(word(a, 3), mixed(second)))
}
