// What careful code calls for a float operation: `exact.f64.add` and so on, wasm of the hub. Each computes as the CPU would under
// the task's MXCSR and adds the exceptions it raised to FP_RAISED; `exact.commit` at the end of the instruction enters them in
// MXCSR. The common case, when precision is flagged already and everything is normal, is the wasm operation.

import { assemble } from '../wasm/assemble.js'
import type { Type } from '../wasm/opcodes.js'
import { goOnInMode } from './fp-mode.js'
import type { Helper } from './helpers.js'
import { FP_OBSERVED, FP_RAISED, MXCSR } from './record.js'
import { control, DOUBLE, EXCEPTION, raise, roundingControl, SINGLE } from './softfloat.js'

export type Real = 'f32' | 'f64'
export type Row = {
  readonly name: string
  /** Parameters after the task, which are a, b, c. */
  readonly params: readonly Type[]
  readonly result: Type
  readonly body: string
}

const NAMES = ['a', 'b', 'c', 'd'] as const
export const toHelper = ({ name, params, result, body }: Row): Helper => ({
  name: `exact.${name}`,
  params: ['i32', ...params],
  results: [result],
  build: (hub) =>
    assemble(
      `(param $task i32) ${params.map((type, n) => `(param $${NAMES[n]} ${type})`).join(' ')} ${body}`,
      (called) => hub.index(called),
    ),
})

export const WIDTH = { f32: SINGLE, f64: DOUBLE } as const
const INTEGER = { f32: 'i32', f64: 'i64' } as const
/** Bits of a value at the top of an i64, as softfloat.ts has them, and back. */
export const bitsOf = (real: Real, x: string): string =>
  real === 'f64' ? `(i64.reinterpret_f64 ${x})` : `(i64.shl (i64.extend_i32_u (i32.reinterpret_f32 ${x})) (i64 32))`
export const realOf = (real: Real, bits: string): string =>
  real === 'f64' ? `(f64.reinterpret_i64 ${bits})` : `(f32.reinterpret_i32 (i32.wrap_i64 (i64.shr_u ${bits} (i64 32))))`

/** Nearest, precision flagged and masked, denormals neither flushed nor read as zeros: what the fast ways out rely on. */
const ORDINARY = `(i32.eq (i32.and ${control} (i32 0xf060)) (i32 0x1020))`
/** The exponent field is neither of the two least nor the greatest: the operation was an ordinary one. */
const isNormal = (real: Real, x: string): string =>
  real === 'f64'
    ? `(i64.lt_u (i64.sub (i64.and (i64.reinterpret_f64 ${x}) (i64 0x7fffffffffffffff)) (i64 0x0020000000000000)) (i64 0x7fd0000000000000))`
    : `(i32.lt_u (i32.sub (i32.and (i32.reinterpret_f32 ${x}) (i32 0x7fffffff)) (i32 0x01000000)) (i32 0x7e800000))`
const isDenormal = (real: Real, x: string): string =>
  real === 'f64'
    ? `(i64.lt_u (i64.sub (i64.shl (i64.reinterpret_f64 ${x}) (i64 1)) (i64 1)) (i64 0x001fffffffffffff))`
    : `(i32.lt_u (i32.sub (i32.shl (i32.reinterpret_f32 ${x}) (i32 1)) (i32 1)) (i32 0x00ffffff))`
const fastWay = (real: Real, operation: string, operands: readonly string[]) => `(local $fast ${real})
  (if ${ORDINARY}
    (then
      (set $fast ${operation})
      (if (i32.and ${isNormal(real, '$fast')}
          (i32.eqz ${operands.map((x) => isDenormal(real, x)).reduce((all, one) => `(i32.or ${all} ${one})`)}))
        (then (return $fast)))))`

const binary = (real: Real, op: string): Row => ({
  name: `${real}.${op}`,
  params: [real, real],
  result: real,
  body: `${fastWay(real, `(${real}.${op} $a $b)`, ['$a', '$b'])}
    ${realOf(real, `(call $soft.${op} $task ${bitsOf(real, '$a')} ${bitsOf(real, '$b')} (i32 ${WIDTH[real]}))`)}`,
})

