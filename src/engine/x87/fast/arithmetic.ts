// Fast x87 arithmetic on normal numbers and zeros: sums, products, quotients, square roots, remainders, powers of two; every precision and
// rounding mode. A result that is neither normal nor zero is the exact helper's.

import type { Helper } from '../../helpers.js'
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
  put,
  RM,
  roundsUp,
  SIGN,
  ST0,
  setSignAndExponent,
  TOP_BIT,
  unless,
} from './stack.js'

/** ±($m + $lo / 2^64), normalised, with exponent $e and the sign of $se: rounded as the control word says. */
const ROUND = `
  (set $d (i32 0))
  (if (i32.eqz (i32.and $control (i32 0x100)))
    (then
      (set $d (select (i32 11) (i32 40) (i32.and $control (i32 0x200))))
      (set $lo (i64.or (i64.shl $m (i64.sub (i64 64) (i64.extend_i32_u $d))) (i64.extend_i32_u (i64.ne $lo (i64 0)))))
      (set $m (i64.shr_u $m (i64.extend_i32_u $d)))))
  ${roundsUp('$m')}
  (set $m (i64.shl (i64.add $m (i64.extend_i32_u $up)) (i64.extend_i32_u $d)))
  (if (i64.eqz $m) (then (set $m ${TOP_BIT}) (set $e (i32.add $e (i32 1)))))
  ${exactWhen('(i32.ge_u (i32.sub $e (i32 1)) (i32 0x7ffe))')}
  (set $se (i32.or (i32.and $se ${SIGN}) $e))
  ${NOTE_INEXACT}`
/** Rounds what is not zero; a zero has its sign already. */
const FINISH = `
  (if (i64.eqz $m)
    (then (set $se (i32.and $se ${SIGN})) ${CLEAR_C1})
    (else ${ROUND}))`

const SUM = `
  (set $e ${exponentOf('$se')})
  (set $d (i32.sub $e ${exponentOf('$sf')}))
  (if (i32.or (i32.lt_s $d (i32 0)) (i32.and (i32.eqz $d) (i64.lt_u $m $n)))
    (then
      (set $lo $m) (set $m $n) (set $n $lo)
      (set $up $se) (set $se $sf) (set $sf $up)
      (set $e ${exponentOf('$se')})
      (set $d (i32.sub (i32 0) $d))))
  (if (i32.ge_s $d (i32 64))
    (then (set $lo (call $soft.jam $n (i32.sub $d (i32 64)))) (set $n (i64 0)))
    (else
      (set $lo (select (i64.shl $n (i64.sub (i64 64) (i64.extend_i32_u $d))) (i64 0) $d))
      (set $n (i64.shr_u $n (i64.extend_i32_u $d)))))
  (if (i32.and (i32.xor $se $sf) ${SIGN})
    (then
      (set $m (i64.sub (i64.sub $m $n) (i64.extend_i32_u (i64.ne $lo (i64 0)))))
      (set $lo (i64.sub (i64 0) $lo))
      (if (i64.eqz $m)
        (then
          (set $m $lo)
          (set $lo (i64 0))
          (set $e (i32.sub $e (i32 64)))
          ;; an exact zero is negative only when rounding down
          (if (i64.eqz $m)
            (then (set $se (select ${SIGN} (i32 0) (i32.eq (i32.and $control (i32 0xc00)) (i32 0x400))))))))
      (set $n (i64.clz $m))
      (if (i32.and (i64.ne $n (i64 0)) (i64.ne $m (i64 0)))
        (then
          (set $m (i64.or (i64.shl $m $n) (i64.shr_u $lo (i64.sub (i64 64) $n))))
          (set $lo (i64.shl $lo $n))
          (set $e (i32.sub $e (i32.wrap_i64 $n))))))
    (else
      (set $m (i64.add $m $n))
      (if (i64.lt_u $m $n)
        (then
          (set $lo (i64.or (i64.or (i64.shr_u $lo (i64 1)) (i64.and $lo (i64 1))) (i64.shl $m (i64 63))))
          (set $m (i64.or ${TOP_BIT} (i64.shr_u $m (i64 1))))
          (set $e (i32.add $e (i32 1)))))))`

