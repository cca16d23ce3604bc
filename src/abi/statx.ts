// struct statx (linux/stat.h), the same on all machines: what hosts answer and what the guest's statx(2) gets.
// Leaves out mount ids, direct I/O alignment and attributes (stx_attributes_mask stays 0).

import { type FileStatus, majorOf, makeDevice, minorOf } from './stat.js'
import { readSigned, readUnsigned, writeWord } from './word.js'

export const STATX = {
  TYPE: 1,
  MODE: 2,
  NLINK: 4,
  UID: 8,
  GID: 0x10,
  ATIME: 0x20,
  MTIME: 0x40,
  CTIME: 0x80,
  INO: 0x100,
  SIZE: 0x200,
  BLOCKS: 0x400,
  BASIC_STATS: 0x7ff,
  BTIME: 0x800,
} as const

export const STATX_SIZE = 256
export const STATX_FIELD = {
  MASK: 0,
  BLKSIZE: 4,
  ATTRIBUTES: 8,
  NLINK: 16,
  UID: 20,
  GID: 24,
  MODE: 28,
  INO: 32,
  SIZE: 40,
  BLOCKS: 48,
  ATTRIBUTES_MASK: 56,
  ATIME: 64,
  BTIME: 80,
  CTIME: 96,
  MTIME: 112,
  RDEV_MAJOR: 128,
  RDEV_MINOR: 132,
  DEV_MAJOR: 136,
  DEV_MINOR: 140,
} as const

export function writeStatx(view: DataView, at: number, status: FileStatus): void {
  for (let word = 0; word < STATX_SIZE; word += 4) view.setUint32(at + word, 0, true)
  const hasBirth = status.btimeSec !== 0 || status.btimeNsec !== 0
  view.setUint32(at + STATX_FIELD.MASK, STATX.BASIC_STATS | (hasBirth ? STATX.BTIME : 0), true)
  view.setUint32(at + STATX_FIELD.BLKSIZE, status.blksize, true)
  view.setUint32(at + STATX_FIELD.NLINK, status.nlink, true)
  view.setUint32(at + STATX_FIELD.UID, status.uid, true)
  view.setUint32(at + STATX_FIELD.GID, status.gid, true)
  view.setUint16(at + STATX_FIELD.MODE, status.mode, true)
  writeWord(view, at + STATX_FIELD.INO, status.ino)
  writeWord(view, at + STATX_FIELD.SIZE, status.size)
  writeWord(view, at + STATX_FIELD.BLOCKS, status.blocks)
  writeStatxTime(view, at + STATX_FIELD.ATIME, status.atimeSec, status.atimeNsec)
  writeStatxTime(view, at + STATX_FIELD.BTIME, status.btimeSec, status.btimeNsec)
  writeStatxTime(view, at + STATX_FIELD.CTIME, status.ctimeSec, status.ctimeNsec)
  writeStatxTime(view, at + STATX_FIELD.MTIME, status.mtimeSec, status.mtimeNsec)
  view.setUint32(at + STATX_FIELD.RDEV_MAJOR, majorOf(status.rdev), true)
  view.setUint32(at + STATX_FIELD.RDEV_MINOR, minorOf(status.rdev), true)
  view.setUint32(at + STATX_FIELD.DEV_MAJOR, majorOf(status.dev), true)
  view.setUint32(at + STATX_FIELD.DEV_MINOR, minorOf(status.dev), true)
}

/** struct statx_timestamp: i64 seconds, u32 nanoseconds. */
function writeStatxTime(view: DataView, at: number, sec: number, nsec: number): void {
  writeWord(view, at, sec)
  view.setUint32(at + 8, nsec, true)
}

export function readStatx(view: DataView, at: number, out: FileStatus): void {
  out.dev = makeDevice(
    view.getUint32(at + STATX_FIELD.DEV_MAJOR, true),
    view.getUint32(at + STATX_FIELD.DEV_MINOR, true),
  )
  out.ino = readUnsigned(view, at + STATX_FIELD.INO)
  out.mode = view.getUint16(at + STATX_FIELD.MODE, true)
  out.nlink = view.getUint32(at + STATX_FIELD.NLINK, true)
  out.uid = view.getUint32(at + STATX_FIELD.UID, true)
  out.gid = view.getUint32(at + STATX_FIELD.GID, true)
  out.rdev = makeDevice(
    view.getUint32(at + STATX_FIELD.RDEV_MAJOR, true),
    view.getUint32(at + STATX_FIELD.RDEV_MINOR, true),
  )
  out.size = readSigned(view, at + STATX_FIELD.SIZE)
  out.blksize = view.getUint32(at + STATX_FIELD.BLKSIZE, true)
  out.blocks = readUnsigned(view, at + STATX_FIELD.BLOCKS)
  out.atimeSec = readSigned(view, at + STATX_FIELD.ATIME)
  out.atimeNsec = view.getUint32(at + STATX_FIELD.ATIME + 8, true)
  out.mtimeSec = readSigned(view, at + STATX_FIELD.MTIME)
  out.mtimeNsec = view.getUint32(at + STATX_FIELD.MTIME + 8, true)
  out.ctimeSec = readSigned(view, at + STATX_FIELD.CTIME)
  out.ctimeNsec = view.getUint32(at + STATX_FIELD.CTIME + 8, true)
  out.btimeSec = readSigned(view, at + STATX_FIELD.BTIME)
  out.btimeNsec = view.getUint32(at + STATX_FIELD.BTIME + 8, true)
}
