// From an x86 exception vector to the signal Linux sends for it (arch/x86/kernel/traps.c; SDM 6.3.1).

export type ExceptionSignal = {
  readonly signal: number
  readonly code: number
  /** si_addr is the instruction's address; otherwise 0. */
  readonly atInstruction: boolean
  /** A trap: rip is already past the instruction, by so many bytes. */
  readonly advance: number
}

const SIGILL = 4
const SIGTRAP = 5
const SIGFPE = 8
const SIGSEGV = 11
const SI_KERNEL = 0x80
const ILL_ILLOPN = 2
const FPE_INTDIV = 1
const TRAP_BRKPT = 1

const TABLE: Readonly<Record<number, ExceptionSignal>> = {
  0: { signal: SIGFPE, code: FPE_INTDIV, atInstruction: true, advance: 0 },
  1: { signal: SIGTRAP, code: TRAP_BRKPT, atInstruction: true, advance: 1 },
  3: { signal: SIGTRAP, code: SI_KERNEL, atInstruction: false, advance: 1 },
  6: { signal: SIGILL, code: ILL_ILLOPN, atInstruction: true, advance: 0 },
  /** The code depends on what was raised: `floatCode`. */
  19: { signal: SIGFPE, code: 0, atInstruction: true, advance: 0 },
  13: { signal: SIGSEGV, code: SI_KERNEL, atInstruction: false, advance: 0 },
}

export const SIMD_FLOAT = 19
/** si_code of SIGFPE for exceptions raised and not masked (arch/x86/kernel/fpu/core.c, fpu__exception_code). */
export function floatCode(mxcsr: number): number {
  const unmasked = ~(mxcsr >> 7) & mxcsr
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

/** #GP and what else has no row of its own: SIGSEGV from the kernel. */
export const exceptionSignal = (vector: number): ExceptionSignal => TABLE[vector] ?? (TABLE[13] as ExceptionSignal)
