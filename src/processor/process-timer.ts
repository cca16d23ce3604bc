// A timer of timer_create(2): sends its signal when it expires. A signal of it is pending once; expirations meanwhile are its overrun.
import { SI } from '../abi/signal.js'
import type { Process } from './process.js'
import { type SignalInfo, type SignalSource, sendToProcess, sendToTask, signalInfo } from './signals.js'
import type { Task } from './task.js'
import { Timer, type TimerQueue } from './timers.js'

/** DELAYTIMER_MAX: the kernel counts no further (kernel/time/posix-timers.c). */
const OVERRUN_MAX = 0x7fffffff

export interface ProcessTimerOptions {
  readonly id: number
  /** CLOCK_ number. */
  readonly clock: number
  readonly queue: TimerQueue
  /** 0: none is sent. */
  readonly signal: number
  readonly valueLow: number
  readonly valueHigh: number
  /** The task that gets the signal, or the process. */
  readonly target: Task | Process
}

export class ProcessTimer implements SignalSource {
  readonly options: ProcessTimerOptions
  readonly timer: Timer
  /** Of the last signal that was taken. */
  overrun = 0
  #missed = 0
  #pending: SignalInfo | null = null

  constructor(options: ProcessTimerOptions) {
    this.options = options
    this.timer = new Timer(options.queue, (count) => this.#fire(count))
  }

  #fire(count: number): void {
    const { signal, id, valueLow, valueHigh, target } = this.options
    if (signal === 0) return
    if (this.#pending !== null) {
      this.#missed += count
      return
    }
    this.#missed = count - 1
    // The id is where others have a pid; the overrun, where they have a uid, is known when the signal is taken.
    const info = signalInfo(signal, SI.TIMER, { pid: id, timer: this, valueLow, valueHigh })
    const isPending = 'tid' in target ? sendToTask(target, info) : sendToProcess(target, info)
    this.#pending = isPending ? info : null
  }

  /** Set anew or deleted: a signal of before is not sent any more. */
  forget(): void {
    if (this.#pending !== null) this.options.target.pending.discard(this.#pending)
    this.#pending = null
    this.#missed = 0
  }

  taken(info: SignalInfo): SignalInfo {
    this.#pending = null
    this.overrun = Math.min(this.#missed, OVERRUN_MAX)
    return { ...info, uid: this.overrun }
  }
}
