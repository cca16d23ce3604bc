// Builders of pure IR expressions, generic over i32 and i64: `add(a, b)` takes its type from its operands. They fold the
// few cases that come up when operands are constants, so that what a region compiles is what a compiler would have written.

import { assert, unreachable } from '../lib/assert.js'
import { LANE, PURE } from '../wasm/opcodes.js'
import { i32, i64, isConst, type Node, type Type, type Width } from './ir.js'

/** Any pure wasm instruction by name. */
export function pure(op: string, ...args: Node[]): Node {
  const row = PURE[op]
  if (row === undefined) unreachable(`no such pure operation: ${op}`)
  if (row.args.length !== args.length) unreachable(`${op} takes ${row.args.length} operands`)
  for (let n = 0; n < args.length; n++)
    if (args[n]?.type !== row.args[n]) unreachable(`${op}: operand ${n} is ${args[n]?.type}, not ${row.args[n]}`)
  return { kind: 'pure', type: row.result, op, args }
}

export function lane(op: string, index: number, ...args: Node[]): Node {
  const row = LANE[op]
  if (row === undefined) unreachable(`no such lane operation: ${op}`)
  return { kind: 'lane', type: row.result, op, args, lane: index }
}

export const shuffle = (a: Node, b: Node, lanes: readonly number[]): Node => {
  assert(lanes.length === 16, 'a shuffle names sixteen lanes')
  return { kind: 'shuffle', type: 'v128', args: [a, b], lanes }
}

/** `condition ? yes : no`. */
export const select = (condition: Node, yes: Node, no: Node): Node => {
  assert(yes.type === no.type && condition.type === 'i32', 'select needs equal types and an i32 condition')
  if (condition.kind === 'const') return condition.low !== 0 ? yes : no
  return { kind: 'select', type: yes.type, args: [yes, no, condition] }
}

export const integerType = (width: Width): 'i32' | 'i64' => (width === 64 ? 'i64' : 'i32')
/** A constant of the type that carries this width. */
export const constant = (width: Width, low: number, high = low < 0 ? -1 : 0): Node =>
  width === 64 ? i64(low, high) : i32(low)

const binary = (name: string) => (a: Node, b: Node) => pure(`${a.type}.${name}`, a, b)
const fold = (name: string, compute: (a: number, b: number) => number, neutral?: number) => (a: Node, b: Node) => {
  if (a.kind === 'const' && b.kind === 'const' && a.type === 'i32') return i32(compute(a.low, b.low))
  if (neutral !== undefined && isConst(b, neutral)) return a
  return pure(`${a.type}.${name}`, a, b)
}

export const add = fold('add', (a, b) => (a + b) | 0, 0)
export const sub = fold('sub', (a, b) => (a - b) | 0, 0)
export const and = fold('and', (a, b) => a & b, -1)
export const or = fold('or', (a, b) => a | b, 0)
export const xor = fold('xor', (a, b) => a ^ b, 0)
export const shl = fold('shl', (a, b) => a << b, 0)
export const shrU = fold('shr_u', (a, b) => (a >>> b) | 0, 0)
export const shrS = fold('shr_s', (a, b) => a >> b, 0)
export const mul = binary('mul')
export const rotl = binary('rotl')
export const rotr = binary('rotr')
export const eq = binary('eq')
export const ne = binary('ne')
export const ltS = binary('lt_s')
export const ltU = binary('lt_u')
export const leS = binary('le_s')
export const leU = binary('le_u')
export const gtS = binary('gt_s')
export const gtU = binary('gt_u')
export const geU = binary('ge_u')
export const geS = binary('ge_s')
export const eqz = (a: Node) => pure(`${a.type}.eqz`, a)
export const not = (a: Node) => xor(a, a.type === 'i64' ? i64(-1) : i32(-1))
export const neg = (a: Node) => pure(`${a.type}.sub`, a.type === 'i64' ? i64(0) : i32(0), a)
/** A constant of the same type as `like`. */
export const like = (node: Node, value: number): Node => (node.type === 'i64' ? i64(value) : i32(value))

