// A spin lock in one word of the shared memory. Not recursive; free of cost when there is one vCPU. A holder that
// was descheduled is waited for in short sleeps, since cores may be fewer than vCPUs.

const SPINS = 2000
/** A fetch takes some microseconds: look again at once for a while, then sleep between looks. */
const PAUSES = 256
const SLEEP_MS = 0.05

export class SpinLock {
  readonly #words: Int32Array
  readonly #at: number
  readonly #shared: boolean
  #pauses = 0

  constructor(words: Int32Array, at: number, shared: boolean) {
    this.#words = words
    this.#at = at
    this.#shared = shared
  }

  acquire(): void {
    if (!this.#shared) return
    let spins = 0
    while (Atomics.compareExchange(this.#words, this.#at, 0, 1) !== 0) {
      if (++spins > SPINS) Atomics.wait(this.#words, this.#at, 1, SLEEP_MS)
    }
  }

  release(): void {
    if (this.#shared) Atomics.store(this.#words, this.#at, 0)
  }

  /** Lets another vCPU finish what it has begun; the lock is held before and after. */
  pause(): void {
    this.release()
    if (this.#shared && ++this.#pauses % PAUSES === 0) Atomics.wait(this.#words, this.#at, 0, SLEEP_MS)
    this.acquire()
  }
}
