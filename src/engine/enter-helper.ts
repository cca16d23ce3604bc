// enter (SDM vol. 2A): the old frame pointer, at nesting levels above 0 those of the enclosing procedures and the new one are
// pushed, one by one, so that a fault in between leaves what the CPU leaves: memory written, registers as before.

import { assemble } from '../wasm/assemble.js'
import type { Helper } from './helpers.js'
import { GPR } from './record.js'

const RSP = `+${GPR + 32}`
const RBP = `+${GPR + 40}`

const move = (size: number, value: string) =>
  size === 8 ? `(i64.store $host ${value})` : `(i64.store16 $host ${value})`
const sized = (each: (size: number) => string) => `(if (i32.eq $bytes (i32 8)) (then ${each(8)}) (else ${each(2)}))`
/** Moves $top down and stores there. */
const push = (value: string) => `
  (set $top (i64.sub $top $step))
  (if (i32.eqz (tee $host (call $writable $task $top $bytes))) (then (return (i32 1))))
  ${sized((size) => move(size, value))}
  (call $commitCrossing $task $host)`

const SOURCE = `(param $task i32) (param $immediate i32) (param $bytes i32)
  (local $top i64) (local $frame i64) (local $from i64) (local $value i64) (local $step i64) (local $host i32) (local $level i32)
  (set $step (i64.extend_i32_u $bytes))
  (set $level (i32.and (i32.shr_u $immediate (i32 16)) (i32 31)))
  (set $top (i64.load $task ${RSP}))
  (set $from (i64.load $task ${RBP}))
  ${push('$from')}
  (set $frame $top)
  (if $level (then
    (block $done
      (loop $more
        (br_if $done (i32.eqz (tee $level (i32.sub $level (i32 1)))))
        (set $from (i64.sub $from $step))
        (if (i32.eqz (tee $host (call $readable $task $from $bytes))) (then (return (i32 1))))
        ${sized((size) => `(set $value (${size === 8 ? 'i64.load' : 'i64.load16_u'} $host))`)}
        ${push('$value')}
        (br $more)))
    ${push('$frame')}))
  (set $top (i64.sub $top (i64.extend_i32_u (i32.and $immediate (i32 0xffff)))))
  ;; the new top of the stack must be writable
  (if (i32.eqz (call $writable $task $top $bytes)) (then (return (i32 1))))
  ${sized((size) => `(${size === 8 ? 'i64.store' : 'i64.store16'} $task $frame ${RBP})`)}
  (i64.store $task $top ${RSP})
  (i32 0)`

export const enterHelper: Helper = {
  name: 'enterFrame',
  params: ['i32', 'i32', 'i32'],
  results: ['i32'],
  build: (hub) => assemble(SOURCE, (called) => hub.index(called)),
}
