// struct stat, struct statx and struct statfs of x86-64 (asm/stat.h, linux/stat.h, asm/statfs.h), and the mode bits.
// `FileStatus` is the one record the host, the storage manager and the syscalls share; `writeStat(view, at, status)` encodes it.
// Inode numbers are numbers: exact below 2^53. Leaves out the 32-bit layouts.

export const S_IFMT = 0o170000
export const S_IFSOCK = 0o140000
export const S_IFLNK = 0o120000
export const S_IFREG = 0o100000
export const S_IFBLK = 0o060000
export const S_IFDIR = 0o040000
export const S_IFCHR = 0o020000
export const S_IFIFO = 0o010000
export const S_ISUID = 0o4000
export const S_ISGID = 0o2000
export const S_ISVTX = 0o1000

export interface FileStatus {
  /** Device numbers as the kernel packs them into a dev_t (see `makeDevice`). */
  dev: number
  ino: number
  mode: number
  nlink: number
  uid: number
  gid: number
  rdev: number
  size: number
  blksize: number
  /** In units of 512 bytes. */
  blocks: number
  atimeSec: number
  atimeNsec: number
  mtimeSec: number
  mtimeNsec: number
  ctimeSec: number
  ctimeNsec: number
  /** Birth time; zeros where the file system keeps none. */
  btimeSec: number
  btimeNsec: number
}

/** A record of zeros to be filled again and again. */
export function newFileStatus(): FileStatus {
  return {
    dev: 0,
    ino: 0,
    mode: 0,
    nlink: 0,
    uid: 0,
    gid: 0,
    rdev: 0,
    size: 0,
    blksize: 0,
    blocks: 0,
    atimeSec: 0,
    atimeNsec: 0,
    mtimeSec: 0,
    mtimeNsec: 0,
    ctimeSec: 0,
    ctimeNsec: 0,
    btimeSec: 0,
    btimeNsec: 0,
  }
}

export interface FileSystemStatus {
  type: number
  bsize: number
  blocks: number
  bfree: number
  bavail: number
  files: number
  ffree: number
  fsidLow: number
  fsidHigh: number
  namelen: number
  frsize: number
  flags: number
}
