// A vCPU other than the home one: runs the tasks that its mailbox names, in an engine of its own over the one ExCache. What it finds
// in the ExCache it takes itself; for everything else (system calls, misses, exits of the engine) it asks the home vCPU.
//   new RemoteVcpu({...}).run()   // in a worker; never returns
// It has no kernel objects: not one Task, Process or descriptor.
import { type EngineHost, EXECUTE, EXIT } from '../engine/host.js'
import { ASID, POLL, TRANSLATION } from '../engine/record.js'
import { ExCache } from '../excache/excache.js'
import type { LineSource } from '../excache/source.js'
import { ARRAY_SIZE, PAGE_SIZE } from '../lib/translation-array.js'
import type { GuestEngine, MakeEngine } from './guest-engine.js'
import { type MemoryMap, type MemoryOptions, memoryMap } from './layout.js'
import { Mailbox, REQUEST, TURN } from './mailbox.js'

export interface RemoteVcpuOptions {
  readonly memory: WebAssembly.Memory
  readonly cache: MemoryOptions
  readonly vcpu: number
  readonly makeEngine: MakeEngine
  /** The home vCPU sleeps: its eventfd is to be written. */
  readonly wakeHome: () => void
  readonly monotonicNsec: () => number
  readonly entropy: (into: Uint8Array) => void
}

/** A page that is in no space: asid and page in one number below 2^53. */
const PAGES = 2 ** 35
const keyOf = (asid: number, page: number): number => asid * PAGES + page

function never(): never {
  throw new Error('only the home vCPU asks the source of lines')
}
const NO_SOURCE: LineSource = { resolve: never, fetch: never, writeBack: never, onCodeWrite: never }

export class RemoteVcpu {
  readonly #vcpu: number
  readonly #words: Int32Array
  readonly #map: MemoryMap
  readonly #mailbox: Mailbox
  readonly #cache: ExCache
  readonly #engine: GuestEngine
  readonly #wakeHome: () => void
  /** Pages whose code the home vCPU knows this one to have. */
  readonly #codePages = new Set<number>()

  constructor(options: RemoteVcpuOptions) {
    const { memory, vcpu } = options
    const map = memoryMap(options.cache)
    const { arraysBase, tableBase, framesBase, codeBase, codeSize } = map
    this.#vcpu = vcpu
    this.#map = map
    this.#words = new Int32Array(memory.buffer)
    this.#mailbox = new Mailbox(memory, map, vcpu)
    this.#cache = new ExCache({ ...options.cache, memory, arraysBase, tableBase, framesBase }, NO_SOURCE, never)
    this.#wakeHome = options.wakeHome
    const host: EngineHost = {
      refill: (task, address, access) => this.#refill(task, address, access),
      fetchCode: (task, address, mark) => this.#fetchCode(task, address, mark),
      syscall: () => this.#syscall(),
      entropy: options.entropy,
      timestamp: () => Math.floor(options.monotonicNsec() * 2),
    }
    this.#engine = options.makeEngine({ memory, codeBase: codeBase + vcpu * codeSize, codeSize, host })
  }

  run(): never {
    const mailbox = this.#mailbox
    this.#ask(REQUEST.ready, 0)
    for (;;) {
      if (mailbox.turn === TURN.idle) mailbox.awaitTask()
      this.#runTask(mailbox.record)
    }
  }

  /** Until the home vCPU has said what comes next. */
  #runTask(record: number): void {
    const words = this.#words
    const poll = (record + POLL) >> 2
    words[(record + TRANSLATION) >> 2] = this.#map.arraysBase + this.#vcpu * ARRAY_SIZE
    this.#cache.leaveBlocked(this.#vcpu)
    for (;;) {
      this.#forgetCode()
      const exit = this.#engine.run(record)
      // Ticks, and accesses that asked for a safepoint: nobody has to be told.
      if (exit === EXIT.poll) {
        Atomics.store(words, poll, 0)
        if (!this.#mailbox.wanted) {
          this.#cache.leaveBlocked(this.#vcpu)
          continue
        }
      }
      this.#cache.enterBlocked(this.#vcpu)
      this.#ask(REQUEST.exit, exit)
      return
    }
  }

  #forgetCode(): void {
    this.#mailbox.takeDrops(
      (asid, firstPage, pages) => {
        this.#codePages.clear()
        this.#engine.invalidate(asid, firstPage, pages)
      },
      () => {
        this.#codePages.clear()
        this.#engine.dropAll()
      },
    )
  }

  #ask(kind: number, value: number, address = 0): number {
    return this.#mailbox.ask(kind, value, address, this.#wakeHome)
  }

  #refill(task: number, address: number, access: number): number {
    const asid = this.#words[(task + ASID) >> 2]!
    const host = this.#cache.refillPresent(this.#vcpu, asid, address, access)
    return host > 0 ? host : this.#ask(REQUEST.refill, access, address)
  }

  #fetchCode(task: number, address: number, mark: boolean): number {
    const asid = this.#words[(task + ASID) >> 2]!
    const key = keyOf(asid, Math.floor(address / PAGE_SIZE))
    if (!mark || this.#codePages.has(key)) {
      const host = this.#cache.codePresent(asid, address)
      if (host > 0) return host
    }
    const host = this.#ask(mark ? REQUEST.fetchMarked : REQUEST.fetchCode, EXECUTE, address)
    if (mark && host > 0) this.#codePages.add(key)
    return host
  }

  #syscall(): number {
    // All registers are in the record and the engine's tags die at this call: a safepoint.
    this.#cache.enterBlocked(this.#vcpu)
    const status = this.#ask(REQUEST.syscall, 0)
    this.#cache.leaveBlocked(this.#vcpu)
    // The engine then comes back before it runs on.
    this.#forgetCode()
    return status
  }
}
