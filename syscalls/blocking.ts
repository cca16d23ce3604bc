// What transfers have in common: waiting for a descriptor, and SIGPIPE. No rows here.
import { E, err } from '../src/abi/errno.js'
import { O } from '../src/abi/fcntl.js'
import { RLIMIT } from '../src/abi/resource.js'
import { SI, SIG } from '../src/abi/signal.js'
import { newFileStatus, S } from '../src/abi/stat.js'
import { type Description, HostFile } from '../src/processor/files.js'
import { BLOCK, type Outcome } from '../src/processor/kernel.js'
import { sendToTask, signalInfo } from '../src/processor/signals.js'
import type { Task } from '../src/processor/task.js'

export const READ = 0
export const WRITE = 1
export const POLLIN = 1
export const POLLOUT = 4

const status = newFileStatus()

export const isPipe = (file: Description): file is HostFile =>
  file instanceof HostFile && file.status(status) >= 0 && (status.mode & S.IFMT) === S.IFIFO

/** How many bytes RLIMIT_FSIZE lets a regular file take at `offset`; none: SIGXFSZ, and an errno (generic_write_check_limits, fs/read_write.c). */
export function withinFileLimit(task: Task, offset: number, count: number): number {
  const limit = task.process.limits[RLIMIT.FSIZE]!.current
  if (offset + count <= limit) return count
  if (offset < limit) return limit - offset
  sendToTask(task, signalInfo(SIG.XFSZ, SI.USER))
  return err(E.FBIG)
}

/** A file may not be made longer than RLIMIT_FSIZE: 0, or SIGXFSZ and an errno. */
export function mayHaveSize(task: Task, size: number): number {
  if (size <= task.process.limits[RLIMIT.FSIZE]!.current) return 0
  sendToTask(task, signalInfo(SIG.XFSZ, SI.USER))
  return err(E.FBIG)
}

/** What a call does with the result of its transfer: waits, or dies of SIGPIPE. */
export function settle(task: Task, file: Description, access: number, result: number): Outcome {
  if (result === -E.AGAIN && file.pollFd >= 0 && (file.flags & O.NONBLOCK) === 0) {
    task.wait.fds.length = 0
    task.wait.fds.push(file.pollFd, access === READ ? POLLIN : POLLOUT)
    return BLOCK
  }
  if (result === -E.PIPE && access === WRITE) sendToTask(task, signalInfo(SIG.PIPE, SI.KERNEL))
  return result
}
