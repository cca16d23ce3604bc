// Division and square root of 128 bits by 64, for the fast x87 instructions: functions of the hub that only they call.

import { divideWide, divisionLocals } from '../../division-helpers.js'
import { functionsOf } from '../../softfloat.js'

export const wideFunctions = functionsOf([
  /** high:low by a divisor whose top bit is set and which is greater than high. */
  ['x87.quotient', 'high:i64 low:i64 divisor:i64', `${divisionLocals} ${divideWide} $quotient`],
  /**
   * The root of high:low, of at least 127 bits, rounded down. That of a double is right to 52 bits; half of what it leaves, divided
   * by it, gives the others but for a unit or two.
   */
  [
    'x87.squareRoot',
    'high:i64 low:i64',
    `(local $root i64) (local $guess f64) (local $h i64) (local $l i64)
    (set $guess (f64.mul (f64.sqrt (f64.convert_i64_u $high)) (f64.reinterpret_i64 (i64 0x41f0000000000000))))
    (set $root (i64.trunc_sat_f64_u $guess))
    (set $h (i64.sub $high (i64.add (call $soft.mulHigh $root $root)
      (i64.extend_i32_u (i64.lt_u $low (i64.mul $root $root))))))
    (set $l (i64.sub $low (i64.mul $root $root)))
    (set $root (i64.add $root (i64.trunc_sat_f64_s (f64.div
      (f64.add (f64.mul (f64.convert_i64_s $h) (f64.reinterpret_i64 (i64 0x43f0000000000000))) (f64.convert_i64_u $l))
      (f64.add $guess $guess)))))
    ;; what is left: not negative, and at most twice the root, which has 65 bits
    (loop $again
      (set $h (i64.sub $high (i64.add (call $soft.mulHigh $root $root)
        (i64.extend_i32_u (i64.lt_u $low (i64.mul $root $root))))))
      (set $l (i64.sub $low (i64.mul $root $root)))
      (if (i64.lt_s $h (i64 0)) (then (set $root (i64.sub $root (i64 1))) (br $again)))
      (if (i32.or (i64.gt_u $h (i64 1))
          (i32.and (i64.eq $h (i64 1)) (i64.gt_u $l (i64.shl $root (i64 1)))))
        (then (set $root (i64.add $root (i64 1))) (br $again))))
    $root`,
  ],
])
