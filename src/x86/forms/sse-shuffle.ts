// SSE rearrangements: shuffles, inserts, extracts, blends and widening moves, up to SSE4.1.

import { and, pure, select, shrU } from '../expr.js'
import { form, type Row, withFeature } from '../form.js'
import { i32, type Node } from '../ir.js'
import { mmx } from '../mmx.js'
import { type Sem, type Semantics, XMM0 } from '../semantics.js'
import {
  alignRight,
  bitOf,
  blend,
  broadcast,
  bytesDown,
  extract,
  insert,
  laneCount,
  maskOfBits,
  maskOfLane,
  pick,
  type Shape,
  shuffleDwords,
  shuffleWords,
} from '../vector.js'

const rearrange =
  (compute: (v: Node, imm: Node) => Node): Semantics =>
  (s) =>
    s.setVec(0, compute(s.vec(1), s.immediateByte()))

/** Two lanes from the destination below two from the source. */
const shuffleSingles: Semantics = (s) => {
  const imm = s.immediateByte()
  s.setVec(0, pick(shuffleDwords(s.vec(0), imm), shuffleDwords(s.vec(1), imm), 8, 0, 3))
}
const shuffleDoubles: Semantics = (s) => {
  const imm = s.immediateByte()
  // Two bits for each half of 256 bits.
  const choose = (v: Node, n: number) => select(bitOf(imm, n + 2 * s.half), pick(v, v, 8, 1, 1), pick(v, v, 8, 0, 0))
  s.setVec(0, pick(choose(s.vec(0), 0), choose(s.vec(1), 1), 8, 0, 3))
}

const align: Semantics = (s) => s.setVec(0, alignRight(s.vec(0), s.vec(1), s.immediateByte()))

/** On eight bytes. */
const alignEight: Semantics = (s) => s.setVec(0, bytesDown(pick(s.vec(1), s.vec(0), 8, 0, 2), s.immediateByte()))

/** A selector with bit 7 set gives zero; else its low bits count, as many as the vector has bytes. wasm gives zero from 16 on. */
const shuffleBytes =
  (bytes: 8 | 16): Semantics =>
  (s) => {
    const selector = pure('v128.and', s.vec(1), pure('i8x16.splat', i32(0x80 | (bytes - 1))))
    s.setVec(0, pure('i8x16.swizzle', s.vec(0), selector))
  }

/** A general register's low part, or as many bytes of memory as the lane has. */
function element(s: Sem, index: number, shape: Shape): Node {
  if (!s.isMemory(index)) return s.read(index)
  return s.load(s.address(), shape === 'i8x16' ? 8 : shape === 'i16x8' ? 16 : shape === 'i32x4' ? 32 : 64)
}
/** The lane's number counts modulo how many there are; MMX registers have half as many. */
const laneNumber = (s: Sem, shape: Shape, half: boolean): Node =>
  half ? and(s.immediateByte(), i32(laneCount(shape) / 2 - 1)) : s.immediateByte()
const insertLane =
  (shape: Shape, half = false): Semantics =>
  (s) =>
    s.setVec(0, insert(s.vec(0), shape, laneNumber(s, shape, half), element(s, 1, shape)))
const insertWide: Semantics = (s) => insertLane(s.width === 64 ? 'i64x2' : 'i32x4')(s)

/** Register destinations are zero-extended; memory destinations are as wide as the lane. */
const extractLane =
  (shape: Shape, half = false): Semantics =>
  (s) => {
    const value = extract(s.vec(1), shape, laneNumber(s, shape, half))
    if (!s.isMemory(0)) s.write(0, value)
    else s.store(s.address(), shape === 'i8x16' ? 8 : shape === 'i16x8' ? 16 : shape === 'i32x4' ? 32 : 64, value)
  }
const extractWide: Semantics = (s) => extractLane(s.width === 64 ? 'i64x2' : 'i32x4')(s)

