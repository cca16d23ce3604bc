// futex(2) operations (linux/futex.h) and the robust list.
// An operation is a command of FUTEX with the flags PRIVATE_FLAG and CLOCK_REALTIME; FUTEX_OP_ arguments are decoded in the syscall.

export const FUTEX = {
  WAIT: 0,
  WAKE: 1,
  FD: 2,
  REQUEUE: 3,
  CMP_REQUEUE: 4,
  WAKE_OP: 5,
  LOCK_PI: 6,
  UNLOCK_PI: 7,
  TRYLOCK_PI: 8,
  WAIT_BITSET: 9,
  WAKE_BITSET: 0xa,
  WAIT_REQUEUE_PI: 0xb,
  CMP_REQUEUE_PI: 0xc,
  LOCK_PI2: 0xd,
  PRIVATE_FLAG: 0x80,
  CLOCK_REALTIME: 0x100,
} as const

/** What remains when the flags are taken off. */
export const FUTEX_CMD_MASK = ~(FUTEX.PRIVATE_FLAG | FUTEX.CLOCK_REALTIME)
export const FUTEX_BITSET_MATCH_ANY = 0xffffffff

/** In a robust or priority-inheriting futex word. */
export const FUTEX_WAITERS = 0x80000000
export const FUTEX_OWNER_DIED = 0x40000000
export const FUTEX_TID_MASK = 0x3fffffff

/** struct robust_list_head: list u64 at 0, futex_offset i64 at 8, list_op_pending u64 at 16. */
export const ROBUST_LIST_HEAD_SIZE = 24
/** The kernel walks no more entries than this (ROBUST_LIST_LIMIT). */
export const ROBUST_LIST_LIMIT = 2048

export const FUTEX_OP = {
  SET: 0,
  ADD: 1,
  OR: 2,
  ANDN: 3,
  XOR: 4,
  OPARG_SHIFT: 8,
  CMP_EQ: 0,
  CMP_NE: 1,
  CMP_LT: 2,
  CMP_LE: 3,
  CMP_GT: 4,
  CMP_GE: 5,
} as const
