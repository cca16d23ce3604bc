// access(2), chmod(2), chown(2), umask(2), utimensat(2), truncate(2), fallocate(2) and their relatives: what is known about a file.
import { E, err } from '../src/abi/errno.js'
import { AT, FALLOC, O } from '../src/abi/fcntl.js'
import { newFileStatus, S } from '../src/abi/stat.js'
import { readFraction, readSeconds, TIMESPEC_SIZE, TIMEVAL_SIZE, UTIME_NOW, UTIME_OMIT } from '../src/abi/time.js'
import { type Description, descriptorToChange, StorageFile } from '../src/processor/files.js'
import { MemoryFile } from '../src/processor/memory-file.js'
import type { Task } from '../src/processor/task.js'
import { DirFd, Fd, Id, Int, Mode, Offset, OptionalPath, Path, Pointer } from './arguments.js'
import { mayHaveSize } from './blocking.js'
import { full, partial, syscall } from './define.js'
import { AccessFlags, AccessMode, FallocateMode, StatFlags } from './flags.js'
import { placeAt } from './places.js'
import { isRunning } from './running.js'
import { FileTimes, FileTimevals } from './structures.js'

const PERMISSIONS = 0o7777

/** The description, when it can be changed through: an O_PATH one cannot. */
function changeable(task: Task, fd: number): Description | undefined {
  const file = task.process.files.get(fd)
  return file === undefined || (file.flags & O.PATH) !== 0 ? undefined : file
}

const checkMode = ({ mode, flags = 0 }: { readonly mode: number; readonly flags?: number }): number =>
  (mode & ~7) !== 0 || (flags & ~(AT.EACCESS | AT.SYMLINK_NOFOLLOW | AT.EMPTY_PATH)) !== 0 ? err(E.INVAL) : 0

function mayAccess(task: Task, dirfd: number, path: string, mode: number, flags: number): number {
  const { storage } = task.kernel
  if (path === '' && (flags & AT.EMPTY_PATH) !== 0) {
    if (dirfd === AT.FDCWD) return storage.access('/', task.process.fs.cwd, mode, flags & AT.EACCESS)
    const file = task.process.files.get(dirfd)
    if (file === undefined) return err(E.BADF)
    if (file instanceof StorageFile) return storage.accessHandle(file.handle, mode, flags & AT.EACCESS)
    const { host } = task.kernel
    // The host without memfds: nobody else can have one of the guest's.
    const { attributesFd } = file
    return attributesFd < 0 ? 0 : host.faccessat(AT.FDCWD, host.nameOf(attributesFd), mode, flags & AT.EACCESS)
  }
  const place = placeAt(task, dirfd, path)
  return typeof place === 'number' ? place : storage.access(place.cwd, place.path, mode, flags & ~AT.EMPTY_PATH)
}

export const access = syscall({
  number: 21,
  name: 'access',
  returns: Int,
  support: full,
  args: { path: Path, mode: AccessMode },
  check: checkMode,
  run: (task, { path, mode }) => mayAccess(task, AT.FDCWD, path, mode, 0),
})

export const faccessat = syscall({
  number: 269,
  name: 'faccessat',
  returns: Int,
  support: full,
  args: { dirfd: DirFd, path: Path, mode: AccessMode },
  check: checkMode,
  run: (task, { dirfd, path, mode }) => mayAccess(task, dirfd, path, mode, 0),
})

export const faccessat2 = syscall({
  number: 439,
  name: 'faccessat2',
  returns: Int,
  support: full,
  args: { dirfd: DirFd, path: Path, mode: AccessMode, flags: AccessFlags },
  check: checkMode,
  run: (task, { dirfd, path, mode, flags }) => mayAccess(task, dirfd, path, mode, flags),
})

function changeMode(task: Task, dirfd: number, path: string, mode: number): number {
  const place = placeAt(task, dirfd, path)
  return typeof place === 'number' ? place : task.kernel.storage.chmod(place.cwd, place.path, mode & PERMISSIONS)
}

export const chmod = syscall({
  number: 90,
  name: 'chmod',
  returns: Int,
  support: full,
  args: { path: Path, mode: Mode },
  run: (task, { path, mode }) => changeMode(task, AT.FDCWD, path, mode),
})

export const fchmodat = syscall({
  number: 268,
  name: 'fchmodat',
  returns: Int,
  support: full,
  args: { dirfd: DirFd, path: Path, mode: Mode },
  run: (task, { dirfd, path, mode }) => changeMode(task, dirfd, path, mode),
})

