// struct stat of x86-64 (asm/stat.h) and the mode bits; statx.ts and statfs.ts are its neighbours.
// `FileStatus` is the one record the host, the storage manager and the syscalls share; `writeStat(view, at, status)` encodes it.
// Inode numbers are numbers: exact below 2^53. Leaves out the 32-bit layouts.
import { writeWord } from './word.js'

/** Bits of st_mode. */
export const S = {
  IFMT: 0o170000,
  IFSOCK: 0o140000,
  IFLNK: 0o120000,
  IFREG: 0o100000,
  IFBLK: 0o060000,
  IFDIR: 0o040000,
  IFCHR: 0o020000,
  IFIFO: 0o010000,
  ISUID: 0o4000,
  ISGID: 0o2000,
  ISVTX: 0o1000,
} as const

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

/** A dev_t as the kernel shows it to programs (new_encode_dev: minor bits 0-7 and 20-31, major bits 8-19). */
export const makeDevice = (major: number, minor: number): number =>
  ((minor & 0xff) | ((major & 0xfff) << 8) | ((minor & ~0xff) << 12)) >>> 0
export const majorOf = (device: number): number => (device >>> 8) & 0xfff
export const minorOf = (device: number): number => (device & 0xff) | ((device >>> 12) & ~0xff)

/** DT_ type of a directory entry for a file's mode (IFTODT). */
export const direntTypeOf = (mode: number): number => (mode & S.IFMT) >>> 12

/** struct stat. */
export const STAT_SIZE = 144
export const STAT = {
  DEV: 0,
  INO: 8,
  NLINK: 16,
  MODE: 24,
  UID: 28,
  GID: 32,
  RDEV: 40,
  SIZE: 48,
  BLKSIZE: 56,
  BLOCKS: 64,
  ATIME: 72,
  MTIME: 88,
  CTIME: 104,
} as const

export function writeStat(view: DataView, at: number, status: FileStatus): void {
  writeWord(view, at + STAT.DEV, status.dev)
  writeWord(view, at + STAT.INO, status.ino)
  writeWord(view, at + STAT.NLINK, status.nlink)
  view.setUint32(at + STAT.MODE, status.mode, true)
  view.setUint32(at + STAT.UID, status.uid, true)
  view.setUint32(at + STAT.GID, status.gid, true)
  view.setUint32(at + STAT.GID + 4, 0, true)
  writeWord(view, at + STAT.RDEV, status.rdev)
  writeWord(view, at + STAT.SIZE, status.size)
  writeWord(view, at + STAT.BLKSIZE, status.blksize)
  writeWord(view, at + STAT.BLOCKS, status.blocks)
  writeWord(view, at + STAT.ATIME, status.atimeSec)
  writeWord(view, at + STAT.ATIME + 8, status.atimeNsec)
  writeWord(view, at + STAT.MTIME, status.mtimeSec)
  writeWord(view, at + STAT.MTIME + 8, status.mtimeNsec)
  writeWord(view, at + STAT.CTIME, status.ctimeSec)
  writeWord(view, at + STAT.CTIME + 8, status.ctimeNsec)
  for (let word = STAT.CTIME + 16; word < STAT_SIZE; word += 8) writeWord(view, at + word, 0)
}
