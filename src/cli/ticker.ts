// The worker that ticks while the main thread runs the guest: started by run.ts once the guest is not about to end. Sleeps while no ticks are wanted.
import { workerData } from 'node:worker_threads'
import { memoryMap } from '../processor/layout.js'
import { tellStarted } from './descriptor-reserve.js'
import type { GuestInput } from './guest-thread.js'
import { end, nowMs, TICK_MS, tick, WANT_TICKS } from './ticks.js'
import { wakeHome } from './wake-home.js'

export interface TickerInput extends GuestInput {
  /** When the time limit is over, of `nowMs`; Infinity: never. */
  readonly endsAtMs: number
}

function run({ cache, memory, portable, endsAtMs }: TickerInput): never {
  const map = memoryMap(cache)
  const words = new Int32Array(memory.buffer)
  const never = new Int32Array(new SharedArrayBuffer(4))
  let ends = endsAtMs
  tellStarted(words)
  for (;;) {
    const left = ends - nowMs()
    if (left <= 0) {
      ends = Infinity
      end(words)
      wakeHome(words, portable)
    }
    if (Atomics.load(words, WANT_TICKS) === 0) Atomics.wait(words, WANT_TICKS, 0, Math.max(0, left))
    else {
      Atomics.wait(never, 0, 0, Math.max(0, Math.min(TICK_MS, left)))
      tick(words, map, cache.vcpus)
    }
  }
}

run(workerData as TickerInput)
