// The descriptors of the portable host: numbers, what they stand for, waiting for them, and the calls on what is open.
//   class PortablePaths extends PortableDescriptors { … this.add(new DiskFile(…)) … }
import type nodeFs from 'node:fs'
import { isatty } from 'node:tty'
import { E } from '../abi/errno.js'
import { F, FD_CLOEXEC } from '../abi/fcntl.js'
import { POLL } from '../abi/poll.js'
import type { FileStatus } from '../abi/stat.js'
import type { FileSystemStatus } from '../abi/statfs.js'
import { attempt } from './portable-attempt.js'
import type { Descriptor } from './portable-descriptor.js'
import { DiskDescriptor, DiskFile, type FileSystem, forNode, Place } from './portable-disk.js'
import { EpollSet, EventCounter } from './portable-events.js'
import { Inherited, type MainThread } from './portable-inherited.js'
import { LINK, newLink } from './portable-link.js'
import { makePipe } from './portable-pipe.js'

/** Numbers below are the machine's own: what lego was started with. */
const FIRST_FD = 1 << 20
const COPY_PIECE = 65536

export class PortableDescriptors {
  protected readonly fs: FileSystem
  readonly #main: MainThread | null
  readonly #words: Int32Array
  protected readonly table = new Map<number, Descriptor>()
  #next = FIRST_FD
  #wakesSeen = 0

  constructor(fs: FileSystem, main: MainThread | null) {
    this.fs = fs
    this.#main = main
    this.#words = (main?.link ?? newLink()).words
  }

