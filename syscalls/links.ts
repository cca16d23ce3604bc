// unlink(2), rename(2), link(2), symlink(2), readlink(2) and their *at forms: names of files.
import { E, err } from '../src/abi/errno.js'
import { AT, PATH_MAX, RENAME } from '../src/abi/fcntl.js'
import { newFileStatus, S } from '../src/abi/stat.js'
import { CAP, hasCapability } from '../src/processor/credentials.js'
import { handleOf, StorageFile } from '../src/processor/files.js'
import { MemoryFile } from '../src/processor/memory-file.js'
import type { Task } from '../src/processor/task.js'
import { DirFd, Int, OutBuffer, Path, Size } from './arguments.js'
import { full, partial, syscall } from './define.js'
import { LinkFlags, RenameFlags, UnlinkFlags } from './flags.js'
import { type Place, placeAt } from './places.js'

function remove(task: Task, dirfd: number, path: string, directory: boolean): number {
  const place = placeAt(task, dirfd, path)
  if (typeof place === 'number') return place
  const { storage } = task.kernel
  return directory ? storage.rmdir(place.cwd, place.path) : storage.unlink(place.cwd, place.path)
}

export const unlink = syscall({
  number: 87,
  name: 'unlink',
  returns: Int,
  support: full,
  args: { path: Path },
  run: (task, { path }) => remove(task, AT.FDCWD, path, false),
})

export const unlinkat = syscall({
  number: 263,
  name: 'unlinkat',
  returns: Int,
  support: full,
  args: { dirfd: DirFd, path: Path, flags: UnlinkFlags },
  run(task, { dirfd, path, flags }) {
    if ((flags & ~AT.REMOVEDIR) !== 0) return err(E.INVAL)
    return remove(task, dirfd, path, (flags & AT.REMOVEDIR) !== 0)
  },
})

function move(task: Task, oldDirfd: number, oldPath: string, newDirfd: number, newPath: string, flags: number): number {
  const from = placeAt(task, oldDirfd, oldPath)
  if (typeof from === 'number') return from
  const to = placeAt(task, newDirfd, newPath)
  if (typeof to === 'number') return to
  const { storage } = task.kernel
  const before = storage.directory(from.cwd, from.path)
  const after = canonicalName(task, to)
  const result = storage.rename(from.cwd, from.path, to.cwd, to.path, flags)
  if (result < 0 || typeof after === 'number') return result
  const exchanged = (flags & RENAME.EXCHANGE) !== 0
  for (const { fs } of task.kernel.processes.values()) {
    fs.cwd = renamed(fs.cwd, before, after) ?? (exchanged ? renamed(fs.cwd, after, before) : null) ?? fs.cwd
  }
  return result
}

/** The canonical path of something that may not exist yet. */
function canonicalName(task: Task, { cwd, path }: Place): string | number {
  const name = path.replace(/\/+$/, '')
  const slash = name.lastIndexOf('/')
  const parent = task.kernel.storage.directory(cwd, slash < 0 ? '.' : name.slice(0, slash + 1))
  return typeof parent === 'number' ? parent : `${parent === '/' ? '' : parent}/${name.slice(slash + 1)}`
}

/** A working directory's name after `from` has become `to`; null when it is not in there. They are held by name, and move with it. */
function renamed(cwd: string, from: string | number, to: string | number): string | null {
  if (typeof from === 'number' || typeof to === 'number') return null
  return cwd === from || cwd.startsWith(`${from}/`) ? to + cwd.slice(from.length) : null
}

export const rename = syscall({
  number: 82,
  name: 'rename',
  returns: Int,
  support: full,
  args: { old: Path, new: Path },
  run: (task, { old, new: to }) => move(task, AT.FDCWD, old, AT.FDCWD, to, 0),
})

export const renameat = syscall({
  number: 264,
  name: 'renameat',
  returns: Int,
  support: full,
  args: { oldDirfd: DirFd, old: Path, newDirfd: DirFd, new: Path },
  run: (task, { oldDirfd, old, newDirfd, new: to }) => move(task, oldDirfd, old, newDirfd, to, 0),
})

export const renameat2 = syscall({
  number: 316,
  name: 'renameat2',
  returns: Int,
  support: full,
  args: { oldDirfd: DirFd, old: Path, newDirfd: DirFd, new: Path, flags: RenameFlags },
  check({ flags }) {
    if ((flags & ~(RENAME.NOREPLACE | RENAME.EXCHANGE | RENAME.WHITEOUT)) !== 0) return err(E.INVAL)
    return (flags & RENAME.EXCHANGE) !== 0 && flags !== RENAME.EXCHANGE ? err(E.INVAL) : 0
  },
  run: (task, { oldDirfd, old, newDirfd, new: to, flags }) => move(task, oldDirfd, old, newDirfd, to, flags),
})

/** AT_EMPTY_PATH: descriptors are for who opened them, and for who could have read every directory (path_init, fs/namei.c). */
function mayStartAt({ process }: Task, dirfd: number): number {
  const file = process.files.get(dirfd)
  if (file === undefined) return err(E.BADF)
  const { credentials } = process
  return file.openedBy === credentials || hasCapability(credentials, CAP.DAC_READ_SEARCH) ? 0 : err(E.NOENT)
}

