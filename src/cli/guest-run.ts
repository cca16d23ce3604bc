// The run of a guest on this thread: puts host, storage, memory manager, engine and system calls together, runs the guest and ends as it ended.
//   await runGuest(input, thread)
// Ends the whole OS process by signal itself, or exits with the guest's status.
import { writeSync } from 'node:fs'
import type { Strace } from '../../syscalls/strace.js'
import { dispatcher, newCounters, selection } from '../../syscalls/table.js'
import { E, errnoName } from '../abi/errno.js'
import { AT, F, O } from '../abi/fcntl.js'
import { SIG } from '../abi/signal.js'
import { exitCodeOf, isSignaled, termSignalOf } from '../abi/wait.js'
import { Engine } from '../engine/engine.js'
import type { Host } from '../host/host.js'
import { CONTROL, CONTROL_BASE } from '../processor/layout.js'
import type { LoadFailure } from '../processor/loader.js'
import { Processor } from '../processor/processor.js'
import { parseMount } from '../storage/mounts.js'
import { StorageManager } from '../storage/storage-manager.js'
import type { MemoryMethods } from '../wire/memory-protocol.js'
import { chooseHost, NoHost } from './choose-host.js'
import { DescriptorReserve, ThreadError } from './descriptor-reserve.js'
import type { GuestInput, GuestThread } from './guest-thread.js'
import { cpuOf, type RunOptions } from './run-options.js'
import { NOT_STARTED } from './surroundings.js'

/** What nested guest calls may count of a thread's stack: a frame counts 1 KiB and may really take several. */
const guestCallBytes = (stack: number): number => Math.max(stack / 16, Math.min(stack / 4, 1024 * 1024), 256 * 1024)

const STDERR = 2
/** As a shell reports a program it cannot run. */
const NOT_FOUND = 127
const USAGE = 2
const NOT_EXECUTABLE = 126
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

/** Of the host's, not of the program. */
const WANTS = new Set([-E.MFILE, -E.NFILE, -E.NOMEM])

function exitStatusOf({ errno }: LoadFailure): number {
  if (WANTS.has(errno)) return NOT_STARTED
  return errno === -E.NOENT || errno === -E.NOTDIR ? NOT_FOUND : NOT_EXECUTABLE
}

const hexByte = (byte: number): string => byte.toString(16).padStart(2, '0')

let chosen: Host | undefined

/** Makes processor and guest; the status to exit with. Does not return when the guest died by a signal. */
async function run({ options, cache, memory, portable }: GuestInput, thread: GuestThread): Promise<number> {
  const host = await chooseHost(options.host, portable, thread.tell)
  chosen = host
  const log = new Output(host, options.log, STDERR)
  const strace = await straceFor(host, options, log)
  const complain = (text: string): void => log.write(text)
  const mounts = options.mounts.map((text) => parseMount(text)!)
  const storage = new StorageManager({ host, mounts, ...(options.root === null ? {} : { root: options.root }) })
  const manager = await managerFor(options, host, storage)
  const counters = newCounters()
  const cpu = cpuOf(options)
  const hub = await thread.hub
  const stackBytes = guestCallBytes(thread.stackBytes)
  // One ticks; vCPU 0 is here.
  const reserve = new DescriptorReserve(host, new Int32Array(memory.buffer), cache.vcpus)
  let ticks = false
  const startTicks = (): void => {
    if (ticks || thread.startTicks === null) return
    ticks = true
    reserve.start(thread.startTicks)
  }
  // Where regions are compiled late or never, nothing else may ask for ticks.
  if (options.timeLimitSec < Infinity || options.engine === 'interpreter' || options.hot !== null) startTicks()
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
        stackBytes,
        ...hot,
        ...(hub && { hub }),
      })
      return engine
    },
    dispatch: dispatcher(counters, strace),
    deterministic: options.deterministic,
    seed: options.seed,
    startVcpu: (vcpu) => reserve.start(() => thread.startVcpu(vcpu)),
    startTicks,
    pauses: thread.turn !== null,
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
  while (!processor.run()) await thread.turn?.()
  const status = kernel.finalStatus
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
async function statusOf(input: GuestInput, thread: GuestThread): Promise<number> {
  try {
    return await run(input, thread)
  } catch (error) {
    if (error instanceof Refusal) {
      complain(error)
      return error.status
    }
    const isTransport = error instanceof Error && error.name === 'TransportError'
    const isExport = error instanceof Error && error.message.startsWith('cannot export')
    const isMeant = error instanceof NoHost || error instanceof ThreadError
    if (!isTransport && !isExport && !isMeant) throw error
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

/** The process ends with it. */
export async function runGuest(input: GuestInput, thread: GuestThread): Promise<never> {
  const status = await statusOf(input, thread)
  // Everything is written: taking down the isolate and its code would take longer than many a guest.
  if (!isWatched()) chosen?.exit(status)
  process.exit(status)
}
