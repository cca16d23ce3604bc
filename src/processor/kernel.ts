// Everything a system call can reach, as one record: the machine below, the managers, the tables of processes and tasks. Made by processor.ts.

import type { CpuFacts } from '../engine/cpu.js'
import type { ExCache } from '../excache/excache.js'
import type { Host, MemoryWindow } from '../host/host.js'
import type { MemoryMethods } from '../wire/memory-protocol.js'
import type { AddressSpaces } from './address-space.js'
import type { Clock } from './clock.js'
import type { Identity } from './credentials.js'
import type { Futexes } from './futex.js'
import type { Segments } from './guest-memory.js'
import type { MemoryMap } from './layout.js'
import type { Lifecycle } from './lifecycle.js'
import type { Process } from './process.js'
import type { Scheduler } from './scheduler.js'
import type { SignalFile } from './signal-file.js'
import type { SignalInfo } from './signals.js'
import type { Storage } from './storage.js'
import type { Task } from './task.js'
import type { TimerQueue } from './timers.js'
import type { Vcpus } from './vcpus.js'

export interface Observer {
  /** A signal was taken from its queue and takes effect now. */
  signal(task: Task, info: SignalInfo): void
  /** A task is about to end; `status` is wait4's. */
  exit(task: Task, status: number): void
}

export interface Kernel {
  readonly host: Host
  readonly window: MemoryWindow
  readonly bytes: Uint8Array
  readonly words: Int32Array
  readonly view: DataView
  readonly map: MemoryMap
  readonly storage: Storage
  readonly manager: MemoryMethods
  readonly spaces: AddressSpaces
  readonly cache: ExCache
  readonly clock: Clock
  /** Timers of the monotonic clock. */
  readonly timers: TimerQueue
  /** The open signal descriptors. */
  readonly signalFiles: Set<SignalFile>
  readonly cpu: CpuFacts
  readonly identity: Identity
  /** Fills with random bytes; seeded when deterministic. */
  readonly entropy: (into: Uint8Array) => void
  readonly processes: Map<number, Process>
  readonly tasks: Map<number, Task>
  readonly scheduler: Scheduler
  readonly vcpus: Vcpus
  readonly lifecycle: Lifecycle
  readonly futexes: Futexes
  /** The segments of the system call in progress. */
  readonly segments: Segments
  readonly deterministic: boolean
  /** The program that ended decides how the whole machine ends: wait status. */
  finalStatus: number
  /** Told of what happens to the guest, for --strace. */
  observer: Observer | null
  /** Told when a signal is about to end a process. */
  onFatalSignal: ((task: Task, info: SignalInfo) => void) | null
  /** Told that a process is killed because the memory manager has no room for what it wrote. */
  onOutOfMemory: ((process: Process) => void) | null
  /** Process group that the terminal belongs to, as the guest set it. */
  foregroundGroup: number
  /** The process whose end is the end. */
  init: Process | null
}

/**
 * What a system call answers: its result (negative: errno), or
 * block: it waits as task.wait says, and is called again then;
 * redirect: the record already holds what comes next (exec, sigreturn, exit), rax is not to be touched.
 */
export type Outcome = number | Control
export interface Control {
  readonly kind: 'block' | 'redirect'
}
export const BLOCK: Control = { kind: 'block' }
export const REDIRECT: Control = { kind: 'redirect' }

/** The system call table, as the processor sees it: runs the call that the record's registers ask for. */
export type Dispatch = (task: Task) => Outcome