  /** What a number stands for; undefined: EBADF. */
  protected find(fd: number): Descriptor | undefined {
    const known = this.table.get(fd)
    if (known !== undefined || !(fd >= 0 && fd < FIRST_FD)) return known
    try {
      const inherited = new Inherited(this.fs, fd, this.fs.fstatSync(fd), isatty(fd), this.#main)
      inherited.references = 1
      this.table.set(fd, inherited)
      return inherited
    } catch {
      return undefined
    }
  }

  protected add(descriptor: Descriptor): number {
    descriptor.references++
    this.table.set(this.#next, descriptor)
    return this.#next++
  }

  protected on(fd: number, call: (descriptor: Descriptor) => number): number {
    const descriptor = this.find(fd)
    return descriptor === undefined ? -E.BADF : call(descriptor)
  }

  /** A call on the file behind a descriptor: Node's descriptor, or the path of a place. */
  protected onDisk(
    fd: number,
    onFile: (nodeFd: number) => unknown,
    onPlace: (path: string | Buffer) => unknown,
  ): number {
    return this.on(fd, (descriptor) => {
      if (descriptor instanceof DiskFile) return attempt(() => onFile(descriptor.nodeFd))
      if (descriptor instanceof Inherited) return attempt(() => onFile(descriptor.fd))
      if (!(descriptor instanceof Place)) return -E.INVAL
      const found = descriptor.found()
      return found < 0 ? found : attempt(() => onPlace(forNode(descriptor.path)))
    })
  }

  close(fd: number): number {
    return this.on(fd, (descriptor) => {
      this.table.delete(fd)
      if (--descriptor.references === 0) descriptor.close()
      return descriptor instanceof Inherited && fd < FIRST_FD ? attempt(() => this.fs.closeSync(fd)) : 0
    })
  }

  dup(fd: number): number {
    return this.on(fd, (descriptor) => this.add(descriptor))
  }

  dup3(oldFd: number, newFd: number, _flags: number): number {
    if (oldFd === newFd) return -E.INVAL
    // Numbers are ours to give; nobody asks for one of the machine's.
    if (newFd < FIRST_FD) return -E.BADF
    return this.on(oldFd, (descriptor) => {
      this.close(newFd)
      descriptor.references++
      this.table.set(newFd, descriptor)
      return newFd
    })
  }

  fcntl(fd: number, command: number, argument: number | Uint8Array): number {
    return this.on(fd, (descriptor) => {
      if (command === F.GETFD) return FD_CLOEXEC
      if (command === F.GETFL) return descriptor.flags
      if (command === F.DUPFD || command === F.DUPFD_CLOEXEC) return this.add(descriptor)
      return typeof argument === 'number' ? descriptor.control(command, argument) : -E.NOSYS
    })
  }

  ioctl(fd: number, request: number, argument: number | Uint8Array): number {
    return this.on(fd, (descriptor) => descriptor.ioctl(request, argument))
  }

  isatty(fd: number): boolean {
    const descriptor = this.find(fd)
    return descriptor instanceof Inherited && descriptor.isTerminal
  }

  describe(fd: number): string {
    return this.find(fd)?.name ?? ''
  }

  nameOf(fd: number): string {
    return `/\0fd/${fd}`
  }

  pipe2(out: Int32Array, flags: number): number {
    const [reader, writer] = makePipe(flags)
    out[0] = this.add(reader)
    out[1] = this.add(writer)
    return 0
  }

  eventfd(initial: number, flags: number): number {
    return this.add(new EventCounter(initial, flags))
  }

  epollCreate(): number {
    return this.add(new EpollSet())
  }

  epollCtl(epollFd: number, operation: number, fd: number, events: number, key: number): number {
    return this.on(epollFd, (set) =>
      this.on(fd, (watched) => (set instanceof EpollSet ? set.change(operation, fd, watched, events, key) : -E.INVAL)),
    )
  }

  epollWait(epollFd: number, out: Int32Array, count: number): number {
    return this.on(epollFd, (set) => (set instanceof EpollSet ? set.wait(out, count) : -E.INVAL))
  }

  /** Answers -EINTR when another thread woke it for something that is no descriptor's (portable-link.ts). */
  ppoll(pollfds: Int32Array, count: number, timeoutNsec: number): number {
    const ends = timeoutNsec < 0 ? Infinity : performance.now() + timeoutNsec / 1e6
    for (;;) {
      const wakes = Atomics.load(this.#words, LINK.WAKES)
      const ready = this.#look(pollfds, count)
      if (ready > 0 || timeoutNsec === 0) return ready
      if (wakes !== this.#wakesSeen) {
        this.#wakesSeen = wakes
        return -E.INTR
      }
      const left = ends - performance.now()
      if (left <= 0) return 0
      Atomics.wait(this.#words, LINK.WAKES, wakes, left)
    }
  }

  #look(pollfds: Int32Array, count: number): number {
    let ready = 0
    for (let at = 0; at < count; at++) {
      const fd = pollfds[2 * at]!
      const wanted = pollfds[2 * at + 1]! & 0xffff
      const descriptor = fd < 0 ? undefined : this.find(fd)
      const found =
        fd < 0 ? 0 : descriptor === undefined ? POLL.NVAL : descriptor.events & (wanted | POLL.ERR | POLL.HUP)
      pollfds[2 * at + 1] = wanted | (found << 16)
      if (found !== 0) ready++
    }
    return ready
  }

  protected pathOf(fd: number): string | number {
    const descriptor = this.find(fd)
    if (descriptor === undefined) return -E.BADF
    if (!(descriptor instanceof DiskDescriptor)) return -E.NOTDIR
    const found = descriptor.found()
    return found < 0 ? found : descriptor.path
  }

  protected changeMode(path: string | Buffer, mode: number): number {
    this.fs.chmodSync(path, mode)
    return keepsMode(this.fs.statSync(path), mode)
  }

  read(fd: number, buffer: Uint8Array): number {
    return this.on(fd, (descriptor) => descriptor.read(buffer))
  }

  write(fd: number, buffer: Uint8Array): number {
    return this.on(fd, (descriptor) => descriptor.write(buffer))
  }

  pread(fd: number, buffer: Uint8Array, offset: number): number {
    return this.on(fd, (descriptor) => descriptor.pread(buffer, offset))
  }

  pwrite(fd: number, buffer: Uint8Array, offset: number): number {
    return this.on(fd, (descriptor) => descriptor.pwrite(buffer, offset))
  }

  readv(fd: number, buffers: readonly Uint8Array[], offset: number): number {
    return transferAll(buffers, offset, (buffer, at) =>
      offset < 0 ? this.read(fd, buffer) : this.pread(fd, buffer, at),
    )
  }

  writev(fd: number, buffers: readonly Uint8Array[], offset: number): number {
    return transferAll(buffers, offset, (buffer, at) =>
      offset < 0 ? this.write(fd, buffer) : this.pwrite(fd, buffer, at),
    )
  }

  lseek(fd: number, offset: number, whence: number): number {
    return this.on(fd, (descriptor) => descriptor.lseek(offset, whence))
  }

  fstat(fd: number, out: FileStatus): number {
    return this.on(fd, (descriptor) => descriptor.status(out))
  }

  fstatfs(fd: number, out: FileSystemStatus): number {
    return this.on(fd, (descriptor) => {
      const path = descriptor instanceof DiskDescriptor ? this.pathOf(fd) : -E.NOSYS
      if (typeof path === 'number') return path
      return attempt(() => {
        const { type, bsize, blocks, bfree, bavail, files, ffree } = this.fs.statfsSync(forNode(path))
        Object.assign(out, { type, bsize, blocks, bfree, bavail, files, ffree, frsize: bsize, namelen: 255, flags: 0 })
        out.fsidLow = out.fsidHigh = 0
      })
    })
  }

  getdents64(fd: number, buffer: Uint8Array): number {
    return this.on(fd, (descriptor) => {
      if (!(descriptor instanceof Place)) return -E.NOTDIR
      const found = descriptor.found()
      return found < 0 ? found : descriptor.list(buffer)
    })
  }

  fchmod(fd: number, mode: number): number {
    return this.onDisk(
      fd,
      (nodeFd) => {
        this.fs.fchmodSync(nodeFd, mode)
        return keepsMode(this.fs.fstatSync(nodeFd), mode)
      },
      (path) => this.changeMode(path, mode),
    )
  }

  fchown(fd: number, uid: number, gid: number): number {
    if (process.platform === 'win32') return -E.PERM
    return this.onDisk(
      fd,
      (nodeFd) => this.fs.fchownSync(nodeFd, uid, gid),
      (path) => this.fs.lchownSync(path, uid, gid),
    )
  }

  ftruncate(fd: number, length: number): number {
    return this.onDisk(
      fd,
      (nodeFd) => this.fs.ftruncateSync(nodeFd, length),
      () => -E.INVAL,
    )
  }

  fsync(fd: number): number {
    return this.onDisk(fd, this.fs.fsyncSync, (path) => this.#sync(path))
  }

  fdatasync(fd: number): number {
    return this.onDisk(fd, this.fs.fdatasyncSync, (path) => this.#sync(path))
  }

  #sync(path: string | Buffer): void {
    const nodeFd = this.fs.openSync(path, 'r')
    try {
      this.fs.fsyncSync(nodeFd)
    } finally {
      this.fs.closeSync(nodeFd)
    }
  }

  /** Within this process: the bytes come and go. */
  copyFileRange(fdIn: number, offsetIn: number, fdOut: number, offsetOut: number, length: number): number {
    const piece = new Uint8Array(Math.min(length, COPY_PIECE))
    let done = 0
    while (done < length) {
      const into = piece.subarray(0, Math.min(piece.length, length - done))
      const got = offsetIn < 0 ? this.read(fdIn, into) : this.pread(fdIn, into, offsetIn + done)
      if (got <= 0) return done > 0 ? done : got
      const from = into.subarray(0, got)
      const put = offsetOut < 0 ? this.write(fdOut, from) : this.pwrite(fdOut, from, offsetOut + done)
      if (put < 0) return done > 0 ? done : put
      done += put
      if (put < got) break
    }
    return done
  }
}

/** Runs `transfer` on each buffer until one is short; an error counts only when nothing went before it. */
function transferAll(
  buffers: readonly Uint8Array[],
  offset: number,
  transfer: (buffer: Uint8Array, at: number) => number,
): number {
  let total = 0
  for (const buffer of buffers) {
    const count = transfer(buffer, offset + total)
    if (count < 0) return total > 0 ? total : count
    total += count
    if (count < buffer.length) break
  }
  return total
}

/** Windows keeps one bit of a mode and says nothing of the others: EPERM, as on a FAT file system. */
const keepsMode = (status: nodeFs.Stats, mode: number): number =>
  process.platform === 'win32' && ((status.mode ^ mode) & 0o7777) !== 0 ? -E.PERM : 0
