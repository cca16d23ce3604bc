// SSE arithmetic on floats and doubles, packed and scalar: IEEE operations, bitwise operations, comparisons.
// The wasm operation is the host's SSE operation on an x86 host: operands stay in their order, so that NaNs come out the
// same. Careful code calls exact helpers instead (engine/exact-helpers.ts), which round and raise as MXCSR says.

import { assert } from '../../lib/assert.js'
import { and, lane, pure, sext64, shrU } from '../expr.js'
import { compareFlags, fromFlagBits } from '../flags.js'
import { form, type Row, withFeature } from '../form.js'
import { i32, type Node } from '../ir.js'
import type { Semantics } from '../semantics.js'
import { lanes, maskOfBits, mergeLow, pick, ZERO } from '../vector.js'

type Real = 'f32' | 'f64'
const SHAPE = { f32: 'f32x4', f64: 'f64x2' } as const
const SIZE = { f32: 4, f64: 8 } as const
/** The VEX form with a destination of its own. */
const THREE = { vex: 'Vx Hx Wx' } as const
/** The four encodings of an operation: mandatory prefix, suffix, operands, those of the VEX form, lane type, packed or scalar. */
const KINDS = [
  { prefix: 'NP', suffix: 'ps', operands: 'Vx Wx', vex: 'Vx Hx Wx', real: 'f32', packed: true },
  { prefix: '66', suffix: 'pd', operands: 'Vx Wx', vex: 'Vx Hx Wx', real: 'f64', packed: true },
  { prefix: 'F3', suffix: 'ss', operands: 'Vd Wd', vex: 'Vd Hd Wd', real: 'f32', packed: false },
  { prefix: 'F2', suffix: 'sd', operands: 'Vq Wq', vex: 'Vq Hq Wq', real: 'f64', packed: false },
] as const
const PACKED = KINDS.filter(({ packed }) => packed)

/** add sub mul div: destination and source; sqrt: the source alone. */
const arithmetic = (name: string, real: Real, packed: boolean): Semantics =>
  packed
    ? (s) => s.setVec(0, s.real(`${SHAPE[real]}.${name}`, s.vec(0), s.vec(1)))
    : (s) => s.setScalar(0, s.real(`${real}.${name}`, s.scalar(0, real), s.scalar(1, real)))
const squareRoot = (real: Real, packed: boolean): Semantics =>
  packed
    ? (s) => s.setVec(0, s.real(`${SHAPE[real]}.sqrt`, s.vec(1)))
    : (s) => s.setScalar(0, s.real(`${real}.sqrt`, s.scalar(1, real)))

/** min is `a < b ? a : b`: the second operand when unordered or both zero (SDM vol. 2A MINPS). wasm's pmin(b, a) is just that. */
const extreme =
  (name: 'min' | 'max', real: Real, packed: boolean): Semantics =>
  (s) => {
    if (s.careful && !packed) {
      s.setScalar(0, s.exactAlways(`${real}.${name}`, real, s.scalar(0, real), s.scalar(1, real)))
      return
    }
    const a = s.vec(0)
    const b = s.vec(1)
    const result = s.exact(`${SHAPE[real]}.${name}`, 'v128', () => pure(`${SHAPE[real]}.p${name}`, b, a), a, b)
    s.setVec(0, packed ? result : mergeLow(a, result, SIZE[real]))
  }

type Bitwise = (a: Node, b: Node) => Node
const bitwise =
  (compute: Bitwise): Semantics =>
  (s) =>
    s.setVec(0, compute(s.vec(0), s.vec(1)))
/** Opcode's low digit, name, operation; shared with pand, pandn, por and pxor. */
export const BITWISE: readonly (readonly [string, string, Bitwise])[] = [
  ['54', 'and', (a, b) => pure('v128.and', a, b)],
  ['55', 'andn', (a, b) => pure('v128.andnot', b, a)],
  ['56', 'or', (a, b) => pure('v128.or', a, b)],
  ['57', 'xor', (a, b) => pure('v128.xor', a, b)],
]

/**
 * The predicates of cmpps (SDM vol. 2A, table 3-1): bit 2 negates, bit 3 turns what the unordered give, bit 4 says only whether they
 * signal. Only careful code meets one that is not a constant.
 */
