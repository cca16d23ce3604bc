// Vector instructions that are loops: the string comparisons of SSE4.2 and the stores of selected bytes, in wasm.

import { assemble } from '../wasm/assemble.js'
import type { Helper, Hub } from './helpers.js'
import { CROSS_FIRST, CROSS_LENGTH, CROSS_SECOND, SCRATCH, X87_STATUS, X87_TAG } from './record.js'

/** Equal lanes of two vectors as bits, bytes or words by the immediate's bit 0. */
const lanes = (comparison: string, x: string, y: string) => `
  (if $words
    (then (set $bits (i16x8.bitmask (i16x8.${comparison} ${x} ${y}))))
    (else (set $bits (i8x16.bitmask (i8x16.${comparison} ${x} ${y})))))`
/** Every lane of $one becomes lane $i of a. */
const element = `
  (set $one (i8x16.swizzle $a
    (if v128 $words
      (then (i16x8.splat (i32.add (i32.mul $i (i32 0x0202)) (i32 0x0100))))
      (else (i8x16.splat $i)))))`
const each = (step: number, body: string) => `
  (set $i (i32 0))
  (block $end
    (loop $next
      (br_if $end (i32.ge_u (i32.add $i (i32 ${step - 1})) $lengthA))
      ${body}
      (set $i (i32.add $i (i32 ${step})))
      (br $next)))`

/**
 * (task, a, b, lengths, imm) → IntRes2 of SDM vol. 1, 4.1.2: a bit for each element of b. Lengths are in elements, at most what a vector
 * holds. How elements beyond the lengths count is table 4-7 there.
 */
const compareStrings = (hub: Hub) =>
  assemble(
    `(param $task i32) (param $a v128) (param $b v128) (param $lengthA i32) (param $lengthB i32) (param $imm i32)
    (local $words i32) (local $all i32) (local $validA i32) (local $validB i32) (local $bits i32) (local $result i32)
    (local $i i32) (local $kind i32) (local $one v128)
    (set $words (i32.and $imm (i32 1)))
    (set $all (select (i32 0xff) (i32 0xffff) $words))
    (set $validA (i32.sub (i32.shl (i32 1) $lengthA) (i32 1)))
    (set $validB (i32.sub (i32.shl (i32 1) $lengthB) (i32 1)))
    (set $kind (i32.and $imm (i32 12)))
    (block $done
      (if (i32.eqz $kind)
        (then
          ;; any element of a
          ${each(1, `${element} ${lanes('eq', '$b', '$one')} (set $result (i32.or $result $bits))`)}
          (set $result (i32.and $result $validB))
          (br $done)))
      (if (i32.eq $kind (i32 4))
        (then
          ;; ranges: pairs of a; unsigned ones are compared as signed with the top bits inverted
          (if (i32.eqz (i32.and $imm (i32 2)))
            (then
              (set $one (if v128 $words (then (i16x8.splat (i32 0x8000))) (else (i8x16.splat (i32 0x80)))))
              (set $a (v128.xor $a $one))
              (set $b (v128.xor $b $one))))
          ${each(
            2,
            `${element} ${lanes('ge_s', '$b', '$one')}
            (set $kind $bits)
            (set $i (i32.add $i (i32 1)))
            ${element} ${lanes('le_s', '$b', '$one')}
            (set $i (i32.sub $i (i32 1)))
            (set $result (i32.or $result (i32.and $bits $kind)))`,
          )}
          (set $result (i32.and $result $validB))
          (br $done)))
      (if (i32.eq $kind (i32 8))
        (then
          ;; each element with its counterpart; two that are beyond the lengths are equal
          ${lanes('eq', '$a', '$b')}
          (set $result (i32.or
            (i32.and $bits (i32.and $validA $validB))
            (i32.xor (i32.or $validA $validB) $all)))
          (br $done)))
      ;; where a begins in b: what would be beyond b's vector is taken as equal
      (set $result $all)
      ${each(
        1,
        `${element} ${lanes('eq', '$b', '$one')}
        (set $bits (i32.shr_u (i32.and $bits $validB) $i))
        (set $result (i32.and $result (i32.or $bits (i32.xor (i32.shr_u $all $i) $all))))`,
      )})
    (if (i32.and $imm (i32 0x10))
      (then (set $result (i32.xor $result (select $validB $all (i32.and $imm (i32 0x20)))))))
    $result`,
    (name) => hub.index(name),
  )

const SCRATCH_ADDRESS = `(i32.add $task (i32 ${SCRATCH}))`

/**
 * (task, address, size, value, mask) → 0, or 1 to leave: stores the bytes whose mask byte has its top bit set, and no others, be they
 * another thread's. All `size` bytes must be writable, whatever the mask, as on this project's CPUs.
 */
const storeSelected = (hub: Hub) =>
  assemble(
    `(param $task i32) (param $address i64) (param $size i32) (param $value v128) (param $mask v128)
    (local $host i32) (local $crosses i32) (local $bits i32) (local $n i32) (local $length i32) (local $at i32)
    (if (i32.eqz (tee $host (call $writable $task $address $size))) (then (return (i32 1))))
    (set $crosses (i32.eq $host ${SCRATCH_ADDRESS}))
    (set $length (i32.load $task +${CROSS_LENGTH}))
    (v128.store ${SCRATCH_ADDRESS} $value +16)
    (set $bits (i8x16.bitmask $mask))
    (block $done
      (loop $next
        (br_if $done (i32.eqz $bits))
        (set $n (i32.ctz $bits))
        (set $bits (i32.and $bits (i32.sub $bits (i32 1))))
        (set $at (i32.add $host $n))
        (if $crosses
          (then
            (set $at (select
              (i32.add (i32.load $task +${CROSS_FIRST}) $n)
              (i32.add (i32.load $task +${CROSS_SECOND}) (i32.sub $n $length))
              (i32.lt_u $n $length)))))
        (i32.store8 $at (i32.load8_u (i32.add ${SCRATCH_ADDRESS} $n) +16))
        (br $next)))
    (i32 0)`,
    (name) => hub.index(name),
  )

/** (task): tags and top of the x87 stack as an MMX instruction leaves them, now and not with the instruction's other updates. */
const toMmx = (hub: Hub) =>
  assemble(
    `(param $task i32)
    (i32.store $task (i32.and (i32.load $task +${X87_STATUS}) (i32 ${~0x3800})) +${X87_STATUS})
    (i32.store $task (i32 0) +${X87_TAG})
    (i32 0)`,
    (name) => hub.index(name),
  )

export const vectorHelpers: readonly Helper[] = [
  {
    name: 'compareStrings',
    params: ['i32', 'v128', 'v128', 'i32', 'i32', 'i32'],
    results: ['i32'],
    build: compareStrings,
  },
  { name: 'toMmx', params: ['i32'], results: ['i32'], build: toMmx },
  { name: 'storeSelected', params: ['i32', 'i64', 'i32', 'v128', 'v128'], results: ['i32'], build: storeSelected },
]
