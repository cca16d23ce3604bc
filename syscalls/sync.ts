// fsync(2), sync(2), flock(2), posix_fadvise(2), readahead(2), copy_file_range(2), sendfile(2): whole files, and from file to file.
import { E, err } from '../src/abi/errno.js'
import { FADV, LOCK, O, SYNC_FILE_RANGE } from '../src/abi/fcntl.js'
import { newFileStatus, S } from '../src/abi/stat.js'
import { readSigned } from '../src/abi/word.js'
import { type Description, StorageFile } from '../src/processor/files.js'
import { Segments } from '../src/processor/guest-memory.js'
import { BLOCK, type Outcome } from '../src/processor/kernel.js'
import { BOUNCE_BASE, BOUNCE_SIZE } from '../src/processor/layout.js'
import type { Task } from '../src/processor/task.js'
import { Fd, Flags, Int, Offset, Size } from './arguments.js'
import { isPipe, settle, WRITE } from './blocking.js'
import { full, partial, syscall } from './define.js'
import { FileAdvice, LockOperation } from './flags.js'
import { InOffset } from './structures.js'

/** A descriptor that can be read or written through: not one of O_PATH. */
function usable(task: Task, fd: number): Description | undefined {
  const file = task.process.files.get(fd)
  return file === undefined || (file.flags & O.PATH) !== 0 ? undefined : file
}

/** The host's descriptor of a file; the cache's, or its own. */
function hostDescriptor(file: Description, writing: boolean): number {
  if (file instanceof StorageFile) return file.storage.descriptor(file.handle, writing)
  return file.hostFd >= 0 ? file.hostFd : err(E.INVAL)
}

/** fsync and fdatasync: the same but for what the storage and the host are asked. */
const syncing = (number: number, name: 'fsync' | 'fdatasync') =>
  syscall({
    number,
    name,
    returns: Int,
    support: full,
    args: { fd: Fd },
    run(task, { fd }) {
      const file = usable(task, fd)
      if (file === undefined) return err(E.BADF)
      if (file instanceof StorageFile) return file.storage[name](file.handle)
      return file.hostFd >= 0 ? task.kernel.host[name](file.hostFd) : 0
    },
  })

export const fsync = syncing(74, 'fsync')
export const fdatasync = syncing(75, 'fdatasync')

export const sync = syscall({
  number: 162,
  name: 'sync',
  returns: Int,
  support: partial('the open files of this process only'),
  args: {},
  run(task) {
    const { files } = task.process
    for (const fd of files.list()) {
      const file = files.get(fd)
      if (file instanceof StorageFile && (file.flags & O.PATH) === 0) file.storage.fsync(file.handle)
    }
    return 0
  },
})

export const syncfs = syscall({
  number: 306,
  name: 'syncfs',
  returns: Int,
  support: partial('this file only'),
  args: { fd: Fd },
  run(task, { fd }) {
    const file = usable(task, fd)
    if (file === undefined) return err(E.BADF)
    return file instanceof StorageFile ? file.storage.fsync(file.handle) : 0
  },
})

const ADVICE_MAX = FADV.NOREUSE

export const fadvise64 = syscall({
  number: 221,
  name: 'fadvise64',
  returns: Int,
  support: partial('checked; advice changes only speed'),
  args: { fd: Fd, offset: Offset, length: Offset, advice: FileAdvice },
  run(task, { fd, length, advice }) {
    const file = usable(task, fd)
    if (file === undefined) return err(E.BADF)
    if (isPipe(file)) return err(E.SPIPE)
    return length < 0 || advice < 0 || advice > ADVICE_MAX ? err(E.INVAL) : 0
  },
})

const SYNC_RANGES = SYNC_FILE_RANGE.WAIT_BEFORE | SYNC_FILE_RANGE.WRITE | SYNC_FILE_RANGE.WAIT_AFTER

