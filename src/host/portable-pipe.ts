// Pipes of the portable host (pipe(7)): a ring of bytes between two descriptors of this process. `makePipe(flags)` gives the ends.
// They never block: who waits asks `events`. A guest's processes are all in one process of the machine, so nobody else need see them.
import { E } from '../abi/errno.js'
import { F, O } from '../abi/fcntl.js'
import { IOCTL } from '../abi/ioctl.js'
import { POLL } from '../abi/poll.js'
import { type FileStatus, S } from '../abi/stat.js'
import { Descriptor, fillAnonymous, nextInode } from './portable-descriptor.js'

const CAPACITY = 65536
const CAPACITY_MAX = 1 << 20
/** Writes of at most this much are whole or not at all. */
const PIPE_BUF = 4096

interface Pipe {
  readonly ino: number
  bytes: Uint8Array
  /** Where the oldest byte is, and how many there are. */
  start: number
  length: number
  reader: PipeEnd | null
  writer: PipeEnd | null
}

class PipeEnd extends Descriptor {
  readonly #pipe: Pipe
  readonly #reads: boolean

  constructor(pipe: Pipe, flags: number) {
    super(flags)
    this.#pipe = pipe
    this.#reads = this.readable
    if (this.#reads) pipe.reader = this
    else pipe.writer = this
  }

  get name(): string {
    return `pipe:[${this.#pipe.ino}]`
  }

  status(out: FileStatus): number {
    return fillAnonymous(out, this.#pipe.ino, S.IFIFO | 0o600)
  }

  override get events(): number {
    const { length, bytes, reader, writer } = this.#pipe
    if (this.#reads) return (length > 0 ? POLL.IN | POLL.RDNORM : 0) | (writer === null ? POLL.HUP : 0)
    return (bytes.length - length >= PIPE_BUF ? POLL.OUT | POLL.WRNORM : 0) | (reader === null ? POLL.ERR : 0)
  }

  override read(buffer: Uint8Array): number {
    const pipe = this.#pipe
    if (!this.#reads) return -E.BADF
    if (pipe.length === 0 && buffer.length > 0) return pipe.writer === null ? 0 : -E.AGAIN
    const count = Math.min(buffer.length, pipe.length)
    const first = Math.min(count, pipe.bytes.length - pipe.start)
    buffer.set(pipe.bytes.subarray(pipe.start, pipe.start + first))
    buffer.set(pipe.bytes.subarray(0, count - first), first)
    pipe.start = (pipe.start + count) % pipe.bytes.length
    pipe.length -= count
    if (pipe.writer !== null) pipe.writer.changes++
    return count
  }

  override write(buffer: Uint8Array): number {
    const pipe = this.#pipe
    if (this.#reads) return -E.BADF
    if (pipe.reader === null) return -E.PIPE
    const room = pipe.bytes.length - pipe.length
    const count = Math.min(room, buffer.length)
    if (buffer.length > 0 && (count === 0 || (buffer.length <= PIPE_BUF && count < buffer.length))) return -E.AGAIN
    const end = (pipe.start + pipe.length) % pipe.bytes.length
    const first = Math.min(count, pipe.bytes.length - end)
    pipe.bytes.set(buffer.subarray(0, first), end)
    pipe.bytes.set(buffer.subarray(first, count))
    pipe.length += count
    pipe.reader.changes++
    return count
  }

  override control(command: number, argument: number): number {
    const pipe = this.#pipe
    if (command === F.GETPIPE_SZ) return pipe.bytes.length
    if (command !== F.SETPIPE_SZ) return -E.INVAL
    if (argument <= 0) return -E.INVAL
    const capacity = 2 ** Math.max(12, Math.ceil(Math.log2(argument)))
    if (capacity > CAPACITY_MAX) return -E.PERM
    if (capacity < pipe.length) return -E.BUSY
    const bytes = new Uint8Array(capacity)
    for (let at = 0; at < pipe.length; at++) bytes[at] = pipe.bytes[(pipe.start + at) % pipe.bytes.length]!
    pipe.bytes = bytes
    pipe.start = 0
    return capacity
  }

  override ioctl(request: number, argument: number | Uint8Array): number {
    if (request !== IOCTL.FIONREAD || typeof argument === 'number') return -E.NOTTY
    new DataView(argument.buffer, argument.byteOffset).setUint32(0, this.#pipe.length, true)
    return 0
  }

  close(): void {
    const other = this.#reads ? this.#pipe.writer : this.#pipe.reader
    if (this.#reads) this.#pipe.reader = null
    else this.#pipe.writer = null
    if (other !== null) other.changes++
  }
}

export function makePipe(flags: number): readonly [reader: Descriptor, writer: Descriptor] {
  const pipe: Pipe = {
    ino: nextInode(),
    bytes: new Uint8Array(CAPACITY),
    start: 0,
    length: 0,
    reader: null,
    writer: null,
  }
  const status = flags & O.NONBLOCK
  return [new PipeEnd(pipe, O.RDONLY | status), new PipeEnd(pipe, O.WRONLY | status)]
}