export const fchmodat2 = syscall({
  number: 452,
  name: 'fchmodat2',
  returns: Int,
  support: full,
  args: { dirfd: DirFd, path: Path, mode: Mode, flags: StatFlags },
  run(task, { dirfd, path, mode, flags }) {
    if ((flags & ~(AT.SYMLINK_NOFOLLOW | AT.EMPTY_PATH)) !== 0) return err(E.INVAL)
    if (path === '' && (flags & AT.EMPTY_PATH) !== 0 && dirfd !== AT.FDCWD) {
      const file = task.process.files.get(dirfd)
      if (file === undefined) return err(E.BADF)
      return file instanceof StorageFile ? file.storage.chmodHandle(file.handle, mode & PERMISSIONS) : err(E.OPNOTSUPP)
    }
    const wanted = path === '' && (flags & AT.EMPTY_PATH) !== 0 ? '.' : path
    const place = placeAt(task, dirfd, wanted)
    if (typeof place === 'number') return place
    const { storage } = task.kernel
    if ((flags & AT.SYMLINK_NOFOLLOW) !== 0) {
      const found = storage.stat(place.cwd, place.path, false, status)
      // Links have no permissions of their own (setattr_prepare).
      if (found < 0 || (status.mode & S.IFMT) === S.IFLNK) return found < 0 ? found : err(E.OPNOTSUPP)
    }
    return storage.chmod(place.cwd, place.path, mode & PERMISSIONS)
  },
})

const status = newFileStatus()

export const fchmod = syscall({
  number: 91,
  name: 'fchmod',
  returns: Int,
  support: full,
  args: { fd: Fd, mode: Mode },
  run(task, { fd, mode }) {
    const file = changeable(task, fd)
    if (file instanceof StorageFile) return file.storage.chmodHandle(file.handle, mode & PERMISSIONS)
    if (file === undefined) return err(E.BADF)
    if (file instanceof MemoryFile) return file.chmod(mode & PERMISSIONS)
    const hostFd = descriptorToChange(task.kernel.storage, file, err(E.PERM))
    return hostFd < 0 ? hostFd : task.kernel.host.fchmod(hostFd, mode & PERMISSIONS)
  },
})

function changeOwner(task: Task, dirfd: number, path: string, uid: number, gid: number, flags: number): number {
  if ((flags & ~(AT.SYMLINK_NOFOLLOW | AT.EMPTY_PATH)) !== 0) return err(E.INVAL)
  if (path === '' && (flags & AT.EMPTY_PATH) !== 0 && dirfd !== AT.FDCWD) {
    const file = task.process.files.get(dirfd)
    return file === undefined ? err(E.BADF) : changeOwnerOf(task, file, uid, gid)
  }
  const wanted = path === '' && (flags & AT.EMPTY_PATH) !== 0 ? '.' : path
  const place = placeAt(task, dirfd, wanted)
  if (typeof place === 'number') return place
  return task.kernel.storage.chown(place.cwd, place.path, uid, gid, (flags & AT.SYMLINK_NOFOLLOW) === 0)
}

function changeOwnerOf(task: Task, file: Description, uid: number, gid: number): number {
  if (file instanceof StorageFile) return file.storage.chownHandle(file.handle, uid, gid)
  const hostFd = descriptorToChange(task.kernel.storage, file, err(E.PERM))
  return hostFd < 0 ? hostFd : task.kernel.host.fchown(hostFd, uid, gid)
}

export const chown = syscall({
  number: 92,
  name: 'chown',
  returns: Int,
  support: full,
  args: { path: Path, uid: Id, gid: Id },
  run: (task, { path, uid, gid }) => changeOwner(task, AT.FDCWD, path, uid, gid, 0),
})

export const lchown = syscall({
  number: 94,
  name: 'lchown',
  returns: Int,
  support: full,
  args: { path: Path, uid: Id, gid: Id },
  run: (task, { path, uid, gid }) => changeOwner(task, AT.FDCWD, path, uid, gid, AT.SYMLINK_NOFOLLOW),
})

export const fchownat = syscall({
  number: 260,
  name: 'fchownat',
  returns: Int,
  support: full,
  args: { dirfd: DirFd, path: Path, uid: Id, gid: Id, flags: StatFlags },
  run: (task, { dirfd, path, uid, gid, flags }) => changeOwner(task, dirfd, path, uid, gid, flags),
})