/** A difference is a sum with the other sign, except for a NaN. */
const subtract = (real: Real): Row => ({
  name: `${real}.sub`,
  params: [real, real],
  result: real,
  body: `${fastWay(real, `(${real}.sub $a $b)`, ['$a', '$b'])}
    (if (${real}.eq $b $b) (then (set $b (${real}.neg $b))))
    ${realOf(real, `(call $soft.add $task ${bitsOf(real, '$a')} ${bitsOf(real, '$b')} (i32 ${WIDTH[real]}))`)}`,
})

const squareRoot = (real: Real): Row => ({
  name: `${real}.sqrt`,
  params: [real],
  result: real,
  body: `${fastWay(real, `(${real}.sqrt $a)`, ['$a'])}
    ${realOf(real, `(call $soft.sqrt $task ${bitsOf(real, '$a')} (i32 ${WIDTH[real]}))`)}`,
})

const flag = (name: keyof typeof EXCEPTION) => raise(`(i32 ${EXCEPTION[name]})`)
const isSignaling = (real: Real, x: string) =>
  real === 'f64'
    ? `(i32.and (f64.ne ${x} ${x}) (i64.eqz (i64.and (i64.reinterpret_f64 ${x}) (i64 0x0008000000000000))))`
    : `(i32.and (f32.ne ${x} ${x}) (i32.eqz (i32.and (i32.reinterpret_f32 ${x}) (i32 0x00400000))))`

/** x, or zero when it is a denormal and MXCSR says that they are zeros. */
const flushed = (real: Real, x: string) =>
  realOf(real, `(call $soft.daz $task ${bitsOf(real, x)} (i32 ${WIDTH[real]}))`)

/** Denormals: zeros where MXCSR says so, else an exception. */
const readDenormals = (real: Real, ...operands: readonly string[]) => {
  const bits = INTEGER[real]
  const sign = real === 'f64' ? '0x8000000000000000' : '0x80000000'
  return `(if ${operands.map((x) => isDenormal(real, x)).reduce((all, one) => `(i32.or ${all} ${one})`)}
    (then
      (if (i32.and ${control} (i32 0x40))
        (then
          ${operands
            .map(
              (x) =>
                `(if ${isDenormal(real, x)} (then (set ${x} (${real}.reinterpret_${bits} (${bits}.and (${bits}.reinterpret_${real} ${x}) (${bits} ${sign}))))))`,
            )
            .join('\n')})
        (else ${flag('denormal')}))))`
}

/** The second operand when either is a NaN, which is invalid even when quiet, or both are zeros (SDM vol. 2B, MINPS). */
const extreme = (real: Real, name: 'min' | 'max'): Row => ({
  name: `${real}.${name}`,
  params: [real, real],
  result: real,
  body: `(if (i32.or (${real}.ne $a $a) (${real}.ne $b $b)) (then ${flag('invalid')} (return ${flushed(real, '$b')})))
    ${readDenormals(real, '$a', '$b')}
    (select $a $b (${real}.${name === 'min' ? 'lt' : 'gt'} $a $b))`,
})

/**
 * Relations of the sixteen predicates as nibbles, least predicate first: 1 less, 2 equal, 4 greater, 8 unordered; and which signal
 * on a quiet NaN. Predicates 16–31 differ in just that (SDM vol. 2A, table 3-1).
 */
const RELATIONS = '0xf4650b9a7ced8312'
const SIGNALING = 0b0110_0110_0110_0110