export const sync_file_range = syscall({
  number: 277,
  name: 'sync_file_range',
  returns: Int,
  support: partial('writes the whole file'),
  args: { fd: Fd, offset: Offset, count: Offset, flags: Flags },
  run(task, { fd, offset, count, flags }) {
    const file = usable(task, fd)
    if (file === undefined) return err(E.BADF)
    if ((flags & ~SYNC_RANGES) !== 0 || offset < 0 || count < 0) return err(E.INVAL)
    if (file.pollFd >= 0) return err(E.SPIPE)
    return flags !== 0 && file instanceof StorageFile ? file.storage.fdatasync(file.handle) : 0
  },
})

export const readahead = syscall({
  number: 187,
  name: 'readahead',
  returns: Int,
  support: partial('checked; it changes only speed'),
  args: { fd: Fd, offset: Offset, count: Size },
  run(task, { fd }) {
    const file = usable(task, fd)
    if (file === undefined || !file.readable) return err(E.BADF)
    return file instanceof StorageFile && !file.isDirectory ? 0 : err(E.INVAL)
  },
})

/** How long a lock that somebody else holds waits before it is asked for again. */
const LOCK_NSEC = 5e6

/** Who holds what among our own descriptions, by file: the host sees one description for all of them. */
interface Holders {
  readonly shared: Set<Description>
  exclusive: Description | null
}
const holdersOf = new WeakMap<object, Map<string, Holders>>()

function lock(task: Task, file: StorageFile, operation: number): number {
  let all = holdersOf.get(task.kernel)
  if (all === undefined) {
    all = new Map()
    holdersOf.set(task.kernel, all)
  }
  const { key } = file.handle
  let holders = all.get(key)
  if (holders === undefined) {
    holders = { shared: new Set(), exclusive: null }
    all.set(key, holders)
  }
  const others = [...holders.shared].filter((other) => other !== file && other.references > 0)
  const exclusive = holders.exclusive !== null && holders.exclusive.references > 0 ? holders.exclusive : null
  const othersExclusive = exclusive !== null && exclusive !== file
  if (operation !== LOCK.UN && (othersExclusive || (operation === LOCK.EX && others.length > 0))) return err(E.AGAIN)
  holders.shared.delete(file)
  if (holders.exclusive === file) holders.exclusive = null
  const hostFd = hostDescriptor(file, !file.readable)
  if (hostFd < 0) return hostFd
  // Unlocking by one of several readers leaves the host's shared lock to the others.
  const result = operation === LOCK.UN && others.length > 0 ? 0 : task.kernel.host.flock(hostFd, operation | LOCK.NB)
  if (result < 0) return result
  if (operation === LOCK.SH) holders.shared.add(file)
  if (operation === LOCK.EX) holders.exclusive = file
  if (holders.shared.size === 0 && holders.exclusive === null) all.delete(key)
  return 0
}

export const flock = syscall({
  number: 73,
  name: 'flock',
  returns: Int,
  support: full,
  args: { fd: Fd, operation: LockOperation },
  run(task, { fd, operation }): Outcome {
    const kind = operation & ~LOCK.NB
    if (kind !== LOCK.SH && kind !== LOCK.EX && kind !== LOCK.UN) return err(E.INVAL)
    const file = usable(task, fd)
    if (file === undefined) return err(E.BADF)
    const result =
      file instanceof StorageFile
        ? lock(task, file, kind)
        : file.hostFd >= 0
          ? task.kernel.host.flock(file.hostFd, kind | LOCK.NB)
          : err(E.INVAL)
    if (result !== -E.AGAIN || (operation & LOCK.NB) !== 0) return result
    task.wait.deadlineNsec = task.kernel.clock.monotonicNsec() + LOCK_NSEC
    return BLOCK
  },
})

const status = newFileStatus()

/** Where a call reads or writes: at an offset in memory, or at the description's own. -1: EFAULT. */
function offsetAt(task: Task, address: number, file: StorageFile): number | null {
  if (address === 0) return file.offset
  return task.memory.load(address, 8) < 0 ? null : readSigned(task.memory.scratch, 0)
}

