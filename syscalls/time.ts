// clock_gettime(2), gettimeofday(2), time(2), nanosleep(2), alarm(2), setitimer(2), times(2).
import { E, err } from '../src/abi/errno.js'
import {
  CLOCK,
  CLOCK_TICKS,
  ITIMER,
  ITIMERVAL_SIZE,
  isNanoseconds,
  readFraction,
  readSeconds,
  TIMER_ABSTIME,
  TIMESPEC_SIZE,
  TIMEVAL_SIZE,
  TMS_SIZE,
  writeTime,
} from '../src/abi/time.js'
import { writeWord } from '../src/abi/word.js'
import { BLOCK, type Outcome } from '../src/processor/kernel.js'
import type { IntervalTimer, Process } from '../src/processor/process.js'
import type { Task } from '../src/processor/task.js'
import { Timer } from '../src/processor/timers.js'
import { Int, Pointer, Uint } from './arguments.js'
import { readClock, type TimerClock, timerClock } from './clocks.js'
import { full, partial, refusedCall, syscall } from './define.js'
import { ClockId, IntervalTimerId, TimerFlags } from './flags.js'
import {
  Itimerval,
  OutItimerval,
  OutTime,
  OutTimespec,
  OutTimeval,
  OutTms,
  Remaining,
  TimeResult,
  Timespec,
} from './structures.js'
import { usedNsec } from './usage.js'

const pair = new Float64Array(2)

function store({ memory }: Task, address: number, sec: number, fraction: number): number {
  writeTime(memory.scratch, 0, sec, fraction)
  return memory.store(address, TIMESPEC_SIZE)
}

export const clock_gettime = syscall({
  number: 228,
  name: 'clock_gettime',
  returns: Int,
  support: full,
  args: { clock: ClockId, time: OutTimespec },
  run(task, { clock, time }) {
    const result = readClock(task, clock, pair)
    return result < 0 ? result : store(task, time, pair[0]!, pair[1]!)
  },
})

export const clock_getres = syscall({
  number: 229,
  name: 'clock_getres',
  returns: Int,
  support: full,
  args: { clock: ClockId, resolution: OutTimespec },
  run(task, { clock, resolution }) {
    const result = task.kernel.host.clockGetres(clock, pair)
    return result < 0 || resolution === 0 ? result : store(task, resolution, pair[0]!, pair[1]!)
  },
})

export const gettimeofday = syscall({
  number: 96,
  name: 'gettimeofday',
  returns: Int,
  support: full,
  args: { time: OutTimeval, zone: Pointer },
  run(task, { time, zone }) {
    task.kernel.clock.read(CLOCK.REALTIME, pair)
    if (time !== 0 && store(task, time, pair[0]!, Math.floor(pair[1]! / 1000)) < 0) return err(E.FAULT)
    return zone === 0 ? 0 : task.memory.zero(zone, 8)
  },
})

export const time = syscall({
  number: 201,
  name: 'time',
  returns: TimeResult,
  support: full,
  args: { time: OutTime },
  run(task, { time: address }) {
    task.kernel.clock.read(CLOCK.REALTIME, pair)
    const sec = pair[0]!
    return address !== 0 && task.memory.writeU64(address, sec) < 0 ? err(E.FAULT) : sec
  },
})

/** Sleeps until the deadline; a handler ends it with EINTR and the rest of the time in `remaining`. */
function sleep(task: Task, request: number, remaining: number, absoluteOn: number | null): Outcome {
  const { memory, wait, kernel } = task
  const now = kernel.clock.monotonicNsec()
  if (!wait.active) {
    if (memory.load(request, TIMESPEC_SIZE) < 0) return err(E.FAULT)
    const sec = readSeconds(memory.scratch, 0)
    const nsec = readFraction(memory.scratch, 0)
    if (sec < 0 || !isNanoseconds(nsec)) return err(E.INVAL)
    let start = now
    if (absoluteOn !== null) {
      if (kernel.clock.read(absoluteOn, pair) < 0) return err(E.INVAL)
      start = now - (pair[0]! * 1e9 + pair[1]!)
    }
    wait.deadlineNsec = start + sec * 1e9 + nsec
    wait.restarts = absoluteOn !== null
    wait.cancel = () => {
      if (absoluteOn !== null || remaining === 0) return err(E.INTR)
      const left = Math.max(0, wait.deadlineNsec - kernel.clock.monotonicNsec())
      const leftSec = Math.floor(left / 1e9)
      return store(task, remaining, leftSec, Math.floor(left - leftSec * 1e9)) < 0 ? err(E.FAULT) : err(E.INTR)
    }
  }
  return now >= wait.deadlineNsec ? 0 : BLOCK
}

