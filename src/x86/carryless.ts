// Products without carries (SDM vol. 2B, PCLMULQDQ), from integer products: of numbers that have a bit in every fourth
// position at most, so that the up to eight bits which meet in one position do not spill into the next that counts.

import { and, mul, pure, shl, shrU, xor } from './expr.js'
import { i64, type Node } from './ir.js'
import { lane } from './semantics.js'

const masked = (x: Node, n: number): Node => {
  const mask = 0x11111111 << n
  return and(x, i64(mask, mask))
}

/** The product of two numbers below 2^32, as i64. */
function product32(a: Node, b: Node): Node {
  const quarter = [0, 1, 2, 3]
  const as = quarter.map((n) => masked(a, n))
  const bs = quarter.map((n) => masked(b, n))
  // The positions that are n modulo 4 come from the pairs whose numbers add up to n.
  const residue = (n: number) =>
    masked(
      quarter.map((k) => mul(as[k] as Node, bs[(n - k) & 3] as Node)).reduce((x, y) => xor(x, y)),
      n,
    )
  return quarter.map(residue).reduce((x, y) => xor(x, y))
}

/** The product of two i64, as a vector; by three products of their halves (Karatsuba). */
export function carrylessProduct(a: Node, b: Node): Node {
  const low = (x: Node) => and(x, i64(-1, 0))
  const high = (x: Node) => shrU(x, i64(32))
  const lows = product32(low(a), low(b))
  const highs = product32(high(a), high(b))
  const middle = xor(xor(product32(low(xor(a, shrU(a, i64(32)))), low(xor(b, shrU(b, i64(32))))), lows), highs)
  const bottom = xor(lows, shl(middle, i64(32)))
  const top = xor(highs, shrU(middle, i64(32)))
  return lane('i64x2.replace_lane', 1, pure('i64x2.splat', bottom), top)
}
