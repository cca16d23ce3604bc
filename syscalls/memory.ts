// mmap(2), munmap(2), mprotect(2), brk(2), mremap(2), memfd_create(2). The rules are the memory manager's.
import { E, err } from '../src/abi/errno.js'
import { F_SEAL, O } from '../src/abi/fcntl.js'
import { MAP, MFD, PROT } from '../src/abi/mman.js'
import { newFileStatus, S } from '../src/abi/stat.js'
import { HostFile, StorageFile } from '../src/processor/files.js'
import { MemoryFile } from '../src/processor/memory-file.js'
import { hasRoom, isData, mayLock } from '../src/processor/memory-limits.js'
import { refusedProcMapping } from '../src/processor/proc-storage.js'
import type { Task } from '../src/processor/task.js'
import { Address, Fd, HexOffset, Int, Name, Size } from './arguments.js'
import { full, partial, syscall } from './define.js'
import { MapFlags, MemfdFlags, Protection, RemapAddress, RemapFlags } from './flags.js'
import { install } from './install.js'

const PAGE = 4096
/** What MAP_SHARED_VALIDATE accepts (LEGACY_MAP_MASK, linux/mman.h). */
const HINT_FLAGS =
  MAP.TYPE |
  MAP.FIXED |
  MAP.ANONYMOUS |
  MAP['32BIT'] |
  MAP.GROWSDOWN |
  MAP.DENYWRITE |
  MAP.EXECUTABLE |
  MAP.LOCKED |
  MAP.NORESERVE |
  MAP.POPULATE |
  MAP.NONBLOCK |
  MAP.STACK |
  MAP.HUGETLB |
  MAP.UNINITIALIZED |
  MAP.FIXED_NOREPLACE

const mayExpand = ({ process, space }: Task, length: number, data: boolean): boolean =>
  hasRoom(process.limits, space.vmas, length, data)

/** MAP_POPULATE: pages that cannot be brought in are left to later. */
function populated(task: Task, address: number, length: number, prot: number, flags: number): number {
  const wanted = (flags & MAP.LOCKED) !== 0 || (flags & (MAP.POPULATE | MAP.NONBLOCK)) === MAP.POPULATE
  if (address < 0 || !wanted) return address
  const access = isData({ prot, flags }) ? 1 : 0
  for (let at = address; at < address + length; at += PAGE) if (task.memory.translate(at, access) < 0) break
  return address
}

export const mmap = syscall({
  number: 9,
  name: 'mmap',
  returns: Address,
  support: partial(
    'files of the storage manager and anonymous memory; no devices, no huge pages; a shared mapping and programs outside see each other only from msync to the next access of a page that is not cached',
  ),
  args: { addr: Address, length: Size, prot: Protection, flags: MapFlags, fd: Fd, offset: HexOffset },
  run(task, { addr, length, prot, flags, fd, offset }) {
    if (offset % PAGE !== 0) return err(E.INVAL)
    if (offset < 0) return err(E.OVERFLOW)
    if ((flags & MAP.LOCKED) !== 0 && mayLock(task.process, task.space.vmas, 0) < 0) return err(E.PERM)
    const all = task.space.locksFuture ? flags | MAP.LOCKED : flags
    if ((all & MAP.LOCKED) !== 0 && mayLock(task.process, task.space.vmas, length) < 0) return err(E.AGAIN)
    const mapped = map(task, addr, length, prot, all, fd, offset)
    return populated(task, mapped, length, prot, all)
  },
})

