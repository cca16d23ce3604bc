// A set of pages that may answer "yes" wrongly but never "no" wrongly, in the shared memory: one bit per hash. Private
// pages are entered by page number alone, so that what a parent entered also holds for its forked children.

export class PageFilter {
  readonly #words: Int32Array
  readonly #base: number
  readonly #mask: number

  /** `base` is a word index; `bits` a power of two. */
  constructor(words: Int32Array, base: number, bits: number) {
    this.#words = words
    this.#base = base
    this.#mask = bits - 1
  }

  add(space: number, page: number): void {
    const bit = this.#bit(space, page)
    this.#words[this.#base + (bit >>> 5)]! |= 1 << (bit & 31)
  }

  has(space: number, page: number): boolean {
    const bit = this.#bit(space, page)
    return ((this.#words[this.#base + (bit >>> 5)]! >>> (bit & 31)) & 1) !== 0
  }

  /** Neighbouring pages get neighbouring bits: a program's pages then do not collide with each other. */
  #bit(space: number, page: number): number {
    const high = Math.imul(Math.floor(page / (this.#mask + 1)), 0x9e3779b1)
    return ((page | 0) ^ (high >>> 7) ^ Math.imul(Math.min(space, 0), 0x85ebca6b)) & this.#mask
  }
}
