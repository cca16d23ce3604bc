// open(2), openat(2), creat(2), and directories: getdents64(2), getcwd(2), chdir(2).
import { E, err } from '../src/abi/errno.js'
import { AT, O } from '../src/abi/fcntl.js'
import { RLIMIT } from '../src/abi/resource.js'
import { S } from '../src/abi/stat.js'
import { HostFile, StorageFile } from '../src/processor/files.js'
import type { Task } from '../src/processor/task.js'
import { DIRENT } from '../src/abi/dirent.js'
import { DirFd, Fd, Flags, Int, Mode, OutBuffer, Path, Pointer, Size } from './arguments.js'
import { baseOf } from './paths.js'
import { full, partial, syscall } from './define.js'

/** Flags that F_GETFL shows: the rest only matters when opening. */
const KEPT = O.ACCMODE | O.APPEND | O.NONBLOCK | O.SYNC | O.ASYNC | O.DIRECT | O.NOATIME | O.PATH | O.DIRECTORY | O.NOFOLLOW

function open(task: Task, dirfd: number, path: string, flags: number, mode: number): number {
  const { process, kernel } = task
  const base = baseOf(task, dirfd, path)
  if (typeof base === 'number') return base
  const closeOnExec = (flags & O.CLOEXEC) !== 0
  const limit = process.limits[RLIMIT.NOFILE]!.current
  const opened = kernel.storage.open(base, path, flags, mode & ~process.fs.umask & 0o7777)
  if (typeof opened === 'number') return opened
  const status = (flags & KEPT) | O.LARGEFILE
  const isDirectory = (opened.status.mode & S.IFMT) === S.IFDIR
  const file =
    opened.kind === 'file'
      ? new StorageFile(kernel.storage, opened.handle, status, isDirectory, kernel.bytes)
      : new HostFile(kernel.host, kernel.window, opened.fd, {
          flags: status,
          mode: opened.status.mode,
          // The storage manager opens devices and FIFOs with O_NONBLOCK.
          nonblocking: true,
          owned: true,
        })
  const fd = process.files.add(file, closeOnExec, limit)
  if (fd < 0) file.close()
  return fd
}

const OPENS = partial('no O_TMPFILE linking; opening a FIFO does not wait for the other end')

export const openat = syscall({
  number: 257,
  name: 'openat',
  returns: Fd,
  support: OPENS,
  args: { dirfd: DirFd, path: Path, flags: Flags, mode: Mode },
  run: (task, { dirfd, path, flags, mode }) => open(task, dirfd, path, flags, mode),
})

export const open2 = syscall({
  number: 2,
  name: 'open',
  returns: Fd,
  support: OPENS,
  args: { path: Path, flags: Flags, mode: Mode },
  run: (task, { path, flags, mode }) => open(task, AT.FDCWD, path, flags, mode),
})

export const creat = syscall({
  number: 85,
  name: 'creat',
  returns: Fd,
  support: full,
  args: { path: Path, mode: Mode },
  run: (task, { path, mode }) => open(task, AT.FDCWD, path, O.CREAT | O.WRONLY | O.TRUNC, mode),
})

const DIRENTS_MAX = 65536

export const getdents64 = syscall({
  number: 217,
  name: 'getdents64',
  returns: Size,
  support: full,
  args: { fd: Fd, buf: OutBuffer('count'), count: Size },
  run(task, { fd, buf, count }) {
    const file = task.process.files.get(fd)
    if (file === undefined) return err(E.BADF)
    if (!(file instanceof StorageFile) || !file.isDirectory) return err(E.NOTDIR)
    const entries = new Uint8Array(Math.min(count, DIRENTS_MAX))
    const length = task.kernel.storage.getdents(file.handle, file.offset, entries)
    if (length <= 0) return length
    if (task.memory.copyOut(buf, entries, length) < 0) return err(E.FAULT)
    // The next call goes on where the last entry says.
    const view = new DataView(entries.buffer)
    let last = 0
    for (let at = 0; at < length; at += view.getUint16(at + DIRENT.RECLEN, true)) last = at
    file.offset = Number(view.getBigInt64(last + DIRENT.OFF, true))
    return length
  },
})

export const getcwd = syscall({
  number: 79,
  name: 'getcwd',
  returns: Int,
  support: full,
  args: { buf: Pointer, size: Size },
  run(task, { buf, size }) {
    const text = new TextEncoder().encode(`${task.process.fs.cwd}\0`)
    if (text.length > size) return err(E.RANGE)
    return task.memory.copyOut(buf, text) < 0 ? err(E.FAULT) : text.length
  },
})

export const chdir = syscall({
  number: 80,
  name: 'chdir',
  returns: Int,
  support: full,
  args: { path: Path },
  run(task, { path }) {
    const { fs } = task.process
    const directory = task.kernel.storage.directory(fs.cwd, path)
    if (typeof directory === 'number') return directory
    fs.cwd = directory
    return 0
  },
})

export const fchdir = syscall({
  number: 81,
  name: 'fchdir',
  returns: Int,
  support: full,
  args: { fd: Fd },
  run(task, { fd }) {
    const file = task.process.files.get(fd)
    if (file === undefined) return err(E.BADF)
    if (!(file instanceof StorageFile) || !file.isDirectory) return err(E.NOTDIR)
    task.process.fs.cwd = file.handle.path
    return 0
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
