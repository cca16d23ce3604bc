// CPU time of a process, its limit, and the timers that run on it (setitimer(2): ITIMER_VIRTUAL, ITIMER_PROF). The scheduler charges it at each tick and at the
// end of each slice, so that timers are as exact as ticks. Leaves out the split into user and system time: all of it counts as both.
import { RLIMIT } from '../abi/resource.js'
import { SI, SIG } from '../abi/signal.js'
import { type IntervalTimer, newAlarm, type Process } from './process.js'
import { sendToProcess, signalInfo } from './signals.js'
import { TimerQueue } from './timers.js'

export class CpuTime {
  consumedNsec = 0
  /** Of children that were waited for. */
  childrenNsec = 0
  /** Their `nextNsec` is on the scale of consumedNsec. */
  readonly virtual: IntervalTimer = newAlarm()
  readonly profile: IntervalTimer = newAlarm()
  readonly timers = new TimerQueue()
}

/** The process ran for so long; timers that are due send their signals. */
export function charge(process: Process, nsec: number): void {
  const { cpuTime } = process
  cpuTime.consumedNsec += nsec
  cpuTime.timers.expire(cpuTime.consumedNsec)
  expire(process, cpuTime.virtual, SIG.VTALRM)
  expire(process, cpuTime.profile, SIG.PROF)
  keepLimit(process)
}

/** RLIMIT_CPU: SIGXCPU at the soft limit, which then moves on by a second, and SIGKILL at the hard one (kernel/time/posix-cpu-timers.c). */
function keepLimit(process: Process): void {
  const limit = process.limits[RLIMIT.CPU]!
  const sec = process.cpuTime.consumedNsec / 1e9
  if (sec < limit.current || process.status >= 0) return
  if (sec >= limit.maximum) sendToProcess(process, signalInfo(SIG.KILL, SI.KERNEL))
  else {
    limit.current++
    sendToProcess(process, signalInfo(SIG.XCPU, SI.KERNEL))
  }
}

function expire(process: Process, timer: IntervalTimer, signal: number): void {
  const now = process.cpuTime.consumedNsec
  if (timer.nextNsec > now || process.status >= 0) return
  const next = timer.nextNsec + timer.intervalNsec
  timer.nextNsec = timer.intervalNsec === 0 ? Infinity : next > now ? next : now + timer.intervalNsec
  sendToProcess(process, signalInfo(signal, SI.KERNEL))
}
