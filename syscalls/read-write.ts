// read(2), write(2), readv(2), writev(2), pread(2), pwrite(2), lseek(2): bytes between files and guest memory.
// Guest buffers are used in place, a bounded number of lines at a time; a transfer that would block waits for its descriptor and is run again.
import { E, err } from '../src/abi/errno.js'
import { O, SEEK } from '../src/abi/fcntl.js'
import { RWF } from '../src/abi/uio.js'
import { StorageFile } from '../src/processor/files.js'
import type { Outcome } from '../src/processor/kernel.js'
import type { Task } from '../src/processor/task.js'
import { Fd, InBuffer, Int, Offset, Omitted, OutBuffer, Size } from './arguments.js'
import { READ, WRITE } from './blocking.js'
import { full, partial, syscall } from './define.js'
import { TransferFlags, Whence } from './flags.js'
import { Iovecs, OutIovecs } from './structures.js'
import { COUNT_MAX, HERE, transfer, vectored } from './transfer.js'

export const read = syscall({
  number: 0,
  name: 'read',
  returns: Size,
  support: full,
  args: { fd: Fd, buf: OutBuffer('count'), count: Size },
  run: (task, { fd, buf, count }) => transfer(task, fd, READ, buf, count, HERE),
})

export const write = syscall({
  number: 1,
  name: 'write',
  returns: Size,
  support: full,
  args: { fd: Fd, buf: InBuffer('count'), count: Size },
  run: (task, { fd, buf, count }) => transferAll(task, fd, buf, count),
})

/** A blocking write to a pipe goes on until everything is written: what went before is kept in the wait. */
function transferAll(task: Task, fd: number, buf: number, count: number): Outcome {
  const done = task.wait.active ? task.wait.progress : 0
  const outcome = transfer(task, fd, WRITE, buf + done, count - done, HERE)
  if (typeof outcome !== 'number') {
    task.wait.cancel = () => (task.wait.progress > 0 ? task.wait.progress : null)
    return outcome
  }
  if (outcome < 0) return done > 0 ? done : outcome
  const total = done + outcome
  const file = task.process.files.get(fd)
  if (total >= Math.min(count, COUNT_MAX) || file === undefined || file.fills || (file.flags & O.NONBLOCK) !== 0)
    return total
  task.wait.progress = total
  const rest = transfer(task, fd, WRITE, buf + total, count - total, HERE)
  if (typeof rest === 'number') {
    task.wait.progress = 0
    return rest < 0 ? total : total + rest
  }
  task.wait.cancel = () => task.wait.progress
  return rest
}

function positioned(task: Task, fd: number, access: number, buf: number, count: number, offset: number): Outcome {
  const refused = refusedOffset(task, fd, offset)
  return refused < 0 ? refused : transfer(task, fd, access, buf, count, offset)
}

/** 0, or the errno of a transfer at an offset. What is no descriptor for transfers is looked for later: EBADF. */
function refusedOffset(task: Task, fd: number, offset: number): number {
  if (offset < 0) return err(E.INVAL)
  const file = task.process.files.get(fd)
  const refuses = file !== undefined && (file.flags & O.PATH) === 0 && file.pollFd >= 0 && !file.hasPositions
  return refuses ? err(E.SPIPE) : 0
}

function vectoredAt(
  task: Task,
  fd: number,
  access: number,
  iov: number,
  iovcnt: number,
  offset: number,
  flags = 0,
): Outcome {
  const refused = refusedOffset(task, fd, offset)
  return refused < 0 ? refused : vectored(task, fd, access, iov, iovcnt, offset, flags)
}

export const pread64 = syscall({
  number: 17,
  name: 'pread64',
  returns: Size,
  support: full,
  args: { fd: Fd, buf: OutBuffer('count'), count: Size, offset: Offset },
  run: (task, { fd, buf, count, offset }) => positioned(task, fd, READ, buf, count, offset),
})

export const pwrite64 = syscall({
  number: 18,
  name: 'pwrite64',
  returns: Size,
  support: full,
  args: { fd: Fd, buf: InBuffer('count'), count: Size, offset: Offset },
  run: (task, { fd, buf, count, offset }) => positioned(task, fd, WRITE, buf, count, offset),
})

