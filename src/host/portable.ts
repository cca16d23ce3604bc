// The `Host` on Node's API alone, for machines where no native call may be made: `portableHost()`.
// Files are Node's, reached by path (portable-disk.ts); pipes, eventfd, epoll and poll are done here, within this process. What Node cannot do is
// refused: portable-differences.ts lists it. Blocking is Atomics.wait on the link to the main thread (portable-link.ts).
import { randomFillSync } from 'node:crypto'
import nodeFs from 'node:fs'
import os from 'node:os'
import { isatty } from 'node:tty'
import { E } from '../abi/errno.js'
import { AT, F, FD_CLOEXEC, O } from '../abi/fcntl.js'
import { POLL } from '../abi/poll.js'
import { type ResourceUsage, RLIMIT } from '../abi/resource.js'
import { type FileStatus, S } from '../abi/stat.js'
import type { FileSystemStatus } from '../abi/statfs.js'
import type { SystemInfo } from '../abi/sysinfo.js'
import { CLOCK, UTIME_NOW, UTIME_OMIT } from '../abi/time.js'
import type { SystemName } from '../abi/utsname.js'
import { textOfPath } from '../lib/path-text.js'
import type { Host, MemoryWindow, Path, SharedMemory } from './host.js'
import { openFlagsToMachine } from './open-flags.js'
import { attempt } from './portable-attempt.js'
import type { Descriptor } from './portable-descriptor.js'
import { type RefusedCall, refusals } from './portable-differences.js'
import { DiskDescriptor, DiskFile, type FileSystem, fillStatus, forNode, identityOf, Place } from './portable-disk.js'
import { EpollSet, EventCounter } from './portable-events.js'
import { Inherited, type MainThread } from './portable-inherited.js'
import { LINK, newLink } from './portable-link.js'
import { readClock, readResources, readSystem, readUsage } from './portable-machine.js'
import { type NameRules, Names, rulesOf } from './portable-names.js'
import { makePipe } from './portable-pipe.js'
import { PortableWindow } from './portable-window.js'

export interface PortableOptions {
  /** Who reads stdin and sets the terminal; without it reads of stdin block. */
  readonly main?: MainThread
  /** The mask that lego was started with; the process's own is 0 then, as a worker thread cannot change it. */
  readonly umask?: number
  /** Ends this process by a signal: only the main thread can. */
  readonly die?: (signal: number) => void
  /** For tests: another machine's files and rules for names. */
  readonly fs?: FileSystem
  readonly names?: NameRules
}

/** Numbers below are the machine's own: what lego was started with. */
const FIRST_FD = 1 << 20
/** A descriptor as a path: no guest can write a NUL. */
const DESCRIPTOR_NAME = /^\/\0fd\/(\d+)$/
/** Of the flags of open(2), those that Node's openSync takes. */
const PASSED = O.ACCMODE | O.CREAT | O.EXCL | O.TRUNC | O.APPEND | O.NOCTTY | O.NONBLOCK | O.DSYNC | O.NOFOLLOW
const TMPFILE_BIT = 0o20000000
const COPY_PIECE = 65536
/** What the machine's limits are Node cannot ask; descriptors are limited by the processor itself. */
const DESCRIPTORS = { current: 1024, maximum: 1048576 } as const
const DEATH_WAIT_NSEC = 1e9

export function portableHost(options: PortableOptions = {}): Host {
  return Object.assign(new PortableHost(options), refusals())
}

const text = (path: Path): string => (typeof path === 'string' ? path : textOfPath(path))

class PortableHost implements Omit<Host, RefusedCall> {
  readonly name = 'portable'
  readonly #fs: FileSystem
  readonly #names: Names
  readonly #main: MainThread | null
  readonly #words: Int32Array
  readonly #die: ((signal: number) => void) | undefined
  readonly #table = new Map<number, Descriptor>()
  #next = FIRST_FD
  #umask: number | undefined
  #wakesSeen = 0

  constructor({ main, umask, die, fs = nodeFs, names = rulesOf(process.platform) }: PortableOptions) {
    this.#fs = fs
    this.#names = new Names(fs, names)
    this.#main = main ?? null
    this.#words = (main?.link ?? newLink()).words
    this.#umask = umask
    this.#die = die
  }

