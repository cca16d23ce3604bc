// The common x87 instructions in wasm, when nothing is unusual about them: moves, loads, stores, additions and multiplications of normal
// numbers, to nearest, in 64 bits of precision, inexactness masked, no stack fault. Everything else is the exact helper's (helper.ts).

import { assemble } from '../../wasm/assemble.js'
import type { Helper } from '../helpers.js'
import {
  X87,
  X87_CONTROL,
  X87_NEXT_STATUS,
  X87_NEXT_TAG,
  X87_RESULT,
  X87_STATUS,
  X87_STRIDE,
  X87_TAG,
} from '../record.js'

const EXACT = '(return_call $x87.exact $task $operation $low $middle $high)'
const TOP_BIT = '(i64 0x8000000000000000)'
const register = (n: string): string =>
  `(i32.add $task (i32.mul (i32.and (i32.add $top ${n}) (i32 7)) (i32 ${X87_STRIDE})))`
const shiftOf = (n: string): string => `(i32.shl (i32.and (i32.add $top ${n}) (i32 7)) (i32 1))`
const isEmpty = (n: string): string => `(i32.and (i32.shr_u $tags ${shiftOf(n)}) (i32 3))`
/** To nearest, inexactness masked. */
const NEAREST = `(i32.eq (i32.and (i32.load $task +${X87_CONTROL}) (i32 0xc20)) (i32 0x20))`
/** And 64 bits of precision. */
const ORDINARY = `(i32.eq (i32.and (i32.load $task +${X87_CONTROL}) (i32 0xf20)) (i32 0x320))`
const isOp = (value: number, mask = 0xffff): string => `(i32.eq (i32.and $operation (i32 ${mask})) (i32 ${value}))`
const when = (condition: string, body: string): string => `(if ${condition} (then ${body}))`
const either = (...conditions: string[]): string => conditions.reduce((all, one) => `(i32.or ${all} ${one})`)
const isNormal = (m: string, se: string): string =>
  `(i32.and (i64.lt_s ${m} (i64 0)) (i32.lt_u (i32.sub (i32.and ${se} (i32 0x7fff)) (i32 1)) (i32 0x7ffe)))`

/** $m and $se become st(0) of a stack one deeper. */
const push = `
  ${when(`(i32.ne ${isEmpty('(i32 7)')} (i32 3))`, EXACT)}
  (i64.store ${register('(i32 7)')} $m +${X87})
  (i32.store16 ${register('(i32 7)')} $se +${X87 + 8})
  (i32.store $task (i32.and $tags (i32.xor (i32.shl (i32 3) ${shiftOf('(i32 7)')}) (i32 -1))) +${X87_TAG})
  (i32.store $task (i32.or (i32.and $status (i32 0xc5ff)) (i32.shl (i32.and (i32.add $top (i32 7)) (i32 7)) (i32 11))) +${X87_STATUS})
  (return (i32 1))`
const turned = (status: string): string =>
  `(i32.or (i32.and ${status} (i32 0xc7ff)) (i32.shl (i32.and (i32.add $top (i32 1)) (i32 7)) (i32 11)))`
const popped = `(i32.or $tags (i32.shl (i32 3) ${shiftOf('(i32 0)')}))`

/** A single or double in $m, at the top of it: $w bits of exponent and the difference of the biases. */
const loadReal = (w: number, bias: number): string => `
  (set $se (i32.wrap_i64 (i64.shl (i64.shr_u $m (i64 63)) (i64 15))))
  (set $e (i32.wrap_i64 (i64.shr_u (i64.shl $m (i64 1)) (i64 ${64 - w}))))
  (if (i64.eqz (i64.shl $m (i64 1)))
    (then (set $m (i64 0)))
    (else
      ${when(`(i32.ge_u (i32.sub $e (i32 1)) (i32 ${2 ** w - 2}))`, EXACT)}
      (set $m (i64.or ${TOP_BIT} (i64.shl $m (i64 ${w}))))
      (set $se (i32.or $se (i32.add $e (i32 ${bias}))))))`