/** clock_nanosleep(2) on a process's CPU time: it goes on while threads of the process run. */
function sleepOnCpuTime(
  task: Task,
  { queue, nowNsec }: TimerClock,
  request: number,
  remaining: number,
  absolute: boolean,
): Outcome {
  const { memory, wait, kernel } = task
  if (wait.active) return wait.woken ? 0 : BLOCK
  if (memory.load(request, TIMESPEC_SIZE) < 0) return err(E.FAULT)
  const sec = readSeconds(memory.scratch, 0)
  const nsec = readFraction(memory.scratch, 0)
  if (sec < 0 || !isNanoseconds(nsec)) return err(E.INVAL)
  const timer = new Timer(queue, () => {
    wait.woken = true
    kernel.scheduler.wake(task)
  })
  timer.set((absolute ? 0 : nowNsec()) + sec * 1e9 + nsec, 0)
  wait.restarts = absolute
  wait.cancel = () => {
    const left = timer.leftNsec(nowNsec())
    timer.set(Infinity, 0)
    if (absolute || remaining === 0) return absolute ? null : err(E.INTR)
    return store(task, remaining, Math.floor(left / 1e9), Math.floor(left % 1e9)) < 0 ? err(E.FAULT) : err(E.INTR)
  }
  return BLOCK
}

export const nanosleep = syscall({
  number: 35,
  name: 'nanosleep',
  returns: Int,
  support: full,
  args: { request: Timespec, remaining: Remaining },
  run: (task, { request, remaining }) => sleep(task, request, remaining, null),
})

export const clock_nanosleep = syscall({
  number: 230,
  name: 'clock_nanosleep',
  returns: Int,
  support: full,
  args: { clock: ClockId, flags: TimerFlags, request: Timespec, remaining: Remaining },
  run(task, { clock, flags, request, remaining }) {
    // A thread cannot wait for CPU time of its own (clock_thread, kernel/time/posix-cpu-timers.c).
    if (clock === CLOCK.THREAD_CPUTIME_ID) return err(E.OPNOTSUPP)
    const on = timerClock(task, clock)
    if (typeof on === 'number') return on
    const absolute = (flags & TIMER_ABSTIME) !== 0
    if (on.queue !== task.kernel.timers) return sleepOnCpuTime(task, on, request, remaining, absolute)
    return sleep(task, request, remaining, absolute ? clock : null)
  },
})

interface IntervalClock {
  timer(process: Process): IntervalTimer
  nowNsec(task: Task): number
}

/** By ITIMER_ number. */
const INTERVAL_CLOCKS: Readonly<Record<number, IntervalClock>> = {
  [ITIMER.REAL]: { timer: ({ alarm }) => alarm, nowNsec: ({ kernel }) => kernel.clock.monotonicNsec() },
  [ITIMER.VIRTUAL]: {
    timer: ({ cpuTime }) => cpuTime.virtual,
    nowNsec: ({ kernel, process }) => kernel.scheduler.cpuNsec(process),
  },
  [ITIMER.PROF]: {
    timer: ({ cpuTime }) => cpuTime.profile,
    nowNsec: ({ kernel, process }) => kernel.scheduler.cpuNsec(process),
  },
}

/** An armed timer has at least a microsecond left (kernel/time/itimer.c). */
const leftOf = ({ nextNsec }: IntervalTimer, now: number): number =>
  nextNsec === Infinity ? 0 : Math.max(1000, nextNsec - now)

/** Arms a timer; the nanoseconds that were left. */
function arm(task: Task, which: number, valueNsec: number, intervalNsec: number): number {
  const clock = INTERVAL_CLOCKS[which]!
  const timer = clock.timer(task.process)
  const now = clock.nowNsec(task)
  const left = leftOf(timer, now)
  timer.nextNsec = valueNsec > 0 ? now + valueNsec : Infinity
  timer.intervalNsec = intervalNsec
  task.kernel.scheduler.timersChanged()
  return left
}

export const alarm = syscall({
  number: 37,
  name: 'alarm',
  returns: Uint,
  support: full,
  args: { seconds: Uint },
  run: (task, { seconds }) => Math.round(arm(task, ITIMER.REAL, seconds * 1e9, 0) / 1e9),
})

/** A struct timeval that is a time. */
function isMicroseconds(view: DataView, at: number): boolean {
  const usec = readFraction(view, at)
  return readSeconds(view, at) >= 0 && usec >= 0 && usec < 1e6
}

