// Which frame holds which page of an address space or object: leaves of 512 pages, as in the hardware's page tables. `fork()` shares whole leaves
// and a leaf is copied when one side changes it, so that forking costs one reference per 2 MiB.
// Frames in a shared leaf are counted once per leaf, and once per leaf copy.
import type { Frames } from './frames.js'

const LEAF_PAGES = 512

interface Leaf {
  readonly frames: Int32Array
  used: number
  owners: number
}

export class PageTable {
  #frames: Frames
  #leaves = new Map<number, Leaf>()

  constructor(frames: Frames) {
    this.#frames = frames
  }

  /** The frame of a page, 0 for none. */
  get(page: number): number {
    const leaf = this.#leaves.get(Math.floor(page / LEAF_PAGES))
    return leaf === undefined ? 0 : leaf.frames[page % LEAF_PAGES]!
  }

  /** The leaf of a page, owned by this table alone. */
  #ownLeaf(number: number): Leaf {
    const leaf = this.#leaves.get(number)
    if (leaf !== undefined && leaf.owners === 1) return leaf
    const own: Leaf = { frames: new Int32Array(LEAF_PAGES), used: 0, owners: 1 }
    if (leaf !== undefined) {
      own.frames.set(leaf.frames)
      own.used = leaf.used
      for (const frame of leaf.frames) if (frame !== 0) this.#frames.retain(frame)
      leaf.owners--
    }
    this.#leaves.set(number, own)
    return own
  }

  /** Puts `frame` (0: none) at `page`, taking over the caller's reference and dropping the one that was there. */
  set(page: number, frame: number): void {
    const number = Math.floor(page / LEAF_PAGES)
    const leaf = this.#ownLeaf(number)
    const slot = page % LEAF_PAGES
    const old = leaf.frames[slot]!
    leaf.frames[slot] = frame
    leaf.used += (frame === 0 ? 0 : 1) - (old === 0 ? 0 : 1)
    if (old !== 0) this.#frames.release(old)
    if (leaf.used === 0) this.#leaves.delete(number)
  }

  /** A frame at `page` that may be overwritten as a whole: its own, not one shared with a fork. 0 when memory is full. */
  frameToReplace(page: number): number {
    const leaf = this.#leaves.get(Math.floor(page / LEAF_PAGES))
    const old = leaf === undefined ? 0 : leaf.frames[page % LEAF_PAGES]!
    if (old !== 0 && leaf!.owners === 1 && !this.#frames.isShared(old)) return old
    const frame = this.#frames.allocate()
    if (frame !== 0) this.set(page, frame)
    return frame
  }

  #drop(leaf: Leaf): void {
    if (--leaf.owners > 0) return
    for (const frame of leaf.frames) if (frame !== 0) this.#frames.release(frame)
  }

  /** Numbers of the existing leaves that touch pages from..to. */
  #leavesIn(from: number, to: number): number[] {
    const first = Math.floor(from / LEAF_PAGES)
    const last = Math.floor((to - 1) / LEAF_PAGES)
    if (last - first >= this.#leaves.size)
      return [...this.#leaves.keys()].filter((leaf) => leaf >= first && leaf <= last)
    const found: number[] = []
    for (let leaf = first; leaf <= last; leaf++) if (this.#leaves.has(leaf)) found.push(leaf)
    return found
  }

  /** Forgets pages from..to (exclusive). */
  clear(from: number, to: number): void {
    if (from >= to) return
    for (const number of this.#leavesIn(from, to)) {
      const base = number * LEAF_PAGES
      if (from <= base && to >= base + LEAF_PAGES) {
        this.#drop(this.#leaves.get(number)!)
        this.#leaves.delete(number)
        continue
      }
      const end = Math.min(to, base + LEAF_PAGES)
      for (let page = Math.max(from, base); page < end; page++) if (this.get(page) !== 0) this.set(page, 0)
    }
  }

  /** Moves the pages from `from` on to `to` on, `count` of them; the ranges do not overlap and the target is empty. */
  move(from: number, to: number, count: number): void {
    for (const number of this.#leavesIn(from, from + count)) {
      const base = number * LEAF_PAGES
      const end = Math.min(from + count, base + LEAF_PAGES)
      for (let page = Math.max(from, base); page < end; page++) {
        const frame = this.get(page)
        if (frame === 0) continue
        this.#frames.retain(frame)
        this.set(page - from + to, frame)
        this.set(page, 0)
      }
    }
  }

  /** A table with the same pages, copied on write. */
  fork(): PageTable {
    const child = new PageTable(this.#frames)
    for (const [number, leaf] of this.#leaves) {
      leaf.owners++
      child.#leaves.set(number, leaf)
    }
    return child
  }

  destroy(): void {
    for (const leaf of this.#leaves.values()) this.#drop(leaf)
    this.#leaves.clear()
  }
}
