// The string comparisons of SSE4.2 (SDM vol. 1, 4.1): one helper compares, the rest is what becomes of its bits.

import { and, eqz, ltU, or, pure, select, shl, shrS, sub, wrap, xor } from '../expr.js'
import { fromFlagBits } from '../flags.js'
import { form, type Row, withFeature } from '../form.js'
import { i32, i64, type Node } from '../ir.js'
import { lane, RAX, RCX, RDX, type Sem, type Semantics, XMM0 } from '../semantics.js'
import { maskOfBits, ZERO } from '../vector.js'

const ctz = (a: Node): Node => pure('i32.ctz', a)

/** Elements before the first that is zero. */
function implicitLength(v: Node, words: Node): Node {
  const zeros = (shape: string) => pure(`${shape}.bitmask`, pure(`${shape}.eq`, v, ZERO))
  return select(words, ctz(or(zeros('i16x8'), i32(0x100))), ctz(or(zeros('i8x16'), i32(0x10000))))
}

/** The absolute value of eax or edx, of rax or rdx with REX.W, but at most `limit`. */
function explicitLength(s: Sem, register: number, width: 32 | 64, limit: Node): Node {
  const wide = width === 64
  const value = s.reg(register, width)
  const sign = shrS(value, wide ? i64(63) : i32(31))
  const magnitude = sub(xor(value, sign), sign)
  const within = wide ? pure('i64.lt_u', magnitude, i64(16)) : ltU(magnitude, i32(16))
  const small = select(within, wrap(magnitude), i32(16))
  return select(ltU(small, limit), small, limit)
}

const compare =
  (index: boolean, explicit?: 32 | 64): Semantics =>
  (s) => {
    const imm = s.immediateByte()
    const words = and(imm, i32(1))
    const count = sub(i32(16), shl(words, i32(3)))
    const [a, b] = [s.vec(0), s.vec(1)]
    const lengthOf = (v: Node, register: number) =>
      explicit !== undefined ? explicitLength(s, register, explicit, count) : implicitLength(v, words)
    const [lengthA, lengthB] = [lengthOf(a, RAX), lengthOf(b, RDX)]
    const bits = s.call('compareStrings', 'i32', a, b, lengthA, lengthB, imm)
    const other = and(imm, i32(0x40))
    if (index) {
      // The least set bit, or the greatest; the number of elements when there is none.
      const least = ctz(or(bits, shl(i32(1), count)))
      const greatest = select(bits, sub(i32(31), pure('i32.clz', bits)), count)
      s.setReg(RCX, 32, select(other, greatest, least))
    } else {
      const narrow = lane('i32x4.replace_lane', 0, ZERO, bits)
      const expanded = select(words, maskOfBits('i16x8', bits), maskOfBits('i8x16', bits))
      s.set(XMM0, 128, select(other, expanded, narrow))
    }
    const flag = (when: Node, position: number) => shl(when, i32(position))
    s.flags(
      fromFlagBits(
        [
          flag(eqz(eqz(bits)), 0),
          flag(ltU(lengthB, count), 6),
          flag(ltU(lengthA, count), 7),
          flag(and(bits, i32(1)), 11),
        ].reduce((x, y) => or(x, y)),
      ),
    )
  }

export const sseString: readonly Row[] = [
  ...withFeature('sse4_2', [
    form('66 0F3A 60 /r W1', 'pcmpestrm', 'Vu Wu Ib', compare(false, 64), { vex: 'Vo Wo Ib L0' }),
    form('66 0F3A 60 /r', 'pcmpestrm', 'Vu Wu Ib', compare(false, 32), { vex: 'Vo Wo Ib L0' }),
    form('66 0F3A 61 /r W1', 'pcmpestri', 'Vu Wu Ib', compare(true, 64), { vex: 'Vo Wo Ib L0' }),
    form('66 0F3A 61 /r', 'pcmpestri', 'Vu Wu Ib', compare(true, 32), { vex: 'Vo Wo Ib L0' }),
    form('66 0F3A 62 /r', 'pcmpistrm', 'Vu Wu Ib', compare(false), { vex: 'Vo Wo Ib L0' }),
    form('66 0F3A 63 /r', 'pcmpistri', 'Vu Wu Ib', compare(true), { vex: 'Vo Wo Ib L0' }),
  ]),
]
