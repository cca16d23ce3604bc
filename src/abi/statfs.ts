// struct statfs of x86-64 (asm-generic/statfs.h): the state of a file system.
// Magic numbers of file systems are in linux/magic.h; only those that programs compare are here.

import { readSigned, readUnsigned, writeWord } from './word.js'

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

export const STATFS_SIZE = 120
export const FS_MAGIC = {
  TMPFS_MAGIC: 0x01021994,
  EXT2_SUPER_MAGIC: 0xef53,
  PROC_SUPER_MAGIC: 0x9fa0,
  PIPEFS_MAGIC: 0x50495045,
  OVERLAYFS_SUPER_MAGIC: 0x794c7630,
  SYSFS_MAGIC: 0x62656572,
  XFS_SUPER_MAGIC: 0x58465342,
  BTRFS_SUPER_MAGIC: 0x9123683e,
} as const

/** f_flags (linux/statfs.h), in the order in which strace prints them. */
export const ST = {
  VALID: 0x20,
  RDONLY: 1,
  NOSUID: 2,
  NODEV: 4,
  NOEXEC: 8,
  SYNCHRONOUS: 0x10,
  MANDLOCK: 0x40,
  NOATIME: 0x400,
  NODIRATIME: 0x800,
  RELATIME: 0x1000,
} as const

const WORDS: readonly (readonly [keyof FileSystemStatus, number])[] = [
  ['type', 0],
  ['bsize', 8],
  ['blocks', 16],
  ['bfree', 24],
  ['bavail', 32],
  ['files', 40],
  ['ffree', 48],
  ['namelen', 64],
  ['frsize', 72],
  ['flags', 80],
]
const FSID = 56

export function newFileSystemStatus(): FileSystemStatus {
  const status = { fsidLow: 0, fsidHigh: 0 } as FileSystemStatus
  for (const [field] of WORDS) status[field] = 0
  return status
}

export function writeStatfs(view: DataView, at: number, status: FileSystemStatus): void {
  for (let word = 0; word < STATFS_SIZE; word += 8) writeWord(view, at + word, 0)
  for (const [field, offset] of WORDS) writeWord(view, at + offset, status[field])
  view.setUint32(at + FSID, status.fsidLow, true)
  view.setUint32(at + FSID + 4, status.fsidHigh, true)
}

export function readStatfs(view: DataView, at: number, out: FileSystemStatus): void {
  for (const [field, offset] of WORDS)
    out[field] = field === 'type' ? readUnsigned(view, at + offset) : readSigned(view, at + offset)
  out.fsidLow = view.getUint32(at + FSID, true)
  out.fsidHigh = view.getUint32(at + FSID + 4, true)
}
