// timer_create(2), timer_settime(2), timer_getoverrun(2), timer_delete(2), timerfd_create(2): timers that a program makes.
import { E, err } from '../src/abi/errno.js'
import { O } from '../src/abi/fcntl.js'
import { TFD } from '../src/abi/poll.js'
import { NSIG, SIG, SIGEV, SIGEVENT, SIGEVENT_SIZE } from '../src/abi/signal.js'
import {
  CLOCK,
  ITIMERSPEC_SIZE,
  isNanoseconds,
  readFraction,
  readSeconds,
  TIMER_ABSTIME,
  TIMESPEC_SIZE,
  writeTime,
} from '../src/abi/time.js'
import { newEvent } from '../src/processor/event-file.js'
import type { Process } from '../src/processor/process.js'
import { ProcessTimer } from '../src/processor/process-timer.js'
import type { Task } from '../src/processor/task.js'
import { TimerFile } from '../src/processor/timer-file.js'
import type { Timer } from '../src/processor/timers.js'
import { Fd, Int, Pointer } from './arguments.js'
import { type TimerClock, timerClock } from './clocks.js'
import { full, partial, syscall } from './define.js'
import { ClockId, TimerFlags, TimerfdFlags, TimerfdTimeFlags } from './flags.js'
import { install } from './install.js'
import { Itimerspec, OutInt, OutItimerspec } from './structures.js'

interface Setting {
  readonly valueNsec: number
  readonly intervalNsec: number
}

/** struct itimerspec: interval and value. */
function readSetting(task: Task, address: number): Setting | number {
  const { memory } = task
  if (memory.load(address, ITIMERSPEC_SIZE) < 0) return err(E.FAULT)
  const [intervalNsec, valueNsec] = [0, TIMESPEC_SIZE].map((at) => {
    const sec = readSeconds(memory.scratch, at)
    const nsec = readFraction(memory.scratch, at)
    return sec >= 0 && isNanoseconds(nsec) ? sec * 1e9 + nsec : err(E.INVAL)
  })
  return intervalNsec! < 0 || valueNsec! < 0 ? err(E.INVAL) : { intervalNsec: intervalNsec!, valueNsec: valueNsec! }
}

function writeSetting(task: Task, address: number, { valueNsec, intervalNsec }: Setting): number {
  const { scratch } = task.memory
  writeTime(scratch, 0, Math.floor(intervalNsec / 1e9), Math.floor(intervalNsec % 1e9))
  writeTime(scratch, TIMESPEC_SIZE, Math.floor(valueNsec / 1e9), Math.floor(valueNsec % 1e9))
  return task.memory.store(address, ITIMERSPEC_SIZE)
}

/** What is left, after expirations that are due. */
function settingOf(timer: Timer, { queue, nowNsec }: TimerClock): Setting {
  const now = nowNsec()
  queue.expire(now)
  return { valueNsec: timer.leftNsec(now), intervalNsec: timer.intervalNsec }
}

/** When a timer expires next, on its queue's clock. */
function nextOf({ valueNsec }: Setting, { nowNsec, aheadNsec }: TimerClock, absolute: boolean): number {
  if (valueNsec === 0) return Infinity
  return absolute ? valueNsec - aheadNsec() : nowNsec() + valueNsec
}

/** A timer has been set: one that is due already expires, and the setting before goes to `old` where that is asked for. */
function afterSetting(task: Task, clock: TimerClock, old: number, before: Setting): number {
  clock.queue.expire(clock.nowNsec())
  task.kernel.scheduler.timersChanged()
  return old === 0 ? 0 : writeSetting(task, old, before)
}

interface Notice {
  readonly signal: number
  readonly valueLow: number
  readonly valueHigh: number
  readonly target: Task | Process
}

/** What a struct sigevent asks for (good_sigevent, kernel/time/posix-timers.c). */
function readNotice(task: Task): Notice | number {
  const { scratch } = task.memory
  const notify = scratch.getInt32(SIGEVENT.NOTIFY, true)
  const signal = scratch.getInt32(SIGEVENT.SIGNO, true)
  const value = { valueLow: scratch.getInt32(0, true), valueHigh: scratch.getInt32(4, true) }
  if (notify === SIGEV.NONE) return { ...value, signal: 0, target: task.process }
  if (notify !== SIGEV.SIGNAL && notify !== SIGEV.THREAD && notify !== (SIGEV.THREAD_ID | SIGEV.SIGNAL))
    return err(E.INVAL)
  let target: Task | Process = task.process
  if ((notify & SIGEV.THREAD_ID) !== 0) {
    const thread = task.kernel.tasks.get(scratch.getInt32(SIGEVENT.TID, true))
    if (thread?.process !== task.process) return err(E.INVAL)
    target = thread
  }
  return signal < 1 || signal > NSIG ? err(E.INVAL) : { ...value, signal, target }
}

export const timer_create = syscall({
  number: 222,
  name: 'timer_create',
  returns: Int,
  support: partial(
    "a thread's CPU time is its process's; the date's timers do not follow a clock that is set meanwhile",
  ),
  args: { clock: ClockId, event: Pointer, id: OutInt },
  run(task, { clock, event, id: address }) {
    const { process, memory } = task
    if (event !== 0 && memory.load(event, SIGEVENT_SIZE) < 0) return err(E.FAULT)
    const on = timerClock(task, clock)
    if (typeof on === 'number') return on
    let id = 0
    while (process.timers.has(id)) id++
    const notice = event === 0 ? { signal: SIG.ALRM, valueLow: id, valueHigh: 0, target: process } : readNotice(task)
    if (typeof notice === 'number') return notice
    if (memory.writeU32(address, id) < 0) return err(E.FAULT)
    process.timers.set(id, new ProcessTimer({ ...notice, id, clock, queue: on.queue }))
    return 0
  },
})

