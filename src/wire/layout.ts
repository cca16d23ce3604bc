// An address space as its memory manager tells it: vmas, and the changes that calls such as map and unmap make to them.
// The processor mirrors it: keep a sorted array, `applyChange` every reply, ask with `findVma`.
// Vmas are immutable: a changed one is a new object, so that both sides may share them in process.
import { i64, list, type RecordOf, record, text, u32, u64 } from './fields.js'

export const PAGE = 4096
/** The first address that user space does not have (TASK_SIZE of x86-64 with four-level page tables). */
export const TASK_SIZE = 0x7fff_ffff_f000
/** vm.mmap_min_addr's usual value. */
export const LOWEST_ADDRESS = 65536

/**
 * A file for good: `key` is its device, inode and generation, which stay true when it is renamed or unlinked; `path` is where it was last found,
 * a hint for opening it again and the name to show.
 */
export interface FileHandle {
  readonly key: string
  readonly path: string
}

/** Keys of objects seen as files, for private mappings of them. A storage manager's keys start with a device number. */
export const OBJECT_PREFIX = 'object:'
export const objectKey = (id: number): string => `${OBJECT_PREFIX}${id}`

/** Bits of a vma's `flags` that no MAP_ bit has: madvise(2) sets them. */
export const ON_FORK = {
  /** MADV_DONTFORK: a forked child has no such mapping. */
  LEAVE: 0x10000000,
  /** MADV_WIPEONFORK: it has zeros there. */
  WIPE: 0x20000000,
} as const

/** Others that processors set, and the memory manager only keeps. */
export const MARK = {
  /** mlock(2) and its relatives; MAP_LOCKED of mmap(2). */
  LOCKED: 0x2000,
  /** MADV_GUARD_INSTALL: nobody may touch it. */
  GUARD: 0x40000000,
} as const

export const vma = record({
  start: u64,
  end: u64,
  /** PROT_ bits. */
  prot: u32,
  /** What is left of the MAP_ bits: SHARED or PRIVATE, ANONYMOUS, GROWSDOWN, NORESERVE, STACK; and those of ON_FORK and MARK. */
  flags: u32,
  /** Where `start` lies in the file or object, in bytes; 0 for private anonymous memory. */
  offset: u64,
  /** The object that holds the pages of a shared mapping; 0 for private ones. */
  object: u32,
  /** Key and path of the file behind it, or ''. */
  file: text,
  path: text,
  /** The PROT_ bits that mprotect(2) may give. */
  maxProt: u32,
})
export type Vma = RecordOf<{
  start: typeof u64
  end: typeof u64
  prot: typeof u32
  flags: typeof u32
  offset: typeof u64
  object: typeof u32
  file: typeof text
  path: typeof text
  maxProt: typeof u32
}>

/** `result` is what the system call returns; the vmas in start..end were replaced by `vmas` (nothing changed when start = end). */
export const layoutChange = record({ result: i64, start: u64, end: u64, vmas: list(vma) })
export interface LayoutChange {
  readonly result: number
  readonly start: number
  readonly end: number
  readonly vmas: readonly Vma[]
}

/** Index of the first vma that ends above `address`: the one that holds it, or the next one. */
export function vmaIndex(vmas: readonly Vma[], address: number): number {
  let low = 0
  let high = vmas.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (vmas[middle]!.end > address) high = middle
    else low = middle + 1
  }
  return low
}

/** Brings a mirror up to date, in place. */
export function applyChange(vmas: Vma[], change: LayoutChange): void {
  if (change.start === change.end) return
  const from = vmaIndex(vmas, change.start)
  let to = from
  while (to < vmas.length && vmas[to]!.start < change.end) to++
  vmas.splice(from, to - from, ...change.vmas)
}
