// timerfd_create(2): a descriptor that is readable when its timer has expired, and says how often.
import { E, err } from '../abi/errno.js'
import { O } from '../abi/fcntl.js'
import { writeWord } from '../abi/word.js'
import type { Host } from '../host/host.js'
import type { Clock } from './clock.js'
import { EventFile } from './event-file.js'
import type { Segments } from './guest-memory.js'
import { Timer, type TimerQueue } from './timers.js'

const COUNT_SIZE = 8
const count = new Uint8Array(COUNT_SIZE)
const countView = new DataView(count.buffer)

export class TimerFile extends EventFile {
  protected readonly recordSize = COUNT_SIZE
  /** CLOCK_ number that times are on. */
  readonly clock: number
  readonly timer: Timer
  readonly #timers: TimerQueue
  readonly #time: Clock
  #expirations = 0

  constructor(host: Host, bytes: Uint8Array, pollFd: number, clock: number, timers: TimerQueue, time: Clock) {
    super(host, bytes, pollFd, O.RDWR)
    this.clock = clock
    this.#timers = timers
    this.#time = time
    this.timer = new Timer(timers, (times) => {
      this.#expirations += times
      this.setReady(true)
    })
  }

  /** timerfd_settime(2) forgets expirations that nobody has read. */
  set(nextNsec: number, intervalNsec: number): void {
    this.#expirations = 0
    this.setReady(false)
    this.timer.set(nextNsec, intervalNsec)
    // A disarmed one still shows its interval.
    this.timer.intervalNsec = intervalNsec
  }

  override get anonymousName(): string {
    return 'timerfd'
  }

  read(into: Segments): number {
    if (into.bytes < COUNT_SIZE) return err(E.INVAL)
    this.#timers.expire(this.#time.monotonicNsec())
    if (this.#expirations === 0) return err(E.AGAIN)
    writeWord(countView, 0, this.#expirations)
    this.#expirations = 0
    this.setReady(false)
    return this.deliver(count, into)
  }

  override close(): void {
    this.timer.set(Infinity, 0)
    super.close()
  }
}
