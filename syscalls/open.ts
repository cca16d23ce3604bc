// open(2), openat(2), openat2(2), creat(2), eventfd(2): new descriptions.
import { E, err } from '../src/abi/errno.js'
import { AT, O, RESOLVE } from '../src/abi/fcntl.js'
import { EFD } from '../src/abi/poll.js'
import { newFileStatus, S } from '../src/abi/stat.js'
import { SPLICE } from '../src/abi/uio.js'
import { readUnsigned } from '../src/abi/word.js'
import { HostFile, handleOf, StorageFile } from '../src/processor/files.js'
import { BLOCK, type Outcome } from '../src/processor/kernel.js'
import { deviceAndInode, type Opened } from '../src/processor/storage.js'
import type { Task } from '../src/processor/task.js'
import { DirFd, Fd, Mode, Path, Size, Uint } from './arguments.js'
import { POLLIN } from './blocking.js'
import { full, partial, syscall } from './define.js'
import { CreationMode, EventfdFlags, OpenFlags } from './flags.js'
import { install, limitOf } from './install.js'
import { descriptorNamed, directoryOf, placeAt } from './places.js'
import { resolvePlace } from './resolve.js'
import { isRunning, runs } from './running.js'
import { OpenHow } from './structures.js'

/** Only for the opening itself: F_GETFL does not show them (do_dentry_open, fs/open.c). */
const GONE = O.CREAT | O.EXCL | O.NOCTTY | O.TRUNC | O.CLOEXEC
/** What O_PATH leaves of the other flags. */
const PATH_FLAGS = O.PATH | O.DIRECTORY | O.NOFOLLOW | O.CLOEXEC
/** O_TMPFILE without O_DIRECTORY. */
const TMPFILE = O.TMPFILE & ~O.DIRECTORY
const PERMISSIONS = 0o7777
const W_OK = 2
/** How long a FIFO without its other end waits before it looks again. */
const FIFO_NSEC = 2e6

function openFile(task: Task, dirfd: number, path: string, given: number, mode: number): Outcome {
  const { kernel, process } = task
  const flags = (given & O.PATH) !== 0 ? given & PATH_FLAGS : given
  if ((flags & TMPFILE) !== 0 && ((flags & O.DIRECTORY) === 0 || (flags & O.ACCMODE) === O.RDONLY)) return err(E.INVAL)
  if ((flags & (O.CREAT | O.DIRECTORY)) === (O.CREAT | O.DIRECTORY) && (flags & TMPFILE) === 0) return err(E.INVAL)
  // Descriptors run out before anything is created (do_sys_openat2 takes one first).
  if (process.files.lowestFree(0) >= limitOf(task)) return err(E.MFILE)
  const { held } = task.wait
  if (held !== null) return installReader(task, held, flags)
  const named = path.startsWith('/') ? descriptorNamed(task, path) : -1
  if (named >= 0) return openAgain(task, named, flags)
  const place = placeAt(task, dirfd, path)
  if (typeof place === 'number') return place
  if (mayWrite(flags) && isRunning(task, place, (flags & O.NOFOLLOW) === 0)) return err(E.TXTBSY)
  const permissions = mode & PERMISSIONS & ~process.fs.umask
  const opened = kernel.storage.open(place.cwd, place.path, flags, permissions)
  if (typeof opened === 'number') {
    // A FIFO without a reader; the storage manager never blocks, the task does.
    return opened === -E.NXIO && awaitsReader(task, place.cwd, place.path, flags) ? retryLater(task) : opened
  }
  return installOpened(task, opened, flags)
}

/** Whether an open(2) that works writes to a file that is there. */
const mayWrite = (flags: number): boolean =>
  (flags & (O.ACCMODE | O.TRUNC)) !== 0 &&
  (flags & (O.PATH | O.DIRECTORY)) === 0 &&
  (flags & (O.CREAT | O.EXCL)) !== (O.CREAT | O.EXCL)

function installOpened(task: Task, opened: Opened, flags: number): Outcome {
  if (opened.kind === 'device') return installHost(task, opened, flags)
  return installStored(task, opened.handle, (opened.status.mode & S.IFMT) === S.IFDIR, flags)
}

/** A description of a file of the storage manager's; takes over the reference to the handle. */
function installStored(task: Task, handle: StorageFile['handle'], isDirectory: boolean, flags: number): number {
  const { kernel } = task
  const file = new StorageFile(kernel.storage, handle, shownFlags(flags), isDirectory, kernel.bytes)
  return install(task, file, (flags & O.CLOEXEC) !== 0)
}

