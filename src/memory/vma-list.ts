// The sorted vmas of one address space. Every change goes through `replace`, which splits at the edges, merges with the neighbours as the kernel
// does (mm/mmap.c, vma_merge) and answers what a mirror must replace.
// Leaves out pages: see page-table.ts.
import { MAP } from '../abi/mman.js'
import { type LayoutChange, PAGE, type Vma, vmaIndex } from '../wire/layout.js'

/** Guard gap that the kernel keeps below a MAP_GROWSDOWN mapping. */
export const STACK_GUARD = 256 * PAGE

/** Told about every vma that comes or goes, so that files and objects can be counted. */
export interface VmaObserver {
  added(vma: Vma): void
  removed(vma: Vma): void
}

export function isAnonymousPrivate(vma: Vma): boolean {
  return vma.object === 0 && vma.file === ''
}

/** The part of `vma` in start..end. */
export function clip(vma: Vma, start: number, end: number): Vma {
  if (start === vma.start && end === vma.end) return vma
  const offset = isAnonymousPrivate(vma) ? 0 : vma.offset + (start - vma.start)
  return { ...vma, start, end, offset }
}

function canMerge(low: Vma, high: Vma): boolean {
  return (
    low.end === high.start &&
    low.prot === high.prot &&
    low.flags === high.flags &&
    low.maxProt === high.maxProt &&
    low.object === high.object &&
    low.file === high.file &&
    (isAnonymousPrivate(low) || low.offset + (low.end - low.start) === high.offset)
  )
}

export class VmaList {
  readonly vmas: Vma[]
  #observer: VmaObserver

  constructor(observer: VmaObserver, vmas: readonly Vma[] = []) {
    this.#observer = observer
    this.vmas = [...vmas]
    for (const vma of vmas) observer.added(vma)
  }

  indexOf(address: number): number {
    return vmaIndex(this.vmas, address)
  }

  find(address: number): Vma | undefined {
    const vma = this.vmas[this.indexOf(address)]
    return vma !== undefined && vma.start <= address ? vma : undefined
  }

  /** Where the free space below vma `index` ends. */
  gapEnd(index: number): number {
    const vma = this.vmas[index]!
    return (vma.flags & MAP.GROWSDOWN) !== 0 ? Math.max(0, vma.start - STACK_GUARD) : vma.start
  }

  isFree(start: number, end: number): boolean {
    const next = this.vmas[this.indexOf(start)]
    return next === undefined || next.start >= end
  }

  /** No holes in start..end. */
  covers(start: number, end: number): boolean {
    return this.coveredUntil(start, end) === end
  }

  /** Address of the first hole in start..end, or `end`. */
  coveredUntil(start: number, end: number): number {
    let at = start
    for (let index = this.indexOf(start); at < end; index++) {
      const vma = this.vmas[index]
      if (vma === undefined || vma.start > at) return at
      at = vma.end
    }
    return end
  }

  /** The parts of vmas inside start..end become `change(part)` (null: unmapped), and `inserted` goes where they were. */
  replace(
    start: number,
    end: number,
    change: (part: Vma) => Vma | null,
    inserted: Vma | null,
    result: number,
  ): LayoutChange {
    let from = this.indexOf(start)
    let to = from
    const fresh: Vma[] = []
    while (to < this.vmas.length && this.vmas[to]!.start < end) {
      const vma = this.vmas[to++]!
      if (vma.start < start) fresh.push(clip(vma, vma.start, start))
      const part = change(clip(vma, Math.max(vma.start, start), Math.min(vma.end, end)))
      if (part !== null) fresh.push(part)
      if (vma.end > end) fresh.push(clip(vma, end, vma.end))
    }
    if (inserted !== null) {
      const at = fresh.findIndex((vma) => vma.start > inserted.start)
      fresh.splice(at < 0 ? fresh.length : at, 0, inserted)
    }
    const below = this.vmas[from - 1]
    if (below !== undefined && fresh.length > 0 && canMerge(below, fresh[0]!)) {
      fresh.unshift(below)
      from--
    }
    const above = this.vmas[to]
    if (above !== undefined && fresh.length > 0 && canMerge(fresh.at(-1)!, above)) {
      fresh.push(above)
      to++
    }
    const merged = mergeAll(fresh)
    for (const vma of merged) this.#observer.added(vma)
    const old = this.vmas.splice(from, to - from, ...merged)
    for (const vma of old) this.#observer.removed(vma)
    const lowest = Math.min(start, old[0]?.start ?? start, merged[0]?.start ?? start)
    const highest = Math.max(end, old.at(-1)?.end ?? end, merged.at(-1)?.end ?? end)
    return { result, start: lowest, end: highest, vmas: merged }
  }

  /** The vmas that overlap start..end, as the change that tells a mirror about several `replace`s at once. */
  changeCovering(first: LayoutChange, second: LayoutChange, result: number): LayoutChange {
    const nothing = first.start === first.end
    const start = nothing ? second.start : Math.min(first.start, second.start)
    const end = nothing ? second.end : Math.max(first.end, second.end)
    const vmas: Vma[] = []
    for (let index = this.indexOf(start); index < this.vmas.length && this.vmas[index]!.start < end; index++) {
      vmas.push(this.vmas[index]!)
    }
    return {
      result,
      start: Math.min(start, vmas[0]?.start ?? start),
      end: Math.max(end, vmas.at(-1)?.end ?? end),
      vmas,
    }
  }

  destroy(): void {
    for (const vma of this.vmas.splice(0)) this.#observer.removed(vma)
  }
}

function mergeAll(vmas: readonly Vma[]): Vma[] {
  const merged: Vma[] = []
  for (const vma of vmas) {
    const last = merged.at(-1)
    if (last !== undefined && canMerge(last, vma)) merged[merged.length - 1] = { ...last, end: vma.end }
    else merged.push(vma)
  }
  return merged
}
