// `lego run`: runs the guest on this, the main thread. Between two turns of the guest it serves its event loop, which host signals come by; a worker
// ticks (ticker.ts), and there is one for each further vCPU when the guest has threads.
import type { Worker } from 'node:worker_threads'
import { SIG } from '../abi/signal.js'
import { growStack } from '../host/stack.js'
import { DEFAULT_OPTIONS, memoryMap } from '../processor/layout.js'
import { type GuestInput, STACK_BYTES } from './guest-thread.js'
import { compiledHub } from './hub.js'
import type { RunOptions } from './run-options.js'
import { endWithoutThem } from './surroundings.js'
import type { TickerInput } from './ticker.js'
import { nowMs, raise } from './ticks.js'
import type { VcpuInput } from './vcpu-worker.js'

/** Signals that a guest may want; the others keep their effect on us, which is the same as on a program. */
const FORWARDED = ['HUP', 'INT', 'QUIT', 'USR1', 'USR2', 'ALRM', 'TERM', 'CONT', 'WINCH', 'URG'] as const

function forwardSignals(raise: (signal: number) => void): void {
  for (const name of FORWARDED) {
    try {
      process.on(`SIG${name}`, () => raise(SIG[name]))
    } catch {
      // A machine without that signal.
    }
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** A worker that ends with the process: it never returns. */
function startThread(file: string, input: VcpuInput | TickerInput): Worker {
  // Loaded when it is wanted: it is a tenth of a short run.
  const { Worker } = process.getBuiltinModule('node:worker_threads')
  const worker = new Worker(new URL(file, import.meta.url), {
    workerData: input,
    resourceLimits: { stackSizeMb: STACK_BYTES / 2 ** 20 },
    // Else Node would open our own stdout for it, and with that set O_NONBLOCK on a description that others share.
    stdout: true,
    stderr: true,
  })
  worker.on('error', endWithoutThem)
  worker.unref()
  return worker
}

async function runHere(input: GuestInput): Promise<never> {
  const { options, memory } = input
  const words = new Int32Array(memory.buffer)
  const hub = compiledHub()
  forwardSignals((signal) => raise(words, signal))
  const endsAtMs = nowMs() + options.timeLimitSec * 1000
  const { runGuest } = await import('./guest-run.js')
  return runGuest(input, {
    stackBytes: growStack(STACK_BYTES),
    hub,
    startVcpu: (vcpu) => startThread('./vcpu-worker.js', { ...input, vcpu }),
    startTicks: () => void startThread('./ticker.js', { ...input, endsAtMs }),
    tell: () => {},
    turn,
  })
}

/** Runs the guest and resolves to the exit status, or ends the process as the guest ended. */
export async function run(options: RunOptions): Promise<number> {
  const cache = {
    ...DEFAULT_OPTIONS,
    size: options.cacheSize,
    ways: options.ways,
    policy: options.policy,
    vcpus: options.vcpus,
    codeSize: options.codeSize,
  }
  const { pages } = memoryMap(cache)
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true })
  const input: GuestInput = { options, cache, memory, portable: null }
  if (options.host === 'linux') return runHere(input)
  const { runInWorker } = await import('./portable-run.js')
  return runInWorker(input, forwardSignals, startThread)
}
