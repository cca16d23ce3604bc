// From an x86 exception vector to the signal Linux sends for it (arch/x86/kernel/traps.c; SDM 6.3.1), and which vector an address
// that is not canonical raises.

import type { Decoded } from '../x86/decoder.js'
import { NO_REGISTER, RIP_BASE, SEGMENT_FS, SEGMENT_NONE } from '../x86/decoder.js'
import { FS_BASE, GPR, GS_BASE } from './record.js'

type ExceptionSignal = {
  readonly signal: number
  readonly code: number
  /** si_addr is where the program goes on; otherwise 0. */
  readonly addressed: boolean
  /** Told after the instruction, not before it: rip is past it, and RF clear. */
  readonly trap: boolean
}

const SIGILL = 4
export const SIGTRAP = 5
const SIGBUS = 7
const SIGFPE = 8
const SIGSEGV = 11
const SI_KERNEL = 0x80
const ILL_ILLOPN = 2
const FPE_INTDIV = 1
const TRAP_BRKPT = 1
export const TRAP_TRACE = 2
const BUS_ADRALN = 1

export const DEBUG = 1
export const STACK_FAULT = 12
export const GENERAL_PROTECTION = 13
export const PAGE_FAULT = 14
export const X87_FLOAT = 16
export const ALIGNMENT_CHECK = 17
export const SIMD_FLOAT = 19
/** Not a vector of the CPU: an access to an address that is not canonical, which is #SS or #GP. */
export const NOT_CANONICAL = 64

const general: ExceptionSignal = { signal: SIGSEGV, code: SI_KERNEL, addressed: false, trap: false }
const TABLE: Readonly<Record<number, ExceptionSignal>> = {
  0: { signal: SIGFPE, code: FPE_INTDIV, addressed: true, trap: false },
  [DEBUG]: { signal: SIGTRAP, code: TRAP_BRKPT, addressed: true, trap: true },
  3: { signal: SIGTRAP, code: SI_KERNEL, addressed: false, trap: true },
  4: { signal: SIGSEGV, code: SI_KERNEL, addressed: false, trap: true },
  6: { signal: SIGILL, code: ILL_ILLOPN, addressed: true, trap: false },
  [STACK_FAULT]: { signal: SIGBUS, code: SI_KERNEL, addressed: false, trap: false },
  [GENERAL_PROTECTION]: general,
  /** The code depends on what was raised: `floatCode`. */
  [X87_FLOAT]: { signal: SIGFPE, code: 0, addressed: true, trap: false },
  [SIMD_FLOAT]: { signal: SIGFPE, code: 0, addressed: true, trap: false },
  [ALIGNMENT_CHECK]: { signal: SIGBUS, code: BUS_ADRALN, addressed: false, trap: false },
}

/** si_code of SIGFPE for exceptions raised and not masked (arch/x86/kernel/fpu/core.c, fpu__exception_code). */
export function floatCode(raised: number, masked: number): number {
  const unmasked = raised & ~masked
  for (const [exceptions, code] of FLOAT_CODES) if ((unmasked & exceptions) !== 0) return code
  return 0
}
/** Invalid, divide by zero, overflow, underflow or denormal, precision. */
const FLOAT_CODES = [
  [0x01, 7],
  [0x04, 3],
  [0x08, 4],
  [0x12, 5],
  [0x20, 6],
] as const

/** What has no row of its own is like #GP. */
export const exceptionSignal = (vector: number): ExceptionSignal => TABLE[vector] ?? general

const RSP = 4
const RBP = 5
/** Instructions that use the stack beside their operands. */
const STACK = /^(pushf?|popf?|call|retf?|leave|enter|iret)$/
/** No access goes farther from the operand's address. */
const OPERAND_BYTES = 64n

/**
 * #SS for an access through the stack segment: of the stack itself, or of an operand whose base is rsp or rbp and which no fs or gs
 * prefix moves (SDM vol. 1, table 3-5). Registers are in the record.
 */
export function vectorOf(decoded: Decoded, address: bigint, view: DataView, task: number): number {
  const { form, memory, base, segment } = decoded
  const throughStack = (base === RSP || base === RBP) && segment === SEGMENT_NONE ? STACK_FAULT : GENERAL_PROTECTION
  if (!STACK.test(form.mnemonic)) return memory ? throughStack : GENERAL_PROTECTION
  if (!memory) return STACK_FAULT
  const distance = BigInt.asUintN(64, address - operandAddress(decoded, view, task))
  return distance < OPERAND_BYTES ? throughStack : STACK_FAULT
}

function operandAddress(decoded: Decoded, view: DataView, task: number): bigint {
  const { base, index, scale, displacement, address32, segment, next } = decoded
  const register = (n: number) => (n === NO_REGISTER ? 0n : view.getBigUint64(task + GPR + 8 * n, true))
  const from = base === RIP_BASE ? BigInt(next) : register(base)
  const offset = from + (register(index) << BigInt(scale)) + BigInt(displacement)
  const sum = address32 ? BigInt.asUintN(32, offset) : offset
  if (segment === SEGMENT_NONE) return sum
  return sum + view.getBigUint64(task + (segment === SEGMENT_FS ? FS_BASE : GS_BASE), true)
}