export function wrap(a: Node): Node {
  if (a.type === 'i32') return a
  if (a.kind === 'const') return i32(a.low)
  if (a.kind === 'pure' && (a.op === 'i64.extend_i32_u' || a.op === 'i64.extend_i32_s')) return a.args[0] as Node
  return pure('i32.wrap_i64', a)
}

export const zext64 = (a: Node): Node =>
  a.type === 'i64' ? a : a.kind === 'const' ? i64(a.low, 0) : pure('i64.extend_i32_u', a)
export const sext64 = (a: Node): Node =>
  a.type === 'i64' ? a : a.kind === 'const' ? i64(a.low) : pure('i64.extend_i32_s', a)

/** Cuts a value of any integer type to a width: i32 zero-extended for up to 32 bits, i64 for 64 (zero-extending i32). */
export function cut(a: Node, width: Width): Node {
  if (width === 64) return zext64(a)
  const narrow = wrap(a)
  return width === 32 ? narrow : and(narrow, i32(width === 16 ? 0xffff : 0xff))
}

/** Sign-extends a value held at `width` to the full type that carries it (i32, or i64 for 64). */
export function signed(a: Node, width: Width): Node {
  if (width >= 32) return a
  if (a.kind === 'const') return i32((a.low << (32 - width)) >> (32 - width))
  return pure(width === 8 ? 'i32.extend8_s' : 'i32.extend16_s', a)
}

/** Sign-extends a value held at `from` and cuts it to `to`. */
export const signExtend = (a: Node, from: Width, to: Width): Node =>
  to === 64 ? sext64(signed(a, from)) : cut(signed(a, from), to)

/** Bit `index` (0 or 1) as i32. */
export const bit = (a: Node, index: number): Node => and(wrap(shrU(a, like(a, index))), i32(1))

/** The sign bit of a value held at `width`, as i32 0 or 1. */
export const signBit = (a: Node, width: Width): Node =>
  width === 64 ? wrap(shrU(a, i64(63))) : width === 32 ? shrU(a, i32(31)) : and(shrU(a, i32(width - 1)), i32(1))

/** The bytes of a value held at `width` in reverse order. */
export function byteSwap(a: Node, width: Width): Node {
  if (width === 8) return a
  if (width === 16) return cut(or(shl(a, i32(8)), shrU(a, i32(8))), 16)
  if (width === 32) return or(and(rotl(a, i32(8)), i32(0x00ff00ff)), and(rotr(a, i32(8)), i32(0xff00ff00)))
  const swap = (value: Node, bits: number, mask: number) =>
    or(and(shrU(value, i64(bits)), i64(mask, mask)), shl(and(value, i64(mask, mask)), i64(bits)))
  return rotl(swap(swap(a, 8, 0x00ff00ff), 16, 0x0000ffff), i64(32))
}

const LOW_HALF = i64(-1, 0)

/** The high 64 bits of the unsigned product of two i64, by 32-bit halves. */
export function mulHighU(a: Node, b: Node): Node {
  const [aLow, aHigh] = [and(a, LOW_HALF), shrU(a, i64(32))]
  const [bLow, bHigh] = [and(b, LOW_HALF), shrU(b, i64(32))]
  const middle = add(mul(aHigh, bLow), shrU(mul(aLow, bLow), i64(32)))
  const carry = shrU(add(mul(aLow, bHigh), and(middle, LOW_HALF)), i64(32))
  return add(add(mul(aHigh, bHigh), shrU(middle, i64(32))), carry)
}

/** The high 64 bits of the signed product of two i64. */
export const mulHighS = (a: Node, b: Node): Node =>
  sub(sub(mulHighU(a, b), and(shrS(a, i64(63)), b)), and(shrS(b, i64(63)), a))

export type { Type }