/** A name for what a descriptor has open. */
function linkOpened(task: Task, dirfd: number, newDirfd: number, name: string): number {
  const to = placeAt(task, newDirfd, name)
  if (typeof to === 'number') return to
  const { storage } = task.kernel
  const file = task.process.files.get(dirfd)!
  const handle = file instanceof MemoryFile ? storage.handleAt(file.attributesFd, '') : handleOf(storage, file)
  if (typeof handle === 'number') return handle
  const result = storage.linkHandle(handle, to.cwd, to.path)
  storage.release(handle)
  return result
}

function makeLink(task: Task, oldDirfd: number, old: string, newDirfd: number, name: string, follow: boolean): number {
  const from = placeAt(task, oldDirfd, old)
  if (typeof from === 'number') return from
  const { storage } = task.kernel
  const to = placeAt(task, newDirfd, name)
  if (typeof to !== 'number') return storage.link(from.cwd, from.path, to.cwd, to.path, follow)
  // The old name is looked up first.
  const found = storage.stat(from.cwd, from.path, follow, status)
  return found < 0 ? found : to
}

export const link = syscall({
  number: 86,
  name: 'link',
  returns: Int,
  support: full,
  args: { old: Path, new: Path },
  run: (task, { old, new: name }) => makeLink(task, AT.FDCWD, old, AT.FDCWD, name, false),
})

export const linkat = syscall({
  number: 265,
  name: 'linkat',
  returns: Int,
  support: partial('AT_EMPTY_PATH: between two --mount directories of one file system it is not EXDEV'),
  args: { oldDirfd: DirFd, old: Path, newDirfd: DirFd, new: Path, flags: LinkFlags },
  check: ({ flags }) => ((flags & ~(AT.SYMLINK_FOLLOW | AT.EMPTY_PATH)) !== 0 ? err(E.INVAL) : 0),
  run(task, { oldDirfd, old, newDirfd, new: name, flags }) {
    const isEmpty = old === '' && (flags & AT.EMPTY_PATH) !== 0
    if ((flags & AT.EMPTY_PATH) !== 0 && oldDirfd !== AT.FDCWD && !old.startsWith('/')) {
      const refused = mayStartAt(task, oldDirfd)
      if (refused < 0) return refused
      if (isEmpty) return linkOpened(task, oldDirfd, newDirfd, name)
    }
    const follow = (flags & AT.SYMLINK_FOLLOW) !== 0
    return makeLink(task, oldDirfd, isEmpty ? '.' : old, newDirfd, name, follow)
  },
})

function makeSymlink(task: Task, target: string, dirfd: number, path: string): number {
  if (target === '') return err(E.NOENT)
  const place = placeAt(task, dirfd, path)
  return typeof place === 'number' ? place : task.kernel.storage.symlink(target, place.cwd, place.path)
}

export const symlink = syscall({
  number: 88,
  name: 'symlink',
  returns: Int,
  support: full,
  args: { target: Path, path: Path },
  run: (task, { target, path }) => makeSymlink(task, target, AT.FDCWD, path),
})

export const symlinkat = syscall({
  number: 266,
  name: 'symlinkat',
  returns: Int,
  support: full,
  args: { target: Path, dirfd: DirFd, path: Path },
  run: (task, { target, dirfd, path }) => makeSymlink(task, target, dirfd, path),
})

const target = new Uint8Array(PATH_MAX)

/** An empty path names the link that an O_PATH descriptor was opened for; anything else is ENOENT (readlinkat(2)). */
function linkItself(task: Task, dirfd: number): Place | number {
  const file = task.process.files.get(dirfd)
  if (dirfd === AT.FDCWD) return err(E.NOENT)
  if (file === undefined) return err(E.BADF)
  if (!(file instanceof StorageFile) || file.status(status) < 0 || (status.mode & S.IFMT) !== S.IFLNK)
    return err(E.NOENT)
  return { cwd: '/', path: file.handle.path }
}

const status = newFileStatus()

function readLink(task: Task, dirfd: number, path: string, buffer: number, size: number): number {
  const place = path === '' ? linkItself(task, dirfd) : placeAt(task, dirfd, path)
  if (typeof place === 'number') return place
  const length = task.kernel.storage.readlink(place.cwd, place.path, target)
  if (length < 0) return length
  const copied = Math.min(length, size)
  return task.memory.copyOut(buffer, target, copied) < 0 ? err(E.FAULT) : copied
}

const checkSize = ({ size }: { readonly size: number }): number => (size === 0 || size > 0x7fffffff ? err(E.INVAL) : 0)

export const readlink = syscall({
  number: 89,
  name: 'readlink',
  returns: Size,
  support: full,
  args: { path: Path, buffer: OutBuffer('size'), size: Size },
  check: checkSize,
  run: (task, { path, buffer, size }) => readLink(task, AT.FDCWD, path, buffer, size),
})

export const readlinkat = syscall({
  number: 267,
  name: 'readlinkat',
  returns: Size,
  support: full,
  args: { dirfd: DirFd, path: Path, buffer: OutBuffer('size'), size: Size },
  check: checkSize,
  run: (task, { dirfd, path, buffer, size }) => readLink(task, dirfd, path, buffer, size),
})
