// Puts a processor together: shared memory, ExCache, address spaces, engine, scheduler and the first process. One per OS process.
//   const processor = new Processor({...}); const failure = processor.start(program); if (failure === null) processor.run()
// Who provides storage, memory manager, engine and system calls is the composition root's business.
import { errnoName } from '../abi/errno.js'
import { EFD } from '../abi/poll.js'
import { RLIMIT } from '../abi/resource.js'
import { SI, SIG } from '../abi/signal.js'
import { factsOf } from '../engine/cpu.js'
import type { EngineHost } from '../engine/host.js'
import { ExCache } from '../excache/excache.js'
import { type ExCacheOptions, prepareTable } from '../excache/layout.js'
import type { Host } from '../host/host.js'
import { Prng } from '../lib/prng.js'
import type { MemoryMethods } from '../wire/memory-protocol.js'
import { CPU_MAX, type CpuModel } from '../x86/features.js'
import { AddressSpaces } from './address-space.js'
import { HostClock, VirtualClock } from './clock.js'
import { coherentStorage } from './coherent-storage.js'
import { CpuTime } from './cpu-time.js'
import { hostCredentials, Identity } from './credentials.js'
import { FileTable } from './files.js'
import { Futexes } from './futex.js'
import type { MakeEngine } from './guest-engine.js'
import { Segments } from './guest-memory.js'
import type { Dispatch, Kernel } from './kernel.js'
import { CONTROL, CONTROL_BASE, type MemoryMap, type MemoryOptions, memoryMap } from './layout.js'
import { Lifecycle } from './lifecycle.js'
import { lineServer } from './line-server.js'
import { isFailure, type LoadFailure, loadProgram } from './loader.js'
import { procStorage } from './proc-storage.js'
import { initialLimits, newAlarm, newScheduling, newSwitches, type Process } from './process.js'
import { Scheduler } from './scheduler.js'
import { newActions, PendingSignals, sendToProcess, signalInfo } from './signals.js'
import { openStdio } from './stdio.js'
import type { Storage } from './storage.js'
import { TimerQueue } from './timers.js'
import { HOME, Vcpus } from './vcpus.js'

export interface ProcessorOptions {
  readonly memory: WebAssembly.Memory
  readonly cache: MemoryOptions
  readonly host: Host
  readonly storage: Storage
  readonly manager: MemoryMethods
  readonly makeEngine: MakeEngine
  /** What the engine's CPU has; everything by default. */
  readonly cpu?: CpuModel
  readonly dispatch: Dispatch
  readonly deterministic: boolean
  /** Seed of a deterministic run. */
  readonly seed: number
  /** Starts the worker of another vCPU; absent where there is one vCPU. */
  readonly startVcpu?: (vcpu: number) => void
  /** Asked for when the guest is not about to end: from then on somebody sets poll words at each tick that is wanted. */
  readonly startTicks?: () => void
  /** `run` comes back after a tick and after a sleep, so that the thread may do something else. */
  readonly pauses?: boolean
}

export interface Program {
  readonly path: string
  readonly argv: readonly string[]
  readonly env: readonly string[]
  readonly cwd: string
  /** RLIMIT_AS, in bytes; no limit unless given. */
  readonly addressSpaceLimit?: number
}

/** Pids of a deterministic run. */
const FIRST_PID = 1000

export class Processor {
  readonly kernel: Kernel
  readonly map: MemoryMap
  readonly #eventfd: number

