// Descriptors that lego keeps for the threads it may start: a guest that opens as many as it may must not keep it from that.
//   const reserve = new DescriptorReserve(host, words, threads); reserve.start(() => startThread())
import { RLIMIT } from '../abi/resource.js'
import type { Host } from '../host/host.js'
import { CONTROL, CONTROL_BASE } from '../processor/layout.js'

/** What the event loop of one of Node's threads takes. */
const OF_THREAD = 12
/** Open before the guest has any. */
const OF_LEGO = 28
/** More than a guest opens while a thread is starting. */
const PLENTY = 4096
const START_MS_MAX = 5000
const STARTED = (CONTROL_BASE >> 2) + CONTROL.STARTED

/** For who has come up. */
export function tellStarted(words: Int32Array): void {
  Atomics.add(words, STARTED, 1)
  Atomics.notify(words, STARTED)
}

export class DescriptorReserve {
  readonly #host: Host
  readonly #words: Int32Array
  readonly #limit: number
  #kept: number

  /** @param threads how many may be started */
  constructor(host: Host, words: Int32Array, threads: number) {
    this.#host = host
    this.#words = words
    const limit = new Float64Array(2)
    this.#limit = host.getrlimit(RLIMIT.NOFILE, limit) < 0 ? Infinity : limit[0]!
    this.#kept = Math.max(0, Math.min(threads * OF_THREAD, this.#limit - OF_LEGO))
    host.keepDescriptors(this.#kept)
  }

  /** Starts a thread, which takes what was kept for it. Where the guest might take that first, it has to wait. Throws an Error when none comes up. */
  start(startThread: () => void): void {
    const before = Atomics.load(this.#words, STARTED)
    this.#kept = Math.max(0, this.#kept - OF_THREAD)
    this.#host.keepDescriptors(this.#kept)
    const isTight = this.#limit - this.#lowestFree() < PLENTY
    startThread()
    if (isTight && Atomics.wait(this.#words, STARTED, before, START_MS_MAX) === 'timed-out')
      throw new ThreadError('a thread does not start; it may want more descriptors (ulimit -n)')
  }

  #lowestFree(): number {
    const fd = this.#host.eventfd(0, 0)
    if (fd < 0) return this.#limit
    this.#host.close(fd)
    return fd
  }
}

export class ThreadError extends Error {}
