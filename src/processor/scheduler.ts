// The run loop of the home vCPU: picks a runnable task, enters the engine, handles what brought it back, and sleeps in one ppoll when nothing can
// run. Tasks that share their process with others go to other vCPUs too (vcpus.ts), whose requests are served between two stays in the engine.
// It is the only one that changes tasks' states. Time slices and host signals come through poll words, the control block and the eventfd.
import { E, err } from '../abi/errno.js'
import { TRAP_NUMBER } from '../abi/sigframe.js'
import { defaultAction, SA, SI, SIG, SIG_DFL, SIG_IGN } from '../abi/signal.js'
import { CLOCK } from '../abi/time.js'
import { EXIT } from '../engine/host.js'
import { FAULT_ADDRESS, FAULT_CODE, FAULT_CR2, FAULT_SIGNAL, FAULT_TRAP, POLL, TRANSLATION } from '../engine/record.js'
import { ARRAY_SIZE } from '../lib/translation-array.js'
import { charge } from './cpu-time.js'
import type { GuestEngine } from './guest-engine.js'
import type { Dispatch, Kernel, Outcome } from './kernel.js'
import { CONTROL, CONTROL_BASE } from './layout.js'
import type { LineServer } from './line-server.js'
import { REQUEST } from './mailbox.js'
import type { Process } from './process.js'
import { pushFrame } from './signal-frame.js'
import { forceSignal, maskForHandler, sendToProcess, signalInfo, takeSignal } from './signals.js'
import { RAX, type Task } from './task.js'
import { STATE } from './task-state.js'
import { HOME } from './vcpus.js'

const POLLIN = 1
const CONTROL_AT = CONTROL_BASE >> 2
const WANT_TICKS = CONTROL_AT + CONTROL.WANT_TICKS
const TICKED = CONTROL_AT + CONTROL.TICKED
/** Looks at the mailboxes before sleeping, while other vCPUs run: some 20 µs. */
const SPINS = 1000

/** After so many system calls a program is not about to end. */
const TICKS_AFTER_CALLS = 500
/** A signal that came just before we slept does not wake us: the event loop has it after so long. */
const PAUSE_NSEC = 100e6

export interface SchedulerOptions {
  readonly kernel: Kernel
  readonly engine: GuestEngine
  readonly lines: LineServer
  readonly dispatch: Dispatch
  readonly eventfd: number
  /** Asks for ticks, again and again. */
  readonly startTicks: () => void
  /** `run` comes back after ticks and sleeps. */
  readonly pauses: boolean
}

export class Scheduler {
  readonly #kernel: Kernel
  readonly #engine: GuestEngine
  readonly #dispatch: Dispatch
  readonly #lines: LineServer
  readonly #runnable: Task[] = []
  readonly #blocked = new Set<Task>()
  readonly #eventfd: number
  readonly #drain = new Uint8Array(8)
  #pollfds = new Int32Array(32)
  readonly #polled: Task[] = []
  #current: Task | null = null
  /** Up to here the running task's time is its process's. */
  #chargedNsec = 0
  /** The same of the tasks on other vCPUs. */
  readonly #chargedElsewhereNsec: number[] = []
  readonly #cpuTime = new Float64Array(2)
  #finished = false
  readonly #pauses: boolean
  readonly #startTicks: () => void
  /** Since the start, as far as they matter. */
  #calls = 0

  constructor(options: SchedulerOptions) {
    this.#kernel = options.kernel
    this.#engine = options.engine
    this.#dispatch = options.dispatch
    this.#lines = options.lines
    this.#eventfd = options.eventfd
    this.#pauses = options.pauses
    this.#startTicks = options.startTicks
  }

  /** What the home vCPU runs, or serves others before it goes on with. */
  get current(): Task | null {
    return this.#current
  }

