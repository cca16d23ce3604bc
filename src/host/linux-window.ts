// Input and output on one wasm memory for linux.ts: base and offset are added to an address here, so that a call allocates nothing.
// A shared memory never moves when it grows (its whole maximum is reserved), and the window does not check bounds: callers pass
// offsets they got from the ExCache.
import { E } from '../abi/errno.js'
import { IOV_MAX, IOVEC_SIZE } from '../abi/uio.js'
import { writeWord } from '../abi/word.js'
import type { MemoryWindow } from './host.js'
import type { Libc } from './libc.js'

/** No process has its first page (vm.mmap_min_addr, proc(5)). */
const UNUSABLE = 8

export class LinuxWindow implements MemoryWindow {
  readonly #libc: Libc
  readonly #call: Libc['call']
  readonly #base: number
  readonly #segments = new DataView(new ArrayBuffer(IOV_MAX * IOVEC_SIZE))
  readonly #segmentsAt: number

  constructor(libc: Libc, base: number) {
    this.#libc = libc
    this.#call = libc.call
    this.#base = base
    this.#segmentsAt = Number(libc.addressOf(this.#segments))
  }

  #checked(result: number): number {
    return result < 0 ? -this.#libc.errno() : result
  }

  read(fd: number, at: number, length: number): number {
    return this.#checked(this.#call.readAddress(fd, this.#base + at, length))
  }

  write(fd: number, at: number, length: number): number {
    return this.#checked(this.#call.writeAddress(fd, this.#base + at, length))
  }

  pread(fd: number, at: number, length: number, offset: number): number {
    return this.#checked(this.#call.preadAddress(fd, this.#base + at, length, offset))
  }

  pwrite(fd: number, at: number, length: number, offset: number): number {
    return this.#checked(this.#call.pwriteAddress(fd, this.#base + at, length, offset))
  }

  #writeSegments(segments: Float64Array, count: number): void {
    for (let i = 0; i < count; i++) {
      writeWord(this.#segments, i * IOVEC_SIZE, this.#base + segments[2 * i]!)
      writeWord(this.#segments, i * IOVEC_SIZE + 8, segments[2 * i + 1]!)
    }
  }

  readv(fd: number, segments: Float64Array, count: number, offset: number): number {
    if (count > IOV_MAX) return -E.INVAL
    this.#writeSegments(segments, count)
    const { readv, preadv } = this.#call
    return this.#checked(offset < 0 ? readv(fd, this.#segmentsAt, count) : preadv(fd, this.#segmentsAt, count, offset))
  }

  writev(fd: number, segments: Float64Array, count: number, offset: number): number {
    if (count > IOV_MAX) return -E.INVAL
    this.#writeSegments(segments, count)
    const { writev, pwritev } = this.#call
    return this.#checked(
      offset < 0 ? writev(fd, this.#segmentsAt, count) : pwritev(fd, this.#segmentsAt, count, offset),
    )
  }

  unusable(fd: number, writing: boolean, count: number): number {
    const { readAddress, writeAddress } = this.#call
    return this.#checked(writing ? writeAddress(fd, UNUSABLE, count) : readAddress(fd, UNUSABLE, count))
  }

  recvfrom(fd: number, at: number, length: number, flags: number): number {
    return this.#checked(this.#call.recvAddress(fd, this.#base + at, length, flags))
  }

  sendto(fd: number, at: number, length: number, flags: number): number {
    return this.#checked(this.#call.sendAddress(fd, this.#base + at, length, flags))
  }

  getrandom(at: number, length: number): number {
    return this.#checked(this.#call.getrandomAddress(this.#base + at, length, 0))
  }
}
