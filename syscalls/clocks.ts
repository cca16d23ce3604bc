// The clocks of clock_gettime(2), and those that timers run on. No rows here.
import { E, err } from '../src/abi/errno.js'
import { CLOCK } from '../src/abi/time.js'
import type { Process } from '../src/processor/process.js'
import type { Task } from '../src/processor/task.js'
import type { TimerQueue } from '../src/processor/timers.js'

const pair = new Float64Array(2)

/** Clock ids that name a process or thread have its complement from bit 3 on, and a kind below: 0 to 2 is CPU time, 4 a thread's. */
const KIND = 3
const OF_THREAD = 4

/** The process whose CPU time a clock is; undefined for other clocks, or an errno. */
function cpuClock({ process, kernel }: Task, clock: number): Process | number | undefined {
  if (clock === CLOCK.PROCESS_CPUTIME_ID || clock === CLOCK.THREAD_CPUTIME_ID) return process
  if (clock >= 0) return undefined
  const id = ~(clock >> 3)
  if ((clock & KIND) === KIND) return err(E.INVAL)
  if (id === 0) return process
  if ((clock & OF_THREAD) === 0) return kernel.processes.get(id) ?? err(E.INVAL)
  const thread = kernel.tasks.get(id)
  return thread?.process === process ? process : err(E.INVAL)
}

/** clock_gettime(2) into [seconds, nanoseconds]; 0 or a negative errno. */
export function readClock(task: Task, clock: number, out: Float64Array): number {
  const process = cpuClock(task, clock)
  if (process === undefined) return task.kernel.clock.read(clock, out)
  if (typeof process === 'number') return process
  const nsec = task.kernel.scheduler.cpuNsec(process)
  out[0] = Math.floor(nsec / 1e9)
  out[1] = Math.floor(nsec % 1e9)
  return 0
}

/** What a timer's times are on: its queue's clock, `aheadNsec` behind the clock that the program named. */
export interface TimerClock {
  readonly queue: TimerQueue
  nowNsec(): number
  /** Nanoseconds from the queue's clock to the named one. */
  aheadNsec(): number
}

const ON_MONOTONIC = new Set<number>([CLOCK.REALTIME, CLOCK.MONOTONIC, CLOCK.BOOTTIME, CLOCK.TAI])
/** Clocks that are read only (posix_clocks, kernel/time/posix-timers.c), and those that wake a sleeping machine. */
const WITHOUT_TIMERS = new Set<number>([
  CLOCK.MONOTONIC_RAW,
  CLOCK.REALTIME_COARSE,
  CLOCK.MONOTONIC_COARSE,
  CLOCK.REALTIME_ALARM,
  CLOCK.BOOTTIME_ALARM,
])

export function timerClock(task: Task, clock: number): TimerClock | number {
  const { kernel } = task
  if (ON_MONOTONIC.has(clock)) {
    const nowNsec = (): number => kernel.clock.monotonicNsec()
    const aheadNsec = (): number => {
      if (clock === CLOCK.MONOTONIC) return 0
      kernel.clock.read(clock, pair)
      return pair[0]! * 1e9 + pair[1]! - nowNsec()
    }
    return { queue: kernel.timers, nowNsec, aheadNsec }
  }
  if (WITHOUT_TIMERS.has(clock)) return err(E.OPNOTSUPP)
  const process = cpuClock(task, clock) ?? err(E.INVAL)
  if (typeof process === 'number') return process
  return {
    queue: process.cpuTime.timers,
    nowNsec: () => kernel.scheduler.cpuNsec(process),
    aheadNsec: () => 0,
  }
}
