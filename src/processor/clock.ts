// Time as the guest sees it: the host's, or for --deterministic a virtual clock that only moves when it is read or slept on.
// Nanoseconds as numbers: exact for 104 days since the base, and to 256 ns for the date.
import { CLOCK } from '../abi/time.js'
import type { Host, TimePair } from '../host/host.js'

export interface Clock {
  /** clock_gettime(2) into [seconds, nanoseconds]; 0 or a negative errno. */
  read(clock: number, out: TimePair): number
  /** CLOCK_MONOTONIC in nanoseconds. */
  monotonicNsec(): number
  /** A wait for nothing but time: true when the clock went there by itself. */
  skipTo(monotonicNsec: number): boolean
}

export class HostClock implements Clock {
  readonly #host: Host
  readonly #pair = new Float64Array(2)

  constructor(host: Host) {
    this.#host = host
  }

  read(clock: number, out: TimePair): number {
    return this.#host.clockGettime(clock, out)
  }

  monotonicNsec(): number {
    this.#host.clockGettime(CLOCK.MONOTONIC, this.#pair)
    return this.#pair[0]! * 1e9 + this.#pair[1]!
  }

  skipTo(): boolean {
    return false
  }
}

/** 2024-01-01T00:00:00Z. */
const EPOCH_SEC = 1704067200
const STEP_NSEC = 1000

export class VirtualClock implements Clock {
  #nowNsec = 1e9

  read(clock: number, out: TimePair): number {
    const now = this.monotonicNsec()
    const isDate = clock === CLOCK.REALTIME || clock === CLOCK.REALTIME_COARSE || clock === CLOCK.TAI
    const sec = Math.floor(now / 1e9)
    out[0] = sec + (isDate ? EPOCH_SEC : 0)
    out[1] = now - sec * 1e9
    return 0
  }

  monotonicNsec(): number {
    this.#nowNsec += STEP_NSEC
    return this.#nowNsec
  }

  skipTo(monotonicNsec: number): boolean {
    this.#nowNsec = Math.max(this.#nowNsec, monotonicNsec)
    return true
  }
}
