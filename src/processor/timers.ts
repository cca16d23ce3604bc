// Timers beside a process's alarm: those of timer_create(2) and timerfd_create(2). A queue has the armed ones of one clock; the scheduler asks the monotonic
// clock's queue when it looks around, `charge` those of CPU time. A timer's `fire` is told how often it has expired since it was asked last.
export class TimerQueue {
  readonly #armed = new Set<Timer>()
  /** Nothing is due before. */
  nextNsec = Infinity

  arm(timer: Timer): void {
    this.#armed.add(timer)
    this.nextNsec = Math.min(this.nextNsec, timer.nextNsec)
  }

  disarm(timer: Timer): void {
    this.#armed.delete(timer)
  }

  /** Before descriptors are looked at: some may be timers. */
  expireNow(clock: { monotonicNsec(): number }): void {
    if (this.#armed.size > 0) this.expire(clock.monotonicNsec())
  }

  expire(nowNsec: number): void {
    if (nowNsec < this.nextNsec) return
    for (const timer of [...this.#armed]) timer.expire(nowNsec)
    this.nextNsec = Infinity
    for (const timer of this.#armed) this.nextNsec = Math.min(this.nextNsec, timer.nextNsec)
  }
}

export class Timer {
  readonly #queue: TimerQueue
  readonly #fire: (count: number) => void
  /** On the queue's clock; Infinity: unarmed. */
  nextNsec = Infinity
  intervalNsec = 0

  constructor(queue: TimerQueue, fire: (count: number) => void) {
    this.#queue = queue
    this.#fire = fire
  }

  set(nextNsec: number, intervalNsec: number): void {
    this.nextNsec = nextNsec
    this.intervalNsec = intervalNsec
    if (nextNsec === Infinity) this.#queue.disarm(this)
    else this.#queue.arm(this)
  }

  expire(nowNsec: number): void {
    if (this.nextNsec > nowNsec) return
    const { intervalNsec } = this
    const count = intervalNsec > 0 ? Math.floor((nowNsec - this.nextNsec) / intervalNsec) + 1 : 1
    if (intervalNsec > 0) this.nextNsec += count * intervalNsec
    else this.set(Infinity, 0)
    this.#fire(count)
  }

  /** An armed timer has at least a nanosecond left. */
  leftNsec(nowNsec: number): number {
    return this.nextNsec === Infinity ? 0 : Math.max(1, this.nextNsec - nowNsec)
  }
}