  add(task: Task): void {
    if (task.state === STATE.free) task.enter(STATE.runnable)
    this.#enqueue(task)
    if (this.#kernel.tasks.size > 1) this.#startTicks()
    if (isThread(task)) this.#kernel.vcpus.want(task.process.tasks.size)
  }

  #enqueue(task: Task): void {
    this.#runnable.push(task)
    this.#askForTicks()
    // Another vCPU may take it, when the home one has come to its loop.
    if (isThread(task) && this.#kernel.vcpus.idle !== 0) this.#current?.poll()
  }

  /** A blocked task has something to look at. */
  wake(task: Task): void {
    if (!this.#blocked.delete(task)) {
      task.wait.missed = true
      return
    }
    task.enter(STATE.runnable)
    this.#enqueue(task)
  }

  /** A signal is pending for it. */
  interrupt(task: Task): void {
    if (task.vcpu === HOME) task.poll()
    else if (task.vcpu > 0) this.#kernel.vcpus.poll(task.vcpu, true)
    else this.wake(task)
  }

  /** It has ended. */
  remove(task: Task): void {
    this.#withdraw(task)
  }

  stop(task: Task): void {
    if (task.state === STATE.stopped) return
    this.#withdraw(task)
    task.enter(STATE.stopped)
  }

  /** From wherever it is: a vCPU, the run queue, those who wait. */
  #withdraw(task: Task): void {
    this.#blocked.delete(task)
    const at = this.#runnable.indexOf(task)
    if (at >= 0) this.#runnable.splice(at, 1)
    this.#leave(task)
  }

