// The run loop of a vCPU: picks a runnable task, enters the engine, handles what brought it back, and sleeps in one ppoll when nothing can run.
// It is the only one that changes its tasks' states. Time slices and host signals come through poll words, the control block and the eventfd.
import { E, err } from '../abi/errno.js'
import { defaultAction, SA, SI, SIG, SIG_DFL, SIG_IGN } from '../abi/signal.js'
import { EXIT } from '../engine/host.js'
import { FAULT_ADDRESS, FAULT_CODE, FAULT_SIGNAL, POLL, TRANSLATION } from '../engine/record.js'
import { ARRAY_SIZE } from '../lib/translation-array.js'
import { charge } from './cpu-time.js'
import type { GuestEngine } from './guest-engine.js'
import type { Dispatch, Kernel, Outcome } from './kernel.js'
import { CONTROL, CONTROL_BASE } from './layout.js'
import type { Process } from './process.js'
import { pushFrame } from './signal-frame.js'
import { forceSignal, maskForHandler, sendToProcess, signalInfo, takeSignal } from './signals.js'
import { RAX, type Task } from './task.js'
import { STATE } from './task-state.js'

const POLLIN = 1
const CONTROL_AT = CONTROL_BASE >> 2

export class Scheduler {
  readonly #kernel: Kernel
  readonly #engine: GuestEngine
  readonly #dispatch: Dispatch
  readonly #vcpu: number
  readonly #runnable: Task[] = []
  readonly #blocked = new Set<Task>()
  readonly #eventfd: number
  readonly #drain = new Uint8Array(8)
  #pollfds = new Int32Array(32)
  readonly #polled: Task[] = []
  #current: Task | null = null
  /** Up to here the running task's time is its process's. */
  #chargedNsec = 0
  #finished = false

  constructor(kernel: Kernel, engine: GuestEngine, dispatch: Dispatch, vcpu: number, eventfd: number) {
    this.#kernel = kernel
    this.#engine = engine
    this.#dispatch = dispatch
    this.#vcpu = vcpu
    this.#eventfd = eventfd
  }

  get current(): Task | null {
    return this.#current
  }

  add(task: Task): void {
    if (task.state === STATE.free) task.enter(STATE.runnable)
    this.#runnable.push(task)
    this.#askForTicks()
  }

