// poll(2), ppoll(2), select(2), pselect6(2): waiting for descriptors. Files of the storage manager are always ready.
import { E, err } from '../src/abi/errno.js'
import { POLL, POLLFD, POLLFD_SIZE } from '../src/abi/poll.js'
import { RLIMIT } from '../src/abi/resource.js'
import { SIGSET_SIZE, UNBLOCKABLE_LOW } from '../src/abi/signal.js'
import { isNanoseconds, readFraction, readSeconds, TIMESPEC_SIZE } from '../src/abi/time.js'
import { readUnsigned } from '../src/abi/word.js'
import { BLOCK, type Outcome } from '../src/processor/kernel.js'
import type { Task } from '../src/processor/task.js'
import { Int, Pointer, Size, Uint } from './arguments.js'
import { full, syscall } from './define.js'

/** What is asked, as (host descriptor, events) words for the host, beside what is known without it. */
interface Question {
  fds: Int32Array
  /** Position in the host's list, or -1: `ready` has the answer. */
  readonly places: number[]
  readonly ready: number[]
  count: number
}
const question: Question = { fds: new Int32Array(64), places: [], ready: [], count: 0 }

function begin(): void {
  question.places.length = 0
  question.ready.length = 0
  question.count = 0
}

/** Adds a descriptor; `fd` negative is ignored, as in poll(2). */
function ask(task: Task, fd: number, events: number): void {
  const file = fd < 0 ? undefined : task.process.files.get(fd)
  let place = -1
  let ready = 0
  if (fd >= 0 && file === undefined) ready = POLL.NVAL
  else if (file !== undefined && file.pollFd < 0) {
    ready = events & (POLL.IN | POLL.OUT | POLL.RDNORM | POLL.WRNORM)
  } else if (file !== undefined) {
    if (2 * question.count + 2 > question.fds.length) {
      const longer = new Int32Array(2 * question.fds.length)
      longer.set(question.fds)
      question.fds = longer
    }
    place = question.count++
    question.fds[2 * place] = file.pollFd
    question.fds[2 * place + 1] = events & 0xffff
  }
  question.places.push(place)
  question.ready.push(ready)
}

/** Asks the host; afterwards `ready` has every answer. */
function answerAll(task: Task): void {
  if (question.count > 0) task.kernel.host.ppoll(question.fds, question.count, 0)
  question.places.forEach((place, index) => {
    if (place >= 0) question.ready[index] = question.fds[2 * place + 1]! >>> 16
  })
}

/** Nothing was ready: waits for any of them until the deadline. Call only when `ready` is all zeros. */
function waitForAny(task: Task, timeoutNsec: number): Outcome {
  const { wait, kernel } = task
  const now = kernel.clock.monotonicNsec()
  if (!wait.active) wait.deadlineNsec = timeoutNsec === Infinity ? Infinity : now + timeoutNsec
  if (now >= wait.deadlineNsec) return 0
  wait.fds.length = 0
  for (let at = 0; at < question.count; at++) wait.fds.push(question.fds[2 * at]!, question.fds[2 * at + 1]! & 0xffff)
  // poll(2) never restarts after a handler.
  wait.restarts = false
  return BLOCK
}

/** The mask of ppoll and pselect6 for the time of the call; a handler's frame puts the old one back. */
function swapMask(task: Task, address: number, size: number): number {
  if (task.wait.active || address === 0) return 0
  if (size !== SIGSET_SIZE) return err(E.INVAL)
  if (task.memory.load(address, SIGSET_SIZE) < 0) return err(E.FAULT)
  task.savedMaskLow = task.maskLow
  task.savedMaskHigh = task.maskHigh
  task.hasSavedMask = true
  task.maskLow = task.memory.scratch.getInt32(0, true) & ~UNBLOCKABLE_LOW
  task.maskHigh = task.memory.scratch.getInt32(4, true)
  return 0
}

function restoreMask(task: Task, outcome: Outcome): Outcome {
  if (typeof outcome !== 'number' || !task.hasSavedMask) return outcome
  task.maskLow = task.savedMaskLow
  task.maskHigh = task.savedMaskHigh
  task.hasSavedMask = false
  return outcome
}

function pollFds(task: Task, address: number, count: number, timeoutNsec: number): Outcome {
  if (count > task.process.limits[RLIMIT.NOFILE]!.current) return err(E.INVAL)
  const { memory } = task
  const bytes = new Uint8Array(count * POLLFD_SIZE)
  const view = new DataView(bytes.buffer)
  if (memory.copyIn(address, bytes) < 0) return err(E.FAULT)
  begin()
  for (let at = 0; at < count; at++) {
    ask(task, view.getInt32(at * POLLFD_SIZE + POLLFD.FD, true), view.getUint16(at * POLLFD_SIZE + POLLFD.EVENTS, true))
  }
  answerAll(task)
  let ready = 0
  for (let at = 0; at < count; at++) {
    view.setUint16(at * POLLFD_SIZE + POLLFD.REVENTS, question.ready[at]!, true)
    if (question.ready[at] !== 0) ready++
  }
  if (ready === 0) {
    const outcome = waitForAny(task, timeoutNsec)
    if (typeof outcome !== 'number') return outcome
  }
  return memory.copyOut(address, bytes) < 0 ? err(E.FAULT) : ready
}