  // Descriptors

  /** What a number stands for; undefined: EBADF. */
  #get(fd: number): Descriptor | undefined {
    const known = this.#table.get(fd)
    if (known !== undefined || !(fd >= 0 && fd < FIRST_FD)) return known
    try {
      const inherited = new Inherited(this.#fs, fd, this.#fs.fstatSync(fd), isatty(fd), this.#main)
      inherited.references = 1
      this.#table.set(fd, inherited)
      return inherited
    } catch {
      return undefined
    }
  }

  #put(descriptor: Descriptor): number {
    descriptor.references++
    this.#table.set(this.#next, descriptor)
    return this.#next++
  }

  #on(fd: number, call: (descriptor: Descriptor) => number): number {
    const descriptor = this.#get(fd)
    return descriptor === undefined ? -E.BADF : call(descriptor)
  }

  /** A call on the file behind a descriptor: Node's descriptor, or the path of a place. */
  #onDisk(fd: number, onFile: (nodeFd: number) => unknown, onPlace: (path: string | Buffer) => unknown): number {
    return this.#on(fd, (descriptor) => {
      if (descriptor instanceof DiskFile) return attempt(() => onFile(descriptor.nodeFd))
      if (descriptor instanceof Inherited) return attempt(() => onFile(descriptor.fd))
      if (!(descriptor instanceof Place)) return -E.INVAL
      const found = descriptor.found()
      return found < 0 ? found : attempt(() => onPlace(forNode(descriptor.path)))
    })
  }

  close(fd: number): number {
    return this.#on(fd, (descriptor) => {
      this.#table.delete(fd)
      if (--descriptor.references === 0) descriptor.close()
      return descriptor instanceof Inherited && fd < FIRST_FD ? attempt(() => this.#fs.closeSync(fd)) : 0
    })
  }

  dup(fd: number): number {
    return this.#on(fd, (descriptor) => this.#put(descriptor))
  }

  dup3(oldFd: number, newFd: number, _flags: number): number {
    if (oldFd === newFd) return -E.INVAL
    // Numbers are ours to give; nobody asks for one of the machine's.
    if (newFd < FIRST_FD) return -E.BADF
    return this.#on(oldFd, (descriptor) => {
      this.close(newFd)
      descriptor.references++
      this.#table.set(newFd, descriptor)
      return newFd
    })
  }

  fcntl(fd: number, command: number, argument: number | Uint8Array): number {
    return this.#on(fd, (descriptor) => {
      if (command === F.GETFD) return FD_CLOEXEC
      if (command === F.GETFL) return descriptor.flags
      if (command === F.DUPFD || command === F.DUPFD_CLOEXEC) return this.#put(descriptor)
      return descriptor.control(command, Number(argument))
    })
  }

  ioctl(fd: number, request: number, argument: number | Uint8Array): number {
    return this.#on(fd, (descriptor) => descriptor.ioctl(request, argument))
  }

  isatty(fd: number): boolean {
    const descriptor = this.#get(fd)
    return descriptor instanceof Inherited && descriptor.isTerminal
  }

  describe(fd: number): string {
    return this.#get(fd)?.name ?? ''
  }

  nameOf(fd: number): string {
    return `/\0fd/${fd}`
  }

  pipe2(out: Int32Array, flags: number): number {
    const [reader, writer] = makePipe(flags)
    out[0] = this.#put(reader)
    out[1] = this.#put(writer)
    return 0
  }

  eventfd(initial: number, flags: number): number {
    return this.#put(new EventCounter(initial, flags))
  }

  epollCreate(): number {
    return this.#put(new EpollSet())
  }

  epollCtl(epollFd: number, operation: number, fd: number, events: number, key: number): number {
    return this.#on(epollFd, (set) =>
      this.#on(fd, (watched) => (set instanceof EpollSet ? set.change(operation, fd, watched, events, key) : -E.INVAL)),
    )
  }

  epollWait(epollFd: number, out: Int32Array, count: number): number {
    return this.#on(epollFd, (set) => (set instanceof EpollSet ? set.wait(out, count) : -E.INVAL))
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
      const descriptor = fd < 0 ? undefined : this.#get(fd)
      const found =
        fd < 0 ? 0 : descriptor === undefined ? POLL.NVAL : descriptor.events & (wanted | POLL.ERR | POLL.HUP)
      pollfds[2 * at + 1] = wanted | (found << 16)
      if (found !== 0) ready++
    }
    return ready
  }

  // Paths

  /** The path that `dirfd` and `path` name, or a negative errno. `making`: its last name is to be made. */
  #resolve(dirfd: number, path: Path, making = false): string | number {
    const name = text(path)
    if (name === '') return -E.NOENT
    const descriptor = DESCRIPTOR_NAME.exec(name)?.[1]
    if (descriptor !== undefined) return this.#pathOf(Number(descriptor))
    let whole = name
    let from = 0
    if (!name.startsWith('/') && dirfd !== AT.FDCWD) {
      const directory = this.#pathOf(dirfd)
      if (typeof directory === 'number') return directory
      from = directory.endsWith('/') ? directory.length : directory.length + 1
      whole = directory.endsWith('/') ? `${directory}${name}` : `${directory}/${name}`
    }
    if (making) this.#names.forget()
    // What is relative to the working directory is the command line's, in the machine's own spelling.
    const problem = name.startsWith('/') || dirfd !== AT.FDCWD ? this.#names.problem(whole, from, making) : 0
    return problem < 0 ? problem : whole
  }

  #pathOf(fd: number): string | number {
    const descriptor = this.#get(fd)
    if (descriptor === undefined) return -E.BADF
    if (!(descriptor instanceof DiskDescriptor)) return -E.NOTDIR
    const found = descriptor.found()
    return found < 0 ? found : descriptor.path
  }

  #onPath(dirfd: number, path: Path, action: (resolved: string | Buffer) => unknown): number {
    const resolved = this.#resolve(dirfd, path)
    return typeof resolved === 'number' ? resolved : attempt(() => action(forNode(resolved)))
  }

  #making(dirfd: number, path: Path, action: (resolved: string | Buffer) => unknown): number {
    const resolved = this.#resolve(dirfd, path, true)
    return typeof resolved === 'number' ? resolved : attempt(() => action(forNode(resolved)))
  }

  /** Without links and in the machine's spelling, as a Linux path. */
  #canonical(path: string): string {
    const real = textOfPath(this.#fs.realpathSync.native(forNode(path), 'buffer'))
    return process.platform === 'win32' ? real.replace(/^[a-z]:/i, '').replaceAll('\\', '/') : real
  }

  openat(dirfd: number, path: Path, flags: number, mode: number): number {
    const inherited = DESCRIPTOR_NAME.exec(text(path))?.[1]
    const known = inherited === undefined ? undefined : this.#get(Number(inherited))
    if (known !== undefined && !(known instanceof DiskDescriptor)) {
      return known instanceof Inherited && known.isSocket ? -E.NXIO : this.#put(known)
    }
    if (known instanceof DiskFile && known.found() < 0) {
      const again = known.again(flags)
      return again === undefined ? known.found() : this.#put(again)
    }
    if ((flags & TMPFILE_BIT) !== 0) return -E.OPNOTSUPP
    const resolved = this.#resolve(dirfd, path, (flags & O.CREAT) !== 0)
    return typeof resolved === 'number' ? resolved : attempt(() => this.#open(resolved, flags, mode))
  }

  #open(resolved: string, flags: number, mode: number): number {
    const creates = (flags & O.CREAT) !== 0
    const follows = (flags & O.NOFOLLOW) === 0 && (!creates || (flags & O.EXCL) === 0)
    let path = resolved
    let status = this.#fs.lstatSync(forNode(path), { bigint: true, throwIfNoEntry: !creates })
    if (status?.isSymbolicLink() && follows) {
      status = this.#fs.statSync(forNode(path), { bigint: true, throwIfNoEntry: !creates })
      if (status !== undefined) path = this.#canonical(path)
    }
    if (status === undefined) return this.#openFile(path, flags, mode)
    if (creates && (flags & O.EXCL) !== 0) return -E.EXIST
    const kind = Number(status.mode) & S.IFMT
    if ((flags & O.DIRECTORY) !== 0 && kind !== S.IFDIR) return -E.NOTDIR
    if ((flags & O.PATH) !== 0) return this.#openPlace(path, status, flags)
    if (kind === S.IFLNK) return -E.LOOP
    if (kind === S.IFDIR) {
      if (creates || (flags & O.ACCMODE) !== O.RDONLY) return -E.ISDIR
      this.#fs.accessSync(forNode(path), this.#fs.constants.R_OK)
      return this.#openPlace(path, status, flags)
    }
    if (kind === S.IFCHR) return this.#openDevice(path, flags)
    // A FIFO cannot be polled, and a socket is not opened: as a device that is not there (open(2)).
    return kind === S.IFREG ? this.#openFile(path, flags, mode) : -E.NXIO
  }

  #openPlace(path: string, status: nodeFs.BigIntStats, flags: number): number {
    const canonical = status.isDirectory() ? this.#canonical(path) : path
    return this.#put(new Place(this.#fs, canonical, identityOf(status), flags))
  }

  #openFile(path: string, flags: number, mode: number): number {
    const nodeFd = this.#fs.openSync(forNode(path), openFlagsToMachine(flags & PASSED), mode)
    const status = this.#fs.fstatSync(nodeFd, { bigint: true })
    const created = (flags & O.CREAT) !== 0 && (flags & O.NOFOLLOW) === 0 ? this.#canonical(path) : path
    return this.#put(
      new DiskFile(this.#fs, nodeFd, { path: created, identity: identityOf(status), flags, seeks: status.isFile() }),
    )
  }

  /** A terminal is the one that lego was started on: Node reads no other without blocking. */
  #openDevice(path: string, flags: number): number {
    if (path !== '/dev/tty') {
      const nodeFd = this.#fs.openSync(forNode(path), openFlagsToMachine(flags & PASSED))
      const status = this.#fs.fstatSync(nodeFd, { bigint: true })
      if (!isatty(nodeFd)) {
        const identity = identityOf(status)
        return this.#put(new DiskFile(this.#fs, nodeFd, { path, identity, flags, seeks: false }))
      }
      this.#fs.closeSync(nodeFd)
    }
    for (let fd = 0; fd <= 2; fd++) {
      const own = this.#get(fd)
      if (own instanceof Inherited && own.isTerminal) return this.#put(own)
    }
    return -E.NXIO
  }

  fstatat(dirfd: number, path: Path, flags: number, out: FileStatus): number {
    if (path.length === 0 && flags & AT.EMPTY_PATH) return this.fstat(dirfd, out)
    const descriptor = DESCRIPTOR_NAME.exec(text(path))?.[1]
    if (descriptor !== undefined) return this.fstat(Number(descriptor), out)
    const call = flags & AT.SYMLINK_NOFOLLOW ? this.#fs.lstatSync : this.#fs.statSync
    return this.#onPath(dirfd, path, (resolved) => fillStatus(call(resolved, { bigint: true }), out))
  }

  readlinkat(dirfd: number, path: Path, buffer: Uint8Array): number {
    return this.#onPath(dirfd, path, (resolved) => {
      const target = this.#fs.readlinkSync(resolved, 'buffer').subarray(0, buffer.length)
      buffer.set(target)
      return target.length
    })
  }

  mkdirat(dirfd: number, path: Path, mode: number): number {
    return this.#making(dirfd, path, (resolved) => this.#fs.mkdirSync(resolved, mode))
  }

  /** Of what is no directory Node makes regular files alone; EPERM says that the file system has no others (mknod(2)). */
  mknodat(dirfd: number, path: Path, mode: number, _dev: number): number {
    return this.#making(dirfd, path, (resolved) => {
      if (this.#fs.lstatSync(resolved, { throwIfNoEntry: false }) !== undefined) return -E.EXIST
      const kind = mode & S.IFMT
      if (kind !== 0 && kind !== S.IFREG) return -E.PERM
      this.#fs.closeSync(this.#fs.openSync(resolved, 'wx', mode & 0o7777))
      return 0
    })
  }

  unlinkat(dirfd: number, path: Path, flags: number): number {
    const result = this.#onPath(dirfd, path, (resolved) => {
      this.#names.forget()
      if (flags & AT.REMOVEDIR) this.#fs.rmdirSync(resolved)
      // macOS says EPERM.
      else if (this.#fs.lstatSync(resolved).isDirectory()) return -E.ISDIR
      else this.#fs.unlinkSync(resolved)
    })
    return result
  }

  renameat2(oldDirfd: number, oldPath: Path, newDirfd: number, newPath: Path, flags: number): number {
    if (flags !== 0) return -E.INVAL
    const source = this.#resolve(oldDirfd, oldPath)
    if (typeof source === 'number') return source
    let target = this.#resolve(newDirfd, newPath, true)
    // The same file in another spelling is renamed; another file would be lost.
    if (target === -E.EXIST) target = this.#respelt(source, newDirfd, newPath)
    if (typeof target === 'number') return target
    const to = target
    const moved = attempt(() => this.#fs.renameSync(forNode(source), forNode(to)))
    if (moved === 0) this.#follow(source, to)
    return moved
  }

  #respelt(source: string, dirfd: number, path: Path): string | number {
    const directory = dirfd === AT.FDCWD ? '' : this.#pathOf(dirfd)
    if (typeof directory === 'number') return directory
    const target = text(path).startsWith('/') ? text(path) : `${directory}/${text(path)}`
    const [from, to] = [source, target].map((name) =>
      this.#fs.lstatSync(forNode(name), { bigint: true, throwIfNoEntry: false }),
    )
    return from !== undefined && to !== undefined && identityOf(from) === identityOf(to) ? target : -E.EXIST
  }

  /** What is open at or below a path that was renamed is found at its new place. */
  #follow(from: string, to: string): void {
    this.#names.forget()
    const directory = from.slice(0, from.lastIndexOf('/')) || '/'
    const above = attemptText(() => this.#canonical(directory), directory)
    const old = `${above === '/' ? '' : above}/${from.slice(from.lastIndexOf('/') + 1)}`
    const now = attemptText(() => this.#canonical(to), to)
    for (const descriptor of this.#table.values()) {
      if (!(descriptor instanceof DiskDescriptor)) continue
      for (const before of new Set([from, old])) {
        if (descriptor.path === before) descriptor.path = now
        else if (descriptor.path.startsWith(`${before}/`)) descriptor.path = now + descriptor.path.slice(before.length)
      }
    }
  }

  linkat(oldDirfd: number, oldPath: Path, newDirfd: number, newPath: Path, flags: number): number {
    if (flags & ~AT.SYMLINK_FOLLOW) return -E.INVAL
    const target = this.#resolve(newDirfd, newPath, true)
    if (typeof target === 'number') return target
    return this.#onPath(oldDirfd, oldPath, (source) => {
      const isLink = this.#fs.lstatSync(source).isSymbolicLink()
      // link(2) of macOS follows links: a file system without links to links says EPERM.
      if (isLink && flags === 0 && process.platform === 'darwin') return -E.PERM
      this.#fs.linkSync(isLink && flags !== 0 ? this.#fs.realpathSync.native(source) : source, forNode(target))
      return 0
    })
  }

  symlinkat(target: Path, dirfd: number, path: Path): number {
    return this.#making(dirfd, path, (resolved) => this.#fs.symlinkSync(forNode(text(target)), resolved))
  }

  fchmodat(dirfd: number, path: Path, mode: number, flags: number): number {
    if (flags !== 0) return -E.OPNOTSUPP
    return this.#onPath(dirfd, path, (resolved) => {
      // A descriptor that names a link: links have no mode (fchmodat(2)).
      if (DESCRIPTOR_NAME.test(text(path)) && this.#fs.lstatSync(resolved).isSymbolicLink()) return -E.OPNOTSUPP
      return this.#chmod(resolved, mode)
    })
  }

  #chmod(path: string | Buffer, mode: number): number {
    this.#fs.chmodSync(path, mode)
    return keepsMode(this.#fs.statSync(path), mode)
  }

  fchownat(dirfd: number, path: Path, uid: number, gid: number, flags: number): number {
    if (path.length === 0 && flags & AT.EMPTY_PATH) return this.fchown(dirfd, uid, gid)
    if (process.platform === 'win32') return -E.PERM
    const call = flags & AT.SYMLINK_NOFOLLOW ? this.#fs.lchownSync : this.#fs.chownSync
    return this.#onPath(dirfd, path, (resolved) => call(resolved, uid, gid))
  }

  utimensat(
    dirfd: number,
    path: Path,
    atimeSec: number,
    atimeNsec: number,
    mtimeSec: number,
    mtimeNsec: number,
    flags: number,
  ): number {
    // Node's times are floating-point seconds, exact to a quarter of a microsecond; one of the two cannot be left alone: it is read first.
    const times = (old: nodeFs.Stats): readonly [number, number] => [
      secondsOf(atimeSec, atimeNsec, old.atimeMs),
      secondsOf(mtimeSec, mtimeNsec, old.mtimeMs),
    ]
    const { fstatSync, lstatSync, statSync, futimesSync, lutimesSync, utimesSync } = this.#fs
    const onLink = (resolved: string | Buffer): void => lutimesSync(resolved, ...times(lstatSync(resolved)))
    if (path.length === 0 && (flags & AT.EMPTY_PATH) !== 0)
      return this.#onDisk(dirfd, (nodeFd) => futimesSync(nodeFd, ...times(fstatSync(nodeFd))), onLink)
    if ((flags & AT.SYMLINK_NOFOLLOW) !== 0) return this.#onPath(dirfd, path, onLink)
    return this.#onPath(dirfd, path, (resolved) => utimesSync(resolved, ...times(statSync(resolved))))
  }

  faccessat(dirfd: number, path: Path, mode: number, flags: number): number {
    if (flags & ~AT.EACCESS) return -E.INVAL
    return this.#onPath(dirfd, path, (resolved) => this.#fs.accessSync(resolved, mode))
  }

  // Open files

  window(memory: SharedMemory): MemoryWindow {
    return new PortableWindow(this, memory)
  }

  read(fd: number, buffer: Uint8Array): number {
    return this.#on(fd, (descriptor) => descriptor.read(buffer))
  }

  write(fd: number, buffer: Uint8Array): number {
    return this.#on(fd, (descriptor) => descriptor.write(buffer))
  }

  pread(fd: number, buffer: Uint8Array, offset: number): number {
    return this.#on(fd, (descriptor) => descriptor.pread(buffer, offset))
  }

  pwrite(fd: number, buffer: Uint8Array, offset: number): number {
    return this.#on(fd, (descriptor) => descriptor.pwrite(buffer, offset))
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
    return this.#on(fd, (descriptor) => descriptor.lseek(offset, whence))
  }

  fstat(fd: number, out: FileStatus): number {
    return this.#on(fd, (descriptor) => descriptor.status(out))
  }

  fstatfs(fd: number, out: FileSystemStatus): number {
    return this.#on(fd, (descriptor) => {
      const path = descriptor instanceof DiskDescriptor ? this.#pathOf(fd) : -E.NOSYS
      if (typeof path === 'number') return path
      return attempt(() => {
        const { type, bsize, blocks, bfree, bavail, files, ffree } = this.#fs.statfsSync(forNode(path))
        Object.assign(out, { type, bsize, blocks, bfree, bavail, files, ffree, frsize: bsize, namelen: 255, flags: 0 })
        out.fsidLow = out.fsidHigh = 0
      })
    })
  }

  getdents64(fd: number, buffer: Uint8Array): number {
    return this.#on(fd, (descriptor) => {
      if (!(descriptor instanceof Place)) return -E.NOTDIR
      const found = descriptor.found()
      return found < 0 ? found : descriptor.list(buffer)
    })
  }

  fchmod(fd: number, mode: number): number {
    return this.#onDisk(
      fd,
      (nodeFd) => {
        this.#fs.fchmodSync(nodeFd, mode)
        return keepsMode(this.#fs.fstatSync(nodeFd), mode)
      },
      (path) => this.#chmod(path, mode),
    )
  }

  fchown(fd: number, uid: number, gid: number): number {
    if (process.platform === 'win32') return -E.PERM
    return this.#onDisk(
      fd,
      (nodeFd) => this.#fs.fchownSync(nodeFd, uid, gid),
      (path) => this.#fs.lchownSync(path, uid, gid),
    )
  }

  ftruncate(fd: number, length: number): number {
    return this.#onDisk(
      fd,
      (nodeFd) => this.#fs.ftruncateSync(nodeFd, length),
      () => -E.INVAL,
    )
  }

  fsync(fd: number): number {
    return this.#onDisk(fd, this.#fs.fsyncSync, (path) => this.#sync(path))
  }

  fdatasync(fd: number): number {
    return this.#onDisk(fd, this.#fs.fdatasyncSync, (path) => this.#sync(path))
  }

  #sync(path: string | Buffer): void {
    const nodeFd = this.#fs.openSync(path, 'r')
    try {
      this.#fs.fsyncSync(nodeFd)
    } finally {
      this.#fs.closeSync(nodeFd)
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

  // Process and machine

  getpid(): number {
    return process.pid
  }

  getppid(): number {
    return process.ppid
  }

  /** Node does not say: the program that was started leads its group. */
  getpgrp(): number {
    return process.pid
  }

  getuid(): number {
    return process.getuid?.() ?? 0
  }

  geteuid(): number {
    return process.geteuid?.() ?? 0
  }

  getgid(): number {
    return process.getgid?.() ?? 0
  }

  getegid(): number {
    return process.getegid?.() ?? 0
  }

  /** None: a thread of Node's cannot take on other ids, so the superuser's guest may not either. */
  capabilities(): readonly [low: number, high: number] {
    return [0, 0]
  }

  assumeIds(): void {}

  getgroups(): number[] {
    return process.getgroups?.() ?? []
  }

  umask(mask: number): number {
    const before = this.#umask
    if (before === undefined) return attempt(() => process.umask(mask))
    this.#umask = mask
    return before
  }

  kill(pid: number, signal: number): number {
    return attempt(() => process.kill(pid, signal))
  }

  dieBySignal(signal: number): number {
    if (this.#die === undefined) return this.kill(process.pid, signal)
    this.#die(signal)
    return this.nanosleep(DEATH_WAIT_NSEC)
  }

  /** Only Node could. */
  exit(): void {}

  clockGettime(clock: number, out: Float64Array): number {
    return readClock(clock, out)
  }

  clockGetres(clock: number, out: Float64Array): number {
    const result = this.clockGettime(clock, out)
    if (result < 0) return result
    out[0] = 0
    out[1] = clock === CLOCK.REALTIME || clock === CLOCK.REALTIME_COARSE ? 1e6 : 1
    return 0
  }

  nanosleep(nsec: number): number {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, nsec / 1e6)
    return 0
  }

  getpriority(): number {
    return os.getPriority()
  }

  schedYield(): number {
    return 0
  }

  getrandom(buffer: Uint8Array): number {
    randomFillSync(buffer)
    return buffer.length
  }

  getcwd(): string {
    return process.cwd()
  }

  schedGetaffinity(mask: Uint8Array): number {
    const count = Math.min(os.availableParallelism(), 8 * mask.length)
    for (let cpu = 0; cpu < count; cpu++) mask[cpu >>> 3]! |= 1 << (cpu & 7)
    return 0
  }

  getrlimit(resource: number, out: Float64Array): number {
    if (resource !== RLIMIT.NOFILE) return -E.NOSYS
    out[0] = DESCRIPTORS.current
    out[1] = DESCRIPTORS.maximum
    return 0
  }

  sysinfo(out: SystemInfo): number {
    return readResources(out)
  }

  uname(out: SystemName): number {
    return readSystem(out)
  }

  getrusage(_who: number, out: ResourceUsage): number {
    return readUsage(out)
  }
}

/** A text, or another where the machine has none. */
function attemptText(action: () => string, otherwise: string): string {
  try {
    return action()
  } catch {
    return otherwise
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

function secondsOf(sec: number, nsec: number, oldMilliseconds: number): number {
  if (nsec === UTIME_OMIT) return oldMilliseconds / 1000
  return nsec === UTIME_NOW ? Date.now() / 1000 : sec + nsec / 1e9
}
