// madvise(2), mincore(2), msync(2), mlock(2), membarrier(2), pkey_alloc(2): what a program says and asks about memory that it has mapped.
import { E, err } from '../src/abi/errno.js'
import { FALLOC } from '../src/abi/fcntl.js'
import { MADV, MAP, MCL, MLOCK_ONFAULT, MS, PROT } from '../src/abi/mman.js'
import { MEMBARRIER } from '../src/abi/sched.js'
import { MARK, ON_FORK, TASK_SIZE, type Vma, vmaCovers, vmaIndex } from '../src/processor/address-space.js'
import { isLocked, mayLock, sizeOf } from '../src/processor/memory-limits.js'
import type { Task } from '../src/processor/task.js'
import { Address, Flags, Int, Size } from './arguments.js'
import { full, partial, refusedCall, syscall } from './define.js'
import { BarrierCommand, LockAllFlags, LockFlags, MemoryAdvice, Protection, SyncFlags } from './flags.js'
import { OutResidency } from './structures.js'

const PAGE = 4096
const READ = 0
const WRITE = 1
const pageUp = (value: number): number => Math.ceil(value / PAGE) * PAGE

/** What is mapped of start..end: its vmas, lowest first. */
function vmasIn({ space }: Task, start: number, end: number) {
  const { vmas } = space
  const first = vmaIndex(vmas, start)
  let last = first
  while (last < vmas.length && vmas[last]!.start < end) last++
  return vmas.slice(first, last)
}

/** Brings pages in, as mlock(2) and MADV_POPULATE_ do; false where that fails. */
function populate({ memory }: Task, start: number, end: number, access: number): boolean {
  for (let address = start; address < end; address += PAGE) if (memory.translate(address, access) < 0) return false
  return true
}

/** Advice that changes only speed, or what a core dump has. */
const HINTS = new Set<number>([
  MADV.NORMAL,
  MADV.RANDOM,
  MADV.SEQUENTIAL,
  MADV.WILLNEED,
  MADV.MERGEABLE,
  MADV.UNMERGEABLE,
  MADV.HUGEPAGE,
  MADV.NOHUGEPAGE,
  MADV.DONTDUMP,
  MADV.DODUMP,
])

type Advice = (task: Task, start: number, end: number) => number

/** Holes are left out, and are the answer afterwards (madvise_walk_vmas, mm/madvise.c). */
const afterHoles = (task: Task, start: number, end: number): number =>
  vmaCovers(task.space, start, end - start) ? 0 : err(E.NOMEM)

const isPrivateAnonymous = ({ file, object }: Vma): boolean => file === '' && object === 0
/** Mapped without a file: /dev/zero has one (drivers/char/mem.c, mmap_zero). */
const hasNoFile = (vma: Vma): boolean => isPrivateAnonymous(vma) && vma.path !== '/dev/zero'

/** Vma after vma, up to one that may not have it. */
const unless =
  (refuses: (vma: Vma) => boolean, act: Advice): Advice =>
  (task, start, end) => {
    const refusing = vmasIn(task, start, end).find(refuses)
    if (refusing === undefined) return act(task, start, end)
    if (refusing.start > start) act(task, start, refusing.start)
    return err(E.INVAL)
  }

const mark =
  (set: number, clear: number): Advice =>
  (task, start, end) =>
    task.kernel.spaces.mark(task.space, start, end - start, set, clear)

const discard: Advice = (task, start, end) => task.kernel.spaces.discard(task.space, start, end - start)

