// Interface `Host`: everything the components need from the machine below them. `linux.ts` implements it with native calls, `portable.ts` on
// Node's fs alone (what it cannot do answers -ENOSYS). `host.cases.ts` is the test suite both pass.
//
// Rules. A call returns >= 0, or a negative errno of src/abi; it throws only for bugs. Flags, request and signal numbers are those of src/abi
// (Linux x86-64), whatever the machine's own are.
// Results come back in a caller's reusable record or array, so that hot calls allocate nothing.
// Blocking: call `ppoll` first; nobody sets O_NONBLOCK on an inherited stdio description.
import type { ResourceUsage } from '../abi/resource.js'
import type { FileStatus } from '../abi/stat.js'
import type { FileSystemStatus } from '../abi/statfs.js'
import type { SystemInfo } from '../abi/sysinfo.js'
import type { SystemName } from '../abi/utsname.js'

/** A path: text (UTF-8), or raw bytes without the final NUL. */
export type Path = string | Uint8Array

/** [0] seconds, [1] nanoseconds. */
export type TimePair = Float64Array

/** What is needed of a `WebAssembly.Memory`: its buffer, which is replaced by a longer one when it grows. */
export interface SharedMemory {
  readonly buffer: ArrayBufferLike
}

/** Input and output on one wasm memory by offset: no view, no allocation. `Host.window` makes one. */
export interface MemoryWindow {
  read(fd: number, at: number, length: number): number
  write(fd: number, at: number, length: number): number
  pread(fd: number, at: number, length: number, offset: number): number
  pwrite(fd: number, at: number, length: number, offset: number): number
  /** `segments` holds `count` pairs (offset in the memory, length). `offset` -1 is the current file position. */
  readv(fd: number, segments: Float64Array, count: number, offset: number): number
  writev(fd: number, segments: Float64Array, count: number, offset: number): number
  /** What the host answers to a transfer of `count` bytes whose buffer cannot be used: most often -EFAULT, but some files do not look at it. */
  unusable(fd: number, writing: boolean, count: number): number
  recvfrom(fd: number, at: number, length: number, flags: number): number
  sendto(fd: number, at: number, length: number, flags: number): number
  getrandom(at: number, length: number): number
}

export interface Host {
  readonly name: 'linux' | 'portable'

  // Memory: the shared memory may grow later, but never moves.
  window(memory: SharedMemory): MemoryWindow

  // Files
  openat(dirfd: number, path: Path, flags: number, mode: number): number
  close(fd: number): number
  read(fd: number, buffer: Uint8Array): number
  write(fd: number, buffer: Uint8Array): number
  pread(fd: number, buffer: Uint8Array, offset: number): number
  pwrite(fd: number, buffer: Uint8Array, offset: number): number
  /** `offset` -1 is the current file position. */
  readv(fd: number, buffers: readonly Uint8Array[], offset: number): number
  writev(fd: number, buffers: readonly Uint8Array[], offset: number): number
  lseek(fd: number, offset: number, whence: number): number
  fstat(fd: number, out: FileStatus): number
  /** `flags`: AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH. */
  fstatat(dirfd: number, path: Path, flags: number, out: FileStatus): number
  fstatfs(fd: number, out: FileSystemStatus): number
  /** Fills `buffer` with struct linux_dirent64 (src/abi/dirent.ts); 0 at the end. */
  getdents64(fd: number, buffer: Uint8Array): number
  /** The target's bytes into `buffer`; returns their number. */
  readlinkat(dirfd: number, path: Path, buffer: Uint8Array): number
  mkdirat(dirfd: number, path: Path, mode: number): number
  mknodat(dirfd: number, path: Path, mode: number, dev: number): number
  unlinkat(dirfd: number, path: Path, flags: number): number
  renameat2(oldDirfd: number, oldPath: Path, newDirfd: number, newPath: Path, flags: number): number
  linkat(oldDirfd: number, oldPath: Path, newDirfd: number, newPath: Path, flags: number): number
  symlinkat(target: Path, dirfd: number, path: Path): number
  fchmod(fd: number, mode: number): number
  fchmodat(dirfd: number, path: Path, mode: number, flags: number): number
  fchown(fd: number, uid: number, gid: number): number
  fchownat(dirfd: number, path: Path, uid: number, gid: number, flags: number): number
  /** Nanoseconds may be UTIME_NOW or UTIME_OMIT. An empty path with AT_EMPTY_PATH names `dirfd` itself. */
  utimensat(
    dirfd: number,
    path: Path,
    atimeSec: number,
    atimeNsec: number,
    mtimeSec: number,
    mtimeNsec: number,
    flags: number,
  ): number
  faccessat(dirfd: number, path: Path, mode: number, flags: number): number
  ftruncate(fd: number, length: number): number
  fallocate(fd: number, mode: number, offset: number, length: number): number
  fsync(fd: number): number
  fdatasync(fd: number): number
  flock(fd: number, operation: number): number
  /** An offset of -1 is the current file position. */
  copyFileRange(fdIn: number, offsetIn: number, fdOut: number, offsetOut: number, length: number): number
  memfdCreate(name: Path, flags: number): number
  /** Extended attributes by descriptor, which may be O_PATH; an empty buffer asks for the length. */
  getxattr(fd: number, name: Path, buffer: Uint8Array): number
  setxattr(fd: number, name: Path, value: Uint8Array, flags: number): number
  listxattr(fd: number, buffer: Uint8Array): number
  removexattr(fd: number, name: Path): number

