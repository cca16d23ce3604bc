// ioctl(2): terminals, and how much a descriptor has to read. Each request is a row: what it takes from the guest and gives back.
import { E, err } from '../src/abi/errno.js'
import { O } from '../src/abi/fcntl.js'
import { IOCTL, TERMIOS_SIZE, WINSIZE_SIZE } from '../src/abi/ioctl.js'
import { type Description, HostFile, StorageFile } from '../src/processor/files.js'
import type { Task } from '../src/processor/task.js'
import { Fd, Pointer, Uint } from './arguments.js'
import { partial, syscall } from './define.js'

type Request = (task: Task, file: Description, fd: number, argument: number) => number

/** The host's own ioctl on a structure of `size` bytes, which goes in, out or both ways. */
const passed =
  (request: number, size: number, direction: 'in' | 'out'): Request =>
  (task, file, _fd, argument) => {
    if (!(file instanceof HostFile)) return err(E.NOTTY)
    const bytes = new Uint8Array(size)
    if (direction === 'in' && task.memory.copyIn(argument, bytes) < 0) return err(E.FAULT)
    const result = task.kernel.host.ioctl(file.fd, request, bytes)
    if (result < 0 || direction === 'in') return result
    return task.memory.copyOut(argument, bytes) < 0 ? err(E.FAULT) : result
  }

const plain =
  (request: number): Request =>
  (task, file, _fd, argument) =>
    file instanceof HostFile ? task.kernel.host.ioctl(file.fd, request, argument) : err(E.NOTTY)

function readableBytes(task: Task, file: Description, _fd: number, argument: number): number {
  if (file instanceof StorageFile) {
    if (file.isDirectory) return err(E.NOTTY)
    const size = task.kernel.storage.size(file.handle)
    return size < 0 ? size : task.memory.writeU32(argument, Math.max(0, size - file.offset))
  }
  return passed(IOCTL.FIONREAD, 4, 'out')(task, file, _fd, argument)
}

/** Foreground group: the guest's processes are all ours, so that the first one's group stands for the host's. */
const getForeground: Request = (task, file, _fd, argument) => {
  if (!(file instanceof HostFile) || !task.kernel.host.isatty(file.fd)) return err(E.NOTTY)
  return task.memory.writeU32(argument, task.kernel.foregroundGroup)
}

const setForeground: Request = (task, file, _fd, argument) => {
  if (!(file instanceof HostFile) || !task.kernel.host.isatty(file.fd)) return err(E.NOTTY)
  const group = task.memory.readU32(argument)
  if (group < 0) return group
  task.kernel.foregroundGroup = group
  return 0
}

const REQUESTS: Readonly<Record<number, Request>> = {
  [IOCTL.TCGETS]: passed(IOCTL.TCGETS, TERMIOS_SIZE, 'out'),
  [IOCTL.TCSETS]: passed(IOCTL.TCSETS, TERMIOS_SIZE, 'in'),
  [IOCTL.TCSETSW]: passed(IOCTL.TCSETSW, TERMIOS_SIZE, 'in'),
  [IOCTL.TCSETSF]: passed(IOCTL.TCSETSF, TERMIOS_SIZE, 'in'),
  [IOCTL.TIOCGWINSZ]: passed(IOCTL.TIOCGWINSZ, WINSIZE_SIZE, 'out'),
  [IOCTL.TIOCSWINSZ]: passed(IOCTL.TIOCSWINSZ, WINSIZE_SIZE, 'in'),
  [IOCTL.TCFLSH]: plain(IOCTL.TCFLSH),
  [IOCTL.TCSBRK]: plain(IOCTL.TCSBRK),
  [IOCTL.TIOCGPGRP]: getForeground,
  [IOCTL.TIOCSPGRP]: setForeground,
  [IOCTL.FIONREAD]: readableBytes,
  [IOCTL.FIOCLEX]: (task, _file, fd) => {
    task.process.files.setCloseOnExec(fd, true)
    return 0
  },
  [IOCTL.FIONCLEX]: (task, _file, fd) => {
    task.process.files.setCloseOnExec(fd, false)
    return 0
  },
  [IOCTL.FIONBIO]: (task, file, _fd, argument) => {
    const on = task.memory.readU32(argument)
    if (on < 0) return on
    file.flags = on === 0 ? file.flags & ~O.NONBLOCK : file.flags | O.NONBLOCK
    return 0
  },
}

export const ioctl = syscall({
  number: 16,
  name: 'ioctl',
  returns: Fd,
  support: partial('terminals, FIONREAD, FIONBIO; others are ENOTTY'),
  args: { fd: Fd, request: Uint, argument: Pointer },
  run(task, { fd, request, argument }) {
    const file = task.process.files.get(fd)
    if (file === undefined || (file.flags & O.PATH) !== 0) return err(E.BADF)
    return REQUESTS[request]?.(task, file, fd, argument) ?? err(E.NOTTY)
  },
})
