// mkdir(2), rmdir(2), unlink(2), rename(2), link(2), symlink(2), chmod(2), chown(2), utimensat(2), truncate(2), fsync(2): changing files.
import { E, err } from '../src/abi/errno.js'
import { AT } from '../src/abi/fcntl.js'
import { readFraction, readSeconds, TIMESPEC_SIZE, UTIME_NOW, UTIME_OMIT } from '../src/abi/time.js'
import { StorageFile } from '../src/processor/files.js'
import type { Task } from '../src/processor/task.js'
import { DirFd, Fd, Flags, Int, Mode, Offset, OptionalPath, Path, Pointer } from './arguments.js'
import { full, partial, syscall } from './define.js'
import { baseOf, fileOf, storageFileOf } from './paths.js'

/** Runs a storage call on a path relative to a directory descriptor. */
function at(task: Task, dirfd: number, path: string, call: (base: string) => number): number {
  const base = baseOf(task, dirfd, path)
  return typeof base === 'number' ? base : call(base)
}

function makeDirectory(task: Task, dirfd: number, path: string, mode: number): number {
  const { storage } = task.kernel
  return at(task, dirfd, path, (base) => storage.mkdir(base, path, mode & ~task.process.fs.umask & 0o1777))
}

export const mkdir = syscall({
  number: 83,
  name: 'mkdir',
  returns: Int,
  support: full,
  args: { path: Path, mode: Mode },
  run: (task, { path, mode }) => makeDirectory(task, AT.FDCWD, path, mode),
})

export const mkdirat = syscall({
  number: 258,
  name: 'mkdirat',
  returns: Int,
  support: full,
  args: { dirfd: DirFd, path: Path, mode: Mode },
  run: (task, { dirfd, path, mode }) => makeDirectory(task, dirfd, path, mode),
})

function makeNode(task: Task, dirfd: number, path: string, mode: number, device: number): number {
  const { storage } = task.kernel
  return at(task, dirfd, path, (base) => storage.mknod(base, path, mode & ~task.process.fs.umask, device))
}

export const mknod = syscall({
  number: 133,
  name: 'mknod',
  returns: Int,
  support: full,
  args: { path: Path, mode: Mode, device: Int },
  run: (task, { path, mode, device }) => makeNode(task, AT.FDCWD, path, mode, device),
})

export const mknodat = syscall({
  number: 259,
  name: 'mknodat',
  returns: Int,
  support: full,
  args: { dirfd: DirFd, path: Path, mode: Mode, device: Int },
  run: (task, { dirfd, path, mode, device }) => makeNode(task, dirfd, path, mode, device),
})

export const rmdir = syscall({
  number: 84,
  name: 'rmdir',
  returns: Int,
  support: full,
  args: { path: Path },
  run: (task, { path }) => task.kernel.storage.rmdir(task.process.fs.cwd, path),
})

export const unlink = syscall({
  number: 87,
  name: 'unlink',
  returns: Int,
  support: full,
  args: { path: Path },
  run: (task, { path }) => task.kernel.storage.unlink(task.process.fs.cwd, path),
})

export const unlinkat = syscall({
  number: 263,
  name: 'unlinkat',
  returns: Int,
  support: full,
  args: { dirfd: DirFd, path: Path, flags: Flags },
  run(task, { dirfd, path, flags }) {
    if ((flags & ~AT.REMOVEDIR) !== 0) return err(E.INVAL)
    const { storage } = task.kernel
    return at(task, dirfd, path, (base) =>
      (flags & AT.REMOVEDIR) !== 0 ? storage.rmdir(base, path) : storage.unlink(base, path),
    )
  },
})

function renameAt(task: Task, oldDirfd: number, oldPath: string, newDirfd: number, newPath: string, flags: number): number {
  return at(task, oldDirfd, oldPath, (oldBase) =>
    at(task, newDirfd, newPath, (newBase) => task.kernel.storage.rename(oldBase, oldPath, newBase, newPath, flags)),
  )
}

export const rename = syscall({
  number: 82,
  name: 'rename',
  returns: Int,
  support: full,
  args: { old: Path, new: Path },
  run: (task, { old, new: to }) => renameAt(task, AT.FDCWD, old, AT.FDCWD, to, 0),
})

export const renameat = syscall({
  number: 264,
  name: 'renameat',
  returns: Int,
  support: full,
  args: { oldDirfd: DirFd, old: Path, newDirfd: DirFd, new: Path },
  run: (task, { oldDirfd, old, newDirfd, new: to }) => renameAt(task, oldDirfd, old, newDirfd, to, 0),
})

