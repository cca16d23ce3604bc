// Repeated string instructions in wasm, a page at a time: rsi, rdi and rcx move in the task record as the work is done, so a fault
// or a poll stops between elements with the instruction to run again (SDM vol. 2B, REP). Status helpers: 0 done; 1 leaves.
// Backward runs (DF set) go element by element.

import { assemble } from '../wasm/assemble.js'
import { STEPPED_FLAGS } from './flags-word.js'
import type { Helper } from './helpers.js'
import { EXIT, READ, WRITE } from './host.js'
import { EXIT_REASON, FLAG_AUX, FLAG_OTHER, FLAG_RESULT, GPR, POLL } from './record.js'

const RAX = `+${GPR}`
const RCX = `+${GPR + 8}`
const RSI = `+${GPR + 48}`
const RDI = `+${GPR + 56}`
const DIRECTION = 0x400

/** Bytes an element has, what ends a comparison, what the address size leaves of rsi, rdi and rcx, and the base of the source's segment. */
const signature = '(param $task i32) (param $size i32) (param $kind i32) (param $mask i64) (param $segment i64)'
/** The address that a pointer register holds. */
const address = (register: string) =>
  register === RSI
    ? `(i64.add (i64.and (i64.load $task ${RSI}) $mask) $segment)`
    : `(i64.and (i64.load $task ${register}) $mask)`
const locals = `(local $count i64) (local $step i64) (local $n i32) (local $from i32) (local $to i32) (local $i i32)
  (local $bytes i32) (local $a i64) (local $b i64) (local $compared i32) (local $result i64) (local $borrow i64) (local $single i32)`

/** $n ← elements that fit before the end of the page of the pointer at `register`, at most the current $n. */
const fit = (register: string) => `
  (set $i (i32.div_u (i32.sub (i32 4096) (i32.and (i32.wrap_i64 ${address(register)}) (i32 4095))) $size))
  (set $n (select $i $n (i32.lt_u $i $n)))`

const load = (into: string, host: string) => `
  (if (i32.eq $size (i32 1)) (then (set ${into} (i64.load8_u ${host}))) (else
  (if (i32.eq $size (i32 2)) (then (set ${into} (i64.load16_u ${host}))) (else
  (if (i32.eq $size (i32 4)) (then (set ${into} (i64.load32_u ${host}))) (else (set ${into} (i64.load ${host}))))))))`
const save = (host: string, value: string) => `
  (if (i32.eq $size (i32 1)) (then (i64.store8 ${host} ${value})) (else
  (if (i32.eq $size (i32 2)) (then (i64.store16 ${host} ${value})) (else
  (if (i32.eq $size (i32 4)) (then (i64.store32 ${host} ${value})) (else (i64.store ${host} ${value})))))))`

const advance = (register: string, by: string) =>
  `(i64.store $task (i64.and (i64.add (i64.load $task ${register}) ${by}) $mask) ${register})`
const host = (into: string, register: string, access: number) => `
  (if (i32.eqz (tee ${into} (call $translatePage $task ${address(register)} (i32 ${access})))) (then (return (i32 1))))`
/** The element may cross a page: through the scratch area. */
const element = (into: string, register: string, access: number) => `
  (if (i32.eqz (tee ${into} (call $${access === READ ? 'readable' : 'writable'} $task ${address(register)} $size))) (then (return (i32 1))))`
const commitElement = '(call $commitCrossing $task $to)'

/** The frame of all five: count down, a chunk or one element at a time, leaving at a poll. */
const repeated = (registers: readonly string[], chunk: string, single: string, after = '') => `${signature} ${locals}
  (set $step (i64.extend_i32_u $size))
  (if (i32.and (i32.load $task +${FLAG_OTHER}) (i32 ${DIRECTION})) (then (set $step (i64.sub (i64 0) $step))))
  ;; one at a time: backwards, single-stepping, or where a pointer of 32 bits may wrap inside a page
  (set $single (i32.or (i64.lt_s $step (i64 0)) (i32.or
    (i32.and (i32.load $task +${FLAG_OTHER}) (i32 ${STEPPED_FLAGS}))
    (i64.ne (i64.mul $segment (i64.add $mask (i64 1))) (i64 0)))))
  (block $done
    (loop $more
      (set $count ${address(RCX)})
      (br_if $done (i64.eqz $count))
      (if (i32.and (i32.load $task +${POLL}) $compared) (then
        ${after}
        (i32.store $task (i32 ${EXIT.poll}) +${EXIT_REASON})
        (return (i32 1))))
      (set $compared (i32 1))
      (set $n (select (i32 4096) (i32.wrap_i64 $count) (i64.gt_u $count (i64 4096))))
      ${registers.map(fit).join('')}
      (if (i32.or (i32.eqz $n) $single)
        (then
          ${single}
          (i64.store $task (i64.sub $count (i64 1)) ${RCX})
          ${registers.map((register) => advance(register, '$step')).join('')})
        (else
          (set $bytes (i32.mul $n $size))
          ${chunk}
          (i64.store $task (i64.sub $count (i64.extend_i32_u $n)) ${RCX})
          ${registers.map((register) => advance(register, '(i64.extend_i32_u $bytes)')).join('')}))
      STOP
      (br $more)))
  ${after}
  (i32 0)`