/** insertps: source lane in bits 6–7 (registers only), destination lane in 4–5, lanes to clear in 0–3. */
const insertSingle: Semantics = (s) => {
  const imm = s.immediateByte()
  const source = s.vec(1)
  const value = broadcast(source, 'i32x4', s.isMemory(1) ? i32(0) : shrU(imm, i32(6)))
  const placed = blend(s.vec(0), value, maskOfLane('i32x4', and(shrU(imm, i32(4)), i32(3))))
  s.setVec(0, pure('v128.andnot', placed, maskOfBits('i32x4', and(imm, i32(15)))))
}

const blendByImmediate =
  (shape: Exclude<Shape, 'i8x16'>): Semantics =>
  (s) =>
    // The upper half of 256 bits has bits of its own, but with words.
    s.setVec(
      0,
      blend(
        s.vec(0),
        s.vec(1),
        maskOfBits(shape, shrU(s.immediateByte(), i32(shape === 'i16x8' ? 0 : laneCount(shape) * s.half))),
      ),
    )

/** The mask is the top bit of each lane of xmm0. */
const blendByXmm0 =
  (shape: Exclude<Shape, 'i16x8'>): Semantics =>
  (s) => {
    const mask = s.get(XMM0, 128)
    const count = i32(shape === 'i8x16' ? 7 : shape === 'i32x4' ? 31 : 63)
    s.setVec(0, blend(s.vec(0), s.vec(1), pure(`${shape}.shr_s`, mask, count)))
  }

const STEPS = ['i16x8.extend_low_i8x16', 'i32x4.extend_low_i16x8', 'i64x2.extend_low_i32x4']
const widen = (from: number, to: number, sign: 's' | 'u', source: Node): Node =>
  STEPS.slice(from, to).reduce((v, step) => pure(`${step}_${sign}`, v), source)
const extend =
  (from: number, to: number, sign: 's' | 'u'): Semantics =>
  (s) =>
    s.setVec(0, widen(from, to, sign, s.vec(1)))

/** What the 256-bit form reads. */
const DOUBLED = { 2: 'd', 4: 'q', 8: 'o' } as const
/** The low half is made of the first bytes, the upper one of as many that follow. */
const extendWhole =
  (from: number, to: number, sign: 's' | 'u'): Semantics =>
  (s) => {
    const source = s.vec(1)
    s.setVec(0, widen(from, to, sign, source), 0)
    s.setVec(0, widen(from, to, sign, bytesDown(source, i32(8 >> (to - from - 1)))), 1)
  }

/** Opcode's low digit, name, first and last widening, bytes read. */
const EXTENSIONS = [
  [0, 'bw', 0, 1, 8],
  [1, 'bd', 0, 2, 4],
  [2, 'bq', 0, 3, 2],
  [3, 'wd', 1, 2, 8],
  [4, 'wq', 1, 3, 4],
  [5, 'dq', 2, 3, 8],
] as const

