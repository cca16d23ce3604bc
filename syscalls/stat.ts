// stat(2), statx(2), access(2), readlink(2), statfs(2): asking about files.
import { E, err } from '../src/abi/errno.js'
import { AT } from '../src/abi/fcntl.js'
import { newFileStatus, STAT_SIZE, writeStat } from '../src/abi/stat.js'
import { newFileSystemStatus, STATFS_SIZE, writeStatfs } from '../src/abi/statfs.js'
import { STATX_SIZE, writeStatx } from '../src/abi/statx.js'
import type { Task } from '../src/processor/task.js'
import { DirFd, Fd, Flags, Int, OutBuffer, Path, Pointer, Size } from './arguments.js'
import { full, syscall } from './define.js'
import { baseOf, storageFileOf } from './paths.js'

/** Filled by each call, then written to the guest. */
const status = newFileStatus()

function statDescriptor(task: Task, fd: number): number {
  const file = task.process.files.get(fd)
  return file === undefined ? err(E.BADF) : file.status(status)
}

function statAt(task: Task, dirfd: number, path: string, flags: number): number {
  if (path === '') {
    if ((flags & AT.EMPTY_PATH) === 0) return err(E.NOENT)
    if (dirfd !== AT.FDCWD) return statDescriptor(task, dirfd)
    return task.kernel.storage.stat(task.process.fs.cwd, '.', true, status)
  }
  const base = baseOf(task, dirfd, path)
  if (typeof base === 'number') return base
  return task.kernel.storage.stat(base, path, (flags & AT.SYMLINK_NOFOLLOW) === 0, status)
}

function answer(task: Task, result: number, address: number): number {
  if (result < 0) return result
  writeStat(task.memory.scratch, 0, status)
  return task.memory.store(address, STAT_SIZE)
}

export const stat = syscall({
  number: 4,
  name: 'stat',
  returns: Int,
  support: full,
  args: { path: Path, status: Pointer },
  run: (task, args) => answer(task, statAt(task, AT.FDCWD, args.path, 0), args.status),
})

export const fstat = syscall({
  number: 5,
  name: 'fstat',
  returns: Int,
  support: full,
  args: { fd: Fd, status: Pointer },
  run: (task, args) => answer(task, statDescriptor(task, args.fd), args.status),
})

export const lstat = syscall({
  number: 6,
  name: 'lstat',
  returns: Int,
  support: full,
  args: { path: Path, status: Pointer },
  run: (task, args) => answer(task, statAt(task, AT.FDCWD, args.path, AT.SYMLINK_NOFOLLOW), args.status),
})

const STAT_FLAGS = AT.SYMLINK_NOFOLLOW | AT.EMPTY_PATH | AT.NO_AUTOMOUNT

export const newfstatat = syscall({
  number: 262,
  name: 'newfstatat',
  returns: Int,
  support: full,
  args: { dirfd: DirFd, path: Path, status: Pointer, flags: Flags },
  run(task, args) {
    if ((args.flags & ~STAT_FLAGS) !== 0) return err(E.INVAL)
    return answer(task, statAt(task, args.dirfd, args.path, args.flags), args.status)
  },
})

const STATX_FLAGS = STAT_FLAGS | AT.STATX_DONT_SYNC | AT.STATX_FORCE_SYNC

export const statx = syscall({
  number: 332,
  name: 'statx',
  returns: Int,
  support: full,
  args: { dirfd: DirFd, path: Path, flags: Flags, mask: Flags, status: Pointer },
  run(task, args) {
    if ((args.flags & ~STATX_FLAGS) !== 0 || args.mask >= 0x80000000) return err(E.INVAL)
    const result = statAt(task, args.dirfd, args.path, args.flags)
    if (result < 0) return result
    writeStatx(task.memory.scratch, 0, status)
    return task.memory.store(args.status, STATX_SIZE)
  },
})

function accessAt(task: Task, dirfd: number, path: string, mode: number, flags: number): number {
  if ((mode & ~7) !== 0 || (flags & ~(AT.EACCESS | AT.SYMLINK_NOFOLLOW | AT.EMPTY_PATH)) !== 0) return err(E.INVAL)
  const base = baseOf(task, dirfd, path)
  return typeof base === 'number' ? base : task.kernel.storage.access(base, path, mode, flags & ~AT.EMPTY_PATH)
}

export const access = syscall({
  number: 21,
  name: 'access',
  returns: Int,
  support: full,
  args: { path: Path, mode: Int },
  run: (task, { path, mode }) => accessAt(task, AT.FDCWD, path, mode, 0),
})

export const faccessat = syscall({
  number: 269,
  name: 'faccessat',
  returns: Int,
  support: full,
  args: { dirfd: DirFd, path: Path, mode: Int },
  run: (task, { dirfd, path, mode }) => accessAt(task, dirfd, path, mode, 0),
})

export const faccessat2 = syscall({
  number: 439,
  name: 'faccessat2',
  returns: Int,
  support: full,
  args: { dirfd: DirFd, path: Path, mode: Int, flags: Flags },
  run: (task, { dirfd, path, mode, flags }) => accessAt(task, dirfd, path, mode, flags),
})

const LINK_MAX = 4096

function readLink(task: Task, dirfd: number, path: string, buf: number, size: number): number {
  if (size <= 0) return err(E.INVAL)
  const target = path === '/proc/self/exe' ? new TextEncoder().encode(task.process.executable) : new Uint8Array(LINK_MAX)
  let length = target.length
  if (path !== '/proc/self/exe') {
    const base = baseOf(task, dirfd, path)
    if (typeof base === 'number') return base
    length = task.kernel.storage.readlink(base, path, target)
    if (length < 0) return length
  }
  length = Math.min(length, size)
  return task.memory.copyOut(buf, target, length) < 0 ? err(E.FAULT) : length
}

export const readlink = syscall({
  number: 89,
  name: 'readlink',
  returns: Size,
  support: full,
  args: { path: Path, buf: OutBuffer('size'), size: Int },
  run: (task, { path, buf, size }) => readLink(task, AT.FDCWD, path, buf, size),
})

export const readlinkat = syscall({
  number: 267,
  name: 'readlinkat',
  returns: Size,
  support: full,
  args: { dirfd: DirFd, path: Path, buf: OutBuffer('size'), size: Int },
  run: (task, { dirfd, path, buf, size }) => readLink(task, dirfd, path, buf, size),
})

const system = newFileSystemStatus()

function answerSystem(task: Task, result: number, address: number): number {
  if (result < 0) return result
  writeStatfs(task.memory.scratch, 0, system)
  return task.memory.store(address, STATFS_SIZE)
}

export const statfs = syscall({
  number: 137,
  name: 'statfs',
  returns: Int,
  support: full,
  args: { path: Path, status: Pointer },
  run: (task, args) => answerSystem(task, task.kernel.storage.statfs(task.process.fs.cwd, args.path, system), args.status),
})

export const fstatfs = syscall({
  number: 138,
  name: 'fstatfs',
  returns: Int,
  support: full,
  args: { fd: Fd, status: Pointer },
  run(task, args) {
    const file = storageFileOf(task, args.fd, err(E.NOSYS))
    if (typeof file === 'number') return file
    return answerSystem(task, task.kernel.storage.statfsHandle(file.handle, system), args.status)
  },
})