function map(
  task: Task,
  addr: number,
  length: number,
  prot: number,
  flags: number,
  fd: number,
  offset: number,
): number {
  const base = { address: addr, length, prot, flags, object: 0 }
  if (!mayExpand(task, length, isData(base))) return err(E.NOMEM)
  if ((flags & MAP.ANONYMOUS) !== 0) {
    return task.kernel.spaces.map(task.space, { ...base, offset: 0, file: '', path: '', maxProt: 0 })
  }
  const file = task.process.files.get(fd)
  if (file === undefined || (file.flags & O.PATH) !== 0) return err(E.BADF)
  const type = flags & MAP.TYPE
  if (length === 0 || (type !== MAP.SHARED && type !== MAP.PRIVATE && type !== MAP.SHARED_VALIDATE)) return err(E.INVAL)
  if (type === MAP.SHARED_VALIDATE && (flags & ~HINT_FLAGS) !== 0) return err(E.OPNOTSUPP)
  if (type !== MAP.PRIVATE && (prot & PROT.WRITE) !== 0 && !file.writable) return err(E.ACCES)
  if (!file.readable) return err(E.ACCES)
  // /dev/zero is anonymous memory (drivers/char/mem.c, mmap_zero).
  if (file instanceof HostFile && isZeroDevice(file))
    return task.kernel.spaces.map(task.space, {
      ...base,
      flags: flags | MAP.ANONYMOUS,
      offset: 0,
      file: '',
      path: '/dev/zero',
      maxProt: type !== MAP.PRIVATE && !file.writable ? PROT.READ | PROT.EXEC : 0,
    })
  if (file instanceof MemoryFile) {
    const shares = (flags & MAP.TYPE) !== MAP.PRIVATE
    const sealed = (file.seals & (F_SEAL.WRITE | F_SEAL.FUTURE_WRITE)) !== 0
    if (shares && sealed && (prot & PROT.WRITE) !== 0) return err(E.PERM)

    // A private mapping starts with what shared ones have stored.
    task.kernel.cache.flushObject(file.object)
    return task.kernel.spaces.map(task.space, {
      ...base,
      object: file.object,
      offset,
      file: '',
      path: '',
      maxProt: shares && sealed ? PROT.READ | PROT.EXEC : 0,
    })
  }
  if (!(file instanceof StorageFile) || file.isDirectory) return err(E.NODEV)
  const refused = refusedProcMapping(file.handle)
  if (refused < 0) return refused
  const shared = (flags & MAP.TYPE) !== MAP.PRIVATE
  // A shared mapping of a file that was opened read-only never becomes writable.
  const readOnly = shared && (file.flags & O.ACCMODE) !== O.RDWR
  const maxProt = readOnly ? PROT.READ | PROT.EXEC : 0
  const { key, path } = file.handle
  return task.kernel.spaces.map(task.space, { ...base, offset, file: key, path, maxProt })
}

const ZERO_DEVICE = 0x105
const status = newFileStatus()

function isZeroDevice(file: HostFile): boolean {
  if (file.status(status) < 0) return false
  return (status.mode & S.IFMT) === S.IFCHR && status.rdev === ZERO_DEVICE
}

export const munmap = syscall({
  number: 11,
  name: 'munmap',
  returns: Int,
  support: full,
  args: { addr: Address, length: Size },
  run: (task, { addr, length }) => task.kernel.spaces.unmap(task.space, addr, length),
})

export const mprotect = syscall({
  number: 10,
  name: 'mprotect',
  returns: Int,
  support: full,
  args: { addr: Address, length: Size, prot: Protection },
  run: (task, { addr, length, prot }) => task.kernel.spaces.protect(task.space, addr, length, prot),
})

export const brk = syscall({
  number: 12,
  name: 'brk',
  returns: Address,
  support: full,
  args: { addr: Address },
  run(task, { addr }) {
    const { spaces } = task.kernel
    const before = spaces.brk(task.space, 0)
    return addr <= before || mayExpand(task, addr - before, true) ? spaces.brk(task.space, addr) : before
  },
})

export const mremap = syscall({
  number: 25,
  name: 'mremap',
  returns: Address,
  support: full,
  args: { old: Address, oldSize: Size, newSize: Size, flags: RemapFlags, new: RemapAddress },
  run: (task, { old, oldSize, newSize, flags, new: to }) =>
    newSize > oldSize && !mayExpand(task, newSize - oldSize, false)
      ? err(E.NOMEM)
      : task.kernel.spaces.remap(task.space, old, oldSize, newSize, flags, to),
})

/** NAME_MAX less "memfd:" (mm/memfd.c). */
const MEMFD_NAME_MAX = 249

export const memfd_create = syscall({
  number: 319,
  name: 'memfd_create',
  returns: Fd,
  support: partial('no huge pages'),
  args: { name: Name(MEMFD_NAME_MAX, E.INVAL), flags: MemfdFlags },
  run(task, { name, flags }) {
    if ((flags & ~(MFD.CLOEXEC | MFD.ALLOW_SEALING | MFD.EXEC | MFD.NOEXEC_SEAL)) !== 0) return err(E.INVAL)
    if ((flags & MFD.EXEC) !== 0 && (flags & MFD.NOEXEC_SEAL) !== 0) return err(E.INVAL)
    const { host, manager, spaces, cache, bytes } = task.kernel
    const file = new MemoryFile(host, manager, spaces, cache, bytes, name)
    if ((flags & (MFD.ALLOW_SEALING | MFD.NOEXEC_SEAL)) !== 0) file.seals = 0
    if ((flags & MFD.NOEXEC_SEAL) !== 0) {
      file.chmod(0o666)
      file.seals = F_SEAL.EXEC
    }
    return install(task, file, (flags & MFD.CLOEXEC) !== 0)
  },
})