function compareBy(shape: string, predicate: Node, a: Node, b: Node): Node {
  assert(predicate.kind === 'const', 'regions know the predicate')
  if (predicate.low === 4) return pure(`${shape}.ne`, a, b)
  const unordered = () => pure('v128.or', pure(`${shape}.ne`, a, a), pure(`${shape}.ne`, b, b))
  const mask = [
    () => pure(`${shape}.eq`, a, b),
    () => pure(`${shape}.lt`, a, b),
    () => pure(`${shape}.le`, a, b),
    unordered,
    () => pure('v128.or', pure(`${shape}.eq`, a, b), unordered()),
    () => pure('v128.not', pure(`${shape}.ge`, a, b)),
    () => pure('v128.not', pure(`${shape}.gt`, a, b)),
    () => ZERO,
  ][(predicate.low & 3) | ((predicate.low >> 1) & 4)] as () => Node
  return predicate.low & 4 ? pure('v128.not', mask()) : mask()
}
const compareMask =
  (real: Real, packed: boolean): Semantics =>
  (s) => {
    const predicate = and(s.immediateByte(), i32(s.vex ? 31 : 7))
    const shape = SHAPE[real]
    if (s.careful && !packed) {
      const mask = s.exactAlways(`${real}.compare`, 'i32', s.scalar(0, real), s.scalar(1, real), predicate)
      const integers = real === 'f32' ? 'i32x4' : 'i64x2'
      s.setVec(0, lane(`${integers}.replace_lane`, 0, s.vec(0), real === 'f32' ? mask : sext64(mask)))
      return
    }
    const a = s.vec(0)
    const b = s.vec(1)
    const mask = s.exact(`${shape}.compare`, 'v128', () => compareBy(shape, predicate, a, b), a, b, predicate)
    s.setVec(0, packed ? mask : mergeLow(a, mask, SIZE[real]))
  }

/** ucomisd takes quiet NaNs; comisd finds them invalid. */
const compareToFlags =
  (real: Real, quiet: boolean): Semantics =>
  (s) => {
    const a = s.scalar(0, real)
    const b = s.scalar(1, real)
    s.flags(
      s.careful ? fromFlagBits(s.exactAlways(`${real}.flags`, 'i32', a, b, i32(quiet ? 0 : 1))) : compareFlags(a, b),
    )
  }

/** 1/x and 1/sqrt(x): the SDM bounds the relative error by 1.5·2^-12, and CPUs differ within it; here it is that of the division. */
const reciprocal =
  (root: boolean, packed: boolean): Semantics =>
  (s) => {
    const a = s.vec(0)
    const x = s.vec(1)
    const one = lanes(0x3f800000, 0x3f800000, 0x3f800000, 0x3f800000)
    const result = pure('f32x4.div', one, root ? pure('f32x4.sqrt', x) : x)
    s.setVec(0, packed ? result : mergeLow(a, result, 4))
  }

const even = (a: Node, b: Node, size: number): Node => (size === 4 ? pick(a, b, 4, 0, 2, 4, 6) : pick(a, b, 8, 0, 2))
const odd = (a: Node, b: Node, size: number): Node => (size === 4 ? pick(a, b, 4, 1, 3, 5, 7) : pick(a, b, 8, 1, 3))
const horizontal =
  (name: 'add' | 'sub', real: Real): Semantics =>
  (s) => {
    const a = s.vec(0)
    const b = s.vec(1)
    s.setVec(0, s.real(`${SHAPE[real]}.${name}`, even(a, b, SIZE[real]), odd(a, b, SIZE[real])))
  }
const addSubtract =
  (real: Real): Semantics =>
  (s) => {
    const a = s.vec(0)
    const b = s.vec(1)
    if (s.careful) {
      // Each lane once: the operation it does not take may not raise anything. a - b is a + -b but for a NaN's sign.
      const negative = pure(`${SHAPE[real]}.neg`, b)
      const flipped = pure('v128.bitselect', negative, b, pure(`${SHAPE[real]}.eq`, b, b))
      const other = real === 'f32' ? pick(flipped, b, 4, 0, 5, 2, 7) : pick(flipped, b, 8, 0, 3)
      s.setVec(0, s.exactAlways(`${SHAPE[real]}.add`, 'v128', a, other))
      return
    }
    const difference = pure(`${SHAPE[real]}.sub`, a, b)
    const sum = pure(`${SHAPE[real]}.add`, a, b)
    s.setVec(0, real === 'f32' ? pick(difference, sum, 4, 0, 5, 2, 7) : pick(difference, sum, 8, 0, 3))
  }

/**
 * Dot product of the lanes that the immediate's high half names, put where its low half says (SSE4.1). Multiplication and each
 * addition raise on their own, for both halves: an unmasked exception keeps the next from being computed.
 */
const dotProduct =
  (real: Real): Semantics =>
  (s) => {
    const imm = s.immediateByte()
    const integers = real === 'f32' ? 'i32x4' : 'i64x2'
    const all = i32(real === 'f32' ? 15 : 3)
    const mask = (bits: Node) => maskOfBits(integers, and(bits, all))
    const wanted = mask(shrU(imm, i32(4)))
    // In careful code the lanes left out raise nothing.
    const factor = (v: Node) => (s.careful ? pure('v128.and', v, wanted) : v)
    const halves = s.length === 256 ? ([0, 1] as const) : ([0] as const)
    let sums = halves.map((half) => {
      const product = s.real(`${SHAPE[real]}.mul`, factor(s.vec(0, half)), factor(s.vec(1, half)))
      return pure('v128.and', product, wanted)
    })
    for (const order of real === 'f32'
      ? [
          [1, 0, 3, 2],
          [2, 3, 0, 1],
        ]
      : [[1, 0]]) {
      s.commitFloats()
      sums = sums.map((v) => s.real(`${SHAPE[real]}.add`, v, pick(v, v, SIZE[real], ...order)))
    }
    sums.forEach((total, half) => {
      // Lane 0's sum everywhere: the others add in another order, which shows when two products are NaNs.
      const everywhere = pick(total, total, SIZE[real], ...(real === 'f32' ? [0, 0, 0, 0] : [0, 0]))
      s.setVec(0, pure('v128.and', everywhere, mask(imm)), half === 0 ? 0 : 1)
    })
  }

