// Helpers that are JavaScript: rare instructions that work on the whole task record. Each takes the task's address and
// answers a status, 0 to go on (helpers.ts). i64 arguments come as two i32.

import { cpuid } from './cpu.js'
import { type EngineHost, EXIT, READ, RETRY, WRITE } from './host.js'
import { EXIT_REASON, GPR, MXCSR, VECTOR, VECTOR_STRIDE, X87, X87_CONTROL, X87_STATUS, X87_TAG } from './record.js'
import { makeX87 } from './x87.js'

export type HostHelper = (task: number, low: number, high: number, ...rest: number[]) => number

const RAX = GPR
const RCX = GPR + 8
const RDX = GPR + 16
const RBX = GPR + 24
const FXSAVE_BYTES = 512
/** Bits of MXCSR that software may set (fxsave's mask field). */
const MXCSR_MASK = 0xffff

export function hostHelpers(memory: WebAssembly.Memory, host: EngineHost): Readonly<Record<string, HostHelper>> {
  const view = new DataView(memory.buffer)
  const bytes = new Uint8Array(memory.buffer)
  const image = new Uint8Array(FXSAVE_BYTES)
  const fields = new DataView(image.buffer)
  const setRegister = (at: number, low: number, high = 0) => {
    view.setInt32(at, low, true)
    view.setInt32(at + 4, high, true)
  }
  const timestamp = (task: number) => {
    const ticks = host.timestamp()
    setRegister(task + RAX, ticks | 0)
    setRegister(task + RDX, Math.floor(ticks / 0x100000000))
    return 0
  }

  /** Copies between the image and guest memory; false when the code must be left. */
  const transfer = (task: number, address: number, access: number): boolean => {
    for (let done = 0; done < FXSAVE_BYTES; ) {
      const part = Math.min(FXSAVE_BYTES - done, 4096 - ((address + done) % 4096))
      const at = host.refill(task, address + done, access)
      if (at <= 0) return transferFailed(task, at)
      // Both pages must be accessible before the first byte is written.
      if (access === WRITE && done === 0 && part < FXSAVE_BYTES) {
        const second = host.refill(task, address + part, access)
        if (second <= 0) return transferFailed(task, second)
      }
      if (access === READ) image.set(bytes.subarray(at, at + part), done)
      else bytes.set(image.subarray(done, done + part), at)
      done += part
    }
    return true
  }
  const transferFailed = (task: number, status: number): boolean => {
    view.setInt32(task + EXIT_REASON, status === RETRY ? EXIT.poll : EXIT.fault, true)
    return false
  }

  return {
    x87: makeX87(memory.buffer) as HostHelper,
    cpuid(task) {
      const [eax, ebx, ecx, edx] = cpuid(view.getInt32(task + RAX, true))
      setRegister(task + RAX, eax)
      setRegister(task + RBX, ebx)
      setRegister(task + RCX, ecx)
      setRegister(task + RDX, edx)
      return 0
    },
    // x87 and SSE state are enabled (SDM vol. 1, 13.3).
    xgetbv(task) {
      setRegister(task + RAX, 3)
      setRegister(task + RDX, 0)
      return 0
    },
    rdtsc: timestamp,
    rdtscp(task) {
      setRegister(task + RCX, 0)
      return timestamp(task)
    },
    fxsave(task, low, high) {
      image.fill(0)
      saveExtendedState(view, task, fields)
      return transfer(task, (low >>> 0) + high * 0x100000000, WRITE) ? 0 : 1
    },
    fxrstor(task, low, high) {
      if (!transfer(task, (low >>> 0) + high * 0x100000000, READ)) return 1
      restoreExtendedState(view, task, fields)
      return 0
    },
  }
}

/** Writes the 512-byte FXSAVE image (SDM vol. 1, table 10-2) of a task; also the fpstate of a signal frame. */
function saveExtendedState(view: DataView, task: number, image: DataView): void {
  const status = view.getUint16(task + X87_STATUS, true)
  const top = (status >> 11) & 7
  image.setUint16(0, view.getUint16(task + X87_CONTROL, true), true)
  image.setUint16(2, status, true)
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

/** Takes a task's x87 and SSE state from an FXSAVE image. */
function restoreExtendedState(view: DataView, task: number, image: DataView): void {
  const status = image.getUint16(2, true)
  const top = (status >> 11) & 7
  view.setInt32(task + X87_CONTROL, image.getUint16(0, true), true)
  view.setInt32(task + X87_STATUS, status, true)
  for (let n = 0; n < 8; n++) copyBytes(image, 32 + n * 16, view, task + X87 + ((top + n) & 7) * 16, 10)
  const abridged = image.getUint8(4)
  let tags = 0
  for (let register = 0; register < 8; register++) {
    tags |= ((abridged >> register) & 1 ? tagOf(view, task + X87 + register * 16) : 3) << (register * 2)
  }
  view.setInt32(task + X87_TAG, tags, true)
  view.setUint32(task + MXCSR, image.getUint32(24, true) & MXCSR_MASK, true)
  for (let n = 0; n < 16; n++) copyBytes(image, 160 + n * 16, view, task + VECTOR + n * VECTOR_STRIDE, 16)
}

/** Valid 0, zero 1, special 2 (SDM vol. 1, 8.1.7). */
function tagOf(view: DataView, at: number): number {
  const exponent = view.getUint16(at + 8, true) & 0x7fff
  const low = view.getUint32(at, true)
  const high = view.getUint32(at + 4, true)
  if (exponent === 0) return low === 0 && high === 0 ? 1 : 2
  return exponent === 0x7fff || high < 0x80000000 ? 2 : 0
}

function copyBytes(from: DataView, source: number, to: DataView, target: number, count: number): void {
  for (let n = 0; n < count; n++) to.setUint8(target + n, from.getUint8(source + n))
}