export const renameat2 = syscall({
  number: 316,
  name: 'renameat2',
  returns: Int,
  support: full,
  args: { oldDirfd: DirFd, old: Path, newDirfd: DirFd, new: Path, flags: Flags },
  run: (task, { oldDirfd, old, newDirfd, new: to, flags }) => renameAt(task, oldDirfd, old, newDirfd, to, flags),
})

function linkFile(task: Task, oldDirfd: number, oldPath: string, newDirfd: number, newPath: string, flags: number): number {
  if ((flags & ~AT.SYMLINK_FOLLOW) !== 0) return err(E.INVAL)
  const follow = (flags & AT.SYMLINK_FOLLOW) !== 0
  return at(task, oldDirfd, oldPath, (oldBase) =>
    at(task, newDirfd, newPath, (newBase) => task.kernel.storage.link(oldBase, oldPath, newBase, newPath, follow)),
  )
}

export const link = syscall({
  number: 86,
  name: 'link',
  returns: Int,
  support: full,
  args: { old: Path, new: Path },
  run: (task, { old, new: to }) => linkFile(task, AT.FDCWD, old, AT.FDCWD, to, 0),
})

export const linkat = syscall({
  number: 265,
  name: 'linkat',
  returns: Int,
  support: partial('no AT_EMPTY_PATH'),
  args: { oldDirfd: DirFd, old: Path, newDirfd: DirFd, new: Path, flags: Flags },
  run: (task, { oldDirfd, old, newDirfd, new: to, flags }) => linkFile(task, oldDirfd, old, newDirfd, to, flags),
})

export const symlink = syscall({
  number: 88,
  name: 'symlink',
  returns: Int,
  support: full,
  args: { target: Path, path: Path },
  run: (task, { target, path }) => task.kernel.storage.symlink(target, task.process.fs.cwd, path),
})

export const symlinkat = syscall({
  number: 266,
  name: 'symlinkat',
  returns: Int,
  support: full,
  args: { target: Path, dirfd: DirFd, path: Path },
  run: (task, { target, dirfd, path }) => at(task, dirfd, path, (base) => task.kernel.storage.symlink(target, base, path)),
})

export const chmod = syscall({
  number: 90,
  name: 'chmod',
  returns: Int,
  support: full,
  args: { path: Path, mode: Mode },
  run: (task, { path, mode }) => task.kernel.storage.chmod(task.process.fs.cwd, path, mode & 0o7777),
})

export const fchmod = syscall({
  number: 91,
  name: 'fchmod',
  returns: Int,
  support: full,
  args: { fd: Fd, mode: Mode },
  run(task, { fd, mode }) {
    const file = storageFileOf(task, fd, err(E.PERM))
    return typeof file === 'number' ? file : task.kernel.storage.chmodHandle(file.handle, mode & 0o7777)
  },
})

export const fchmodat = syscall({
  number: 268,
  name: 'fchmodat',
  returns: Int,
  support: full,
  args: { dirfd: DirFd, path: Path, mode: Mode },
  run: (task, { dirfd, path, mode }) => at(task, dirfd, path, (base) => task.kernel.storage.chmod(base, path, mode & 0o7777)),
})

export const chown = syscall({
  number: 92,
  name: 'chown',
  returns: Int,
  support: full,
  args: { path: Path, uid: Int, gid: Int },
  run: (task, { path, uid, gid }) => task.kernel.storage.chown(task.process.fs.cwd, path, uid, gid, true),
})

export const lchown = syscall({
  number: 94,
  name: 'lchown',
  returns: Int,
  support: full,
  args: { path: Path, uid: Int, gid: Int },
  run: (task, { path, uid, gid }) => task.kernel.storage.chown(task.process.fs.cwd, path, uid, gid, false),
})

export const fchown = syscall({
  number: 93,
  name: 'fchown',
  returns: Int,
  support: full,
  args: { fd: Fd, uid: Int, gid: Int },
  run(task, { fd, uid, gid }) {
    const file = storageFileOf(task, fd, err(E.PERM))
    return typeof file === 'number' ? file : task.kernel.storage.chownHandle(file.handle, uid, gid)
  },
})

