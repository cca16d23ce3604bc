// The worker in which a processor lives: puts host, storage, memory manager, engine and system calls together, runs the guest and ends as it ended.
// Started by run.ts with RunOptions and the shared memory; ends the whole OS process by signal itself, or exits with the guest's status.
import { writeSync } from 'node:fs'
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import type { Strace } from '../../syscalls/strace.js'
import { dispatcher, newCounters, selection } from '../../syscalls/table.js'
import { E, errnoName } from '../abi/errno.js'
import { AT, F, O } from '../abi/fcntl.js'
import { SIG } from '../abi/signal.js'
import { exitCodeOf, isSignaled, termSignalOf } from '../abi/wait.js'
import { Engine } from '../engine/engine.js'
import type { Host } from '../host/host.js'
import { CONTROL, CONTROL_BASE, type MemoryOptions } from '../processor/layout.js'
import type { LoadFailure } from '../processor/loader.js'
import { Processor } from '../processor/processor.js'
import { parseMount } from '../storage/mounts.js'
import { StorageManager } from '../storage/storage-manager.js'
import type { MemoryMethods } from '../wire/memory-protocol.js'
import { chooseHost, NoHost, type PortableSetting } from './choose-host.js'
import { cpuOf, type RunOptions } from './run-options.js'

/** Of the worker's stack (run.ts), what nested guest calls may count: a frame counts 1 KiB and may really take several. */
const GUEST_CALL_BYTES = 4 * 1024 * 1024

export interface WorkerInput {
  readonly options: RunOptions
  readonly cache: MemoryOptions
  readonly memory: WebAssembly.Memory
  /** For `--host portable`. */
  readonly portable: PortableSetting | null
}

const STDERR = 2
/** As a shell reports a program it cannot run. */
const NOT_FOUND = 127
const USAGE = 2
const NOT_EXECUTABLE = 126
/** The machine itself could not be put together, or lost a part. */
const NOT_STARTED = 125
/** As timeout(1). */
const TIME_LIMIT = 124

const encoder = new TextEncoder()

/** What is written to a file that the user named, to `fd:N` that the caller left open, or to `otherwise`. */
class Output {
  readonly #host: Host
  readonly #fd: number

  /** Throws a line for the user when the file cannot be written. */
  constructor(host: Host, path: string | null, otherwise: number) {
    this.#host = host
    const inherited = /^fd:(\d+)$/.exec(path ?? '')?.[1]
    this.#fd =
      path === null
        ? otherwise
        : inherited === undefined
          ? host.openat(AT.FDCWD, path, O.WRONLY | O.CREAT | O.TRUNC | O.CLOEXEC, 0o666)
          : Number(inherited)
    const open = this.#fd < 0 ? this.#fd : host.fcntl(this.#fd, F.GETFD, 0)
    if (open < 0) throw new Refusal(NOT_STARTED, `${path}: cannot be written: ${errnoName(open)}`)
  }

  get fd(): number {
    return this.#fd
  }

  write(text: string): void {
    const bytes = encoder.encode(text)
    for (let done = 0; done < bytes.length; ) {
      const written = this.#host.write(this.#fd, bytes.subarray(done))
      if (written <= 0) return
      done += written
    }
  }
}

