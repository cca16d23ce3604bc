// Descriptors that lego keeps for itself: a guest that opens as many as it may must not keep it from starting a thread or loading a part.
//   const reserve = new DescriptorReserve(host, threads); reserve.beforeThread(); startThread()
import type { Host } from '../host/host.js'

/** What the event loop of one of Node's threads takes. */
const OF_THREAD = 12
/** Open for a moment only. */
const OF_LOADING = 4

export class DescriptorReserve {
  readonly #host: Host
  #kept: number

  /** @param threads how many may be started */
  constructor(host: Host, threads: number) {
    this.#host = host
    this.#kept = OF_LOADING + threads * OF_THREAD
    host.keepDescriptors(this.#kept)
  }

  /** A thread will be started: what it takes is no longer kept. */
  beforeThread(): void {
    this.#kept = Math.max(OF_LOADING, this.#kept - OF_THREAD)
    this.#host.keepDescriptors(this.#kept)
  }

  /** A call that may open files, and closes them. */
  during<Result>(call: () => Result): Result {
    this.#host.keepDescriptors(0)
    try {
      return call()
    } finally {
      this.#host.keepDescriptors(this.#kept)
    }
  }
}
