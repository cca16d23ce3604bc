// The interpreter's decoded record: one guest instruction in shared memory, 64 bytes. A block is a head record, the records
// of consecutive instructions, and a `goto` record that leads on. Register operands are byte offsets into the task record.

export const DECODED_SIZE = 64
/** Index into the handler table. */
export const HANDLER = 0
/** Branches and `goto`: the target block's head once known, else 0. */
export const LINK = 4
export const REG0 = 8
export const REG1 = 12
export const REG2 = 16
export const BASE = 20
export const INDEX = 24
/** u8: log2 of the index factor. */
export const SCALE = 28
/** u8: instruction length. */
export const LENGTH = 29
/** u8: offset of the segment base (or of the zero word) in the task record. */
export const SEGMENT = 30
/** u8: 0, or 8 to cut the address to 32 bits: offset into the masks at MASKS. */
export const MASK = 31
export const DISPLACEMENT = 32
export const IMMEDIATE = 40
export const NEXT = 48
export const TARGET = 56

// A head record: how often the block was entered, its guest address (at NEXT), its number of instructions, its region.
export const HEAT = 8
export const COUNT = 12
export const REGION = 16
/** The region's place in the helper table, where other regions call it directly; 0 when it has none. */
export const DIRECT = 20

// The null page holds a few words of the engine at fixed places.
export const MASKS = 0x40
/** Entries of the block hash table: key i64 (rip + asid·2^48), head i32, 4 spare. */
export const HASH_ENTRIES = 1 << 15
export const HASH_ENTRY_SIZE = 16
/** Entries into a block before it is offered to the optimising tier, i32. */
export const HOT_THRESHOLD = 0x54