/** Nanoseconds of a timespec or timeval (`unit` nanoseconds), Infinity for NULL, or a negative errno. */
function timeoutOf(task: Task, address: number, unit: number): number {
  if (address === 0) return Infinity
  if (task.memory.load(address, TIMESPEC_SIZE) < 0) return err(E.FAULT)
  const sec = readSeconds(task.memory.scratch, 0)
  const fraction = readFraction(task.memory.scratch, 0)
  if (sec < 0 || fraction < 0 || (unit === 1 && !isNanoseconds(fraction))) return err(E.INVAL)
  return sec * 1e9 + fraction * unit
}

export const poll = syscall({
  number: 7,
  name: 'poll',
  returns: Int,
  support: full,
  args: { fds: Pointer, count: Uint, timeout: Int },
  run: (task, { fds, count, timeout }) => pollFds(task, fds, count, timeout < 0 ? Infinity : timeout * 1e6),
})

export const ppoll = syscall({
  number: 271,
  name: 'ppoll',
  returns: Int,
  support: full,
  args: { fds: Pointer, count: Uint, timeout: Pointer, mask: Pointer, size: Size },
  run(task, { fds, count, timeout, mask, size }) {
    const timeoutNsec = timeoutOf(task, timeout, 1)
    if (timeoutNsec < 0) return timeoutNsec
    const swapped = swapMask(task, mask, size)
    return swapped < 0 ? swapped : restoreMask(task, pollFds(task, fds, count, timeoutNsec))
  },
})

/** What each of select's three sets means to poll (fs/select.c). */
const SETS = [
  { events: POLL.IN | POLL.RDNORM, hits: POLL.IN | POLL.RDNORM | POLL.RDBAND | POLL.HUP | POLL.ERR },
  { events: POLL.OUT | POLL.WRNORM, hits: POLL.OUT | POLL.WRNORM | POLL.WRBAND | POLL.ERR },
  { events: POLL.PRI, hits: POLL.PRI },
] as const
const FDS_MAX = 1024

function select(task: Task, count: number, sets: readonly number[], timeoutNsec: number): Outcome {
  if (count < 0) return err(E.INVAL)
  const fdCount = Math.min(count, FDS_MAX)
  const size = Math.ceil(fdCount / 64) * 8
  const { memory } = task
  const given = sets.map((address) => (address === 0 ? null : new Uint8Array(size)))
  for (const [index, set] of given.entries()) if (set !== null && memory.copyIn(sets[index]!, set) < 0) return err(E.FAULT)
  const has = (set: Uint8Array | null, fd: number): boolean => set !== null && ((set[fd >> 3]! >> (fd & 7)) & 1) !== 0
  begin()
  const asked: number[] = []
  for (let fd = 0; fd < fdCount; fd++) {
    let events = 0
    SETS.forEach((row, index) => {
      if (has(given[index]!, fd)) events |= row.events
    })
    if (events === 0) continue
    if (task.process.files.get(fd) === undefined) return err(E.BADF)
    asked.push(fd)
    ask(task, fd, events)
  }
  answerAll(task)
  const results = given.map((set) => (set === null ? null : new Uint8Array(size)))
  let ready = 0
  asked.forEach((fd, at) => {
    SETS.forEach((row, index) => {
      if (!has(given[index]!, fd) || (question.ready[at]! & row.hits) === 0) return
      results[index]![fd >> 3]! |= 1 << (fd & 7)
      ready++
    })
  })
  if (ready === 0) {
    const outcome = waitForAny(task, timeoutNsec)
    if (typeof outcome !== 'number') return outcome
  }
  for (const [index, set] of results.entries()) if (set !== null && memory.copyOut(sets[index]!, set) < 0) return err(E.FAULT)
  return ready
}

export const select6 = syscall({
  number: 23,
  name: 'select',
  returns: Int,
  support: full,
  args: { count: Int, read: Pointer, write: Pointer, except: Pointer, timeout: Pointer },
  run(task, { count, read, write, except, timeout }) {
    const timeoutNsec = timeoutOf(task, timeout, 1000)
    return timeoutNsec < 0 ? timeoutNsec : select(task, count, [read, write, except], timeoutNsec)
  },
})

export const pselect6 = syscall({
  number: 270,
  name: 'pselect6',
  returns: Int,
  support: full,
  args: { count: Int, read: Pointer, write: Pointer, except: Pointer, timeout: Pointer, mask: Pointer },
  run(task, { count, read, write, except, timeout, mask }) {
    const timeoutNsec = timeoutOf(task, timeout, 1)
    if (timeoutNsec < 0) return timeoutNsec
    let set = 0
    let size = SIGSET_SIZE
    if (mask !== 0) {
      if (task.memory.load(mask, 16) < 0) return err(E.FAULT)
      set = readUnsigned(task.memory.scratch, 0)
      size = readUnsigned(task.memory.scratch, 8)
    }
    const swapped = swapMask(task, set, size)
    return swapped < 0 ? swapped : restoreMask(task, select(task, count, [read, write, except], timeoutNsec))
  },
})
