// The small machine that generated instructions run on, natively and in the engine: where its memory is, what a case gives and
// what an outcome tells. Both executors take `Case`s and return `Outcome`s in the same order.

import type { Instruction } from '../encode.js'

/** Readable and writable; then a read-only page; nothing after it and nothing before. */
export const DATA_BASE = 0x10000000
export const DATA_SIZE = 0x4000
export const READ_ONLY_SIZE = 0x1000
export const FILLED_SIZE = DATA_SIZE + READ_ONLY_SIZE
export const VECTOR_BYTES = 32
export const X87_BYTES = 160
/** Code starts here. */
export const CODE_BASE = 0x20000000
export const CODE_SIZE_MAX = 0x1000

export const SIGILL = 4
export const SIGTRAP = 5
export const SIGBUS = 7
export const SIGFPE = 8
export const SIGSEGV = 11

/** CF PF AF ZF SF OF and DF: the flags a case sets and an outcome tells. */
export const FLAG_MASK = 0x8d5 | 0x400
export const FLAG_LETTERS: Readonly<Record<string, number>> = {
  c: 0x1,
  p: 0x4,
  a: 0x10,
  z: 0x40,
  s: 0x80,
  d: 0x400,
  o: 0x800,
}
export const flagMask = (letters: string): number =>
  [...letters].reduce((mask, letter) => mask | (FLAG_LETTERS[letter] ?? 0), 0)

export type Word = { readonly offset: number; readonly value: bigint }

export type Unspecified = {
  readonly offset: number
  readonly length: number
  /** Only when the word there is 0: the kernel has switched tasks, and AMD's CPUs then forget the pointers when no exception is pending. */
  readonly whenZero?: number
}

export type Case = {
  readonly instructions: readonly Instruction[]
  readonly code: Uint8Array
  /** rax rcx rdx rbx rsp rbp rsi rdi r8 … */
  readonly registers: BigUint64Array
  readonly flags: number
  readonly mxcsr: number
  /** ymm0 … ymm15, 32 bytes each. */
  readonly vectors: Uint8Array
  /** The first 160 bytes of an FXSAVE image (SDM vol. 1, table 10-2), MXCSR apart; absent: as after fninit, and not compared. */
  readonly x87?: Uint8Array
  /** Eight-byte words over the common fill of the data area, at any offset; they may not overlap. */
  readonly patches: readonly Word[]
  /** Bytes of the data area whose content CPUs differ in. */
  readonly unspecified?: readonly Unspecified[]
  /** Flags that the code leaves undefined at its end. */
  readonly undefinedFlags: number
  /** The same before each instruction, by its offset in the code, for one that faults; absent: none. */
  readonly undefinedAt?: ReadonlyMap<number, number>
}

export type Outcome = {
  readonly registers: BigUint64Array
  readonly flags: number
  readonly rip: number
  /** 0: the code ran to its end. */
  readonly signal: number
  readonly signalCode: number
  readonly address: bigint
  /** Exception vector and error code of a signal; 0 when there was none. */
  readonly trap: number
  readonly error: number
  readonly mxcsr: number
  readonly vectors: Uint8Array
  readonly x87: Uint8Array
  /** Aligned words of the data area that differ from before, in order. */
  readonly changes: readonly Word[]
}

/** Runs cases over a data area filled with `fill` (FILLED_SIZE bytes). */
export type Executor = (cases: readonly Case[], fill: Uint8Array) => Outcome[]