const loadInteger = `
  (set $se (i32.wrap_i64 (i64.shl (i64.shr_u $m (i64 63)) (i64 15))))
  (if (i64.ne $m (i64 0))
    (then
      (if (i64.lt_s $m (i64 0)) (then (set $m (i64.sub (i64 0) $m))))
      (set $se (i32.or $se (i32.sub (i32 16446) (i32.wrap_i64 (i64.clz $m)))))
      (set $m (i64.shl $m (i64.clz $m)))))`

/** st(0) as a single or double, which has so many bits less. */
const storeReal = (w: number, dropped: number, bias: number, store: (bits: string) => string): string => {
  const half = 2n ** BigInt(dropped - 1)
  return `
  (set $m (i64.load ${register('(i32 0)')} +${X87}))
  (set $se (i32.load16_u ${register('(i32 0)')} +${X87 + 8}))
  ${when(`(i32.or (i32.eq ${isEmpty('(i32 0)')} (i32 3)) (i32.eqz ${NEAREST}))`, EXACT)}
  (set $e (i32.sub (i32.and $se (i32 0x7fff)) (i32 ${bias})))
  (set $status (i32.and $status (i32 0xfdff)))
  (if (i32.and (i64.eqz $m) (i32.eqz (i32.and $se (i32 0x7fff))))
    (then (set $n (i64 0)))
    (else
      ${when(`(i32.or (i64.ge_s $m (i64 0)) (i32.ge_u (i32.sub $e (i32 1)) (i32 ${2 ** w - 3})))`, EXACT)}
      (set $lo (i64.and $m (i64 ${2n * half - 1n})))
      (set $n (i64.shr_u $m (i64 ${dropped})))
      (set $up (i32.or (i64.gt_u $lo (i64 ${half}))
        (i32.and (i64.eq $lo (i64 ${half})) (i32.wrap_i64 (i64.and $n (i64 1))))))
      (set $n (i64.add (i64.add $n (i64.extend_i32_u $up)) (i64.shl (i64.extend_i32_u (i32.sub $e (i32 1))) (i64 ${63 - dropped}))))
      (set $n (i64.shl $n (i64 ${dropped - w})))
      (if (i64.ne $lo (i64 0))
        (then (set $status (i32.or (i32.or $status (i32 0x20)) (i32.shl $up (i32 9))))))))
  (set $n (i64.or $n (i64.shl (i64.extend_i32_u (i32.shr_u $se (i32 15))) (i64 63))))
  ${store('$n')}
  (if (i32.and $operation (i32 8))
    (then (set $tags ${popped}) (set $status ${turned('$status')})))
  (i32.store $task $tags +${X87_NEXT_TAG})
  (i32.store $task $status +${X87_NEXT_STATUS})
  (return (i32 1))`
}

const ROUND = `
  (set $up (i32.and (i64.lt_s $lo (i64 0)) (i32.or (i64.ne $lo ${TOP_BIT}) (i32.wrap_i64 (i64.and $m (i64 1))))))
  (set $m (i64.add $m (i64.extend_i32_u $up)))
  (if (i64.eqz $m) (then (set $m ${TOP_BIT}) (set $e (i32.add $e (i32 1)))))
  ${when('(i32.ge_u (i32.sub $e (i32 1)) (i32 0x7ffe))', EXACT)}
  (set $status (i32.and $status (i32 0xfdff)))
  (if (i64.ne $lo (i64 0)) (then (set $status (i32.or (i32.or $status (i32 0x20)) (i32.shl $up (i32 9))))))`

/** ±$m·2^$e ← st(0) × ($n, $sf). */
const MULTIPLY = `
  (set $e (i32.sub (i32.add (i32.and $se (i32 0x7fff)) (i32.and $sf (i32 0x7fff))) (i32 16382)))
  (set $se (i32.xor $se $sf))
  (set $lo (i64.mul $m $n))
  (set $m (call $soft.mulHigh $m $n))
  (if (i64.ge_s $m (i64 0))
    (then
      (set $m (i64.or (i64.shl $m (i64 1)) (i64.shr_u $lo (i64 63))))
      (set $lo (i64.shl $lo (i64 1)))
      (set $e (i32.sub $e (i32 1)))))`
