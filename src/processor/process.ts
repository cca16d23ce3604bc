// A process's kernel objects, plain objects on its home vCPU. Threads share the process; vfork and CLONE_ flags share parts of it, which therefore
// count their users (space, files) or are shared by reference (fs, actions).
import { RLIM_NLIMITS, RLIMIT } from '../abi/resource.js'
import type { AddressSpace } from './address-space.js'
import type { CpuTime } from './cpu-time.js'
import type { Credentials } from './credentials.js'
import type { FileTable } from './files.js'
import type { ProcessTimer } from './process-timer.js'
import type { Actions, PendingSignals } from './signals.js'
import type { Task } from './task.js'

/** What CLONE_FS shares. */
export interface FileSystemState {
  /** Canonical path, as the storage manager gives it. */
  cwd: string
  umask: number
}

export interface Limits {
  current: number
  maximum: number
}

export interface IntervalTimer {
  /** Nanoseconds of its clock at the next expiry; Infinity: unarmed. */
  nextNsec: number
  intervalNsec: number
}

export interface Process {
  readonly pid: number
  parent: Process | null
  /** What getppid(2) says when there is no parent here. */
  outsideParent: number
  pgid: number
  sid: number
  space: AddressSpace
  files: FileTable
  fs: FileSystemState
  actions: Actions
  credentials: Credentials
  readonly limits: readonly Limits[]
  readonly pending: PendingSignals
  readonly tasks: Set<Task>
  readonly children: Set<Process>
  /** Tasks that wait for a child. */
  readonly childWaiters: Set<Task>
  /** Signal for the parent at the end; 0: none. */
  exitSignal: number
  /** Wait status when it has ended, else -1. */
  status: number
  /** Why wait4 may report it besides its end: a stop or continue, -1 for nothing new. */
  stopStatus: number
  stopped: boolean
  /** The parent's task that waits in vfork(2). */
  vforkParent: Task | null
  readonly alarm: IntervalTimer
  readonly cpuTime: CpuTime
  /** Of timer_create(2), by id. */
  readonly timers: Map<number, ProcessTimer>
  readonly scheduling: Scheduling
  readonly switches: Switches
  /** When it began, on the monotonic clock. */
  readonly startNsec: number
  /** /proc/PID/oom_score_adj. */
  oomScoreAdjustment: number
  /** It runs another program than when it was forked. */
  hasExecuted: boolean
  executable: string
  /** Key of its file (FileHandle). */
  executableKey: string
  argv: readonly Uint8Array[]
}

/** What sched_setscheduler(2), setpriority(2) and their family have set. Time slices here are equal all the same. */
export interface Scheduling {
  policy: number
  priority: number
  nice: number
  resetOnFork: boolean
  ioPriority: number
}

export const newScheduling = (): Scheduling => ({
  policy: 0,
  priority: 0,
  nice: 0,
  resetOnFork: false,
  ioPriority: 0,
})

/** What prctl(2) and personality(2) set. */
export interface Switches {
  dumpable: number
  noNewPrivileges: number
  subreaper: number
  noHugePages: number
  parentDeathSignal: number
  timerSlackNsec: number
  personality: number
}

export const newSwitches = (): Switches => ({
  dumpable: 1,
  noNewPrivileges: 0,
  subreaper: 0,
  noHugePages: 0,
  parentDeathSignal: 0,
  timerSlackNsec: 50_000,
  personality: 0,
})

export const newAlarm = (): IntervalTimer => ({ nextNsec: Infinity, intervalNsec: 0 })

/** RLIMIT_NOFILE as the host gives it, the stack's 8 MiB, and no limit otherwise. */
export function initialLimits(hostLimit: (resource: number, out: Float64Array) => number): Limits[] {
  const pair = new Float64Array(2)
  return Array.from({ length: RLIM_NLIMITS }, (_, resource) => {
    if (resource === RLIMIT.STACK) return { current: 8 << 20, maximum: Infinity }
    if (hostLimit(resource, pair) < 0) return { current: Infinity, maximum: Infinity }
    return { current: pair[0]!, maximum: pair[1]! }
  })
}

/** A descriptor table of its own, with the same descriptions (CLONE_FILES undone). */
export function unshareFiles(process: Process): void {
  if (process.files.users === 1) return
  const own = process.files.fork()
  process.files.release()
  process.files = own
}
