// Reads what a start needs, one file after the other into the same memory: pages that were never touched cost more than the reading.
//   const bytes = startFile(path)  // until the next one
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'

const ENOUGH = 2 << 20
let buffer: Buffer<ArrayBuffer> | undefined

/** Throws Node's error when it cannot be read. */
export function startFile(path: string | URL): Buffer<ArrayBuffer> {
  const fd = openSync(path, 'r')
  try {
    const { size } = fstatSync(fd)
    if (buffer === undefined || buffer.length < size) buffer = Buffer.allocUnsafeSlow(Math.max(size, ENOUGH))
    let length = 0
    for (let read = 1; read > 0; length += read) read = readSync(fd, buffer, length, size - length, null)
    return buffer.subarray(0, length)
  } finally {
    closeSync(fd)
  }
}
