// The `Host` on Node's fs API alone, for machines where no native call may be made: `portableHost()`.
// Does files, directories, clocks and random numbers. Answers -ENOSYS to what Node cannot do: poll, pipes, sockets, dup, locks, ioctl, xattr.
// Node has no directory descriptors and no lseek: this keeps path and position of each file it opened; a directory renamed meanwhile is lost.
import { randomFillSync } from 'node:crypto'
import fs from 'node:fs'
import os from 'node:os'
import { direntLength, writeDirent } from '../abi/dirent.js'
import { E, errnoByName } from '../abi/errno.js'
import { AT, F, FD_CLOEXEC, O, SEEK } from '../abi/fcntl.js'
import type { ResourceUsage } from '../abi/resource.js'
import { direntTypeOf, type FileStatus } from '../abi/stat.js'
import type { SystemInfo } from '../abi/sysinfo.js'
import { CLOCK, UTIME_NOW, UTIME_OMIT } from '../abi/time.js'
import type { SystemName } from '../abi/utsname.js'
import type { Host, MemoryWindow, Path, SharedMemory } from './host.js'
import { openFlagsToMachine } from './open-flags.js'
import { PortableWindow } from './portable-window.js'

interface OpenFile {
  path: string
  flags: number
  /** Where the next read or write happens; null for what has no position (terminals, pipes). */
  position: number | null
  /** A directory's names, read at the first getdents64 and again after rewinding. */
  names: string[] | null
}

const unsupported = (): number => -E.NOSYS

/** What this host cannot do; `PortableHost` has the rest. */
const UNSUPPORTED = {
  fstatfs: unsupported,
  mknodat: unsupported,
  fallocate: unsupported,
  flock: unsupported,
  copyFileRange: unsupported,
  memfdCreate: unsupported,
  fgetxattr: unsupported,
  fsetxattr: unsupported,
  flistxattr: unsupported,
  fremovexattr: unsupported,
  dup: unsupported,
  dup3: unsupported,
  ioctl: unsupported,
  adjtimex: unsupported,
  pipe2: unsupported,
  eventfd: unsupported,
  inotifyInit: unsupported,
  inotifyAddWatch: unsupported,
  inotifyRmWatch: unsupported,
  splice: unsupported,
  tee: unsupported,
  epollCreate: unsupported,
  epollCtl: unsupported,
  epollWait: unsupported,
  ppoll: unsupported,
  socket: unsupported,
  socketpair: unsupported,
  bind: unsupported,
  listen: unsupported,
  accept4: unsupported,
  connect: unsupported,
  getsockname: unsupported,
  getpeername: unsupported,
  sendto: unsupported,
  recvfrom: unsupported,
  shutdown: unsupported,
  getsockopt: unsupported,
  setsockopt: unsupported,
  getpgrp: unsupported,
  schedGetaffinity: unsupported,
  getrlimit: unsupported,
} satisfies Partial<Host>

export function portableHost(): Host {
  return Object.assign(new PortableHost(), UNSUPPORTED)
}

/** Runs an fs call: its number, or 0 for any other result; its exception becomes a negative errno. */
function attempt(action: () => unknown): number {
  try {
    const result = action()
    return typeof result === 'number' ? result : 0
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    const errno = code === undefined ? undefined : errnoByName(code)
    if (code === undefined) throw error
    return -(errno ?? E.IO)
  }
}

/** The same on a descriptor: Node throws a usage error for negative ones. */
function onDescriptor(fd: number, action: () => unknown): number {
  return fd < 0 ? -E.BADF : attempt(action)
}

const text = (path: Path): string => (typeof path === 'string' ? path : Buffer.from(path).toString())

class PortableHost implements Omit<Host, keyof typeof UNSUPPORTED> {
  readonly name = 'portable'
  readonly #files = new Map<number, OpenFile>()

