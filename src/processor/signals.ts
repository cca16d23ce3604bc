// Signals: what is pending, what each does, sending and choosing the next one. The frame on the guest's stack is signal-frame.ts; the vCPU calls
// `takeSignal` before it enters a task.

import {
  defaultAction,
  firstSignal,
  highBit,
  lowBit,
  NSIG,
  SA,
  SI,
  SIG,
  SIG_DFL,
  SIG_IGN,
  SYNCHRONOUS_LOW,
} from '../abi/signal.js'
import type { Process } from './process.js'
import type { Task } from './task.js'

/** Who sent a signal, and is told that it was taken from its queue. */
export interface SignalSource {
  taken(info: SignalInfo): SignalInfo
}

export interface SignalInfo {
  readonly signal: number
  /** si_code. */
  readonly code: number
  /** si_errno: only rt_sigqueueinfo(2) sets it. */
  readonly errno: number
  readonly pid: number
  readonly uid: number
  /** Faults: the address, all 64 bits of it. */
  readonly address: bigint
  /** SIGCHLD: exit code or signal. */
  readonly status: number
  /** Of a timer: one that is pending once, and counts how often it expired meanwhile. */
  readonly timer: SignalSource | null
  /** sigqueue's value, low and high word. */
  readonly valueLow: number
  readonly valueHigh: number
}

export const signalInfo = (signal: number, code: number, more: Partial<SignalInfo> = {}): SignalInfo => ({
  signal,
  code,
  errno: 0,
  pid: 0,
  uid: 0,
  address: 0n,
  status: 0,
  timer: null,
  valueLow: 0,
  valueHigh: 0,
  ...more,
})

export interface Action {
  /** SIG_DFL, SIG_IGN or an address. */
  handler: number
  flags: number
  restorer: number
  maskLow: number
  maskHigh: number
}

/** By signal number; CLONE_SIGHAND shares it. */
export type Actions = Action[]

const defaultOf = (): Action => ({ handler: SIG_DFL, flags: 0, restorer: 0, maskLow: 0, maskHigh: 0 })

export const newActions = (): Actions => Array.from({ length: NSIG + 1 }, defaultOf)
export const copyActions = (actions: Actions): Actions => actions.map((action) => ({ ...action }))

/** execve(2): handlers go, ignored signals stay ignored. */
export function actionsAfterExec(actions: Actions): Actions {
  return actions.map((action) => ({ ...defaultOf(), handler: action.handler === SIG_IGN ? SIG_IGN : SIG_DFL }))
}

/** Signals that wait: a set, with what siginfo needs. Real-time signals queue, others are there once. */
export class PendingSignals {
  low = 0
  high = 0
  readonly #infos = new Map<number, SignalInfo[]>()

