// How bytes go between files and guest memory, for read(2), writev(2) and their relatives. No rows here.
// Guest buffers are used in place, a bounded number of lines at a time; a transfer that would block waits for its descriptor and is run again.
import { E, err } from '../src/abi/errno.js'
import { O, SEEK } from '../src/abi/fcntl.js'
import { RLIMIT } from '../src/abi/resource.js'
import { IOV_MAX, IOVEC_SIZE, RWF, readIovecBase, readIovecLength } from '../src/abi/uio.js'
import { EpollFile } from '../src/processor/epoll-file.js'
import type { Description } from '../src/processor/files.js'
import type { Segments } from '../src/processor/guest-memory.js'
import type { Outcome } from '../src/processor/kernel.js'
import { SignalFile } from '../src/processor/signal-file.js'
import type { Task } from '../src/processor/task.js'
import { POLLIN, READ, settle, WRITE, withinFileLimit } from './blocking.js'

/** MAX_RW_COUNT: no transfer is longer (read(2)). */
export const COUNT_MAX = 0x7ffff000
const PAGE = 4096
/** Current position. */
export const HERE = -1

/** Whole pages, when there is more to come: a pipe's buffers are pages, and each transfer of its own starts a new one. */
function trim(segments: Segments): void {
  const excess = segments.bytes % PAGE
  const last = 2 * segments.count - 1
  if (segments.bytes <= PAGE || segments.pairs[last]! <= excess) return
  segments.pairs[last]! -= excess
  segments.bytes -= excess
}

/** One contiguous buffer: bytes moved, or an errno. */
function move(task: Task, file: Description, access: number, address: number, count: number, offset: number): number {
  const { segments } = task.kernel
  const { memory } = task
  if (access === WRITE && file.fills && task.process.limits[RLIMIT.FSIZE]!.current !== Infinity) {
    const at =
      (file.flags & O.APPEND) !== 0 ? file.seek(0, SEEK.END) : offset === HERE ? file.seek(0, SEEK.CUR) : offset
    count = withinFileLimit(task, at, count)
    if (count < 0) return count
  }
  let done = 0
  while (done < count) {
    const wanted = memory.segments(address + done, count - done, access === READ ? WRITE : READ, segments)
    if (wanted < 0) return done > 0 ? done : file.moveUnusable(access === WRITE, count, offset)
    if (access === WRITE && wanted < count - done) trim(segments)
    const sent = segments.bytes
    const at = offset === HERE ? HERE : offset + done
    const moved = access === READ ? file.read(segments, at) : file.write(segments, at)
    memory.release(segments)
    if (moved < 0) return done > 0 ? done : moved
    done += moved
    if (moved < sent || moved === 0) break
    // A pipe or terminal gives what it has: asking again could be waiting for more.
    if (access === READ && !file.fills && done < count && !file.isReadyFor(POLLIN)) break
  }
  return done
}

export function transfer(
  task: Task,
  fd: number,
  access: number,
  address: number,
  count: number,
  offset: number,
): Outcome {
  const file = task.process.files.get(fd)
  if (file === undefined || !(access === READ ? file.readable : file.writable)) return err(E.BADF)
  if (file instanceof SignalFile) file.reader = task
  const length = Math.min(count, COUNT_MAX)
  if (length === 0) return settle(task, file, access, file.moveNothing(access === WRITE))
  return settle(task, file, access, move(task, file, access, address, length, offset))
}

/** kiocb_set_rw_flags(), linux/fs.h. */
function refusedFlags(flags: number): number {
  if ((flags & ~(RWF.HIPRI | RWF.DSYNC | RWF.SYNC | RWF.APPEND | RWF.NOAPPEND)) !== 0) return err(E.OPNOTSUPP)
  const both = RWF.APPEND | RWF.NOAPPEND
  return (flags & both) === both ? err(E.INVAL) : 0
}

/** The segments one after the other; only the first may wait or fail. */
export function vectored(
  task: Task,
  fd: number,
  access: number,
  iov: number,
  iovcnt: number,
  offset: number,
  flags = 0,
): Outcome {
  const file = task.process.files.get(fd)
  if (file === undefined || !(access === READ ? file.readable : file.writable)) return err(E.BADF)
  // It has no transfers at all (FMODE_CAN_READ).
  if (file instanceof EpollFile) return err(E.INVAL)
  if (iovcnt < 0 || iovcnt > IOV_MAX) return err(E.INVAL)
  if (iovcnt === 0) return 0
  if (task.memory.load(iov, iovcnt * IOVEC_SIZE) < 0) return err(E.FAULT)
  const bases: number[] = []
  const lengths: number[] = []
  for (let index = 0; index < iovcnt; index++) {
    bases.push(readIovecBase(task.memory.scratch, index * IOVEC_SIZE))
    lengths.push(readIovecLength(task.memory.scratch, index * IOVEC_SIZE))
    if (lengths[index]! >= 2 ** 63) return err(E.INVAL)
  }
  const refused = lengths.some((length) => length > 0) ? refusedFlags(flags) : 0
  if (refused < 0) return refused
  let total = task.wait.active ? task.wait.progress : 0
  let skip = total
  for (let index = 0; index < iovcnt; index++) {
    const length = Math.min(lengths[index]!, COUNT_MAX - total + skip)
    if (skip >= length) {
      skip -= length
      continue
    }
    const wanted = length - skip
    const moved = move(task, file, access, bases[index]! + skip, wanted, offset === HERE ? HERE : offset + total)
    skip = 0
    if (moved >= 0) total += moved
    if (moved === wanted) continue
    const waits =
      access === WRITE && !file.fills && (file.flags & O.NONBLOCK) === 0 && (moved === -E.AGAIN || moved >= 0)
    if (total > 0 && !waits) return total
    const outcome = settle(task, file, access, moved >= 0 && waits ? -E.AGAIN : moved)
    if (typeof outcome === 'number') return total > 0 ? total : outcome
    task.wait.progress = total
    task.wait.cancel = () => (task.wait.progress > 0 ? task.wait.progress : null)
    return outcome
  }
  return total
}
