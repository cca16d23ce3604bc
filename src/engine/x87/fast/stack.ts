// The words that the fast x87 instructions are written in: the stack of registers, numbers as ($m, $se), rounding.
//   fast('exchange', `…`) // a helper (task, operation, bits, high) whose body leaves by (br $exact) when something is unusual
// Unusual are stack faults, exceptions other than a masked inexactness, and most numbers that are neither normal nor zero. Until it is
// known that nothing is unusual, a body changes nothing.

import { assemble } from '../../../wasm/assemble.js'
import type { Helper } from '../../helpers.js'
import { X87, X87_CONTROL, X87_STATUS, X87_STRIDE, X87_TAG } from '../../record.js'

const HEAD = `
  (param $task i32) (param $operation i32) (param $bits i64) (param $high i32)
  (local $status i32) (local $tags i32) (local $top i32) (local $control i32)
  (local $m i64) (local $se i32) (local $n i64) (local $sf i32)
  (local $e i32) (local $lo i64) (local $up i32) (local $d i32)`

/** `bits` and `high` are a memory operand, or what the row of the form has to say (forms/x87.ts). The answer is that of the exact helper. */
export const fast = (name: string, body: string): Helper => ({
  name: `x87.${name}`,
  params: ['i32', 'i32', 'i64', 'i32'],
  results: ['i32'],
  build: (hub) =>
    assemble(
      `${HEAD}
      (set $status (i32.and (i32.load $task +${X87_STATUS}) (i32 0xffff)))
      (set $tags (i32.load $task +${X87_TAG}))
      (set $top (i32.shr_u $status (i32 11)))
      (set $control (i32.load $task +${X87_CONTROL}))
      (block $exact ${body} (return (i32 1)))
      (return_call $x87 $task $operation $bits $high)`,
      (called) => hub.index(called),
    ),
})

export const TOP_BIT = '(i64 0x8000000000000000)'
export const SIGN = '(i32 0x8000)'
export const unless = (condition: string): string => `(br_if $exact (i32.eqz ${condition}))`
export const exactWhen = (condition: string): string => `(br_if $exact ${condition})`

// ---- the stack ----------------------------------------------------------------------------------------------------------

export const ST0 = '(i32 0)'
export const RM = '(i32.and $operation (i32 7))'
const BELOW = '(i32 7)'
const number = (n: string): string => `(i32.and ${n === ST0 ? '$top' : `(i32.add $top ${n})`} (i32 7))`
const place = (n: string): string => `(i32.add $task (i32.mul ${number(n)} (i32 ${X87_STRIDE})))`
const tag = (n: string): string => `(i32.shl (i32 3) (i32.shl ${number(n)} (i32 1)))`

export const significand = (n: string): string => `(i64.load ${place(n)} +${X87})`
export const signAndExponent = (n: string): string => `(i32.load16_u ${place(n)} +${X87 + 8})`
export const isEmpty = (n: string): string => `(i32.and $tags ${tag(n)})`
export const get = (n: string, m = '$m', se = '$se'): string => `
  ${exactWhen(isEmpty(n))}
  (set ${m} ${significand(n)})
  (set ${se} ${signAndExponent(n)})`
export const put = (n: string, m: string, se: string): string => `
  (i64.store ${place(n)} ${m} +${X87})
  (i32.store16 ${place(n)} ${se} +${X87 + 8})`
export const setSignAndExponent = (n: string, se: string): string => `(i32.store16 ${place(n)} ${se} +${X87 + 8})`

/** Tags and status while they are changed; `commit` writes them. */
export const fill = (n: string): string => `(set $tags (i32.and $tags (i32.xor ${tag(n)} (i32 -1))))`
export const free = (n: string): string => `(set $tags (i32.or $tags ${tag(n)}))`
export const turn = (by: string): string =>
  `(set $status (i32.or (i32.and $status (i32 0xc7ff)) (i32.shl ${number(by)} (i32 11))))`
export const POP = `${free(ST0)} ${turn('(i32 1)')} (set $top (i32.add $top (i32 1)))`
export const CLEAR_C1 = '(set $status (i32.and $status (i32 0xfdff)))'
export const commit = (tags: number = X87_TAG, status: number = X87_STATUS): string => `
  (i32.store $task $tags +${tags})
  (i32.store $task $status +${status})`

/** $m and $se become st(0) of a stack one deeper. */
export const PUSH = `
  ${unless(isEmpty(BELOW))}
  ${put(BELOW, '$m', '$se')}
  ${fill(BELOW)}
  ${turn(BELOW)}
  ${CLEAR_C1}
  ${commit()}`

// ---- numbers --------------------------------------------------------------------------------------------------------------

export const exponentOf = (se: string): string => `(i32.and ${se} (i32 0x7fff))`
/** Normal, or zero. */
export const isOrdinary = (m: string, se: string): string => `
  (if i32 (i64.lt_s ${m} (i64 0))
    (then (i32.lt_u (i32.sub ${exponentOf(se)} (i32 1)) (i32 0x7ffe)))
    (else (i32.and (i64.eqz ${m}) (i32.eqz ${exponentOf(se)}))))`
export const INEXACT_MASKED = '(i32.and $control (i32 0x20))'

/** Whether ±($kept + $lo / 2^64) is rounded away from zero, with the sign of $se: into $up (SDM vol. 1, table 4-8). */
export const roundsUp = (kept: string): string => `
  (if (i32.and $control (i32 0xc00))
    (then
      (set $up (i32.and (i64.ne $lo (i64 0))
        (i32.eq (i32.and $control (i32 0xc00)) (select (i32 0x400) (i32 0x800) (i32.and $se ${SIGN}))))))
    (else
      (set $up (i32.and (i64.lt_s $lo (i64 0))
        (i32.or (i64.ne $lo ${TOP_BIT}) (i32.wrap_i64 (i64.and ${kept} (i64 1))))))))`
/** The flag of an inexact result, and whether it was rounded up. */
export const NOTE_INEXACT = `
  ${CLEAR_C1}
  (if (i64.ne $lo (i64 0))
    (then (set $status (i32.or (i32.or $status (i32 0x20)) (i32.shl $up (i32 9))))))`
