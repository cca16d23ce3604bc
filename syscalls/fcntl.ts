// fcntl(2): descriptor flags, status flags, record locks, pipe sizes. Each command is a row.
import { E, err } from '../src/abi/errno.js'
import { type ByteRange, F, F_LOCK, F_SEAL, FD_CLOEXEC, FLOCK_SIZE, O, SEEK } from '../src/abi/fcntl.js'
import { PROT } from '../src/abi/mman.js'
import { RLIMIT } from '../src/abi/resource.js'
import { newFileStatus } from '../src/abi/stat.js'
import { writeWord } from '../src/abi/word.js'
import { type Description, HostFile, handleOf, lockableFile, StorageFile } from '../src/processor/files.js'
import { BLOCK, type Outcome } from '../src/processor/kernel.js'
import { MemoryFile } from '../src/processor/memory-file.js'
import { conflicting, type Lockable, type RecordLock, setLock } from '../src/processor/record-locks.js'
import type { Task } from '../src/processor/task.js'
import { Fd } from './arguments.js'
import { FcntlArgument, FcntlCommand, FcntlResult } from './commands.js'
import { partial, syscall } from './define.js'

/** What F_SETFL may change. */
const SETTABLE = O.APPEND | O.NONBLOCK | O.ASYNC | O.DIRECT | O.NOATIME
/** How long a lock that somebody else holds waits before it is asked for again. */
const LOCK_NSEC = 2e6

type Command = (task: Task, file: Description, fd: number, argument: number) => Outcome

const status = newFileStatus()

const duplicate =
  (closeOnExec: boolean): Command =>
  (task, file, _fd, from) => {
    const limit = task.process.limits[RLIMIT.NOFILE]!.current
    return from < 0 || from >= limit ? err(E.INVAL) : task.process.files.add(file, closeOnExec, limit, from)
  }

/** What the locks of a file are kept by; pipes, devices and events have them too. */
function lockableOf(task: Task, file: Description): Lockable {
  file.lockable ??= inheritedLockable(task, file)
  return file.lockable
}

function inheritedLockable({ kernel }: Task, file: Description): Lockable {
  // A file that lego was started with is the storage manager's as well. The handle stays until the end, as such a descriptor mostly does.
  const handle = file instanceof HostFile && file.fills ? handleOf(kernel.storage, file) : err(E.NXIO)
  if (typeof handle !== 'number') return lockableFile(kernel.storage, handle)
  file.status(status)
  return { namer: kernel, key: `${status.dev}:${status.ino}` }
}

function positionOf(file: Description): number {
  if (file instanceof StorageFile) return file.offset
  return file.seeks ? Math.max(0, file.seek(0, SEEK.CUR)) : 0
}

const OFFSET_MAX = 2n ** 63n - 1n

/** Bytes of a struct flock (flock64_to_posix_lock, fs/locks.c): a negative length is the bytes before the start, 0 up to the end of the file. */
function rangeOf(base: number, offset: bigint, length: bigint): ByteRange | number {
  const start = BigInt(base) + offset
  if (start > OFFSET_MAX || (length > 0n && length - 1n > OFFSET_MAX - start)) return err(E.OVERFLOW)
  if (start < 0n || (length < 0n && start + length < 0n)) return err(E.INVAL)
  if (length < 0n) return { start: Number(start + length), end: Number(start) }
  const end = start + length
  return { start: Number(start), end: length === 0n || end > OFFSET_MAX ? Infinity : Number(end) }
}

