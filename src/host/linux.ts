// The `Host` of a Linux machine: each method is one call of the C library through koffi (libc.ts), a failing one is -errno.
// `linuxHost()` makes one for the calling thread. Structures pass through one scratch buffer whose address is known, so that calls allocate nothing.
// Leaves out what a guest never reaches through us: exec, fork, mounts.

import { E } from '../abi/errno.js'
import { AT, F, PATH_MAX } from '../abi/fcntl.js'
import { PR } from '../abi/prctl.js'
import { type ResourceUsage, RLIMIT, readLimit, readResourceUsage } from '../abi/resource.js'
import { defaultAction, SIG_DFL, SIG_HOW } from '../abi/signal.js'
import type { FileStatus } from '../abi/stat.js'
import { type FileSystemStatus, readStatfs } from '../abi/statfs.js'
import { readStatx, STATX } from '../abi/statx.js'
import { readSystemInfo, type SystemInfo } from '../abi/sysinfo.js'
import { readFraction, readSeconds, writeTime } from '../abi/time.js'
import { IOV_MAX, IOVEC_SIZE } from '../abi/uio.js'
import { readSystemName, type SystemName, UTSNAME_SIZE } from '../abi/utsname.js'
import { writeWord } from '../abi/word.js'
import { bytesOfPath, hasEscapes, textOfPath } from '../lib/path-text.js'
import type { Host, MemoryWindow, Path, SharedMemory } from './host.js'
import { type Libc, loadLibc } from './libc.js'
import { LinuxWindow } from './linux-window.js'
import { openFlagsFromMachine, openFlagsToMachine } from './open-flags.js'

/** Scratch: structures first, then room for the segments of one readv or writev. */
const SEGMENTS = 1024
const SCRATCH_SIZE = SEGMENTS + IOV_MAX * IOVEC_SIZE
const TIMES = 0
const OFFSETS = 0
/** struct epoll_event is packed on x86-64 alone. */
const EPOLL_DATA = process.arch === 'x64' ? 4 : 8
const EPOLL_SIZE = EPOLL_DATA + 8
const CAPABILITY_VERSION = 0x20080522
const UNCHANGED = 0xffffffff
/** Call numbers by machine. */
const ID_CALLS = {
  x64: { setresuid: 117, setresgid: 119, setgroups: 116 },
  arm64: { setresuid: 147, setresgid: 149, setgroups: 159 },
} as const
const DEATH_WAIT_NSEC = 1e9

export function linuxHost(): Host {
  return new LinuxHost(loadLibc())
}

class LinuxHost implements Host {
  readonly name = 'linux'
  readonly #libc: Libc
  readonly #call: Libc['call']
  readonly #scratch = new DataView(new ArrayBuffer(SCRATCH_SIZE))
  readonly #at: number
  #keptDescriptors = 0

  constructor(libc: Libc) {
    this.#libc = libc
    this.#call = libc.call
    this.#at = Number(libc.addressOf(this.#scratch))
  }

