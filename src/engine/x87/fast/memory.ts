// Fast x87 loads and stores: reals of 32, 64 and 80 bits, integers; and rounding to an integral value. A store leaves its value in the
// record, and the status and tags for after it (forms/x87.ts).

import type { Helper } from '../../helpers.js'
import { X87_NEXT_STATUS, X87_NEXT_TAG, X87_RESULT } from '../../record.js'
import { operand } from './operand.js'
import {
  CLEAR_C1,
  commit,
  exactWhen,
  exponentOf,
  fast,
  get,
  INEXACT_MASKED,
  isOrdinary,
  NOTE_INEXACT,
  POP,
  PUSH,
  put,
  roundsUp,
  SIGN,
  ST0,
  unless,
} from './stack.js'

/** fld and fild; fld st(i). */
const load = fast('load', `${operand('$m', '$se')} ${PUSH}`)
/** The register in $bits and $high. */
const push = fast('push', `(set $m $bits) (set $se $high) ${PUSH}`)
/** A constant: $bits and $high, with the next two bits above it; rounded to 64 bits without an exception. */
const constant = fast(
  'constant',
  `(set $m $bits)
  (set $se (i32.and $high (i32 0x7fff)))
  (set $lo (i64.shl (i64.extend_i32_u (i32.shr_u $high (i32 16))) (i64 62)))
  ${roundsUp('$m')}
  (set $m (i64.add $m (i64.extend_i32_u $up)))
  ${PUSH}`,
)

/** Stores pop unless digit 2 says otherwise; that of integers by truncation is digit 1. */
const stored = `
  (if (i32.and $operation (i32 8)) (then ${POP}))
  ${commit(X87_NEXT_TAG, X87_NEXT_STATUS)}`

/** st(0), not zero, with `width` bits of exponent and `dropped` of significand less: into $n. */
const narrow = (width: number, dropped: number, bias: number): string => `
  (set $e (i32.sub ${exponentOf('$se')} (i32 ${bias})))
  ${exactWhen(`(i32.ge_u (i32.sub $e (i32 1)) (i32 ${2 ** width - 3}))`)}
  (set $lo (i64.shl $m (i64 ${64 - dropped})))
  (set $n (i64.shr_u $m (i64 ${dropped})))
  ${roundsUp('$n')}
  (set $n (i64.add
    (i64.add $n (i64.extend_i32_u $up))
    (i64.shl (i64.extend_i32_u (i32.sub $e (i32 1))) (i64 ${63 - dropped}))))`
const storeReal = (name: string, width: number, dropped: number, bias: number, store: string): Helper =>
  fast(
    name,
    `${unless(INEXACT_MASKED)}
    ${get(ST0)}
    ${unless(isOrdinary('$m', '$se'))}
    (if (i64.ne $m (i64 0)) (then ${narrow(width, dropped, bias)}))
    ${NOTE_INEXACT}
    (set $n (i64.or $n (i64.shl (i64.extend_i32_u (i32.shr_u $se (i32 15))) (i64 ${63 - dropped + width}))))
    (${store} $task $n +${X87_RESULT})
    ${stored}`,
  )

const storeRegister = fast(
  'storeRegister',
  `${get(ST0)}
  (i64.store $task $m +${X87_RESULT})
  (i32.store $task $se +${X87_RESULT + 8})
  ${CLEAR_C1}
  ${stored}`,
)

/** The integer that the size of st(0) is rounded to, into $n: the exponent in $e, without its bias, is below 63. */
const INTEGER = `
  (if (i32.ge_s $e (i32 0))
    (then
      (set $n (i64.shr_u $m (i64.extend_i32_u (i32.sub (i32 63) $e))))
      (set $lo (i64.shl $m (i64.extend_i32_u (i32.add $e (i32 1))))))
    (else
      ;; a half, or less than it
      (set $lo (select $m (i64.extend_i32_u (i64.ne $m (i64 0))) (i32.eq $e (i32 -1))))))
  ${roundsUp('$n')}
  (set $n (i64.add $n (i64.extend_i32_u $up)))`
const TRUNCATING = `(i32.eq (i32.and $operation (i32 0x38)) (i32 8))`

/** $high is the size of the integer in bits. */
const storeInteger = fast(
  'storeInteger',
  `${unless(INEXACT_MASKED)}
  ${get(ST0)}
  ${unless(isOrdinary('$m', '$se'))}
  (set $e (i32.sub ${exponentOf('$se')} (i32 16383)))
  ${exactWhen('(i32.ge_s $e (i32.sub $high (i32 1)))')}
  (if ${TRUNCATING} (then (set $control (i32.or $control (i32 0xc00)))))
  ${INTEGER}
  ${exactWhen('(i64.ne (i64.shr_u $n (i64.extend_i32_u (i32.sub $high (i32 1)))) (i64 0))')}
  ${NOTE_INEXACT}
  (if (i32.and $se ${SIGN}) (then (set $n (i64.sub (i64 0) $n))))
  (i64.store $task $n +${X87_RESULT})
  ${stored}`,
)

const integral = fast(
  'integral',
  `${unless(INEXACT_MASKED)}
  ${get(ST0)}
  ${unless(isOrdinary('$m', '$se'))}
  (set $e (i32.sub ${exponentOf('$se')} (i32 16383)))
  (if (i32.and (i64.ne $m (i64 0)) (i32.lt_s $e (i32 63)))
    (then
      ${INTEGER}
      (set $e (if i32 (i64.eqz $n) (then (i32 0)) (else (i32.sub (i32 16446) (i32.wrap_i64 (i64.clz $n))))))
      ${put(ST0, '(i64.shl $n (i64.clz $n))', `(i32.or (i32.and $se ${SIGN}) $e)`)}))
  ${NOTE_INEXACT}
  ${commit()}`,
)

export const fastMemory: readonly Helper[] = [
  load,
  push,
  constant,
  storeReal('storeDouble', 11, 11, 15360, 'i64.store'),
  storeReal('storeSingle', 8, 40, 16256, 'i64.store32'),
  storeRegister,
  storeInteger,
  integral,
]
