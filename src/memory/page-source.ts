// Where a memory manager gets the pages of files from and writes those of shared mappings to: the storage manager, seen from here.
// Numbers below zero are errnos. A handle is retained as long as a vma names it, so that unlinked but mapped files stay.
import type { FileHandle } from '../wire/layout.js'

export interface PageSource {
  /** Fills `into` from `offset`; returns the bytes read, fewer only at the end of the file. */
  read(file: FileHandle, offset: number, into: Uint8Array): number
  write(file: FileHandle, offset: number, from: Uint8Array): number
  /** The file's length in bytes. */
  size(file: FileHandle): number
  retain(file: FileHandle): void
  release(file: FileHandle): void
}