/** (a, b, predicate) → -1 or 0. */
const compare = (real: Real): Row => ({
  name: `${real}.compare`,
  params: [real, real, 'i32'],
  result: 'i32',
  body: `(local $relation i32)
    (if (i32.or (${real}.ne $a $a) (${real}.ne $b $b))
      (then
        (set $relation (i32 8))
        (if (i32.or
            (i32.or ${isSignaling(real, '$a')} ${isSignaling(real, '$b')})
            (i32.and (i32.xor (i32.shr_u (i32 ${SIGNALING}) (i32.and $c (i32 15))) (i32.shr_u $c (i32 4))) (i32 1)))
          (then ${flag('invalid')})))
      (else
        ${readDenormals(real, '$a', '$b')}
        (set $relation (select (i32 1) (select (i32 4) (i32 2) (${real}.gt $a $b)) (${real}.lt $a $b)))))
    (i32.sub (i32 0) (i32.ne (i32 0) (i32.and $relation
      (i32.wrap_i64 (i64.shr_u (i64 ${RELATIONS}) (i64.extend_i32_u (i32.shl (i32.and $c (i32 15)) (i32 2))))))))`,
})

/** (a, b, whether a quiet NaN is invalid) → RFLAGS bits as COMISD sets them. */
const compareToFlags = (real: Real): Row => ({
  name: `${real}.flags`,
  params: [real, real, 'i32'],
  result: 'i32',
  body: `(if (i32.or (${real}.ne $a $a) (${real}.ne $b $b))
      (then
        (if (i32.or $c (i32.or ${isSignaling(real, '$a')} ${isSignaling(real, '$b')})) (then ${flag('invalid')}))
        (return (i32 0x45))))
    ${readDenormals(real, '$a', '$b')}
    (select (i32 1) (select (i32 0) (i32 0x40) (${real}.gt $a $b)) (${real}.lt $a $b))`,
})

/** $a by the rounding mode $mode, without exceptions. */
const integral = (real: Real) => `
  (if (i32.eqz $mode) (then (set $rounded (${real}.nearest $a))))
  (if (i32.eq $mode (i32 1)) (then (set $rounded (${real}.floor $a))))
  (if (i32.eq $mode (i32 2)) (then (set $rounded (${real}.ceil $a))))
  (if (i32.eq $mode (i32 3)) (then (set $rounded (${real}.trunc $a))))`
/** Conversions to integers read denormals as zeros but know no denormal exception. */
const flushOperand = (real: Real) => `(set $a ${flushed(real, '$a')})`

/** (a, immediate of roundsd): bit 2 says MXCSR's mode instead of bits 0–1, bit 3 no precision exception. */
const round = (real: Real): Row => ({
  name: `${real}.round`,
  params: [real, 'i32'],
  result: real,
  body: `(local $mode i32) (local $rounded ${real})
    (if (${real}.ne $a $a)
      (then (return ${realOf(real, `(call $soft.nan $task ${bitsOf(real, '$a')} ${bitsOf(real, '$a')} (i32 ${WIDTH[real]}))`)})))
    ${flushOperand(real)}
    (set $mode (select ${roundingControl} (i32.and $b (i32 3)) (i32.and $b (i32 4))))
    ${integral(real)}
    (if (i32.and (${real}.ne $rounded $a) (i32.eqz (i32.and $b (i32 8)))) (then ${flag('precision')}))
    $rounded`,
})

/** (a, whether to truncate whatever MXCSR says). */
const toInteger = (real: Real, type: 'i32' | 'i64'): Row => {
  // Powers of two: exact in both formats.
  const limit = type === 'i32' ? '(i64 0x80000000)' : '(i64 0x8000000000000000)'
  const bound = `(${real}.convert_i64_u ${limit})`
  return {
    name: `${type}.${real}`,
    params: [real, 'i32'],
    result: type,
    body: `(local $mode i32) (local $rounded ${real})
    ${flushOperand(real)}
    (set $mode (select (i32 3) ${roundingControl} $b))
    ${integral(real)}
    (if (i32.eqz (i32.and (${real}.lt $rounded ${bound}) (${real}.ge $rounded (${real}.neg ${bound}))))
      (then ${flag('invalid')} (return (${type} ${type === 'i32' ? '0x80000000' : '0x8000000000000000'}))))
    (if (${real}.ne $rounded $a) (then ${flag('precision')}))
    (${type}.trunc_sat_${real}_s $rounded)`,
  }
}

