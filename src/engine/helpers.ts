// The hub's helper functions: one table of names and signatures. Those with `build` are wasm in the hub module; the others
// are JavaScript functions that Engine gives (host-helpers.ts), reached through a trampoline that splits i64 arguments
// into two i32, so that no BigInt is made. Regions call all of them by their place in this table.

import { ADDEND, INDEX_MASK, INDEX_SHIFT, READ_TAG, WAY_SIZE, WRITE_TAG } from '../lib/translation-array.js'
import { assemble } from '../wasm/assemble.js'
import { Code } from '../wasm/encoder.js'
import type { Type } from '../wasm/opcodes.js'
import { cryptoHelpers } from './crypto-helpers.js'
import { divisionHelpers } from './division-helpers.js'
import { enterHelper } from './enter-helper.js'
import { exactHelpers } from './exact-helpers.js'
import { exactPackedHelpers } from './exact-packed.js'
import { ALIGNMENT_CHECK, GENERAL_PROTECTION, NOT_CANONICAL, PAGE_FAULT } from './exceptions.js'
import { ALIGNMENT_FLAG, STEPPED_FLAGS } from './flags-word.js'
import { EXIT, READ, RETRY, WRITE } from './host.js'
import { maskedHelpers } from './masked-helpers.js'
import {
  CROSS_FIRST,
  CROSS_LENGTH,
  CROSS_SECOND,
  EXIT_REASON,
  FAULT_ADDRESS,
  FAULT_CODE,
  FAULT_ERROR,
  FAULT_SIGNAL,
  FAULT_TRAP,
  FLAG_OTHER,
  GPR,
  RETRIED,
  RIP,
  SCRATCH,
  SECOND_WAY_HITS,
  TRANSLATION,
} from './record.js'
import { softFloat } from './softfloat.js'
import { softFloatFused } from './softfloat-fused.js'
import { stringHelpers } from './string-helpers.js'
import { vectorHelpers } from './vector-helpers.js'
import { x87Fast } from './x87/fast/fast.js'
import { wideFunctions } from './x87/fast/wide.js'
import { x87ImageHelpers } from './x87/image-helpers.js'

/** What a helper's body may call: the other functions of the hub module by name. */
export type Hub = { index(name: string): number }

export type Helper = {
  readonly name: string
  /** The first parameter is always the task (i32). */
  readonly params: readonly Type[]
  readonly results: readonly Type[]
  readonly build?: (hub: Hub) => Code
}

/**
 * What code returns to whoever called it (i64): after a guest `ret` the address it went to, which is in rip too, or one of
 * these. An address that looks like one of these is harmless: rip decides.
 */
export const RESULT = {
  /** Go on at rip. */
  jump: -1,
  /** Back to `run`: EXIT_REASON says why. */
  unwind: -2,
} as const

const SIGSEGV = 11
const SEGV_MAPERR = 1
const PAGE_MASK = -0x1000

/** Hits in way 1 between two visits to the machine, which then swaps the ways (under the ExCache's lock, as all writes to arrays). */
const PROMOTE_AFTER = 32

/** What a page's access answers from one way of the array at $entry. */
const way = (offset: number, hit: string) => `
  (if (i64.eq (i64.load (i32.add $entry $tag) +${offset}) (i64.and $address (i64 ${PAGE_MASK})))
    (then
      ${hit}
      (return (i32.add (i32.load $entry +${offset + ADDEND}) (i32.wrap_i64 $address)))))`

/**
 * Translates one page's access: way 0, way 1, then the machine. (task, address i64, access) → host or 0. Addresses from 2^47 up: canonical
 * ones are the kernel's (a page fault), the others raise #GP (SDM vol. 1, 3.3.7.1).
 */