  #checked(result: number): number {
    return result < 0 ? -this.#libc.errno() : result
  }

  window(memory: SharedMemory): MemoryWindow {
    return new LinuxWindow(this.#libc, Number(this.#libc.addressOf(new Uint8Array(memory.buffer))))
  }

  openat(dirfd: number, path: Path, flags: number, mode: number): number {
    return this.#checked(this.#call.openat(dirfd, native(path), openFlagsToMachine(flags), mode))
  }

  close(fd: number): number {
    return this.#checked(this.#call.close(fd))
  }

  read(fd: number, buffer: Uint8Array): number {
    return this.#checked(this.#call.read(fd, buffer, buffer.length))
  }

  write(fd: number, buffer: Uint8Array): number {
    return this.#checked(this.#call.write(fd, buffer, buffer.length))
  }

  pread(fd: number, buffer: Uint8Array, offset: number): number {
    return this.#checked(this.#call.pread(fd, buffer, buffer.length, offset))
  }

  pwrite(fd: number, buffer: Uint8Array, offset: number): number {
    return this.#checked(this.#call.pwrite(fd, buffer, buffer.length, offset))
  }

  #writeSegments(buffers: readonly Uint8Array[]): void {
    buffers.forEach((buffer, index) => {
      const at = SEGMENTS + index * IOVEC_SIZE
      this.#scratch.setBigUint64(at, buffer.length === 0 ? 0n : this.#libc.addressOf(buffer), true)
      writeWord(this.#scratch, at + 8, buffer.length)
    })
  }

  readv(fd: number, buffers: readonly Uint8Array[], offset: number): number {
    if (buffers.length > IOV_MAX) return -E.INVAL
    this.#writeSegments(buffers)
    const at = this.#at + SEGMENTS
    const { readv, preadv } = this.#call
    return this.#checked(offset < 0 ? readv(fd, at, buffers.length) : preadv(fd, at, buffers.length, offset))
  }

  writev(fd: number, buffers: readonly Uint8Array[], offset: number): number {
    if (buffers.length > IOV_MAX) return -E.INVAL
    this.#writeSegments(buffers)
    const at = this.#at + SEGMENTS
    const { writev, pwritev } = this.#call
    return this.#checked(offset < 0 ? writev(fd, at, buffers.length) : pwritev(fd, at, buffers.length, offset))
  }

  lseek(fd: number, offset: number, whence: number): number {
    return this.#checked(this.#call.lseek(fd, offset, whence))
  }

  fstat(fd: number, out: FileStatus): number {
    return this.fstatat(fd, '', AT.EMPTY_PATH, out)
  }

  fstatat(dirfd: number, path: Path, flags: number, out: FileStatus): number {
    // statx(2) has one layout on every machine; struct stat has not.
    const wanted = STATX.BASIC_STATS | STATX.BTIME
    const result = this.#checked(this.#call.statx(dirfd, native(path), flags, wanted, this.#at))
    if (result === 0) readStatx(this.#scratch, 0, out)
    return result
  }

  fstatfs(fd: number, out: FileSystemStatus): number {
    const result = this.#checked(this.#call.fstatfs(fd, this.#at))
    if (result === 0) readStatfs(this.#scratch, 0, out)
    return result
  }

  getdents64(fd: number, buffer: Uint8Array): number {
    return this.#checked(this.#call.getdents64(fd, buffer, buffer.length))
  }

  readlinkat(dirfd: number, path: Path, buffer: Uint8Array): number {
    return this.#checked(this.#call.readlinkat(dirfd, native(path), buffer, buffer.length))
  }

  mkdirat(dirfd: number, path: Path, mode: number): number {
    return this.#checked(this.#call.mkdirat(dirfd, native(path), mode))
  }

  mknodat(dirfd: number, path: Path, mode: number, dev: number): number {
    return this.#checked(this.#call.mknodat(dirfd, native(path), mode, dev))
  }

  unlinkat(dirfd: number, path: Path, flags: number): number {
    return this.#checked(this.#call.unlinkat(dirfd, native(path), flags))
  }

  renameat2(oldDirfd: number, oldPath: Path, newDirfd: number, newPath: Path, flags: number): number {
    return this.#checked(this.#call.renameat2(oldDirfd, native(oldPath), newDirfd, native(newPath), flags))
  }

  linkat(oldDirfd: number, oldPath: Path, newDirfd: number, newPath: Path, flags: number): number {
    return this.#checked(this.#call.linkat(oldDirfd, native(oldPath), newDirfd, native(newPath), flags))
  }

  symlinkat(target: Path, dirfd: number, path: Path): number {
    return this.#checked(this.#call.symlinkat(native(target), dirfd, native(path)))
  }

  fchmod(fd: number, mode: number): number {
    return this.#checked(this.#call.fchmod(fd, mode))
  }

  fchmodat(dirfd: number, path: Path, mode: number, flags: number): number {
    return this.#checked(this.#call.fchmodat(dirfd, native(path), mode, flags))
  }

  fchown(fd: number, uid: number, gid: number): number {
    return this.#checked(this.#call.fchown(fd, uid >>> 0, gid >>> 0))
  }

  fchownat(dirfd: number, path: Path, uid: number, gid: number, flags: number): number {
    return this.#checked(this.#call.fchownat(dirfd, native(path), uid >>> 0, gid >>> 0, flags))
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
    writeTime(this.#scratch, TIMES, atimeSec, atimeNsec)
    writeTime(this.#scratch, TIMES + 16, mtimeSec, mtimeNsec)
    // The C library refuses AT_EMPTY_PATH with an empty path on older kernels; futimens(3) is the same thing.
    if (path.length === 0 && flags & AT.EMPTY_PATH) return this.#checked(this.#call.futimens(dirfd, this.#at))
    return this.#checked(this.#call.utimensat(dirfd, native(path), this.#at, flags))
  }

  faccessat(dirfd: number, path: Path, mode: number, flags: number): number {
    return this.#checked(this.#call.faccessat(dirfd, native(path), mode, flags))
  }

  ftruncate(fd: number, length: number): number {
    return this.#checked(this.#call.ftruncate(fd, length))
  }

  fallocate(fd: number, mode: number, offset: number, length: number): number {
    return this.#checked(this.#call.fallocate(fd, mode, offset, length))
  }

  fsync(fd: number): number {
    return this.#checked(this.#call.fsync(fd))
  }

  fdatasync(fd: number): number {
    return this.#checked(this.#call.fdatasync(fd))
  }

  flock(fd: number, operation: number): number {
    return this.#checked(this.#call.flock(fd, operation))
  }

  copyFileRange(fdIn: number, offsetIn: number, fdOut: number, offsetOut: number, length: number): number {
    writeWord(this.#scratch, OFFSETS, offsetIn)
    writeWord(this.#scratch, OFFSETS + 8, offsetOut)
    const inAt = offsetIn < 0 ? 0 : this.#at + OFFSETS
    const outAt = offsetOut < 0 ? 0 : this.#at + OFFSETS + 8
    return this.#checked(this.#call.copyFileRange(fdIn, inAt, fdOut, outAt, length, 0))
  }

  memfdCreate(name: Path, flags: number): number {
    return this.#checked(this.#call.memfdCreate(native(name), flags))
  }

  getxattr(fd: number, name: Path, buffer: Uint8Array): number {
    return this.#checked(this.#call.getxattr(this.nameOf(fd), native(name), buffer, buffer.length))
  }

  setxattr(fd: number, name: Path, value: Uint8Array, flags: number): number {
    return this.#checked(this.#call.setxattr(this.nameOf(fd), native(name), value, value.length, flags))
  }

  listxattr(fd: number, buffer: Uint8Array): number {
    return this.#checked(this.#call.listxattr(this.nameOf(fd), buffer, buffer.length))
  }

  removexattr(fd: number, name: Path): number {
    return this.#checked(this.#call.removexattr(this.nameOf(fd), native(name)))
  }

  dup(fd: number): number {
    return this.#checked(this.#call.dup(fd))
  }

  dup3(oldFd: number, newFd: number, flags: number): number {
    return this.#checked(this.#call.dup3(oldFd, newFd, flags))
  }

  fcntl(fd: number, command: number, argument: number | Uint8Array): number {
    if (typeof argument !== 'number') return this.#checked(this.#call.fcntlBuffer(fd, command, argument))
    const value = command === F.SETFL ? openFlagsToMachine(argument) : argument
    const result = this.#checked(this.#call.fcntlNumber(fd, command, value))
    return command === F.GETFL && result >= 0 ? openFlagsFromMachine(result) : result
  }

  ioctl(fd: number, request: number, argument: number | Uint8Array): number {
    const call = typeof argument === 'number' ? this.#call.ioctlNumber : this.#call.ioctlBuffer
    return this.#checked(call(fd, request, argument))
  }

  isatty(fd: number): boolean {
    return this.#call.isatty(fd) === 1
  }

  nameOf(fd: number): string {
    return `/proc/self/fd/${fd}`
  }

  describe(fd: number): string {
    const name = new Uint8Array(PATH_MAX)
    const length = this.readlinkat(AT.FDCWD, this.nameOf(fd), name)
    return length < 0 ? '' : textOfPath(name.subarray(0, length))
  }

  pipe2(out: Int32Array, flags: number): number {
    return this.#checked(this.#call.pipe2(out, flags))
  }

  eventfd(initial: number, flags: number): number {
    return this.#checked(this.#call.eventfd(initial, flags))
  }

  inotifyInit(flags: number): number {
    return this.#checked(this.#call.inotifyInit(flags))
  }

  inotifyAddWatch(fd: number, path: Path, mask: number): number {
    return this.#checked(this.#call.inotifyAddWatch(fd, native(path), mask >>> 0))
  }

  inotifyRmWatch(fd: number, watch: number): number {
    return this.#checked(this.#call.inotifyRmWatch(fd, watch))
  }

  splice(fdIn: number, offsetIn: number, fdOut: number, offsetOut: number, length: number, flags: number): number {
    writeWord(this.#scratch, OFFSETS, offsetIn)
    writeWord(this.#scratch, OFFSETS + 8, offsetOut)
    const inAt = offsetIn < 0 ? 0 : this.#at + OFFSETS
    const outAt = offsetOut < 0 ? 0 : this.#at + OFFSETS + 8
    return this.#checked(this.#call.splice(fdIn, inAt, fdOut, outAt, length, flags))
  }

  tee(fdIn: number, fdOut: number, length: number, flags: number): number {
    return this.#checked(this.#call.tee(fdIn, fdOut, length, flags))
  }

  epollCreate(flags: number): number {
    return this.#checked(this.#call.epollCreate(flags))
  }

  epollCtl(epollFd: number, operation: number, fd: number, events: number, key: number): number {
    this.#scratch.setInt32(0, events, true)
    this.#scratch.setInt32(EPOLL_DATA, key, true)
    return this.#checked(this.#call.epollCtl(epollFd, operation, fd, this.#at))
  }

  epollWait(epollFd: number, out: Int32Array, count: number): number {
    const room = Math.min(count, Math.floor(SCRATCH_SIZE / EPOLL_SIZE))
    const result = this.#checked(this.#call.epollWait(epollFd, this.#at, room, 0))
    for (let index = 0; index < result; index++) {
      out[2 * index] = this.#scratch.getInt32(index * EPOLL_SIZE, true)
      out[2 * index + 1] = this.#scratch.getInt32(index * EPOLL_SIZE + EPOLL_DATA, true)
    }
    return result
  }

  ppoll(pollfds: Int32Array, count: number, timeoutNsec: number): number {
    if (timeoutNsec >= 0) this.#writeDuration(timeoutNsec)
    return this.#checked(this.#call.ppoll(pollfds, count, timeoutNsec < 0 ? 0 : this.#at, 0))
  }

  #writeDuration(nsec: number): void {
    const sec = Math.floor(nsec / 1e9)
    writeTime(this.#scratch, TIMES, sec, Math.floor(nsec - sec * 1e9))
  }

  socket(domain: number, type: number, protocol: number): number {
    return this.#checked(this.#call.socket(domain, type, protocol))
  }

  socketpair(domain: number, type: number, protocol: number, out: Int32Array): number {
    return this.#checked(this.#call.socketpair(domain, type, protocol, out))
  }

  bind(fd: number, address: Uint8Array): number {
    return this.#checked(this.#call.bind(fd, address, address.length))
  }

  listen(fd: number, backlog: number): number {
    return this.#checked(this.#call.listen(fd, backlog))
  }

  accept4(fd: number, address: Uint8Array, addressLength: Int32Array, flags: number): number {
    addressLength[0] = address.length
    return this.#checked(this.#call.accept4(fd, address, addressLength, flags))
  }

  connect(fd: number, address: Uint8Array): number {
    return this.#checked(this.#call.connect(fd, address, address.length))
  }

  getsockname(fd: number, address: Uint8Array, addressLength: Int32Array): number {
    addressLength[0] = address.length
    return this.#checked(this.#call.getsockname(fd, address, addressLength))
  }

  getpeername(fd: number, address: Uint8Array, addressLength: Int32Array): number {
    addressLength[0] = address.length
    return this.#checked(this.#call.getpeername(fd, address, addressLength))
  }

  sendto(fd: number, buffer: Uint8Array, flags: number, address: Uint8Array | null): number {
    return this.#checked(this.#call.sendto(fd, buffer, buffer.length, flags, address, address?.length ?? 0))
  }

  recvfrom(fd: number, buffer: Uint8Array, flags: number, address: Uint8Array, addressLength: Int32Array): number {
    addressLength[0] = address.length
    return this.#checked(this.#call.recvfrom(fd, buffer, buffer.length, flags, address, addressLength))
  }

  shutdown(fd: number, how: number): number {
    return this.#checked(this.#call.shutdown(fd, how))
  }

  getsockopt(fd: number, level: number, option: number, value: Uint8Array, valueLength: Int32Array): number {
    valueLength[0] = value.length
    return this.#checked(this.#call.getsockopt(fd, level, option, value, valueLength))
  }

  setsockopt(fd: number, level: number, option: number, value: Uint8Array): number {
    return this.#checked(this.#call.setsockopt(fd, level, option, value, value.length))
  }

  getpid(): number {
    return process.pid
  }

  getppid(): number {
    return this.#call.getppid()
  }

  getpgrp(): number {
    return this.#call.getpgrp()
  }

  getuid(): number {
    return this.#call.getuid()
  }

  geteuid(): number {
    return this.#call.geteuid()
  }

  getgid(): number {
    return this.#call.getgid()
  }

  getegid(): number {
    return this.#call.getegid()
  }

  getgroups(): number[] {
    const count = this.#call.getgroups(SCRATCH_SIZE / 4, this.#at)
    return Array.from({ length: Math.max(count, 0) }, (_, index) => this.#scratch.getUint32(4 * index, true))
  }

  capabilities(): readonly [low: number, high: number] {
    this.#scratch.setUint32(0, CAPABILITY_VERSION, true)
    this.#scratch.setInt32(4, 0, true)
    // Effective, permitted and inheritable words, low then high.
    if (this.#call.capget(this.#at, this.#at + 8) < 0) return [0, 0]
    return [this.#scratch.getInt32(12, true), this.#scratch.getInt32(24, true)]
  }

  assumeIds(uid: number, euid: number, gid: number, egid: number, groups: readonly number[]): void {
    const { rawCall, prctl } = this.#call
    const { setresuid, setresgid, setgroups } = ID_CALLS[process.arch === 'arm64' ? 'arm64' : 'x64']
    rawCall(setresuid, UNCHANGED, 0, UNCHANGED)
    for (const [index, group] of groups.entries()) this.#scratch.setUint32(4 * index, group, true)
    rawCall(setgroups, groups.length, this.#at, 0)
    rawCall(setresgid, gid, egid, UNCHANGED)
    rawCall(setresuid, uid, euid, 0)
    // A change of ids makes /proc/self another user's, where descriptors have their names.
    prctl(PR.SET_DUMPABLE, 1, 0, 0, 0)
  }

  umask(mask: number): number {
    return this.#call.umask(mask)
  }

  kill(pid: number, signal: number): number {
    return this.#checked(this.#call.kill(pid, signal))
  }

  dieBySignal(signal: number): number {
    // No core of Node's: a limit of 0 stops files, and only "not dumpable" stops core_pattern pipes (core(5)).
    writeWord(this.#scratch, 0, 0)
    writeWord(this.#scratch, 8, 0)
    this.#call.setrlimit(RLIMIT.CORE, this.#at)
    this.#call.prctl(PR.SET_DUMPABLE, 0, 0, 0, 0)
    this.#call.signal(signal, SIG_DFL)
    // A sigset_t of the C library is 128 bytes of which the first eight matter.
    for (let word = 0; word < 128; word += 8) writeWord(this.#scratch, word, 0)
    this.#scratch.setUint8((signal - 1) >>> 3, 1 << ((signal - 1) & 7))
    this.#call.sigprocmask(SIG_HOW.UNBLOCK, this.#at, 0)
    const result = this.kill(process.pid, signal)
    // Another thread may be the one that takes it: do not run on meanwhile.
    const action = defaultAction(signal)
    if (result === 0 && (action === 'terminate' || action === 'core')) this.nanosleep(DEATH_WAIT_NSEC)
    return result
  }

  exit(status: number): void {
    this.#call.exit(status)
  }

  clockGettime(clock: number, out: Float64Array): number {
    return this.#readTime(this.#call.clockGettime(clock, this.#at), out)
  }

  clockGetres(clock: number, out: Float64Array): number {
    return this.#readTime(this.#call.clockGetres(clock, this.#at), out)
  }

  #readTime(result: number, out: Float64Array): number {
    if (result < 0) return -this.#libc.errno()
    out[0] = readSeconds(this.#scratch, TIMES)
    out[1] = readFraction(this.#scratch, TIMES)
    return 0
  }

  nanosleep(nsec: number): number {
    this.#writeDuration(nsec)
    return this.#checked(this.#call.nanosleep(this.#at, 0))
  }

  adjtimex(timex: Uint8Array): number {
    return this.#checked(this.#call.adjtimex(timex))
  }

  getpriority(): number {
    return this.#call.getpriority(0, 0)
  }

  schedYield(): number {
    return this.#checked(this.#call.schedYield())
  }

  schedGetaffinity(mask: Uint8Array): number {
    return this.#checked(this.#call.schedGetaffinity(0, mask.length, mask))
  }

  getrandom(buffer: Uint8Array): number {
    return this.#checked(this.#call.getrandom(buffer, buffer.length, 0))
  }

  getcwd(): string {
    return process.cwd()
  }

  sysinfo(out: SystemInfo): number {
    const result = this.#checked(this.#call.sysinfo(this.#at))
    if (result === 0) readSystemInfo(this.#scratch, 0, out)
    return result
  }

  uname(out: SystemName): number {
    const result = this.#checked(this.#call.uname(this.#at))
    if (result === 0) Object.assign(out, readSystemName(new Uint8Array(this.#scratch.buffer, 0, UTSNAME_SIZE)))
    return result
  }

  getrlimit(resource: number, out: Float64Array): number {
    const result = this.#checked(this.#call.getrlimit(resource, this.#at))
    if (result === 0) {
      out[0] = readLimit(this.#scratch, 0)
      out[1] = readLimit(this.#scratch, 8)
      if (resource === RLIMIT.NOFILE) out[0] += this.#keptDescriptors
    }
    return result
  }

  keepDescriptors(count: number): void {
    const limit = new Float64Array(2)
    if (this.getrlimit(RLIMIT.NOFILE, limit) < 0) return
    writeWord(this.#scratch, 0, limit[0]! - count)
    writeWord(this.#scratch, 8, limit[1]!)
    if (this.#call.setrlimit(RLIMIT.NOFILE, this.#at) === 0) this.#keptDescriptors = count
  }

  getrusage(who: number, out: ResourceUsage): number {
    const result = this.#checked(this.#call.getrusage(who, this.#at))
    if (result === 0) readResourceUsage(this.#scratch, 0, out)
    return result
  }
}

/** koffi passes strings as UTF-8 with a NUL, and bytes as they are: those get their NUL here. Odd bytes in a text: lib/path-text.ts. */
function native(path: Path): string | Uint8Array {
  if (typeof path === 'string' && !hasEscapes(path)) return path
  const bytes = typeof path === 'string' ? bytesOfPath(path) : path
  const terminated = new Uint8Array(bytes.length + 1)
  terminated.set(bytes)
  return terminated
}
