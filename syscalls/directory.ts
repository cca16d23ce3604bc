// getdents64(2), getcwd(2), chdir(2), mkdir(2), rmdir(2), mknod(2), chroot(2): directories.
import { DIRENT } from '../src/abi/dirent.js'
import { E, err } from '../src/abi/errno.js'
import { AT, O } from '../src/abi/fcntl.js'
import { newFileStatus, S } from '../src/abi/stat.js'
import { readUnsigned } from '../src/abi/word.js'
import { bytesOfPath } from '../src/lib/path-text.js'
import { StorageFile } from '../src/processor/files.js'
import type { Task } from '../src/processor/task.js'
import { DirFd, Fd, Int, Mode, OutString, Path, Size, Uint } from './arguments.js'
import { full, partial, refusedCall, syscall } from './define.js'
import { Device, FileMode } from './flags.js'
import { directoryOf, placeAt } from './places.js'
import { OutDirents } from './structures.js'

/** The most that one call gives; programs ask for 32 KiB. */
const LISTING_MAX = 65536
const listing = new Uint8Array(LISTING_MAX)
const view = new DataView(listing.buffer)

/** Fills `listing` and moves the position; bytes or errno. */
function list(task: Task, fd: number, count: number, shape: (length: number) => void, buffer: number): number {
  const file = task.process.files.get(fd)
  if (file === undefined || (file.flags & O.PATH) !== 0) return err(E.BADF)
  if (!(file instanceof StorageFile) || !file.isDirectory) return err(E.NOTDIR)
  const length = file.storage.getdents(file.handle, file.offset, listing.subarray(0, Math.min(count, LISTING_MAX)))
  if (length <= 0) return length
  let position = file.offset
  for (let at = 0; at < length; at += view.getUint16(at + DIRENT.RECLEN, true)) {
    position = readUnsigned(view, at + DIRENT.OFF)
  }
  shape(length)
  if (task.memory.copyOut(buffer, listing, length) < 0) return err(E.FAULT)
  file.offset = position
  return length
}

/** struct linux_dirent: the name where the type was, the type in the record's last byte. Records are as long as the newer ones. */
function toOldRecords(length: number): void {
  for (let at = 0; at < length; ) {
    const next = at + view.getUint16(at + DIRENT.RECLEN, true)
    const type = listing[at + DIRENT.TYPE]!
    listing.copyWithin(at + DIRENT.TYPE, at + DIRENT.NAME, next)
    listing[next - 1] = type
    at = next
  }
}

export const getdents = syscall({
  number: 78,
  name: 'getdents',
  returns: Size,
  support: full,
  args: { fd: Fd, buffer: OutDirents, count: Uint },
  run: (task, { fd, buffer, count }) => list(task, fd, count, toOldRecords, buffer),
})

export const getdents64 = syscall({
  number: 217,
  name: 'getdents64',
  returns: Size,
  support: full,
  args: { fd: Fd, buffer: OutDirents, count: Uint },
  run: (task, { fd, buffer, count }) => list(task, fd, count, () => {}, buffer),
})

const status = newFileStatus()

export const getcwd = syscall({
  number: 79,
  name: 'getcwd',
  returns: Size,
  support: partial('not the new name, when a program outside has renamed the directory'),
  args: { buffer: OutString, size: Size },
  run(task, { buffer, size }) {
    const { cwd } = task.process.fs
    if (task.kernel.storage.stat('/', cwd, true, status) === -E.NOENT) return err(E.NOENT)
    const text = bytesOfPath(`${cwd}\0`)
    if (text.length > size) return err(E.RANGE)
    return task.memory.copyOut(buffer, text) < 0 ? err(E.FAULT) : text.length
  },
})

function enter(task: Task, cwd: string, path: string): number {
  const canonical = task.kernel.storage.directory(cwd, path)
  if (typeof canonical === 'number') return canonical
  task.process.fs.cwd = canonical
  return 0
}

export const chdir = syscall({
  number: 80,
  name: 'chdir',
  returns: Int,
  support: partial('held by name: lost when a program outside renames the directory'),
  args: { path: Path },
  run(task, { path }) {
    const place = placeAt(task, AT.FDCWD, path)
    return typeof place === 'number' ? place : enter(task, place.cwd, place.path)
  },
})

export const fchdir = syscall({
  number: 81,
  name: 'fchdir',
  returns: Int,
  support: partial('held by name: lost when a program outside renames the directory'),
  args: { fd: Fd },
  run(task, { fd }) {
    const directory = fd === AT.FDCWD ? err(E.BADF) : directoryOf(task, fd)
    return typeof directory === 'number' ? directory : enter(task, '/', directory)
  },
})

function makeDirectory(task: Task, dirfd: number, path: string, mode: number): number {
  const place = placeAt(task, dirfd, path)
  if (typeof place === 'number') return place
  return task.kernel.storage.mkdir(place.cwd, place.path, mode & 0o1777 & ~task.process.fs.umask)
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

export const rmdir = syscall({
  number: 84,
  name: 'rmdir',
  returns: Int,
  support: full,
  args: { path: Path },
  run(task, { path }) {
    const place = placeAt(task, AT.FDCWD, path)
    return typeof place === 'number' ? place : task.kernel.storage.rmdir(place.cwd, place.path)
  },
})

const NODES: ReadonlySet<number> = new Set([0, S.IFREG, S.IFCHR, S.IFBLK, S.IFIFO, S.IFSOCK])

/** may_mknod(), fs/namei.c. */
function checkNode({ mode }: { readonly mode: number }): number {
  if ((mode & S.IFMT) === S.IFDIR) return err(E.PERM)
  return NODES.has(mode & S.IFMT) ? 0 : err(E.INVAL)
}

function makeNode(task: Task, dirfd: number, path: string, mode: number, device: number): number {
  const place = placeAt(task, dirfd, path)
  if (typeof place === 'number') return place
  return task.kernel.storage.mknod(place.cwd, place.path, mode & ~task.process.fs.umask, device)
}

export const mknod = syscall({
  number: 133,
  name: 'mknod',
  returns: Int,
  support: full,
  args: { path: Path, mode: FileMode, device: Device },
  check: checkNode,
  run: (task, { path, mode, device }) => makeNode(task, AT.FDCWD, path, mode, device),
})

export const mknodat = syscall({
  number: 259,
  name: 'mknodat',
  returns: Int,
  support: full,
  args: { dirfd: DirFd, path: Path, mode: FileMode, device: Device },
  check: checkNode,
  run: (task, { dirfd, path, mode, device }) => makeNode(task, dirfd, path, mode, device),
})

export const chroot = refusedCall(161, 'chroot', Int, E.PERM, 'what --root shows is all there is')
