// struct linux_dirent64 of getdents64(2) (linux/dirent.h) and the types of d_type.
// `writeDirent` encodes one record, `readDirents` lists a buffer. Leaves out the older getdents(2) layout.

import { readSigned, readUnsigned, writeWord } from './word.js'

export const DT = {
  UNKNOWN: 0,
  FIFO: 1,
  CHR: 2,
  DIR: 4,
  BLK: 6,
  REG: 8,
  LNK: 10,
  SOCK: 12,
  WHT: 14,
} as const

/** Offsets: ino u64, off i64 (an opaque cookie for lseek), reclen u16, type u8, then the name with its NUL. */
export const DIRENT = { INO: 0, OFF: 8, RECLEN: 16, TYPE: 18, NAME: 19 } as const

/** Length of the record for a name of so many bytes: a multiple of 8. */
export const direntLength = (nameLength: number): number => (DIRENT.NAME + nameLength + 1 + 7) & ~7

/** Writes a record and returns its length; 0 when it does not fit before `end`. `name` has no NUL. */
export function writeDirent(
  view: DataView,
  at: number,
  end: number,
  ino: number,
  cookie: number,
  type: number,
  name: Uint8Array,
): number {
  const length = direntLength(name.length)
  if (at + length > end) return 0
  writeWord(view, at + DIRENT.INO, ino)
  writeWord(view, at + DIRENT.OFF, cookie)
  view.setUint16(at + DIRENT.RECLEN, length, true)
  view.setUint8(at + DIRENT.TYPE, type)
  for (let i = DIRENT.NAME; i < length; i++) view.setUint8(at + i, name[i - DIRENT.NAME] ?? 0)
  return length
}

export interface Dirent {
  ino: number
  cookie: number
  type: number
  /** The name's bytes, a view into the buffer. */
  name: Uint8Array
}

/** The records in the first `length` bytes of a getdents64 buffer. */
export function readDirents(buffer: Uint8Array, length: number): Dirent[] {
  const view = new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength)
  const entries: Dirent[] = []
  for (let at = 0; at < length; at += view.getUint16(at + DIRENT.RECLEN, true)) {
    const nameAt = at + DIRENT.NAME
    entries.push({
      ino: readUnsigned(view, at + DIRENT.INO),
      cookie: readSigned(view, at + DIRENT.OFF),
      type: view.getUint8(at + DIRENT.TYPE),
      name: buffer.subarray(nameAt, buffer.indexOf(0, nameAt)),
    })
  }
  return entries
}
