// What changes of an address space do to its lines: fork, unmap, protect, flush, exit. The base of ExCache. Not on the
// hot path. A caller first changes the mirror that `resolve` reads, then calls here, then tells the memory manager. The
// other vCPUs that run the space keep tags in locals until their next safepoint: where that matters (munmap, mprotect)
// the caller waits for `hasPassed(epoch())` before the system call returns.
import { PAGE_SIZE } from '../lib/translation-array.js'
import type { Cleaner } from './cleaner.js'
import { type CounterName, readCounters } from './counters.js'
import type { Heirs } from './heirs.js'
import { BOUND, HEIRS, PEERS, PENDING, PROTECTION, STATE } from './layout.js'
import type { LineTable } from './lines.js'
import type { SpinLock } from './lock.js'
import type { TranslationArrays } from './translations.js'

const ALL_PAGES = 2 ** 47 / PAGE_SIZE

export class Spaces {
  readonly #table: LineTable
  readonly #lock: SpinLock
  readonly #translations: TranslationArrays
  readonly #heirs: Heirs
  readonly #cleaner: Cleaner

  constructor(table: LineTable, lock: SpinLock, translations: TranslationArrays, heirs: Heirs, cleaner: Cleaner) {
    this.#table = table
    this.#lock = lock
    this.#translations = translations
    this.#heirs = heirs
    this.#cleaner = cleaner
  }

