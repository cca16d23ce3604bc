// The C library's calls, through koffi: `loadLibc()` gives an object with one function a row of PROTOTYPES.
// A prototype is declared when its function is first called, so that start-up pays only for what runs.
// Pointers come in two kinds: `void*` and `str` take typed arrays and strings, `uintptr_t` takes an address as a number and is cheaper.
import { loadKoffi, type NativeCall } from './koffi.js'

export type { NativeArgument, NativeCall } from './koffi.js'

/** Row: symbol, result, arguments. Off_t, ssize_t and size_t are 64 bits; koffi gives numbers back where they are exact. */
const PROTOTYPES = {
  openat: ['openat', 'int', 'int', 'str', 'int', 'int'],
  close: ['close', 'int', 'int'],
  read: ['read', 'int64', 'int', 'void*', 'size_t'],
  write: ['write', 'int64', 'int', 'void*', 'size_t'],
  pread: ['pread', 'int64', 'int', 'void*', 'size_t', 'int64'],
  pwrite: ['pwrite', 'int64', 'int', 'void*', 'size_t', 'int64'],
  readAddress: ['read', 'int64', 'int', 'uintptr_t', 'size_t'],
  writeAddress: ['write', 'int64', 'int', 'uintptr_t', 'size_t'],
  preadAddress: ['pread', 'int64', 'int', 'uintptr_t', 'size_t', 'int64'],
  pwriteAddress: ['pwrite', 'int64', 'int', 'uintptr_t', 'size_t', 'int64'],
  readv: ['readv', 'int64', 'int', 'uintptr_t', 'int'],
  writev: ['writev', 'int64', 'int', 'uintptr_t', 'int'],
  preadv: ['preadv', 'int64', 'int', 'uintptr_t', 'int', 'int64'],
  pwritev: ['pwritev', 'int64', 'int', 'uintptr_t', 'int', 'int64'],
  lseek: ['lseek', 'int64', 'int', 'int64', 'int'],
  statx: ['statx', 'int', 'int', 'str', 'int', 'uint', 'uintptr_t'],
  fstatfs: ['fstatfs', 'int', 'int', 'uintptr_t'],
  getdents64: ['getdents64', 'int64', 'int', 'void*', 'size_t'],
  readlinkat: ['readlinkat', 'int64', 'int', 'str', 'void*', 'size_t'],
  mkdirat: ['mkdirat', 'int', 'int', 'str', 'uint'],
  mknodat: ['mknodat', 'int', 'int', 'str', 'uint', 'uint64'],
  unlinkat: ['unlinkat', 'int', 'int', 'str', 'int'],
  renameat2: ['renameat2', 'int', 'int', 'str', 'int', 'str', 'uint'],
  linkat: ['linkat', 'int', 'int', 'str', 'int', 'str', 'int'],
  symlinkat: ['symlinkat', 'int', 'str', 'int', 'str'],
  fchmod: ['fchmod', 'int', 'int', 'uint'],
  fchmodat: ['fchmodat', 'int', 'int', 'str', 'uint', 'int'],
  fchownat: ['fchownat', 'int', 'int', 'str', 'uint', 'uint', 'int'],
  fchown: ['fchown', 'int', 'int', 'uint', 'uint'],
  utimensat: ['utimensat', 'int', 'int', 'str', 'uintptr_t', 'int'],
  futimens: ['futimens', 'int', 'int', 'uintptr_t'],
  faccessat: ['faccessat', 'int', 'int', 'str', 'int', 'int'],
  ftruncate: ['ftruncate', 'int', 'int', 'int64'],
  fallocate: ['fallocate', 'int', 'int', 'int', 'int64', 'int64'],
  fsync: ['fsync', 'int', 'int'],
  fdatasync: ['fdatasync', 'int', 'int'],
  flock: ['flock', 'int', 'int', 'int'],
  copyFileRange: ['copy_file_range', 'int64', 'int', 'uintptr_t', 'int', 'uintptr_t', 'size_t', 'uint'],
  memfdCreate: ['memfd_create', 'int', 'str', 'uint'],
  getxattr: ['getxattr', 'int64', 'str', 'str', 'void*', 'size_t'],
  setxattr: ['setxattr', 'int', 'str', 'str', 'void*', 'size_t', 'int'],
  listxattr: ['listxattr', 'int64', 'str', 'void*', 'size_t'],
  removexattr: ['removexattr', 'int', 'str', 'str'],
  dup: ['dup', 'int', 'int'],
  dup3: ['dup3', 'int', 'int', 'int', 'int'],
  // fcntl and ioctl are variadic; with integer arguments the calling conventions of x86-64 and AArch64 Linux are the same.
  fcntlNumber: ['fcntl', 'int', 'int', 'int', 'int64'],
  fcntlBuffer: ['fcntl', 'int', 'int', 'int', 'void*'],
  ioctlNumber: ['ioctl', 'int', 'int', 'ulong', 'int64'],
  ioctlBuffer: ['ioctl', 'int', 'int', 'ulong', 'void*'],
  isatty: ['isatty', 'int', 'int'],
  pipe2: ['pipe2', 'int', 'void*', 'int'],
  eventfd: ['eventfd', 'int', 'uint', 'int'],
  inotifyInit: ['inotify_init1', 'int', 'int'],
  inotifyAddWatch: ['inotify_add_watch', 'int', 'int', 'str', 'uint'],
  inotifyRmWatch: ['inotify_rm_watch', 'int', 'int', 'int'],
  splice: ['splice', 'int64', 'int', 'uintptr_t', 'int', 'uintptr_t', 'size_t', 'uint'],
  tee: ['tee', 'int64', 'int', 'int', 'size_t', 'uint'],
  epollCreate: ['epoll_create1', 'int', 'int'],
  epollCtl: ['epoll_ctl', 'int', 'int', 'int', 'int', 'uintptr_t'],
  epollWait: ['epoll_wait', 'int', 'int', 'uintptr_t', 'int', 'int'],
  ppoll: ['ppoll', 'int', 'void*', 'ulong', 'uintptr_t', 'uintptr_t'],
  socket: ['socket', 'int', 'int', 'int', 'int'],
  socketpair: ['socketpair', 'int', 'int', 'int', 'int', 'void*'],
  bind: ['bind', 'int', 'int', 'void*', 'uint'],
  listen: ['listen', 'int', 'int', 'int'],
  accept4: ['accept4', 'int', 'int', 'void*', 'void*', 'int'],
  connect: ['connect', 'int', 'int', 'void*', 'uint'],
  getsockname: ['getsockname', 'int', 'int', 'void*', 'void*'],
  getpeername: ['getpeername', 'int', 'int', 'void*', 'void*'],
  sendto: ['sendto', 'int64', 'int', 'void*', 'size_t', 'int', 'void*', 'uint'],
  recvfrom: ['recvfrom', 'int64', 'int', 'void*', 'size_t', 'int', 'void*', 'void*'],
  sendAddress: ['send', 'int64', 'int', 'uintptr_t', 'size_t', 'int'],
  recvAddress: ['recv', 'int64', 'int', 'uintptr_t', 'size_t', 'int'],
  shutdown: ['shutdown', 'int', 'int', 'int'],
  getsockopt: ['getsockopt', 'int', 'int', 'int', 'int', 'void*', 'void*'],
  setsockopt: ['setsockopt', 'int', 'int', 'int', 'int', 'void*', 'uint'],
  getppid: ['getppid', 'int'],
  getpgrp: ['getpgrp', 'int'],
  getuid: ['getuid', 'uint'],
  geteuid: ['geteuid', 'uint'],
  getgid: ['getgid', 'uint'],
  getegid: ['getegid', 'uint'],
  capget: ['capget', 'int', 'uintptr_t', 'uintptr_t'],
  // The C library would change all threads.
  rawCall: ['syscall', 'int64', 'int64', 'int64', 'int64', 'int64'],
  getgroups: ['getgroups', 'int', 'int', 'uintptr_t'],
  umask: ['umask', 'uint', 'uint'],
  kill: ['kill', 'int', 'int', 'int'],
  exit: ['_exit', 'void', 'int'],
  signal: ['signal', 'int64', 'int', 'uintptr_t'],
  sigprocmask: ['pthread_sigmask', 'int', 'int', 'uintptr_t', 'uintptr_t'],
  prctl: ['prctl', 'int', 'int', 'ulong', 'ulong', 'ulong', 'ulong'],
  clockGettime: ['clock_gettime', 'int', 'int', 'uintptr_t'],
  clockGetres: ['clock_getres', 'int', 'int', 'uintptr_t'],
  nanosleep: ['nanosleep', 'int', 'uintptr_t', 'uintptr_t'],
  adjtimex: ['adjtimex', 'int', 'void*'],
  getpriority: ['getpriority', 'int', 'int', 'uint'],
  schedYield: ['sched_yield', 'int'],
  schedGetaffinity: ['sched_getaffinity', 'int', 'int', 'size_t', 'void*'],
  getrandom: ['getrandom', 'int64', 'void*', 'size_t', 'uint'],
  getrandomAddress: ['getrandom', 'int64', 'uintptr_t', 'size_t', 'uint'],
  sysinfo: ['sysinfo', 'int', 'uintptr_t'],
  uname: ['uname', 'int', 'uintptr_t'],
  getrlimit: ['getrlimit', 'int', 'int', 'uintptr_t'],
  setrlimit: ['setrlimit', 'int', 'int', 'uintptr_t'],
  getrusage: ['getrusage', 'int', 'int', 'uintptr_t'],
} as const satisfies Record<string, readonly [symbol: string, result: string, ...args: string[]]>

export type LibcName = keyof typeof PROTOTYPES

export interface Libc {
  /** Every function returns what C returns: -1 and `errno()` for failures. */
  readonly call: Readonly<Record<LibcName, NativeCall>>
  errno(): number
  /** Host address of a view's first byte; stable as long as its buffer lives. */
  addressOf(view: ArrayBufferView): bigint
}

/** Loads koffi and the library this process is linked with. */
export function loadLibc(): Libc {
  const koffi = loadKoffi()
  const library = koffi.load(null)
  const call = {} as Record<LibcName, NativeCall>
  for (const name of Object.keys(PROTOTYPES) as LibcName[]) {
    call[name] = (...args) => {
      const [symbol, result, ...types] = PROTOTYPES[name]
      call[name] = library.func(symbol, result, types)
      return call[name](...args)
    }
  }
  return { call, errno: koffi.errno, addressOf: koffi.address }
}