function writeTimer(task: Task, address: number, intervalNsec: number, leftNsec: number): number {
  const { scratch } = task.memory
  const put = (at: number, nsec: number): void =>
    writeTime(scratch, at, Math.floor(nsec / 1e9), Math.floor((nsec % 1e9) / 1000))
  put(0, intervalNsec)
  put(TIMEVAL_SIZE, leftNsec)
  return task.memory.store(address, ITIMERVAL_SIZE)
}

const CPU_TIMERS = partial('the CPU time timers count all of the process’s time, to a tick of 10 ms')

export const setitimer = syscall({
  number: 38,
  name: 'setitimer',
  returns: Int,
  support: CPU_TIMERS,
  args: { which: IntervalTimerId, value: Itimerval, old: OutItimerval },
  run(task, { which, value, old }) {
    const { memory, process } = task
    let valueNsec = 0
    let intervalNsec = 0
    if (value !== 0) {
      if (memory.load(value, ITIMERVAL_SIZE) < 0) return err(E.FAULT)
      const { scratch } = memory
      if (!isMicroseconds(scratch, 0) || !isMicroseconds(scratch, TIMEVAL_SIZE)) return err(E.INVAL)
      intervalNsec = readSeconds(scratch, 0) * 1e9 + readFraction(scratch, 0) * 1000
      valueNsec = readSeconds(scratch, TIMEVAL_SIZE) * 1e9 + readFraction(scratch, TIMEVAL_SIZE) * 1000
    }
    const clock = INTERVAL_CLOCKS[which]
    if (clock === undefined) return err(E.INVAL)
    const interval = clock.timer(process).intervalNsec
    const left = arm(task, which, valueNsec, intervalNsec)
    return old === 0 ? 0 : writeTimer(task, old, interval, left)
  },
})

export const getitimer = syscall({
  number: 36,
  name: 'getitimer',
  returns: Int,
  support: CPU_TIMERS,
  args: { which: IntervalTimerId, value: OutItimerval },
  run(task, { which, value }) {
    const clock = INTERVAL_CLOCKS[which]
    if (clock === undefined) return err(E.INVAL)
    const timer = clock.timer(task.process)
    return writeTimer(task, value, timer.intervalNsec, leftOf(timer, clock.nowNsec(task)))
  },
})

export const times = syscall({
  number: 100,
  name: 'times',
  returns: Int,
  support: partial('all CPU time counts as the program’s own, none as the system’s'),
  args: { buffer: OutTms },
  run(task, { buffer }) {
    const { memory, kernel } = task
    if (buffer !== 0) {
      const ticks = (ofChildren: boolean): number =>
        Math.floor((usedNsec(task, task.process, ofChildren) / 1e9) * CLOCK_TICKS)
      writeWord(memory.scratch, 0, ticks(false))
      writeWord(memory.scratch, 8, 0)
      writeWord(memory.scratch, 16, ticks(true))
      writeWord(memory.scratch, 24, 0)
      if (memory.store(buffer, TMS_SIZE) < 0) return err(E.FAULT)
    }
    return Math.floor(kernel.clock.monotonicNsec() / (1e9 / CLOCK_TICKS))
  },
})

/** struct timex: which values to set is its first word. */
const TIMEX_SIZE = 208

/** What the host's kernel says of its clock; nobody here sets it. */
function adjust(task: Task, address: number): number {
  const timex = new Uint8Array(TIMEX_SIZE)
  if (task.memory.copyIn(address, timex) < 0) return err(E.FAULT)
  if (new DataView(timex.buffer).getInt32(0, true) !== 0) return err(E.PERM)
  const result = task.kernel.host.adjtimex(timex)
  return result >= 0 && task.memory.copyOut(address, timex) < 0 ? err(E.FAULT) : result
}

const READ_ONLY = partial("reads the host's; setting is EPERM, as for a program without CAP_SYS_TIME")

export const adjtimex = syscall({
  number: 159,
  name: 'adjtimex',
  returns: Int,
  support: READ_ONLY,
  args: { timex: Pointer },
  run: (task, { timex }) => adjust(task, timex),
})

export const clock_adjtime = syscall({
  number: 305,
  name: 'clock_adjtime',
  returns: Int,
  support: READ_ONLY,
  args: { clock: Int, timex: Pointer },
  run(task, { clock, timex }) {
    if (task.memory.copyIn(timex, new Uint8Array(TIMEX_SIZE)) < 0) return err(E.FAULT)
    if (clock === CLOCK.REALTIME) return adjust(task, timex)
    const known = readClock(task, clock, pair)
    return known < 0 ? known : err(E.OPNOTSUPP)
  },
})

export const settimeofday = refusedCall(164, 'settimeofday', Int, E.PERM, "the clock is the host's")
export const clock_settime = refusedCall(227, 'clock_settime', Int, E.PERM, "the clock is the host's")
