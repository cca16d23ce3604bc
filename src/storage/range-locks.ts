// Record locks towards programs outside of the machine, to whose kernel the machine is one owner (an OFD lock, fcntl(2)): they see no pid.
import { E } from '../abi/errno.js'
import { type ByteRange, F, F_LOCK, type FileLock, FLOCK_SIZE, SEEK } from '../abi/fcntl.js'
import { readSigned, writeWord } from '../abi/word.js'
import type { Host } from '../host/host.js'
import type { FileHandle } from '../wire/layout.js'
import type { Handles } from './handles.js'

export class RangeLocks {
  readonly #host: Host
  readonly #handles: Handles
  readonly #bytes = new Uint8Array(FLOCK_SIZE)
  readonly #lock = new DataView(this.#bytes.buffer)

  constructor(host: Host, handles: Handles) {
    this.#host = host
    this.#handles = handles
  }

  /** The machine's lock on these bytes from now on; F_LOCK.UNLCK: none. -EAGAIN: somebody outside stands against it, and nothing has changed. */
  lock(handle: FileHandle, type: number, range: ByteRange): number {
    const fd = this.#handles.lockFd(handle)
    if (fd < 0) return fd
    const result = this.#call(fd, F.OFD_SETLK, type, range)
    // It was opened by somebody who could only read, or only write.
    return result === -E.BADF ? -E.NOLCK : result
  }

  /** The lock of somebody outside that stands against one of ours. */
  conflicting(handle: FileHandle, type: number, range: ByteRange): FileLock | null | number {
    const fd = this.#handles.lockFd(handle)
    const result = fd < 0 ? fd : this.#call(fd, F.OFD_GETLK, type, range)
    const found = this.#lock.getInt16(0, true)
    if (result < 0 || found === F_LOCK.UNLCK) return result < 0 ? result : null
    const start = readSigned(this.#lock, 8)
    const length = readSigned(this.#lock, 16)
    return {
      type: found,
      start,
      end: length === 0 ? Infinity : start + length,
      pid: this.#lock.getInt32(24, true),
    }
  }

  #call(fd: number, command: number, type: number, { start, end }: ByteRange): number {
    this.#bytes.fill(0)
    this.#lock.setInt16(0, type, true)
    this.#lock.setInt16(2, SEEK.SET, true)
    // No file is so long that these numbers are not exact; what lies beyond is locked as a whole.
    const first = Math.min(start, Number.MAX_SAFE_INTEGER)
    writeWord(this.#lock, 8, first)
    writeWord(this.#lock, 16, end > Number.MAX_SAFE_INTEGER ? 0 : end - first)
    const result = this.#host.fcntl(fd, command, this.#bytes)
    if (result !== -E.NOSYS) return result
    // Where the host has no such call, nobody outside is seen.
    this.#lock.setInt16(0, F_LOCK.UNLCK, true)
    return 0
  }
}
