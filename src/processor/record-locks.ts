// Byte-range locks of fcntl(2) between the processes of this machine. An owner is a descriptor table (classic locks, as in the kernel) or an open file
// description (OFD locks). `setLock` splits and joins ranges; waiting is the caller's. Programs outside do not see these locks.
import { F_LOCK } from '../abi/fcntl.js'

/** A file that may have locks: who names it (the storage manager, or the host), and how. */
export interface Lockable {
  readonly namer: object
  readonly key: string
}

export interface RecordLock {
  readonly owner: object
  /** What F_GETLK shows; -1 for an open file description. */
  readonly pid: number
  /** F_LOCK. */
  readonly type: number
  readonly start: number
  /** First byte behind it; Infinity: to the end of the file, wherever that will be. */
  readonly end: number
}

const all = new WeakMap<object, Map<string, RecordLock[]>>()

function locksOf({ namer, key }: Lockable): RecordLock[] {
  return all.get(namer)?.get(key) ?? []
}

/** The first lock of somebody else that stands against this one. */
export function conflicting(file: Lockable, wanted: RecordLock): RecordLock | null {
  for (const lock of locksOf(file)) {
    if (lock.owner === wanted.owner || lock.end <= wanted.start || lock.start >= wanted.end) continue
    if (lock.type === F_LOCK.WRLCK || wanted.type === F_LOCK.WRLCK) return lock
  }
  return null
}

/** Puts a lock in place of what its owner has there; UNLCK only takes away. */
export function setLock(file: Lockable, wanted: RecordLock): void {
  const kept: RecordLock[] = []
  let { start, end } = wanted
  for (const lock of locksOf(file)) {
    const apart = lock.end < start || lock.start > end
    const touchesOnly = lock.end === start || lock.start === end
    if (lock.owner !== wanted.owner || apart || (touchesOnly && lock.type !== wanted.type)) {
      kept.push(lock)
    } else if (lock.type === wanted.type) {
      start = Math.min(start, lock.start)
      end = Math.max(end, lock.end)
    } else {
      if (lock.start < start) kept.push({ ...lock, end: start })
      if (lock.end > end) kept.push({ ...lock, start: end })
    }
  }
  if (wanted.type !== F_LOCK.UNLCK) kept.push({ ...wanted, start, end })
  kept.sort((a, b) => a.start - b.start)
  let files = all.get(file.namer)
  if (files === undefined) {
    files = new Map()
    all.set(file.namer, files)
  }
  if (kept.length === 0) files.delete(file.key)
  else files.set(file.key, kept)
}

/** A descriptor table closes a descriptor of the file, or a description ends: its locks go (fcntl(2), close). */
export function releaseLocks({ namer, key }: Lockable, owner: object): void {
  const files = all.get(namer)
  const locks = files?.get(key)
  if (files === undefined || locks === undefined) return
  const kept = locks.filter((lock) => lock.owner !== owner)
  if (kept.length === 0) files.delete(key)
  else files.set(key, kept)
}