  /** The task is on no vCPU any more. */
  #leave(task: Task): void {
    if (task.vcpu > 0) {
      task.process.cpuTime.consumedNsec += this.#spentElsewhere(task.vcpu)
      this.#kernel.vcpus.take(task)
    } else if (task.vcpu === HOME) this.#current = null
    task.vcpu = -1
  }

  /** A timer was armed: it is looked at from ticks. */
  timersChanged(): void {
    this.#startTicks()
    this.#askForTicks()
  }

  /** After SIGCONT: a call that was waiting looks again. */
  resume(task: Task): void {
    if (task.state !== STATE.stopped) return
    task.enter(STATE.runnable)
    this.#enqueue(task)
  }

  /** The first process has ended: `run` returns. */
  finish(): void {
    this.#finished = true
  }

  /** Until the first process has ended: true; or until there is a pause. */
  run(): boolean {
    while (!this.#finished) {
      if (this.#isPause) {
        this.#kernel.words[TICKED] = 0
        return false
      }
      this.#serveOthers()
      if (this.#finished) break
      const task = this.#runnable.shift()
      if (task === undefined) this.#sleep()
      else this.#runTask(task)
    }
    return true
  }

  get #isPause(): boolean {
    return this.#pauses && this.#kernel.words[TICKED] !== 0
  }

  /**
   * Ticks go on while anything runs: time slices, timers, and V8, which replaces the baseline code of a running wasm loop by the
   * optimised only when the loop is entered anew.
   */
  #askForTicks(): void {
    const { words } = this.#kernel
    if (words[WANT_TICKS] !== 0) return
    Atomics.store(words, WANT_TICKS, 1)
    Atomics.notify(words, WANT_TICKS)
  }

  /** From runnable until it blocks, ends or its slice is over. */
  #runTask(task: Task): void {
    const { kernel } = this
    task.enter(STATE.safepoint)
    this.#current = task
    this.#chargedNsec = this.#threadNsec()
    task.vcpu = HOME
    if (task.wait.active && !this.#resumeCall(task)) return
    const { words, cache } = kernel
    const poll = (task.record + POLL) >> 2
    this.#askForTicks()
    Atomics.store(words, CONTROL_AT + CONTROL.RUNNING, task.record)
    while (this.#current === task) {
      this.#serveOthers()
      if (this.#current !== task || (task.hasDeliverable && !this.#deliver(task))) break
      // Again after execve: the space is another one, and the record new.
      cache.bind(HOME, task.space.asid)
      words[(task.record + TRANSLATION) >> 2] = kernel.map.arraysBase + HOME * ARRAY_SIZE
      task.enter(STATE.running)
      const exit = this.#engine.run(task.record)
      if (this.#current === task && task.state === STATE.running) task.enter(STATE.safepoint)
      cache.safepoint(HOME)
      if (exit === EXIT.fault) this.#raiseFault(task)
      else if (exit === EXIT.syscall && !this.#afterCall(task)) break
      if (this.#current === task && Atomics.exchange(words, poll, 0) !== 0) {
        this.#lookAround()
        this.#serveOthers()
        if (this.#current === task && (this.#runnable.length > 0 || this.#finished || this.#isPause)) {
          this.#yield(task)
          break
        }
      }
    }
    Atomics.store(words, CONTROL_AT + CONTROL.RUNNING, 0)
    this.#charge(task.process)
  }

  /** Its slice is over. */
  #yield(task: Task): void {
    this.#leave(task)
    task.enter(STATE.runnable)
    this.#runnable.push(task)
  }

  // The other vCPUs.

  /** Answers what they ask, and gives them tasks to run. */
  #serveOthers(): void {
    const { vcpus } = this.#kernel
    if (vcpus.count === 1) return
    for (let vcpu = vcpus.asking; vcpu !== 0 && !this.#finished; vcpu = vcpus.asking) this.#serve(vcpu)
    for (let vcpu = vcpus.idle; vcpu !== 0 && !this.#finished; vcpu = vcpus.idle) {
      const at = this.#runnable.findIndex(isThread)
      if (at < 0) return
      this.#assign(vcpu, this.#runnable.splice(at, 1)[0]!)
    }
  }

  #serve(vcpu: number): void {
    const { vcpus, cache } = this.#kernel
    const mailbox = vcpus.mailboxes[vcpu]!
    const { kind, record, access, address } = mailbox
    // The home vCPU holds nothing, and others may wait for it.
    cache.safepoint(HOME)
    vcpus.serving = vcpu
    if (kind === REQUEST.ready) mailbox.idle()
    else if (kind === REQUEST.exit) this.#serveExit(vcpu, mailbox.result)
    else {
      const answer =
        kind === REQUEST.syscall
          ? this.#serveCall(vcpus.tasks[vcpu]!)
          : kind === REQUEST.refill
            ? this.#lines.refill(vcpu, record, address, access)
            : this.#lines.fetchCode(vcpu, record, address, kind === REQUEST.fetchMarked)
      // Else the task was taken from the vCPU meanwhile, which has its answer.
      if (vcpus.serving === vcpu) mailbox.answer(answer)
    }
    vcpus.serving = 0
  }

  /** As `syscall`, for a task elsewhere. */
  #serveCall(task: Task): number {
    const { vcpu } = task
    task.enter(STATE.safepoint)
    const outcome = this.#dispatch(task)
    if (task.vcpu !== vcpu) return 1
    return this.#afterDispatch(task, outcome)
  }

  /** The engine of another vCPU came back. */
  #serveExit(vcpu: number, exit: number): void {
    const { vcpus, words } = this.#kernel
    const task = vcpus.tasks[vcpu]!
    if (task.state === STATE.running) task.enter(STATE.safepoint)
    Atomics.store(words, (task.record + POLL) >> 2, 0)
    if (exit === EXIT.fault) this.#raiseFault(task)
    else if (exit === EXIT.syscall && !this.#afterCall(task)) return
    if (task.hasDeliverable && !this.#deliver(task)) return
    if (this.#runnable.some(isThread)) this.#yield(task)
    else this.#go(vcpu, task)
  }

  /** To a vCPU that is idle. */
  #assign(vcpu: number, task: Task): void {
    task.enter(STATE.safepoint)
    task.vcpu = vcpu
    this.#kernel.vcpus.tasks[vcpu] = task
    this.#spentElsewhere(vcpu)
    if (task.wait.active && !this.#resumeCall(task)) return
    if (task.hasDeliverable && !this.#deliver(task)) return
    this.#go(vcpu, task)
  }

  #go(vcpu: number, task: Task): void {
    const { vcpus, cache } = this.#kernel
    charge(task.process, this.#spentElsewhere(vcpu))
    task.enter(STATE.running)
    cache.bind(vcpu, task.space.asid)
    vcpus.mailboxes[vcpu]!.go(task.record)
  }

  get kernel(): Kernel {
    return this.#kernel
  }

  /** The engine's `syscall`: runs the call; 0 goes on in place, 1 comes back to the loop. */
  syscall(record: number): number {
    const task = this.#current
    if (task === null || task.record !== record) throw new Error('a system call of a task that is not running')
    if (++this.#calls === TICKS_AFTER_CALLS) this.#startTicks()
    // All registers are in the record and the engine's tags die at this call: the task is at a safepoint.
    task.enter(STATE.safepoint)
    const outcome = this.#dispatch(task)
    // A task that has ended has no registers.
    if (this.#current !== task) return 1
    return this.#afterDispatch(task, outcome)
  }

  #afterDispatch(task: Task, outcome: Outcome): number {
    if (typeof outcome === 'number') {
      task.setRegister(RAX, outcome)
      if (task.hasDeliverable || this.#kernel.words[(task.record + POLL) >> 2] !== 0) return 1
      task.enter(STATE.running)
      return 0
    }
    task.wait.active = outcome.kind === 'block'
    return 1
  }

  /** False: the task no longer runs now. */
  #afterCall(task: Task): boolean {
    if (task.vcpu < 0) return false
    if (!task.wait.active) return true
    // Something may have happened while it was on its way: a pending signal is looked at first.
    if (task.wait.missed || (task.hasDeliverable && !task.wait.uninterruptible)) return this.#resumeCall(task)
    this.#block(task)
    return false
  }

  #block(task: Task): void {
    task.wait.missed = false
    this.#leave(task)
    task.enter(STATE.blocked)
    this.#blocked.add(task)
  }

  /** Looks again at a call that waited. False: it waits on, or the task is gone. */
  #resumeCall(task: Task): boolean {
    // What was waited for comes before a signal (wait_event_interruptible, do_wait): a child that ended is reaped, and then SIGCHLD is handled.
    const outcome = this.#dispatch(task)
    if (task.vcpu < 0) return false
    if (typeof outcome !== 'number' && outcome.kind === 'block') {
      if (!task.wait.uninterruptible && task.hasDeliverable) {
        if (!this.#deliver(task)) return false
        // A handler ended the call; a signal that only got ignored does not.
        if (!task.wait.active) return true
      }
      this.#block(task)
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
      this.#kernel.observer?.signal(task, info)
      const { process } = task
      const action = process.actions[info.signal]!
      if (action.handler === SIG_IGN && info.signal !== SIG.KILL && info.signal !== SIG.STOP) continue
      if (action.handler === SIG_DFL || info.signal === SIG.KILL || info.signal === SIG.STOP) {
        const effect = defaultAction(info.signal)
        if (effect === 'ignore' || effect === 'continue') continue
        if (effect === 'stop') {
          const { lifecycle } = this.#kernel
          if (info.signal !== SIG.STOP && lifecycle.isOrphaned(process)) continue
          lifecycle.stopProcess(process, info.signal)
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
    const address = view.getBigUint64(task.record + FAULT_ADDRESS, true)
    if (view.getInt32(task.record + FAULT_TRAP, true) === TRAP_NUMBER.PAGE_FAULT)
      view.setBigUint64(task.record + FAULT_CR2, address, true)
    forceSignal(task, signalInfo(signal, code, { address }))
  }

  // What happens elsewhere: host signals, timers, descriptors.

  /** CPU time of the home vCPU: what the host gives to others meanwhile is nobody's. The virtual clock stands for both. */
  #threadNsec(): number {
    const { clock, host, deterministic } = this.#kernel
    if (deterministic || host.clockGettime(CLOCK.THREAD_CPUTIME_ID, this.#cpuTime) < 0) return clock.monotonicNsec()
    return this.#cpuTime[0]! * 1e9 + this.#cpuTime[1]!
  }

  #charge(process: Process): void {
    const now = this.#threadNsec()
    charge(process, now - this.#chargedNsec)
    this.#chargedNsec = now
  }

  /** Nanoseconds that a vCPU has had its task since this was asked last. */
  #spentElsewhere(vcpu: number): number {
    const now = this.#kernel.clock.monotonicNsec()
    const spent = now - (this.#chargedElsewhereNsec[vcpu] ?? now)
    this.#chargedElsewhereNsec[vcpu] = now
    return spent
  }

  #chargeElsewhere(): void {
    const { tasks } = this.#kernel.vcpus
    for (let vcpu = 1; vcpu < tasks.length; vcpu++) {
      const process = tasks[vcpu]?.process
      if (process !== undefined) charge(process, this.#spentElsewhere(vcpu))
    }
  }

  /** CPU time that a process has used until now. */
  cpuNsec(process: Process): number {
    this.#chargeElsewhere()
    if (this.#current?.process === process) this.#charge(process)
    return process.cpuTime.consumedNsec
  }

  #lookAround(): void {
    if (this.#current !== null) this.#charge(this.#current.process)
    this.#chargeElsewhere()
    this.#takeHostSignals()
    this.#expire()
    if (this.#blocked.size > 0) this.#pollDescriptors(0)
    // Slices end there as here.
    if (this.#runnable.some(isThread)) this.#kernel.vcpus.pollAll(true)
  }

  #takeHostSignals(): void {
    const { words, init, processes } = this.#kernel
    const low = Atomics.exchange(words, CONTROL_AT + CONTROL.SIGNALS_LOW, 0)
    if (init === null) return
    if (Atomics.load(words, CONTROL_AT + CONTROL.ENDS) !== 0) {
      this.#kernel.lifecycle.killBySignal(init, SIG.KILL)
      return
    }
    if (low === 0) return
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
    let next = this.#kernel.timers.nextNsec
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
    this.#kernel.timers.expire(now)
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
    const { clock, words, cache, vcpus } = this.#kernel
    const others = vcpus.busy
    if (others) for (let spins = 0; spins < SPINS; spins++) if (vcpus.asking !== 0) return
    this.#takeHostSignals()
    let next = this.#expire()
    if (this.#runnable.length > 0 || this.#finished) return
    const now = next === Infinity ? 0 : clock.monotonicNsec()
    if (next < Infinity && clock.skipTo(next)) return
    if (!others) words[WANT_TICKS] = 0
    cache.enterBlocked(HOME)
    next = next === Infinity ? -1 : Math.max(0, next - now)
    if (this.#pauses) next = next < 0 ? PAUSE_NSEC : Math.min(next, PAUSE_NSEC)
    Atomics.store(words, CONTROL_AT + CONTROL.SLEEPS, 1)
    // A signal, or nothing at all: somebody else's turn.
    if (vcpus.asking === 0 && this.#pollDescriptors(next) <= 0) words[TICKED] = 1
    Atomics.store(words, CONTROL_AT + CONTROL.SLEEPS, 0)
    cache.leaveBlocked(HOME)
  }

  /** Wakes the tasks whose descriptors are ready; how many descriptors are. */
  #pollDescriptors(timeoutNsec: number): number {
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
    if (ready <= 0) return ready
    if (this.#pollfds[1]! >>> 16 !== 0) this.#kernel.host.read(this.#eventfd, this.#drain)
    for (let at = 1; at < count; at++) if (this.#pollfds[2 * at + 1]! >>> 16 !== 0) this.wake(this.#polled[at]!)
    return ready
  }

  #growPollfds(): void {
    const longer = new Int32Array(this.#pollfds.length * 2)
    longer.set(this.#pollfds)
    this.#pollfds = longer
  }
}

/** Another vCPU may run it: its process has more tasks. Others are better off where their system calls are. */
const isThread = (task: Task): boolean => task.process.tasks.size > 1