const movs = repeated(
  [RSI, RDI],
  `${host('$from', RSI, READ)} ${host('$to', RDI, WRITE)}
  (if (i32.lt_u (i32.sub $to $from) $bytes)
    (then
      ;; the destination overlaps what is still to be read: element by element, as the CPU does
      (set $i (i32 0))
      (loop $each
        ${load('$a', '(i32.add $from $i)')} ${save('(i32.add $to $i)', '$a')}
        (br_if $each (i32.lt_u (tee $i (i32.add $i $size)) $bytes))))
    (else (copy $to $from $bytes)))`,
  `${element('$from', RSI, READ)} ${load('$a', '$from')} ${element('$to', RDI, WRITE)} ${save('$to', '$a')} ${commitElement}`,
)

const stos = repeated(
  [RDI],
  `${host('$to', RDI, WRITE)}
  (if (i32.eq $size (i32 1))
    (then (fill $to (i32.load8_u $task ${RAX}) $bytes))
    (else
      (set $a (i64.load $task ${RAX}))
      (set $i (i32 0))
      (loop $each
        ${save('(i32.add $to $i)', '$a')}
        (br_if $each (i32.lt_u (tee $i (i32.add $i $size)) $bytes)))))`,
  `${element('$to', RDI, WRITE)} ${save('$to', `(i64.load $task ${RAX})`)} ${commitElement}`,
)

/** eax zero-extends into rax (SDM 3.4.1.1); the narrower keep the rest. */
const intoAccumulator = `
  (if (i32.eq $size (i32 4)) (then (i64.store $task $a ${RAX})) (else ${save(`(i32.add $task (i32 ${GPR}))`, '$a')}))`
const lods = repeated(
  [RSI],
  `${host('$from', RSI, READ)} ${load('$a', '(i32.add $from (i32.sub $bytes $size))')} ${intoAccumulator}`,
  `${element('$from', RSI, READ)} ${load('$a', '$from')} ${intoAccumulator}`,
)

/** Flags of the last comparison $a - $b, canonical words (x86/flags.ts). */
const compareFlags = `
  (set $step (i64.sub (i64 64) (i64.shl (i64.extend_i32_u $size) (i64 3))))
  (if $compared (then
    (set $result (i64.shr_s (i64.shl (i64.sub $a $b) $step) $step))
    (set $borrow (i64.or (i64.and (i64.xor $a (i64 -1)) $b) (i64.and (i64.or (i64.xor $a (i64 -1)) $b) $result)))
    (i64.store $task $result +${FLAG_RESULT})
    (i32.store $task
      (i32.or
        (i32.and (i32.wrap_i64 (i64.shr_u (i64.shl $borrow $step) (i64 32))) (i32 0xc0000000))
        (i32.and (i32.wrap_i64 $borrow) (i32 8)))
      +${FLAG_AUX})))`
/** Stops when the last pair says so: repe (kind 0) on a difference, repne (1) on equality. */
const stop = '(br_if $done (i32.ne (i64.eq $a $b) (i32.eqz $kind)))'
/** Compares up to $n elements; $n and $bytes become what was compared. */
const scan = (fromLoad: string) => `
  (set $i (i32 0))
  (block $found
    (loop $each
      ${fromLoad} ${load('$b', '(i32.add $to $i)')}
      (set $i (i32.add $i $size))
      (br_if $found (i32.ne (i64.eq $a $b) (i32.eqz $kind)))
      (br_if $each (i32.lt_u $i $bytes))))
  (set $bytes $i)
  (set $n (i32.div_u $i $size))`

const cmps = repeated(
  [RSI, RDI],
  `${host('$to', RDI, READ)} ${host('$from', RSI, READ)} ${scan(load('$a', '(i32.add $from $i)'))}`,
  `${element('$to', RDI, READ)} ${load('$b', '$to')} ${element('$from', RSI, READ)} ${load('$a', '$from')}`,
  compareFlags,
)
const accumulator = load('$a', `(i32.add $task (i32 ${GPR}))`)
const scas = repeated(
  [RDI],
  `${host('$to', RDI, READ)} ${scan(accumulator)}`,
  `${accumulator} ${element('$to', RDI, READ)} ${load('$b', '$to')}`,
  compareFlags,
)

const row = (name: string, source: string, stopping: string): Helper => ({
  name,
  params: ['i32', 'i32', 'i32', 'i64', 'i64'],
  results: ['i32'],
  build: (hub) => assemble(source.replace('STOP', stopping), (called) => hub.index(called)),
})

export const stringHelpers: readonly Helper[] = [
  row('repMovs', movs, ''),
  row('repStos', stos, ''),
  row('repLods', lods, ''),
  row('repCmps', cmps, stop),
  row('repScas', scas, stop),
]