/** A description of the host's, whose descriptor is the guest's from now on. The reading end of a FIFO waits for its writer. */
function installHost(task: Task, opened: Opened & { kind: 'device' }, flags: number): Outcome {
  const { host, window } = task.kernel
  const { mode } = opened.status
  const options = { flags: shownFlags(flags), mode, nonblocking: true, owned: true, openedAt: opened.path }
  const file = new HostFile(host, window, opened.fd, options)
  const waits = (mode & S.IFMT) === S.IFIFO && (flags & (O.ACCMODE | O.NONBLOCK)) === O.RDONLY
  return waits ? installReader(task, file, flags) : install(task, file, (flags & O.CLOEXEC) !== 0)
}

/** The reading end of a FIFO: open all the while, so that a writer finds it, but the guest's only when a writer has come. */
function installReader(task: Task, file: HostFile, flags: number): Outcome {
  task.wait.held = file
  if (!file.isReadyFor(POLLIN) && !hasWriter(task, file.fd)) return retryLater(task)
  task.wait.held = null
  return install(task, file, (flags & O.CLOEXEC) !== 0)
}

const pipe = new Int32Array(2)

/** What tee(2) says of an empty FIFO: nothing where nobody can write, -EAGAIN where somebody may. It takes nothing out. */
function hasWriter({ kernel: { host } }: Task, fd: number): boolean {
  if (host.pipe2(pipe, O.NONBLOCK | O.CLOEXEC) < 0) return true
  const copied = host.tee(fd, pipe[1]!, 1, SPLICE.NONBLOCK)
  for (const end of pipe) host.close(end)
  return copied !== 0
}

const shownFlags = (flags: number): number => (flags & ~GONE) | ((flags & O.PATH) === 0 ? O.LARGEFILE : 0)

/** A new description of the file behind a descriptor: /proc/self/fd and /dev/fd. */
function openAgain(task: Task, named: number, flags: number): Outcome {
  const { storage } = task.kernel
  const file = task.process.files.get(named)
  if (file === undefined) return err(E.NOENT)
  if ((flags & (O.CREAT | O.EXCL)) === (O.CREAT | O.EXCL)) return err(E.EXIST)
  if ((flags & (O.NOFOLLOW | O.PATH)) === O.NOFOLLOW) return err(E.LOOP)
  const handle = handleOf(storage, file)
  if (typeof handle === 'number') return handle
  if (
    mayWrite(flags) &&
    runs(task, deviceAndInode(handle.key)) &&
    storage.accessHandle(handle, W_OK, AT.EACCESS) >= 0
  ) {
    storage.release(handle)
    return err(E.TXTBSY)
  }
  const opened = storage.reopen(handle, flags)
  storage.release(handle)
  if (typeof opened !== 'number') return installOpened(task, opened, flags)
  const isWriter = (flags & (O.ACCMODE | O.NONBLOCK)) === O.WRONLY
  // A FIFO without a reader (not a socket, whose answer is the same).
  const status = newFileStatus()
  const waits = opened === -E.NXIO && isWriter && file.status(status) >= 0 && (status.mode & S.IFMT) === S.IFIFO
  return waits ? retryLater(task) : opened
}

function awaitsReader(task: Task, cwd: string, path: string, flags: number): boolean {
  if ((flags & O.NONBLOCK) !== 0 || (flags & O.ACCMODE) !== O.WRONLY) return false
  const { storage } = task.kernel
  const found = storage.open(cwd, path, O.PATH, 0)
  if (typeof found === 'number') return false
  if (found.kind === 'file') storage.release(found.handle)
  return (found.status.mode & S.IFMT) === S.IFIFO
}

function retryLater(task: Task): Outcome {
  task.wait.deadlineNsec = task.kernel.clock.monotonicNsec() + FIFO_NSEC
  return BLOCK
}

export const open = syscall({
  number: 2,
  name: 'open',
  returns: Fd,
  support: full,
  args: { path: Path, flags: OpenFlags, mode: CreationMode },
  run: (task, { path, flags, mode }) => openFile(task, AT.FDCWD, path, flags, mode),
})

export const openat = syscall({
  number: 257,
  name: 'openat',
  returns: Fd,
  support: full,
  args: { dirfd: DirFd, path: Path, flags: OpenFlags, mode: CreationMode },
  run: (task, { dirfd, path, flags, mode }) => openFile(task, dirfd, path, flags, mode),
})

export const creat = syscall({
  number: 85,
  name: 'creat',
  returns: Fd,
  support: full,
  args: { path: Path, mode: Mode },
  run: (task, { path, mode }) => openFile(task, AT.FDCWD, path, O.CREAT | O.WRONLY | O.TRUNC, mode),
})