/** MADV_REMOVE: a hole in what is mapped shared. */
function remove(task: Task, start: number, end: number): number {
  const { spaces, storage, host } = task.kernel
  for (const vma of vmasIn(task, start, end)) {
    if (isLocked(vma) || hasNoFile(vma)) return err(E.INVAL)
    if ((vma.flags & MAP.TYPE) !== MAP.SHARED || (vma.maxProt & PROT.WRITE) === 0) return err(E.ACCES)
    const from = Math.max(start, vma.start)
    const length = Math.min(end, vma.end) - from
    const offset = vma.offset + (from - vma.start)
    if (vma.file === '') {
      const punched = spaces.punch(vma.object, offset / PAGE, length / PAGE)
      if (punched < 0) return punched
      continue
    }
    const fd = storage.descriptor({ key: vma.file, path: vma.path }, true)
    const punched = fd < 0 ? fd : host.fallocate(fd, FALLOC.FL_PUNCH_HOLE | FALLOC.FL_KEEP_SIZE, offset, length)
    if (punched < 0) return punched
  }
  return afterHoles(task, start, end)
}

function fault(task: Task, start: number, end: number, access: number, needed: number): number {
  let at = start
  for (const { start: from, end: to, prot } of vmasIn(task, start, end)) {
    if (from > at) return err(E.NOMEM)
    if ((prot & needed) === 0) return err(E.INVAL)
    const until = Math.min(end, to)
    if (!populate(task, at, until, access)) return err(E.FAULT)
    at = until
  }
  return at < end ? err(E.NOMEM) : 0
}

const ADVICE: Readonly<Record<number, Advice>> = {
  [MADV.DONTNEED]: unless(isLocked, discard),
  [MADV.DONTNEED_LOCKED]: discard,
  // Lazily freed pages may keep their contents for ever.
  [MADV.FREE]: unless((vma) => !isPrivateAnonymous(vma) || isLocked(vma), afterHoles),
  [MADV.COLD]: unless(isLocked, afterHoles),
  [MADV.PAGEOUT]: unless(isLocked, afterHoles),
  [MADV.REMOVE]: remove,
  [MADV.DONTFORK]: mark(ON_FORK.LEAVE, 0),
  [MADV.DOFORK]: mark(0, ON_FORK.LEAVE),
  [MADV.WIPEONFORK]: unless((vma) => !hasNoFile(vma), mark(ON_FORK.WIPE, 0)),
  [MADV.KEEPONFORK]: mark(0, ON_FORK.WIPE),
  [MADV.GUARD_INSTALL]: unless(isLocked, (task, start, end) =>
    task.kernel.spaces.guard(task.space, start, end - start),
  ),
  [MADV.GUARD_REMOVE]: mark(0, MARK.GUARD),
  [MADV.POPULATE_READ]: (task, start, end) => fault(task, start, end, READ, PROT.READ | PROT.WRITE | PROT.EXEC),
  [MADV.POPULATE_WRITE]: (task, start, end) => fault(task, start, end, WRITE, PROT.WRITE),
}

export const madvise = syscall({
  number: 28,
  name: 'madvise',
  returns: Int,
  support: partial(
    'no MADV_COLLAPSE and no hardware poison: EINVAL, as in kernels without them; guards divide lines of /proc/self/maps',
  ),
  args: { addr: Address, length: Size, advice: MemoryAdvice },
  run(task, { addr, length, advice }) {
    const act = ADVICE[advice] ?? (HINTS.has(advice) ? afterHoles : undefined)
    if (act === undefined || addr % PAGE !== 0) return err(E.INVAL)
    const end = addr + pageUp(length)
    if (length === 0) return 0
    if (end > TASK_SIZE) return end >= 2 ** 64 ? err(E.INVAL) : err(E.NOMEM)
    return act(task, addr, end)
  },
})

export const mincore = syscall({
  number: 27,
  name: 'mincore',
  returns: Int,
  support: partial('pages of files count as in memory'),
  args: { addr: Address, length: Size, vector: OutResidency },
  run(task, { addr, length, vector }) {
    if (addr % PAGE !== 0) return err(E.INVAL)
    const end = addr + pageUp(length)
    if (end > TASK_SIZE) return err(E.NOMEM)
    const { memory, space, kernel } = task
    for (let address = addr, at = vector; address < end; address += PAGE, at++) {
      if (!vmaCovers(space, address, PAGE)) return err(E.NOMEM)
      memory.scratch.setUint8(0, kernel.cache.isPresent(space.asid, address / PAGE) ? 1 : 0)
      if (memory.store(at, 1) < 0) return err(E.FAULT)
    }
    return 0
  },
})

