// Where the paths of the *at calls start: the current directory, a directory descriptor, or nowhere for absolute ones. No rows here.
import { E, err } from '../src/abi/errno.js'
import { AT } from '../src/abi/fcntl.js'
import type { Description } from '../src/processor/files.js'
import { StorageFile } from '../src/processor/files.js'
import type { Task } from '../src/processor/task.js'

/** Canonical directory that `path` is relative to, or an errno. */
export function baseOf(task: Task, dirfd: number, path: string): string | number {
  if (path.startsWith('/') || dirfd === AT.FDCWD) return task.process.fs.cwd
  const file = task.process.files.get(dirfd)
  if (file === undefined) return err(E.BADF)
  if (!(file instanceof StorageFile) || !file.isDirectory) return path === '' ? err(E.NOENT) : err(E.NOTDIR)
  return file.handle.path
}

/** The open description, or -EBADF. */
export const fileOf = (task: Task, fd: number): Description | number => task.process.files.get(fd) ?? err(E.BADF)

/** The storage handle of a descriptor for calls that only files of the storage manager have, else the errno given. */
export function storageFileOf(task: Task, fd: number, otherwise: number): StorageFile | number {
  const file = task.process.files.get(fd)
  if (file === undefined) return err(E.BADF)
  return file instanceof StorageFile ? file : otherwise
}
