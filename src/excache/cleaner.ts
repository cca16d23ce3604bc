// Sends line contents to their owners: write-back of dirty lines, settling of heirs, reclaiming of limbo. All calls are
// made under the ExCache's lock, so a fetch cannot overtake the write-back of the same page.
import * as counter from './counters.js'
import type { PageFilter } from './filter.js'
import type { Heirs } from './heirs.js'
import { ALIAS, DIRTY, HEIR_COUNT, HEIRS, LIMBO_USED, PEERS, SPACE, STATE } from './layout.js'
import type { LineTable } from './lines.js'
import type { LineSource } from './source.js'

export class Cleaner {
  readonly #table: LineTable
  readonly #heirs: Heirs
  readonly #backed: PageFilter
  readonly #source: LineSource

  constructor(table: LineTable, heirs: Heirs, backed: PageFilter, source: LineSource) {
    this.#table = table
    this.#heirs = heirs
    this.#backed = backed
    this.#source = source
  }

  /** Writes a dirty line back, for its own space and its heirs. It stays dirty when a vCPU may still be writing to it. */
  clean(record: number, quiet: boolean): void {
    const table = this.#table
    const heirs = table.get(record, HEIRS)
    this.settle(record)
    if (!table.isDirty(record)) return
    this.#send(table.get(record, SPACE), record)
    table.counters[counter.WRITE_BACKS]! += 1
    if (!quiet) return
    table.clearTranslations(record, true)
    table.set(record, STATE, table.get(record, STATE) & ~DIRTY)
    // The heirs have it at the memory manager now, and may still copy it from here.
    table.set(record, PEERS, table.get(record, PEERS) | heirs)
  }

  /** Writes a line's content back for every heir that has it nowhere else. */
  settle(record: number): void {
    const heirs = this.#table.get(record, HEIRS)
    for (let slot = 0; heirs !== 0 && slot < HEIR_COUNT; slot++) {
      if (heirs & (1 << slot)) this.settleFor(record, slot)
    }
  }

  settleFor(record: number, slot: number): void {
    this.#send(this.#heirs.asid(slot), record)
    this.#table.counters[counter.SETTLED]! += 1
    this.#table.set(record, HEIRS, this.#table.get(record, HEIRS) & ~(1 << slot))
  }

  #send(space: number, record: number): void {
    const page = this.#table.page(record)
    this.#backed.add(space, page)
    this.#source.writeBack(space, page, this.#table.host(record))
  }

  /** The memory manager moves what it has of these pages. */
  moved(space: number, fromPage: number, toPage: number, count: number): void {
    for (let i = 0; i < count; i++) if (this.#backed.has(space, fromPage + i)) this.#backed.add(space, toPage + i)
  }

  /** Frees every limbo frame that no running vCPU can still be using. */
  reclaim(): void {
    const table = this.#table
    if (table.header(LIMBO_USED) === 0) return
    const safe = table.safeEpoch()
    for (let slot = table.layout.lines; slot < table.records; slot++) {
      const state = table.get(slot, STATE)
      if (state === 0 || ((safe - table.get(slot, ALIAS)) | 0) < 0) continue
      this.clean(slot, true)
      table.release(slot)
      table.counters[counter.RECLAIMED]! += 1
    }
  }
}