function advance(task: Task, address: number, file: StorageFile, offset: number): number {
  if (address !== 0) return task.memory.writeU64(address, offset)
  file.offset = offset
  return 0
}

const isDirectory = (file: Description): boolean => file instanceof StorageFile && file.isDirectory

const COPY_MAX = 0x7ffff000

export const copy_file_range = syscall({
  number: 326,
  name: 'copy_file_range',
  returns: Size,
  support: full,
  args: { in: Fd, inOffset: InOffset, out: Fd, outOffset: InOffset, length: Size, flags: Flags },
  run(task, { in: source, inOffset, out, outOffset, length, flags }) {
    const from = task.process.files.get(source)
    const to = task.process.files.get(out)
    if (from === undefined || to === undefined) return err(E.BADF)
    if (((from.flags | to.flags) & O.PATH) !== 0) return err(E.BADF)
    if (flags !== 0) return err(E.INVAL)
    // Kinds before rights (generic_file_rw_checks, fs/read_write.c).
    if (isDirectory(from) || isDirectory(to)) return err(E.ISDIR)
    if (!(from instanceof StorageFile) || !(to instanceof StorageFile)) return err(E.INVAL)
    if (!from.readable || !to.writable || (to.flags & O.APPEND) !== 0) return err(E.BADF)
    const inAt = offsetAt(task, inOffset, from)
    const outAt = offsetAt(task, outOffset, to)
    if (inAt === null || outAt === null) return err(E.FAULT)
    if (inAt < 0 || outAt < 0) return err(E.INVAL)
    const inFd = hostDescriptor(from, false)
    const outFd = hostDescriptor(to, true)
    if (inFd < 0 || outFd < 0) return Math.min(inFd, outFd)
    const copied = task.kernel.host.copyFileRange(inFd, inAt, outFd, outAt, Math.min(length, COPY_MAX))
    if (copied <= 0) return copied
    const moved = advance(task, inOffset, from, inAt + copied)
    return moved < 0 ? moved : advance(task, outOffset, to, outAt + copied) < 0 ? err(E.FAULT) : copied
  },
})

const segments = new Segments()

/** Pieces of the bounce buffer: what the output does not take is read again from the file later. */
function pass(from: StorageFile, to: Description, offset: number, count: number): number {
  segments.count = 1
  segments.pairs[0] = BOUNCE_BASE
  segments.pairs[1] = Math.min(count, BOUNCE_SIZE)
  const got = from.read(segments, offset)
  if (got <= 0) return got
  segments.pairs[1] = got
  return to.write(segments, -1)
}

export const sendfile = syscall({
  number: 40,
  name: 'sendfile',
  returns: Size,
  support: full,
  args: { out: Fd, in: Fd, offset: InOffset, count: Size },
  run(task, { out, in: source, offset, count }): Outcome {
    if (offset !== 0 && task.memory.load(offset, 8) < 0) return err(E.FAULT)
    const from = task.process.files.get(source)
    const to = task.process.files.get(out)
    if (from === undefined || !from.readable || to === undefined || !to.writable) return err(E.BADF)
    if (!(from instanceof StorageFile) || from.isDirectory) return err(E.INVAL)
    if ((to.flags & O.APPEND) !== 0) return err(E.INVAL)
    const start = offsetAt(task, offset, from)
    if (start === null) return err(E.FAULT)
    if (start < 0 || from.status(status) < 0 || (status.mode & S.IFMT) !== S.IFREG) return err(E.INVAL)
    const length = Math.min(count, COPY_MAX)
    let done = 0
    while (done < length) {
      const moved = pass(from, to, start + done, length - done)
      if (moved < 0 && done === 0) return settle(task, to, WRITE, moved)
      if (moved <= 0) break
      done += moved
    }
    if (done > 0 && advance(task, offset, from, start + done) < 0) return err(E.FAULT)
    return done
  },
})