/** struct open_how (linux/openat2.h): flags, mode and resolve, u64 each. */
const OPEN_HOW_SIZE = 24
const MODE_FLAGS = O.CREAT | TMPFILE
const VALID_FLAGS =
  O.ACCMODE |
  O.CREAT |
  O.EXCL |
  O.NOCTTY |
  O.TRUNC |
  O.APPEND |
  O.NONBLOCK |
  O.SYNC |
  O.ASYNC |
  O.DIRECT |
  O.LARGEFILE |
  O.DIRECTORY |
  O.NOFOLLOW |
  O.NOATIME |
  O.CLOEXEC |
  O.PATH |
  O.TMPFILE

/** A page. */
const HOW_MAX = 4096
const SCOPES = RESOLVE.BENEATH | RESOLVE.IN_ROOT
const ALL_RESOLVE = 0x3f

export const openat2 = syscall({
  number: 437,
  name: 'openat2',
  returns: Fd,
  support: partial('the restrictions are checked name by name: renames meanwhile are not noticed'),
  args: { dirfd: DirFd, path: Path, how: OpenHow, size: Size },
  run(task, { dirfd, path, how, size }) {
    if (size < OPEN_HOW_SIZE) return err(E.INVAL)
    // A longer one, of programs that know more, is good when what is more is zero (copy_struct_from_user).
    for (let at = OPEN_HOW_SIZE; at < Math.min(size, HOW_MAX); at += 8) {
      const word = task.memory.readU64(how + at)
      if (word !== 0) return word < 0 ? word : err(E['2BIG'])
    }
    if (size > HOW_MAX) return err(E['2BIG'])
    if (task.memory.load(how, OPEN_HOW_SIZE) < 0) return err(E.FAULT)
    const { scratch } = task.memory
    const flags = readUnsigned(scratch, 0)
    const mode = readUnsigned(scratch, 8)
    const resolve = readUnsigned(scratch, 16)
    if (flags > 0xffffffff || (flags & ~VALID_FLAGS) !== 0 || resolve > ALL_RESOLVE) return err(E.INVAL)
    if ((resolve & SCOPES) === SCOPES) return err(E.INVAL)
    if (mode > PERMISSIONS || (mode !== 0 && (flags & MODE_FLAGS) === 0)) return err(E.INVAL)
    if ((flags & O.PATH) !== 0 && (flags & ~PATH_FLAGS) !== 0) return err(E.INVAL)
    if (resolve === 0) return openFile(task, dirfd, path, flags, mode)
    // Nothing is known to be in memory: who asked for that looks again without it (openat2(2), RESOLVE_CACHED).
    if ((resolve & RESOLVE.CACHED) !== 0) return err(E.AGAIN)
    const scoped = (resolve & SCOPES) !== 0
    const start = scoped && path.startsWith('/') ? directoryOf(task, dirfd) : undefined
    if (typeof start === 'number') return start
    const place = placeAt(task, dirfd, path)
    if (typeof place === 'number') return place
    const follow = (flags & O.NOFOLLOW) === 0 && (flags & (O.CREAT | O.EXCL)) !== (O.CREAT | O.EXCL)
    const found = resolvePlace(task, start ?? place.cwd, path, resolve, follow)
    if (typeof found === 'number') return found
    return openFile(task, AT.FDCWD, found.path, flags, mode)
  },
})

function makeEventfd(task: Task, initial: number, flags: number): number {
  if ((flags & ~(EFD.SEMAPHORE | EFD.NONBLOCK | EFD.CLOEXEC)) !== 0) return err(E.INVAL)
  const { host, window } = task.kernel
  const fd = host.eventfd(initial, (flags & EFD.SEMAPHORE) | EFD.NONBLOCK | EFD.CLOEXEC)
  if (fd < 0) return fd
  const options = { flags: O.RDWR | (flags & O.NONBLOCK), mode: 0, nonblocking: true, owned: true }
  return install(task, new HostFile(host, window, fd, options), (flags & EFD.CLOEXEC) !== 0)
}

export const eventfd = syscall({
  number: 284,
  name: 'eventfd',
  returns: Fd,
  support: full,
  args: { initial: Uint },
  run: (task, { initial }) => makeEventfd(task, initial, 0),
})

export const eventfd2 = syscall({
  number: 290,
  name: 'eventfd2',
  returns: Fd,
  support: full,
  args: { initial: Uint, flags: EventfdFlags },
  run: (task, { initial, flags }) => makeEventfd(task, initial, flags),
})
