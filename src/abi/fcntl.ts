// open(2), fcntl(2) and *at(2) numbers (asm-generic/fcntl.h, linux/fcntl.h) and struct flock.
// Use `O.CREAT | O.EXCL`, `F.GETFL`, `AT.FDCWD`. Numbers are x86-64's; other machines number O.DIRECTORY and friends differently.

/** Flags of open(2), in the order in which strace prints them: TMPFILE contains DIRECTORY and SYNC contains DSYNC, and are before them. */
export const O = {
  RDONLY: 0,
  WRONLY: 1,
  RDWR: 2,
  ACCMODE: 3,
  CREAT: 0o100,
  EXCL: 0o200,
  NOCTTY: 0o400,
  TRUNC: 0o1000,
  APPEND: 0o2000,
  NONBLOCK: 0o4000,
  SYNC: 0o4010000,
  DSYNC: 0o10000,
  ASYNC: 0o20000,
  DIRECT: 0o40000,
  /** What a 64-bit kernel sets itself and F_GETFL shows (glibc defines it as 0). */
  LARGEFILE: 0o100000,
  NOFOLLOW: 0o400000,
  NOATIME: 0o1000000,
  CLOEXEC: 0o2000000,
  PATH: 0o10000000,
  TMPFILE: 0o20200000,
  DIRECTORY: 0o200000,
} as const

/** Commands of fcntl(2). */
export const F = {
  DUPFD: 0,
  GETFD: 1,
  SETFD: 2,
  GETFL: 3,
  SETFL: 4,
  GETLK: 5,
  SETLK: 6,
  SETLKW: 7,
  SETOWN: 8,
  GETOWN: 9,
  SETSIG: 10,
  GETSIG: 11,
  SETOWN_EX: 15,
  GETOWN_EX: 16,
  OFD_GETLK: 36,
  OFD_SETLK: 37,
  OFD_SETLKW: 38,
  SETLEASE: 1024,
  GETLEASE: 1025,
  NOTIFY: 1026,
  DUPFD_CLOEXEC: 1030,
  SETPIPE_SZ: 1031,
  GETPIPE_SZ: 1032,
  ADD_SEALS: 1033,
  GET_SEALS: 1034,
  GET_RW_HINT: 1035,
  SET_RW_HINT: 1036,
  GET_FILE_RW_HINT: 1037,
  SET_FILE_RW_HINT: 1038,
} as const

export const FD_CLOEXEC = 1

/** Types of record locks. */
export const F_LOCK = {
  RDLCK: 0,
  WRLCK: 1,
  UNLCK: 2,
} as const

/** Operations of flock(2). */
export const LOCK = {
  SH: 1,
  EX: 2,
  NB: 4,
  UN: 8,
} as const

/** Origins of lseek(2). */
export const SEEK = {
  SET: 0,
  CUR: 1,
  END: 2,
  DATA: 3,
  HOLE: 4,
} as const

/** Directory descriptor and flags of the *at calls. EACCESS and REMOVEDIR share a number. */
export const AT = {
  FDCWD: -100,
  SYMLINK_NOFOLLOW: 0x100,
  EACCESS: 0x200,
  REMOVEDIR: 0x200,
  SYMLINK_FOLLOW: 0x400,
  NO_AUTOMOUNT: 0x800,
  EMPTY_PATH: 0x1000,
  /** execveat(2) since Linux 6.14. */
  EXECVE_CHECK: 0x10000,
  STATX_FORCE_SYNC: 0x2000,
  STATX_DONT_SYNC: 0x4000,
} as const

/** Modes of access(2). */
export const ACCESS = {
  F_OK: 0,
  X_OK: 1,
  W_OK: 2,
  R_OK: 4,
} as const

/** `resolve` of openat2(2) (linux/openat2.h). */
export const RESOLVE = {
  NO_XDEV: 1,
  NO_MAGICLINKS: 2,
  NO_SYMLINKS: 4,
  BENEATH: 8,
  IN_ROOT: 0x10,
  CACHED: 0x20,
} as const

/** Seals of a memfd (F_ADD_SEALS). */
export const F_SEAL = {
  SEAL: 1,
  SHRINK: 2,
  GROW: 4,
  WRITE: 8,
  FUTURE_WRITE: 0x10,
  EXEC: 0x20,
} as const

/** Flags of sync_file_range(2). */
export const SYNC_FILE_RANGE = { WAIT_BEFORE: 1, WRITE: 2, WAIT_AFTER: 4 } as const

/** Flags of renameat2(2). */
export const RENAME = {
  NOREPLACE: 1,
  EXCHANGE: 2,
  WHITEOUT: 4,
} as const

/** Modes of fallocate(2). */
export const FALLOC = {
  FL_KEEP_SIZE: 1,
  FL_PUNCH_HOLE: 2,
  FL_COLLAPSE_RANGE: 8,
  FL_ZERO_RANGE: 0x10,
  FL_INSERT_RANGE: 0x20,
  FL_UNSHARE_RANGE: 0x40,
} as const

/** Flags of setxattr(2). */
export const XATTR = {
  CREATE: 1,
  REPLACE: 2,
} as const

/** Flags of close_range(2). */
export const CLOSE_RANGE = {
  UNSHARE: 2,
  CLOEXEC: 4,
} as const

/** Advice of posix_fadvise(2). */
export const FADV = {
  NORMAL: 0,
  RANDOM: 1,
  SEQUENTIAL: 2,
  WILLNEED: 3,
  DONTNEED: 4,
  NOREUSE: 5,
} as const

export const PATH_MAX = 4096
export const NAME_MAX = 255

/** struct flock: type i16 at 0, whence i16 at 2, start i64 at 8, len i64 at 16, pid i32 at 24. */
export const FLOCK_SIZE = 32

/** Bytes that a record lock is on. */
export interface ByteRange {
  readonly start: number
  /** First byte behind it; Infinity: to the end of the file, wherever that will be. */
  readonly end: number
}

/** What F_GETLK shows: F_LOCK, and -1 as pid for an open file description. */
export interface FileLock extends ByteRange {
  readonly type: number
  readonly pid: number
}
