// splice(2), tee(2), vmsplice(2): bytes between pipes and files. The pipes are the host's, and so is the moving.
import { E, err } from '../src/abi/errno.js'
import { O } from '../src/abi/fcntl.js'
import { SPLICE } from '../src/abi/uio.js'
import { readSigned } from '../src/abi/word.js'
import { type Description, HostFile, StorageFile } from '../src/processor/files.js'
import { BLOCK, type Outcome } from '../src/processor/kernel.js'
import type { Task } from '../src/processor/task.js'
import { Fd, Int, Size } from './arguments.js'
import { isPipe, POLLIN, POLLOUT, READ, settle, WRITE } from './blocking.js'
import { full, syscall } from './define.js'
import { SpliceFlags } from './flags.js'
import { InOffset, Iovecs } from './structures.js'
import { vectored } from './transfer.js'

const ALL_FLAGS = SPLICE.MOVE | SPLICE.NONBLOCK | SPLICE.MORE | SPLICE.GIFT
const HERE = -1

interface End {
  readonly file: Description
  /** -1: a pipe, which has no offsets, or a host file at its own. */
  readonly offset: number
  readonly hostFd: number
}

/** One side of a splice, or an errno. */
function endOf(task: Task, file: Description, address: number, writing: boolean): End | number {
  if (isPipe(file)) return { file, offset: HERE, hostFd: file.fd }
  let offset = HERE
  if (address !== 0) {
    if (task.memory.load(address, 8) < 0) return err(E.FAULT)
    offset = readSigned(task.memory.scratch, 0)
    if (offset < 0) return err(E.INVAL)
  }
  if (file instanceof HostFile) return { file, offset, hostFd: file.fd }
  if (!(file instanceof StorageFile)) return err(E.INVAL)
  if (file.isDirectory) return err(writing ? E.BADF : E.INVAL)
  const hostFd = file.storage.descriptor(file.handle, writing)
  return hostFd < 0 ? hostFd : { file, offset: offset === HERE ? file.offset : offset, hostFd }
}

/** The position that a transfer leaves behind, in memory or in the description. */
function leave(task: Task, end: End, address: number, moved: number): number {
  if (address !== 0) return task.memory.writeU64(address, end.offset + moved)
  if (end.file instanceof StorageFile) end.file.offset = end.offset + moved
  return 0
}

/** Waits for the end that had nothing, or no room. */
function waitFor(task: Task, from: Description, to: Description): Outcome {
  const fromIsEmpty = from.pollFd >= 0 && !from.isReadyFor(POLLIN)
  task.wait.fds.length = 0
  if (fromIsEmpty) task.wait.fds.push(from.pollFd, POLLIN)
  else task.wait.fds.push(to.pollFd, POLLOUT)
  return BLOCK
}

export const splice = syscall({
  number: 275,
  name: 'splice',
  returns: Size,
  support: full,
  args: { in: Fd, inOffset: InOffset, out: Fd, outOffset: InOffset, count: Size, flags: SpliceFlags },
  run(task, { in: fdIn, inOffset, out: fdOut, outOffset, count, flags }): Outcome {
    const { files } = task.process
    if (count === 0) return 0
    if ((flags & ~ALL_FLAGS) !== 0) return err(E.INVAL)
    const from = files.get(fdIn)
    const to = files.get(fdOut)
    if (from === undefined || to === undefined || ((from.flags | to.flags) & O.PATH) !== 0) return err(E.BADF)
    // Offsets of pipes before rights (__do_splice, fs/splice.c).
    if ((isPipe(from) && inOffset !== 0) || (isPipe(to) && outOffset !== 0)) return err(E.SPIPE)
    if (!from.readable || !to.writable) return err(E.BADF)
    const source = endOf(task, from, inOffset, false)
    if (typeof source === 'number') return source
    const sink = endOf(task, to, outOffset, true)
    if (typeof sink === 'number') return sink
    if (!isPipe(from) && !isPipe(to)) return err(E.INVAL)
    if ((to.flags & O.APPEND) !== 0 && !isPipe(to)) return err(E.INVAL)
    const length = Math.min(count, 0x7ffff000)
    const moved = task.kernel.host.splice(
      source.hostFd,
      source.offset,
      sink.hostFd,
      sink.offset,
      length,
      flags | SPLICE.NONBLOCK,
    )
    const waits = (flags & SPLICE.NONBLOCK) === 0 && ((from.flags | to.flags) & O.NONBLOCK) === 0
    if (moved === -E.AGAIN && waits) return waitFor(task, from, to)
    if (moved === -E.PIPE) return settle(task, to, WRITE, moved)
    if (moved < 0) return moved
    const failed = Math.min(
      isPipe(from) ? 0 : leave(task, source, inOffset, moved),
      isPipe(to) ? 0 : leave(task, sink, outOffset, moved),
    )
    return failed < 0 ? failed : moved
  },
})

export const tee = syscall({
  number: 276,
  name: 'tee',
  returns: Size,
  support: full,
  args: { in: Fd, out: Fd, count: Size, flags: SpliceFlags },
  run(task, { in: fdIn, out: fdOut, count, flags }): Outcome {
    if ((flags & ~ALL_FLAGS) !== 0) return err(E.INVAL)
    if (count === 0) return 0
    const from = task.process.files.get(fdIn)
    const to = task.process.files.get(fdOut)
    if (from === undefined || to === undefined || !from.readable || !to.writable) return err(E.BADF)
    if (!isPipe(from) || !isPipe(to)) return err(E.INVAL)
    const length = Math.min(count, 0x7ffff000)
    const copied = task.kernel.host.tee(from.fd, to.fd, length, flags | SPLICE.NONBLOCK)
    const waits = (flags & SPLICE.NONBLOCK) === 0 && ((from.flags | to.flags) & O.NONBLOCK) === 0
    if (copied === -E.AGAIN && waits) return waitFor(task, from, to)
    return copied === -E.PIPE ? settle(task, to, WRITE, copied) : copied
  },
})

export const vmsplice = syscall({
  number: 278,
  name: 'vmsplice',
  returns: Size,
  support: full,
  args: { fd: Fd, iov: Iovecs('iovcnt'), iovcnt: Int, flags: SpliceFlags },
  run(task, { fd, iov, iovcnt, flags }): Outcome {
    if ((flags & ~ALL_FLAGS) !== 0) return err(E.INVAL)
    const file = task.process.files.get(fd)
    if (file === undefined || (file.flags & O.PATH) !== 0) return err(E.BADF)
    if (!isPipe(file)) return err(E.BADF)
    // Pages are copied, where the kernel may share them until they are read.
    const access = file.writable ? WRITE : READ
    if ((flags & SPLICE.NONBLOCK) !== 0 && !file.isReadyFor(access === WRITE ? POLLOUT : POLLIN)) return err(E.AGAIN)
    return vectored(task, fd, access, iov, iovcnt, HERE)
  },
})