/** unpcklps, unpckhps, unpcklpd, unpckhpd are integer interleaves by another name. */
const interleave =
  (size: number, ...order: number[]): Semantics =>
  (s) =>
    s.setVec(0, pick(s.vec(0), s.vec(1), size, ...order))

export const sseFloat: readonly Row[] = [
  ...KINDS.flatMap(({ prefix, suffix, operands, vex, real, packed }) => [
    form(`${prefix} 0F 51 /r`, `sqrt${suffix}`, operands, squareRoot(real, packed), { vex: packed ? operands : vex }),
    form(`${prefix} 0F 58 /r`, `add${suffix}`, operands, arithmetic('add', real, packed), { vex }),
    form(`${prefix} 0F 59 /r`, `mul${suffix}`, operands, arithmetic('mul', real, packed), { vex }),
    form(`${prefix} 0F 5C /r`, `sub${suffix}`, operands, arithmetic('sub', real, packed), { vex }),
    form(`${prefix} 0F 5E /r`, `div${suffix}`, operands, arithmetic('div', real, packed), { vex }),
    form(`${prefix} 0F 5D /r`, `min${suffix}`, operands, extreme('min', real, packed), { vex }),
    form(`${prefix} 0F 5F /r`, `max${suffix}`, operands, extreme('max', real, packed), { vex }),
    form(`${prefix} 0F C2 /r`, `cmp${suffix}`, `${operands} Ib`, compareMask(real, packed), { vex: `${vex} Ib` }),
  ]),
  ...PACKED.flatMap(({ prefix, suffix }) =>
    BITWISE.map(([opcode, name, compute]) =>
      form(`${prefix} 0F ${opcode} /r`, `${name}${suffix}`, 'Vx Wx', bitwise(compute), THREE),
    ),
  ),
  form('NP 0F 2E /r', 'ucomiss', 'Vd Wd', compareToFlags('f32', true), { vex: 'Vd Wd' }),
  form('66 0F 2E /r', 'ucomisd', 'Vq Wq', compareToFlags('f64', true), { vex: 'Vq Wq' }),
  form('NP 0F 2F /r', 'comiss', 'Vd Wd', compareToFlags('f32', false), { vex: 'Vd Wd' }),
  form('66 0F 2F /r', 'comisd', 'Vq Wq', compareToFlags('f64', false), { vex: 'Vq Wq' }),
  form('NP 0F 53 /r', 'rcpps', 'Vx Wx', reciprocal(false, true), { untestable: true, vex: 'Vx Wx' }),
  form('F3 0F 53 /r', 'rcpss', 'Vd Wd', reciprocal(false, false), { untestable: true, vex: 'Vd Hd Wd' }),
  form('NP 0F 52 /r', 'rsqrtps', 'Vx Wx', reciprocal(true, true), { untestable: true, vex: 'Vx Wx' }),
  form('F3 0F 52 /r', 'rsqrtss', 'Vd Wd', reciprocal(true, false), { untestable: true, vex: 'Vd Hd Wd' }),
  form('NP 0F 14 /r', 'unpcklps', 'Vx Wx', interleave(4, 0, 4, 1, 5), THREE),
  form('NP 0F 15 /r', 'unpckhps', 'Vx Wx', interleave(4, 2, 6, 3, 7), THREE),
  form('66 0F 14 /r', 'unpcklpd', 'Vx Wx', interleave(8, 0, 2), THREE),
  form('66 0F 15 /r', 'unpckhpd', 'Vx Wx', interleave(8, 1, 3), THREE),
  ...withFeature('sse3', [
    form('66 0F 7C /r', 'haddpd', 'Vx Wx', horizontal('add', 'f64'), THREE),
    form('F2 0F 7C /r', 'haddps', 'Vx Wx', horizontal('add', 'f32'), THREE),
    form('66 0F 7D /r', 'hsubpd', 'Vx Wx', horizontal('sub', 'f64'), THREE),
    form('F2 0F 7D /r', 'hsubps', 'Vx Wx', horizontal('sub', 'f32'), THREE),
    form('66 0F D0 /r', 'addsubpd', 'Vx Wx', addSubtract('f64'), THREE),
    form('F2 0F D0 /r', 'addsubps', 'Vx Wx', addSubtract('f32'), THREE),
  ]),
  ...withFeature('sse4_1', [
    form('66 0F3A 40 /r', 'dpps', 'Vx Wx Ib', dotProduct('f32'), { vex: 'Vx Hx Wx Ib', whole: true }),
    form('66 0F3A 41 /r', 'dppd', 'Vx Wx Ib', dotProduct('f64'), { vex: 'Vo Ho Wo Ib L0' }),
  ]),
]