  constructor(options: ProcessorOptions) {
    const { host, memory, storage } = options
    this.map = memoryMap(options.cache)
    const { arraysBase, tableBase, framesBase, codeBase, codeSize } = this.map
    const cacheOptions: ExCacheOptions = { ...options.cache, memory, arraysBase, tableBase, framesBase }
    prepareTable(cacheOptions)
    const bytes = new Uint8Array(memory.buffer)
    const words = new Int32Array(memory.buffer)
    const view = new DataView(memory.buffer)
    const spaces = new AddressSpaces(options.manager, bytes)
    const identity = new Identity(host)
    /** A thread has the ids of the one that starts it. */
    const asOurselves =
      <Arguments extends unknown[]>(start: (...args: Arguments) => void = () => {}) =>
      (...args: Arguments): void =>
        identity.asOurselves(() => start(...args))
    const vcpus = new Vcpus(memory, this.map, options.cache.vcpus, asOurselves(options.startVcpu))
    const cache = new ExCache(cacheOptions, spaces, (vcpu) => {
      if (vcpu === HOME) this.kernel.scheduler.current?.poll()
      else vcpus.poll(vcpu, false)
    })
    const clock = options.deterministic ? new VirtualClock() : new HostClock(host)
    const lines = lineServer(() => this.kernel, cache, vcpus, words, view)
    const engineHost: EngineHost = {
      refill: (task, address, access) => lines.refill(HOME, task, address, access),
      fetchCode: (task, address, mark) => lines.fetchCode(HOME, task, address, mark),
      syscall: (task) => this.kernel.scheduler.syscall(task),
      entropy: (into) => this.kernel.entropy(into),
      timestamp: () => Math.floor(this.kernel.clock.monotonicNsec() * 2),
    }
    const engine = options.makeEngine({
      ...{ memory, codeBase, codeSize, host: engineHost },
      onBusy: asOurselves(options.startTicks),
    })
    spaces.connect(cache, engine, vcpus)
    this.#eventfd = host.eventfd(0, EFD.CLOEXEC | EFD.NONBLOCK)
    const random = new Prng(options.seed)
    const kernel = {
      host,
      window: host.window(memory),
      bytes,
      words,
      view,
      map: this.map,
      storage: procStorage(coherentStorage(storage, spaces), () => kernel),
      manager: options.manager,
      spaces,
      cache,
      vcpus,
      clock,
      timers: new TimerQueue(),
      signalFiles: new Set(),
      identity,
      cpu: factsOf(options.cpu ?? CPU_MAX),
      entropy: (into: Uint8Array) => void (options.deterministic ? random.fill(into) : host.getrandom(into)),
      processes: new Map(),
      tasks: new Map(),
      futexes: new Futexes(),
      segments: new Segments(),
      deterministic: options.deterministic,
      finalStatus: 0,
      observer: null,
      onFatalSignal: null,
      onOutOfMemory: null,
      foregroundGroup: 0,
      init: null,
    } as unknown as { -readonly [K in keyof Kernel]: Kernel[K] }
    const dispatch: Dispatch = (task) => {
      identity.assume(task.process.credentials)
      return options.dispatch(task)
    }
    const { pauses = false } = options
    kernel.scheduler = new Scheduler({
      ...{ kernel, engine, lines, dispatch, pauses },
      eventfd: this.#eventfd,
      startTicks: asOurselves(options.startTicks),
    })
    kernel.lifecycle = new Lifecycle(kernel, FIRST_PID)
    this.kernel = kernel
    spaces.onOutOfMemory = (space) => {
      for (const process of kernel.processes.values()) if (process.space === space) killForMemory(kernel, process)
    }
    // Other threads find the eventfd here: from now on they may wake the home vCPU.
    Atomics.store(words, (CONTROL_BASE >> 2) + CONTROL.EVENTFD, this.#eventfd)
  }

  /** Loads the first process; null, or why it cannot be executed. */
  start(program: Program): LoadFailure | null {
    const { kernel } = this
    const { host } = kernel
    const encoder = new TextEncoder()
    const cwd = kernel.storage.directory('/', program.cwd)
    if (typeof cwd === 'number')
      return { errno: cwd, reason: `cannot start in ${program.cwd}: ${errnoName(cwd)}`, fatal: false }
    const credentials = hostCredentials(host)
    const limits = initialLimits((resource, out) => host.getrlimit(resource, out))
    const { addressSpaceLimit = Infinity } = program
    limits[RLIMIT.AS] = { current: addressSpaceLimit, maximum: addressSpaceLimit }
    const argv = program.argv.map((text) => encoder.encode(text))
    const random = new Uint8Array(16)
    kernel.entropy(random)
    const loaded = loadProgram(kernel, {
      path: program.path,
      argv,
      envp: program.env.map((text) => encoder.encode(text)),
      cwd,
      credentials,
      random,
      limits,
    })
    if (isFailure(loaded)) return loaded
    const files = new FileTable()
    openStdio(host, kernel.window, files)
    const umask = host.umask(0)
    const pid = kernel.deterministic ? FIRST_PID : host.getpid()
    const process: Process = {
      pid,
      parent: null,
      outsideParent: kernel.deterministic ? 1 : host.getppid(),
      pgid: kernel.deterministic ? pid : host.getpgrp(),
      sid: kernel.deterministic ? 1 : host.getpgrp(),
      space: loaded.space,
      files,
      fs: { cwd, umask },
      actions: newActions(),
      credentials,
      limits,
      pending: new PendingSignals(),
      tasks: new Set(),
      children: new Set(),
      childWaiters: new Set(),
      exitSignal: SIG.CHLD,
      status: -1,
      stopStatus: -1,
      stopped: false,
      vforkParent: null,
      alarm: newAlarm(),
      cpuTime: new CpuTime(),
      timers: new Map(),
      switches: newSwitches(),
      scheduling: { ...newScheduling(), nice: host.getpriority() },
      startNsec: kernel.clock.monotonicNsec(),
      oomScoreAdjustment: 0,
      hasExecuted: true,
      executable: loaded.path,
      executableKey: loaded.key,
      argv,
    }
    kernel.init = process
    kernel.foregroundGroup = process.pgid
    kernel.lifecycle.start(process, loaded)
    return null
  }

  /** Until the first process has ended, or there is a pause: then false. Its wait status is the kernel's `finalStatus`. */
  run(): boolean {
    return this.kernel.scheduler.run()
  }
}

/** As the kernel's own out-of-memory killer, with SIGKILL. */
function killForMemory(kernel: Kernel, process: Process): void {
  if (process.status >= 0 || process.pending.has(SIG.KILL)) return
  kernel.onOutOfMemory?.(process)
  sendToProcess(process, signalInfo(SIG.KILL, SI.KERNEL))
}