  /** Signals in the queues, for RLIMIT_SIGPENDING. */
  get count(): number {
    let count = 0
    for (const queue of this.#infos.values()) count += queue.length
    return count
  }

  has(signal: number): boolean {
    return (this.low & lowBit(signal)) !== 0 || (this.high & highBit(signal)) !== 0
  }

  add(info: SignalInfo): void {
    const { signal } = info
    const known = this.#infos.get(signal)
    if (known === undefined) this.#infos.set(signal, [info])
    else if (signal >= 32 || info.timer !== null) known.push(info)
    this.low |= lowBit(signal)
    this.high |= highBit(signal)
  }

  take(signal: number): SignalInfo {
    const queue = this.#infos.get(signal)
    const info = queue?.shift() ?? signalInfo(signal, SI.USER)
    if (queue === undefined || queue.length === 0) this.remove(lowBit(signal), highBit(signal))
    return info.timer === null ? info : info.timer.taken(info)
  }

  /** One that nobody shall see any more. */
  discard(info: SignalInfo): void {
    const queue = this.#infos.get(info.signal)
    const at = queue?.indexOf(info) ?? -1
    if (queue === undefined || at < 0) return
    queue.splice(at, 1)
    if (queue.length === 0) this.remove(lowBit(info.signal), highBit(info.signal))
  }

  remove(low: number, high: number): void {
    this.low &= ~low
    this.high &= ~high
    for (const signal of this.#infos.keys()) {
      if ((lowBit(signal) & low) === 0 && (highBit(signal) & high) === 0) continue
      for (const info of this.#infos.get(signal)!) info.timer?.taken(info)
      this.#infos.delete(signal)
    }
  }
}

const STOP_LOW = lowBit(SIG.STOP) | lowBit(SIG.TSTP) | lowBit(SIG.TTIN) | lowBit(SIG.TTOU)
const CONT_LOW = lowBit(SIG.CONT)

/** Whether the signal has no effect on the process (kernel/signal.c, sig_handler_ignored). */
function isIgnored(process: Process, signal: number): boolean {
  const { handler } = process.actions[signal]!
  return handler === SIG_IGN || (handler === SIG_DFL && defaultAction(signal) === 'ignore')
}

function isBlocked(task: Task, signal: number): boolean {
  return ((lowBit(signal) & task.maskLow) | (highBit(signal) & task.maskHigh)) !== 0
}

/** rt_sigtimedwait(2) takes it. */
const waitsFor = ({ wait }: Task, signal: number): boolean =>
  ((lowBit(signal) & wait.signalsLow) | (highBit(signal) & wait.signalsHigh)) !== 0

/** What happens at once, whatever the masks: SIGCONT continues, stop signals cancel SIGCONT and the other way round. */
function prepare(process: Process, signal: number): void {
  if (signal === SIG.CONT) {
    process.pending.remove(STOP_LOW, 0)
    for (const task of process.tasks) task.pending.remove(STOP_LOW, 0)
  } else if ((lowBit(signal) & STOP_LOW) !== 0) {
    process.pending.remove(CONT_LOW, 0)
    for (const task of process.tasks) task.pending.remove(CONT_LOW, 0)
  }
  if ((signal === SIG.CONT || signal === SIG.KILL) && process.stopped)
    firstTask(process)?.kernel.lifecycle.continueProcess(process)
}

function firstTask(process: Process): Task | undefined {
  for (const task of process.tasks) return task
  return undefined
}

/** Signal descriptors poll as what is pending now. */
export function showSignals(process: Process): void {
  const files = firstTask(process)?.kernel.signalFiles
  if (files === undefined || files.size === 0) return
  for (const file of files) if (file.reader.process === process) file.changed()
}

/** To a process: any of its tasks that does not block it takes it. False: it has no effect, and is not pending. */
export function sendToProcess(process: Process, info: SignalInfo): boolean {
  const { signal } = info
  if (process.status >= 0) return false
  prepare(process, signal)
  let taker: Task | undefined
  for (const task of process.tasks) {
    if (isBlocked(task, signal)) continue
    taker = task
    break
  }
  if (taker !== undefined && isIgnored(process, signal)) return false
  process.pending.add(info)
  showSignals(process)
  if (taker !== undefined) taker.kernel.scheduler.interrupt(taker)
  else for (const task of process.tasks) if (waitsFor(task, signal)) task.kernel.scheduler.wake(task)
  return true
}

/** To one task (tgkill, faults). Answers as sendToProcess. */
export function sendToTask(task: Task, info: SignalInfo): boolean {
  prepare(task.process, info.signal)
  const blocked = isBlocked(task, info.signal)
  if (!blocked && isIgnored(task.process, info.signal)) return false
  task.pending.add(info)
  showSignals(task.process)
  if (!blocked) task.kernel.scheduler.interrupt(task)
  else if (waitsFor(task, info.signal)) task.kernel.scheduler.wake(task)
  return true
}

/** A fault of the task itself: a blocked or ignored one kills (kernel/signal.c, force_sig_info). */
export function forceSignal(task: Task, info: SignalInfo): void {
  const action = task.process.actions[info.signal]!
  if (isBlocked(task, info.signal) || action.handler === SIG_IGN) {
    action.handler = SIG_DFL
    task.maskLow &= ~lowBit(info.signal)
    task.maskHigh &= ~highBit(info.signal)
  }
  task.pending.add(info)
  task.poll()
}

/** The next signal to deliver, taken from its queue; null for none. Synchronous ones first, then the lowest. */
export function takeSignal(task: Task): SignalInfo | null {
  const shared = task.process.pending
  for (const pending of [task.pending, shared]) {
    const low = pending.low & ~task.maskLow
    const high = pending.high & ~task.maskHigh
    const synchronous = low & SYNCHRONOUS_LOW
    const signal = firstSignal(synchronous !== 0 ? synchronous : low, synchronous !== 0 ? 0 : high)
    if (signal === 0) continue
    const info = pending.take(signal)
    showSignals(task.process)
    return info
  }
  return null
}

/** kill(2)'s permission rule, with the guest's credentials. */
export function maySignal(sender: Process, target: Process, signal: number): boolean {
  const { euid, uid } = sender.credentials
  if (euid === 0) return true
  const to = target.credentials
  return [euid, uid].some((id) => id === to.suid || id === to.uid) || (signal === SIG.CONT && sender.sid === target.sid)
}

/** Sets an action; the kernel drops pending signals that are now ignored (sigaction(2), POSIX). */
export function setAction(process: Process, signal: number, action: Action): void {
  process.actions[signal] = action
  if (!isIgnored(process, signal)) return
  process.pending.remove(lowBit(signal), highBit(signal))
  for (const task of process.tasks) task.pending.remove(lowBit(signal), highBit(signal))
  showSignals(process)
}

/** The mask while a handler runs. */
export function maskForHandler(task: Task, signal: number, action: Action): void {
  task.maskLow |= action.maskLow
  task.maskHigh |= action.maskHigh
  if ((action.flags & SA.NODEFER) !== 0) return
  task.maskLow |= lowBit(signal)
  task.maskHigh |= highBit(signal)
}