export const fchown = syscall({
  number: 93,
  name: 'fchown',
  returns: Int,
  support: full,
  args: { fd: Fd, uid: Id, gid: Id },
  run(task, { fd, uid, gid }) {
    const file = changeable(task, fd)
    return file === undefined ? err(E.BADF) : changeOwnerOf(task, file, uid, gid)
  },
})

export const umask = syscall({
  number: 95,
  name: 'umask',
  returns: Mode,
  support: full,
  args: { mask: Mode },
  run(task, { mask }) {
    const { fs } = task.process
    const before = fs.umask
    fs.umask = mask & 0o777
    return before
  },
})

/** Seconds and nanoseconds of access and modification. */
type Times = readonly [number, number, number, number]
const NOW: Times = [0, UTIME_NOW, 0, UTIME_NOW]

const isTime = (nsec: number): boolean => (nsec >= 0 && nsec < 1e9) || nsec === UTIME_NOW || nsec === UTIME_OMIT

function setTimes(task: Task, dirfd: number, path: string | null, times: Times, flags: number): number {
  if ((flags & ~(AT.SYMLINK_NOFOLLOW | AT.EMPTY_PATH)) !== 0) return err(E.INVAL)
  if (path === null || (path === '' && (flags & AT.EMPTY_PATH) !== 0)) {
    const file = task.process.files.get(dirfd)
    if (path === null && flags !== 0) return err(E.INVAL)
    if (path === null && file !== undefined && (file.flags & O.PATH) !== 0) return err(E.BADF)
    if (file instanceof StorageFile) return file.storage.utimensHandle(file.handle, ...times)
    if (file === undefined) return path === null && dirfd === AT.FDCWD ? err(E.FAULT) : err(E.BADF)
    const hostFd = descriptorToChange(task.kernel.storage, file, err(E.BADF))
    return hostFd < 0 ? hostFd : task.kernel.host.utimensat(hostFd, '', ...times, AT.EMPTY_PATH)
  }
  const place = placeAt(task, dirfd, path)
  if (typeof place === 'number') return place
  return task.kernel.storage.utimens(place.cwd, place.path, ...times, (flags & AT.SYMLINK_NOFOLLOW) === 0)
}

export const utimensat = syscall({
  number: 280,
  name: 'utimensat',
  returns: Int,
  support: full,
  args: { dirfd: DirFd, path: OptionalPath, times: FileTimes, flags: StatFlags },
  run(task, { dirfd, path, times, flags }) {
    if (times === 0) return setTimes(task, dirfd, path, NOW, flags)
    if (task.memory.load(times, 2 * TIMESPEC_SIZE) < 0) return err(E.FAULT)
    const { scratch } = task.memory
    const atimeNsec = readFraction(scratch, 0)
    const mtimeNsec = readFraction(scratch, TIMESPEC_SIZE)
    if (!isTime(atimeNsec) || !isTime(mtimeNsec))
      return path === null && !changeable(task, dirfd) ? err(E.BADF) : err(E.INVAL)
    // Nothing to do is done without a look at the file (do_utimes, fs/utimes.c).
    if (atimeNsec === UTIME_OMIT && mtimeNsec === UTIME_OMIT) return 0
    const values: Times = [readSeconds(scratch, 0), atimeNsec, readSeconds(scratch, TIMESPEC_SIZE), mtimeNsec]
    return setTimes(task, dirfd, path, values, flags)
  },
})

/** Two struct timeval. */
function setMicroseconds(task: Task, dirfd: number, path: string | null, times: number): number {
  if (times === 0) return setTimes(task, dirfd, path, NOW, 0)
  if (task.memory.load(times, 2 * TIMEVAL_SIZE) < 0) return err(E.FAULT)
  const { scratch } = task.memory
  const atimeUsec = readFraction(scratch, 0)
  const mtimeUsec = readFraction(scratch, TIMEVAL_SIZE)
  if (atimeUsec < 0 || atimeUsec >= 1e6 || mtimeUsec < 0 || mtimeUsec >= 1e6) return err(E.INVAL)
  const values: Times = [
    readSeconds(scratch, 0),
    1000 * atimeUsec,
    readSeconds(scratch, TIMEVAL_SIZE),
    1000 * mtimeUsec,
  ]
  return setTimes(task, dirfd, path, values, 0)
}

