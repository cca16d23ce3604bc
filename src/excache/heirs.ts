// Forked address spaces that may still find their pages in a relative's lines. Each has one of 31 slots; a line's
// HEIRS and PEERS words are sets of slots. What the sets mean is written at `ExCache.fork`.
import { HEIR_COUNT, HEIR_SLOTS, HEIRS, NEXT_HEIR, PEERS } from './layout.js'
import type { LineTable } from './lines.js'

export class Heirs {
  readonly #table: LineTable

  constructor(table: LineTable) {
    this.#table = table
  }

  /** The bit of an address space, or 0 when it has no slot. */
  bit(asid: number): number {
    for (let slot = 0; slot < HEIR_COUNT; slot++) {
      if (this.#table.header(HEIR_SLOTS + slot) === asid) return 1 << slot
    }
    return 0
  }

  /** The address space in a slot; 0 when free. */
  asid(slot: number): number {
    return this.#table.header(HEIR_SLOTS + slot)
  }

  /** Gives `asid` a slot; when none is free, `empty` is first called for the one that is to be reused. */
  add(asid: number, empty: (slot: number) => void): number {
    let slot = 0
    while (slot < HEIR_COUNT && this.asid(slot) !== 0) slot++
    if (slot === HEIR_COUNT) {
      slot = this.#table.header(NEXT_HEIR)
      this.#table.setHeader(NEXT_HEIR, (slot + 1) % HEIR_COUNT)
      empty(slot)
    }
    this.#table.setHeader(HEIR_SLOTS + slot, asid)
    return 1 << slot
  }

  remove(asid: number): void {
    const bit = this.bit(asid)
    if (bit === 0) return
    this.#table.setHeader(HEIR_SLOTS + 31 - Math.clz32(bit), 0)
    const table = this.#table
    for (
      let record = table.nextWithHeir(bit, 0);
      record < table.records;
      record = table.nextWithHeir(bit, record + 1)
    ) {
      this.forget(record, bit)
    }
  }

  /** This record's content is no longer what the heir sees, or the heir has its own copy. */
  forget(record: number, bit: number): void {
    this.#table.set(record, HEIRS, this.#table.get(record, HEIRS) & ~bit)
    this.#table.set(record, PEERS, this.#table.get(record, PEERS) & ~bit)
  }
}
