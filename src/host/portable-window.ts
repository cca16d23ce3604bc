// Input and output on one wasm memory for portable.ts: makes a view and calls the host.
// Allocates, unlike linux-window.ts. Sockets are not there.
import { E } from '../abi/errno.js'
import type { Host, MemoryWindow, SharedMemory } from './host.js'

type Transfers = Pick<Host, 'read' | 'write' | 'pread' | 'pwrite' | 'readv' | 'writev' | 'getrandom'>

export class PortableWindow implements MemoryWindow {
  readonly #host: Transfers
  readonly #memory: SharedMemory

  constructor(host: Transfers, memory: SharedMemory) {
    this.#host = host
    this.#memory = memory
  }

  #view(at: number, length: number): Uint8Array {
    return new Uint8Array(this.#memory.buffer, at, length)
  }

  #views(segments: Float64Array, count: number): Uint8Array[] {
    return Array.from({ length: count }, (_, index) => this.#view(segments[2 * index]!, segments[2 * index + 1]!))
  }

  read(fd: number, at: number, length: number): number {
    return this.#host.read(fd, this.#view(at, length))
  }

  write(fd: number, at: number, length: number): number {
    return this.#host.write(fd, this.#view(at, length))
  }

  pread(fd: number, at: number, length: number, offset: number): number {
    return this.#host.pread(fd, this.#view(at, length), offset)
  }

  pwrite(fd: number, at: number, length: number, offset: number): number {
    return this.#host.pwrite(fd, this.#view(at, length), offset)
  }

  readv(fd: number, segments: Float64Array, count: number, offset: number): number {
    return this.#host.readv(fd, this.#views(segments, count), offset)
  }

  writev(fd: number, segments: Float64Array, count: number, offset: number): number {
    return this.#host.writev(fd, this.#views(segments, count), offset)
  }

  unusable(): number {
    return -E.FAULT
  }

  recvfrom(): number {
    return -E.NOSYS
  }

  sendto(): number {
    return -E.NOSYS
  }

  getrandom(at: number, length: number): number {
    return this.#host.getrandom(this.#view(at, length))
  }
}