export const sseShuffle: readonly Row[] = [
  form('66 0F 70 /r', 'pshufd', 'Vx Wx Ib', rearrange(shuffleDwords), { vex: 'Vx Wx Ib' }),
  form(
    'F2 0F 70 /r',
    'pshuflw',
    'Vx Wx Ib',
    rearrange((v, imm) => shuffleWords(v, imm, false)),
    { vex: 'Vx Wx Ib' },
  ),
  form(
    'F3 0F 70 /r',
    'pshufhw',
    'Vx Wx Ib',
    rearrange((v, imm) => shuffleWords(v, imm, true)),
    { vex: 'Vx Wx Ib' },
  ),
  form('NP 0F C6 /r', 'shufps', 'Vx Wx Ib', shuffleSingles, { vex: 'Vx Hx Wx Ib' }),
  form('66 0F C6 /r', 'shufpd', 'Vx Wx Ib', shuffleDoubles, { vex: 'Vx Hx Wx Ib' }),
  ...withFeature('ssse3', [
    form('66 0F38 00 /r', 'pshufb', 'Vx Wx', shuffleBytes(16), { vex: 'Vx Hx Wx' }),
    form('66 0F3A 0F /r', 'palignr', 'Vx Wx Ib', align, { vex: 'Vx Hx Wx Ib' }),
  ]),
  form('66 0F C4 /r', 'pinsrw', 'Vx Ed Ib', insertLane('i16x8'), { vex: 'Vo Ho Ed Ib L0' }),
  form('66 0F C5 /r', 'pextrw', 'Gd Ux Ib', extractLane('i16x8'), { vex: 'Gd Uo Ib L0' }),
  ...withFeature('sse4_1', [
    form('66 0F3A 14 /r', 'pextrb', 'Ed Vx Ib', extractLane('i8x16'), { vex: 'Ed Vo Ib L0' }),
    form('66 0F3A 15 /r', 'pextrw', 'Ed Vx Ib', extractLane('i16x8'), { vex: 'Ed Vo Ib L0' }),
    form('66 0F3A 16 /r W0', 'pextrd', 'Ey Vx Ib', extractWide, { vex: 'Ey Vo Ib L0' }),
    form('66 0F3A 16 /r W1', 'pextrq', 'Ey Vx Ib', extractWide, { vex: 'Ey Vo Ib L0' }),
    form('66 0F3A 17 /r', 'extractps', 'Ed Vx Ib', extractLane('i32x4'), { vex: 'Ed Vo Ib L0' }),
    form('66 0F3A 20 /r', 'pinsrb', 'Vx Ed Ib', insertLane('i8x16'), { vex: 'Vo Ho Ed Ib L0' }),
    form('66 0F3A 21 /r', 'insertps', 'Vd Wd Ib', insertSingle, { vex: 'Vd Hd Wd Ib L0' }),
    form('66 0F3A 22 /r W0', 'pinsrd', 'Vx Ey Ib', insertWide, { vex: 'Vo Ho Ey Ib L0' }),
    form('66 0F3A 22 /r W1', 'pinsrq', 'Vx Ey Ib', insertWide, { vex: 'Vo Ho Ey Ib L0' }),
    form('66 0F3A 0C /r', 'blendps', 'Vx Wx Ib', blendByImmediate('i32x4'), { vex: 'Vx Hx Wx Ib' }),
    form('66 0F3A 0D /r', 'blendpd', 'Vx Wx Ib', blendByImmediate('i64x2'), { vex: 'Vx Hx Wx Ib' }),
    form('66 0F3A 0E /r', 'pblendw', 'Vx Wx Ib', blendByImmediate('i16x8'), { vex: 'Vx Hx Wx Ib' }),
    form('66 0F38 10 /r', 'pblendvb', 'Vx Wx', blendByXmm0('i8x16')),
    form('66 0F38 14 /r', 'blendvps', 'Vx Wx', blendByXmm0('i32x4')),
    form('66 0F38 15 /r', 'blendvpd', 'Vx Wx', blendByXmm0('i64x2')),
    ...EXTENSIONS.flatMap(([digit, name, from, to, bytes]) => {
      const operands = bytes === 8 ? 'Vx Wq' : bytes === 4 ? 'Vx Wd' : 'Vx Ww'
      return [
        ...(['s', 'u'] as const).flatMap((sign) => {
          const opcode = `0F38 ${sign === 's' ? 2 : 3}${digit} /r`
          const mnemonic = `pmov${sign === 's' ? 'sx' : 'zx'}${name}`
          return [
            form(`66 ${opcode}`, mnemonic, operands, extend(from, to, sign), {
              vex: `${operands.replace('x', 'o')} L0`,
            }),
            form(`VEX 66 ${opcode} L1`, `v${mnemonic}`, `Vx W${DOUBLED[bytes]}`, extendWhole(from, to, sign), {
              whole: true,
              feature: 'avx2',
            }),
          ]
        }),
      ]
    }),
  ]),
  form('NP 0F 70 /r', 'pshufw', 'Pq Qq Ib', mmx(rearrange((v, imm) => shuffleWords(v, imm, false)))),
  ...withFeature('ssse3', [
    form('NP 0F38 00 /r', 'pshufb', 'Pq Qq', mmx(shuffleBytes(8))),
    form('NP 0F3A 0F /r', 'palignr', 'Pq Qq Ib', mmx(alignEight)),
  ]),
  form('NP 0F C4 /r', 'pinsrw', 'Pq Ed Ib', mmx(insertLane('i16x8', true))),
  form('NP 0F C5 /r', 'pextrw', 'Gd Nq Ib', mmx(extractLane('i16x8', true))),
]
