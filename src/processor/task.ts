// A guest thread on its home vCPU: the address of its record in shared memory and what the kernel keeps beside it.
// `register(RAX)` reads a register; `wait` says what a blocked task waits for. A blocked system call is run again from the record when something
// happened; nothing of it is on a host stack.
import { FS_BASE, GPR, GS_BASE, POLL, RIP } from '../engine/record.js'
import type { AddressSpace } from './address-space.js'
import type { HostFile } from './files.js'
import type { GuestMemory } from './guest-memory.js'
import type { Kernel } from './kernel.js'
import type { Process } from './process.js'
import { PendingSignals } from './signals.js'
import { setState, stateOf } from './task-state.js'

/** Registers in encoding order. */
export const RAX = 0
export const RCX = 1
export const RDX = 2
export const RBX = 3
export const RSP = 4
export const RBP = 5
export const RSI = 6
export const RDI = 7
export const R8 = 8
export const R9 = 9
export const R10 = 10
export const R11 = 11

const TWO_32 = 0x1_0000_0000

/** What a blocked task waits for; one object per task, used again and again. */
export class Wait {
  /** A system call is under way: it has said `block` at least once. */
  active = false
  /** Monotonic nanoseconds; Infinity: no time-out. */
  deadlineNsec = Infinity
  /** (host descriptor, POLL_ events) pairs. */
  readonly fds: number[] = []
  /** Bytes that a transfer has moved before it had to wait. */
  progress = 0
  /** Somebody did what was waited for (a futex was woken). */
  woken = false
  /** Something happened after the call said `block` and before the task was put among those who wait. */
  missed = false
  /** Signals are looked at only afterwards (vfork). */
  uninterruptible = false
  /** sigtimedwait's set: these wake the task although they are blocked. */
  signalsLow = 0
  signalsHigh = 0
  /** What a signal handler makes of the call: restart it if SA_RESTART, or end it with -EINTR. */
  restarts = true
  /** Leaves queues, and answers the result when a handler ends the call (null: -EINTR). */
  cancel: (() => number | null) | null = null
  /** What the call has opened already; closed however the wait ends, unless the call takes it. */
  held: HostFile | null = null

  clear(): void {
    this.active = false
    this.deadlineNsec = Infinity
    this.fds.length = 0
    this.progress = 0
    this.woken = false
    this.missed = false
    this.restarts = true
    this.uninterruptible = false
    this.signalsLow = 0
    this.signalsHigh = 0
    this.cancel = null
    this.held?.close()
    this.held = null
  }
}

export class Task {
  readonly kernel: Kernel
  readonly tid: number
  /** Byte address of the record. */
  readonly record: number
  process: Process
  /** The vCPU that it is on, from the run queue until it blocks, ends or yields; -1: none. */
  vcpu = -1
  readonly wait = new Wait()
  readonly pending = new PendingSignals()
  maskLow = 0
  maskHigh = 0
  /** rt_sigsuspend's: the mask to go back to when a handler has been entered. */
  savedMaskLow = 0
  savedMaskHigh = 0
  hasSavedMask = false
  altStackAddress = 0
  altStackSize = 0
  altStackFlags = 0
  clearChildTid = 0
  robustList = 0
  name = ''

  constructor(kernel: Kernel, tid: number, record: number, process: Process) {
    this.kernel = kernel
    this.tid = tid
    this.record = record
    this.process = process
  }

  get space(): AddressSpace {
    return this.process.space
  }

  get memory(): GuestMemory {
    return this.process.space.memory
  }

  get state(): number {
    return stateOf(this.kernel.words, this.record)
  }

  enter(state: number): void {
    setState(this.kernel.words, this.record, state)
  }

  low(register: number): number {
    return this.kernel.words[(this.record + GPR + 8 * register) >> 2]!
  }

  high(register: number): number {
    return this.kernel.words[(this.record + GPR + 8 * register + 4) >> 2]!
  }

  /** As an unsigned number, rounded above 2^53. */
  register(register: number): number {
    return (this.high(register) >>> 0) * TWO_32 + (this.low(register) >>> 0)
  }

  /** Negative numbers in two's complement. */
  setRegister(register: number, value: number): void {
    this.#setWord(GPR + 8 * register, value)
  }

  get rip(): number {
    return this.#word(RIP)
  }

  set rip(value: number) {
    this.#setWord(RIP, value)
  }

  get fsBase(): number {
    return this.#word(FS_BASE)
  }

  set fsBase(value: number) {
    this.#setWord(FS_BASE, value)
  }

  get gsBase(): number {
    return this.#word(GS_BASE)
  }

  set gsBase(value: number) {
    this.#setWord(GS_BASE, value)
  }

  word(offset: number): number {
    return this.#word(offset)
  }

  setWord(offset: number, value: number): void {
    this.#setWord(offset, value)
  }

  #word(offset: number): number {
    const at = (this.record + offset) >> 2
    return (this.kernel.words[at + 1]! >>> 0) * TWO_32 + (this.kernel.words[at]! >>> 0)
  }

  #setWord(offset: number, value: number): void {
    const at = (this.record + offset) >> 2
    this.kernel.words[at] = value | 0
    this.kernel.words[at + 1] = Math.floor(value / TWO_32) | 0
  }

  /** Makes the task come to its hub at its next safepoint. */
  poll(): void {
    Atomics.store(this.kernel.words, (this.record + POLL) >> 2, 1)
  }

  /** A signal that its mask lets through is pending. */
  get hasDeliverable(): boolean {
    const low = (this.pending.low | this.process.pending.low) & ~this.maskLow
    const high = (this.pending.high | this.process.pending.high) & ~this.maskHigh
    return (low | high) !== 0
  }
}
