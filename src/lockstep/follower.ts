// Lockstep itself: the engine runs one instruction, and what it did goes to the tracer, which runs the same one natively and
// compares. The engine is ahead by what the pipe holds; events (system calls, faults) bring both together, and the program's state
// after them is the engine's. Undefined flags are left out until an instruction writes or reads them.
//   const outcome = follow({ stream, pid, countMax, skip })

import { randomFillSync } from 'node:crypto'
import { Engine, type EngineOptions } from '../engine/engine.js'
import { readFlags, writeFlags } from '../engine/flags-word.js'
import { EXIT, FAULT, WRITE } from '../engine/host.js'
import {
  FAULT_ADDRESS,
  FAULT_CODE,
  FAULT_SIGNAL,
  FAULT_TRAP,
  FS_BASE,
  GPR,
  MXCSR,
  RECORD_SIZE,
  RIP,
  TRANSLATION,
  VECTOR,
  VECTOR_STRIDE,
} from '../engine/record.js'
import { saveLegacyState } from '../engine/state-image.js'
import { restoreState } from '../engine/xsave.js'
import { ARRAY_SIZE, PAGE_SIZE } from '../lib/translation-array.js'
import { FLAG_MASK, X87_BYTES } from '../x86/native/machine.js'
import { WORD } from '../x86/words.js'
import { type Facts, factsOf, type Write } from './facts.js'
import { Pages } from './pages.js'
import { COMMAND, type CommandStream, type Ending, PART, REPLY } from './stream.js'

// The shared memory: null page, record, an empty translation array (every access comes by), decoded code, frames.
const TASK = 0x10000
const TRANSLATIONS = 0x20000
const DECODED = TRANSLATIONS + ARRAY_SIZE
const DECODED_SIZE = 0x1000000
const FRAMES = DECODED + DECODED_SIZE
const FRAME_COUNT = 8192
const MEMORY_PAGES = (FRAMES + FRAME_COUNT * PAGE_SIZE) / 65536

const ADDRESS_LIMIT = 2 ** 47
const HIGH_LIMIT = ADDRESS_LIMIT / 2 ** 32
/** Pages that one instruction may touch. */
const ROOM = 64
const INSTRUCTION_BYTES = 15
const SIGSEGV = 11
const SIGBUS = 7
const SEGV = { maperr: 1, accerr: 2, kernel: 0x80 }
const BUS_ADRERR = 2
const PAGE_FAULT = 14
const GENERAL_PROTECTION = 13
/** Arithmetic flags, DF, and NT AC ID, which popf changes. */
const COMPARED_FLAGS = FLAG_MASK | 0x244000
/** Bytes compared where the engine stores although iced-x86 knows of no such store. */
const WINDOW = 64
const GENERAL_REGISTERS = 16
/** mmap mprotect munmap brk mremap shmat clone fork vfork execve shmdt remap_file_pages pkey_mprotect execveat clone3. */
const CHANGES_MAPPINGS: ReadonlySet<number> = new Set([9, 10, 11, 12, 25, 30, 56, 57, 58, 59, 67, 216, 329, 322, 435])
/** Offsets in a reply of state: count, gpr with the bases, rip, rflags, selectors, the XSAVE image (native.c, struct state). */
const STATE = { gpr: 8, bases: 8 + 128, rip: 152, rflags: 160, selectors: 168, xsave: 216 }
const ALL_COMPONENTS = 7

export type Outcome =
  | { readonly kind: 'same'; readonly count: number }
  | { readonly kind: 'ended'; readonly count: number; readonly status: number }
  /** The tracer's struct difference (report.ts). */
  | { readonly kind: 'differs'; readonly difference: DataView }
  | { readonly kind: 'memory'; readonly count: number; readonly found: MemoryDifference }
  | { readonly kind: 'failed'; readonly reason: string }

/** Of a page that was compared at an event: no store that is known wrote it so. */
export type MemoryDifference = {
  readonly address: number
  readonly expected: number
  readonly got: number
  /** The instruction that last stored near by, as far as is remembered, and its bytes. */
  readonly storedBy: number | undefined
  readonly code: Uint8Array
}

