// `lego run`: starts the worker that runs the guest, and one for each further vCPU when it is asked to. The main thread only owns host signals, time-slice ticks and the exit status.
import { readFileSync } from 'node:fs'
import { constants } from 'node:os'
import { Worker } from 'node:worker_threads'
import { INTERPRETER_FILE } from '../engine/interpreter-file.js'
import { POLL } from '../engine/record.js'
import { CONTROL, CONTROL_BASE, DEFAULT_OPTIONS, memoryMap } from '../processor/layout.js'
import { pollVcpu } from '../processor/mailbox.js'
import type { WorkerInput } from './processor-worker.js'
import type { PortableMessage, RunOptions } from './run-options.js'
import type { VcpuInput } from './vcpu-worker.js'
import { wakeHome } from './wake-home.js'

/** Guest calls nest on the worker's stack. */
const STACK_MB = 64
const TICK_MS = 10
const CONTROL_AT = CONTROL_BASE >> 2

/** Signals that a guest may want; the others keep their effect on us, which is the same as on a program. */
const FORWARDED = [
  'SIGHUP',
  'SIGINT',
  'SIGQUIT',
  'SIGUSR1',
  'SIGUSR2',
  'SIGALRM',
  'SIGTERM',
  'SIGCONT',
  'SIGWINCH',
  'SIGURG',
] as const

function forwardSignals(raise: (signal: number) => void): void {
  for (const name of FORWARDED) {
    try {
      process.on(name, () => raise(constants.signals[name]))
    } catch {
      // A machine without that signal.
    }
  }
}

/** setTimeout's longest, 24 days: a longer limit is none. */
const TIMEOUT_MS_MAX = 2 ** 31 - 1

/** The guest ends as by SIGKILL; its worker says why. */
function endAfter(seconds: number, words: Int32Array, wake: () => void): NodeJS.Timeout | undefined {
  const timeout_ms = seconds * 1000
  if (timeout_ms > TIMEOUT_MS_MAX) return undefined
  return setTimeout(() => {
    Atomics.store(words, CONTROL_AT + CONTROL.ENDS, 1)
    pollRunning(words)
    wake()
  }, timeout_ms)
}

function pollRunning(words: Int32Array): void {
  const record = Atomics.load(words, CONTROL_AT + CONTROL.RUNNING)
  if (record !== 0) Atomics.store(words, (record + POLL) >> 2, 1)
}

/** Compiles the interpreter while the worker starts, which needs it next; kept here, since V8 also gives other workers the code of the same bytes. */
let interpreter: WebAssembly.Module | undefined

function sendInterpreter(worker: Worker): void {
  try {
    interpreter = new WebAssembly.Module(readFileSync(INTERPRETER_FILE))
    worker.postMessage(interpreter)
  } catch {
    // The engine makes one when there is no file.
  }
}

/** Ends with the process: it never returns. */
function startVcpu(input: VcpuInput): Worker {
  const worker = new Worker(new URL('./vcpu-worker.js', import.meta.url), {
    workerData: input,
    resourceLimits: { stackSizeMb: STACK_MB },
    stdout: true,
    stderr: true,
  })
  worker.unref()
  return worker
}

/** Starts the guest and resolves to the exit status; a guest that died by a signal takes this process with it. */
export async function run(options: RunOptions): Promise<number> {
  const cache = {
    ...DEFAULT_OPTIONS,
    size: options.cacheSize,
    ways: options.ways,
    policy: options.policy,
    vcpus: options.vcpus,
    codeSize: options.codeSize,
  }
  const map = memoryMap(cache)
  const { pages } = map
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true })
  const words = new Int32Array(memory.buffer)
  const wake = (): void => wakeHome(words, portable?.setting ?? null)
  const raise = (signal: number): void => {
    Atomics.or(words, CONTROL_AT + CONTROL.SIGNALS_LOW, 1 << (signal - 1))
    pollRunning(words)
    wake()
  }
  // Not loaded where it is not wanted: this is on the way of every start.
  const portable = options.host === 'portable' ? new (await import('./portable-main.js')).PortableMain(raise) : null
  const input: WorkerInput = { options, cache, memory, portable: portable?.setting ?? null }
  const worker = new Worker(new URL('./processor-worker.js', import.meta.url), {
    workerData: input,
    resourceLimits: { stackSizeMb: STACK_MB },
    // Else Node would open our own stdout for it, and with that set O_NONBLOCK on a description that others share.
    stdout: true,
    stderr: true,
  })
  forwardSignals(raise)
  const limit = endAfter(options.timeLimitSec, words, wake)
  sendInterpreter(worker)
  const ticks = setInterval(() => {
    if (Atomics.load(words, CONTROL_AT + CONTROL.WANT_TICKS) === 0) return
    pollRunning(words)
    for (let vcpu = 1; vcpu < options.vcpus; vcpu++) pollVcpu(words, map, vcpu)
  }, TICK_MS)
  return new Promise((resolve, reject) => {
    worker.on('error', reject)
    worker.on('message', (message: number | PortableMessage) => {
      if (typeof message === 'number') startVcpu({ ...input, vcpu: message }).on('error', reject)
      else if ('ask' in message) portable?.request(message.ask)
      else portable?.die(message.die)
    })
    worker.on('exit', (status) => {
      clearInterval(ticks)
      clearTimeout(limit)
      portable?.finish()
      resolve(status)
    })
  })
}
