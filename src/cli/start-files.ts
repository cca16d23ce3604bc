// What a start needs of its files: mapped, since fresh pages for a copy cost more than the rest of the reading. Where that cannot be, read, one after
// the other into the same memory.
//   const bytes = startFile(fd)  // until the next one
import { fstatSync, readSync } from 'node:fs'
import { loadKoffi, type NativeCall } from '../host/koffi.js'

const PROT_READ = 1
const MAP_PRIVATE = 2
const MAP_POPULATE = 0x8000
const ENOUGH = 2 << 20
let buffer: Buffer<ArrayBuffer> | undefined

/** mmap(2) and what makes bytes of its address; null without koffi. */
let mapper: { readonly mmap: NativeCall; view(address: number, length: number): ArrayBuffer } | null | undefined

function findMapper(): typeof mapper {
  // The flags are Linux's.
  if (process.platform !== 'linux') return null
  try {
    const { load, view } = loadKoffi()
    const mmap = load(null).func('mmap', 'intptr_t', ['uintptr_t', 'size_t', 'int', 'int', 'int', 'int64'])
    return { mmap, view }
  } catch {
    return null
  }
}

function mapped(fd: number, size: number): Buffer<ArrayBuffer> | null {
  if (mapper === undefined) mapper = findMapper()
  const address = mapper?.mmap(0, size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0) ?? -1
  return address === -1 ? null : Buffer.from(mapper!.view(address, size))
}

function read(fd: number, size: number): Buffer<ArrayBuffer> {
  if (buffer === undefined || buffer.length < size) buffer = Buffer.allocUnsafeSlow(Math.max(size, ENOUGH))
  let length = 0
  for (let count = 1; count > 0; length += count) count = readSync(fd, buffer, length, size - length, length)
  return buffer.subarray(0, length)
}

/** @param fd stays open */
export function startFile(fd: number): Buffer<ArrayBuffer> {
  const { size } = fstatSync(fd)
  return mapped(fd, size) ?? read(fd, size)
}
