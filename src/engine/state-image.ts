// A task's x87 and SSE state as the 512 bytes that FXSAVE stores (SDM vol. 1, table 10-2), from and to its record.

import { MXCSR_DEFAULT } from './fp-mode.js'
import {
  MXCSR,
  VECTOR,
  VECTOR_STRIDE,
  X87,
  X87_CONTROL,
  X87_INSTRUCTION,
  X87_OPCODE,
  X87_OPERAND,
  X87_STATUS,
  X87_TAG,
} from './record.js'
import { initialiseX87 } from './x87/state.js'

export const FXSAVE_BYTES = 512
/** Exception summary of the status word. */
const PENDING = 0x80
/** Bits of MXCSR that software may set (fxsave's mask field). */
export const MXCSR_MASK = 0xffff

/** Writes the 512-byte FXSAVE image (SDM vol. 1, table 10-2) of a task; also the fpstate of a signal frame. */
export function saveLegacyState(view: DataView, task: number, image: DataView): void {
  const status = view.getUint16(task + X87_STATUS, true)
  const top = (status >> 11) & 7
  image.setUint16(0, view.getUint16(task + X87_CONTROL, true), true)
  image.setUint16(2, status, true)
  // AMD's CPUs store the pointers of an instruction whose exception is pending, and else zeros (APM vol. 2, 11.4.4).
  if ((status & PENDING) !== 0) {
    image.setUint16(6, view.getUint16(task + X87_OPCODE, true), true)
    copyBytes(view, task + X87_INSTRUCTION, image, 8, 8)
    copyBytes(view, task + X87_OPERAND, image, 16, 8)
  }
  // The abridged tag: a bit per physical register, set when it is not empty (full tag 3).
  const tags = view.getUint16(task + X87_TAG, true)
  let abridged = 0
  for (let register = 0; register < 8; register++) if (((tags >> (register * 2)) & 3) !== 3) abridged |= 1 << register
  image.setUint8(4, abridged)
  image.setUint32(24, view.getUint32(task + MXCSR, true), true)
  image.setUint32(28, MXCSR_MASK, true)
  for (let n = 0; n < 8; n++) copyBytes(view, task + X87 + ((top + n) & 7) * 16, image, 32 + n * 16, 10)
  for (let n = 0; n < 16; n++) copyBytes(view, task + VECTOR + n * VECTOR_STRIDE, image, 160 + n * 16, 16)
}

/** What a new program and a signal handler find: the state of fninit, MXCSR's of a reset, vectors of zeros. */
export function initialiseState(view: DataView, task: number): void {
  initialiseX87(view, task)
  view.setUint32(task + MXCSR, MXCSR_DEFAULT, true)
  initialiseVectors(view, task, 0)
  initialiseVectors(view, task, VECTOR_STRIDE / 2)
}

/** Clears one half of every vector register. @param from 0, or 16 for the upper halves */
export function initialiseVectors(view: DataView, task: number, from: number): void {
  for (let n = 0; n < 16; n++)
    for (let at = 0; at < 16; at += 4) view.setUint32(task + VECTOR + n * VECTOR_STRIDE + from + at, 0, true)
}

/** Takes a task's x87 and SSE state from an FXSAVE image. */
export function restoreLegacyState(view: DataView, task: number, image: DataView): void {
  const status = image.getUint16(2, true)
  const top = (status >> 11) & 7
  view.setInt32(task + X87_CONTROL, image.getUint16(0, true), true)
  view.setInt32(task + X87_STATUS, status, true)
  view.setInt32(task + X87_OPCODE, image.getUint16(6, true) & 0x7ff, true)
  copyBytes(image, 8, view, task + X87_INSTRUCTION, 8)
  copyBytes(image, 16, view, task + X87_OPERAND, 8)
  for (let n = 0; n < 8; n++) copyBytes(image, 32 + n * 16, view, task + X87 + ((top + n) & 7) * 16, 10)
  const abridged = image.getUint8(4)
  let tags = 0
  for (let register = 0; register < 8; register++) {
    tags |= ((abridged >> register) & 1 ? 0 : 3) << (register * 2)
  }
  view.setInt32(task + X87_TAG, tags, true)
  view.setUint32(task + MXCSR, image.getUint32(24, true) & MXCSR_MASK, true)
  for (let n = 0; n < 16; n++) copyBytes(image, 160 + n * 16, view, task + VECTOR + n * VECTOR_STRIDE, 16)
}

function copyBytes(from: DataView, source: number, to: DataView, target: number, count: number): void {
  for (let n = 0; n < count; n++) to.setUint8(target + n, from.getUint8(source + n))
}