  /**
   * The child sees the parent's pages as they are now, without any line being sent or copied. The parent's lines get
   * the child's bit: in HEIRS when dirty (the memory manager lacks this content), in PEERS when clean. A child's miss
   * copies a line that has its bit. Before such a line's content changes or is lost its HEIRS get it written back.
   * `forkManager` makes the memory manager's fork; it runs under the lock, so that no write-back comes between.
   */
  fork(parent: number, child: number, forkManager: () => void = () => {}): void {
    this.#lock.acquire()
    const table = this.#table
    // Nothing may be pending from here on: no bit may be seen by others before the memory manager knows the child.
    this.#sweep(parent, 0, ALL_PAGES, () => {})
    const bit = this.#heirs.add(child, (slot) => this.#emptySlot(slot))
    const inherited = this.#heirs.bit(parent)
    this.#sweep(parent, 0, ALL_PAGES, (record) => {
      const set = table.isDirty(record) ? HEIRS : PEERS
      table.set(record, set, table.get(record, set) | bit)
      if (set === HEIRS) table.clearTranslations(record, true)
    })
    this.#eachWithHeir(inherited, (record) => {
      for (const set of [HEIRS, PEERS]) {
        if (table.get(record, set) & inherited) table.set(record, set, table.get(record, set) | bit)
      }
    })
    forkManager()
    this.#lock.release()
  }

  #emptySlot(slot: number): void {
    const bit = 1 << slot
    this.#eachWithHeir(bit, (record) => {
      if (this.#table.get(record, HEIRS) & bit) this.#cleaner.settleFor(record, slot)
      this.#heirs.forget(record, bit)
    })
  }

  /** munmap, or a new mapping over old ones: the lines go; unless `discard`, the dirty ones are written back. */
  invalidate(asid: number, firstPage: number, count: number, { discard }: { discard: boolean }): void {
    this.#lock.acquire()
    this.#clearPages(asid, firstPage, count)
    this.#sweep(asid, firstPage, count, (record) => {
      if (discard) this.#cleaner.settle(record)
      else this.#cleaner.clean(record, true)
      this.#table.discard(record)
    })
    this.#forgetInherited(asid, firstPage, count, !discard)
    this.#lock.release()
  }

  /** mprotect: new protection for the lines there are. */
  protect(asid: number, firstPage: number, count: number, prot: number): void {
    this.#lock.acquire()
    this.#clearPages(asid, firstPage, count)
    this.#sweep(asid, firstPage, count, (record) => {
      this.#table.clearTranslations(record, false)
      this.#table.set(record, STATE, (this.#table.get(record, STATE) & ~PROTECTION) | (prot & PROTECTION))
    })
    this.#lock.release()
  }

  /**
   * Writes dirty lines back and keeps them. With several vCPUs they stay dirty, since one of them may be writing.
   * What the space sees of a relative's lines is written back too: afterwards the memory manager has all of it.
   */
  flush(asid: number, firstPage = 0, count = ALL_PAGES, mayBeWritten = this.#table.vcpus > 1): void {
    this.#lock.acquire()
    this.#sweep(asid, firstPage, count, (record) => this.#cleaner.clean(record, !mayBeWritten))
    this.#forgetInherited(asid, firstPage, count, true)
    this.#lock.release()
  }

  /**
   * The same for an object (msync, or before another processor maps it); pages are the object's. `mayBeWritten`: the caller has host addresses that
   * it will still write to.
   */
  flushObject(object: number, firstPage?: number, count?: number, mayBeWritten?: boolean): void {
    this.flush(-object, firstPage, count, mayBeWritten)
  }

  /** Forgets an object's lines (truncated, or its last mapping is gone); pages are the object's. */
  dropObject(object: number, { discard }: { discard: boolean }, firstPage = 0, count = ALL_PAGES): void {
    this.invalidate(-object, firstPage, count, { discard })
  }

  /** mremap, when the new place is known beforehand: call before the memory manager moves its pages. */
  move(asid: number, fromPage: number, toPage: number, count: number): void {
    this.invalidate(asid, fromPage, count, { discard: false })
    this.moved(asid, fromPage, toPage, count)
  }

  /**
   * mremap, when the memory manager chooses the place: first `invalidate` the old one with discard false, then let it
   * move its pages, then call this. Without it the new place would be taken for untouched memory and zero-filled.
   */
  moved(asid: number, fromPage: number, toPage: number, count: number): void {
    this.invalidate(asid, toPage, count, { discard: true })
    this.#lock.acquire()
    this.#cleaner.moved(asid, fromPage, toPage, count)
    this.#lock.release()
  }

  /** exit or execve: nobody needs the lines but forked children, who get theirs written back. */
  dropSpace(asid: number): void {
    this.#lock.acquire()
    this.#sweep(asid, 0, ALL_PAGES, (record) => {
      this.#cleaner.settle(record)
      this.#table.discard(record)
    })
    this.#heirs.remove(asid)
    // A later bind then empties the array, even when the number is given to a new space.
    for (let vcpu = 0; vcpu < this.#table.vcpus; vcpu++) {
      Atomics.compareExchange(this.#table.words, this.#table.vcpuWord(vcpu, BOUND), asid, 0)
    }
    this.#lock.release()
  }

  /** Number of the last eviction or shoot-down. */
  epoch(): number {
    return this.#table.epoch()
  }

  /** Whether every running vCPU has been at a safepoint since `epoch`. */
  hasPassed(epoch: number): boolean {
    return ((this.#table.safeEpoch() - epoch) | 0) >= 0
  }

  /** Starts a new epoch and returns it: wait for hasPassed to know that no vCPU has an older tag. */
  startEpoch(): number {
    this.#lock.acquire()
    const epoch = this.#table.nextEpoch()
    this.#lock.release()
    return epoch
  }

  counters(): Record<CounterName, number> {
    return readCounters(this.#table.counters)
  }

  /** Translations of shared lines too, which no private record leads to. */
  #clearPages(asid: number, firstPage: number, count: number): void {
    for (let vcpu = 0; vcpu < this.#table.vcpus; vcpu++) {
      if (Atomics.load(this.#table.words, this.#table.vcpuWord(vcpu, BOUND)) !== asid) continue
      this.#translations.clearPages(vcpu, firstPage, count)
    }
  }

  /** A forked space no longer looks for these pages at its relatives. */
  #forgetInherited(asid: number, firstPage: number, count: number, settle: boolean): void {
    const bit = this.#heirs.bit(asid)
    if (asid <= 0 || bit === 0) return
    this.#eachWithHeir(bit, (record) => {
      const page = this.#table.page(record)
      if (page < firstPage || page >= firstPage + count) return
      if (settle && this.#table.get(record, HEIRS) & bit) this.#cleaner.settleFor(record, 31 - Math.clz32(bit))
      this.#heirs.forget(record, bit)
    })
  }

  #eachWithHeir(bit: number, action: (record: number) => void): void {
    if (bit === 0) return
    const table = this.#table
    let record = table.nextWithHeir(bit, 0)
    while (record < table.records) {
      action(record)
      record = table.nextWithHeir(bit, record + 1)
    }
  }

  /** Runs `action` on every record of a range. A line being fetched is waited for, and the range begun again. */
  #sweep(space: number, firstPage: number, count: number, action: (record: number) => void): void {
    const table = this.#table
    const perPage = table.layout.ways + table.layout.limboFrames
    while (!(count * perPage < table.records ? pages() : all())) this.#lock.pause()

    function visit(record: number): boolean {
      if (table.get(record, STATE) & PENDING) return false
      action(record)
      return true
    }
    function pages(): boolean {
      for (let page = firstPage; page < firstPage + count; page++) {
        const line = table.find(space, page)
        if (line >= 0 && !visit(line)) return false
        const slot = table.findLimbo(space, page)
        if (slot >= 0 && !visit(slot)) return false
      }
      return true
    }
    function all(): boolean {
      for (let record = table.nextOf(space, 0); record < table.records; record = table.nextOf(space, record + 1)) {
        const page = table.page(record)
        if (page >= firstPage && page < firstPage + count && !visit(record)) return false
      }
      return true
    }
  }
}