/** The same for sums; only the greater one's sign counts. */
const ADD = `
  (set $e (i32.and $se (i32 0x7fff)))
  (set $d (i32.sub $e (i32.and $sf (i32 0x7fff))))
  (if (i32.or (i32.lt_s $d (i32 0)) (i32.and (i32.eqz $d) (i64.lt_u $m $n)))
    (then
      (set $lo $m) (set $m $n) (set $n $lo)
      (set $up $se) (set $se $sf) (set $sf $up)
      (set $e (i32.and $se (i32 0x7fff)))
      (set $d (i32.sub (i32 0) $d))))
  ${when('(i32.gt_s $d (i32 63))', EXACT)}
  (set $lo (select (i64.shl $n (i64.sub (i64 64) (i64.extend_i32_u $d))) (i64 0) $d))
  (set $n (i64.shr_u $n (i64.extend_i32_u $d)))
  (if (i32.and (i32.xor $se $sf) (i32 0x8000))
    (then
      (set $m (i64.sub (i64.sub $m $n) (i64.extend_i32_u (i64.ne $lo (i64 0)))))
      (set $lo (i64.sub (i64 0) $lo))
      ${when('(i64.eqz $m)', EXACT)}
      (set $n (i64.clz $m))
      (if (i64.ne $n (i64 0))
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

/** $digit (0 add, 1 multiply, 4 and 5 subtract) of st(0) and ($n, $sf), to st($to), with a pop when $pops. */
const ARITHMETIC = `
  ${when(`(i32.or (i32.eq ${isEmpty('(i32 0)')} (i32 3)) (i32.eqz ${ORDINARY}))`, EXACT)}
  (set $m (i64.load ${register('(i32 0)')} +${X87}))
  (set $se (i32.load16_u ${register('(i32 0)')} +${X87 + 8}))
  ${when(`(i32.eqz (i32.and ${isNormal('$m', '$se')} ${isNormal('$n', '$sf')}))`, EXACT)}
  (if (i32.eq $digit (i32 1))
    (then ${MULTIPLY})
    (else
      (if (i32.eq $digit (i32 4)) (then (set $sf (i32.xor $sf (i32 0x8000)))))
      (if (i32.eq $digit (i32 5)) (then (set $se (i32.xor $se (i32 0x8000)))))
      ${ADD}))
  ${ROUND}
  (i64.store ${register('$to')} $m +${X87})
  (i32.store16 ${register('$to')} (i32.or (i32.and $se (i32 0x8000)) $e) +${X87 + 8})
  (if $pops (then (i32.store $task ${popped} +${X87_TAG}) (set $status ${turned('$status')})))
  (i32.store $task $status +${X87_STATUS})
  (return (i32 1))`

const WIDE = '(i64.or (i64.extend_i32_u $low) (i64.shl (i64.extend_i32_u $middle) (i64 32)))'
const RM = '(i32.and $operation (i32 7))'
const HIGH_WORD = '(i64.shl (i64.extend_i32_u $low) (i64 32))'
const store64 = (bits: string) => `(i64.store $task ${bits} +${X87_RESULT})`
const store32 = (bits: string) => `(i32.store $task (i32.wrap_i64 (i64.shr_u ${bits} (i64 32))) +${X87_RESULT})`

const BODY = `(param $task i32) (param $operation i32) (param $low i32) (param $middle i32) (param $high i32)
  (local $status i32) (local $tags i32) (local $top i32) (local $m i64) (local $se i32) (local $e i32)
  (local $n i64) (local $sf i32) (local $lo i64) (local $up i32) (local $d i32) (local $digit i32) (local $to i32) (local $pops i32)
  (set $status (i32.and (i32.load $task +${X87_STATUS}) (i32 0xffff)))
  (set $tags (i32.load $task +${X87_TAG}))
  (set $top (i32.and (i32.shr_u $status (i32 11)) (i32 7)))
  (set $digit (i32.and (i32.shr_u $operation (i32 3)) (i32 7)))
  (if (i32.lt_u (i32.and $operation (i32 0xff)) (i32 0xc0))
    (then
      ${when(isOp(0xdd00), `(set $m ${WIDE}) ${loadReal(11, 15360)} ${push}`)}
      ${when(isOp(0xdb28), `(set $m ${WIDE}) (set $se $high) ${push}`)}
      ${when(isOp(0xd900), `(set $m ${HIGH_WORD}) ${loadReal(8, 16256)} ${push}`)}
      ${when(isOp(0xdb00), `(set $m (i64.extend_i32_s $low)) ${loadInteger} ${push}`)}
      ${when(isOp(0xdf00), `(set $m (i64.extend_i32_s (i32.shr_s (i32.shl $low (i32 16)) (i32 16)))) ${loadInteger} ${push}`)}
      ${when(isOp(0xdf28), `(set $m ${WIDE}) ${loadInteger} ${push}`)}
      ${when(isOp(0xdd10, 0xfff7), storeReal(11, 11, 15360, store64))}
      ${when(isOp(0xd910, 0xfff7), storeReal(8, 40, 16256, store32))}
      ${when(
        isOp(0xdb38),
        `${when(`(i32.eq ${isEmpty('(i32 0)')} (i32 3))`, EXACT)}
        (i64.store $task (i64.load ${register('(i32 0)')} +${X87}) +${X87_RESULT})
        (i32.store $task (i32.load16_u ${register('(i32 0)')} +${X87 + 8}) +${X87_RESULT + 8})
        (i32.store $task ${popped} +${X87_NEXT_TAG})
        (i32.store $task ${turned('(i32.and $status (i32 0xfdff))')} +${X87_NEXT_STATUS})
        (return (i32 1))`,
      )}
      ${EXACT}))
  ${when(`(i32.eq ${isEmpty(RM)} (i32 3))`, EXACT)}
  ${when(
    isOp(0xd9c0, 0xfff8),
    `(set $m (i64.load ${register(RM)} +${X87})) (set $se (i32.load16_u ${register(RM)} +${X87 + 8})) ${push}`,
  )}
  ${when(`(i32.eq ${isEmpty('(i32 0)')} (i32 3))`, EXACT)}
  (set $m (i64.load ${register('(i32 0)')} +${X87}))
  (set $se (i32.load16_u ${register('(i32 0)')} +${X87 + 8}))
  ${when(
    isOp(0xd9c8, 0xfff8),
    `(set $n (i64.load ${register(RM)} +${X87})) (set $sf (i32.load16_u ${register(RM)} +${X87 + 8}))
    (i64.store ${register(RM)} $m +${X87}) (i32.store16 ${register(RM)} $se +${X87 + 8})
    (i64.store ${register('(i32 0)')} $n +${X87}) (i32.store16 ${register('(i32 0)')} $sf +${X87 + 8})
    (i32.store $task (i32.and $status (i32 0xfdff)) +${X87_STATUS})
    (return (i32 1))`,
  )}
  ${when(
    isOp(0xddd8, 0xfff8),
    `(i64.store ${register(RM)} $m +${X87}) (i32.store16 ${register(RM)} $se +${X87 + 8})
    (i32.store $task ${popped} +${X87_TAG})
    (i32.store $task ${turned('(i32.and $status (i32 0xfdff))')} +${X87_STATUS})
    (return (i32 1))`,
  )}
  ${when(
    `(i32.and ${either(isOp(0xd8c0, 0xffc0), isOp(0xdcc0, 0xffc0), isOp(0xdec0, 0xffc0))} ${either('(i32.lt_u $digit (i32 2))', '(i32.eq (i32.and $digit (i32 6)) (i32 4))')})`,
    `(set $n (i64.load ${register(RM)} +${X87})) (set $sf (i32.load16_u ${register(RM)} +${X87 + 8}))
    (set $to (select ${RM} (i32 0) (i32.and $operation (i32 0x400))))
    (set $pops (i32.and $operation (i32 0x200)))
    ${ARITHMETIC}`,
  )}
  ${EXACT}`

export const x87Fast: Helper = {
  name: 'x87',
  params: ['i32', 'i32', 'i32', 'i32', 'i32'],
  results: ['i32'],
  build: (hub) => assemble(BODY, (name) => hub.index(name)),
}
