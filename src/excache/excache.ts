// The ExCache: the processor's last-level cache of 4 KiB lines, looked up by virtual address. One object per vCPU over
// metadata in shared memory; `prepareTable` makes the metadata, then `translate` and `refill` turn guest addresses into
// host addresses. docs/internals.md has the contract, spaces.ts what address-space changes do to lines.
//
// A host address is good until its vCPU's next `safepoint` or `enterBlocked`. A RETRY means: reach a safepoint, then
// run the instruction again. Nothing here knows what an address space is made of; the LineSource does.
import { ENTRIES, PAGE_SIZE } from '../lib/translation-array.js'
import { Cleaner } from './cleaner.js'
import * as counter from './counters.js'
import { PageFilter } from './filter.js'
import { Heirs } from './heirs.js'
import {
  BOUND,
  CODE,
  DIRTY,
  type ExCacheOptions,
  HEIRS,
  LIMBO_USED,
  LOCK,
  PEERS,
  PENDING,
  PROTECTION,
  RUNNING,
  SEEN,
  SPACE,
  STATE,
  VALID,
} from './layout.js'
import { BUSY, LineTable, NONE } from './lines.js'
import { SpinLock } from './lock.js'
import { type LineSource, Resolution } from './source.js'
import { Spaces } from './spaces.js'
import { TranslationArrays } from './translations.js'

export const READ = 0
export const WRITE = 1
export const EXEC = 2
export const RETRY = -1
export const FAULT = -2
/** Another vCPU is fetching the line, or a limbo line has just come back: look again. */
const AGAIN = -3

const USER_END = 2 ** 47
const SIGSEGV = 11
const SEGV_MAPERR = 1
const SEGV_ACCERR = 2
const SI_KERNEL = 128

/** Protection bits that let an access through. x86 page tables cannot forbid reading what may be written or run. */
const NEEDS = [7, 2, 4] as const

export class ExCache extends Spaces {
  /** Details of the last FAULT. */
  readonly fault: Resolution
  readonly #words: Int32Array
  readonly #doubles: Float64Array
  readonly #table: LineTable
  readonly #lock: SpinLock
  readonly #translations: TranslationArrays
  readonly #heirs: Heirs
  readonly #cleaner: Cleaner
  readonly #backed: PageFilter
  readonly #codePages: PageFilter
  readonly #source: LineSource
  readonly #requestSafepoint: (vcpu: number) => void
  readonly #recent: boolean
  /** Protection of the line that `#ensure` returned, for the asking address space. */
  #prot = 0
  #reclaimedAt = 0

  /** `requestSafepoint` must make a vCPU (perhaps this one) call `safepoint` soon; it runs under the cache's lock. */
  constructor(options: ExCacheOptions, source: LineSource, requestSafepoint: (vcpu: number) => void) {
    const words = new Int32Array(options.memory.buffer)
    const translations = new TranslationArrays(words, options.arraysBase, options.vcpus)
    const table = new LineTable(options, words, translations)
    const lock = new SpinLock(words, options.tableBase / 4 + LOCK, options.vcpus > 1)
    const heirs = new Heirs(table)
    const filter = (offset: number) => new PageFilter(words, (options.tableBase + offset) / 4, table.layout.filterBits)
    const backed = filter(table.layout.backedFilter)
    const cleaner = new Cleaner(table, heirs, backed, source)
    super(table, lock, translations, heirs, cleaner)
    this.fault = new Resolution()
    this.#words = words
    this.#doubles = new Float64Array(options.memory.buffer, 0, Math.floor(options.memory.buffer.byteLength / 8))
    this.#table = table
    this.#lock = lock
    this.#translations = translations
    this.#heirs = heirs
    this.#cleaner = cleaner
    this.#backed = backed
    this.#codePages = filter(table.layout.codeFilter)
    this.#source = source
    this.#requestSafepoint = requestSafepoint
    this.#recent = options.policy === 'lru'
  }

