// poll(2), ppoll(2), select(2), pselect6(2): waiting for descriptors. The vCPU never blocks in them: a task that waits leaves its descriptors in
// task.wait, and the call is run again when one of them is ready or its time is over.
import { E, err } from '../src/abi/errno.js'
import { O } from '../src/abi/fcntl.js'
import { POLL, POLLFD, POLLFD_SIZE } from '../src/abi/poll.js'
import { RLIMIT } from '../src/abi/resource.js'
import { SIGSET_SIZE } from '../src/abi/signal.js'
import { readUnsigned } from '../src/abi/word.js'
import { TASK_SIZE } from '../src/processor/address-space.js'
import { BLOCK, type Outcome } from '../src/processor/kernel.js'
import { SignalFile } from '../src/processor/signal-file.js'
import type { Task } from '../src/processor/task.js'
import { Int, Size, Uint } from './arguments.js'
import { deadline, finish, giveBack, isOver, mask, NEVER, timeout, unmask } from './deadlines.js'
import { full, syscall } from './define.js'
import { PlainSigset, SelectMask } from './signal-arguments.js'
import { FdSet, Pollfds, PollResult, PselectResult, SelectResult, Timespec, Timeval } from './structures.js'

/** What files that are always ready answer (DEFAULT_POLLMASK, linux/poll.h). */
const ALWAYS_READY = POLL.IN | POLL.OUT | POLL.RDNORM | POLL.WRNORM

let pollfds = new Int32Array(64)
/** Index of the asked descriptor for each of `pollfds`. */
let askers = new Int32Array(32)

/** Looks at `count` descriptors (fd, events) and fills `revents`; how many have something. */
function look(task: Task, fds: Int32Array, events: Int32Array, revents: Int32Array, count: number): number {
  const { files } = task.process
  if (2 * count > pollfds.length) {
    pollfds = new Int32Array(4 * count)
    askers = new Int32Array(2 * count)
  }
  let ready = 0
  let asked = 0
  for (let index = 0; index < count; index++) {
    revents[index] = 0
    const fd = fds[index]!
    if (fd < 0) continue
    const file = files.get(fd)
    const wanted = events[index]! & 0xffff
    if (file === undefined || (file.flags & O.PATH) !== 0) revents[index] = POLL.NVAL
    else if (file instanceof SignalFile) {
      file.reader = task
      revents[index] = file.isReadyFor(wanted) ? wanted & file.pollMask : 0
    } else if (file.pollFd < 0) revents[index] = wanted & ALWAYS_READY
    else {
      pollfds[2 * asked] = file.pollFd
      pollfds[2 * asked + 1] = wanted & file.pollMask
      askers[asked++] = index
    }
    if (revents[index] !== 0) ready++
  }
  task.kernel.timers.expireNow(task.kernel.clock)
  if (asked === 0) return ready
  const result = task.kernel.host.ppoll(pollfds, asked, 0)
  if (result <= 0) return ready
  for (let at = 0; at < asked; at++) {
    const got = pollfds[2 * at + 1]! >>> 16
    revents[askers[at]!] = got
    if (got !== 0) ready++
  }
  return ready
}

/** Leaves what `look` has asked about in the task's wait. */
function waitFor(task: Task, fds: Int32Array, events: Int32Array, count: number): Outcome {
  const { wait, process } = task
  wait.fds.length = 0
  for (let index = 0; index < count; index++) {
    const file = fds[index]! < 0 ? undefined : process.files.get(fds[index]!)
    if (file !== undefined && file.pollFd >= 0) wait.fds.push(file.pollFd, events[index]! & file.pollMask & 0xffff)
  }
  // poll(2) and select(2) are never restarted after a handler: signal(7).
  wait.restarts = false
  return BLOCK
}

let fdsOf = new Int32Array(64)
let eventsOf = new Int32Array(64)
let reventsOf = new Int32Array(64)

function reserve(count: number): void {
  if (count <= fdsOf.length) return
  fdsOf = new Int32Array(2 * count)
  eventsOf = new Int32Array(2 * count)
  reventsOf = new Int32Array(2 * count)
}

/** Structures that the scratch view holds at a time. */
const PIECE = 4096

function pollOnce(task: Task, address: number, count: number): Outcome {
  const { memory, process } = task
  if (count > process.limits[RLIMIT.NOFILE]!.current) return err(E.INVAL)
  reserve(count)
  for (let from = 0; from < count; from += PIECE) {
    const piece = Math.min(PIECE, count - from)
    if (memory.load(address + POLLFD_SIZE * from, POLLFD_SIZE * piece) < 0) return err(E.FAULT)
    for (let index = 0; index < piece; index++) {
      fdsOf[from + index] = memory.scratch.getInt32(POLLFD_SIZE * index + POLLFD.FD, true)
      eventsOf[from + index] = memory.scratch.getUint16(POLLFD_SIZE * index + POLLFD.EVENTS, true)
    }
  }
  const ready = look(task, fdsOf, eventsOf, reventsOf, count)
  // The kernel's half of addresses is refused even for nothing (user_write_access_begin, fs/select.c).
  if (count === 0 && address >= TASK_SIZE) return err(E.FAULT)
  if (ready === 0 && !isOver(task)) return waitFor(task, fdsOf, eventsOf, count)
  for (let index = 0; index < count; index++) {
    memory.scratch.setUint16(0, reventsOf[index]!, true)
    if (memory.store(address + POLLFD_SIZE * index + POLLFD.REVENTS, 2) < 0) return err(E.FAULT)
  }
  return ready
}