const PRODUCT = `
  (set $e (i32.sub (i32.add ${exponentOf('$se')} ${exponentOf('$sf')}) (i32 16382)))
  (set $se (i32.xor $se $sf))
  (set $lo (i64.mul $m $n))
  (set $m (call $soft.mulHigh $m $n))
  (if (i64.ge_s $m (i64 0))
    (then
      (set $m (i64.or (i64.shl $m (i64 1)) (i64.shr_u $lo (i64 63))))
      (set $lo (i64.shl $lo (i64 1)))
      (set $e (i32.sub $e (i32 1)))))`

/** What is left of a division, as 64 bits behind the quotient: nothing, less than a half, a half, more. */
const fraction = (rest: string, divisor: string): string => `
  (select (i64 0)
    (select (i64 1)
      (select ${TOP_BIT} (i64 0xc000000000000000) (i64.eq ${rest} (i64.sub ${divisor} ${rest})))
      (i64.lt_u ${rest} (i64.sub ${divisor} ${rest})))
    (i64.eqz ${rest}))`
const QUOTIENT = `
  ${exactWhen('(i64.eqz $n)')}
  (set $e (i32.add (i32.sub ${exponentOf('$se')} ${exponentOf('$sf')}) (i32 16382)))
  (set $se (i32.xor $se $sf))
  (if (i64.ne $m (i64 0))
    (then
      (set $lo (i64 0))
      ;; the quotient is to have 64 bits
      (if (i64.ge_u $m $n)
        (then
          (set $lo (i64.shl $m (i64 63)))
          (set $m (i64.shr_u $m (i64 1)))
          (set $e (i32.add $e (i32 1)))))
      (set $m (call $x87.quotient $m $lo $n))
      (set $lo (i64.sub $lo (i64.mul $m $n)))
      (set $lo ${fraction('$lo', '$n')})))`

const SWAP = `
  (set $lo $m) (set $m $n) (set $n $lo)
  (set $up $se) (set $se $sf) (set $sf $up)`
const digit = (n: number): string => `(i32.and $operation (i32 ${n << 3}))`

/** $high: 1 the result goes to st(i), 2 and then there is a pop. */
/** Digits 0 add, 1 multiply, 4 subtract, 6 divide, 5 and 7 the other way round: of st(0) and the operand. */
const combine = fast(
  'combine',
  `${unless(INEXACT_MASKED)}
  ${get(ST0)}
  ${operand('$n', '$sf')}
  ${unless(isOrdinary('$m', '$se'))}
  ${unless(isOrdinary('$n', '$sf'))}
  (block $computed
    (if ${digit(4)}
      (then
        (if ${digit(1)} (then ${SWAP}))
        (if ${digit(2)} (then ${QUOTIENT} (br $computed)))
        (set $sf (i32.xor $sf ${SIGN})))
      (else
        (if ${digit(1)} (then ${PRODUCT} (br $computed)))))
    ${SUM})
  ${FINISH}
  (set $d (select ${RM} ${ST0} (i32.and $high (i32 1))))
  ${put('$d', '$m', '$se')}
  (if (i32.and $high (i32 2)) (then ${POP}))
  ${commit()}`,
)

