// The memory manager's messages. Layout calls answer a LayoutChange, whose `result` is the system call's; the others a number, negative for an
// errno: -EFAULT where nothing is mapped (SIGSEGV), -EIO for a page beyond the end of its file (SIGBUS), -ESRCH for an unknown asid.
// A page is an address or object offset divided by 4096.
import { bytes, i32, i64, receive, record, text, u32, u64 } from './fields.js'
import { layoutChange } from './layout.js'
import { type Methods, message, protocol } from './messages.js'

const asid = u32
const control = { deadlineMsec: 5000, retry: 'never' } as const
const question = { deadlineMsec: 5000, retry: 'idempotent' } as const
const span = { asid, address: u64, length: u64 }

/** Most pages a fetch can ask for: its reply is a bitmap in an i32. */
export const FETCH_PAGES_MAX = 30

export const memoryProtocol = protocol('memory', {
  /** An empty space; mmap(2) places mappings downwards from `mmapTop`. */
  createSpace: message({ opcode: 1, request: { asid, mmapTop: u64 }, reply: i32, ...control }),
  destroySpace: message({ opcode: 2, request: { asid }, reply: i32, ...control }),
  /** `child` gets a copy of `parent` that shares every page until it is written back. */
  fork: message({ opcode: 3, request: { parent: asid, child: asid }, reply: i32, ...control }),
  /**
   * mmap(2) with its errnos. Backing: the file `file`/`path` (FileHandle) from `offset`, or the object `object` (memfd), or zeros when flags have
   * MAP_ANONYMOUS. `maxProt`: what mprotect may give later (no WRITE for a MAP_SHARED file opened read-only); 0 means everything.
   */
  map: message({
    opcode: 4,
    request: {
      asid,
      address: u64,
      length: u64,
      prot: u32,
      flags: u32,
      offset: u64,
      object: u32,
      file: text,
      path: text,
      maxProt: u32,
    },
    reply: layoutChange,
    ...control,
  }),
  unmap: message({ opcode: 5, request: span, reply: layoutChange, ...control }),
  protect: message({ opcode: 6, request: { ...span, prot: u32 }, reply: layoutChange, ...control }),
  /** mremap(2). Write back and drop the old range's lines first: its pages move here. */
  remap: message({
    opcode: 7,
    request: { asid, oldAddress: u64, oldLength: u64, newLength: u64, flags: u32, newAddress: u64 },
    reply: layoutChange,
    ...control,
  }),
  /** brk(2) as the kernel's call: result is the break afterwards, old or new. */
  brk: message({ opcode: 8, request: { asid, address: u64 }, reply: layoutChange, ...control }),
  /** Where the heap starts: the loader's call. */
  startBrk: message({ opcode: 9, request: { asid, address: u64 }, reply: i32, ...control }),
  /** Extends the MAP_GROWSDOWN vma above `address` down to it, to at most `limit` bytes; -EFAULT when it may not. */
  grow: message({ opcode: 10, request: { asid, address: u64, limit: u64 }, reply: layoutChange, ...control }),
  /** MADV_DONTNEED: private pages are forgotten; -ENOMEM when part of the range is unmapped. */
  discard: message({ opcode: 11, request: span, reply: i32, ...question }),
  layout: message({ opcode: 12, request: { asid }, reply: layoutChange, ...question }),
  /**
   * Pages into `into`, all of it filled. Bit i of the result: page i exists here or in its file; clear: nothing there, `into` has zeros. Errors are
   * about the first page.
   */
  fetch: message({
    opcode: 13,
    request: { asid, page: u64, count: u32, into: receive },
    reply: i32,
    ...question,
  }),
  /** Whole pages from the cache. */
  writeBack: message({ opcode: 14, request: { asid, page: u64, bytes }, reply: i32, ...question }),
  fetchObject: message({
    opcode: 15,
    request: { object: u32, page: u64, count: u32, into: receive },
    reply: i32,
    ...question,
  }),
  writeBackObject: message({ opcode: 16, request: { object: u32, page: u64, bytes }, reply: i32, ...question }),
  /** An object with one reference of its own (memfd, System V segments); mappings hold others. */
  createObject: message({ opcode: 17, request: { size: u64 }, reply: i32, ...control }),
  resizeObject: message({ opcode: 18, request: { object: u32, size: u64 }, reply: i32, ...question }),
  releaseObject: message({ opcode: 19, request: { object: u32 }, reply: i32, ...control }),
  /** Bit i: page `page + i` was written back or inherited; count up to 30. */
  present: message({ opcode: 20, request: { asid, page: u64, count: u32 }, reply: i32, ...question }),
  /** A second reference for an object, as a memfd passed to another process has. */
  retainObject: message({ opcode: 21, request: { object: u32 }, reply: i32, ...control }),
  objectSize: message({ opcode: 22, request: { object: u32 }, reply: i64, ...question }),
  /** Bits of ON_FORK and MARK for what is mapped of a range; -ENOMEM when part of it is unmapped. */
  mark: message({ opcode: 24, request: { ...span, set: u32, clear: u32 }, reply: layoutChange, ...control }),
  /** A hole in an object: its pages are zeros again. */
  discardObject: message({ opcode: 25, request: { object: u32, page: u64, count: u64 }, reply: i32, ...question }),
  statistics: message({
    opcode: 23,
    request: {},
    reply: record({
      spaces: u32,
      objects: u32,
      framesUsed: u32,
      framesLimit: u32,
      fetches: u64,
      fetchedPages: u64,
      writeBacks: u64,
      writtenPages: u64,
    }),
    ...question,
  }),
})

/** A memory manager, here or elsewhere. */
export type MemoryMethods = Methods<typeof memoryProtocol>