const translatePage = (hub: Hub): Code =>
  assemble(
    `(param $task i32) (param $address i64) (param $access i32) (local $entry i32) (local $tag i32) (local $answer i32)
    (set $entry (i32.add (i32.load $task +${TRANSLATION})
      (i32.and (i32.wrap_i64 (i64.shr_u $address (i64 ${INDEX_SHIFT}))) (i32 ${INDEX_MASK}))))
    (set $tag (select (i32 ${WRITE_TAG}) (i32 ${READ_TAG}) (i32.eq $access (i32 ${WRITE}))))
    ${way(0, '')}
    (block $promote
      ${way(
        WAY_SIZE,
        `(i32.store $task (i32.add (i32.load $task +${SECOND_WAY_HITS}) (i32 1)) +${SECOND_WAY_HITS})
        (br_if $promote (i32.eqz (i32.rem_u (i32.load $task +${SECOND_WAY_HITS}) (i32 ${PROMOTE_AFTER}))))`,
      )})
    (if (i64.ne (i64.shr_u $address (i64 47)) (i64 0))
      (then
        (i32.store $task (i32 ${EXIT.fault}) +${EXIT_REASON})
        (i32.store $task (i32 ${SIGSEGV}) +${FAULT_SIGNAL})
        (if (i64.eq (i64.shr_s $address (i64 47)) (i64 -1))
          (then
            (i32.store $task (i32 ${SEGV_MAPERR}) +${FAULT_CODE})
            (i32.store $task (i32 ${PAGE_FAULT}) +${FAULT_TRAP})
            (i32.store $task (i32.or (i32 5) (i32.shl (i32.eq $access (i32 ${WRITE})) (i32 1))) +${FAULT_ERROR})
            (i64.store $task $address +${FAULT_ADDRESS}))
          (else
            (i64.store $task $address +${FAULT_ADDRESS})
            (call $raise $task (i32 ${NOT_CANONICAL}))))
        (return (i32 0))))
    (set $answer (call $refill $task (f64.convert_i64_u $address) $access))
    (if (i32.gt_s $answer (i32 0)) (then (return $answer)))
    (i32.store $task (i32.eq $answer (i32 ${RETRY})) +${RETRIED})
    (i32.store $task (select (i32 ${EXIT.poll}) (i32 ${EXIT.fault}) (i32.eq $answer (i32 ${RETRY}))) +${EXIT_REASON})
    (i32 0)`,
    (name) => hub.index(name),
  )

const SCRATCH_ADDRESS = `(i32.add $task (i32 ${SCRATCH}))`

/** (task, address, size | aligned << 8) → host address or 0; a crossing access answers the record's scratch area. */
const slowAccess =
  (access: number) =>
  (hub: Hub): Code =>
    assemble(
      `(param $task i32) (param $address i64) (param $info i32)
      (local $size i32) (local $length i32) (local $first i32) (local $second i32)
      (set $size (i32.and $info (i32 0xff)))
      (if (i32.and $info (i32 0x100))
        (then
          (if (i32.and (i32.wrap_i64 $address) (i32.sub $size (i32 1)))
            (then (call $raise $task (i32 ${GENERAL_PROTECTION})) (return (i32 0))))))
      ;; an access that reaches past the lower half is not canonical, whatever page it starts on
      (if (i64.eq (i64.shr_u (i64.add $address (i64.extend_i32_u (i32.sub $size (i32 1)))) (i64 47)) (i64 1))
        (then
          (i64.store $task $address +${FAULT_ADDRESS})
          (call $raise $task (i32 ${NOT_CANONICAL}))
          (return (i32 0))))
      (if (i32.and (i32.load $task +${FLAG_OTHER}) (i32 ${ALIGNMENT_FLAG}))
        (then
          (if (i32.and (i32.wrap_i64 $address) (i32.sub $size (i32 1)))
            (then
              (if (i64.eqz (i64.and (i64.add (i64.shr_s $address (i64 47)) (i64 1)) (i64 -2)))
                (then (call $raise $task (i32 ${ALIGNMENT_CHECK})) (return (i32 0))))))))
      ;; bytes up to the end of the first page
      (set $length (i32.sub (i32 4096) (i32.and (i32.wrap_i64 $address) (i32 4095))))
      (if (i32.ge_u $length $size) (then (return (call $translatePage $task $address (i32 ${access})))))
      (if (i32.eqz (tee $first (call $translatePage $task $address (i32 ${access})))) (then (return (i32 0))))
      (set $second (call $translatePage $task (i64.add $address (i64.extend_i32_u $length)) (i32 ${access})))
      (if (i32.eqz $second) (then (return (i32 0))))
      (i32.store $task $first +${CROSS_FIRST})
      (i32.store $task $second +${CROSS_SECOND})
      (i32.store $task $length +${CROSS_LENGTH})
      (i32.store $task $size +${CROSS_LENGTH + 4})
      (copy ${SCRATCH_ADDRESS} $first $length)
      (copy (i32.add ${SCRATCH_ADDRESS} $length) $second (i32.sub $size $length))
      ${SCRATCH_ADDRESS}`,
      (name) => hub.index(name),
    )

