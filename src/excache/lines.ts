// The records of lines and limbo slots: finding, choosing victims, moving between set and limbo, epochs. All calls are
// made under the ExCache's lock. A record is named by its number: lines first, set by set, then limbo slots.
// Every record owns one frame; a line and a limbo slot change places by exchanging records, never bytes.
import { PAGE_SIZE } from '../lib/translation-array.js'
import * as counter from './counters.js'
import {
  ALIAS,
  BLOCK,
  CLOCK,
  DIRTY,
  EPOCH,
  type ExCacheOptions,
  FRAME_XOR,
  HEIRS,
  HELD,
  KEY_MASK,
  type Layout,
  LIMBO_USED,
  layout,
  MANY_ALIASES,
  NO_ALIAS,
  PAGE_HIGH_SHIFT,
  PAGE_LOW,
  PEERS,
  PENDING,
  RECORD_WORDS,
  RUNNING,
  SEEN,
  SPACE,
  STAMP,
  STATE,
  VALID,
  VCPU_WORDS,
  VCPUS,
} from './layout.js'
import type { TranslationArrays } from './translations.js'

export const NONE = -1
/** All ways of the set are being fetched into. */
export const BUSY = -2
const NO_WAY = NONE
const HIGH_MASK = 7

export class LineTable {
  readonly words: Int32Array
  readonly layout: Layout
  readonly counters: Float64Array
  readonly vcpus: number
  readonly #header: number
  readonly #records: number
  readonly #blocks: number
  readonly #framesBase: number
  readonly #translations: TranslationArrays

  constructor(options: ExCacheOptions, words: Int32Array, translations: TranslationArrays) {
    this.words = words
    this.layout = layout(options)
    this.vcpus = options.vcpus
    this.counters = new Float64Array(
      options.memory.buffer,
      options.tableBase + this.layout.counters,
      counter.COUNTERS.length,
    )
    this.#header = options.tableBase / 4
    this.#records = (options.tableBase + this.layout.records) / 4
    this.#blocks = (options.tableBase + this.layout.blocks) / 4
    this.#framesBase = options.framesBase
    this.#translations = translations
  }