export type FollowOptions = {
  readonly stream: CommandStream
  readonly pid: number
  readonly countMax: number
  readonly skip?: number
  /** The engine on trial; another one in tests. */
  readonly engine?: (options: EngineOptions) => Engine
  /** Now and then, with the number of instructions. */
  readonly onProgress?: (count: number) => void
}

const RDI = GPR + 8 * 7
/** A step without its ranges, and an event without its pages. */
const STEP_BYTES = 1024
const EVENT_BYTES = 24
/** Of one instruction, compared at once. */
const WRITTEN_MAX = 0x8000
const STORES_KNOWN = 1 << 16
const PROGRESS_STEPS = 1 << 16

export function follow(options: FollowOptions): Outcome {
  return new Follower(options).run()
}

class Follower {
  readonly #stream: CommandStream
  readonly #options: FollowOptions
  readonly #view: DataView
  readonly #bytes: Uint8Array
  readonly #words: Int32Array
  readonly #pages: Pages
  readonly #engine: Engine
  /** By page, then by address: what is known of instructions; null: the engine knows none there. */
  readonly #facts = new Map<number, Map<number, Facts | null>>()
  /** As the tracer has them. */
  readonly #generalBefore = new Int32Array(2 * GENERAL_REGISTERS)
  readonly #basesBefore = new Int32Array(4)
  readonly #vectorsBefore = new Int32Array(16 * 8)
  readonly #image = new DataView(new ArrayBuffer(512))
  readonly #imageBytes = new Uint8Array(this.#image.buffer)
  /** What the instruction in progress writes: addresses and sizes. */
  readonly #writeAddresses: number[] = []
  readonly #writeSizes: number[] = []
  /** Stores that the engine makes, by their addresses. */
  readonly #stores: number[] = []
  /** The last stores of all, and the instructions that made them. */
  readonly #storeAddresses = new Float64Array(STORES_KNOWN)
  readonly #storeCodes = new Float64Array(STORES_KNOWN)
  #storeNumber = 0
  #undefined = 0
  #count = 0