/** (task, host): when a store went to the scratch area, copies it to both parts of the crossing access in progress. */
const commitCrossing = (hub: Hub): Code =>
  assemble(
    `(param $task i32) (param $host i32) (local $length i32)
    (if (i32.eq $host ${SCRATCH_ADDRESS})
      (then
        (set $length (i32.load $task +${CROSS_LENGTH}))
        (copy (i32.load $task +${CROSS_FIRST}) $host $length)
        (copy (i32.load $task +${CROSS_SECOND}) (i32.add $host $length)
          (i32.sub (i32.load $task +${CROSS_LENGTH + 4}) $length))))`,
    (name) => hub.index(name),
  )

/** An exception vector, and its error code above bit 8: `run` turns it into a signal (exceptions.ts). */
const raise = (hub: Hub): Code =>
  assemble(
    `(param $task i32) (param $vector i32)
    (i32.store $task (i32 ${EXIT.fault}) +${EXIT_REASON})
    (i32.store $task (i32 0) +${FAULT_SIGNAL})
    (i32.store $task (i32.and $vector (i32 0xff)) +${FAULT_TRAP})
    (i32.store $task (i32.shr_u $vector (i32 8)) +${FAULT_ERROR})`,
    (name) => hub.index(name),
  )

/** (task, next, rflags): rcx, r11 and rip are as after `syscall` (SDM vol. 2B) before the machine sees it. */
const syscall = (hub: Hub): Code =>
  assemble(
    `(param $task i32) (param $next i64) (param $rflags i64)
    (i64.store $task $next +${RIP})
    (i64.store $task $next +${GPR + 8})
    (i64.store $task $rflags +${GPR + 11 * 8})
    (call $hostSyscall $task)`,
    (name) => hub.index(name),
  )

/**
 * (task, flags, writable, rsp, next): popf and iret that switch on TF or AC are done by the machine, which goes on at `next` one
 * instruction at a time (Engine.#step); all others return 0 and are done where they are.
 */
const loadFlags = (hub: Hub): Code =>
  assemble(
    `(param $task i32) (param $flags i32) (param $writable i32) (param $rsp i64) (param $next i64)
    (if (i32.eqz (i32.and (i32.and $flags $writable) (i32 ${STEPPED_FLAGS}))) (then (return (i32 0))))
    (call $hostLoadFlags $task $flags $writable $rsp $next)`,
    (name) => hub.index(name),
  )

/** mfence: a full barrier between this vCPU and the others. */
function fence(): Code {
  const code = new Code(1)
  code.bytes([0xfe, 0x03, 0x00])
  code.i32(0)
  return code
}

/** (task, crc, value, bytes): CRC-32C, polynomial 11EDC6F41 reflected, bit by bit. */
const crc32 = (hub: Hub): Code =>
  assemble(
    `(param $task i32) (param $crc i32) (param $value i64) (param $bytes i32) (local $n i32)
    (loop $byte
      (set $crc (i32.xor $crc (i32.and (i32.wrap_i64 $value) (i32 255))))
      (set $n (i32 8))
      (loop $bit
        (set $crc (i32.xor (i32.shr_u $crc (i32 1)) (i32.and (i32 0x82f63b78) (i32.sub (i32 0) (i32.and $crc (i32 1))))))
        (br_if $bit (tee $n (i32.sub $n (i32 1)))))
      (set $value (i64.shr_u $value (i64 8)))
      (br_if $byte (tee $bytes (i32.sub $bytes (i32 1)))))
    $crc`,
    (name) => hub.index(name),
  )

