// `lego run --host portable`: the guest runs in a worker, and the main thread reads standard input for it, sets the terminal, passes signals on and ticks.
import { Worker } from 'node:worker_threads'
import { memoryMap } from '../processor/layout.js'
import { type GuestInput, STACK_BYTES } from './guest-thread.js'
import { PortableMain } from './portable-main.js'
import type { PortableMessage } from './run-options.js'
import { end, raise, TICK_MS, tick } from './ticks.js'
import type { VcpuInput } from './vcpu-worker.js'
import { wakeHome } from './wake-home.js'

/** setTimeout's longest, 24 days: a longer limit is none. */
const TIMEOUT_MS_MAX = 2 ** 31 - 1

function endAfter(seconds: number, atEnd: () => void): NodeJS.Timeout | undefined {
  const timeout_ms = seconds * 1000
  return timeout_ms > TIMEOUT_MS_MAX ? undefined : setTimeout(atEnd, timeout_ms)
}

/** Resolves to the exit status; a guest that died by a signal takes this process with it. */
export function runInWorker(
  given: GuestInput,
  forwardSignals: (to: (signal: number) => void) => void,
  startThread: (file: string, input: VcpuInput) => Worker,
): Promise<number> {
  const { options, cache, memory } = given
  const map = memoryMap(cache)
  const words = new Int32Array(memory.buffer)
  const raised = (signal: number): void => {
    raise(words, signal)
    wakeHome(words, main.setting)
  }
  const main = new PortableMain(raised)
  const input: GuestInput = { ...given, portable: main.setting }
  const worker = new Worker(new URL('./guest-worker.js', import.meta.url), {
    workerData: input,
    resourceLimits: { stackSizeMb: STACK_BYTES / 2 ** 20 },
    stdout: true,
    stderr: true,
  })
  forwardSignals(raised)
  const limit = endAfter(options.timeLimitSec, () => {
    end(words)
    wakeHome(words, main.setting)
  })
  const ticks = setInterval(() => tick(words, map, options.vcpus), TICK_MS)
  return new Promise((resolve, reject) => {
    worker.on('error', reject)
    worker.on('message', (message: number | PortableMessage) => {
      if (typeof message === 'number') startThread('./vcpu-worker.js', { ...input, vcpu: message })
      else if ('ask' in message) main.request(message.ask)
      else main.die(message.die)
    })
    worker.on('exit', (status) => {
      clearInterval(ticks)
      clearTimeout(limit)
      main.finish()
      resolve(status)
    })
  })
}
