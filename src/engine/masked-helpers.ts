// Vector accesses that leave elements out (SDM vol. 2C, VMASKMOV, VPGATHERDD): an element whose mask has its top bit clear is not
// accessed and cannot fault. They work on the task record: parameters are (task, address, places, shape), places of registers in the
// record ten bits each, and what forms/avx.ts packs into the shape; a gather's address is cut (67 prefix) and given its segment after the index is
// added. Status 1: leave, EXIT_REASON is set.

import { assemble } from '../wasm/assemble.js'
import type { Code } from '../wasm/encoder.js'
import type { Helper, Hub } from './helpers.js'
import { SCRATCH, VECTOR_STRIDE } from './record.js'

/** The half of the scratch area that crossing accesses leave alone. */
const RESULT = `(i32.add $task (i32 ${SCRATCH + VECTOR_STRIDE}))`
const PLACE = (shift: number) => `(i32.add $task (i32.and (i32.shr_u $places (i32 ${shift})) (i32 1023)))`
/** Whether element $n of the mask is selected; its top bit is the sign. */
const SELECTED = `(i32.lt_s (i32.load8_s (i32.add $mask (i32.sub (i32.mul (i32.add $n (i32 1)) $bytes) (i32 1)))) (i32 0))`
const ELEMENT = '(i32.mul $n $bytes)'
const each = (body: string) => `
  (set $n (i32 0))
  (loop $next
    ${body}
    (br_if $next (i32.lt_u (tee $n (i32.add $n (i32 1))) $count)))`
const copy = (to: string, from: string) => `
  (if (i32.eq $bytes (i32 8))
    (then (i64.store ${to} (i64.load ${from})))
    (else (i32.store ${to} (i32.load ${from}))))`
const zero = (at: string, offset: number) => `(i64.store ${at} (i64 0) +${offset})`
const clear = (at: string, from = 0) =>
  [0, 8, 16, 24]
    .filter((offset) => offset >= from)
    .map((offset) => zero(at, offset))
    .join('\n')
const moveAll = (to: string, from: string) =>
  [0, 8, 16, 24].map((offset) => `(i64.store ${to} (i64.load ${from} +${offset}) +${offset})`).join('\n')

const LOCALS = `(local $bytes i32) (local $count i32) (local $n i32) (local $at i32) (local $register i32) (local $mask i32)`
const HEAD = `(param $task i32) (param $address i64) (param $places i32) (param $shape i32) ${LOCALS}`
const OPERANDS = `
  (set $bytes (i32.and $shape (i32 15)))
  (set $count (i32.and (i32.shr_u $shape (i32 8)) (i32 15)))
  (set $register ${PLACE(0)})
  (set $mask ${PLACE(10)})`

const addressOf = `(i64.add $address (i64.extend_i32_u ${ELEMENT}))`
const reach = (helper: 'readable' | 'writable', address: string) =>
  `(if (i32.eqz (tee $at (call $${helper} $task ${address} $bytes))) (then (return (i32 1))))`

const maskedLoad = (hub: Hub): Code =>
  assemble(
    `${HEAD} ${OPERANDS}
    ${clear(RESULT)}
    ${each(`(if ${SELECTED} (then
      ${reach('readable', addressOf)}
      ${copy(`(i32.add ${RESULT} ${ELEMENT})`, '$at')}))`)}
    ${moveAll('$register', RESULT)}
    (i32 0)`,
    (name) => hub.index(name),
  )

/** Everything is checked before the first element is stored. */
const maskedStore = (hub: Hub): Code =>
  assemble(
    `${HEAD} ${OPERANDS}
    ${each(`(if ${SELECTED} (then ${reach('writable', addressOf)}))`)}
    ${each(`(if ${SELECTED} (then
      ${reach('writable', addressOf)}
      ${copy('$at', `(i32.add $register ${ELEMENT})`)}
      (call $commitCrossing $task $at)))`)}
    (i32 0)`,
    (name) => hub.index(name),
  )

/** Elements in order: a fault leaves those before it done and their masks zero, whatever they selected, so that it goes on from there. */
const gather = (hub: Hub): Code =>
  assemble(
    `(param $task i32) (param $address i64) (param $places i32) (param $shape i32) (param $within i64) (param $segment i64)
    ${LOCALS} (local $indices i32) (local $wide i32) (local $index i64) (local $scale i64) ${OPERANDS}
    (set $indices ${PLACE(20)})
    (set $wide (i32.and $shape (i32 0x80)))
    (set $scale (i64.extend_i32_u (i32.shr_u $shape (i32 16))))
    ${each(`(if ${SELECTED} (then
      (if $wide
        (then (set $index (i64.load (i32.add $indices (i32.shl $n (i32 3))))))
        (else (set $index (i64.load32_s (i32.add $indices (i32.shl $n (i32 2)))))))
      ${reach('readable', '(i64.add $segment (i64.and (i64.add $address (i64.shl $index $scale)) $within))')}
      ${copy(`(i32.add $register ${ELEMENT})`, '$at')}))
      (fill (i32.add $mask ${ELEMENT}) (i32 0) $bytes)`)}
    ${clear('$mask')}
    (set $n (i32.mul $count $bytes))
    (fill (i32.add $register $n) (i32 0) (i32.sub (i32 ${VECTOR_STRIDE}) $n))
    (i32 0)`,
    (name) => hub.index(name),
  )

const row = (name: string, build: (hub: Hub) => Code, more: Helper['params'] = []): Helper => ({
  name,
  params: ['i32', 'i64', 'i32', 'i32', ...more],
  results: ['i32'],
  build,
})

export const maskedHelpers: readonly Helper[] = [
  row('maskedLoad', maskedLoad),
  row('maskedStore', maskedStore),
  row('gather', gather, ['i64', 'i64']),
]
