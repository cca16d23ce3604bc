// epoll_create(2), epoll_ctl(2), epoll_wait(2): waiting for many descriptors. The instances are in processor/epoll-file.ts.
import { E, err } from '../src/abi/errno.js'
import { O } from '../src/abi/fcntl.js'
import { EPOLL_CLOEXEC, EPOLL_CTL, EPOLL_EVENT_SIZE, POLL } from '../src/abi/poll.js'
import { SIGSET_SIZE } from '../src/abi/signal.js'
import { TASK_SIZE } from '../src/processor/address-space.js'
import { EpollFile } from '../src/processor/epoll-file.js'
import { BLOCK, type Outcome } from '../src/processor/kernel.js'
import type { Task } from '../src/processor/task.js'
import { Fd, Int, Size } from './arguments.js'
import { deadline, finish, isOver, mask, NEVER, timeout, unmask } from './deadlines.js'
import { full, syscall } from './define.js'
import { EpollFlags, EpollOperation } from './flags.js'
import { install } from './install.js'
import { PlainSigset } from './signal-arguments.js'
import { EpollEvent, OutEpollEvents, Timespec } from './structures.js'

/** EP_MAX_EVENTS (fs/eventpoll.c). */
const EVENTS_MAX = Math.floor(0x7fffffff / EPOLL_EVENT_SIZE)

function make(task: Task, flags: number): number {
  const { host, window } = task.kernel
  const fd = host.epollCreate(EPOLL_CLOEXEC)
  if (fd < 0) return fd
  return install(task, new EpollFile(host, window, fd), (flags & EPOLL_CLOEXEC) !== 0)
}

export const epoll_create = syscall({
  number: 213,
  name: 'epoll_create',
  returns: Fd,
  support: full,
  args: { size: Int },
  run: (task, { size }) => (size <= 0 ? err(E.INVAL) : make(task, 0)),
})

export const epoll_create1 = syscall({
  number: 291,
  name: 'epoll_create1',
  returns: Fd,
  support: full,
  args: { flags: EpollFlags },
  run: (task, { flags }) => ((flags & ~EPOLL_CLOEXEC) !== 0 ? err(E.INVAL) : make(task, flags)),
})

export const epoll_ctl = syscall({
  number: 233,
  name: 'epoll_ctl',
  returns: Int,
  support: full,
  args: { epfd: Fd, operation: EpollOperation, fd: Fd, event: EpollEvent },
  run(task, { epfd, operation, fd, event }) {
    const { memory, process } = task
    const { scratch } = memory
    if (operation !== EPOLL_CTL.DEL && memory.load(event, EPOLL_EVENT_SIZE) < 0) return err(E.FAULT)
    const file = process.files.get(epfd)
    const target = process.files.get(fd)
    if (file === undefined || target === undefined) return err(E.BADF)
    if (((file.flags | target.flags) & O.PATH) !== 0) return err(E.BADF)
    if (!(file instanceof EpollFile)) return target.pollFd < 0 ? err(E.PERM) : err(E.INVAL)
    const [events, low, high] = [0, 4, 8].map((at) => scratch.getInt32(at, true))
    return file.control(operation, fd, target, events!, low!, high!)
  },
})

function wait(task: Task, epfd: number, address: number, count: number): Outcome {
  if (count <= 0 || count > EVENTS_MAX) return err(E.INVAL)
  const { memory, process } = task
  const { scratch } = memory
  if (address + count * EPOLL_EVENT_SIZE > TASK_SIZE) return err(E.FAULT)
  const file = process.files.get(epfd)
  if (file === undefined || (file.flags & O.PATH) !== 0) return err(E.BADF)
  if (!(file instanceof EpollFile)) return err(E.INVAL)
  task.kernel.timers.expireNow(task.kernel.clock)
  const found = file.take(count, (index, events, dataLow, dataHigh) => {
    const at = index * EPOLL_EVENT_SIZE
    scratch.setInt32(at, events, true)
    scratch.setInt32(at + 4, dataLow, true)
    scratch.setInt32(at + 8, dataHigh, true)
  })
  if (found > 0 && memory.store(address, found * EPOLL_EVENT_SIZE) < 0) return err(E.FAULT)
  if (found !== 0) return found
  if (isOver(task)) return 0
  task.wait.fds.length = 0
  task.wait.fds.push(file.fd, POLL.IN)
  task.wait.restarts = false
  return BLOCK
}

/** As wait, with a signal mask in force meanwhile. */
function maskedWait(
  task: Task,
  epfd: number,
  address: number,
  count: number,
  nsec: number,
  maskAt: number,
  size: number,
): Outcome {
  if (maskAt !== 0 && size !== SIGSET_SIZE) return err(E.INVAL)
  const masked = mask(task, maskAt)
  if (masked < 0) return masked
  deadline(task, nsec)
  const outcome = wait(task, epfd, address, count)
  if (typeof outcome !== 'number') return outcome
  unmask(task)
  return finish(task, outcome)
}

const ofMilliseconds = (msec: number): number => (msec < 0 ? NEVER : msec * 1e6)

export const epoll_wait = syscall({
  number: 232,
  name: 'epoll_wait',
  returns: Int,
  support: full,
  args: { epfd: Fd, events: OutEpollEvents, count: Int, timeout: Int },
  run: (task, { epfd, events, count, timeout: msec }) =>
    maskedWait(task, epfd, events, count, ofMilliseconds(msec), 0, 0),
})

export const epoll_pwait = syscall({
  number: 281,
  name: 'epoll_pwait',
  returns: Int,
  support: full,
  args: { epfd: Fd, events: OutEpollEvents, count: Int, timeout: Int, mask: PlainSigset, size: Size },
  run: (task, { epfd, events, count, timeout: msec, mask: maskAt, size }) =>
    maskedWait(task, epfd, events, count, ofMilliseconds(msec), maskAt, size),
})

export const epoll_pwait2 = syscall({
  number: 441,
  name: 'epoll_pwait2',
  returns: Int,
  support: full,
  args: { epfd: Fd, events: OutEpollEvents, count: Int, timeout: Timespec, mask: PlainSigset, size: Size },
  run(task, { epfd, events, count, timeout: address, mask: maskAt, size }) {
    const nsec = task.wait.active ? 0 : timeout(task, address, 1)
    return nsec < 0 ? nsec : maskedWait(task, epfd, events, count, nsec, maskAt, size)
  },
})