export const msync = syscall({
  number: 26,
  name: 'msync',
  returns: Int,
  support: full,
  args: { addr: Address, length: Size, flags: SyncFlags },
  run(task, { addr, length, flags }) {
    const both = MS.ASYNC | MS.SYNC
    if (addr % PAGE !== 0 || (flags & ~(both | MS.INVALIDATE)) !== 0 || (flags & both) === both) return err(E.INVAL)
    if (addr + pageUp(length) > TASK_SIZE) return err(E.NOMEM)
    // What is mapped is written even when there are holes.
    if (length > 0) task.kernel.spaces.sync(task.space, addr, length)
    return length > 0 ? afterHoles(task, addr, addr + pageUp(length)) : 0
  },
})

/** Locked pages are brought in; nothing here is swapped where a program could notice. */
function lock(task: Task, address: number, length: number, onFault: boolean): number {
  const start = address - (address % PAGE)
  const end = pageUp(address + length)
  const already = vmasIn(task, start, end)
    .filter(isLocked)
    .reduce((sum, vma) => sum + Math.min(end, vma.end) - Math.max(start, vma.start), 0)
  const refused = mayLock(task.process, task.space.vmas, end - start - already)
  if (refused < 0) return refused
  if (end > TASK_SIZE) return end >= 2 ** 64 ? err(E.INVAL) : err(E.NOMEM)
  if (length === 0) return 0
  const covered = mark(MARK.LOCKED, 0)(task, start, end)
  if (covered < 0 || onFault) return covered
  return populate(task, start, end, READ) ? 0 : err(E.NOMEM)
}

export const mlock = syscall({
  number: 149,
  name: 'mlock',
  returns: Int,
  support: full,
  args: { addr: Address, length: Size },
  run: (task, { addr, length }) => lock(task, addr, length, false),
})

export const mlock2 = syscall({
  number: 325,
  name: 'mlock2',
  returns: Int,
  support: full,
  args: { addr: Address, length: Size, flags: LockFlags },
  run: (task, { addr, length, flags }) =>
    (flags & ~MLOCK_ONFAULT) !== 0 ? err(E.INVAL) : lock(task, addr, length, flags !== 0),
})

export const munlock = syscall({
  number: 150,
  name: 'munlock',
  returns: Int,
  support: full,
  args: { addr: Address, length: Size },
  run(task, { addr, length }) {
    const end = pageUp(addr + length)
    if (end > TASK_SIZE) return end >= 2 ** 64 ? err(E.INVAL) : err(E.NOMEM)
    return length === 0 ? 0 : mark(0, MARK.LOCKED)(task, addr - (addr % PAGE), end)
  },
})

export const mlockall = syscall({
  number: 151,
  name: 'mlockall',
  returns: Int,
  support: partial('the heap and stacks that grow later are brought in when they are touched'),
  args: { flags: LockAllFlags },
  run(task, { flags }) {
    if (flags === 0 || flags === MCL.ONFAULT || (flags & ~(MCL.CURRENT | MCL.FUTURE | MCL.ONFAULT)) !== 0)
      return err(E.INVAL)
    const { space } = task
    const refused = mayLock(
      task.process,
      task.space.vmas,
      (flags & MCL.CURRENT) === 0 ? 0 : sizeOf(space.vmas.filter((vma) => !isLocked(vma))),
    )
    if (refused < 0) return refused
    space.locksFuture = (flags & MCL.FUTURE) !== 0
    if ((flags & MCL.CURRENT) === 0) return 0
    mark(MARK.LOCKED, 0)(task, 0, TASK_SIZE)
    if ((flags & MCL.ONFAULT) !== 0) return 0
    // Pages that cannot be brought in are left out (mlockall ignores failures of mm_populate).
    for (const { start, end, prot } of [...task.space.vmas]) if (prot !== PROT.NONE) populate(task, start, end, READ)
    return 0
  },
})

