// RFLAGS of a task record as the architectural bits, for ptrace-like views: signal frames, strace, tests.

import { FLAG_AUX, FLAG_OTHER, FLAG_RESULT } from './record.js'

/** Bit 1 always reads 1; IF is set in user mode. */
const FIXED = 0x202
/** Bits user mode may change outside the arithmetic ones: TF, DF, NT, AC, ID. */
export const TRAP_FLAG = 0x100
export const ALIGNMENT_FLAG = 0x40000
/** With one of them set the interpreter runs one instruction at a time (Engine.#step). */
export const STEPPED_FLAGS = TRAP_FLAG | ALIGNMENT_FLAG
const CHANGEABLE = 0x244500
/** Set in the image that a fault leaves (SDM vol. 3, 17.3.1.1), and gone once the program runs on. */
export const RESUME_FLAG = 0x10000
const parity = (byte: number): number => {
  let bits = byte & 0xff
  bits ^= bits >> 4
  bits ^= bits >> 2
  bits ^= bits >> 1
  return (bits & 1) ^ 1
}

export function readFlags(view: DataView, task: number): number {
  const low = view.getInt32(task + FLAG_RESULT, true)
  const high = view.getInt32(task + FLAG_RESULT + 4, true)
  const aux = view.getInt32(task + FLAG_AUX, true)
  const carry = aux >>> 31
  const overflow = carry ^ ((aux >>> 30) & 1)
  const zero = low === 0 && high === 0 ? 1 : 0
  const sign = (high >>> 31) ^ (aux & 1)
  const pf = parity(low ^ (aux >>> 8))
  const adjust = (aux >>> 3) & 1
  const arithmetic = carry | (pf << 2) | (adjust << 4) | (zero << 6) | (sign << 7) | (overflow << 11)
  return arithmetic | (view.getInt32(task + FLAG_OTHER, true) & (CHANGEABLE | RESUME_FLAG)) | FIXED
}

export function writeFlags(view: DataView, task: number, bits: number): void {
  const at = (index: number) => (bits >>> index) & 1
  const nonZero = at(6) ^ 1
  const parityByte = nonZero ^ at(2) ^ 1
  const aux = (at(0) << 31) | ((at(0) ^ at(11)) << 30) | (at(4) << 3) | (parityByte << 8) | at(7)
  view.setInt32(task + FLAG_RESULT, nonZero, true)
  view.setInt32(task + FLAG_RESULT + 4, 0, true)
  view.setInt32(task + FLAG_AUX, aux, true)
  view.setInt32(task + FLAG_OTHER, bits & CHANGEABLE, true)
}