  /** Host address of a byte, its line present and the access allowed; or RETRY or FAULT. */
  translate(vcpu: number, asid: number, address: number, access: number): number {
    if (!(address >= 0 && address < USER_END)) return this.#outside(address)
    if (this.#words[this.#table.vcpuWord(vcpu, RUNNING)] === 0) this.leaveBlocked(vcpu)
    const page = Math.floor(address / PAGE_SIZE)
    this.#lock.acquire()
    const record = this.#ensure(asid, page, access)
    const host = record < 0 ? record : this.#table.host(record) + (address % PAGE_SIZE)
    this.#lock.release()
    return host
  }

  /** As translate, and puts the page into way 0 of the vCPU's translation array, its old entry into way 1. */
  refill(vcpu: number, asid: number, address: number, access: number): number {
    if (!(address >= 0 && address < USER_END)) return this.#outside(address)
    const table = this.#table
    if (this.#words[table.vcpuWord(vcpu, RUNNING)] === 0) this.leaveBlocked(vcpu)
    if (this.#words[table.vcpuWord(vcpu, BOUND)] !== asid) this.bind(vcpu, asid)
    const page = Math.floor(address / PAGE_SIZE)
    this.#lock.acquire()
    let host = this.#ensure(asid, page, access)
    if (host >= 0) {
      const record = host
      const frame = table.host(record)
      const writable =
        (table.get(record, STATE) & (DIRTY | CODE)) === DIRTY &&
        (this.#prot & 2) !== 0 &&
        (table.get(record, HEIRS) | table.get(record, PEERS)) === 0
      this.#translations.fill(vcpu, page, frame, table.frame(record), writable)
      table.noteAlias(record, page % ENTRIES)
      host = frame + (address % PAGE_SIZE)
    }
    this.#lock.release()
    return host
  }

  /**
   * What `refill` does where that takes neither the source nor another vCPU: the line is a private one, it is there, and the access
   * changes nothing about it. Else 0, and `refill` must be called where the source is.
   */
  refillPresent(vcpu: number, asid: number, address: number, access: number): number {
    const table = this.#table
    if (!(address >= 0 && address < USER_END)) return 0
    if (this.#words[table.vcpuWord(vcpu, BOUND)] !== asid) return 0
    const page = Math.floor(address / PAGE_SIZE)
    this.#lock.acquire()
    const record = table.find(asid, page)
    const host = record === NONE ? 0 : this.#fillPresent(vcpu, record, page, access)
    this.#lock.release()
    return host > 0 ? host + (address % PAGE_SIZE) : 0
  }

  #fillPresent(vcpu: number, record: number, page: number, access: number): number {
    const table = this.#table
    const state = table.get(record, STATE)
    const isPrivate = (table.get(record, HEIRS) | table.get(record, PEERS)) === 0
    if ((state & PENDING) !== 0 || (state & NEEDS[access]!) === 0) return 0
    if (access === WRITE && ((state & CODE) !== 0 || !isPrivate)) return 0
    if (access === WRITE) table.set(record, STATE, state | DIRTY)
    table.counters[counter.HITS]! += 1
    if (this.#recent) table.touch(record)
    const frame = table.host(record)
    const writable = (table.get(record, STATE) & (DIRTY | CODE)) === DIRTY && (state & 2) !== 0 && isPrivate
    this.#translations.fill(vcpu, page, frame, table.frame(record), writable)
    table.noteAlias(record, page % ENTRIES)
    return frame
  }

  /** Host address of code whose line is there and marked; else 0. */
  codePresent(asid: number, address: number): number {
    const table = this.#table
    this.#lock.acquire()
    const record = table.find(asid, Math.floor(address / PAGE_SIZE))
    const state = record === NONE ? 0 : table.get(record, STATE)
    const isCode = (state & CODE) !== 0 && (state & PENDING) === 0 && (state & NEEDS[EXEC]) !== 0
    const host = isCode ? table.host(record) + (address % PAGE_SIZE) : 0
    this.#lock.release()
    return host
  }

  /** The vCPU's array now serves this address space; it is emptied when it served another. */
  bind(vcpu: number, asid: number): void {
    const at = this.#table.vcpuWord(vcpu, BOUND)
    if (Atomics.load(this.#words, at) === asid) return
    this.#translations.flush(vcpu)
    Atomics.store(this.#words, at, asid)
  }

  /** The vCPU holds no host address and no tag in a local. */
  safepoint(vcpu: number): void {
    const table = this.#table
    const epoch = table.epoch()
    Atomics.store(this.#words, table.vcpuWord(vcpu, SEEN), epoch)
    // Reclaim early, in one batch, and at most once for each new eviction.
    if (table.header(LIMBO_USED) * 4 < table.layout.limboFrames * 3 || this.#reclaimedAt === epoch) return
    this.#reclaimedAt = epoch
    this.#lock.acquire()
    this.#cleaner.reclaim()
    this.#lock.release()
  }

  /** From here to leaveBlocked the vCPU holds no host address, and nobody waits for its safepoints. */
  enterBlocked(vcpu: number): void {
    Atomics.store(this.#words, this.#table.vcpuWord(vcpu, RUNNING), 0)
  }

  leaveBlocked(vcpu: number): void {
    Atomics.store(this.#words, this.#table.vcpuWord(vcpu, SEEN), this.#table.epoch())
    Atomics.store(this.#words, this.#table.vcpuWord(vcpu, RUNNING), 1)
  }

  /** The page holds translated code from now on: no alias of it stays writable. 0, RETRY or FAULT. */
  markCode(asid: number, address: number): number {
    this.#lock.acquire()
    const record = this.#ensure(asid, Math.floor(address / PAGE_SIZE), EXEC)
    if (record >= 0) {
      this.#table.set(record, STATE, this.#table.get(record, STATE) | CODE)
      this.#table.clearTranslations(record, true)
      this.#codePages.add(this.#table.get(record, SPACE), this.#table.page(record))
    }
    this.#lock.release()
    return Math.min(record, 0)
  }

  /** Its translations are gone. A line that was evicted meanwhile may still report one more write. 0, RETRY or FAULT. */
  clearCode(asid: number, address: number): number {
    this.#lock.acquire()
    const record = this.#ensure(asid, Math.floor(address / PAGE_SIZE), READ)
    if (record >= 0) this.#table.set(record, STATE, this.#table.get(record, STATE) & ~CODE)
    this.#lock.release()
    return Math.min(record, 0)
  }

  #outside(address: number): number {
    this.fault.signal = SIGSEGV
    // Between the halves the CPU raises #GP, which Linux reports without an address; the kernel's half is unmapped.
    this.fault.code = address >= USER_END && address < 2 ** 64 - USER_END ? SI_KERNEL : SEGV_MAPERR
    return FAULT
  }

  /** Private lines of pages first..end. */
  linesOf(asid: number, first: number, end: number): number {
    const table = this.#table
    let count = 0
    this.#lock.acquire()
    for (let record = 0; record < table.layout.lines; record++) {
      if ((table.get(record, STATE) & VALID) === 0 || table.get(record, SPACE) !== asid) continue
      const page = table.page(record)
      if (page >= first && page < end) count++
    }
    this.#lock.release()
    return count
  }

  /** Whether the page is in memory here, or was written back: mincore(2). */
  isPresent(asid: number, page: number): boolean {
    this.#lock.acquire()
    const out = this.fault
    this.#source.resolve(asid, page, READ, out)
    const space = out.kind !== 'fault' && out.object !== 0 ? -out.object : asid
    const at = space === asid ? page : out.page
    const table = this.#table
    const found = table.find(space, at) !== NONE || table.findLimbo(space, at) !== NONE || this.#backed.has(space, at)
    this.#lock.release()
    return found || (out.kind === 'fetch' && space === asid)
  }

  /** The record of the page's line, ready for the access; or RETRY or FAULT. The lock is held before and after. */
  #ensure(asid: number, page: number, access: number): number {
    const table = this.#table
    for (;;) {
      let record = table.find(asid, page)
      if (record === NONE) {
        record = this.#absent(asid, page, access)
        if (record === AGAIN) continue
        if (record < 0) return record
      } else {
        const state = table.get(record, STATE)
        if (state & PENDING) {
          this.#lock.pause()
          continue
        }
        table.counters[counter.HITS]! += 1
        this.#prot = state & PROTECTION
        if ((this.#prot & NEEDS[access]!) === 0 && !this.#recheck(record, asid, page, access)) return FAULT
      }
      if (this.#recent) table.touch(record)
      if (access === WRITE) record = this.#grantWrite(record, asid, page)
      if (record !== AGAIN) return record
    }
  }

  /** The line forbids the access: the source has the last word, and the details of the fault. */
  #recheck(record: number, asid: number, page: number, access: number): boolean {
    this.#source.resolve(asid, page, access, this.fault)
    if (!this.#resolved(access)) return false
    if (this.fault.object !== 0) throw new Error(`excache: page ${page} of ${asid} became shared without invalidate()`)
    this.#prot = this.fault.prot
    this.#table.clearTranslations(record, false)
    this.#table.set(record, STATE, (this.#table.get(record, STATE) & ~PROTECTION) | this.#prot)
    return true
  }

  #resolved(access: number): boolean {
    const out = this.fault
    if (out.kind !== 'fault' && (out.prot & NEEDS[access]!) !== 0) return true
    if (out.kind !== 'fault') {
      out.signal = SIGSEGV
      out.code = SEGV_ACCERR
    }
    this.#table.counters[counter.FAULTS]! += 1
    return false
  }

  /** No private line in the set: a limbo line, a shared line, or a new one. */
  #absent(asid: number, page: number, access: number): number {
    const table = this.#table
    const out = this.fault
    const slot = table.findLimbo(asid, page)
    if (slot !== NONE) return this.#resurrect(slot)
    this.#source.resolve(asid, page, access, out)
    if (!this.#resolved(access)) return FAULT
    this.#prot = out.prot
    if (out.object === 0) return this.#load(asid, page, asid)
    const shared = table.find(-out.object, out.page)
    if (shared !== NONE) {
      if (table.get(shared, STATE) & PENDING) return this.#wait()
      table.counters[counter.HITS]! += 1
      return shared
    }
    const sharedSlot = table.findLimbo(-out.object, out.page)
    if (sharedSlot !== NONE) return this.#resurrect(sharedSlot)
    return this.#load(-out.object, out.page, 0)
  }

  #wait(): number {
    this.#lock.pause()
    return AGAIN
  }

  #resurrect(slot: number): number {
    const line = this.#table.choose(this.#table.page(slot))
    if (line === BUSY) return this.#wait()
    this.#table.exchange(line, slot)
    this.#table.touch(line)
    this.#table.counters[counter.RESURRECTED]! += 1
    return AGAIN
  }

  /** Makes a line for (space, page) as `fault` describes it; `asid` is 0 for a shared one. */
  #load(space: number, page: number, asid: number): number {
    const table = this.#table
    const record = this.#place(page)
    if (record < 0) return record
    table.counters[counter.MISSES]! += 1
    // The protection of a shared line differs by mapping and is resolved at each lookup.
    const bits = (asid === 0 ? 0 : this.#prot) | (this.#codePages.has(space, page) ? CODE : 0)
    table.claim(record, space, page, bits)
    const host = table.host(record)
    const heir = asid === 0 ? 0 : this.#heirs.bit(asid)
    const ancestor = heir === 0 ? NONE : table.findAncestor(page, heir)
    if (ancestor !== NONE) {
      const from = table.host(ancestor) / 8
      this.#doubles.copyWithin(host / 8, from, from + PAGE_SIZE / 8)
      if (table.get(ancestor, HEIRS) & heir) table.set(record, STATE, table.get(record, STATE) | DIRTY)
      this.#heirs.forget(ancestor, heir)
      table.counters[counter.COPIED]! += 1
    } else if (this.fault.kind === 'zero' && !this.#backed.has(space, page)) {
      // Filling shared memory goes element by element in V8: eight bytes at a time take a seventh of the time.
      this.#doubles.fill(0, host / 8, (host + PAGE_SIZE) / 8)
      table.counters[counter.ZERO_FILLS]! += 1
    } else {
      return this.#fetch(record, space, page, host)
    }
    return record
  }

  /** The one thing done without the lock: the line is PENDING, so nobody touches it and those who want it wait. */
  #fetch(record: number, space: number, page: number, host: number): number {
    const table = this.#table
    table.counters[counter.FETCHES]! += 1
    table.set(record, STATE, table.get(record, STATE) | PENDING)
    this.#lock.release()
    const failed = this.#source.fetch(space, page, host, this.fault)
    this.#lock.acquire()
    table.set(record, STATE, failed === 0 ? table.get(record, STATE) & ~PENDING : 0)
    if (failed === 0) return record
    table.counters[counter.FAULTS]! += 1
    return FAULT
  }

  /** An empty line in the page's set; or RETRY or AGAIN. */
  #place(page: number): number {
    const table = this.#table
    const line = table.choose(page)
    if (line === BUSY) return this.#wait()
    if (table.get(line, STATE) === 0) return line
    let slot = table.freeSlot()
    if (slot === NONE) {
      this.#cleaner.reclaim()
      slot = table.freeSlot()
    }
    if (slot === NONE) {
      table.counters[counter.RETRIES]! += 1
      for (let vcpu = 0; vcpu < table.vcpus; vcpu++) {
        if (Atomics.load(this.#words, table.vcpuWord(vcpu, RUNNING)) !== 0) this.#requestSafepoint(vcpu)
      }
      return RETRY
    }
    table.exchange(line, slot)
    return line
  }

  #grantWrite(record: number, asid: number, page: number): number {
    const table = this.#table
    const state = table.get(record, STATE)
    if (state & CODE) {
      table.set(record, STATE, state & ~CODE)
      table.counters[counter.CODE_WRITES]! += 1
      const space = table.get(record, SPACE)
      this.#lock.release()
      const dropped = this.#source.onCodeWrite(asid, page, space)
      this.#lock.acquire()
      return dropped ? RETRY : AGAIN
    }
    if ((table.get(record, HEIRS) | table.get(record, PEERS)) !== 0) {
      this.#cleaner.settle(record)
      table.set(record, PEERS, 0)
    }
    table.set(record, STATE, state | DIRTY)
    return record
  }
}
