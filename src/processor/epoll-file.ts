// An epoll instance (epoll(7)): one of the host's, watching the host descriptors behind the guest's. What it is told about a descriptor comes back by key,
// as several of the guest's descriptors may have one of the host's.
import { E, err } from '../abi/errno.js'
import { F, O } from '../abi/fcntl.js'
import { EPOLL, EPOLL_CTL } from '../abi/poll.js'
import type { Host, MemoryWindow } from '../host/host.js'
import { type Description, HostFile, type Watcher } from './files.js'

interface Registration {
  readonly fd: number
  readonly description: Description
  /** What the host watches: the description's own descriptor, or a duplicate where that one is watched already. */
  readonly hostFd: number
  readonly duplicated: boolean
  dataLow: number
  dataHigh: number
}

/** Flags of an event mask that are about watching, not about what is watched. */
const HOW = EPOLL.EXCLUSIVE | EPOLL.WAKEUP | EPOLL.ONESHOT | EPOLL.ET

/** Pairs (events, key) of one look. */
const ready = new Int32Array(2 * 1024)

export class EpollFile extends HostFile implements Watcher {
  readonly #epollHost: Host
  readonly #byKey = new Map<number, Registration>()
  #lastKey = 0

  constructor(host: Host, window: MemoryWindow, fd: number) {
    super(host, window, fd, { flags: O.RDWR, mode: 0, nonblocking: true, owned: true })
    this.#epollHost = host
  }

  /** epoll_ctl(2); the caller has looked the descriptor up. */
  control(
    operation: number,
    fd: number,
    description: Description,
    events: number,
    dataLow: number,
    dataHigh: number,
  ): number {
    // Files that do not poll (file_can_poll): regular files, directories and what is in memory.
    if (description.pollFd < 0) return err(E.PERM)
    if (description === this) return err(E.INVAL)
    const mask = events & (HOW | description.pollMask)
    const key = this.#keyOf(fd, description)
    if (operation === EPOLL_CTL.ADD)
      return key === 0 ? this.#add(fd, description, mask, dataLow, dataHigh) : err(E.EXIST)
    if (operation !== EPOLL_CTL.MOD && operation !== EPOLL_CTL.DEL) return err(E.INVAL)
    if (key === 0) return this.#unknown(description)
    const known = this.#byKey.get(key)!
    const result = this.#epollHost.epollCtl(this.fd, operation, known.hostFd, mask, key)
    if (result < 0) return result
    if (operation === EPOLL_CTL.DEL) this.#drop(key, known)
    else {
      known.dataLow = dataLow
      known.dataHigh = dataHigh
    }
    return 0
  }

  /** The host knows which devices do not poll: EPERM. A descriptor that it has not seen is ENOENT. */
  #unknown(description: Description): number {
    const fd = this.#epollHost.fcntl(description.pollFd, F.DUPFD_CLOEXEC, 0)
    if (fd < 0) return fd
    const result = this.#epollHost.epollCtl(this.fd, EPOLL_CTL.MOD, fd, 0, 0)
    this.#epollHost.close(fd)
    return result
  }

  #keyOf(fd: number, description: Description): number {
    for (const [key, known] of this.#byKey) if (known.fd === fd && known.description === description) return key
    return 0
  }

  #add(fd: number, description: Description, events: number, dataLow: number, dataHigh: number): number {
    const host = this.#epollHost
    const key = ++this.#lastKey
    let hostFd = description.pollFd
    let result = host.epollCtl(this.fd, EPOLL_CTL.ADD, hostFd, events, key)
    const duplicated = result === -E.EXIST
    if (duplicated) {
      hostFd = host.fcntl(hostFd, F.DUPFD_CLOEXEC, 0)
      if (hostFd < 0) return hostFd
      result = host.epollCtl(this.fd, EPOLL_CTL.ADD, hostFd, events, key)
      if (result < 0) host.close(hostFd)
    }
    if (result < 0) return result
    this.#byKey.set(key, { fd, description, hostFd, duplicated, dataLow, dataHigh })
    description.watchers.add(this)
    return 0
  }

  #drop(key: number, { description, hostFd, duplicated }: Registration): void {
    this.#byKey.delete(key)
    if (duplicated) this.#epollHost.close(hostFd)
    for (const other of this.#byKey.values()) if (other.description === description) return
    description.watchers.delete(this)
  }

  forget(description: Description): void {
    for (const [key, known] of this.#byKey) {
      if (known.description !== description) continue
      this.#epollHost.epollCtl(this.fd, EPOLL_CTL.DEL, known.hostFd, 0, 0)
      this.#drop(key, known)
    }
  }

  /** What is ready, as struct epoll_event at `put`'s positions; their number, or an errno. Never waits. */
  take(count: number, put: (index: number, events: number, dataLow: number, dataHigh: number) => void): number {
    const room = Math.min(count, ready.length / 2)
    const found = this.#epollHost.epollWait(this.fd, ready, room)
    let given = 0
    for (let index = 0; index < found; index++) {
      const known = this.#byKey.get(ready[2 * index + 1]!)
      if (known !== undefined) put(given++, ready[2 * index]!, known.dataLow, known.dataHigh)
    }
    return found < 0 ? found : given
  }

  override close(): void {
    for (const known of this.#byKey.values()) {
      known.description.watchers.delete(this)
      if (known.duplicated) this.#epollHost.close(known.hostFd)
    }
    this.#byKey.clear()
    super.close()
  }
}