/** Why there is no run, and the status to exit with. */
class Refusal extends Error {
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

async function straceFor(host: Host, options: RunOptions, log: Output): Promise<Strace | null> {
  if (!options.strace) return null
  const selected = selection(options.trace)
  if ('problem' in selected) throw new Refusal(USAGE, `-e trace=${options.trace}: ${selected.problem}`)
  const output = new Output(host, options.straceOutput, log.fd)
  const { Strace } = await import('../../syscalls/strace.js')
  return new Strace({
    selects: selected.selects,
    print: (line) => output.write(`${line}\n`),
    alwaysNamesTask: options.straceOutput !== null,
  })
}

async function managerFor(options: RunOptions, host: Host, storage: StorageManager): Promise<MemoryMethods> {
  if (options.memory !== null) {
    const { connectMemory } = await import('./remote-memory.js')
    return connectMemory(host, options.memory)
  }
  const { MemoryManager } = await import('../memory/memory-manager.js')
  return new MemoryManager({ source: storage })
}

/** What the main thread has compiled meanwhile, if it is there yet. */
function compiledHub(): { hub?: WebAssembly.Module } {
  const hub: unknown = parentPort === null ? undefined : receiveMessageOnPort(parentPort)?.message
  return hub instanceof WebAssembly.Module ? { hub } : {}
}

function exitStatusOf({ errno }: LoadFailure): number {
  return errno === -E.NOENT || errno === -E.NOTDIR ? NOT_FOUND : NOT_EXECUTABLE
}

const hexByte = (byte: number): string => byte.toString(16).padStart(2, '0')

let chosen: Host | undefined

/** Makes processor and guest; the status to exit with. Does not return when the guest died by a signal. */
async function run({ options, cache, memory, portable }: WorkerInput): Promise<number> {
  const host = await chooseHost(options.host, portable, (message) => parentPort?.postMessage(message))
  chosen = host
  const log = new Output(host, options.log, STDERR)
  const strace = await straceFor(host, options, log)
  const complain = (text: string): void => log.write(text)
  const mounts = options.mounts.map((text) => parseMount(text)!)
  const storage = new StorageManager({ host, mounts, ...(options.root === null ? {} : { root: options.root }) })
  const manager = await managerFor(options, host, storage)
  const counters = newCounters()
  const cpu = cpuOf(options)
  let engine: Engine | undefined
  const processor = new Processor({
    memory,
    cache,
    host,
    storage,
    manager,
    cpu,
    makeEngine(parts) {
      const hot = options.hot === null ? {} : { hotThreshold: options.hot }
      engine = new Engine({
        ...parts,
        tier: options.engine,
        cpu,
        stackBytes: GUEST_CALL_BYTES,
        ...hot,
        ...compiledHub(),
      })
      return engine
    },
    dispatch: dispatcher(counters, strace),
    deterministic: options.deterministic,
    seed: options.seed,
    startVcpu: (vcpu) => parentPort?.postMessage(vcpu),
  })
  const { program, name, args, env, cwd } = options
  const failure = processor.start({
    path: program,
    argv: [name, ...args],
    env,
    cwd,
    addressSpaceLimit: options.memoryLimitBytes,
  })
  if (failure !== null) {
    complain(`lego: ${program}: ${failure.reason}\n`)
    if (failure.fatal) host.dieBySignal(SIG.SEGV)
    return exitStatusOf(failure)
  }
  const { kernel } = processor
  kernel.observer = strace
  for (const task of kernel.tasks.values()) strace?.started(task, program)
  kernel.onFatalSignal = (task, { signal, code: reason }) => {
    // Somebody has sent it (sigaction(2), si_code).
    if (reason <= 0) return
    const { flaw } = task.process.space
    if (flaw !== null && (signal === SIG.SEGV || signal === SIG.BUS || signal === SIG.ILL))
      complain(`lego: ${task.process.executable}: ${flaw}\n`)
    if (signal !== SIG.ILL) return
    const code = new Uint8Array(16)
    const known = task.memory.copyIn(task.rip, code) >= 0
    const bytes = known ? Array.from(code, hexByte).join(' ') : 'unreadable'
    complain(`lego: illegal instruction at 0x${task.rip.toString(16)}: ${bytes}\n`)
  }
  kernel.onOutOfMemory = ({ executable, pid }) =>
    complain(`lego: out of memory: process ${pid} (${executable}) is killed\n`)
  const status = processor.run()
  if (options.stats !== 'none') {
    const { reportStatistics } = await import('./statistics.js')
    complain(reportStatistics(options.stats, kernel, counters, manager, engine))
  }
  if (Atomics.load(new Int32Array(memory.buffer), (CONTROL_BASE >> 2) + CONTROL.ENDS) !== 0) {
    complain(`lego: ${program}: ended after ${options.timeLimitSec} s, its --time-limit\n`)
    return TIME_LIMIT
  }
  if (isSignaled(status)) host.dieBySignal(termSignalOf(status))
  return isSignaled(status) ? 128 + termSignalOf(status) : exitCodeOf(status)
}

const complain = ({ message }: Error): void => void writeSync(STDERR, `lego: ${message}\n`)

/** What a user can cause is one line; anything else is a bug and keeps its stack. */
async function main(): Promise<number> {
  const input = workerData as WorkerInput
  try {
    return await run(input)
  } catch (error) {
    if (error instanceof Refusal) {
      complain(error)
      return error.status
    }
    const isTransport = error instanceof Error && error.name === 'TransportError'
    const isExport = error instanceof Error && error.message.startsWith('cannot export')
    if (!isTransport && !isExport && !(error instanceof NoHost)) throw error
    complain(error)
    return NOT_STARTED
  }
}

/** Somebody wants to hear of the end, or Node was asked to write something then (profiles, coverage). */
const isWatched = (): boolean =>
  process.listenerCount('exit') > 0 ||
  process.execArgv.length > 0 ||
  'NODE_OPTIONS' in process.env ||
  'NODE_V8_COVERAGE' in process.env

// Everything is written: taking down two isolates and their code would take longer than many a guest.
void main().then((status) => {
  if (!isWatched()) chosen?.exit(status)
  process.exit(status)
})
