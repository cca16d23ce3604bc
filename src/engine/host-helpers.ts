// Helpers that are JavaScript: rare instructions that work on the whole task record. Each takes the task's address and
// answers a status, 0 to go on (helpers.ts). i64 arguments come as two i32.

import type { CpuModel } from '../x86/features.js'
import { WORD } from '../x86/words.js'
import { cpuidOf, xcr0Of } from './cpu.js'
import { readFlags, writeFlags } from './flags-word.js'
import { leaveForMode } from './fp-mode.js'
import { type EngineHost, EXIT, READ, RETRY, WRITE } from './host.js'
import { EXIT_REASON, FAULT_SIGNAL, FAULT_TRAP, FP_OBSERVED, GPR, RETRIED, RIP } from './record.js'
import { segmentHelpers } from './segments.js'
import { FXSAVE_BYTES, restoreLegacyState, saveLegacyState } from './state-image.js'
import { makeX87 } from './x87/helper.js'
import { inUse, isRestorable, restoreState, saveState, XSAVE_SIZE, xsaveSize } from './xsave.js'

export type HostHelper = (task: number, low: number, high: number, ...rest: number[]) => number

const RAX = GPR
const RCX = GPR + 8
const RDX = GPR + 16
const RBX = GPR + 24
const RSP = GPR + 32
const GENERAL_PROTECTION = 13
/** CF PF AF ZF SF OF. */
const ARITHMETIC = 0x8d5

export function hostHelpers(
  memory: WebAssembly.Memory,
  host: EngineHost,
  cpu: CpuModel,
): Readonly<Record<string, HostHelper>> {
  const view = new DataView(memory.buffer)
  const bytes = new Uint8Array(memory.buffer)
  const image = new Uint8Array(XSAVE_SIZE)
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
  const transfer = (task: number, address: number, access: number, size: number): boolean => {
    for (let done = 0; done < size; ) {
      const part = Math.min(size - done, 4096 - ((address + done) % 4096))
      const at = host.refill(task, address + done, access)
      if (at <= 0) return transferFailed(task, at)
      // Both pages must be accessible before the first byte is written.
      if (access === WRITE && done === 0 && part < size) {
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
    if (status === RETRY) view.setInt32(task + RETRIED, 1, true)
    return false
  }

  const raise = (task: number, vector: number): number => {
    view.setInt32(task + EXIT_REASON, EXIT.fault, true)
    view.setInt32(task + FAULT_SIGNAL, 0, true)
    view.setInt32(task + FAULT_TRAP, vector, true)
    return 1
  }

  const cpuid = cpuidOf(cpu)
  const enabled = xcr0Of(cpu)
  const random = new Uint8Array(8)

  return {
    ...segmentHelpers(view),
    random(task, size) {
      const bytes = random.subarray(0, size)
      host.entropy(bytes)
      random.forEach((byte, n) => {
        view.setUint8(task + WORD.random + n, byte)
      })
      return 0
    },
    hostLoadFlags(task, flags, writable, rspLow = 0, rspHigh = 0, nextLow = 0, nextHigh = 0) {
      const changes = ARITHMETIC | writable
      writeFlags(view, task, (readFlags(view, task) & ~changes) | (flags & changes))
      setRegister(task + RSP, rspLow, rspHigh)
      setRegister(task + RIP, nextLow, nextHigh)
      view.setInt32(task + EXIT_REASON, EXIT.poll, true)
      return 1
    },
    x87: makeX87(memory.buffer) as HostHelper,
    cpuid(task) {
      const [eax, ebx, ecx, edx] = cpuid(view.getInt32(task + RAX, true), view.getInt32(task + RCX, true))
      setRegister(task + RAX, eax)
      setRegister(task + RBX, ebx)
      setRegister(task + RCX, ecx)
      setRegister(task + RDX, edx)
      return 0
    },
    // XCR0, and with 1 what of it is in use (SDM vol. 2D, XGETBV).
    xgetbv(task) {
      const index = view.getInt32(task + RCX, true)
      if (index !== 0 && !(index === 1 && cpu.has('xgetbv1'))) return raise(task, GENERAL_PROTECTION)
      setRegister(task + RAX, index === 0 ? enabled : enabled & inUse(view, task))
      setRegister(task + RDX, 0)
      return 0
    },
    // What the components do not take of the area stays as it is.
    xsave(task, low, high, nextLow = 0, nextHigh = 0, compacted = 0) {
      const address = (low >>> 0) + high * 0x100000000
      const components = view.getInt32(task + RAX, true) & enabled
      const size = xsaveSize(components)
      if (!transfer(task, address, READ, size)) return 1
      saveState(view, task, fields, components, compacted === 0 ? 'standard' : 'compacted')
      if (!transfer(task, address, WRITE, size)) return 1
      view.setInt32(task + FP_OBSERVED, 1, true)
      return leaveForMode(view, task, nextLow, nextHigh)
    },
    xrstor(task, low, high, nextLow = 0, nextHigh = 0) {
      const components = view.getInt32(task + RAX, true) & enabled
      if (!transfer(task, (low >>> 0) + high * 0x100000000, READ, xsaveSize(components))) return 1
      if (!isRestorable(fields, enabled, components)) return raise(task, GENERAL_PROTECTION)
      restoreState(view, task, fields, components)
      return leaveForMode(view, task, nextLow, nextHigh)
    },
    rdtsc: timestamp,
    rdtscp(task) {
      setRegister(task + RCX, 0)
      return timestamp(task)
    },
    fxsave(task, low, high, nextLow, nextHigh) {
      image.fill(0)
      saveLegacyState(view, task, fields)
      if (!transfer(task, (low >>> 0) + high * 0x100000000, WRITE, FXSAVE_BYTES)) return 1
      view.setInt32(task + FP_OBSERVED, 1, true)
      return leaveForMode(view, task, nextLow, nextHigh)
    },
    fxrstor(task, low, high, nextLow, nextHigh) {
      if (!transfer(task, (low >>> 0) + high * 0x100000000, READ, FXSAVE_BYTES)) return 1
      restoreLegacyState(view, task, fields)
      return leaveForMode(view, task, nextLow, nextHigh)
    },
  }
}