const root = fast(
  'root',
  `${unless(INEXACT_MASKED)}
  ${get(ST0)}
  ${unless(isOrdinary('$m', '$se'))}
  (if (i64.eqz $m)
    (then ${CLEAR_C1})
    (else
      ${exactWhen(`(i32.and $se ${SIGN})`)}
      ;; the radicand is $n:$lo, of 127 or 128 bits so that the exponent is even
      (set $d (i32.and $se (i32 1)))
      (set $e (i32.add (i32.add (i32.shr_u $se (i32 1)) (i32 8191)) $d))
      (set $n (i64.shr_u $m (i64.extend_i32_u $d)))
      (set $lo (select (i64.shl $m (i64 63)) (i64 0) $d))
      (set $m (call $x87.squareRoot $n $lo))
      ;; what is left of it is more than a half when it is greater than the root
      (set $n (i64.sub $n (i64.add (call $soft.mulHigh $m $m) (i64.extend_i32_u (i64.lt_u $lo (i64.mul $m $m))))))
      (set $lo (i64.sub $lo (i64.mul $m $m)))
      (set $lo (select
        (i64 0xc000000000000000)
        (i64.extend_i32_u (i64.ne $lo (i64 0)))
        (i32.or (i64.ne $n (i64 0)) (i64.gt_u $lo $m))))
      ${ROUND}
      ${put(ST0, '$m', '$se')}))
  ${commit()}`,
)

/** fscale: by a power of two that is truncated from st(1). */
const scale = fast(
  'scale',
  `${get(ST0)}
  ${get('(i32 1)', '$n', '$sf')}
  ${unless(isOrdinary('$m', '$se'))}
  ${unless(isOrdinary('$n', '$sf'))}
  (set $d (i32.sub ${exponentOf('$sf')} (i32 16383)))
  ${exactWhen('(i32.gt_s $d (i32 14))')}
  (if (i32.and (i32.ge_s $d (i32 0)) (i64.ne $m (i64 0)))
    (then
      (set $d (i32.wrap_i64 (i64.shr_u $n (i64.extend_i32_u (i32.sub (i32 63) $d)))))
      (if (i32.and $sf ${SIGN}) (then (set $d (i32.sub (i32 0) $d))))
      (set $e (i32.add ${exponentOf('$se')} $d))
      ${exactWhen('(i32.ge_u (i32.sub $e (i32 1)) (i32 0x7ffe))')}
      ${setSignAndExponent(ST0, `(i32.or (i32.and $se ${SIGN}) $e)`)}))
  ${CLEAR_C1}
  ${commit()}`,
)

/** fprem of operands that are less than 64 binary places apart: a bit of the quotient, in $bits, at a time. */
const remainder = fast(
  'remainder',
  `${get(ST0)}
  ${get('(i32 1)', '$n', '$sf')}
  ${unless(isOrdinary('$m', '$se'))}
  ${unless(isOrdinary('$n', '$sf'))}
  ${exactWhen('(i64.eqz $n)')}
  (set $d (i32.sub ${exponentOf('$se')} ${exponentOf('$sf')}))
  ${exactWhen('(i32.ge_s $d (i32 64))')}
  (set $bits (i64 0))
  (if (i32.and (i32.ge_s $d (i32 0)) (i64.ne $m (i64 0)))
    (then
      (loop $more
        (set $bits (i64.shl $bits (i64 1)))
        (if (i32.or $up (i64.ge_u $m $n))
          (then
            (set $m (i64.sub $m $n))
            (set $bits (i64.or $bits (i64 1)))))
        (if $d
          (then
            (set $up (i64.lt_s $m (i64 0)))
            (set $m (i64.shl $m (i64 1)))
            (set $d (i32.sub $d (i32 1)))
            (br $more))))
      (set $e (i32.sub ${exponentOf('$sf')} (i32.wrap_i64 (i64.clz $m))))
      (if (i64.eqz $m)
        (then (set $e (i32 0)))
        (else ${exactWhen('(i32.lt_s $e (i32 1))')}))
      ${put(ST0, '(i64.shl $m (i64.clz $m))', `(i32.or (i32.and $se ${SIGN}) $e)`)}))
  ;; C0 C3 C1 are the quotient's last three bits
  (set $d (i32.wrap_i64 $bits))
  (set $status (i32.or (i32.and $status (i32 0xb8ff))
    (i32.or (i32.shl (i32.and $d (i32 4)) (i32 6))
      (i32.or (i32.shl (i32.and $d (i32 2)) (i32 13)) (i32.shl (i32.and $d (i32 1)) (i32 9))))))
  ${commit()}`,
)

export const fastArithmetic: readonly Helper[] = [combine, root, scale, remainder]