export const poll = syscall({
  number: 7,
  name: 'poll',
  returns: PollResult('fds', 'count'),
  support: full,
  args: { fds: Pollfds('count'), count: Uint, timeout: Int },
  run(task, { fds, count, timeout: msec }) {
    deadline(task, msec < 0 ? NEVER : msec * 1e6)
    const outcome = pollOnce(task, fds, count)
    return typeof outcome === 'number' ? finish(task, outcome) : outcome
  },
})

export const ppoll = syscall({
  number: 271,
  name: 'ppoll',
  returns: PollResult('fds', 'count', 'timeout'),
  support: full,
  args: { fds: Pollfds('count'), count: Uint, timeout: Timespec, mask: PlainSigset, size: Size },
  run(task, { fds, count, timeout: address, mask: maskAt, size }) {
    const nsec = task.wait.active ? 0 : timeout(task, address, 1)
    if (nsec < 0) return nsec
    if (maskAt !== 0 && size !== SIGSET_SIZE) return err(E.INVAL)
    const masked = mask(task, maskAt)
    if (masked < 0) return masked
    deadline(task, nsec)
    task.wait.cancel = () => {
      giveBack(task, address, 1)
      return null
    }
    const outcome = pollOnce(task, fds, count)
    if (typeof outcome !== 'number') return outcome
    giveBack(task, address, 1)
    unmask(task)
    return finish(task, outcome)
  },
})

// A descriptor that is none for poll(2), of O_PATH, is ready for all.
const READS = POLL.IN | POLL.RDNORM | POLL.RDBAND | POLL.HUP | POLL.ERR | POLL.NVAL
const WRITES = POLL.OUT | POLL.WRNORM | POLL.WRBAND | POLL.ERR | POLL.NVAL
/** The three sets: what is asked of poll, and what of its answer counts (fs/select.c). */
const SETS = [
  { asks: POLL.IN | POLL.RDNORM, counts: READS },
  { asks: POLL.OUT | POLL.WRNORM, counts: WRITES },
  { asks: POLL.PRI, counts: POLL.PRI },
] as const

function selectOnce(task: Task, nfds: number, addresses: readonly number[]): Outcome {
  const { memory, process } = task
  if (nfds < 0) return err(E.INVAL)
  // Bits beyond the descriptor table are not looked at (core_sys_select).
  const count = Math.min(nfds, process.files.capacity)
  const bytes = Math.ceil(count / 64) * 8
  const sets: (Uint8Array | null)[] = []
  for (const address of addresses) {
    const set = address === 0 ? null : new Uint8Array(bytes)
    if (set !== null && memory.copyIn(address, set) < 0) return err(E.FAULT)
    sets.push(set)
  }
  reserve(count)
  let asked = 0
  for (let fd = 0; fd < count; fd++) {
    let events = 0
    for (let kind = 0; kind < 3; kind++) {
      const set = sets[kind]
      if (set && (set[fd >> 3]! & (1 << (fd & 7))) !== 0) events |= SETS[kind]!.asks
    }
    if (events === 0) continue
    if (process.files.get(fd) === undefined) return err(E.BADF)
    fdsOf[asked] = fd
    eventsOf[asked++] = events
  }
  const ready = look(task, fdsOf, eventsOf, reventsOf, asked)
  if (ready === 0 && !isOver(task)) return waitFor(task, fdsOf, eventsOf, asked)
  let bits = 0
  for (let kind = 0; kind < 3; kind++) {
    const set = sets[kind]
    if (!set) continue
    const { asks, counts } = SETS[kind]!
    set.fill(0)
    for (let index = 0; index < asked; index++) {
      if ((eventsOf[index]! & asks) === 0 || (reventsOf[index]! & counts) === 0) continue
      const fd = fdsOf[index]!
      set[fd >> 3]! |= 1 << (fd & 7)
      bits++
    }
    if (memory.copyOut(addresses[kind]!, set) < 0) return err(E.FAULT)
  }
  return bits
}

export const select = syscall({
  number: 23,
  name: 'select',
  returns: SelectResult,
  support: full,
  args: { nfds: Int, reads: FdSet, writes: FdSet, exceptions: FdSet, timeout: Timeval },
  run(task, { nfds, reads, writes, exceptions, timeout: address }) {
    const nsec = task.wait.active ? 0 : timeout(task, address, 1000)
    if (nsec < 0) return nsec
    deadline(task, nsec)
    task.wait.cancel = () => {
      giveBack(task, address, 1000)
      return null
    }
    const outcome = selectOnce(task, nfds, [reads, writes, exceptions])
    if (typeof outcome !== 'number') return outcome
    giveBack(task, address, 1000)
    return finish(task, outcome)
  },
})

export const pselect6 = syscall({
  number: 270,
  name: 'pselect6',
  returns: PselectResult,
  support: full,
  args: { nfds: Int, reads: FdSet, writes: FdSet, exceptions: FdSet, timeout: Timespec, mask: SelectMask },
  run(task, { nfds, reads, writes, exceptions, timeout: address, mask: maskAndSize }) {
    const nsec = task.wait.active ? 0 : timeout(task, address, 1)
    if (nsec < 0) return nsec
    if (maskAndSize !== 0 && !task.wait.active) {
      // struct sigset_argpack: pointer and size.
      if (task.memory.load(maskAndSize, 16) < 0) return err(E.FAULT)
      const at = readUnsigned(task.memory.scratch, 0)
      if (at !== 0 && readUnsigned(task.memory.scratch, 8) !== SIGSET_SIZE) return err(E.INVAL)
      const masked = mask(task, at)
      if (masked < 0) return masked
    }
    deadline(task, nsec)
    task.wait.cancel = () => {
      giveBack(task, address, 1)
      return null
    }
    const outcome = selectOnce(task, nfds, [reads, writes, exceptions])
    if (typeof outcome !== 'number') return outcome
    giveBack(task, address, 1)
    unmask(task)
    return finish(task, outcome)
  },
})
