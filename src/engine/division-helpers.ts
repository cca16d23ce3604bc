// 128-by-64-bit division (div and idiv with a 64-bit operand) in wasm: rdx:rax by the divisor, quotient to rax, remainder to rdx.
// Status helpers: 0 done; 1 after raising #DE (divisor 0, or a quotient that does not fit: SDM vol. 2A DIV, IDIV).

import { assemble } from '../wasm/assemble.js'
import type { Helper } from './helpers.js'
import { GPR } from './record.js'

const RAX = `+${GPR}`
const RDX = `+${GPR + 16}`

/** One 64-by-32 step of Knuth's algorithm D in base 2^32: quotient digit of (high:low) by the normalised divisor. */
const digit = (quotient: string, high: string, low: string) => `
  (set ${quotient} (i64.div_u ${high} $v1))
  (set $rest (i64.sub ${high} (i64.mul ${quotient} $v1)))
  (block $good
    (loop $again
      (if (i32.or (i64.ge_u ${quotient} (i64 0x100000000)) (i64.gt_u (i64.mul ${quotient} $v0) (i64.or (i64.shl $rest (i64 32)) ${low})))
        (then
          (set ${quotient} (i64.sub ${quotient} (i64 1)))
          (set $rest (i64.add $rest $v1))
          (br_if $again (i64.lt_u $rest (i64 0x100000000)))))))`

/** $high:$low by $divisor, with $high < $divisor, into $quotient and $remainder. */
export const divideWide = `
  (if (i64.eqz $high)
    (then
      (set $quotient (i64.div_u $low $divisor))
      (set $remainder (i64.rem_u $low $divisor)))
    (else
      (set $shift (i64.clz $divisor))
      (set $v (i64.shl $divisor $shift))
      (set $v1 (i64.shr_u $v (i64 32)))
      (set $v0 (i64.and $v (i64 0xffffffff)))
      (set $u (i64.or (i64.shl $high $shift)
        (select (i64.shr_u $low (i64.sub (i64 64) $shift)) (i64 0) (i64.ne $shift (i64 0)))))
      (set $w (i64.shl $low $shift))
      (set $w1 (i64.shr_u $w (i64 32)))
      (set $w0 (i64.and $w (i64 0xffffffff)))
      ${digit('$q1', '$u', '$w1')}
      (set $u (i64.sub (i64.or (i64.shl $u (i64 32)) $w1) (i64.mul $q1 $v)))
      ${digit('$q0', '$u', '$w0')}
      (set $quotient (i64.or (i64.shl $q1 (i64 32)) $q0))
      (set $remainder (i64.shr_u (i64.sub (i64.or (i64.shl $u (i64 32)) $w0) (i64.mul $q0 $v)) $shift))))`

const declare = (names: string): string =>
  names
    .split(' ')
    .map((name) => `(local $${name} i64)`)
    .join(' ')
export const divisionLocals = declare('shift v v1 v0 u w w1 w0 q1 q0 rest quotient remainder')
const locals = `${divisionLocals} ${declare('high low negative minus')}`

const divideError = '(call $raise $task (i32 0)) (return (i32 1))'

const unsignedSource = `(param $task i32) (param $divisor i64) ${locals}
  (set $high (i64.load $task ${RDX}))
  (set $low (i64.load $task ${RAX}))
  (if (i64.ge_u $high $divisor) (then ${divideError}))
  ${divideWide}
  (i64.store $task $quotient ${RAX})
  (i64.store $task $remainder ${RDX})
  (i32 0)`

const signedSource = `(param $task i32) (param $divisor i64) ${locals}
  (set $high (i64.load $task ${RDX}))
  (set $low (i64.load $task ${RAX}))
  (set $negative (i64.shr_s $high (i64 63)))
  (set $minus (i64.xor $negative (i64.shr_s $divisor (i64 63))))
  ;; absolute values: the dividend's two words, the divisor
  (if (i64.ne $negative (i64 0))
    (then
      (set $low (i64.sub (i64 0) $low))
      (set $high (i64.sub (i64.sub (i64 0) $high) (i64.extend_i32_u (i64.ne $low (i64 0)))))))
  (if (i64.lt_s $divisor (i64 0)) (then (set $divisor (i64.sub (i64 0) $divisor))))
  (if (i64.ge_u $high $divisor) (then ${divideError}))
  ${divideWide}
  ;; the quotient must fit: up to 2^63 - 1, or 2^63 when negative
  (if (i64.gt_u $quotient (i64.sub (i64 0x7fffffffffffffff) $minus)) (then ${divideError}))
  (i64.store $task (i64.sub (i64.xor $quotient $minus) $minus) ${RAX})
  (i64.store $task (i64.sub (i64.xor $remainder $negative) $negative) ${RDX})
  (i32 0)`

const row = (name: string, source: string): Helper => ({
  name,
  params: ['i32', 'i64'],
  results: ['i32'],
  build: (hub) => assemble(source, (called) => hub.index(called)),
})

export const divisionHelpers: readonly Helper[] = [row('div64', unsignedSource), row('idiv64', signedSource)]