/** The timer and what it runs on, or an errno. */
function find(task: Task, id: number): { readonly timer: ProcessTimer; readonly clock: TimerClock } | number {
  const timer = task.process.timers.get(id)
  if (timer === undefined) return err(E.INVAL)
  const clock = timerClock(task, timer.options.clock)
  return typeof clock === 'number' ? clock : { timer, clock }
}

export const timer_settime = syscall({
  number: 223,
  name: 'timer_settime',
  returns: Int,
  support: full,
  args: { id: Int, flags: TimerFlags, value: Itimerspec, old: OutItimerspec },
  run(task, { id, flags, value, old }) {
    if (value === 0) return err(E.INVAL)
    const setting = readSetting(task, value)
    if (typeof setting === 'number') return setting
    const found = find(task, id)
    if (typeof found === 'number') return found
    const { timer, clock } = found
    const before = settingOf(timer.timer, clock)
    timer.forget()
    const next = nextOf(setting, clock, (flags & TIMER_ABSTIME) !== 0)
    timer.timer.set(next, next === Infinity ? 0 : setting.intervalNsec)
    return afterSetting(task, clock, old, before)
  },
})

export const timer_gettime = syscall({
  number: 224,
  name: 'timer_gettime',
  returns: Int,
  support: full,
  args: { id: Int, value: OutItimerspec },
  run(task, { id, value }) {
    const found = find(task, id)
    if (typeof found === 'number') return found
    return writeSetting(task, value, settingOf(found.timer.timer, found.clock))
  },
})

export const timer_getoverrun = syscall({
  number: 225,
  name: 'timer_getoverrun',
  returns: Int,
  support: full,
  args: { id: Int },
  run: (task, { id }) => task.process.timers.get(id)?.overrun ?? err(E.INVAL),
})

export const timer_delete = syscall({
  number: 226,
  name: 'timer_delete',
  returns: Int,
  support: full,
  args: { id: Int },
  run({ process }, { id }) {
    const found = process.timers.get(id)
    if (found === undefined) return err(E.INVAL)
    found.timer.set(Infinity, 0)
    found.forget()
    process.timers.delete(id)
    return 0
  },
})

const FILE_CLOCKS = new Set<number>([CLOCK.REALTIME, CLOCK.MONOTONIC, CLOCK.BOOTTIME])
const ALARM_CLOCKS = new Set<number>([CLOCK.REALTIME_ALARM, CLOCK.BOOTTIME_ALARM])

export const timerfd_create = syscall({
  number: 283,
  name: 'timerfd_create',
  returns: Fd,
  support: partial('alarm clocks are EPERM, as for a program without CAP_WAKE_ALARM'),
  args: { clock: ClockId, flags: TimerfdFlags },
  run(task, { clock, flags }) {
    if ((flags & ~(TFD.NONBLOCK | TFD.CLOEXEC)) !== 0) return err(E.INVAL)
    if (ALARM_CLOCKS.has(clock)) return err(E.PERM)
    if (!FILE_CLOCKS.has(clock)) return err(E.INVAL)
    const { host, bytes, timers, clock: time } = task.kernel
    const event = newEvent(host)
    if (event < 0) return event
    const file = new TimerFile(host, bytes, event, clock, timers, time)
    file.flags |= flags & TFD.NONBLOCK
    return install(task, file, (flags & TFD.CLOEXEC) !== 0)
  },
})

function timerFile(task: Task, fd: number): TimerFile | number {
  const file = task.process.files.get(fd)
  if (file === undefined || (file.flags & O.PATH) !== 0) return err(E.BADF)
  return file instanceof TimerFile ? file : err(E.INVAL)
}

const SET_FLAGS = TFD.TIMER_ABSTIME | TFD.TIMER_CANCEL_ON_SET

export const timerfd_settime = syscall({
  number: 286,
  name: 'timerfd_settime',
  returns: Int,
  support: partial('a clock that is set meanwhile is not noticed'),
  args: { fd: Fd, flags: TimerfdTimeFlags, value: Itimerspec, old: OutItimerspec },
  run(task, { fd, flags, value, old }) {
    const setting = readSetting(task, value)
    if (typeof setting === 'number') return setting
    if ((flags & ~SET_FLAGS) !== 0) return err(E.INVAL)
    const file = timerFile(task, fd)
    if (typeof file === 'number') return file
    const clock = timerClock(task, file.clock) as TimerClock
    const before = settingOf(file.timer, clock)
    file.set(nextOf(setting, clock, (flags & TFD.TIMER_ABSTIME) !== 0), setting.intervalNsec)
    return afterSetting(task, clock, old, before)
  },
})

export const timerfd_gettime = syscall({
  number: 287,
  name: 'timerfd_gettime',
  returns: Int,
  support: full,
  args: { fd: Fd, value: OutItimerspec },
  run(task, { fd, value }) {
    const file = timerFile(task, fd)
    if (typeof file === 'number') return file
    return writeSetting(task, value, settingOf(file.timer, timerClock(task, file.clock) as TimerClock))
  },
})
