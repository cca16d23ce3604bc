// MMX registers are the significands of the x87 registers, by number and not by place on the stack (SDM vol. 1, 9.2.1 and 9.5): a row
// whose operands are of kinds P, Q or N is `mmx(semantics)`, with semantics that mean the low eight bytes of their vectors.

import { and } from './expr.js'
import { i32 } from './ir.js'
import type { Sem, Semantics } from './semantics.js'
import { WORD } from './words.js'

/** #MF. */
const FLOATING_POINT = 16
/** Of the x87 status word (SDM vol. 1, figure 8-4): an exception is pending that is not masked; the stack's top. */
const PENDING = 0x80
const TOP = 0x3800

/** What an x87 or MMX instruction does first: a pending exception that is not masked is raised now. */
export function raisePending(s: Sem): void {
  s.raise(FLOATING_POINT, and(s.word(WORD.x87Status, 'i32'), i32(PENDING)))
}

/** Tags and top as an MMX instruction leaves them. */
function toMmx(s: Sem, tag = 0): void {
  s.setWord(WORD.x87Status, and(s.word(WORD.x87Status, 'i32'), i32(~TOP)))
  s.setWord(WORD.x87Tag, i32(tag))
}

export const mmx =
  (semantics: Semantics): Semantics =>
  (s) => {
    raisePending(s)
    semantics(s)
    toMmx(s)
  }

/** For those that have left the x87 state behind when they raise #XM. */
export const mmxConversion =
  (semantics: Semantics): Semantics =>
  (s) => {
    raisePending(s)
    semantics(s)
    s.call('toMmx', 'i32')
  }

/** From an MMX register or from memory, which leaves the x87 state alone. */
export const fromMmx =
  (semantics: Semantics): Semantics =>
  (s) => {
    if (s.isMemory(1)) semantics(s)
    else mmxConversion(semantics)(s)
  }

/** For one that has left the x87 state behind when it faults. */
export const mmxStore =
  (semantics: Semantics): Semantics =>
  (s) => {
    raisePending(s)
    s.call('toMmx', 'i32')
    semantics(s)
  }

/** emms: every register is empty. */
export const emptyRegisters: Semantics = (s) => {
  raisePending(s)
  toMmx(s, 0xffff)
}
