// Byte-range locks of fcntl(2) between the processes of this machine. An owner is a descriptor table (classic locks, as in the kernel) or an open file
// description (OFD locks). `setLock` splits and joins ranges; waiting is the caller's. Towards programs outside, the machine holds the strongest of its
// locks on each byte.
import { type ByteRange, F_LOCK, type FileLock } from '../abi/fcntl.js'

/** A file that may have locks: who names it (the storage manager, or the host), and how. */
export interface Lockable {
  readonly namer: object
  readonly key: string
  /** Where programs outside may have locks too. */
  readonly outside?: OutsideLocks
}

export interface OutsideLocks {
  /** The whole machine's lock on these bytes from now on (F_LOCK); a negative errno: -EAGAIN while somebody outside has one. */
  lock(type: number, range: ByteRange): number
  /** The first lock of a program outside that stands against such a one, or an errno. */
  conflicting(type: number, range: ByteRange): FileLock | null | number
}

export interface RecordLock extends FileLock {
  readonly owner: object
}

const all = new WeakMap<object, Map<string, RecordLock[]>>()

function locksOf({ namer, key }: Lockable): RecordLock[] {
  return all.get(namer)?.get(key) ?? []
}

/** The first lock of somebody else on this machine that stands against this one. */
export function conflicting(file: Lockable, wanted: RecordLock): RecordLock | null {
  for (const lock of locksOf(file)) {
    if (lock.owner === wanted.owner || lock.end <= wanted.start || lock.start >= wanted.end) continue
    if (lock.type === F_LOCK.WRLCK || wanted.type === F_LOCK.WRLCK) return lock
  }
  return null
}

/** Puts a lock in place of what its owner has there; UNLCK only takes away. -EAGAIN: a program outside has one; nothing has changed then. */
export function setLock(file: Lockable, wanted: RecordLock): number {
  const before = locksOf(file)
  const after = replaced(before, wanted)
  const result = tellOutside(file, before, after, wanted)
  if (result === 0) keep(file, after)
  return result
}

/** A descriptor table closes a descriptor of the file, or a description ends: its locks go (fcntl(2), close). */
export function releaseLocks(file: Lockable, owner: object): void {
  const before = locksOf(file)
  const released = before.filter((lock) => lock.owner === owner)
  if (released.length === 0) return
  const after = before.filter((lock) => lock.owner !== owner)
  for (const lock of released) tellOutside(file, before, after, lock)
  keep(file, after)
}

function replaced(before: readonly RecordLock[], wanted: RecordLock): RecordLock[] {
  const after: RecordLock[] = []
  let { start, end } = wanted
  for (const lock of before) {
    const apart = lock.end < start || lock.start > end
    const touchesOnly = lock.end === start || lock.start === end
    if (lock.owner !== wanted.owner || apart || (touchesOnly && lock.type !== wanted.type)) {
      after.push(lock)
    } else if (lock.type === wanted.type) {
      start = Math.min(start, lock.start)
      end = Math.max(end, lock.end)
    } else {
      if (lock.start < start) after.push({ ...lock, end: start })
      if (lock.end > end) after.push({ ...lock, start: end })
    }
  }
  if (wanted.type !== F_LOCK.UNLCK) after.push({ ...wanted, start, end })
  return after.sort((a, b) => a.start - b.start)
}

function keep({ namer, key }: Lockable, locks: RecordLock[]): void {
  let files = all.get(namer)
  if (files === undefined) {
    files = new Map()
    all.set(namer, files)
  }
  if (locks.length === 0) files.delete(key)
  else files.set(key, locks)
}

function strongestAt(locks: readonly RecordLock[], at: number): number {
  let type: number = F_LOCK.UNLCK
  for (const lock of locks) if (lock.start <= at && at < lock.end && type !== F_LOCK.WRLCK) type = lock.type
  return type
}

/** Where the machine's strongest lock changes within a range, programs outside are told; back again when one of them stands against it. */
function tellOutside(
  { outside }: Lockable,
  before: readonly RecordLock[],
  after: readonly RecordLock[],
  { start, end }: ByteRange,
): number {
  if (outside === undefined) return 0
  const inside = [...before, ...after].flatMap((lock) => [lock.start, lock.end]).filter((at) => at > start && at < end)
  const edges = [...new Set([start, end, ...inside])].sort((a, b) => a - b)
  for (let n = 0; n + 1 < edges.length; n++) {
    const range = { start: edges[n]!, end: edges[n + 1]! }
    const type = strongestAt(after, range.start)
    if (type === strongestAt(before, range.start)) continue
    const result = outside.lock(type, range)
    if (result >= 0) continue
    for (let back = n; back >= 0; back--)
      outside.lock(strongestAt(before, edges[back]!), { start: edges[back]!, end: edges[back + 1]! })
    return result
  }
  return 0
}
