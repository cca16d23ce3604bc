// eventfd(2) and epoll(7) of the portable host: counters, and lists of other descriptors that are asked when somebody looks.
import { E } from '../abi/errno.js'
import { O } from '../abi/fcntl.js'
import { EFD, EPOLL, EPOLL_CTL, POLL } from '../abi/poll.js'
import type { FileStatus } from '../abi/stat.js'
import { Descriptor, fillAnonymous, nextInode } from './portable-descriptor.js'

const MAX = 0xffff_ffff_ffff_fffen
const ANONYMOUS_MODE = 0o600

export class EventCounter extends Descriptor {
  readonly name = 'anon_inode:[eventfd]'
  readonly #ino = nextInode()
  readonly #isSemaphore: boolean
  #count: bigint

  constructor(initial: number, flags: number) {
    super(O.RDWR | (flags & EFD.NONBLOCK))
    this.#count = BigInt(initial >>> 0)
    this.#isSemaphore = (flags & EFD.SEMAPHORE) !== 0
  }

  status(out: FileStatus): number {
    return fillAnonymous(out, this.#ino, ANONYMOUS_MODE)
  }

  override get events(): number {
    return (this.#count > 0n ? POLL.IN | POLL.RDNORM : 0) | (this.#count < MAX ? POLL.OUT | POLL.WRNORM : 0)
  }

  override read(buffer: Uint8Array): number {
    if (buffer.length < 8) return -E.INVAL
    if (this.#count === 0n) return -E.AGAIN
    const taken = this.#isSemaphore ? 1n : this.#count
    new DataView(buffer.buffer, buffer.byteOffset).setBigUint64(0, taken, true)
    this.#count -= taken
    this.changes++
    return 8
  }

  override write(buffer: Uint8Array): number {
    if (buffer.length < 8) return -E.INVAL
    const added = new DataView(buffer.buffer, buffer.byteOffset).getBigUint64(0, true)
    if (added > MAX) return -E.INVAL
    if (added > MAX - this.#count) return -E.AGAIN
    this.#count += added
    this.changes++
    return 8
  }

  /** It has a position that nothing moves (noop_llseek, fs/read_write.c). */
  override lseek(): number {
    return 0
  }

  close(): void {}
}

interface Watch {
  readonly descriptor: Descriptor
  events: number
  key: number
  /** Its `changes` when it was reported last. */
  reportedAt: number
}

/** Flags of an event mask that are about watching. */
const HOW = EPOLL.EXCLUSIVE | EPOLL.WAKEUP | EPOLL.ONESHOT | EPOLL.ET

export class EpollSet extends Descriptor {
  readonly name = 'anon_inode:[eventpoll]'
  readonly #ino = nextInode()
  readonly #watches = new Map<number, Watch>()

  constructor() {
    super(O.RDWR)
  }

  status(out: FileStatus): number {
    return fillAnonymous(out, this.#ino, ANONYMOUS_MODE)
  }

  change(operation: number, fd: number, descriptor: Descriptor, events: number, key: number): number {
    const known = this.#watches.get(fd)
    if (operation === EPOLL_CTL.ADD) {
      if (known !== undefined && known.descriptor === descriptor) return -E.EXIST
      this.#watches.set(fd, { descriptor, events, key, reportedAt: -1 })
      return 0
    }
    if (known === undefined) return -E.NOENT
    if (operation === EPOLL_CTL.DEL) this.#watches.delete(fd)
    else Object.assign(known, { events, key, reportedAt: -1 })
    return 0
  }

  #ready(watch: Watch): number {
    const { descriptor, events, reportedAt } = watch
    // Disarmed (EPOLLONESHOT): not even errors are told.
    if ((events & ~HOW) === 0) return 0
    const found = descriptor.events & ((events & 0xffff) | POLL.ERR | POLL.HUP)
    return (events & EPOLL.ET) !== 0 && reportedAt === descriptor.changes ? 0 : found
  }

  override get events(): number {
    for (const watch of this.#watches.values()) if (this.#ready(watch) !== 0) return POLL.IN | POLL.RDNORM
    return 0
  }

  /** Pairs (events, key) of what is ready; their number. */
  wait(out: Int32Array, count: number): number {
    let given = 0
    for (const [fd, watch] of [...this.#watches]) {
      if (given === count) break
      const found = this.#ready(watch)
      if (found === 0) continue
      out[2 * given] = found
      out[2 * given + 1] = watch.key
      given++
      watch.reportedAt = watch.descriptor.changes
      if ((watch.events & EPOLL.ONESHOT) !== 0) watch.events &= HOW
      // The next look begins behind it: everybody has a turn.
      this.#watches.delete(fd)
      this.#watches.set(fd, watch)
    }
    return given
  }

  close(): void {
    this.#watches.clear()
  }
}
