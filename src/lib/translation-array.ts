// The layout of a vCPU's translation array: the one fact shared by generated code (which probes it) and the ExCache
// (which fills it). Two direct-mapped ways, one after the other; see docs/internals.md.

/** Entries per way; a power of two. 16384 entries reach 64 MiB. */
export const ENTRIES = 16384
/** Bytes per entry: readTag i64, writeTag i64, addend i32, frame i32, 8 spare. */
export const ENTRY_SIZE = 32
export const READ_TAG = 0
export const WRITE_TAG = 8
export const ADDEND = 16
export const FRAME = 20
/** Byte distance from an entry of way 0 to its twin in way 1. */
export const WAY_SIZE = ENTRIES * ENTRY_SIZE
export const ARRAY_SIZE = 2 * WAY_SIZE

/**
 * Makes an empty array of zeros at `base`. A tag of 0 is page 0's, which is looked for in the first entry, or in the last one for an access
 * that wraps around: only these have to match nothing. Pages that are not touched cost nothing.
 */
export function prepareArray(words: Int32Array, base: number): void {
  for (const way of [0, WAY_SIZE])
    for (const index of [0, ENTRIES - 1]) {
      const entry = (base + way + index * ENTRY_SIZE) / 4
      words.fill(-1, entry + READ_TAG / 4, entry + ADDEND / 4)
    }
}
const PAGE_SHIFT = 12
export const PAGE_SIZE = 4096
/** `(address >>> INDEX_SHIFT) & INDEX_MASK` is the byte offset of an address's entry. */
export const INDEX_SHIFT = PAGE_SHIFT - Math.log2(ENTRY_SIZE)
export const INDEX_MASK = (ENTRIES - 1) * ENTRY_SIZE