  /** The path that `dirfd` and `path` name, or a negative errno. */
  #resolve(dirfd: number, path: Path): string | number {
    const name = text(path)
    if (name === '') return -E.NOENT
    if (name.startsWith('/') || dirfd === AT.FDCWD) return name
    const directory = this.#files.get(dirfd)
    return directory === undefined ? -E.BADF : `${directory.path}/${name}`
  }

  #onPath(dirfd: number, path: Path, action: (resolved: string) => unknown): number {
    const resolved = this.#resolve(dirfd, path)
    return typeof resolved === 'number' ? resolved : attempt(() => action(resolved))
  }

  window(memory: SharedMemory): MemoryWindow {
    return new PortableWindow(this, memory)
  }

  openat(dirfd: number, path: Path, flags: number, mode: number): number {
    return this.#onPath(dirfd, path, (resolved) => {
      const fd = fs.openSync(resolved, openFlagsToMachine(flags & ~(O.CLOEXEC | O.LARGEFILE)), mode)
      const hasPosition = fs.fstatSync(fd).isFile() || fs.fstatSync(fd).isDirectory()
      this.#files.set(fd, { path: resolved, flags, position: hasPosition ? 0 : null, names: null })
      return fd
    })
  }

  close(fd: number): number {
    const result = onDescriptor(fd, () => fs.closeSync(fd))
    if (result === 0) this.#files.delete(fd)
    return result
  }

  read(fd: number, buffer: Uint8Array): number {
    const file = this.#files.get(fd)
    const result = this.#readAt(fd, buffer, file?.position ?? null)
    if (file !== undefined && file.position !== null && result > 0) file.position += result
    return result
  }

  write(fd: number, buffer: Uint8Array): number {
    const file = this.#files.get(fd)
    const appends = file !== undefined && (file.flags & O.APPEND) !== 0
    const result = this.#writeAt(fd, buffer, appends ? null : (file?.position ?? null))
    if (file === undefined || file.position === null || result < 0) return result
    if (appends) file.position = fs.fstatSync(fd).size
    else file.position += result
    return result
  }

  pread(fd: number, buffer: Uint8Array, offset: number): number {
    return offset < 0 ? -E.INVAL : this.#readAt(fd, buffer, offset)
  }

  pwrite(fd: number, buffer: Uint8Array, offset: number): number {
    return offset < 0 ? -E.INVAL : this.#writeAt(fd, buffer, offset)
  }

  #readAt(fd: number, buffer: Uint8Array, position: number | null): number {
    return onDescriptor(fd, () => fs.readSync(fd, buffer, 0, buffer.length, position))
  }

  #writeAt(fd: number, buffer: Uint8Array, position: number | null): number {
    return onDescriptor(fd, () => fs.writeSync(fd, buffer, 0, buffer.length, position))
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
    const file = this.#files.get(fd)
    if (file === undefined || file.position === null) {
      const known = onDescriptor(fd, () => fs.fstatSync(fd))
      return known < 0 ? known : -E.SPIPE
    }
    if (whence !== SEEK.SET && whence !== SEEK.CUR && whence !== SEEK.END) return -E.INVAL
    const origin = whence === SEEK.SET ? 0 : whence === SEEK.CUR ? file.position : fs.fstatSync(fd).size
    if (origin + offset < 0) return -E.INVAL
    file.position = origin + offset
    if (file.position === 0) file.names = null
    return file.position
  }

  fstat(fd: number, out: FileStatus): number {
    return onDescriptor(fd, () => fillStatus(fs.fstatSync(fd, { bigint: true }), out))
  }

  fstatat(dirfd: number, path: Path, flags: number, out: FileStatus): number {
    if (path.length === 0 && flags & AT.EMPTY_PATH) return this.fstat(dirfd, out)
    const call = flags & AT.SYMLINK_NOFOLLOW ? fs.lstatSync : fs.statSync
    return this.#onPath(dirfd, path, (resolved) => fillStatus(call(resolved, { bigint: true }), out))
  }

  getdents64(fd: number, buffer: Uint8Array): number {
    const file = this.#files.get(fd)
    if (file === undefined) return -E.BADF
    return attempt(() => {
      file.names ??= ['.', '..', ...fs.readdirSync(file.path)]
      const view = new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength)
      let at = 0
      let index = file.position ?? 0
      for (; index < file.names.length; index++) {
        const name = Buffer.from(file.names[index]!)
        if (at + direntLength(name.length) > buffer.length) break
        const status = fs.lstatSync(`${file.path}/${file.names[index]}`, { bigint: true, throwIfNoEntry: false })
        if (status === undefined) continue
        const type = direntTypeOf(Number(status.mode))
        at += writeDirent(view, at, buffer.length, Number(status.ino), index + 1, type, name)
      }
      const full = at === 0 && index < file.names.length
      file.position = index
      return full ? -E.INVAL : at
    })
  }

  readlinkat(dirfd: number, path: Path, buffer: Uint8Array): number {
    return this.#onPath(dirfd, path, (resolved) => {
      const target = fs.readlinkSync(resolved, { encoding: 'buffer' }).subarray(0, buffer.length)
      buffer.set(target)
      return target.length
    })
  }

  mkdirat(dirfd: number, path: Path, mode: number): number {
    return this.#onPath(dirfd, path, (resolved) => fs.mkdirSync(resolved, { mode }))
  }

  unlinkat(dirfd: number, path: Path, flags: number): number {
    return this.#onPath(dirfd, path, (resolved) => {
      if (flags & AT.REMOVEDIR) fs.rmdirSync(resolved)
      else fs.unlinkSync(resolved)
    })
  }

  renameat2(oldDirfd: number, oldPath: Path, newDirfd: number, newPath: Path, flags: number): number {
    if (flags !== 0) return -E.INVAL
    const target = this.#resolve(newDirfd, newPath)
    if (typeof target === 'number') return target
    return this.#onPath(oldDirfd, oldPath, (source) => fs.renameSync(source, target))
  }

  linkat(oldDirfd: number, oldPath: Path, newDirfd: number, newPath: Path, flags: number): number {
    if (flags !== 0) return -E.INVAL
    const target = this.#resolve(newDirfd, newPath)
    if (typeof target === 'number') return target
    return this.#onPath(oldDirfd, oldPath, (source) => fs.linkSync(source, target))
  }

  symlinkat(target: Path, dirfd: number, path: Path): number {
    return this.#onPath(dirfd, path, (resolved) => fs.symlinkSync(text(target), resolved))
  }

  fchmod(fd: number, mode: number): number {
    return onDescriptor(fd, () => fs.fchmodSync(fd, mode))
  }

  fchmodat(dirfd: number, path: Path, mode: number, flags: number): number {
    if (flags !== 0) return -E.OPNOTSUPP
    return this.#onPath(dirfd, path, (resolved) => fs.chmodSync(resolved, mode))
  }

  fchown(fd: number, uid: number, gid: number): number {
    return onDescriptor(fd, () => fs.fchownSync(fd, uid, gid))
  }

  fchownat(dirfd: number, path: Path, uid: number, gid: number, flags: number): number {
    if (path.length === 0 && flags & AT.EMPTY_PATH) return this.fchown(dirfd, uid, gid)
    const call = flags & AT.SYMLINK_NOFOLLOW ? fs.lchownSync : fs.chownSync
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
    // Node's times are floating-point seconds (no nanoseconds), and it cannot leave one of the two alone: it is read first.
    const ofDescriptor = path.length === 0 && (flags & AT.EMPTY_PATH) !== 0
    const resolved = ofDescriptor ? '' : this.#resolve(dirfd, path)
    if (typeof resolved === 'number') return resolved
    const noFollow = (flags & AT.SYMLINK_NOFOLLOW) !== 0
    return attempt(() => {
      const old = ofDescriptor ? fs.fstatSync(dirfd) : noFollow ? fs.lstatSync(resolved) : fs.statSync(resolved)
      const atime = secondsOf(atimeSec, atimeNsec, old.atimeMs)
      const mtime = secondsOf(mtimeSec, mtimeNsec, old.mtimeMs)
      if (ofDescriptor) fs.futimesSync(dirfd, atime, mtime)
      else if (noFollow) fs.lutimesSync(resolved, atime, mtime)
      else fs.utimesSync(resolved, atime, mtime)
    })
  }

  faccessat(dirfd: number, path: Path, mode: number, flags: number): number {
    if (flags & ~AT.EACCESS) return -E.INVAL
    return this.#onPath(dirfd, path, (resolved) => fs.accessSync(resolved, mode))
  }

  ftruncate(fd: number, length: number): number {
    return onDescriptor(fd, () => fs.ftruncateSync(fd, length))
  }

  fsync(fd: number): number {
    return onDescriptor(fd, () => fs.fsyncSync(fd))
  }

  fdatasync(fd: number): number {
    return onDescriptor(fd, () => fs.fdatasyncSync(fd))
  }

  fcntl(fd: number, command: number): number {
    const known = onDescriptor(fd, () => fs.fstatSync(fd))
    if (known < 0) return known
    if (command === F.GETFD) return FD_CLOEXEC
    const file = this.#files.get(fd)
    return command === F.GETFL && file !== undefined ? file.flags : -E.NOSYS
  }

  describe(): string {
    return ''
  }

  isatty(fd: number): boolean {
    return [process.stdin, process.stdout, process.stderr][fd]?.isTTY ?? false
  }

  getpid(): number {
    return process.pid
  }

  getppid(): number {
    return process.ppid
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

  capabilities(): readonly [low: number, high: number] {
    return [0, 0]
  }

  assumeIds(): void {}

  getgroups(): number[] {
    return process.getgroups?.() ?? []
  }

  umask(mask: number): number {
    return attempt(() => process.umask(mask))
  }

  kill(pid: number, signal: number): number {
    return attempt(() => process.kill(pid, signal))
  }

  dieBySignal(signal: number): number {
    return this.kill(process.pid, signal)
  }

  clockGettime(clock: number, out: Float64Array): number {
    const isWall = clock === CLOCK.REALTIME || clock === CLOCK.REALTIME_COARSE
    if (isWall) {
      const milliseconds = Date.now()
      out[0] = Math.floor(milliseconds / 1000)
      out[1] = (milliseconds % 1000) * 1e6
      return 0
    }
    if (clock === CLOCK.PROCESS_CPUTIME_ID || clock === CLOCK.THREAD_CPUTIME_ID) {
      const { user, system } = process.cpuUsage()
      out[0] = Math.floor((user + system) / 1e6)
      out[1] = ((user + system) % 1e6) * 1000
      return 0
    }
    if (clock < 0 || clock > CLOCK.TAI) return -E.INVAL
    const [sec, nsec] = process.hrtime()
    out[0] = sec
    out[1] = nsec
    return 0
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

  sysinfo(out: SystemInfo): number {
    out.uptimeSec = Math.floor(os.uptime())
    os.loadavg().forEach((load, index) => {
      out.loads[index] = Math.round(load * 65536)
    })
    out.totalRam = os.totalmem()
    out.freeRam = os.freemem()
    out.sharedRam = out.bufferRam = out.totalSwap = out.freeSwap = out.procs = 0
    return 0
  }

  uname(out: SystemName): number {
    out.sysname = os.type()
    out.nodename = os.hostname()
    out.release = os.release()
    out.version = os.version()
    out.machine = os.machine()
    out.domainname = '(none)'
    return 0
  }

  getrusage(_who: number, out: ResourceUsage): number {
    const usage = process.resourceUsage()
    out.userSec = Math.floor(usage.userCPUTime / 1e6)
    out.userUsec = usage.userCPUTime % 1e6
    out.systemSec = Math.floor(usage.systemCPUTime / 1e6)
    out.systemUsec = usage.systemCPUTime % 1e6
    out.maxRssKib = usage.maxRSS
    out.minorFaults = usage.minorPageFault
    out.majorFaults = usage.majorPageFault
    out.inBlocks = usage.fsRead
    out.outBlocks = usage.fsWrite
    out.voluntarySwitches = usage.voluntaryContextSwitches
    out.involuntarySwitches = usage.involuntaryContextSwitches
    return 0
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

function secondsOf(sec: number, nsec: number, oldMilliseconds: number): number {
  if (nsec === UTIME_OMIT) return oldMilliseconds / 1000
  return nsec === UTIME_NOW ? Date.now() / 1000 : sec + nsec / 1e9
}

function fillStatus(status: fs.BigIntStats, out: FileStatus): void {
  out.dev = Number(status.dev)
  out.ino = Number(status.ino)
  out.mode = Number(status.mode)
  out.nlink = Number(status.nlink)
  out.uid = Number(status.uid)
  out.gid = Number(status.gid)
  out.rdev = Number(status.rdev)
  out.size = Number(status.size)
  out.blksize = Number(status.blksize)
  out.blocks = Number(status.blocks)
  out.atimeSec = Number(status.atimeNs / NSEC)
  out.atimeNsec = Number(status.atimeNs % NSEC)
  out.mtimeSec = Number(status.mtimeNs / NSEC)
  out.mtimeNsec = Number(status.mtimeNs % NSEC)
  out.ctimeSec = Number(status.ctimeNs / NSEC)
  out.ctimeNsec = Number(status.ctimeNs % NSEC)
  out.btimeSec = Number(status.birthtimeNs / NSEC)
  out.btimeNsec = Number(status.birthtimeNs % NSEC)
}

const NSEC = 1_000_000_000n
