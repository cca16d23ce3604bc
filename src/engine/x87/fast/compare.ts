// Fast x87 comparisons of normal numbers and zeros (SDM vol. 1, 8.3.6), to the condition codes or to the flags.

import type { Helper } from '../../helpers.js'
import { X87_FLAGS } from '../../record.js'
import { operand } from './operand.js'
import { commit, exponentOf, fast, get, isOrdinary, POP, SIGN, ST0, unless } from './stack.js'

/** Exponents with the number's sign, which are 0 of zeros only. */
const ranked = (se: string): string =>
  `(select (i32.sub (i32 0) ${exponentOf(se)}) ${exponentOf(se)} (i32.and ${se} ${SIGN}))`

/** st(0) with ($n, $sf): 0 greater, 1 less, 2 equal, into $d. */
const ORDER = `
  ${get(ST0)}
  ${unless(isOrdinary('$m', '$se'))}
  ${unless(isOrdinary('$n', '$sf'))}
  (set $e ${ranked('$se')})
  (set $up ${ranked('$sf')})
  (if (i32.eq $e $up)
    (then
      (set $d (if i32 (i64.eq $m $n)
        (then (i32 2))
        (else (i32.ne (i64.lt_u $m $n) (i32.lt_s $e (i32 0)))))))
    (else (set $d (i32.lt_s $e $up))))`
/** C0 for less, C3 for equal. */
const CODES = `
  (set $status (i32.or (i32.and $status (i32 0xb8ff))
    (i32.or (i32.shl (i32.and $d (i32 1)) (i32 8)) (i32.shl (i32.and $d (i32 2)) (i32 13)))))`
const POPS = `
  (if $high (then ${POP}))
  (if (i32.gt_u $high (i32 1)) (then ${POP}))`

/** $high is how many numbers are popped then. */
const compare = fast('compare', `${operand('$n', '$sf')} ${ORDER} ${CODES} ${POPS} ${commit()}`)
/** With zero. */
const test = fast('test', `${ORDER} ${CODES} ${commit()}`)
/** CF for less, ZF for equal. */
const compareToFlags = fast(
  'compareToFlags',
  `${operand('$n', '$sf')}
  ${ORDER}
  (i32.store $task (i32.or (i32.and $d (i32 1)) (i32.shl (i32.and $d (i32 2)) (i32 5))) +${X87_FLAGS})
  ${POPS}
  ${commit()}`,
)

export const fastCompare: readonly Helper[] = [compare, test, compareToFlags]