export const fchownat = syscall({
  number: 260,
  name: 'fchownat',
  returns: Int,
  support: full,
  args: { dirfd: DirFd, path: Path, uid: Int, gid: Int, flags: Flags },
  run(task, { dirfd, path, uid, gid, flags }) {
    if ((flags & ~(AT.SYMLINK_NOFOLLOW | AT.EMPTY_PATH)) !== 0) return err(E.INVAL)
    if (path === '' && (flags & AT.EMPTY_PATH) !== 0) {
      const file = storageFileOf(task, dirfd, err(E.PERM))
      return typeof file === 'number' ? file : task.kernel.storage.chownHandle(file.handle, uid, gid)
    }
    const follow = (flags & AT.SYMLINK_NOFOLLOW) === 0
    return at(task, dirfd, path, (base) => task.kernel.storage.chown(base, path, uid, gid, follow))
  },
})

const isTime = (nsec: number): boolean => (nsec >= 0 && nsec < 1e9) || nsec === UTIME_NOW || nsec === UTIME_OMIT

export const utimensat = syscall({
  number: 280,
  name: 'utimensat',
  returns: Int,
  support: full,
  args: { dirfd: DirFd, path: OptionalPath, times: Pointer, flags: Flags },
  run(task, { dirfd, path, times, flags }) {
    if ((flags & ~(AT.SYMLINK_NOFOLLOW | AT.EMPTY_PATH)) !== 0) return err(E.INVAL)
    const { memory, kernel } = task
    let [atimeSec, atimeNsec, mtimeSec, mtimeNsec] = [0, UTIME_NOW as number, 0, UTIME_NOW as number]
    if (times !== 0) {
      if (memory.load(times, 2 * TIMESPEC_SIZE) < 0) return err(E.FAULT)
      atimeSec = readSeconds(memory.scratch, 0)
      atimeNsec = readFraction(memory.scratch, 0)
      mtimeSec = readSeconds(memory.scratch, TIMESPEC_SIZE)
      mtimeNsec = readFraction(memory.scratch, TIMESPEC_SIZE)
      if (!isTime(atimeNsec) || !isTime(mtimeNsec)) return err(E.INVAL)
    }
    if (path === null || (path === '' && (flags & AT.EMPTY_PATH) !== 0)) {
      const file = storageFileOf(task, dirfd, err(E.INVAL))
      if (typeof file === 'number') return file
      return kernel.storage.utimensHandle(file.handle, atimeSec, atimeNsec, mtimeSec, mtimeNsec)
    }
    const follow = (flags & AT.SYMLINK_NOFOLLOW) === 0
    return at(task, dirfd, path, (base) =>
      kernel.storage.utimens(base, path, atimeSec, atimeNsec, mtimeSec, mtimeNsec, follow),
    )
  },
})

export const truncate = syscall({
  number: 76,
  name: 'truncate',
  returns: Int,
  support: full,
  args: { path: Path, length: Offset },
  run(task, { path, length }) {
    return length < 0 ? err(E.INVAL) : task.kernel.storage.truncate(task.process.fs.cwd, path, length)
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
    const file = fileOf(task, fd)
    if (typeof file === 'number') return file
    if (!file.writable || !(file instanceof StorageFile)) return err(E.INVAL)
    return task.kernel.storage.truncateHandle(file.handle, length)
  },
})

const syncCall = (number: number, name: string, call: 'fsync' | 'fdatasync') =>
  syscall({
    number,
    name,
    returns: Int,
    support: full,
    args: { fd: Fd },
    run(task, { fd }) {
      const file = storageFileOf(task, fd, err(E.INVAL))
      return typeof file === 'number' ? file : task.kernel.storage[call](file.handle)
    },
  })

export const fsync = syncCall(74, 'fsync', 'fsync')
export const fdatasync = syncCall(75, 'fdatasync', 'fdatasync')

export const flock = syscall({
  number: 73,
  name: 'flock',
  returns: Int,
  support: partial('LOCK_NB is implied'),
  args: { fd: Fd, operation: Int },
  run(task, { fd, operation }) {
    const file = storageFileOf(task, fd, err(E.INVAL))
    if (typeof file === 'number') return file
    const hostFd = task.kernel.storage.descriptor(file.handle, false)
    return hostFd < 0 ? hostFd : task.kernel.host.flock(hostFd, operation | 4)
  },
})

export const fadvise64 = syscall({
  number: 221,
  name: 'fadvise64',
  returns: Int,
  support: partial('checked; it changes only speed'),
  args: { fd: Fd, offset: Offset, length: Offset, advice: Int },
  run(task, { fd, length, advice }) {
    const file = fileOf(task, fd)
    if (typeof file === 'number') return file
    if (!(file instanceof StorageFile)) return file.pollFd >= 0 ? err(E.SPIPE) : 0
    return length < 0 || advice < 0 || advice > 5 ? err(E.INVAL) : 0
  },
})
