// Record locks towards programs outside of the machine. The host's kernel sees one owner for all of a file's users here: its open file descriptions
// (OFD locks, fcntl(2)). Where reading and writing have separate ones, each has the locks of its kind, and gives way to the other.
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

  /** The machine's lock on these bytes from now on; F_LOCK.UNLCK: none. -EAGAIN: somebody outside stands against it. */
  lock(handle: FileHandle, type: number, range: ByteRange): number {
    const file = this.#handles.file(handle)
    if (typeof file === 'number') return file
    const { readFd, writeFd } = file
    const fd = type === F_LOCK.UNLCK ? -1 : this.#handles.fd(handle, type === F_LOCK.RDLCK ? 'readFd' : 'writeFd')
    if (fd < 0 && type !== F_LOCK.UNLCK) return fd
    for (const other of new Set([readFd, writeFd]))
      if (other >= 0 && other !== fd) this.#call(other, F.OFD_SETLK, F_LOCK.UNLCK, range)
    return fd < 0 ? 0 : this.#call(fd, F.OFD_SETLK, type, range)
  }

  /** The lock of somebody outside that stands against one of ours. */
  conflicting(handle: FileHandle, type: number, range: ByteRange): FileLock | null | number {
    const file = this.#handles.file(handle)
    if (typeof file === 'number') return file
    const result = this.#call(file.writeFd >= 0 ? file.writeFd : file.readFd, F.OFD_GETLK, type, range)
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
    writeWord(this.#lock, 8, start)
    writeWord(this.#lock, 16, end === Infinity ? 0 : end - start)
    const result = this.#host.fcntl(fd, command, this.#bytes)
    if (result !== -E.NOSYS) return result
    // Where the host has no such call, nobody outside is seen.
    this.#lock.setInt16(0, F_LOCK.UNLCK, true)
    return 0
  }
}
