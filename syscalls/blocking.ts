// What transfers have in common: waiting for a descriptor, and SIGPIPE. No rows here.
import { E } from '../src/abi/errno.js'
import { O } from '../src/abi/fcntl.js'
import { SI, SIG } from '../src/abi/signal.js'
import type { Description } from '../src/processor/files.js'
import { BLOCK, type Outcome } from '../src/processor/kernel.js'
import { sendToTask, signalInfo } from '../src/processor/signals.js'
import type { Task } from '../src/processor/task.js'

export const READ = 0
export const WRITE = 1
export const POLLIN = 1
export const POLLOUT = 4

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