  constructor(options: FollowOptions) {
    this.#options = options
    this.#stream = options.stream
    const memory = new WebAssembly.Memory({ initial: MEMORY_PAGES, maximum: MEMORY_PAGES, shared: true })
    this.#view = new DataView(memory.buffer)
    this.#bytes = new Uint8Array(memory.buffer)
    this.#words = new Int32Array(memory.buffer)
    this.#pages = new Pages({
      memory: this.#bytes,
      base: FRAMES,
      frames: FRAME_COUNT,
      stream: options.stream,
      pid: options.pid,
      onCodeChange: (page) => {
        this.#engine.invalidate(0, page, 1)
        // An instruction may begin on the page before.
        this.#facts.delete(page)
        this.#facts.delete(page - 1)
        this.#factsPage = -1
      },
    })
    const make = options.engine ?? ((engineOptions: EngineOptions) => new Engine(engineOptions))
    this.#engine = make({
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
    this.#bytes.fill(0, TASK, TASK + RECORD_SIZE)
    this.#bytes.fill(0xff, TRANSLATIONS, TRANSLATIONS + ARRAY_SIZE)
    this.#view.setInt32(TASK + TRANSLATION, TRANSLATIONS, true)
  }

  // ---- memory as the engine sees it ---------------------------------------------------------------------------------

  #fault(address: number, code: number, signal = SIGSEGV): number {
    const view = this.#view
    view.setInt32(TASK + FAULT_SIGNAL, signal, true)
    view.setInt32(TASK + FAULT_CODE, code, true)
    view.setInt32(TASK + FAULT_TRAP, code === SEGV.kernel ? GENERAL_PROTECTION : PAGE_FAULT, true)
    view.setBigUint64(TASK + FAULT_ADDRESS, code === SEGV.kernel ? 0n : BigInt.asUintN(64, BigInt(address)), true)
    return FAULT
  }

  #refill(address: number, access: number): number {
    if (!(address >= 0 && address < ADDRESS_LIMIT)) return this.#fault(address, SEGV.kernel)
    const page = Math.floor(address / PAGE_SIZE)
    const host = access === WRITE ? this.#pages.writableHost(page) : this.#pages.host(page)
    if (access === WRITE) {
      this.#stores.push(address)
      const slot = this.#storeNumber++ % STORES_KNOWN
      this.#storeAddresses[slot] = address
      this.#storeCodes[slot] = this.#rip()
    }
    if (host !== 0) return host + (address % PAGE_SIZE)
    const mapping = this.#pages.mapping(address)
    if (mapping === undefined) return this.#fault(address, SEGV.maperr)
    // What is mapped and allowed, and yet cannot be read, is beyond the end of its file.
    const allowed = access === WRITE ? mapping.writable : mapping.readable
    return allowed ? this.#fault(address, BUS_ADRERR, SIGBUS) : this.#fault(address, SEGV.accerr)
  }

  #fetchCode(address: number): number {
    if (!(address >= 0 && address < ADDRESS_LIMIT)) return this.#fault(address, SEGV.kernel)
    const host = this.#pages.codeHost(Math.floor(address / PAGE_SIZE))
    const mapping = this.#pages.mapping(address)
    if (mapping === undefined) return this.#fault(address, SEGV.maperr)
    return host === 0 || !mapping.executable ? this.#fault(address, SEGV.accerr) : host + (address % PAGE_SIZE)
  }

  // ---- the loop -----------------------------------------------------------------------------------------------------

  run(): Outcome {
    const { countMax, skip = 0, onProgress } = this.#options
    if (!this.#takeState(this.#stream.next(REPLY.state))) return this.#ended()
    if (skip > 0 && !this.#skip(skip)) return this.#ended()
    for (let steps = 0; steps < countMax; steps++) {
      if (steps % PROGRESS_STEPS === 0) onProgress?.(this.#count)
      if (!this.#pages.hasRoom(ROOM)) {
        if (!this.#pagesAgree()) return this.#ended()
        this.#pages.forgetAll()
        this.#factsPage = -1
      }
      if (!this.#instruction()) return this.#ended()
    }
    return this.#last()
  }

  /** The tracer catches up; the pages written last are compared. */
  #last(): Outcome {
    if (!this.#pagesAgree() || this.#state() === undefined) return this.#ended()
    return { kind: 'same', count: this.#count }
  }

  /** Why there is nothing more to come. */
  #ended(): Outcome {
    if (this.#memory !== undefined) return { kind: 'memory', count: this.#count, found: this.#memory }
    const { kind, payload } = this.#stream.ending as Ending
    if (kind === REPLY.exited) return { kind: 'ended', count: this.#count, status: payload.getUint32(8, true) }
    if (kind === REPLY.differs) return { kind: 'differs', difference: payload }
    return { kind: 'failed', reason: Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength).toString() }
  }

  /** False: there is nothing more to come. */
  #instruction(): boolean {
    const at = this.#rip()
    const facts = this.#factsAt(at)
    if (facts !== null && facts.manner === 'native') return this.#event(facts.isSyscall, false)
    if (facts !== null && (facts.flags.reads & this.#undefined) !== 0 && !this.#takeState(this.#state())) return false
    this.#stores.length = 0
    this.#writeAddresses.length = 0
    this.#writeSizes.length = 0
    if (facts !== null) for (const write of facts.writes) this.#expectWrite(write)
    const destination = facts !== null && facts.element > 0 ? this.#address(TASK + RDI) : 0
    const exit = this.#engine.step(TASK)
    if (facts === null || exit === EXIT.fault) {
      if (this.#stream.ending !== undefined) return false
      // Elements before the one that faults.
      if (facts !== null && (facts.parts & PART.repeated) !== 0 && this.#hasMoved()) this.#send(facts, at, destination)
      this.#count++
      return this.#event(false, true)
    }
    this.#count++
    this.#undefined = (this.#undefined & ~facts.flags.writes) | facts.flags.leaves
    this.#send(facts, this.#rip(), destination)
    return this.#stream.ending === undefined
  }

  #rip(): number {
    return this.#address(TASK + RIP)
  }

  /** A 64-bit word as a number; not exact above 2^53. */
  #address(at: number): number {
    return this.#view.getUint32(at, true) + this.#view.getUint32(at + 4, true) * 0x100000000
  }

  #factsPage = -1
  #pageFacts = new Map<number, Facts | null>()

  #factsAt(address: number): Facts | null {
    const page = Math.floor(address / PAGE_SIZE)
    const offset = address % PAGE_SIZE
    if (page !== this.#factsPage || offset > PAGE_SIZE - INSTRUCTION_BYTES) {
      // Pages come anew after an event; what is known of their code goes when they have changed.
      const there = address < ADDRESS_LIMIT && this.#pages.host(page) !== 0
      if (!there) return null
      if (offset > PAGE_SIZE - INSTRUCTION_BYTES) this.#pages.host(page + 1)
      const known = this.#facts.get(page)
      this.#pageFacts = known ?? new Map()
      if (known === undefined) this.#facts.set(page, this.#pageFacts)
      this.#factsPage = page
    }
    const known = this.#pageFacts.get(address)
    if (known !== undefined) return known
    const made = factsOf(this.#codeBytes(page, offset), address) ?? null
    this.#pageFacts.set(address, made)
    return made
  }

  #codeBytes(page: number, offset: number): Uint8Array {
    const bytes = new Uint8Array(INSTRUCTION_BYTES)
    const first = Math.min(INSTRUCTION_BYTES, PAGE_SIZE - offset)
    const host = this.#pages.codeHost(page) + offset
    bytes.set(this.#bytes.subarray(host, host + first))
    const rest = first < INSTRUCTION_BYTES ? this.#pages.codeHost(page + 1) : 0
    if (rest === 0) return bytes.subarray(0, first)
    bytes.set(this.#bytes.subarray(rest, rest + INSTRUCTION_BYTES - first), first)
    return bytes
  }

  /** Takes down where an instruction will write, in halves of 32 bits: an address wraps at 2^64. */
  #expectWrite({ base, index, scale, segment, low, high, address32, size }: Write): void {
    const view = this.#view
    const at = (offset: number) => view.getUint32(TASK + offset, true)
    const lows = at(base) + at(index) * scale + low
    const highs = at(base + 4) + at(index + 4) * scale + high + Math.floor(lows / 0x100000000)
    const segmentLow = (lows >>> 0) + at(segment)
    const top = ((address32 ? 0 : highs >>> 0) + at(segment + 4) + Math.floor(segmentLow / 0x100000000)) >>> 0
    if (top >= HIGH_LIMIT) return
    this.#writeAddresses.push(top * 0x100000000 + (segmentLow >>> 0))
    this.#writeSizes.push(size)
  }

  // ---- what goes to the tracer --------------------------------------------------------------------------------------

  readonly #rangeAddresses: number[] = []
  readonly #rangeHosts: number[] = []
  readonly #rangeSizes: number[] = []

  /** Bytes to be compared, page by page; what the program cannot read is left out. */
  #range(address: number, size: number): void {
    for (let done = 0; done < size; ) {
      const from = address + done
      const part = Math.min(size - done, PAGE_SIZE - (from % PAGE_SIZE))
      const host = this.#pages.host(Math.floor(from / PAGE_SIZE))
      if (host !== 0) {
        this.#rangeAddresses.push(from)
        this.#rangeHosts.push(host + (from % PAGE_SIZE))
        this.#rangeSizes.push(part)
      }
      done += part
    }
  }

  #ranges(element: number, destination: number): number {
    this.#rangeAddresses.length = this.#rangeHosts.length = this.#rangeSizes.length = 0
    for (let n = 0; n < this.#writeAddresses.length; n++)
      this.#range(this.#writeAddresses[n] as number, this.#writeSizes[n] as number)
    if (element > 0) {
      const after = this.#address(TASK + RDI)
      const [from, to] = destination <= after ? [destination, after] : [after + element, destination + element]
      if (to - from <= WRITTEN_MAX) this.#range(from, to - from)
    }
    for (const address of this.#stores) {
      let known = element > 0
      for (let n = 0; n < this.#writeAddresses.length; n++) {
        const from = address - (this.#writeAddresses[n] as number)
        known ||= from >= 0 && from < (this.#writeSizes[n] as number)
      }
      if (!known) this.#range(address, Math.min(WINDOW, PAGE_SIZE - (address % PAGE_SIZE)))
    }
    let bytes = 0
    for (const size of this.#rangeSizes) bytes += 24 + size
    return bytes
  }

  #hasMoved(): boolean {
    for (let n = 0; n < 2 * GENERAL_REGISTERS; n++)
      if (this.#words[((TASK + GPR) >> 2) + n] !== this.#generalBefore[n]) return true
    return false
  }

  #send(facts: Facts, rip: number, destination: number): void {
    const stream = this.#stream
    const view = this.#view
    const words = this.#words
    const rangeBytes = this.#ranges(facts.element, destination)
    let changed = 0
    for (let n = 0; n < GENERAL_REGISTERS; n++)
      if (this.#differ(this.#generalBefore, (TASK + GPR) >> 2, n, 2)) changed |= 1 << n
    for (let n = 0; n < 2; n++)
      if (this.#differ(this.#basesBefore, (TASK + FS_BASE) >> 2, n, 2)) changed |= 1 << (GENERAL_REGISTERS + n)
    stream.reserve(STEP_BYTES + rangeBytes)
    stream.u32(COMMAND.step)
    stream.u32(facts.parts)
    stream.u32(changed)
    stream.u32(readFlags(view, TASK))
    stream.u32(COMPARED_FLAGS & ~this.#undefined)
    stream.u32(this.#rangeSizes.length)
    stream.u64(rip)
    for (let n = 0; n < GENERAL_REGISTERS + 2; n++) {
      if (((changed >> n) & 1) === 0) continue
      const at = (n < GENERAL_REGISTERS ? TASK + GPR + 8 * n : TASK + FS_BASE + 8 * (n - GENERAL_REGISTERS)) >> 2
      stream.u32(words[at] as number)
      stream.u32(words[at + 1] as number)
    }
    if ((facts.parts & PART.vectors) !== 0) {
      let vectors = 0
      for (let n = 0; n < 16; n++) if (this.#differ(this.#vectorsBefore, (TASK + VECTOR) >> 2, n, 8)) vectors |= 1 << n
      stream.u32(view.getUint32(TASK + MXCSR, true))
      stream.u32(vectors)
      for (let n = 0; n < 16; n++)
        if (((vectors >> n) & 1) !== 0) stream.bytes(this.#bytes, TASK + VECTOR + n * VECTOR_STRIDE, VECTOR_STRIDE)
    }
    if ((facts.parts & PART.x87) !== 0) {
      saveLegacyState(view, TASK, this.#image)
      stream.bytes(this.#imageBytes, 0, X87_BYTES)
    }
    for (let n = 0; n < this.#rangeSizes.length; n++) {
      stream.u64(this.#rangeAddresses[n] as number)
      stream.u64(this.#rangeSizes[n] as number)
      stream.bytes(this.#bytes, this.#rangeHosts[n] as number, this.#rangeSizes[n] as number)
    }
  }

  /** Whether element n of so many words has changed; remembers it as it is. */
  #differ(before: Int32Array, at: number, n: number, size: number): boolean {
    let differ = false
    for (let word = n * size; word < (n + 1) * size; word++) {
      const now = this.#words[at + word] as number
      if (before[word] === now) continue
      before[word] = now
      differ = true
    }
    return differ
  }

  // ---- where both come together -------------------------------------------------------------------------------------

  #memory: MemoryDifference | undefined

  /** Whether the pages written since the last event are as the program has them. */
  #pagesAgree(): boolean {
    const found = this.#pages.firstDifference()
    if (found !== undefined) {
      const storedBy = this.#storedBy(found.address)
      const page = storedBy === undefined ? 0 : Math.floor(storedBy / PAGE_SIZE)
      const code = storedBy === undefined ? new Uint8Array(0) : this.#codeBytes(page, storedBy % PAGE_SIZE)
      this.#memory = { ...found, storedBy, code }
    }
    return this.#memory === undefined && this.#stream.ending === undefined
  }

  #storedBy(address: number): number | undefined {
    for (let n = this.#storeNumber - 1; n >= 0 && n >= this.#storeNumber - STORES_KNOWN; n--) {
      const from = address - (this.#storeAddresses[n % STORES_KNOWN] as number)
      if (from >= 0 && from < WINDOW) return this.#storeCodes[n % STORES_KNOWN]
    }
    return undefined
  }

  /** The program runs this instruction, and its state afterwards is the engine's; with `raised` it must fault as the engine did. */
  #event(isSyscall: boolean, raised: boolean): boolean {
    if (!this.#pagesAgree()) return false
    const stream = this.#stream
    const view = this.#view
    const kept = this.#pages.inUse()
    const mapped = isSyscall && CHANGES_MAPPINGS.has(view.getInt32(TASK + GPR, true))
    stream.reserve(EVENT_BYTES + 8 * kept.length)
    stream.u32(COMMAND.event)
    stream.u32(kept.length)
    stream.u32(raised ? view.getInt32(TASK + FAULT_SIGNAL, true) : 0)
    stream.u32(view.getInt32(TASK + FAULT_CODE, true))
    stream.u32(view.getInt32(TASK + FAULT_ADDRESS, true))
    stream.u32(view.getInt32(TASK + FAULT_ADDRESS + 4, true))
    for (const page of kept) stream.u64(page * PAGE_SIZE)
    if (!this.#takeState(stream.ask(REPLY.state))) return false
    const pages = stream.next(REPLY.pages)
    if (pages === undefined) return false
    this.#pages.renew(kept, pages, mapped)
    this.#factsPage = -1
    return true
  }

  #state(): DataView | undefined {
    this.#stream.reserve(4)
    this.#stream.u32(COMMAND.state)
    return this.#stream.ask(REPLY.state)
  }

  /** False when the run has ended before. */
  #skip(count: number): boolean {
    while (this.#count < count) {
      this.#stream.reserve(16)
      this.#stream.u32(COMMAND.skip)
      this.#stream.u32(0)
      this.#stream.u64(count - this.#count)
      if (!this.#takeState(this.#stream.ask(REPLY.state))) return false
      if (this.#count < count && !this.#instruction()) return false
    }
    this.#pages.forgetAll()
    this.#factsPage = -1
    return true
  }

  /** The program's state is the engine's. */
  #takeState(state: DataView | undefined): boolean {
    if (state === undefined) return false
    const view = this.#view
    const copy = (from: number, to: number, bytes: number) => {
      for (let n = 0; n < bytes; n += 4) view.setInt32(TASK + to + n, state.getInt32(from + n, true), true)
    }
    this.#count = state.getUint32(0, true)
    copy(STATE.gpr, GPR, 8 * GENERAL_REGISTERS)
    copy(STATE.bases, FS_BASE, 16)
    copy(STATE.rip, RIP, 8)
    writeFlags(view, TASK, state.getInt32(STATE.rflags, true))
    for (let n = 0; n < 6; n++)
      view.setUint16(TASK + WORD.selectors + 2 * n, state.getUint16(STATE.selectors + 8 * n, true), true)
    const image = new DataView(state.buffer, state.byteOffset + STATE.xsave)
    restoreState(view, TASK, image, ALL_COMPONENTS)
    for (let n = 0; n < GENERAL_REGISTERS; n++) this.#differ(this.#generalBefore, (TASK + GPR) >> 2, n, 2)
    for (let n = 0; n < 2; n++) this.#differ(this.#basesBefore, (TASK + FS_BASE) >> 2, n, 2)
    for (let n = 0; n < 16; n++) this.#differ(this.#vectorsBefore, (TASK + VECTOR) >> 2, n, 8)
    this.#undefined = 0
    return true
  }
}
