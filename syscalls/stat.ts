// stat(2), fstat(2), lstat(2), newfstatat, statx(2), and statfs(2) with fstatfs(2).
import { E, err } from '../src/abi/errno.js'
import { AT } from '../src/abi/fcntl.js'
import { newFileStatus, STAT_SIZE, writeStat } from '../src/abi/stat.js'
import { newFileSystemStatus, STATFS_SIZE, writeStatfs } from '../src/abi/statfs.js'
import { STATX_SIZE, writeStatx } from '../src/abi/statx.js'
import { StorageFile } from '../src/processor/files.js'
import type { Task } from '../src/processor/task.js'
import { DirFd, Fd, Int, OptionalPath, Path } from './arguments.js'
import { full, partial, syscall } from './define.js'
import { StatFlags, StatxFlags, StatxMask } from './flags.js'
import { placeAt } from './places.js'
import { OutStat, OutStatfs, OutStatx } from './structures.js'

const status = newFileStatus()
const fileSystem = newFileSystemStatus()

function ofDescriptor(task: Task, fd: number): number {
  const file = task.process.files.get(fd)
  return file === undefined ? err(E.BADF) : file.status(status)
}

function ofPath(task: Task, dirfd: number, path: string, flags: number): number {
  if (path === '' && (flags & AT.EMPTY_PATH) !== 0) {
    if (dirfd !== AT.FDCWD) return ofDescriptor(task, dirfd)
    return task.kernel.storage.stat('/', task.process.fs.cwd, true, status)
  }
  const place = placeAt(task, dirfd, path)
  if (typeof place === 'number') return place
  return task.kernel.storage.stat(place.cwd, place.path, (flags & AT.SYMLINK_NOFOLLOW) === 0, status)
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
  args: { path: Path, status: OutStat },
  run: (task, { path, status: address }) => answer(task, ofPath(task, AT.FDCWD, path, 0), address),
})

export const fstat = syscall({
  number: 5,
  name: 'fstat',
  returns: Int,
  support: full,
  args: { fd: Fd, status: OutStat },
  run: (task, { fd, status: address }) => answer(task, ofDescriptor(task, fd), address),
})

export const lstat = syscall({
  number: 6,
  name: 'lstat',
  returns: Int,
  support: full,
  args: { path: Path, status: OutStat },
  run: (task, { path, status: address }) => answer(task, ofPath(task, AT.FDCWD, path, AT.SYMLINK_NOFOLLOW), address),
})

const AT_FLAGS = AT.SYMLINK_NOFOLLOW | AT.NO_AUTOMOUNT | AT.EMPTY_PATH

export const newfstatat = syscall({
  number: 262,
  name: 'newfstatat',
  returns: Int,
  support: full,
  args: { dirfd: DirFd, path: Path, status: OutStat, flags: StatFlags },
  check: ({ flags }) => ((flags & ~AT_FLAGS) !== 0 ? err(E.INVAL) : 0),
  run: (task, { dirfd, path, status: address, flags }) => answer(task, ofPath(task, dirfd, path, flags), address),
})

const SYNC_TYPES = AT.STATX_FORCE_SYNC | AT.STATX_DONT_SYNC
const STATX_RESERVED = 0x80000000

export const statx = syscall({
  number: 332,
  name: 'statx',
  returns: Int,
  support: partial('no mount ids, attributes or direct I/O alignment'),
  args: { dirfd: DirFd, path: OptionalPath, flags: StatxFlags, mask: StatxMask, status: OutStatx },
  run(task, { dirfd, path, flags, mask, status: address }) {
    if ((mask & STATX_RESERVED) !== 0 || (flags & SYNC_TYPES) === SYNC_TYPES) return err(E.INVAL)
    if ((flags & ~(AT_FLAGS | SYNC_TYPES)) !== 0) return err(E.INVAL)
    if (path === null && (flags & AT.EMPTY_PATH) === 0) return err(E.FAULT)
    const result = ofPath(task, dirfd, path ?? '', flags)
    if (result < 0) return result
    writeStatx(task.memory.scratch, 0, status)
    return task.memory.store(address, STATX_SIZE)
  },
})

function answerStatfs(task: Task, result: number, address: number): number {
  if (result < 0) return result
  writeStatfs(task.memory.scratch, 0, fileSystem)
  return task.memory.store(address, STATFS_SIZE)
}

export const statfs = syscall({
  number: 137,
  name: 'statfs',
  returns: Int,
  support: full,
  args: { path: Path, status: OutStatfs },
  run(task, { path, status: address }) {
    const place = placeAt(task, AT.FDCWD, path)
    if (typeof place === 'number') return place
    return answerStatfs(task, task.kernel.storage.statfs(place.cwd, place.path, fileSystem), address)
  },
})

export const fstatfs = syscall({
  number: 138,
  name: 'fstatfs',
  returns: Int,
  support: full,
  args: { fd: Fd, status: OutStatfs },
  run(task, { fd, status: address }) {
    const file = task.process.files.get(fd)
    if (file instanceof StorageFile)
      return answerStatfs(task, file.storage.statfsHandle(file.handle, fileSystem), address)
    if (file === undefined || file.hostFd < 0) return err(E.BADF)
    return answerStatfs(task, task.kernel.host.fstatfs(file.hostFd, fileSystem), address)
  },
})