/** The lock in a struct flock, or an errno. */
function readLock(task: Task, file: Description, address: number, ofDescription: boolean): RecordLock | number {
  if (task.memory.load(address, FLOCK_SIZE) < 0) return err(E.FAULT)
  const { scratch } = task.memory
  const type = scratch.getInt16(0, true)
  const whence = scratch.getInt16(2, true)
  if (ofDescription && scratch.getInt32(24, true) !== 0) return err(E.INVAL)
  let base = 0
  if (whence === SEEK.CUR) base = positionOf(file)
  else if (whence === SEEK.END) base = file.status(status) < 0 ? 0 : status.size
  else if (whence !== SEEK.SET) return err(E.INVAL)
  const range = rangeOf(base, scratch.getBigInt64(8, true), scratch.getBigInt64(16, true))
  if (typeof range === 'number') return range
  if (type !== F_LOCK.RDLCK && type !== F_LOCK.WRLCK && type !== F_LOCK.UNLCK) return err(E.INVAL)
  const owner = ofDescription ? file : task.process.files
  return { owner, pid: ofDescription ? -1 : task.process.pid, type, ...range }
}

const getLock =
  (ofDescription: boolean): Command =>
  (task, file, _fd, address) => {
    const wanted = readLock(task, file, address, ofDescription)
    if (typeof wanted === 'number') return wanted
    if (wanted.type === F_LOCK.UNLCK && !ofDescription) return err(E.INVAL)
    const lockable = lockableOf(task, file)
    const outside = wanted.type === F_LOCK.UNLCK ? undefined : lockable.outside
    const found = conflicting(lockable, wanted) ?? outside?.conflicting(wanted.type, wanted) ?? null
    if (typeof found === 'number') return found
    const { scratch } = task.memory
    scratch.setInt16(0, found?.type ?? F_LOCK.UNLCK, true)
    if (found !== null) {
      scratch.setInt16(2, SEEK.SET, true)
      writeWord(scratch, 8, found.start)
      writeWord(scratch, 16, found.end === Infinity ? 0 : found.end - found.start)
      scratch.setInt32(24, found.pid, true)
    }
    return task.memory.store(address, FLOCK_SIZE)
  }

const takeLock =
  (ofDescription: boolean, waits: boolean): Command =>
  (task, file, _fd, address) => {
    const wanted = readLock(task, file, address, ofDescription)
    if (typeof wanted === 'number') return wanted
    if (wanted.type === F_LOCK.RDLCK && !file.readable) return err(E.BADF)
    if (wanted.type === F_LOCK.WRLCK && !file.writable) return err(E.BADF)
    const lockable = lockableOf(task, file)
    const isFree = wanted.type === F_LOCK.UNLCK || conflicting(lockable, wanted) === null
    const result = isFree ? setLock(lockable, wanted) : err(E.AGAIN)
    if (result !== err(E.AGAIN) || !waits) return result
    task.wait.deadlineNsec = task.kernel.clock.monotonicNsec() + LOCK_NSEC
    return BLOCK
  }

const ofPipe =
  (command: number): Command =>
  (task, file, _fd, argument) =>
    file instanceof HostFile ? task.kernel.host.fcntl(file.fd, command, argument | 0) : err(E.BADF)

/** Whether a space has a mapping that may store into the object. */
const isMappedForWriting = ({ kernel }: Task, { object }: MemoryFile): boolean =>
  [...kernel.processes.values()].some(({ space }) =>
    space.vmas.some((vma) => vma.object === object && (vma.maxProt & PROT.WRITE) !== 0),
  )

const addSeals: Command = (task, file, _fd, seals) => {
  if (!file.writable) return err(E.PERM)
  if (!(file instanceof MemoryFile)) return err(E.INVAL)
  if ((seals & ~ALL_SEALS) !== 0) return err(E.INVAL)
  if ((file.seals & F_SEAL.SEAL) !== 0) return err(E.PERM)
  // A file that may not be executed cannot be made to hold code either (mm/memfd.c).
  const implied =
    (seals & F_SEAL.EXEC) !== 0 && file.isExecutable
      ? F_SEAL.SHRINK | F_SEAL.GROW | F_SEAL.WRITE | F_SEAL.FUTURE_WRITE
      : 0
  const all = seals | implied
  if ((all & F_SEAL.WRITE & ~file.seals) !== 0 && isMappedForWriting(task, file)) return err(E.BUSY)
  file.seals |= all
  if ((all & (F_SEAL.WRITE | F_SEAL.FUTURE_WRITE)) !== 0) task.kernel.spaces.sealedObjects.add(file.object)
  return 0
}