export const munlockall = syscall({
  number: 152,
  name: 'munlockall',
  returns: Int,
  support: full,
  args: {},
  run(task) {
    task.space.locksFuture = false
    mark(0, MARK.LOCKED)(task, 0, TASK_SIZE)
    return 0
  },
})

const BARRIERS =
  MEMBARRIER.GLOBAL |
  MEMBARRIER.GLOBAL_EXPEDITED |
  MEMBARRIER.REGISTER_GLOBAL_EXPEDITED |
  MEMBARRIER.PRIVATE_EXPEDITED |
  MEMBARRIER.REGISTER_PRIVATE_EXPEDITED |
  MEMBARRIER.PRIVATE_EXPEDITED_SYNC_CORE |
  MEMBARRIER.REGISTER_PRIVATE_EXPEDITED_SYNC_CORE |
  MEMBARRIER.GET_REGISTRATIONS
/** What each expedited barrier must have been registered with. */
const REGISTRATIONS: Readonly<Record<number, number>> = {
  [MEMBARRIER.PRIVATE_EXPEDITED]: MEMBARRIER.REGISTER_PRIVATE_EXPEDITED,
  [MEMBARRIER.PRIVATE_EXPEDITED_SYNC_CORE]: MEMBARRIER.REGISTER_PRIVATE_EXPEDITED_SYNC_CORE,
}
const ALL_REGISTRATIONS =
  MEMBARRIER.REGISTER_GLOBAL_EXPEDITED |
  MEMBARRIER.REGISTER_PRIVATE_EXPEDITED |
  MEMBARRIER.REGISTER_PRIVATE_EXPEDITED_SYNC_CORE

export const membarrier = syscall({
  number: 324,
  name: 'membarrier',
  returns: Int,
  support: partial('no barriers of restartable sequences'),
  args: { command: BarrierCommand, flags: Flags, cpu: Int },
  run(task, { command, flags }) {
    if (flags !== 0) return err(E.INVAL)
    const { space, kernel } = task
    if (command === MEMBARRIER.QUERY) return BARRIERS
    if (command === MEMBARRIER.GET_REGISTRATIONS) return space.barriers
    if ((ALL_REGISTRATIONS & command) !== 0 && (command & (command - 1)) === 0) {
      space.barriers |= command
      return 0
    }
    if ((BARRIERS & command) === 0 || (command & (command - 1)) !== 0) return err(E.INVAL)
    const registration = REGISTRATIONS[command]
    if (registration !== undefined && (space.barriers & registration) === 0) return err(E.PERM)
    // At their safepoints the other vCPUs have all their stores done, and fetch code anew.
    kernel.vcpus.quiesce()
    return 0
  },
})

// Protection keys, as on a CPU without them (mm/mprotect.c).

export const pkey_mprotect = syscall({
  number: 329,
  name: 'pkey_mprotect',
  returns: Int,
  support: partial('without a key: mprotect; there are no keys'),
  args: { addr: Address, length: Size, prot: Protection, key: Int },
  run: (task, { addr, length, prot, key }) =>
    key === -1 ? task.kernel.spaces.protect(task.space, addr, length, prot) : err(E.INVAL),
})

export const pkey_alloc = syscall({
  number: 330,
  name: 'pkey_alloc',
  returns: Int,
  support: partial('never a key: ENOSPC, as on a CPU without them'),
  args: { flags: Size, rights: Size },
  run: (_task, { flags, rights }) => (flags !== 0 || rights > 3 ? err(E.INVAL) : err(E.NOSPC)),
})

export const pkey_free = refusedCall(331, 'pkey_free', Int, E.INVAL, 'there are no keys', { key: Int })
