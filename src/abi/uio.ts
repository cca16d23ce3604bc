// struct iovec of readv(2) and friends (linux/uio.h): u64 base at 0, u64 length at 8.
// `preadv2` flags are RWF.

import { readUnsigned } from './word.js'

export const IOVEC_SIZE = 16
/** More segments than this are EINVAL. */
export const IOV_MAX = 1024

export const readIovecBase = (view: DataView, at: number): number => readUnsigned(view, at)
export const readIovecLength = (view: DataView, at: number): number => readUnsigned(view, at + 8)

export const RWF = {
  HIPRI: 1,
  DSYNC: 2,
  SYNC: 4,
  NOWAIT: 8,
  NOAPPEND: 0x20,
  APPEND: 0x10,
} as const

/** Flags of splice(2). */
export const SPLICE = { MOVE: 1, NONBLOCK: 2, MORE: 4, GIFT: 8 } as const
