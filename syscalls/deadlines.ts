// Time-outs and signal masks of the calls that wait for descriptors: poll, select and epoll. No rows here.
import { E, err } from '../src/abi/errno.js'
import { SIGSET_SIZE, UNBLOCKABLE_LOW } from '../src/abi/signal.js'
import { isNanoseconds, readFraction, readSeconds, TIMESPEC_SIZE, TIMEVAL_SIZE, writeTime } from '../src/abi/time.js'
import type { Task } from '../src/processor/task.js'

export const NEVER = Infinity

/** On its first run: the deadline. Later it is in the wait. */
export function deadline(task: Task, timeoutNsec: number): void {
  if (task.wait.active) return
  task.wait.deadlineNsec = timeoutNsec === NEVER ? NEVER : task.kernel.clock.monotonicNsec() + timeoutNsec
}

/** A signal counts more than a time-out (do_poll, fs/select.c): the call waits for it to be taken. */
export function isOver(task: Task): boolean {
  const { deadlineNsec } = task.wait
  if (deadlineNsec === NEVER || task.hasDeliverable) return false
  return task.kernel.clock.monotonicNsec() >= deadlineNsec
}

/** A call that never waited leaves nothing behind. */
export function finish(task: Task, result: number): number {
  if (!task.wait.active) task.wait.clear()
  return result
}

/** Nanoseconds of a struct timespec, or of a timeval with `unit` 1000; NEVER for a null pointer, an errno. */
export function timeout(task: Task, address: number, unit: number): number {
  if (address === 0) return NEVER
  if (task.memory.load(address, TIMESPEC_SIZE) < 0) return err(E.FAULT)
  const sec = readSeconds(task.memory.scratch, 0)
  const fraction = readFraction(task.memory.scratch, 0)
  if (sec < 0 || fraction < 0 || (unit === 1 && !isNanoseconds(fraction))) return err(E.INVAL)
  return sec * 1e9 + fraction * unit
}

/** The time that is left goes back to the program. */
export function giveBack(task: Task, address: number, unit: number): void {
  const { deadlineNsec } = task.wait
  if (address === 0 || deadlineNsec === NEVER) return
  const left = Math.max(0, deadlineNsec - task.kernel.clock.monotonicNsec())
  const sec = Math.floor(left / 1e9)
  writeTime(task.memory.scratch, 0, sec, Math.floor((left - sec * 1e9) / unit))
  // A read-only structure is left alone (poll_select_finish, fs/select.c).
  task.memory.store(address, TIMEVAL_SIZE)
}

/** Puts the mask of ppoll and pselect in force, once; an errno. */
export function mask(task: Task, address: number): number {
  if (address === 0 || task.wait.active) return 0
  if (task.memory.load(address, SIGSET_SIZE) < 0) return err(E.FAULT)
  task.savedMaskLow = task.maskLow
  task.savedMaskHigh = task.maskHigh
  task.hasSavedMask = true
  task.maskLow = task.memory.scratch.getInt32(0, true) & ~UNBLOCKABLE_LOW
  task.maskHigh = task.memory.scratch.getInt32(4, true)
  return 0
}

/** The call ends by itself: the mask goes back. When a handler ends it, the handler's frame has the old one. */
export function unmask(task: Task): void {
  if (!task.hasSavedMask) return
  task.maskLow = task.savedMaskLow
  task.maskHigh = task.savedMaskHigh
  task.hasSavedMask = false
}