/** Goes through the set bits of $mask from the lowest: $bit is each alone, $place counts them as a bit of its own. */
const eachMaskBit = (body: string) => `(param $task i32) (param $value i64) (param $mask i64)
  (local $bit i64) (local $place i64) (local $result i64)
  (set $place (i64 1))
  (block $done
    (loop $more
      (br_if $done (i64.eqz $mask))
      (set $bit (i64.and $mask (i64.sub (i64 0) $mask)))
      ${body}
      (set $mask (i64.xor $mask $bit))
      (set $place (i64.shl $place (i64 1)))
      (br $more)))
  $result`
const takeBit = (tested: string, placed: string) =>
  `(if (i64.ne (i64.and $value ${tested}) (i64 0)) (then (set $result (i64.or $result ${placed}))))`
/** (task, value, mask): the value's low bits scattered to, or gathered from, the places of the mask (BMI2). */
const pdep = (hub: Hub): Code => assemble(eachMaskBit(takeBit('$place', '$bit')), (name) => hub.index(name))
const pext = (hub: Hub): Code => assemble(eachMaskBit(takeBit('$bit', '$place')), (name) => hub.index(name))

export const HELPERS: readonly Helper[] = [
  { name: 'readable', params: ['i32', 'i64', 'i32'], results: ['i32'], build: slowAccess(READ) },
  { name: 'writable', params: ['i32', 'i64', 'i32'], results: ['i32'], build: slowAccess(WRITE) },
  { name: 'translatePage', params: ['i32', 'i64', 'i32'], results: ['i32'], build: translatePage },
  { name: 'commitCrossing', params: ['i32', 'i32'], results: [], build: commitCrossing },
  { name: 'raise', params: ['i32', 'i32'], results: [], build: raise },
  ...divisionHelpers,
  ...stringHelpers,
  enterHelper,
  ...maskedHelpers,
  ...cryptoHelpers,
  ...vectorHelpers,
  ...x87ImageHelpers,
  ...exactHelpers,
  ...exactPackedHelpers,
  { name: 'syscall', params: ['i32', 'i64', 'i64'], results: ['i32'], build: syscall },
  { name: 'crc32', params: ['i32', 'i32', 'i64', 'i32'], results: ['i32'], build: crc32 },
  { name: 'pdep', params: ['i32', 'i64', 'i64'], results: ['i64'], build: pdep },
  { name: 'pext', params: ['i32', 'i64', 'i64'], results: ['i64'], build: pext },
  { name: 'fence', params: ['i32'], results: ['i32'], build: fence },
  { name: 'hostSyscall', params: ['i32'], results: ['i32'] },
  { name: 'fxsave', params: ['i32', 'i64', 'i64'], results: ['i32'] },
  { name: 'fxrstor', params: ['i32', 'i64', 'i64'], results: ['i32'] },
  { name: 'xsave', params: ['i32', 'i64', 'i64', 'i32'], results: ['i32'] },
  { name: 'xrstor', params: ['i32', 'i64', 'i64'], results: ['i32'] },
  ...x87Fast,
  { name: 'x87', params: ['i32', 'i32', 'i64', 'i32'], results: ['i32'] },
  { name: 'loadFlags', params: ['i32', 'i32', 'i32', 'i64', 'i64'], results: ['i32'], build: loadFlags },
  { name: 'hostLoadFlags', params: ['i32', 'i32', 'i32', 'i64', 'i64'], results: ['i32'] },
  { name: 'loadSegment', params: ['i32', 'i32', 'i32'], results: ['i32'] },
  { name: 'describe', params: ['i32', 'i32'], results: ['i32'] },
  { name: 'random', params: ['i32', 'i32'], results: ['i32'] },
  { name: 'cpuid', params: ['i32'], results: ['i32'] },
  { name: 'xgetbv', params: ['i32'], results: ['i32'] },
  { name: 'rdtsc', params: ['i32'], results: ['i32'] },
  { name: 'rdtscp', params: ['i32'], results: ['i32'] },
]

/** Functions that only helpers call; they are in no table. */
export const INTERNALS: readonly Helper[] = [...softFloat, ...softFloatFused, ...wideFunctions]

const byName = new Map(HELPERS.map((helper, index) => [helper.name, index]))
/** A helper's place in the table; -1 when there is none. */
export const helperIndex = (name: string): number => byName.get(name) ?? -1