  get(record: number, word: number): number {
    return this.words[this.#records + record * RECORD_WORDS + word]!
  }

  set(record: number, word: number, value: number): void {
    this.words[this.#records + record * RECORD_WORDS + word] = value
  }

  header(word: number): number {
    return this.words[this.#header + word]!
  }

  setHeader(word: number, value: number): void {
    this.words[this.#header + word] = value
  }

  vcpuWord(vcpu: number, word: number): number {
    return this.#header + VCPUS + vcpu * VCPU_WORDS + word
  }

  /** Lines and limbo slots together. */
  get records(): number {
    return this.layout.lines + this.layout.limboFrames
  }

  frame(record: number): number {
    return this.get(record, FRAME_XOR) ^ record
  }

  host(record: number): number {
    return this.#framesBase + this.frame(record) * PAGE_SIZE
  }

  page(record: number): number {
    const high = (this.get(record, STATE) >>> PAGE_HIGH_SHIFT) & HIGH_MASK
    return high * 0x100000000 + (this.get(record, PAGE_LOW) >>> 0)
  }

  /** The line of a page in its set, or NONE. */
  find(space: number, page: number): number {
    const first = ((page | 0) & (this.layout.sets - 1)) * this.layout.ways
    return this.#search(first, first + this.layout.ways, space, page)
  }

  /** The limbo slot of a page, or NONE. */
  findLimbo(space: number, page: number): number {
    if (this.header(LIMBO_USED) === 0) return NONE
    return this.#search(this.layout.lines, this.records, space, page)
  }

  #search(first: number, end: number, space: number, page: number): number {
    const words = this.words
    const low = page | 0
    const key = (Math.floor(page / 0x100000000) << PAGE_HIGH_SHIFT) | VALID
    let at = this.#records + first * RECORD_WORDS
    for (let record = first; record < end; record++, at += RECORD_WORDS) {
      if (words[at + PAGE_LOW] === low && words[at + SPACE] === space && (words[at + STATE]! & KEY_MASK) === key) {
        return record
      }
    }
    return NONE
  }

  /** A private line of this page, in its set or in limbo, that still holds the content heir `bit` sees; or NONE. */
  findAncestor(page: number, bit: number): number {
    const first = ((page | 0) & (this.layout.sets - 1)) * this.layout.ways
    const found = this.#searchAncestor(first, first + this.layout.ways, page, bit)
    return found !== NONE ? found : this.#searchAncestor(this.layout.lines, this.records, page, bit)
  }

  #searchAncestor(first: number, end: number, page: number, bit: number): number {
    for (let record = first; record < end; record++) {
      if (((this.get(record, HEIRS) | this.get(record, PEERS)) & bit) === 0) continue
      if (this.get(record, STATE) & VALID && this.page(record) === page) return record
    }
    return NONE
  }

  /** The first record from `from` on that is a line of this space; `records` when there is none. */
  nextOf(space: number, from: number): number {
    const words = this.words
    const end = this.records
    let record = this.#skip(from)
    for (let at = this.#records + record * RECORD_WORDS; record < end; at += RECORD_WORDS) {
      if (words[at + SPACE] === space && words[at + STATE]! & VALID) return record
      record++
      if (record % BLOCK === 0) {
        record = this.#skip(record)
        at = this.#records + (record - 1) * RECORD_WORDS
      }
    }
    return end
  }

  /** The first record from `from` on with any of these heirs or peers; `records` when there is none. */
  nextWithHeir(bits: number, from: number): number {
    const words = this.words
    const end = this.records
    let record = this.#skip(from)
    for (let at = this.#records + record * RECORD_WORDS; record < end; at += RECORD_WORDS) {
      if ((words[at + HEIRS]! | words[at + PEERS]!) & bits) return record
      record++
      if (record % BLOCK === 0) {
        record = this.#skip(record)
        at = this.#records + (record - 1) * RECORD_WORDS
      }
    }
    return end
  }

  /** At the start of a block: the start of the next one with a record in use. Elsewhere: the record itself. */
  #skip(from: number): number {
    let record = from
    while (record % BLOCK === 0 && record < this.records && this.#isEmptyBlock(record)) record += BLOCK
    return Math.min(record, this.records)
  }

  #isEmptyBlock(first: number): boolean {
    const block = first / BLOCK
    const bit = 1 << (block & 31)
    if ((this.words[this.#blocks + (block >>> 5)]! & bit) === 0) return true
    const end = Math.min(first + BLOCK, this.records)
    for (let record = first; record < end; record++) if (this.get(record, STATE) !== 0) return false
    this.words[this.#blocks + (block >>> 5)]! &= ~bit
    return true
  }

  #use(record: number): void {
    const block = Math.floor(record / BLOCK)
    this.words[this.#blocks + (block >>> 5)]! |= 1 << (block & 31)
  }

  /** Gives an empty record its key. */
  claim(record: number, space: number, page: number, bits: number): void {
    this.set(record, PAGE_LOW, page | 0)
    this.set(record, SPACE, space)
    this.set(record, STATE, (Math.floor(page / 0x100000000) << PAGE_HIGH_SHIFT) | VALID | bits)
    this.set(record, HEIRS, 0)
    this.set(record, PEERS, 0)
    this.set(record, ALIAS, NO_ALIAS)
    this.#use(record)
    this.touch(record)
  }

  touch(record: number): void {
    const clock = (this.header(CLOCK) + 1) | 0
    this.setHeader(CLOCK, clock)
    this.set(record, STAMP, clock)
  }

  /** An empty line in the page's set if there is one, else the victim; BUSY when every way is being fetched into. */
  choose(page: number): number {
    const first = ((page | 0) & (this.layout.sets - 1)) * this.layout.ways
    const clock = this.header(CLOCK)
    let victim = BUSY
    let oldest = -1
    for (let record = first; record < first + this.layout.ways; record++) {
      const state = this.get(record, STATE)
      if (state === 0) return record
      if (state & PENDING) continue
      if (state & HELD && this.#passed(this.get(record, ALIAS))) {
        this.set(record, STATE, 0)
        return record
      }
      const age = (clock - this.get(record, STAMP)) >>> 0
      if (age > oldest) {
        oldest = age
        victim = record
      }
    }
    return victim
  }

  freeSlot(): number {
    if (this.header(LIMBO_USED) === this.layout.limboFrames) return NO_WAY
    for (let slot = this.layout.lines; slot < this.records; slot++) {
      if (this.get(slot, STATE) === 0) return slot
    }
    return NO_WAY
  }

  /** A line and a limbo slot change places; the line's translations go, and its wait for the epoch begins. */
  exchange(line: number, slot: number): void {
    const words = this.words
    const state = this.get(line, STATE)
    if (state & VALID) {
      this.clearTranslations(line, false)
      this.counters[counter.EVICTIONS]! += 1
      this.set(line, ALIAS, this.nextEpoch())
    }
    const used = (state === 0 ? 0 : 1) - (this.get(slot, STATE) === 0 ? 0 : 1)
    this.setHeader(LIMBO_USED, this.header(LIMBO_USED) + used)
    this.#use(line)
    this.#use(slot)
    const a = this.#records + line * RECORD_WORDS
    const b = this.#records + slot * RECORD_WORDS
    for (let word = 0; word < RECORD_WORDS; word++) {
      const kept = words[a + word]!
      words[a + word] = words[b + word]!
      words[b + word] = kept
    }
    words[a + FRAME_XOR]! ^= line ^ slot
    words[b + FRAME_XOR]! ^= line ^ slot
    this.set(line, ALIAS, NO_ALIAS)
  }

  /** Empties a record. Its frame rests until no vCPU can have its host address, unless the caller is alone. */
  discard(record: number): void {
    if (record >= this.layout.lines) {
      this.set(record, STATE, HELD)
    } else {
      this.clearTranslations(record, false)
      this.set(record, STATE, this.vcpus === 1 ? 0 : HELD)
      this.set(record, ALIAS, this.vcpus === 1 ? NO_ALIAS : this.nextEpoch())
    }
    this.set(record, HEIRS, 0)
    this.set(record, PEERS, 0)
  }

  /** Frees a limbo slot whose epoch has passed. */
  release(slot: number): void {
    this.set(slot, STATE, 0)
    this.set(slot, HEIRS, 0)
    this.set(slot, PEERS, 0)
    this.setHeader(LIMBO_USED, this.header(LIMBO_USED) - 1)
  }

  nextEpoch(): number {
    const epoch = (this.header(EPOCH) + 1) | 0
    Atomics.store(this.words, this.#header + EPOCH, epoch)
    return epoch
  }

  epoch(): number {
    return Atomics.load(this.words, this.#header + EPOCH)
  }

  /** The newest epoch that every running vCPU has seen at a safepoint. */
  safeEpoch(): number {
    const now = this.epoch()
    let lag = 0
    for (let vcpu = 0; vcpu < this.vcpus; vcpu++) {
      if (Atomics.load(this.words, this.vcpuWord(vcpu, RUNNING)) === 0) continue
      lag = Math.max(lag, (now - Atomics.load(this.words, this.vcpuWord(vcpu, SEEN))) | 0)
    }
    return (now - lag) | 0
  }

  #passed(epoch: number): boolean {
    return ((this.safeEpoch() - epoch) | 0) >= 0
  }

  /** Notes that array entry `index` may point at a line. */
  noteAlias(line: number, index: number): void {
    const alias = this.get(line, ALIAS)
    if (alias !== index + 1) this.set(line, ALIAS, alias === NO_ALIAS ? index + 1 : MANY_ALIASES)
  }

  /** Clears the translations of a record, in all vCPUs' arrays; in limbo there are none. */
  clearTranslations(record: number, writesOnly: boolean): void {
    if (record >= this.layout.lines) return
    const alias = this.get(record, ALIAS)
    if (alias === NO_ALIAS) return
    const cleared = this.#translations.clearFrame(this.frame(record), alias - 1, writesOnly)
    this.counters[counter.SHOOTDOWNS]! += cleared
    if (!writesOnly) this.set(record, ALIAS, NO_ALIAS)
  }

  isDirty(record: number): boolean {
    return (this.get(record, STATE) & DIRTY) !== 0
  }
}