  // Descriptors
  dup(fd: number): number
  dup3(oldFd: number, newFd: number, flags: number): number
  /** Numeric argument, or the struct that commands such as F_SETLK take. */
  fcntl(fd: number, command: number, argument: number | Uint8Array): number
  ioctl(fd: number, request: number, argument: number | Uint8Array): number
  isatty(fd: number): boolean
  /** What readlink(2) says of /proc/self/fd. */
  describe(fd: number): string
  /** A path by which the calls here reach the open file itself, whatever its name is now. */
  nameOf(fd: number): string
  /** Fills out[0] (read end) and out[1] (write end). */
  pipe2(out: Int32Array, flags: number): number
  eventfd(initial: number, flags: number): number
  inotifyInit(flags: number): number
  inotifyAddWatch(fd: number, path: Path, mask: number): number
  inotifyRmWatch(fd: number, watch: number): number
  /** An offset of -1 is none: a pipe, or the file's own position. */
  splice(fdIn: number, offsetIn: number, fdOut: number, offsetOut: number, length: number, flags: number): number
  tee(fdIn: number, fdOut: number, length: number, flags: number): number
  epollCreate(flags: number): number
  /** `key` comes back with the descriptor's events. */
  epollCtl(epollFd: number, operation: number, fd: number, events: number, key: number): number
  /** Never waits. Fills `out` with at most `count` pairs (events, key). */
  epollWait(epollFd: number, out: Int32Array, count: number): number
  /**
   * `pollfds` holds `count` struct pollfd as two words each: fd, then events | revents << 16. Blocks the thread up to `timeoutNsec` (-1: for ever).
   * Returns the number of ready descriptors.
   */
  ppoll(pollfds: Int32Array, count: number, timeoutNsec: number): number

  // Sockets: addresses are struct sockaddr as bytes
  socket(domain: number, type: number, protocol: number): number
  socketpair(domain: number, type: number, protocol: number, out: Int32Array): number
  bind(fd: number, address: Uint8Array): number
  listen(fd: number, backlog: number): number
  /** `address` (may be empty) receives the peer; `addressLength[0]` its length. */
  accept4(fd: number, address: Uint8Array, addressLength: Int32Array, flags: number): number
  connect(fd: number, address: Uint8Array): number
  getsockname(fd: number, address: Uint8Array, addressLength: Int32Array): number
  getpeername(fd: number, address: Uint8Array, addressLength: Int32Array): number
  sendto(fd: number, buffer: Uint8Array, flags: number, address: Uint8Array | null): number
  recvfrom(fd: number, buffer: Uint8Array, flags: number, address: Uint8Array, addressLength: Int32Array): number
  shutdown(fd: number, how: number): number
  getsockopt(fd: number, level: number, option: number, value: Uint8Array, valueLength: Int32Array): number
  setsockopt(fd: number, level: number, option: number, value: Uint8Array): number

  // Process and machine
  getpid(): number
  getppid(): number
  getpgrp(): number
  getuid(): number
  geteuid(): number
  getgid(): number
  getegid(): number
  getgroups(): number[]
  /** What the superuser may do here: capabilities 0 to 31, and from 32 on; none where there are no capabilities. */
  capabilities(): readonly [low: number, high: number]
  /** Ids of the calling thread alone. It keeps the superuser as saved id, so that others can be taken next. */
  assumeIds(uid: number, euid: number, gid: number, egid: number, groups: readonly number[]): void
  umask(mask: number): number
  kill(pid: number, signal: number): number
  /** Ends this process by the signal's default action, without a core file. Returns only for signals that do not kill. */
  dieBySignal(signal: number): number
  /** Ends this process with all its threads, now: nothing of Node's is taken down. Returns where that cannot be done. */
  exit(status: number): void
  clockGettime(clock: number, out: TimePair): number
  clockGetres(clock: number, out: TimePair): number
  nanosleep(nsec: number): number
  /** struct timex, which only reads (no modes). */
  adjtimex(timex: Uint8Array): number
  /** Nice value of this process. */
  getpriority(): number
  schedYield(): number
  /** Sets one bit of `mask` for each CPU that this thread may use. */
  schedGetaffinity(mask: Uint8Array): number
  getrandom(buffer: Uint8Array): number
  getcwd(): string
  sysinfo(out: SystemInfo): number
  uname(out: SystemName): number
  /** out[0] current, out[1] maximum; Infinity for RLIM_INFINITY. */
  getrlimit(resource: number, out: Float64Array): number
  /** The last `count` descriptors that the process may have stay unused from now on, whoever opens one; getrlimit does not tell. At most the limit. */
  keepDescriptors(count: number): void
  getrusage(who: number, out: ResourceUsage): number
}
