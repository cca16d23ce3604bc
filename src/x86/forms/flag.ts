// Instructions on RFLAGS itself. User mode may change CF PF AF ZF SF OF and TF DF NT AC ID (SDM vol. 2B, POPF);
// IF always reads as set.

import { add, and, cut, or, wrap, xor, zext64 } from '../expr.js'
import { carryOf, flagBits, fromFlagBits, withCarry } from '../flags.js'
import { form, type Row } from '../form.js'
import { i32, i64, type Node, type Ref } from '../ir.js'
import { RSP, type Sem, type Semantics } from '../semantics.js'
import { WORD } from '../words.js'

const DIRECTION = 0x400
const OVERFLOW = 0x800
/** TF DF NT AC ID: what the record keeps beside the arithmetic flags. */
const OTHER = 0x244500
/** IF, and bit 1, which is always set. */
const ALWAYS = 0x202
const AH: Ref = { bank: 'gpr', index: 0, high: true }

/** RFLAGS as a program sees them (i32): RF and VM read as zero. */
export const rflags = (s: Sem): Node =>
  or(or(flagBits(s.flagsBefore), and(s.word(WORD.flagOther, 'i32'), i32(OTHER))), i32(ALWAYS))

const pushf: Semantics = (s) => s.push(s.width === 64 ? zext64(rflags(s)) : cut(rflags(s), 16), s.width)
const popf: Semantics = (s) => {
  const rsp = s.reg(RSP, 64)
  const value = wrap(s.pop(s.width))
  loadFlags(s, value, add(rsp, i64(s.width / 8)), s.next())
}

/** What popf and iret do to the flags. The helper takes over where the next instruction is to trap, or accesses are checked. */
export function loadFlags(s: Sem, value: Node, rsp: Node, next: Node): void {
  const writable = s.width === 16 ? OTHER & 0xffff : OTHER
  s.sync('loadFlags', value, i32(writable), rsp, next)
  s.flags(fromFlagBits(value))
  s.setWord(WORD.flagOther, or(and(s.word(WORD.flagOther, 'i32'), i32(~writable)), and(value, i32(writable))))
}

const lahf: Semantics = (s) => s.set(AH, 8, or(and(flagBits(s.flagsBefore), i32(0xd5)), i32(2)))
const sahf: Semantics = (s) => s.flags(fromFlagBits(or(s.get(AH, 8), and(flagBits(s.flagsBefore), i32(OVERFLOW)))))

const setCarry =
  (carry: (s: Sem) => Node): Semantics =>
  (s) =>
    s.flags(withCarry(s.flagsBefore, carry(s)))
const setDirection =
  (value: number): Semantics =>
  (s) =>
    s.setWord(WORD.flagOther, or(and(s.word(WORD.flagOther, 'i32'), i32(~DIRECTION)), i32(value)))

export const flag: readonly Row[] = [
  form('9C', 'pushf', '', pushf, { default64: true }),
  form('9D', 'popf', '', popf, { default64: true }),
  form('9E', 'sahf', '', sahf),
  form('9F', 'lahf', '', lahf),
  form(
    'F5',
    'cmc',
    '',
    setCarry((s) => xor(carryOf(s.flagsBefore), i32(1))),
  ),
  form(
    'F8',
    'clc',
    '',
    setCarry(() => i32(0)),
  ),
  form(
    'F9',
    'stc',
    '',
    setCarry(() => i32(1)),
  ),
  form('FC', 'cld', '', setDirection(0)),
  form('FD', 'std', '', setDirection(DIRECTION)),
]
