// Open file descriptions and the descriptor tables that point to them. A description lives on the processor and has the offset and the flags; the
// bytes are the storage manager's (StorageFile) or a descriptor's of the host (HostFile: stdio, devices, pipes).
// Calls answer as Linux does; -EAGAIN means that the task may wait for `pollFd`.
import { E, err } from '../abi/errno.js'
import { O, SEEK } from '../abi/fcntl.js'
import type { FileStatus } from '../abi/stat.js'
import { S } from '../abi/stat.js'
import type { Host, MemoryWindow } from '../host/host.js'
import type { FileHandle } from '../wire/layout.js'
import type { Credentials } from './credentials.js'
import type { Segments } from './guest-memory.js'
import { type Lockable, releaseLocks } from './record-locks.js'
import type { Storage } from './storage.js'

/** Whoever watches a description (epoll(7)) forgets it when its last descriptor is closed. */
export interface Watcher {
  forget(description: Description): void
}

export abstract class Description {
  /** Descriptors that refer to it. */
  references = 0
  readonly watchers = new Set<Watcher>()
  /** Who opened it (struct file, f_cred): these very credentials, not equal ones. */
  openedBy: Credentials | null = null
  /** What F_GETFL shows: access mode and status flags. */
  flags: number
  constructor(flags: number) {
    this.flags = flags
  }
  get readable(): boolean {
    return (this.flags & O.ACCMODE) !== O.WRONLY && (this.flags & O.PATH) === 0
  }
  get writable(): boolean {
    return (this.flags & O.ACCMODE) !== O.RDONLY && (this.flags & O.PATH) === 0
  }
  /** Descriptor of the host to poll; -1: always ready. */
  abstract readonly pollFd: number
  /** What /proc/self/fd says of one that has no name. */
  get anonymousName(): string {
    return 'unknown'
  }
  /** Of the events of `pollFd`, those that are this file's. */
  get pollMask(): number {
    return 0xffff
  }
  /** Whether a transfer goes on until it is complete, as for regular files. */
  abstract readonly fills: boolean
  /** `offset` -1: at the current one, which moves. */
  abstract read(into: Segments, offset: number): number
  abstract write(from: Segments, offset: number): number
  /** A transfer of no bytes: some files have their errors then too. */
  moveNothing(_writing: boolean): number {
    return 0
  }
  /** A transfer of `count` bytes with a buffer that cannot be used: what a file finds before it looks at the buffer comes first. */
  moveUnusable(_writing: boolean, _count: number, _offset: number): number {
    return err(E.FAULT)
  }
  /** A descriptor of the host that stands for it in calls on whole files (fsync(2), fchmod(2)); -1 for what is the storage manager's or in memory. */
  get hostFd(): number {
    return -1
  }
  /** A descriptor of the host whose inode has the attributes of this file: who may use it, extended attributes. */
  get attributesFd(): number {
    return this.hostFd >= 0 ? this.hostFd : this.pollFd
  }
  /** The file that record locks are on, once somebody has asked for one; what the storage manager has always may. */
  lockable: Lockable | null = null
  /** Whether pread(2) and pwrite(2) work. */
  get hasPositions(): boolean {
    return this.seeks
  }
  abstract seek(offset: number, whence: number): number
  abstract status(out: FileStatus): number
  abstract close(): void
  /** Whether a transfer would not block now. */
  isReadyFor(_events: number): boolean {
    return true
  }
  /** Whether lseek(2) works although it is polled (terminals and the like). */
  get seeks(): boolean {
    return this.pollFd < 0
  }
}

const NOTHING = new Uint8Array(0)
const PROBE = new Uint8Array(1)

/** A regular file or directory of the storage manager. */
export class StorageFile extends Description {
  readonly storage: Storage
  readonly handle: FileHandle
  readonly isDirectory: boolean
  readonly #bytes: Uint8Array
  offset = 0
  readonly pollFd = -1
  readonly fills = true
  readonly #end = { end: 0 }

