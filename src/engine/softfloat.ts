// Floating point in integers, for careful code: IEEE 754 operations as SSE has them (SDM vol. 1, 4.8, 4.9 and 11.5), rounded once
// by any mode, with the exceptions they raise. Functions of the hub that only helpers call (exact-helpers.ts), as wasm text.
// A number is its bits moved to the top of an i64, `$w` the size of its exponent field: 11 double, 8 single, 5 half precision.
// Unpacked it is sign, exponent and an i64 with the leading one at the top: ±m/2^63·2^e. Exceptions go to FP_RAISED.

import { assemble } from '../wasm/assemble.js'
import type { Type } from '../wasm/opcodes.js'
import type { Helper } from './helpers.js'
import { FP_RAISED, MXCSR } from './record.js'

/** Exceptions at their places in MXCSR (SDM vol. 1, figure 10-3); the masks are seven bits above. */
export const EXCEPTION = { invalid: 1, denormal: 2, divide: 4, overflow: 8, underflow: 16, precision: 32 } as const
const DENORMALS_ARE_ZERO = 0x40
const OVERFLOW_MASKED = 0x400
const UNDERFLOW_MASKED = 0x800
const FLUSH_TO_ZERO = 0x8000
/** Rounding control, SDM table 4-8. */
const DOWN = 1
const UP = 2

export const DOUBLE = 11
export const SINGLE = 8
export const HALF = 5

export const SIGN = '(i64 0x8000000000000000)'
export const MAGNITUDE = '(i64 0x7fffffffffffffff)'
export const control = `(i32.load $task +${MXCSR})`
export const roundingControl = `(i32.and (i32.shr_u ${control} (i32 13)) (i32 3))`
export const raise = (flags: string) =>
  `(i32.store $task (i32.or (i32.load $task +${FP_RAISED}) ${flags}) +${FP_RAISED})`
export const raises = (...names: readonly (keyof typeof EXCEPTION)[]) =>
  raise(`(i32 ${names.reduce((all, name) => all | EXCEPTION[name], 0)})`)
export const magnitude = (x: string) => `(i64.and ${x} ${MAGNITUDE})`
export const extend = (x: string) => `(i64.extend_i32_u ${x})`
export const locals = (type: Type, names: string) =>
  names
    .split(' ')
    .map((name) => `(local $${name} ${type})`)
    .join(' ')

/** Constants of the format: its least normal number and infinity. */
export const FORMAT_LOCALS = locals('i64', 'least infinite')
export const format = `
  (set $least (i64.shl (i64 1) (i64.sub (i64 63) ${extend('$w')})))
  (set $infinite (i64.sub ${SIGN} $least))`
const BIAS = '(i32.sub (i32.shl (i32 1) (i32.sub $w (i32 1))) (i32 1))'

/** `$e`, `$m` of a finite magnitude; zero gives m 0 and a very small exponent. */
export const unpack = (bits: string, e: string, m: string) => `
  (set ${e} (i32.wrap_i64 (i64.shr_u ${bits} (i64.sub (i64 63) ${extend('$w')}))))
  (set ${m} (i64.shl ${bits} ${extend('$w')}))
  (if ${e} (then (set ${m} (i64.or ${m} ${SIGN}))) (else (set ${e} (i32 1))))
  (set ${e} (i32.sub (i32.sub ${e} ${BIAS}) (i32.wrap_i64 (i64.clz ${m}))))
  (set ${m} (i64.shl ${m} (i64.clz ${m})))`

/** Operands with denormals as zeros where MXCSR says so; a NaN among them is the result. */
const twoOperands = `
  ${format}
  (set $a (call $soft.daz $task $a $w))
  (set $b (call $soft.daz $task $b $w))
  (if (i32.or (i64.gt_u ${magnitude('$a')} $infinite) (i64.gt_u ${magnitude('$b')} $infinite))
    (then (return (call $soft.nan $task $a $b $w))))`
