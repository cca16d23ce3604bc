// Physical memory of a memory component: frames of 4 KiB out of 1 MiB slabs that are allocated on demand, with a reference count each (fork shares
// frames). Frame numbers start at 1; 0 is "none", also the answer when the limit is reached or the host has no more.
// Freed frames are reused; slabs are never given back.
import { assert } from '../lib/assert.js'
import { PAGE } from '../wire/layout.js'

const SLAB_FRAMES = 256

export class Frames {
  readonly limit: number
  used = 0
  #slabs: Uint8Array[] = []
  #views: (Uint8Array | undefined)[] = [undefined]
  #references = new Int32Array(SLAB_FRAMES)
  #free: number[] = []
  #next = 1

  /** Room for `limitBytes` of pages. */
  constructor(limitBytes: number) {
    this.limit = Math.min(Math.floor(limitBytes / PAGE), 0x7fff_ffff)
  }

  /** A frame with one reference and undefined contents, or 0. */
  allocate(): number {
    if (this.used >= this.limit) return 0
    const freed = this.#free.pop()
    if (freed === undefined && !this.#hasRoom()) return 0
    const frame = freed ?? this.#next++
    this.used++
    this.#references[frame] = 1
    return frame
  }

  /** Makes room for one frame more; false when the host has no memory for it. */
  #hasRoom(): boolean {
    const frame = this.#next
    try {
      if (frame >= this.#references.length) {
        const larger = new Int32Array(this.#references.length * 2)
        larger.set(this.#references)
        this.#references = larger
      }
      while (this.#slabs.length <= Math.floor(frame / SLAB_FRAMES)) this.#slabs.push(new Uint8Array(SLAB_FRAMES * PAGE))
      return true
    } catch (error) {
      // V8's "Array buffer allocation failed".
      if (error instanceof RangeError) return false
      throw error
    }
  }

  /** The frame's 4096 bytes. */
  bytes(frame: number): Uint8Array {
    const known = this.#views[frame]
    if (known !== undefined) return known
    assert(frame > 0 && frame < this.#next, `frame ${frame} exists`)
    const slab = Math.floor(frame / SLAB_FRAMES)
    const at = (frame % SLAB_FRAMES) * PAGE
    const view = this.#slabs[slab]!.subarray(at, at + PAGE)
    while (this.#views.length <= frame) this.#views.push(undefined)
    this.#views[frame] = view
    return view
  }

  retain(frame: number): void {
    assert(this.#references[frame]! > 0, `frame ${frame} is in use`)
    this.#references[frame]!++
  }

  release(frame: number): void {
    const left = --this.#references[frame]!
    assert(left >= 0, `frame ${frame} is released once too often`)
    if (left > 0) return
    this.#free.push(frame)
    this.used--
  }

  isShared(frame: number): boolean {
    return this.#references[frame]! > 1
  }
}