export const readv = syscall({
  number: 19,
  name: 'readv',
  returns: Size,
  support: full,
  args: { fd: Fd, iov: OutIovecs('iovcnt'), iovcnt: Int },
  run: (task, { fd, iov, iovcnt }) => vectored(task, fd, READ, iov, iovcnt, HERE),
})

export const writev = syscall({
  number: 20,
  name: 'writev',
  returns: Size,
  support: full,
  args: { fd: Fd, iov: Iovecs('iovcnt'), iovcnt: Int },
  run: (task, { fd, iov, iovcnt }) => vectored(task, fd, WRITE, iov, iovcnt, HERE),
})

export const preadv = syscall({
  number: 295,
  name: 'preadv',
  returns: Size,
  support: full,
  args: { fd: Fd, iov: OutIovecs('iovcnt'), iovcnt: Int, offset: Offset },
  run: (task, { fd, iov, iovcnt, offset }) => vectoredAt(task, fd, READ, iov, iovcnt, offset),
})

export const pwritev = syscall({
  number: 296,
  name: 'pwritev',
  returns: Size,
  support: full,
  args: { fd: Fd, iov: Iovecs('iovcnt'), iovcnt: Int, offset: Offset },
  run: (task, { fd, iov, iovcnt, offset }) => vectoredAt(task, fd, WRITE, iov, iovcnt, offset),
})

/** preadv2(2), pwritev2(2): -1 is the current position. */
function vectored2(
  task: Task,
  fd: number,
  access: number,
  iov: number,
  iovcnt: number,
  offset: number,
  flags: number,
): Outcome {
  const file = task.process.files.get(fd)
  const both = RWF.APPEND | RWF.NOAPPEND
  const before = file?.flags ?? 0
  // For this call the description appends, or does not.
  if (file !== undefined && access === WRITE && (flags & both) !== 0)
    file.flags = (flags & RWF.APPEND) !== 0 ? before | O.APPEND : before & ~O.APPEND
  const move = offset === HERE ? vectored : vectoredAt
  const outcome = move(task, fd, access, iov, iovcnt, offset, flags)
  if (file !== undefined) file.flags = before
  const syncs = access === WRITE && (flags & (RWF.DSYNC | RWF.SYNC)) !== 0 && typeof outcome === 'number' && outcome > 0
  if (!syncs || !(file instanceof StorageFile)) return outcome
  const synced = file.storage.fsync(file.handle)
  return synced < 0 ? synced : outcome
}

const SOME_FLAGS = partial('RWF_NOWAIT, RWF_ATOMIC and RWF_DONTCACHE are EOPNOTSUPP')

export const preadv2 = syscall({
  number: 327,
  name: 'preadv2',
  returns: Size,
  support: SOME_FLAGS,
  args: { fd: Fd, iov: OutIovecs('iovcnt'), iovcnt: Int, offset: Offset, unused: Omitted, flags: TransferFlags },
  run: (task, { fd, iov, iovcnt, offset, flags }) => vectored2(task, fd, READ, iov, iovcnt, offset, flags),
})

export const pwritev2 = syscall({
  number: 328,
  name: 'pwritev2',
  returns: Size,
  support: SOME_FLAGS,
  args: { fd: Fd, iov: Iovecs('iovcnt'), iovcnt: Int, offset: Offset, unused: Omitted, flags: TransferFlags },
  run: (task, { fd, iov, iovcnt, offset, flags }) => vectored2(task, fd, WRITE, iov, iovcnt, offset, flags),
})

export const lseek = syscall({
  number: 8,
  name: 'lseek',
  returns: Offset,
  support: full,
  args: { fd: Fd, offset: Offset, whence: Whence },
  run(task, { fd, offset, whence }) {
    const file = task.process.files.get(fd)
    if (file === undefined || (file.flags & O.PATH) !== 0) return err(E.BADF)
    if (whence < 0 || whence > SEEK.HOLE) return err(E.INVAL)
    return file.pollFd >= 0 && !file.seeks ? err(E.SPIPE) : file.seek(offset, whence)
  },
})
