// close(2), dup(2), pipe(2): descriptors themselves. fcntl(2) has its own file.
import { E, err } from '../src/abi/errno.js'
import { CLOSE_RANGE, O } from '../src/abi/fcntl.js'
import { S } from '../src/abi/stat.js'
import { HostFile } from '../src/processor/files.js'
import { unshareFiles } from '../src/processor/process.js'
import type { Task } from '../src/processor/task.js'
import { Fd, Int } from './arguments.js'
import { full, syscall } from './define.js'
import { CloseRangeFlags, DescriptorFlags } from './flags.js'
import { install, limitOf } from './install.js'
import { OutFds } from './structures.js'

export const close = syscall({
  number: 3,
  name: 'close',
  returns: Int,
  support: full,
  args: { fd: Fd },
  run: (task, { fd }) => task.process.files.close(fd),
})

export const close_range = syscall({
  number: 436,
  name: 'close_range',
  returns: Int,
  support: full,
  args: { first: Fd, last: Fd, flags: CloseRangeFlags },
  run(task, { first, last, flags }) {
    if ((flags & ~(CLOSE_RANGE.UNSHARE | CLOSE_RANGE.CLOEXEC)) !== 0 || first >>> 0 > last >>> 0) return err(E.INVAL)
    if ((flags & CLOSE_RANGE.UNSHARE) !== 0) unshareFiles(task.process)
    const { files } = task.process
    for (const fd of files.list()) {
      if (fd < first >>> 0 || fd > last >>> 0) continue
      if ((flags & CLOSE_RANGE.CLOEXEC) !== 0) files.setCloseOnExec(fd, true)
      else files.close(fd)
    }
    return 0
  },
})

export const dup = syscall({
  number: 32,
  name: 'dup',
  returns: Fd,
  support: full,
  args: { fd: Fd },
  run: (task, { fd }) => duplicate(task, fd, 0, false),
})

function duplicate(task: Task, fd: number, from: number, closeOnExec: boolean): number {
  const { files } = task.process
  const file = files.get(fd)
  return file === undefined ? err(E.BADF) : files.add(file, closeOnExec, limitOf(task), from)
}

function replace(task: Task, from: number, to: number, closeOnExec: boolean): number {
  const { files } = task.process
  const file = files.get(from)
  if (file === undefined || to < 0 || to >= limitOf(task)) return err(E.BADF)
  files.put(to, file, closeOnExec)
  return to
}

export const dup2 = syscall({
  number: 33,
  name: 'dup2',
  returns: Fd,
  support: full,
  args: { old: Fd, new: Fd },
  run(task, { old, new: to }) {
    if (old === to) return task.process.files.get(old) === undefined ? err(E.BADF) : to
    return replace(task, old, to, false)
  },
})

export const dup3 = syscall({
  number: 292,
  name: 'dup3',
  returns: Fd,
  support: full,
  args: { old: Fd, new: Fd, flags: DescriptorFlags },
  run(task, { old, new: to, flags }) {
    if ((flags & ~O.CLOEXEC) !== 0 || old === to) return err(E.INVAL)
    return replace(task, old, to, (flags & O.CLOEXEC) !== 0)
  },
})

const pair = new Int32Array(2)

function makePipe(task: Task, address: number, flags: number): number {
  if ((flags & ~(O.CLOEXEC | O.NONBLOCK | O.DIRECT)) !== 0) return err(E.INVAL)
  const { host, window } = task.kernel
  const { files } = task.process
  const result = host.pipe2(pair, O.CLOEXEC | O.NONBLOCK)
  if (result < 0) return result
  const status = flags & (O.NONBLOCK | O.DIRECT)
  const end = (fd: number, mode: number): HostFile =>
    new HostFile(host, window, fd, { flags: mode | status, mode: S.IFIFO, nonblocking: true, owned: true })
  const ends = [end(pair[0]!, O.RDONLY), end(pair[1]!, O.WRONLY)] as const
  const closeOnExec = (flags & O.CLOEXEC) !== 0
  const readEnd = install(task, ends[0], closeOnExec)
  if (readEnd < 0) {
    ends[1].close()
    return readEnd
  }
  const writeEnd = install(task, ends[1], closeOnExec)
  if (writeEnd < 0) {
    files.close(readEnd)
    return writeEnd
  }
  const { memory } = task
  memory.scratch.setInt32(0, readEnd, true)
  memory.scratch.setInt32(4, writeEnd, true)
  if (memory.store(address, 8) >= 0) return 0
  files.close(readEnd)
  files.close(writeEnd)
  return err(E.FAULT)
}

export const pipe = syscall({
  number: 22,
  name: 'pipe',
  returns: Int,
  support: full,
  args: { fds: OutFds },
  run: (task, { fds }) => makePipe(task, fds, 0),
})

export const pipe2 = syscall({
  number: 293,
  name: 'pipe2',
  returns: Int,
  support: full,
  args: { fds: OutFds, flags: DescriptorFlags },
  run: (task, { fds, flags }) => makePipe(task, fds, flags),
})
