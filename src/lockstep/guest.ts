// The engine of lockstep in a memory of its own: one task, pages of the native process, every access seen. The translation array
// stays empty, so that all of them come by.

import { randomFillSync } from 'node:crypto'
import { Engine, type EngineOptions } from '../engine/engine.js'
import { FAULT, WRITE } from '../engine/host.js'
import { FAULT_ADDRESS, FAULT_CODE, FAULT_SIGNAL, FAULT_TRAP, RECORD_SIZE, RIP, TRANSLATION } from '../engine/record.js'
import { ARRAY_SIZE, PAGE_SIZE } from '../lib/translation-array.js'
import { Pages } from './pages.js'
import type { CommandStream } from './stream.js'

// The shared memory: null page, record, translation array, decoded code, frames.
export const TASK = 0x10000
const TRANSLATIONS = 0x20000
const DECODED = TRANSLATIONS + ARRAY_SIZE
const DECODED_SIZE = 0x1000000
const FRAMES = DECODED + DECODED_SIZE
const FRAME_COUNT = 8192
const MEMORY_PAGES = (FRAMES + FRAME_COUNT * PAGE_SIZE) / 65536

export const ADDRESS_LIMIT = 2 ** 47
export const INSTRUCTION_BYTES = 15
const SIGSEGV = 11
const SIGBUS = 7
const SEGV = { maperr: 1, accerr: 2, kernel: 0x80 }
const BUS_ADRERR = 2
const PAGE_FAULT = 14
const GENERAL_PROTECTION = 13
const STORES_KNOWN = 1 << 16
/** A remembered store reaches no further than this. */
export const STORE_BYTES_MAX = 64

export type GuestOptions = {
  readonly stream: CommandStream
  readonly pid: number
  /** The engine on trial; another one in tests. */
  readonly engine?: ((options: EngineOptions) => Engine) | undefined
  /** What is known of a page's code is stale. */
  readonly onCodeChange: (page: number) => void
}

export class Guest {
  readonly view: DataView
  readonly bytes: Uint8Array
  readonly words: Int32Array
  readonly pages: Pages
  readonly engine: Engine
  /** Where the instruction in progress stored. */
  readonly stores: number[] = []
  /** The last stores of all, and the instructions that made them. */
  readonly #storeAddresses = new Float64Array(STORES_KNOWN)
  readonly #storeCodes = new Float64Array(STORES_KNOWN)
  #storeNumber = 0

  constructor({ stream, pid, engine = (options) => new Engine(options), onCodeChange }: GuestOptions) {
    const memory = new WebAssembly.Memory({ initial: MEMORY_PAGES, maximum: MEMORY_PAGES, shared: true })
    this.view = new DataView(memory.buffer)
    this.bytes = new Uint8Array(memory.buffer)
    this.words = new Int32Array(memory.buffer)
    this.pages = new Pages({
      memory: this.bytes,
      base: FRAMES,
      frames: FRAME_COUNT,
      stream,
      pid,
      onCodeChange: (page) => {
        this.engine.invalidate(0, page, 1)
        onCodeChange(page)
      },
    })
    this.engine = engine({
      memory,
      codeBase: DECODED,
      codeSize: DECODED_SIZE,
      tier: 'interpreter',
      blockInstructions: 1,
      host: {
        refill: (_task, address, access) => this.#refill(address, access),
        fetchCode: (_task, address) => this.#fetchCode(address),
        syscall: () => 1,
        entropy: (into) => void randomFillSync(into),
        timestamp: () => Number(process.hrtime.bigint()),
      },
    })
    this.bytes.fill(0, TASK, TASK + RECORD_SIZE)
    this.bytes.fill(0xff, TRANSLATIONS, TRANSLATIONS + ARRAY_SIZE)
    this.view.setInt32(TASK + TRANSLATION, TRANSLATIONS, true)
  }

  /** A 64-bit word of the record as a number; not exact above 2^53. */
  number(offset: number): number {
    return this.view.getUint32(TASK + offset, true) + this.view.getUint32(TASK + offset + 4, true) * 0x100000000
  }

  get rip(): number {
    return this.number(RIP)
  }

  /** The bytes of an instruction, and what follows it. */
  codeBytes(address: number): Uint8Array {
    const page = Math.floor(address / PAGE_SIZE)
    const offset = address % PAGE_SIZE
    const bytes = new Uint8Array(INSTRUCTION_BYTES)
    const first = Math.min(INSTRUCTION_BYTES, PAGE_SIZE - offset)
    const host = this.pages.codeHost(page) + offset
    bytes.set(this.bytes.subarray(host, host + first))
    const rest = first < INSTRUCTION_BYTES ? this.pages.codeHost(page + 1) : 0
    if (rest === 0) return bytes.subarray(0, first)
    bytes.set(this.bytes.subarray(rest, rest + INSTRUCTION_BYTES - first), first)
    return bytes
  }

  /** The instruction that last stored at or just below an address, as far as is remembered. */
  lastStoreBy(address: number): number | undefined {
    for (let n = this.#storeNumber - 1; n >= 0 && n >= this.#storeNumber - STORES_KNOWN; n--) {
      const from = address - (this.#storeAddresses[n % STORES_KNOWN] as number)
      if (from >= 0 && from < STORE_BYTES_MAX) return this.#storeCodes[n % STORES_KNOWN]
    }
    return undefined
  }

  #fault(address: number, code: number, signal = SIGSEGV): number {
    const view = this.view
    view.setInt32(TASK + FAULT_SIGNAL, signal, true)
    view.setInt32(TASK + FAULT_CODE, code, true)
    view.setInt32(TASK + FAULT_TRAP, code === SEGV.kernel ? GENERAL_PROTECTION : PAGE_FAULT, true)
    view.setBigUint64(TASK + FAULT_ADDRESS, code === SEGV.kernel ? 0n : BigInt.asUintN(64, BigInt(address)), true)
    return FAULT
  }

  #refill(address: number, access: number): number {
    if (!(address >= 0 && address < ADDRESS_LIMIT)) return this.#fault(address, SEGV.kernel)
    const page = Math.floor(address / PAGE_SIZE)
    const host = access === WRITE ? this.pages.writableHost(page) : this.pages.host(page)
    if (access === WRITE) {
      this.stores.push(address)
      const slot = this.#storeNumber++ % STORES_KNOWN
      this.#storeAddresses[slot] = address
      this.#storeCodes[slot] = this.rip
    }
    if (host !== 0) return host + (address % PAGE_SIZE)
    const mapping = this.pages.mapping(address)
    if (mapping === undefined) return this.#fault(address, SEGV.maperr)
    // What is mapped and allowed, and yet cannot be read, is beyond the end of its file.
    const allowed = access === WRITE ? mapping.writable : mapping.readable
    return allowed ? this.#fault(address, BUS_ADRERR, SIGBUS) : this.#fault(address, SEGV.accerr)
  }

  #fetchCode(address: number): number {
    if (!(address >= 0 && address < ADDRESS_LIMIT)) return this.#fault(address, SEGV.kernel)
    const host = this.pages.codeHost(Math.floor(address / PAGE_SIZE))
    const mapping = this.pages.mapping(address)
    if (mapping === undefined) return this.#fault(address, SEGV.maperr)
    return host === 0 || !mapping.executable ? this.#fault(address, SEGV.accerr) : host + (address % PAGE_SIZE)
  }
}