const ALL_SEALS = F_SEAL.SEAL | F_SEAL.SHRINK | F_SEAL.GROW | F_SEAL.WRITE | F_SEAL.FUTURE_WRITE | F_SEAL.EXEC
/** RWH_WRITE_LIFE_EXTREME. */
const HINT_MAX = 5
/** Write life hints, which change only speed. */
const hints = new WeakMap<Description, number>()

const getHint: Command = (task, file, _fd, address) => task.memory.writeU64(address, hints.get(file) ?? 0)
const setHint: Command = (task, file, _fd, address) => {
  const hint = task.memory.readU64(address)
  if (hint < 0 || hint > HINT_MAX) return hint < 0 ? hint : err(E.INVAL)
  hints.set(file, hint)
  return 0
}

const COMMANDS: Readonly<Record<number, Command>> = {
  [F.DUPFD]: duplicate(false),
  [F.DUPFD_CLOEXEC]: duplicate(true),
  [F.GETFD]: (task, _file, fd) => (task.process.files.closeOnExec(fd) ? FD_CLOEXEC : 0),
  [F.SETFD]: (task, _file, fd, flags) => {
    task.process.files.setCloseOnExec(fd, (flags & FD_CLOEXEC) !== 0)
    return 0
  },
  [F.GETFL]: (_task, file) => file.flags,
  [F.SETFL]: (_task, file, _fd, flags) => {
    file.flags = (file.flags & ~SETTABLE) | (flags & SETTABLE)
    return 0
  },
  [F.GETLK]: getLock(false),
  [F.SETLK]: takeLock(false, false),
  [F.SETLKW]: takeLock(false, true),
  [F.OFD_GETLK]: getLock(true),
  [F.OFD_SETLK]: takeLock(true, false),
  [F.OFD_SETLKW]: takeLock(true, true),
  [F.GETPIPE_SZ]: ofPipe(F.GETPIPE_SZ),
  [F.SETPIPE_SZ]: ofPipe(F.SETPIPE_SZ),
  [F.ADD_SEALS]: addSeals,
  [F.GET_SEALS]: (_task, file) => (file instanceof MemoryFile ? file.seals : err(E.INVAL)),
  [F.GET_RW_HINT]: getHint,
  [F.SET_RW_HINT]: setHint,
  [F.GETLEASE]: (_task, file) => (file.fills ? F_LOCK.UNLCK : err(E.INVAL)),
  // Somebody else may have the file open: nobody here can say (EAGAIN of fcntl(2)).
  [F.SETLEASE]: (_task, file, _fd, type) =>
    !file.fills || type < F_LOCK.RDLCK || type > F_LOCK.UNLCK ? err(E.INVAL) : err(E.AGAIN),
  [F.GETOWN]: () => 0,
  [F.GETSIG]: () => 0,
}
/** What an O_PATH descriptor has (open(2)). */
const OF_PATHS = new Set<number>([F.DUPFD, F.DUPFD_CLOEXEC, F.GETFD, F.SETFD, F.GETFL])
/** Commands whose argument is an int; the others take an address. */
const NUMERIC = new Set<number>([F.DUPFD, F.DUPFD_CLOEXEC, F.SETFD, F.SETFL, F.SETPIPE_SZ, F.ADD_SEALS, F.SETLEASE])

export const fcntl = syscall({
  number: 72,
  name: 'fcntl',
  returns: FcntlResult,
  support: partial('record locks without EDEADLK; no owners and no leases'),
  args: { fd: Fd, command: FcntlCommand, argument: FcntlArgument },
  run(task, { fd, command, argument }) {
    const file = task.process.files.get(fd)
    if (file === undefined) return err(E.BADF)
    if ((file.flags & O.PATH) !== 0 && !OF_PATHS.has(command)) return err(E.BADF)
    const row = COMMANDS[command]
    return row === undefined ? err(E.INVAL) : row(task, file, fd, NUMERIC.has(command) ? argument | 0 : argument)
  },
})