  /** Takes over the caller's reference to the handle. */
  constructor(storage: Storage, handle: FileHandle, flags: number, isDirectory: boolean, bytes: Uint8Array) {
    super(flags)
    this.storage = storage
    this.handle = handle
    this.isDirectory = isDirectory
    this.lockable = lockableFile(storage, handle)
    this.#bytes = bytes
  }

  override moveNothing(writing: boolean): number {
    if (this.isDirectory) return writing ? 0 : err(E.ISDIR)
    return writing ? this.storage.write(this.handle, this.offset, NOTHING) : 0
  }

  /** The end of a file comes before a bad buffer (filemap_read). */
  override moveUnusable(writing: boolean, _count: number, offset: number): number {
    if (writing) return err(E.FAULT)
    if (this.isDirectory) return err(E.ISDIR)
    const got = this.storage.read(this.handle, offset < 0 ? this.offset : offset, PROBE)
    return got > 0 ? err(E.FAULT) : got
  }

  read(into: Segments, offset: number): number {
    if (this.isDirectory) return err(E.ISDIR)
    let at = offset < 0 ? this.offset : offset
    let total = 0
    for (let index = 0; index < into.count; index++) {
      const start = into.pairs[2 * index]!
      const length = into.pairs[2 * index + 1]!
      const got = this.storage.read(this.handle, at, this.#bytes.subarray(start, start + length))
      if (got < 0) return total > 0 ? total : got
      total += got
      at += got
      if (offset < 0) this.offset = at
      if (got < length) break
    }
    return total
  }

  write(from: Segments, offset: number): number {
    const append = (this.flags & O.APPEND) !== 0
    let at = offset < 0 ? this.offset : offset
    let total = 0
    for (let index = 0; index < from.count; index++) {
      const start = from.pairs[2 * index]!
      const length = from.pairs[2 * index + 1]!
      const piece = this.#bytes.subarray(start, start + length)
      const put = append
        ? this.storage.append(this.handle, piece, this.#end)
        : this.storage.write(this.handle, at, piece)
      if (put < 0) return total > 0 ? total : put
      total += put
      at = append ? this.#end.end : at + put
      if (offset < 0) this.offset = at
      if (put < length) break
    }
    return total
  }

  seek(offset: number, whence: number): number {
    if (whence === SEEK.DATA || whence === SEEK.HOLE) {
      const size = this.storage.size(this.handle)
      if (size < 0) return size
      if (offset < 0 || offset >= size) return err(E.NXIO)
      // A file system without holes may say that all of the file is data (lseek(2)).
      this.offset = whence === SEEK.DATA ? offset : size
      return this.offset
    }
    const base = whence === SEEK.SET ? 0 : whence === SEEK.CUR ? this.offset : this.storage.size(this.handle)
    if (whence < 0 || whence > SEEK.END) return err(E.INVAL)
    if (base < 0) return base
    const target = base + offset
    // No file system has longer files (s_maxbytes, fs/read_write.c).
    if (target < 0 || target > Number.MAX_SAFE_INTEGER) return err(E.INVAL)
    this.offset = target
    return target
  }

  status(out: FileStatus): number {
    return this.storage.statHandle(this.handle, out)
  }

  close(): void {
    this.storage.release(this.handle)
  }
}

const POLLIN = 1
const POLLOUT = 4
/** A pipe that polls as writable takes this much without blocking (PIPE_BUF, pipe(7)). */
const WRITE_PIECE = 4096

interface HostFileOptions {
  readonly flags: number
  readonly mode: number
  readonly nonblocking: boolean
  readonly owned: boolean
  readonly openedAt?: string
}

/** A descriptor of the host that the guest owns: inherited, a device, a pipe end. */
export class HostFile extends Description {
  readonly fd: number
  readonly pollFd: number
  readonly fills: boolean
  /** The host's description has O_NONBLOCK; otherwise it must be asked before each transfer. */
  readonly nonblocking: boolean
  readonly #host: Host
  readonly #window: MemoryWindow
  readonly #owned: boolean
  readonly #isFifo: boolean
  /** Canonical path that the storage manager opened it at; '' for what was inherited or has no name. */
  readonly openedAt: string
  readonly #poll = new Int32Array(2)

  constructor(
    host: Host,
    window: MemoryWindow,
    fd: number,
    { flags, mode, nonblocking, owned, openedAt = '' }: HostFileOptions,
  ) {
    super(flags)
    this.#host = host
    this.#window = window
    this.fd = fd
    this.fills = (mode & S.IFMT) === S.IFREG
    this.pollFd = this.fills ? -1 : fd
    this.nonblocking = nonblocking || this.fills
    this.#owned = owned
    this.openedAt = openedAt
    this.#isFifo = (mode & S.IFMT) === S.IFIFO
  }

  override get hostFd(): number {
    return this.fd
  }

  /** The host knows (FMODE_PREAD): neither pipes nor terminals have, nor descriptors of events, though some of them seek. */
  override get hasPositions(): boolean {
    return this.fills || this.#host.pread(this.fd, NOTHING, 0) !== -E.SPIPE
  }

  override moveNothing(writing: boolean): number {
    return writing ? this.#host.write(this.fd, NOTHING) : this.#host.read(this.fd, NOTHING)
  }

  override moveUnusable(writing: boolean, count: number, _offset: number): number {
    if (!this.nonblocking && !this.isReadyFor(writing ? POLLOUT : POLLIN)) return err(E.AGAIN)
    return this.#window.unusable(this.fd, writing, count)
  }

  /** The host knows: pipes and terminals do not, devices and event descriptors do. */
  override get seeks(): boolean {
    return this.fills || this.#host.lseek(this.fd, 0, SEEK.CUR) >= 0
  }

  override isReadyFor(events: number): boolean {
    if (this.pollFd < 0) return true
    this.#poll[0] = this.fd
    this.#poll[1] = events
    return this.#host.ppoll(this.#poll, 1, 0) > 0
  }

  read(into: Segments, offset: number): number {
    if (!this.nonblocking && !this.isReadyFor(POLLIN)) return err(E.AGAIN)
    for (;;) {
      const got = this.#window.readv(this.fd, into.pairs, into.count, offset)
      if (got !== 0 || !this.#isFifo || (this.flags & O.NONBLOCK) !== 0) return got
      // A FIFO that no writer has opened yet reads as ended, but does not poll as hung up: open(2) would have waited for one.
      this.#poll[0] = this.fd
      this.#poll[1] = POLLIN
      if (this.#host.ppoll(this.#poll, 1, 0) <= 0) return err(E.AGAIN)
      if (((this.#poll[1]! >>> 16) & POLLIN) === 0) return 0
    }
  }

  write(from: Segments, offset: number): number {
    if (!this.nonblocking) {
      if (!this.isReadyFor(POLLOUT)) return err(E.AGAIN)
      return this.#window.write(this.fd, from.pairs[0]!, Math.min(from.pairs[1]!, WRITE_PIECE))
    }
    return this.#window.writev(this.fd, from.pairs, from.count, offset)
  }

  seek(offset: number, whence: number): number {
    return this.#host.lseek(this.fd, offset, whence)
  }

  status(out: FileStatus): number {
    return this.#host.fstat(this.fd, out)
  }

  close(): void {
    if (this.#owned) this.#host.close(this.fd)
  }
}

/** The host's descriptor for a call that changes the file's attributes, or a negative errno: `none` where the file has no such descriptor. */
export function descriptorToChange(storage: Storage, file: Description, none: number): number {
  if (file instanceof HostFile && file.openedAt !== '' && storage.isReadOnly(file.openedAt)) return err(E.ROFS)
  return file.hostFd >= 0 ? file.hostFd : none
}

/** A file of the storage manager's, for record locks. */
export const lockableFile = (storage: Storage, handle: FileHandle): Lockable => ({
  namer: storage,
  key: handle.key,
  outside: {
    lock: (type, range) => storage.lockRange(handle, type, range),
    conflicting: (type, range) => storage.lockedRange(handle, type, range),
  },
})

/** A handle of what a description has open, with one reference for the caller; -ENXIO for what is in memory. */
export function handleOf(storage: Storage, file: Description): FileHandle | number {
  if (file instanceof StorageFile) {
    const retained = storage.retain(file.handle)
    return retained < 0 ? retained : file.handle
  }
  const fd = file.hostFd >= 0 ? file.hostFd : file.pollFd
  return fd < 0 ? err(E.NXIO) : storage.handleAt(fd, file instanceof HostFile ? file.openedAt : '')
}

interface Slot {
  readonly description: Description
  closeOnExec: boolean
}

/** The descriptors of a process; shared by its threads and by CLONE_FILES. */
export class FileTable {
  readonly #slots: (Slot | undefined)[] = []
  users = 1

  get(fd: number): Description | undefined {
    return this.#slots[fd]?.description
  }

  closeOnExec(fd: number): boolean {
    return this.#slots[fd]?.closeOnExec ?? false
  }

  setCloseOnExec(fd: number, on: boolean): void {
    const slot = this.#slots[fd]
    if (slot !== undefined) slot.closeOnExec = on
  }

  /** Descriptors that the kernel's table would have room for: 64, or a power of two times 128 (alloc_fdtable, fs/file.c). */
  get capacity(): number {
    let capacity = 64
    while (capacity < this.#slots.length) capacity *= 2
    return capacity
  }

  lowestFree(from: number): number {
    let fd = from
    while (this.#slots[fd] !== undefined) fd++
    return fd
  }

  /** Puts a description at the lowest free descriptor from `from` on; -EMFILE at `limit`. */
  add(description: Description, closeOnExec: boolean, limit: number, from = 0): number {
    const fd = this.lowestFree(from)
    if (fd >= limit) return err(E.MFILE)
    this.put(fd, description, closeOnExec)
    return fd
  }

  /** dup2(2): what was at `fd` is closed. */
  put(fd: number, description: Description, closeOnExec: boolean): void {
    description.references++
    const old = this.#slots[fd]
    while (this.#slots.length < fd) this.#slots.push(undefined)
    this.#slots[fd] = { description, closeOnExec }
    if (old !== undefined) this.#drop(old.description)
  }

  close(fd: number): number {
    const slot = this.#slots[fd]
    if (slot === undefined) return err(E.BADF)
    this.#slots[fd] = undefined
    this.#drop(slot.description)
    return 0
  }

  /** The open descriptors, lowest first. */
  list(): number[] {
    return this.#slots.flatMap((slot, fd) => (slot === undefined ? [] : [fd]))
  }

  fork(): FileTable {
    const child = new FileTable()
    this.#slots.forEach((slot, fd) => {
      if (slot !== undefined) child.put(fd, slot.description, slot.closeOnExec)
    })
    return child
  }

  closeForExec(): void {
    for (const fd of this.list()) if (this.closeOnExec(fd)) this.close(fd)
  }

  /** One process less; the last closes everything. */
  release(): void {
    if (--this.users > 0) return
    for (const fd of this.list()) this.close(fd)
  }

  /** A descriptor less; the table's record locks of the file go with any of them (fcntl(2)). */
  #drop(description: Description): void {
    const { lockable } = description
    if (lockable !== null) releaseLocks(lockable, this)
    if (--description.references > 0) return
    if (lockable !== null) releaseLocks(lockable, description)
    for (const watcher of description.watchers) watcher.forget(description)
    description.close()
  }
}
