// Where the ExCache keeps its state in the shared memory: a header, the page filters and one record of 8 words per
// line and per limbo slot. Every vCPU computes the same layout from the same options. Holds no behaviour.
import { ARRAY_SIZE, PAGE_SIZE, prepareArray } from '../lib/translation-array.js'
import { COUNTERS } from './counters.js'

export type Policy = 'fifo' | 'lru'

export type ExCacheOptions = {
  memory: WebAssembly.Memory
  /** Metadata: tableSize() bytes, 64-byte aligned. */
  tableBase: number
  /** Lines: framesSize() bytes, 4 KiB aligned. */
  framesBase: number
  /** Translation arrays: vcpus × ARRAY_SIZE bytes, 64-byte aligned; vCPU v's starts at arraysBase + v × ARRAY_SIZE. */
  arraysBase: number
  /** Bytes of cache, a multiple of ways × 4096. */
  size: number
  ways: number
  policy: Policy
  vcpus: number
  /** Frames for evicted lines that some vCPU may still be using; they come on top of `size`. */
  limboFrames?: number
}

export type Geometry = { lines: number; sets: number; ways: number }

/** Shape of a cache of `size` bytes; throws a message fit for the command line when there is none. */
export function geometry(size: number, ways: number): Geometry {
  if (!Number.isInteger(ways) || ways < 1) throw new Error(`excache: ways must be a whole number from 1, not ${ways}`)
  if (!Number.isInteger(size) || size < PAGE_SIZE || size % PAGE_SIZE !== 0) {
    throw new Error(`excache: size must be a positive multiple of ${PAGE_SIZE} bytes, not ${size}`)
  }
  const lines = size / PAGE_SIZE
  const sets = lines / ways
  if (sets >= 1 && Number.isInteger(Math.log2(sets))) return { lines, sets, ways }
  const below = sets < 1 ? 1 : 2 ** Math.floor(Math.log2(sets))
  const near = [below, below * 2].map((count) => `${(count * ways * PAGE_SIZE) / 1024}K`)
  throw new Error(
    `excache: ${size / 1024}K in ${ways} ways gives ${Number.isInteger(sets) ? sets : sets.toFixed(2)} sets, which must be ` +
      `a power of two; the nearest sizes with ${ways} ways are ${near.join(' and ')}`,
  )
}

/** Records per bit of the map of used blocks, which lets a sweep skip the empty parts of a big cache. */
export const BLOCK = 64

/** Words of a record (a line in a set, or a limbo slot). */
export const RECORD_WORDS = 8
export const PAGE_LOW = 0
/** asid for a private line, -(object id) for a shared one. */
export const SPACE = 1
export const STATE = 2
export const STAMP = 3
/** The number of its frame XOR its own, so that zeroed memory is an empty cache: each record has the frame of its number. */
export const FRAME_XOR = 4
/** Heir slots whose address space sees this very content and has it nowhere else. */
export const HEIRS = 5
/** Heir slots whose address space sees this content, which the memory manager also has for them. */
export const PEERS = 6
/** In a set: one more than the translation-array index that may point here (or NO_ALIAS, MANY_ALIASES). In limbo: epoch of the eviction. */
export const ALIAS = 7
export const NO_ALIAS = 0
export const MANY_ALIASES = -1

/** Bits of STATE; the low three are the protection (R 1, W 2, X 4) of a private line. */
export const PROTECTION = 7
export const VALID = 8
export const DIRTY = 16
export const CODE = 32
/** Being fetched: the key is taken, the bytes are not there yet. */
export const PENDING = 64
/** Discarded, but a vCPU may still hold its host address: not reusable before the epoch in ALIAS has passed. */
export const HELD = 128
/** Bits 32–34 of the page number live in bits 28–30. */
export const PAGE_HIGH_SHIFT = 28
export const KEY_MASK = (7 << PAGE_HIGH_SHIFT) | VALID

/** Header words. */
export const LOCK = 0
export const CLOCK = 1
export const EPOCH = 2
export const LIMBO_USED = 3
export const NEXT_HEIR = 4
export const HEIR_SLOTS = 16
export const HEIR_COUNT = 31
export const VCPUS = 64
/** A cache line per vCPU. */
export const VCPU_WORDS = 16
export const SEEN = 0
export const RUNNING = 1
export const BOUND = 2

export type Layout = Geometry & {
  limboFrames: number
  counters: number
  filterBits: number
  backedFilter: number
  codeFilter: number
  /** A bit for each BLOCK of records that may have one in use. */
  blocks: number
  records: number
  end: number
}

const align64 = (value: number): number => Math.ceil(value / 64) * 64

/** Byte offsets from tableBase. */
export function layout(options: Omit<ExCacheOptions, 'memory' | 'tableBase' | 'framesBase' | 'arraysBase'>): Layout {
  const shape = geometry(options.size, options.ways)
  // An instruction touches up to four lines, a syscall several buffers; a batch also makes write-back cheaper.
  const limboFrames = options.limboFrames ?? options.vcpus * Math.min(64, Math.max(16, shape.lines >> 3))
  if (!Number.isInteger(limboFrames) || limboFrames < 4 * options.vcpus) {
    throw new Error(`excache: ${limboFrames} limbo frames for ${options.vcpus} vCPUs; an instruction needs 4`)
  }
  const filterBits = 2 ** Math.min(20, Math.max(15, 5 + Math.ceil(Math.log2(shape.lines))))
  const counters = align64((VCPUS + options.vcpus * VCPU_WORDS) * 4)
  const backedFilter = align64(counters + COUNTERS.length * 8)
  const codeFilter = backedFilter + filterBits / 8
  const blocks = align64(codeFilter + filterBits / 8)
  const records = align64(blocks + Math.ceil((shape.lines + limboFrames) / BLOCK / 32) * 4)
  const end = records + (shape.lines + limboFrames) * RECORD_WORDS * 4
  return { ...shape, limboFrames, counters, filterBits, backedFilter, codeFilter, blocks, records, end }
}

type Shape = Parameters<typeof layout>[0]

/** Bytes of metadata at tableBase. */
export const tableSize = (options: Shape): number => layout(options).end

/** Bytes of lines at framesBase. */
export function framesSize(options: Shape): number {
  const { lines, limboFrames } = layout(options)
  return (lines + limboFrames) * PAGE_SIZE
}

/** Bytes of translation arrays at arraysBase. */
export const arraysSize = (options: Shape): number => options.vcpus * ARRAY_SIZE

/**
 * Makes an empty cache of memory that was never written: zeros are an empty record, and what is not touched costs nothing.
 * Called once, by whoever made the memory, before any vCPU constructs its ExCache.
 */
export function prepareTable(options: ExCacheOptions): void {
  const { memory, tableBase, framesBase, arraysBase } = options
  if (tableBase % 64 !== 0 || arraysBase % 64 !== 0 || framesBase % PAGE_SIZE !== 0) {
    throw new Error('excache: tableBase and arraysBase must be 64-byte aligned and framesBase 4 KiB aligned')
  }
  // Throws when there is no such cache.
  layout(options)
  if (framesBase === 0) throw new Error('excache: host address 0 is never a line')
  const words = new Int32Array(memory.buffer)
  for (let vcpu = 0; vcpu < options.vcpus; vcpu++) prepareArray(words, arraysBase + vcpu * ARRAY_SIZE)
}
