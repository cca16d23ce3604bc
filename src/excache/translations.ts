// The vCPUs' translation arrays (layout in lib/translation-array.ts): filled by their own vCPU, cleared by any, both
// under the ExCache's lock. A clear touches tags only, so a probe racing with it uses an addend that is still good.
import {
  ADDEND,
  ARRAY_SIZE,
  ENTRIES,
  ENTRY_SIZE,
  FRAME,
  READ_TAG,
  WAY_SIZE,
  WRITE_TAG,
} from '../lib/translation-array.js'

const ENTRY_WORDS = ENTRY_SIZE / 4
const WAY_WORDS = WAY_SIZE / 4
const ARRAY_WORDS = ARRAY_SIZE / 4
const READ_LOW = READ_TAG / 4
const WRITE_LOW = WRITE_TAG / 4
const ADDEND_WORD = ADDEND / 4
const FRAME_WORD = FRAME / 4
/** Beyond this many fills it is cheaper to wipe the whole array. */
const REMEMBERED = 2048

export class TranslationArrays {
  readonly #words: Int32Array
  readonly #base: number
  readonly #vcpus: number
  /** Entry indices filled since the last flush, by vCPU. Only vCPU 0 is driven by one ExCache object alone, and so may use its list. */
  readonly #filled: Int32Array[]
  readonly #count: Int32Array

  constructor(words: Int32Array, base: number, vcpus: number) {
    this.#words = words
    this.#base = base / 4
    this.#vcpus = vcpus
    this.#filled = Array.from({ length: vcpus }, () => new Int32Array(REMEMBERED))
    this.#count = new Int32Array(vcpus)
  }

  /** Puts a page into way 0; what was there moves to way 1. */
  fill(vcpu: number, page: number, host: number, frame: number, writable: boolean): void {
    const words = this.#words
    const index = page % ENTRIES
    const at = this.#base + vcpu * ARRAY_WORDS + index * ENTRY_WORDS
    const low = (page << 12) | 0
    const high = Math.floor(page / 0x100000)
    if (words[at + READ_LOW] !== low || words[at + READ_LOW + 1] !== high) {
      words.copyWithin(at + WAY_WORDS, at, at + ENTRY_WORDS)
      const count = this.#count[vcpu]!
      if (count < REMEMBERED) this.#filled[vcpu]![count] = index
      this.#count[vcpu] = count + 1
    }
    words[at + READ_LOW] = low
    words[at + READ_LOW + 1] = high
    words[at + WRITE_LOW] = writable ? low : -1
    words[at + WRITE_LOW + 1] = writable ? high : -1
    words[at + ADDEND_WORD] = (host - low) | 0
    words[at + FRAME_WORD] = frame
  }

  /** Forgets everything a vCPU has. */
  flush(vcpu: number): void {
    const words = this.#words
    const at = this.#base + vcpu * ARRAY_WORDS
    const count = this.#count[vcpu]!
    this.#count[vcpu] = 0
    if (count > REMEMBERED || vcpu > 0) {
      words.fill(-1, at, at + ARRAY_WORDS)
      return
    }
    const filled = this.#filled[vcpu]!
    for (let fill = 0; fill < count; fill++) {
      const entry = at + filled[fill]! * ENTRY_WORDS
      words.fill(-1, entry, entry + ENTRY_WORDS)
      words.fill(-1, entry + WAY_WORDS, entry + WAY_WORDS + ENTRY_WORDS)
    }
  }

  /** Clears what points at a frame, in all arrays; `index` is its only entry index, or negative when it may be any. */
  clearFrame(frame: number, index: number, writesOnly: boolean): number {
    let cleared = 0
    for (let vcpu = 0; vcpu < this.#vcpus; vcpu++) {
      const first = this.#base + vcpu * ARRAY_WORDS
      if (index >= 0) {
        cleared += this.#clearIfFrame(first + index * ENTRY_WORDS, frame, writesOnly)
        cleared += this.#clearIfFrame(first + index * ENTRY_WORDS + WAY_WORDS, frame, writesOnly)
      } else {
        for (let at = first; at < first + ARRAY_WORDS; at += ENTRY_WORDS) {
          cleared += this.#clearIfFrame(at, frame, writesOnly)
        }
      }
    }
    return cleared
  }

  /** Clears one vCPU's translations of a range of pages. */
  clearPages(vcpu: number, firstPage: number, count: number): number {
    const first = this.#base + vcpu * ARRAY_WORDS
    let cleared = 0
    if (count < ENTRIES) {
      for (let page = firstPage; page < firstPage + count; page++) {
        const at = first + (page % ENTRIES) * ENTRY_WORDS
        cleared += this.#clearIfWithin(at, page, 1) + this.#clearIfWithin(at + WAY_WORDS, page, 1)
      }
    } else {
      for (let at = first; at < first + ARRAY_WORDS; at += ENTRY_WORDS) {
        cleared += this.#clearIfWithin(at, firstPage, count)
      }
    }
    return cleared
  }

  #clearIfFrame(at: number, frame: number, writesOnly: boolean): number {
    const words = this.#words
    if (words[at + FRAME_WORD] !== frame) return 0
    if (writesOnly) {
      if (words[at + WRITE_LOW + 1] === -1) return 0
      this.#clearTag(at + WRITE_LOW)
      return 1
    }
    return this.#clear(at)
  }

  #clearIfWithin(at: number, firstPage: number, count: number): number {
    const high = this.#words[at + READ_LOW + 1]!
    if (high === -1) return 0
    const page = high * 0x100000 + (this.#words[at + READ_LOW]! >>> 12)
    return page >= firstPage && page < firstPage + count ? this.#clear(at) : 0
  }

  #clear(at: number): number {
    if (this.#words[at + READ_LOW + 1] === -1) return 0
    this.#clearTag(at + READ_LOW)
    this.#clearTag(at + WRITE_LOW)
    this.#words[at + FRAME_WORD] = -1
    return 1
  }

  /** High word first: with it at -1 no half-cleared tag equals an address. */
  #clearTag(at: number): void {
    Atomics.store(this.#words, at + 1, -1)
    Atomics.store(this.#words, at, -1)
  }
}
