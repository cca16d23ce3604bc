// Fused multiply-add in integers (SDM vol. 1, 14.5.1): the whole product of 128 bits and the addend, rounded once. As softfloat.ts.

import type { Helper } from './helpers.js'
import {
  exactZero,
  extend,
  FORMAT_LOCALS,
  format,
  functionsOf,
  isInfinite,
  isZero,
  locals,
  magnitude,
  noteDenormal,
  type Row,
  roundingControl,
  SIGN,
  unpack,
} from './softfloat.js'

const daz = (x: string) => `(set ${x} (call $soft.daz $task ${x} $w))`
const isNan = (x: string) => `(i64.gt_u ${magnitude(x)} $infinite)`
const shiftedOut = (low: string, n: string) =>
  `(i64.extend_i32_u (i64.ne (i64.shl ${low} (i64.sub (i64 64) ${n})) (i64 0)))`

/** $n:$nLow right by $by, at least 1; what falls out leaves a one in the last place. */
const shiftAddend = `
  (if (i32.ge_s $by (i32 64))
    (then
      (set $nLow (i64.or (call $soft.jam $n (i32.sub $by (i32 64))) (i64.extend_i32_u (i64.ne $nLow (i64 0)))))
      (set $n (i64 0)))
    (else
      (set $nLow (i64.or
        (i64.or (i64.shr_u $nLow ${extend('$by')}) (i64.shl $n (i64.sub (i64 64) ${extend('$by')})))
        ${shiftedOut('$nLow', extend('$by'))}))
      (set $n (i64.shr_u $n ${extend('$by')}))))`

const fma = `${FORMAT_LOCALS} ${locals('i64', 'sign m mLow n nLow swap')} ${locals('i32', 'e f by')}
  ${format}
  ${daz('$a')} ${daz('$b')} ${daz('$c')}
  (if (i32.or (i32.or ${isNan('$a')} ${isNan('$b')}) ${isNan('$c')})
    (then
      ;; the first of them; each may signal
      (if (i32.or ${isNan('$a')} ${isNan('$b')})
        (then (set $sign (call $soft.nan $task (call $soft.nan $task $a $b $w) $c $w)) (return $sign)))
      (return (call $soft.nan $task $c $c $w))))
  (set $sign (i64.and (i64.xor (i64.xor $a $b) (i64.shl ${extend('$signs')} (i64 63))) ${SIGN}))
  (set $c (i64.xor $c (i64.and (i64.shl ${extend('$signs')} (i64 62)) ${SIGN})))
  (if (i32.or (i32.and ${isInfinite('$a')} ${isZero('$b')}) (i32.and ${isZero('$a')} ${isInfinite('$b')}))
    (then (return (call $soft.invalid $task $w))))
  (if (i32.or ${isInfinite('$a')} ${isInfinite('$b')})
    (then
      (if (i64.eq $c (i64.xor (i64.or $sign $infinite) ${SIGN})) (then (return (call $soft.invalid $task $w))))))
  ${noteDenormal('$a')} ${noteDenormal('$b')} ${noteDenormal('$c')}
  (if (i32.or ${isInfinite('$a')} ${isInfinite('$b')}) (then (return (i64.or $sign $infinite))))
  (if ${isInfinite('$c')} (then (return $c)))
  ${unpack(magnitude('$c'), '$f', '$n')}
  (if (i32.or ${isZero('$a')} ${isZero('$b')})
    (then
      (if (i64.eqz $n)
        (then (return (select $c ${exactZero} (i64.eqz (i64.and (i64.xor $c $sign) ${SIGN}))))))
      (return (call $soft.pack $task (i64.and $c ${SIGN}) $f $n $w ${roundingControl}))))
  ${unpack(magnitude('$a'), '$e', '$m')}
  ${unpack(magnitude('$b'), '$by', '$mLow')}
  (set $e (i32.add (i32.add $e $by) (i32 1)))
  (set $swap (call $soft.mulHigh $m $mLow))
  (set $mLow (i64.mul $m $mLow))
  (set $m $swap)
  (if (i64.ge_s $m (i64 0))
    (then
      (set $m (i64.or (i64.shl $m (i64 1)) (i64.shr_u $mLow (i64 63))))
      (set $mLow (i64.shl $mLow (i64 1)))
      (set $e (i32.sub $e (i32 1)))))
  (if (i64.ne $n (i64 0))
    (then
      (set $c (i64.xor $c $sign))
      ;; the greater first; the addend has no low half
      (if (i32.or (i32.gt_s $f $e) (i32.and (i32.eq $f $e) (i64.gt_u $n $m)))
        (then
          (set $swap $m) (set $m $n) (set $n $swap)
          (set $nLow $mLow) (set $mLow (i64 0))
          (set $by $e) (set $e $f) (set $f $by)
          (set $sign (i64.and (i64.xor $sign $c) ${SIGN}))))
      ;; room for a carry
      (set $mLow (i64.or (i64.shr_u $mLow (i64 1)) (i64.shl $m (i64 63))))
      (set $m (i64.shr_u $m (i64 1)))
      (set $by (i32.add (i32.sub $e $f) (i32 1)))
      (set $e (i32.add $e (i32 1)))
      ${shiftAddend}
      (if (i64.ge_s $c (i64 0))
        (then
          (set $mLow (i64.add $mLow $nLow))
          (set $m (i64.add (i64.add $m $n) (i64.extend_i32_u (i64.lt_u $mLow $nLow)))))
        (else
          (set $m (i64.sub (i64.sub $m $n) (i64.extend_i32_u (i64.lt_u $mLow $nLow))))
          (set $mLow (i64.sub $mLow $nLow))))
      (if (i64.eqz (i64.or $m $mLow)) (then (return ${exactZero})))
      (if (i64.eqz $m)
        (then (set $m $mLow) (set $mLow (i64 0)) (set $e (i32.sub $e (i32 64)))))
      ;; up to the top, as far as the low half matters
      (set $by (i32.wrap_i64 (i64.clz $m)))
      (if $by
        (then
          (set $m (i64.or (i64.shl $m ${extend('$by')}) (i64.shr_u $mLow (i64.sub (i64 64) ${extend('$by')}))))
          (set $mLow (i64.shl $mLow ${extend('$by')}))
          (set $e (i32.sub $e $by))))))
  (return_call $soft.pack $task $sign $e (i64.or $m (i64.extend_i32_u (i64.ne $mLow (i64 0)))) $w ${roundingControl})`

/** a·b + c; bit 0 of `signs` negates the product, bit 1 the addend. NaNs keep their signs. */
const ROWS: readonly Row[] = [['soft.fma', 'task:i32 a:i64 b:i64 c:i64 w:i32 signs:i32', fma]]

export const softFloatFused: readonly Helper[] = functionsOf(ROWS)