export const utimes = syscall({
  number: 235,
  name: 'utimes',
  returns: Int,
  support: full,
  args: { path: Path, times: FileTimevals },
  run: (task, { path, times }) => setMicroseconds(task, AT.FDCWD, path, times),
})

export const futimesat = syscall({
  number: 261,
  name: 'futimesat',
  returns: Int,
  support: full,
  args: { dirfd: DirFd, path: OptionalPath, times: FileTimevals },
  run: (task, { dirfd, path, times }) => setMicroseconds(task, dirfd, path, times),
})

export const utime = syscall({
  number: 132,
  name: 'utime',
  returns: Int,
  support: full,
  args: { path: Path, times: Pointer },
  run(task, { path, times }) {
    if (times === 0) return setTimes(task, AT.FDCWD, path, NOW, 0)
    if (task.memory.load(times, 16) < 0) return err(E.FAULT)
    // struct utimbuf: two i64 of seconds.
    const { scratch } = task.memory
    return setTimes(task, AT.FDCWD, path, [readSeconds(scratch, 0), 0, readFraction(scratch, 0), 0], 0)
  },
})

export const truncate = syscall({
  number: 76,
  name: 'truncate',
  returns: Int,
  support: full,
  args: { path: Path, length: Offset },
  check: ({ length }) => (length < 0 ? err(E.INVAL) : 0),
  run(task, { path, length }) {
    const place = placeAt(task, AT.FDCWD, path)
    if (typeof place === 'number') return place
    const limited = mayHaveSize(task, length)
    if (limited < 0) return limited
    return isRunning(task, place, true) ? err(E.TXTBSY) : task.kernel.storage.truncate(place.cwd, place.path, length)
  },
})

export const ftruncate = syscall({
  number: 77,
  name: 'ftruncate',
  returns: Int,
  support: full,
  args: { fd: Fd, length: Offset },
  run(task, { fd, length }) {
    if (length < 0) return err(E.INVAL)
    const file = changeable(task, fd)
    if (file === undefined) return err(E.BADF)
    if (!file.writable) return err(E.INVAL)
    const limited = mayHaveSize(task, length)
    if (limited < 0) return limited
    if (file instanceof StorageFile) return file.storage.truncateHandle(file.handle, length)
    if (file instanceof MemoryFile) return file.resize(length)
    return file.hostFd >= 0 ? task.kernel.host.ftruncate(file.hostFd, length) : err(E.INVAL)
  },
})

const FALLOCATE_MODES =
  FALLOC.FL_KEEP_SIZE |
  FALLOC.FL_PUNCH_HOLE |
  FALLOC.FL_COLLAPSE_RANGE |
  FALLOC.FL_ZERO_RANGE |
  FALLOC.FL_INSERT_RANGE |
  FALLOC.FL_UNSHARE_RANGE

const growTo = (file: MemoryFile, size: number): number => (size > file.size ? file.resize(size) : 0)

export const fallocate = syscall({
  number: 285,
  name: 'fallocate',
  returns: Int,
  support: partial('as far as the file system below does it'),
  args: { fd: Fd, mode: FallocateMode, offset: Offset, length: Offset },
  run(task, { fd, mode, offset, length }) {
    const file = changeable(task, fd)
    if (file === undefined) return err(E.BADF)
    if (offset < 0 || length <= 0) return err(E.INVAL)
    if ((mode & ~FALLOCATE_MODES) !== 0) return err(E.OPNOTSUPP)
    if ((mode & (FALLOC.FL_PUNCH_HOLE | FALLOC.FL_KEEP_SIZE)) === FALLOC.FL_PUNCH_HOLE) return err(E.OPNOTSUPP)
    if (!file.writable) return err(E.BADF)
    const limited = (mode & FALLOC.FL_KEEP_SIZE) === 0 ? mayHaveSize(task, offset + length) : 0
    if (limited < 0) return limited
    if (file instanceof MemoryFile) {
      if (mode === FALLOC.FL_KEEP_SIZE) return 0
      if (mode === (FALLOC.FL_PUNCH_HOLE | FALLOC.FL_KEEP_SIZE)) return file.punch(offset, length)
      return mode === 0 ? growTo(file, offset + length) : err(E.OPNOTSUPP)
    }
    const hostFd =
      file instanceof StorageFile
        ? file.storage.descriptor(file.handle, true)
        : file.hostFd >= 0
          ? file.hostFd
          : err(E.BADF)
    return hostFd < 0 ? hostFd : task.kernel.host.fallocate(hostFd, mode, offset, length)
  },
})