export const noteDenormal = (x: string) => `(call $soft.denormal $task ${x} $w)`
export const exactZero = `(select ${SIGN} (i64 0) (i32.eq ${roundingControl} (i32 ${DOWN})))`
export const isInfinite = (x: string) => `(i64.eq ${magnitude(x)} $infinite)`
export const isZero = (x: string) => `(i64.eqz ${magnitude(x)})`
const signOfProduct = `(i64.and (i64.xor $a $b) ${SIGN})`

export type Row = readonly [name: string, params: string, source: string]

const ROWS: readonly Row[] = [
  /** m shifted right; what falls out leaves a one in the last place. */
  [
    'soft.jam',
    'm:i64 n:i32',
    `(if (i32.eqz $n) (then (return $m)))
    (if (i32.ge_s $n (i32 64)) (then (return (i64.extend_i32_u (i64.ne $m (i64 0))))))
    (i64.or (i64.shr_u $m ${extend('$n')})
      (i64.extend_i32_u (i64.ne (i64.shl $m (i64.sub (i64 64) ${extend('$n')})) (i64 0))))`,
  ],
  /** The high half of the product. */
  [
    'soft.mulHigh',
    'a:i64 b:i64',
    `${locals('i64', 'al ah bl bh middle')}
    (set $al (i64.and $a (i64 0xffffffff))) (set $ah (i64.shr_u $a (i64 32)))
    (set $bl (i64.and $b (i64 0xffffffff))) (set $bh (i64.shr_u $b (i64 32)))
    (set $middle (i64.add (i64.mul $ah $bl) (i64.shr_u (i64.mul $al $bl) (i64 32))))
    (i64.add (i64.add (i64.mul $ah $bh) (i64.shr_u $middle (i64 32)))
      (i64.shr_u (i64.add (i64.mul $al $bh) (i64.and $middle (i64 0xffffffff))) (i64 32)))`,
  ],
  [
    'soft.daz',
    'task:i32 x:i64 w:i32',
    `(if (i32.eqz (i32.and ${control} (i32 ${DENORMALS_ARE_ZERO}))) (then (return $x)))
    (select (i64.and $x ${SIGN}) $x (i64.eqz (i64.shr_u ${magnitude('$x')} (i64.sub (i64 63) ${extend('$w')}))))`,
  ],
  [
    'soft.denormal',
    'task:i32 x:i64 w:i32 -',
    `(if (i32.and (i64.ne ${magnitude('$x')} (i64 0))
        (i64.eqz (i64.shr_u ${magnitude('$x')} (i64.sub (i64 63) ${extend('$w')}))))
      (then ${raises('denormal')}))`,
  ],
  /** The result when a or b is a NaN: the first of them, quiet (SDM table 4-7, the rows of SSE). */
  [
    'soft.nan',
    'task:i32 a:i64 b:i64 w:i32',
    `${FORMAT_LOCALS} (local $quiet i64)
    ${format}
    (set $quiet (i64.shr_u $least (i64 1)))
    (if (i32.or
        (i32.and (i64.gt_u ${magnitude('$a')} $infinite) (i64.eqz (i64.and $a $quiet)))
        (i32.and (i64.gt_u ${magnitude('$b')} $infinite) (i64.eqz (i64.and $b $quiet))))
      (then ${raises('invalid')}))
    (i64.or $quiet (select $a $b (i64.gt_u ${magnitude('$a')} $infinite)))`,
  ],
  /** The default NaN of an invalid operation: negative, quiet (SDM table 4-3). */
  [
    'soft.invalid',
    'task:i32 w:i32',
    `${raises('invalid')}
    (i64.shr_s ${SIGN} ${extend('(i32.add $w (i32 1))')})`,
  ],
  /** Rounds ±m/2^63·2^e, m not zero, to the format: the bits, and overflow, underflow and precision exceptions. */
  [
    'soft.pack',
    'task:i32 sign:i64 e:i32 m:i64 w:i32 mode:i32',
    `${locals('i64', 'ulp more rounded')} ${locals('i32', 'bias tiny away')}
    (set $bias ${BIAS})
    (set $e (i32.sub $e (i32.wrap_i64 (i64.clz $m))))
    (set $m (i64.shl $m (i64.clz $m)))
    ;; the last place of the result in $m: 24, 53 or 11 bits
    (set $ulp (select (i64 0x800) (select (i64 0x10000000000) (i64 0x20000000000000) (i32.eq $w (i32 ${SINGLE})))
      (i32.eq $w (i32 ${DOUBLE}))))
    (set $away (i32.eq $mode (select (i32 ${DOWN}) (i32 ${UP}) (i64.ne $sign (i64 0)))))
    (if (i32.lt_s $e (i32.sub (i32 1) $bias))
      (then
        ;; tiny unless it rounds up to the least normal number with the exponent unbounded (SDM vol. 1, 4.9.1.5)
        (set $more (call $soft.more $m $ulp $mode $away))
        (set $tiny (i32.or (i32.lt_s $e (i32.sub (i32 0) $bias)) (i64.ge_u (i64.add $m $more) $m)))
        (if $tiny
          (then
            (if (i32.eqz (i32.and ${control} (i32 ${UNDERFLOW_MASKED})))
              (then
                ${raises('underflow')}
                (if (i64.ne (i64.and $m (i64.sub $ulp (i64 1))) (i64 0)) (then ${raises('precision')}))
                (return $sign)))
            ;; half precision is never flushed (SDM vol. 2C, VCVTPS2PH)
            (if (i32.and (i32.ne $w (i32 ${HALF})) (i32.ne (i32.and ${control} (i32 ${FLUSH_TO_ZERO})) (i32 0)))
              (then
                ${raises('underflow', 'precision')}
                (return $sign)))))
        (set $m (call $soft.jam $m (i32.sub (i32.sub (i32 1) $bias) $e)))
        (set $e (i32.sub (i32 1) $bias))))
    (set $rounded (i64.and (i64.add $m (call $soft.more $m $ulp $mode $away)) (i64.sub (i64 0) $ulp)))
    (if (i64.ne (i64.and $m (i64.sub $ulp (i64 1))) (i64 0))
      (then
        ${raises('precision')}
        (if $tiny (then ${raises('underflow')}))
        ;; carried out of the top
        (if (i32.and (i64.eqz $rounded) (i64.lt_s $m (i64 0)))
          (then
            (set $rounded ${SIGN})
            (set $e (i32.add $e (i32 1)))))))
    (if (i32.gt_s $e $bias)
      (then
        ${raises('overflow')}
        (if (i32.and ${control} (i32 ${OVERFLOW_MASKED})) (then ${raises('precision')}))
        (set $m (i64.sub ${SIGN} (i64.shl (i64 1) (i64.sub (i64 63) ${extend('$w')}))))
        ;; infinity, or the greatest finite number
        (if (i32.eqz (i32.or $away (i32.eqz $mode)))
          (then (set $m (i64.sub $m (i64.shr_u $ulp ${extend('$w')})))))
        (return (i64.or $sign $m))))
    (i64.or $sign
      (i64.add
        (i64.shl ${extend('(i32.sub (i32.add $e $bias) (i32 1))')} (i64.sub (i64 63) ${extend('$w')}))
        (i64.shr_u $rounded ${extend('$w')})))`,
  ],
  /** What is added before the bits below the last place are cut off. */
  [
    'soft.more',
    'm:i64 ulp:i64 mode:i32 away:i32',
    `(if $away (then (return (i64.sub $ulp (i64 1)))))
    (if $mode (then (return (i64 0))))
    (i64.add (i64.sub (i64.shr_u $ulp (i64 1)) (i64 1)) (i64.extend_i32_u (i64.ne (i64.and $m $ulp) (i64 0))))`,
  ],
  [
    'soft.add',
    'task:i32 a:i64 b:i64 w:i32',
    `${FORMAT_LOCALS} ${locals('i64', 'm n swap')} ${locals('i32', 'e f')}
    ${twoOperands}
    (if (i32.and ${isInfinite('$a')} ${isInfinite('$b')})
      (then (if (i64.ne $a $b) (then (return (call $soft.invalid $task $w))))))
    ${noteDenormal('$a')}
    ${noteDenormal('$b')}
    (if ${isInfinite('$a')} (then (return $a)))
    (if ${isInfinite('$b')} (then (return $b)))
    (if (i64.eqz (i64.or ${magnitude('$a')} ${magnitude('$b')}))
      (then (return (select $a ${exactZero} (i64.eq $a $b)))))
    (if (i64.lt_u ${magnitude('$a')} ${magnitude('$b')})
      (then (set $swap $a) (set $a $b) (set $b $swap)))
    ${unpack(magnitude('$a'), '$e', '$m')}
    ${unpack(magnitude('$b'), '$f', '$n')}
    ;; room for a carry
    (set $m (i64.shr_u $m (i64 1)))
    (set $n (call $soft.jam $n (i32.add (i32 1) (i32.sub $e $f))))
    (if (i64.lt_s (i64.xor $a $b) (i64 0)) (then (set $n (i64.sub (i64 0) $n))))
    (set $m (i64.add $m $n))
    (if (i64.eqz $m) (then (return ${exactZero})))
    (return_call $soft.pack $task (i64.and $a ${SIGN}) (i32.add $e (i32 1)) $m $w ${roundingControl})`,
  ],
  [
    'soft.mul',
    'task:i32 a:i64 b:i64 w:i32',
    `${FORMAT_LOCALS} ${locals('i64', 'm n sign')} ${locals('i32', 'e f')}
    ${twoOperands}
    (set $sign ${signOfProduct})
    (if (i32.or (i32.and ${isInfinite('$a')} ${isZero('$b')}) (i32.and ${isZero('$a')} ${isInfinite('$b')}))
      (then (return (call $soft.invalid $task $w))))
    ${noteDenormal('$a')}
    ${noteDenormal('$b')}
    (if (i32.or ${isInfinite('$a')} ${isInfinite('$b')}) (then (return (i64.or $sign $infinite))))
    (if (i32.or ${isZero('$a')} ${isZero('$b')}) (then (return $sign)))
    ${unpack(magnitude('$a'), '$e', '$m')}
    ${unpack(magnitude('$b'), '$f', '$n')}
    (return_call $soft.pack $task $sign (i32.add (i32.add $e $f) (i32 1))
      (i64.or (call $soft.mulHigh $m $n) (i64.extend_i32_u (i64.ne (i64.mul $m $n) (i64 0)))) $w ${roundingControl})`,
  ],
  [
    'soft.div',
    'task:i32 a:i64 b:i64 w:i32',
    `${FORMAT_LOCALS} ${locals('i64', 'm n sign quotient')} ${locals('i32', 'e f count')}
    ${twoOperands}
    (set $sign ${signOfProduct})
    (if (i32.or (i32.and ${isInfinite('$a')} ${isInfinite('$b')}) (i32.and ${isZero('$a')} ${isZero('$b')}))
      (then (return (call $soft.invalid $task $w))))
    (if ${isInfinite('$a')} (then ${noteDenormal('$b')} (return (i64.or $sign $infinite))))
    (if ${isZero('$b')} (then ${raises('divide')} (return (i64.or $sign $infinite))))
    ${noteDenormal('$a')}
    ${noteDenormal('$b')}
    (if (i32.or ${isZero('$a')} ${isInfinite('$b')}) (then (return $sign)))
    ${unpack(magnitude('$a'), '$e', '$m')}
    ${unpack(magnitude('$b'), '$f', '$n')}
    ;; eleven bits of the quotient at a time: significands are of 53
    (set $m (i64.shr_u $m (i64 11)))
    (set $n (i64.shr_u $n (i64 11)))
    (set $count (i32 5))
    (loop $more
      (set $quotient (i64.or (i64.shl $quotient (i64 11)) (i64.div_u $m $n)))
      (set $m (i64.shl (i64.rem_u $m $n) (i64 11)))
      (br_if $more (i32.ge_s (tee $count (i32.sub $count (i32 1))) (i32 0))))
    (return_call $soft.pack $task $sign (i32.add (i32.sub $e $f) (i32 8))
      (i64.or $quotient (i64.extend_i32_u (i64.ne $m (i64 0)))) $w ${roundingControl})`,
  ],
  [
    'soft.sqrt',
    'task:i32 a:i64 w:i32',
    `${FORMAT_LOCALS} ${locals('i64', 'm root rest trial')} ${locals('i32', 'e count')}
    ${format}
    (set $a (call $soft.daz $task $a $w))
    (if (i64.gt_u ${magnitude('$a')} $infinite) (then (return (call $soft.nan $task $a $a $w))))
    (if ${isZero('$a')} (then (return $a)))
    (if (i64.lt_s $a (i64 0)) (then (return (call $soft.invalid $task $w))))
    (if (i64.eq $a $infinite) (then (return $a)))
    ${noteDenormal('$a')}
    ${unpack('$a', '$e', '$m')}
    ;; two bits before the point
    (if (i32.eqz (i32.and $e (i32 1))) (then (set $m (i64.shr_u $m (i64 1)))))
    (set $count (i32 55))
    (loop $more
      (set $rest (i64.or (i64.shl $rest (i64 2)) (i64.shr_u $m (i64 62))))
      (set $m (i64.shl $m (i64 2)))
      (set $trial (i64.or (i64.shl $root (i64 2)) (i64 1)))
      (set $root (i64.shl $root (i64 1)))
      (if (i64.ge_u $rest $trial)
        (then
          (set $rest (i64.sub $rest $trial))
          (set $root (i64.or $root (i64 1)))))
      (br_if $more (i32.ge_s (tee $count (i32.sub $count (i32 1))) (i32 0))))
    (return_call $soft.pack $task (i64 0) (i32.add (i32.shr_s $e (i32 1)) (i32 8))
      (i64.or $root (i64.extend_i32_u (i64.ne $rest (i64 0)))) $w ${roundingControl})`,
  ],
  /** Between formats. Half precision knows neither denormals-are-zero nor the denormal exception (SDM vol. 2C, VCVTPH2PS). */
  [
    'soft.convert',
    'task:i32 a:i64 w:i32 to:i32 mode:i32',
    `${FORMAT_LOCALS} (local $m i64) (local $e i32)
    ${format}
    (if (i32.ne $w (i32 ${HALF})) (then (set $a (call $soft.daz $task $a $w)) ${noteDenormal('$a')}))
    (if (i64.gt_u ${magnitude('$a')} $infinite) (then (set $a (call $soft.nan $task $a $a $w))))
    (if (i64.ge_u ${magnitude('$a')} $infinite)
      (then
        (return (i64.or (i64.and $a ${SIGN})
          (i64.or (i64.sub ${SIGN} (i64.shl (i64 1) (i64.sub (i64 63) ${extend('$to')})))
            (i64.and
              (i64.shr_u (i64.shl $a ${extend('(i32.add $w (i32 1))')}) ${extend('(i32.add $to (i32 1))')})
              (select (i64 -1) (select (i64 0xffffffff00000000) (i64 0xffff000000000000) (i32.eq $to (i32 ${SINGLE})))
                (i32.eq $to (i32 ${DOUBLE})))))))))
    (if ${isZero('$a')} (then (return $a)))
    ${unpack(magnitude('$a'), '$e', '$m')}
    (return_call $soft.pack $task (i64.and $a ${SIGN}) $e $m $to $mode)`,
  ],
]

/** Rows as functions of the hub. Parameters are `name:type`; one that ends in `-` has no result, the others an i64. */
export function functionsOf(rows: readonly Row[]): Helper[] {
  return rows.map(([name, declared, source]) => {
    const words = declared.split(' ')
    const params = words.filter((word) => word !== '-').map((word) => word.split(':') as [string, Type])
    const declaration = params.map(([parameter, type]) => `(param $${parameter} ${type})`).join(' ')
    return {
      name,
      params: params.map(([, type]) => type),
      results: words.includes('-') ? [] : ['i64'],
      build: (hub) => assemble(`${declaration} ${source}`, (called) => hub.index(called)),
    }
  })
}

export const softFloat: readonly Helper[] = functionsOf(ROWS)
