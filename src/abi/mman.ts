// mmap(2), mprotect(2), mremap(2), madvise(2) and msync(2) numbers (asm-generic/mman-common.h, mman.h).
// Leaves out hardware-specific PROT_ bits and the huge page size encodings but for their shift.

export const PROT = {
  NONE: 0,
  READ: 1,
  WRITE: 2,
  EXEC: 4,
  GROWSDOWN: 0x1000000,
  GROWSUP: 0x2000000,
} as const

export const MAP = {
  SHARED: 1,
  PRIVATE: 2,
  SHARED_VALIDATE: 3,
  TYPE: 0xf,
  FIXED: 0x10,
  ANONYMOUS: 0x20,
  '32BIT': 0x40,
  GROWSDOWN: 0x100,
  DENYWRITE: 0x800,
  EXECUTABLE: 0x1000,
  LOCKED: 0x2000,
  NORESERVE: 0x4000,
  POPULATE: 0x8000,
  NONBLOCK: 0x10000,
  STACK: 0x20000,
  HUGETLB: 0x40000,
  SYNC: 0x80000,
  FIXED_NOREPLACE: 0x100000,
  HUGE_SHIFT: 0x1a,
  UNINITIALIZED: 0x4000000,
} as const

export const MREMAP = {
  MAYMOVE: 1,
  FIXED: 2,
  DONTUNMAP: 4,
} as const

export const MADV = {
  NORMAL: 0,
  RANDOM: 1,
  SEQUENTIAL: 2,
  WILLNEED: 3,
  DONTNEED: 4,
  FREE: 8,
  REMOVE: 9,
  DONTFORK: 10,
  DOFORK: 11,
  MERGEABLE: 12,
  UNMERGEABLE: 13,
  HUGEPAGE: 14,
  NOHUGEPAGE: 15,
  DONTDUMP: 16,
  DODUMP: 17,
  WIPEONFORK: 18,
  KEEPONFORK: 19,
  COLD: 20,
  PAGEOUT: 21,
  POPULATE_READ: 22,
  POPULATE_WRITE: 23,
  DONTNEED_LOCKED: 24,
  COLLAPSE: 25,
  GUARD_INSTALL: 102,
  GUARD_REMOVE: 103,
} as const

export const MS = {
  ASYNC: 1,
  INVALIDATE: 2,
  SYNC: 4,
} as const

export const MCL = {
  CURRENT: 1,
  FUTURE: 2,
  ONFAULT: 4,
} as const

/** mlock2(2). */
export const MLOCK_ONFAULT = 1

export const MFD = {
  CLOEXEC: 1,
  ALLOW_SEALING: 2,
  HUGETLB: 4,
  NOEXEC_SEAL: 8,
  EXEC: 0x10,
} as const
