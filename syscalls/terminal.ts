// ioctl(2): terminals, and the requests that every descriptor has. What a terminal of the host is asked goes to it unchanged.
import { E, err } from '../src/abi/errno.js'
import { O } from '../src/abi/fcntl.js'
import { IOCTL, TERMIOS_SIZE, WINSIZE_SIZE } from '../src/abi/ioctl.js'
import { newFileStatus } from '../src/abi/stat.js'
import { type Description, HostFile, StorageFile } from '../src/processor/files.js'
import type { Task } from '../src/processor/task.js'
import { Fd, Int } from './arguments.js'
import { IoctlArgument, IoctlRequest } from './commands.js'
import { partial, syscall } from './define.js'

/** What a request passes: a number, or a structure of so many bytes that it reads, fills, or both. */
interface Shape {
  readonly size: number
  readonly reads: boolean
  readonly fills: boolean
}
const NUMBER: Shape = { size: 0, reads: false, fills: false }
const reads = (size: number): Shape => ({ size, reads: true, fills: false })
const fills = (size: number): Shape => ({ size, reads: false, fills: true })

/** struct termios2 (asm-generic/termbits.h). */
const TERMIOS2_SIZE = 44
const TCGETS2 = 0x802c542a
const TCSETS2 = 0x402c542b

const PASSED = new Map<number, Shape>([
  [IOCTL.TCGETS, fills(TERMIOS_SIZE)],
  [IOCTL.TCSETS, reads(TERMIOS_SIZE)],
  [IOCTL.TCSETSW, reads(TERMIOS_SIZE)],
  [IOCTL.TCSETSF, reads(TERMIOS_SIZE)],
  [TCGETS2, fills(TERMIOS2_SIZE)],
  [TCSETS2, reads(TERMIOS2_SIZE)],
  [TCSETS2 + 1, reads(TERMIOS2_SIZE)],
  [TCSETS2 + 2, reads(TERMIOS2_SIZE)],
  [IOCTL.TCSBRK, NUMBER],
  [IOCTL.TCXONC, NUMBER],
  [IOCTL.TCFLSH, NUMBER],
  [IOCTL.TIOCEXCL, NUMBER],
  [IOCTL.TIOCNXCL, NUMBER],
  [IOCTL.TIOCGSID, fills(4)],
  [IOCTL.TIOCOUTQ, fills(4)],
  [IOCTL.TIOCGWINSZ, fills(WINSIZE_SIZE)],
  [IOCTL.TIOCSWINSZ, reads(WINSIZE_SIZE)],
  [IOCTL.TIOCMGET, fills(4)],
  [IOCTL.TIOCGETD, fills(4)],
  [IOCTL.TIOCGPTN, fills(4)],
  [IOCTL.TIOCSPTLCK, reads(4)],
  [IOCTL.FIONREAD, fills(4)],
  [IOCTL.FIOQSIZE, fills(8)],
])

/** Requests that the descriptor table or the description answers, whatever is behind it (do_vfs_ioctl, fs/ioctl.c). */
const OWN: Readonly<Record<number, (task: Task, fd: number, file: Description, argument: number) => number>> = {
  [IOCTL.FIOCLEX]: (task, fd) => {
    task.process.files.setCloseOnExec(fd, true)
    return 0
  },
  [IOCTL.FIONCLEX]: (task, fd) => {
    task.process.files.setCloseOnExec(fd, false)
    return 0
  },
  [IOCTL.FIONBIO]: (task, _fd, file, argument) => {
    const on = task.memory.readU32(argument)
    if (on < 0) return on
    file.flags = on === 0 ? file.flags & ~O.NONBLOCK : file.flags | O.NONBLOCK
    return 0
  },
  // The groups inside are not the host's: who has the terminal is kept here.
  [IOCTL.TIOCGPGRP]: (task, _fd, file, argument) =>
    isTerminal(task, file) ? task.memory.writeU32(argument, task.kernel.foregroundGroup) : err(E.NOTTY),
  [IOCTL.TIOCSPGRP]: (task, _fd, file, argument) => {
    if (!isTerminal(task, file)) return err(E.NOTTY)
    const group = task.memory.readU32(argument)
    if (group < 0) return group
    task.kernel.foregroundGroup = group
    return 0
  },
}

const isTerminal = (task: Task, file: Description): boolean =>
  file instanceof HostFile && task.kernel.host.isatty(file.fd)

const status = newFileStatus()

/** Regular files know how much is left of them, and nothing of terminals. */
function ofFile(task: Task, file: StorageFile, request: number, argument: number): number {
  if (request !== IOCTL.FIONREAD || file.isDirectory) return err(E.NOTTY)
  const found = file.status(status)
  return found < 0 ? found : task.memory.writeU32(argument, status.size - file.offset)
}

function ofHost(task: Task, file: HostFile, request: number, argument: number): number {
  const shape = PASSED.get(request)
  if (shape === undefined) return err(E.NOTTY)
  const { host } = task.kernel
  if (shape.size === 0) return host.ioctl(file.fd, request, argument | 0)
  const bytes = new Uint8Array(shape.size)
  if (shape.reads && task.memory.copyIn(argument, bytes) < 0) return err(E.FAULT)
  const result = host.ioctl(file.fd, request, bytes)
  if (result >= 0 && shape.fills && task.memory.copyOut(argument, bytes) < 0) return err(E.FAULT)
  return result
}

export const ioctl = syscall({
  number: 16,
  name: 'ioctl',
  returns: Int,
  support: partial('terminals and what every descriptor has; other devices are ENOTTY'),
  args: { fd: Fd, request: IoctlRequest, argument: IoctlArgument },
  run(task, { fd, request, argument }) {
    const file = task.process.files.get(fd)
    if (file === undefined || (file.flags & O.PATH) !== 0) return err(E.BADF)
    const own = OWN[request]
    if (own !== undefined) return own(task, fd, file, argument)
    if (file instanceof StorageFile) return ofFile(task, file, request, argument)
    return file instanceof HostFile ? ofHost(task, file, request, argument) : err(E.NOTTY)
  },
})