const fromInteger = (real: Real, type: 'i32' | 'i64'): Row => ({
  name: `${real}.${type}`,
  params: [type],
  result: real,
  body: `(local $n i64)
    (set $n ${type === 'i64' ? '$a' : '(i64.extend_i32_s $a)'})
    (if (i64.eqz $n) (then (return (${real}.convert_i32_s (i32 0)))))
    ${realOf(
      real,
      `(call $soft.pack $task (i64.and $n (i64 0x8000000000000000)) (i32 63)
        (select (i64.sub (i64 0) $n) $n (i64.lt_s $n (i64 0))) (i32 ${WIDTH[real]}) ${roundingControl})`,
    )}`,
})

const convert = (to: Real, from: Real): Row => ({
  name: `${to}.${from}`,
  params: [from],
  result: to,
  body: realOf(
    to,
    `(call $soft.convert $task ${bitsOf(from, '$a')} (i32 ${WIDTH[from]}) (i32 ${WIDTH[to]}) ${roundingControl})`,
  ),
})

/** (a, b, c, signs): a·b + c, see soft.fma. */
const fused = (real: Real): Row => ({
  name: `${real}.fma`,
  params: [real, real, real, 'i32'],
  result: real,
  body: realOf(
    real,
    `(call $soft.fma $task ${bitsOf(real, '$a')} ${bitsOf(real, '$b')} ${bitsOf(real, '$c')} (i32 ${WIDTH[real]}) $d)`,
  ),
})

const REALS = ['f32', 'f64'] as const
const SCALARS: readonly Row[] = REALS.flatMap((real) => [
  ...['add', 'mul', 'div'].map((op) => binary(real, op)),
  subtract(real),
  squareRoot(real),
  extreme(real, 'min'),
  extreme(real, 'max'),
  compare(real),
  compareToFlags(real),
  round(real),
  toInteger(real, 'i32'),
  toInteger(real, 'i64'),
  fromInteger(real, 'i32'),
  fromInteger(real, 'i64'),
  convert(real, real === 'f32' ? 'f64' : 'f32'),
  fused(real),
])

/**
 * Enters what the instruction raised in MXCSR; non-zero when an exception is unmasked: then nothing else of it takes effect. If
 * one of those found before computing is unmasked, those found after are not reported (SDM vol. 1, 11.5.2 and 4.9.2).
 */
const COMMIT = `(local $raised i32) (local $unmasked i32)
  (if (i32.eqz (tee $raised (i32.load $task +${FP_RAISED}))) (then (return (i32 0))))
  (i32.store $task (i32 0) +${FP_RAISED})
  (set $unmasked (i32.and $raised (i32.xor (i32.shr_u ${control} (i32 7)) (i32 63))))
  (if (i32.and $unmasked (i32 7)) (then (set $raised (i32.and $raised (i32 7)))))
  (i32.store $task (i32.or ${control} $raised) +${MXCSR})
  $unmasked`

const CONTROL: readonly Row[] = [
  { name: 'commit', params: [], result: 'i32', body: COMMIT },
  {
    /** (value, next): ldmxcsr; a status. */
    name: 'control',
    params: ['i32', 'i64'],
    result: 'i32',
    body: `(local $key i32) (local $next i64)
      (set $next $b)
      (i32.store $task $a +${MXCSR})
      ${goOnInMode}`,
  },
  {
    /** (next): an instruction has looked at MXCSR's flags; a status. */
    name: 'observe',
    params: ['i64'],
    result: 'i32',
    body: `(local $key i32) (local $next i64)
      (set $next $a)
      (i32.store $task (i32 1) +${FP_OBSERVED})
      ${goOnInMode}`,
  },
]

export const exactHelpers: readonly Helper[] = [...SCALARS, ...CONTROL].map(toHelper)