  /** A blocked task has something to look at. */
  wake(task: Task): void {
    if (!this.#blocked.delete(task)) return
    task.enter(STATE.runnable)
    this.#runnable.push(task)
    this.#askForTicks()
  }

  /** A signal is pending for it. */
  interrupt(task: Task): void {
    if (task === this.#current) task.poll()
    else this.wake(task)
  }

  /** It has ended. */
  remove(task: Task): void {
    this.#blocked.delete(task)
    const at = this.#runnable.indexOf(task)
    if (at >= 0) this.#runnable.splice(at, 1)
    if (task === this.#current) this.#current = null
  }

  stop(task: Task): void {
    if (task.state === STATE.stopped) return
    if (task === this.#current) this.#current = null
    this.#blocked.delete(task)
    const at = this.#runnable.indexOf(task)
    if (at >= 0) this.#runnable.splice(at, 1)
    task.enter(STATE.stopped)
  }

  /** A timer was armed: it is looked at from ticks. */
  timersChanged(): void {
    this.#askForTicks()
  }

  /** After SIGCONT: a call that was waiting looks again. */
  resume(task: Task): void {
    if (task.state !== STATE.stopped) return
    task.enter(STATE.runnable)
    this.#runnable.push(task)
  }

  /** The first process has ended: `run` returns. */
  finish(): void {
    this.#finished = true
  }

  run(): void {
    while (!this.#finished) {
      const task = this.#runnable.shift()
      if (task === undefined) this.#sleep()
      else this.#runTask(task)
    }
  }

  /**
   * Ticks go on while anything runs: time slices, timers, and V8, which replaces the baseline code of a running wasm loop by the
   * optimised only when the loop is entered anew.
   */
  #askForTicks(): void {
    this.#kernel.words[CONTROL_AT + CONTROL.WANT_TICKS] = 1
  }

  /** From runnable until it blocks, ends or its slice is over. */
  #runTask(task: Task): void {
    const { kernel } = this
    task.enter(STATE.safepoint)
    this.#current = task
    this.#chargedNsec = kernel.clock.monotonicNsec()
    if (task.wait.active && !this.#resumeCall(task)) return
    const { words, cache } = kernel
    const poll = (task.record + POLL) >> 2
    cache.bind(this.#vcpu, task.space.asid)
    words[(task.record + TRANSLATION) >> 2] = kernel.map.arraysBase + this.#vcpu * ARRAY_SIZE
    this.#askForTicks()
    Atomics.store(words, CONTROL_AT + CONTROL.RUNNING, task.record)
    while (this.#current === task) {
      if (task.hasDeliverable && !this.#deliver(task)) break
      task.enter(STATE.running)
      const exit = this.#engine.run(task.record)
      if (task.state === STATE.running) task.enter(STATE.safepoint)
      cache.safepoint(this.#vcpu)
      if (exit === EXIT.fault) this.#raiseFault(task)
      else if (exit === EXIT.syscall) {
        if (!this.#afterCall(task)) break
        // execve: the space is another one.
        cache.bind(this.#vcpu, task.space.asid)
      }
      if (this.#current === task && Atomics.exchange(words, poll, 0) !== 0) {
        this.#lookAround()
        if (this.#current === task && this.#runnable.length > 0) {
          task.enter(STATE.runnable)
          this.#runnable.push(task)
          break
        }
      }
    }
    Atomics.store(words, CONTROL_AT + CONTROL.RUNNING, 0)
    this.#current = null
    this.#charge(task.process)
  }

  get kernel(): Kernel {
    return this.#kernel
  }

  /** The engine's `syscall`: runs the call; 0 goes on in place, 1 comes back to the loop. */
  syscall(record: number): number {
    const task = this.#current
    if (task === null || task.record !== record) throw new Error('a system call of a task that is not running')
    // All registers are in the record and the engine's tags die at this call: the task is at a safepoint.
    task.enter(STATE.safepoint)
    const outcome = this.#dispatch(task)
    if (typeof outcome === 'number') {
      // A task that has ended has no registers.
      if (this.#current !== task) return 1
      task.setRegister(RAX, outcome)
      if (task.hasDeliverable || this.#kernel.words[(record + POLL) >> 2] !== 0) return 1
      task.enter(STATE.running)
      return 0
    }
    task.wait.active = outcome.kind === 'block'
    return 1
  }

  /** False: the task no longer runs now. */
  #afterCall(task: Task): boolean {
    if (this.#current !== task) return false
    if (!task.wait.active) return true
    // Something may have happened while it was on its way: a pending signal is looked at first.
    if (task.hasDeliverable && !task.wait.uninterruptible) return this.#resumeCall(task)
    task.enter(STATE.blocked)
    this.#blocked.add(task)
    return false
  }

  /** Looks again at a call that waited. False: it waits on, or the task is gone. */
  #resumeCall(task: Task): boolean {
    // Signals first: they may end the call. One that only gets ignored does not.
    if (!task.wait.uninterruptible && task.hasDeliverable && !this.#deliver(task)) return false
    if (!task.wait.active) return true
    const outcome = this.#dispatch(task)
    if (this.#current !== task) return false
    if (typeof outcome !== 'number' && outcome.kind === 'block') {
      task.enter(STATE.blocked)
      this.#blocked.add(task)
      this.#current = null
      return false
    }
    this.#finishCall(task, outcome)
    return true
  }

  #finishCall(task: Task, outcome: Outcome): void {
    task.wait.clear()
    if (typeof outcome === 'number') task.setRegister(RAX, outcome)
  }

  /** Delivers what is pending. False: the task has ended or stopped. */
  #deliver(task: Task): boolean {
    for (;;) {
      const info = takeSignal(task)
      if (info === null) return true
      const { process } = task
      const action = process.actions[info.signal]!
      if (action.handler === SIG_IGN && info.signal !== SIG.KILL && info.signal !== SIG.STOP) continue
      if (action.handler === SIG_DFL || info.signal === SIG.KILL || info.signal === SIG.STOP) {
        const effect = defaultAction(info.signal)
        if (effect === 'ignore' || effect === 'continue') continue
        if (effect === 'stop') {
          this.#kernel.lifecycle.stopProcess(process, info.signal)
          return false
        }
        this.#kernel.onFatalSignal?.(task, info)
        this.#kernel.lifecycle.killBySignal(process, info.signal)
        return false
      }
      this.#interruptCall(task, (action.flags & SA.RESTART) !== 0)
      if (pushFrame(task, info, action) < 0) {
        process.actions[SIG.SEGV]!.handler = SIG_DFL
        forceSignal(task, signalInfo(SIG.SEGV, SI.KERNEL))
        continue
      }
      maskForHandler(task, info.signal, action)
      if ((action.flags & SA.RESETHAND) !== 0) action.handler = SIG_DFL
    }
  }

  /** A handler runs: the call that waited ends, or is to be made again after it. */
  #interruptCall(task: Task, restart: boolean): void {
    const { wait } = task
    if (!wait.active) return
    const result = wait.cancel?.() ?? null
    const again = wait.restarts && restart && result === null
    wait.clear()
    // rax still has the call's number: two bytes back is the `syscall` instruction.
    if (again) task.rip -= 2
    else task.setRegister(RAX, result ?? err(E.INTR))
  }

  #raiseFault(task: Task): void {
    const { view } = this.#kernel
    const signal = view.getInt32(task.record + FAULT_SIGNAL, true)
    const code = view.getInt32(task.record + FAULT_CODE, true)
    // The engine names the signal of a CPU exception when nobody has.
    view.setInt32(task.record + FAULT_SIGNAL, 0, true)
    forceSignal(task, signalInfo(signal, code, { address: task.word(FAULT_ADDRESS) }))
  }

  // What happens elsewhere: host signals, timers, descriptors.

  #charge(process: Process): void {
    const now = this.#kernel.clock.monotonicNsec()
    charge(process, now - this.#chargedNsec)
    this.#chargedNsec = now
  }

  /** CPU time that a process has used until now. */
  cpuNsec(process: Process): number {
    if (this.#current?.process === process) this.#charge(process)
    return process.cpuTime.consumedNsec
  }

  #lookAround(): void {
    if (this.#current !== null) this.#charge(this.#current.process)
    this.#takeHostSignals()
    this.#expire()
    if (this.#blocked.size > 0) this.#pollDescriptors(0)
  }

  #takeHostSignals(): void {
    const { words, init, processes } = this.#kernel
    const low = Atomics.exchange(words, CONTROL_AT + CONTROL.SIGNALS_LOW, 0)
    if (low === 0 || init === null) return
    for (let signal = 1; signal <= 31; signal++) {
      if (((low >>> (signal - 1)) & 1) === 0) continue
      // What the terminal sends goes to the foreground group; everything else was meant for the program that was started.
      const group = signal === SIG.INT || signal === SIG.QUIT || signal === SIG.WINCH || signal === SIG.HUP
      for (const process of group ? [...processes.values()] : [init]) {
        if (!group || process.pgid === this.#kernel.foregroundGroup) sendToProcess(process, signalInfo(signal, SI.USER))
      }
    }
  }

  #nextAlarm(): number {
    let next = Infinity
    for (const { alarm } of this.#kernel.processes.values()) next = Math.min(next, alarm.nextNsec)
    return next
  }

  /** Alarms and time-outs that are due. Returns when the next one is. */
  #expire(): number {
    let next = this.#nextAlarm()
    for (const task of this.#blocked) next = Math.min(next, task.wait.deadlineNsec)
    if (next === Infinity) return next
    const now = this.#kernel.clock.monotonicNsec()
    if (now < next) return next
    for (const process of this.#kernel.processes.values()) {
      const { alarm } = process
      if (alarm.nextNsec > now) continue
      alarm.nextNsec = alarm.intervalNsec > 0 ? Math.max(alarm.nextNsec + alarm.intervalNsec, now) : Infinity
      sendToProcess(process, signalInfo(SIG.ALRM, SI.KERNEL))
    }
    for (const task of this.#blocked) if (task.wait.deadlineNsec <= now) this.wake(task)
    return now
  }

  /** Nothing can run: one ppoll over everything that is waited for. */
  #sleep(): void {
    const { clock, words, cache } = this.#kernel
    this.#takeHostSignals()
    let next = this.#expire()
    if (this.#runnable.length > 0 || this.#finished) return
    const now = next === Infinity ? 0 : clock.monotonicNsec()
    if (next < Infinity && clock.skipTo(next)) return
    words[CONTROL_AT + CONTROL.WANT_TICKS] = 0
    cache.enterBlocked(this.#vcpu)
    next = next === Infinity ? -1 : Math.max(0, next - now)
    this.#pollDescriptors(next)
    cache.leaveBlocked(this.#vcpu)
  }

  /** Wakes the tasks whose descriptors are ready. */
  #pollDescriptors(timeoutNsec: number): void {
    const fds = this.#pollfds
    fds[0] = this.#eventfd
    fds[1] = POLLIN
    let count = 1
    this.#polled.length = 0
    for (const task of this.#blocked) {
      for (let at = 0; at < task.wait.fds.length; at += 2) {
        if (2 * count + 2 > this.#pollfds.length) this.#growPollfds()
        this.#pollfds[2 * count] = task.wait.fds[at]!
        this.#pollfds[2 * count + 1] = task.wait.fds[at + 1]!
        this.#polled[count] = task
        count++
      }
    }
    const ready = this.#kernel.host.ppoll(this.#pollfds, count, timeoutNsec)
    if (ready <= 0) return
    if (this.#pollfds[1]! >>> 16 !== 0) this.#kernel.host.read(this.#eventfd, this.#drain)
    for (let at = 1; at < count; at++) if (this.#pollfds[2 * at + 1]! >>> 16 !== 0) this.wake(this.#polled[at]!)
  }

  #growPollfds(): void {
    const longer = new Int32Array(this.#pollfds.length * 2)
    longer.set(this.#pollfds)
    this.#pollfds = longer
  }
}
