// mmap(2), munmap(2), mprotect(2), brk(2), mremap(2), madvise(2), msync(2), mincore's family. The rules are the memory manager's.
import { E, err } from '../src/abi/errno.js'
import { O } from '../src/abi/fcntl.js'
import { MADV, MAP, MFD, PROT } from '../src/abi/mman.js'
import { RLIMIT } from '../src/abi/resource.js'
import { vmaCovers } from '../src/processor/address-space.js'
import { StorageFile } from '../src/processor/files.js'
import { MemoryFile } from '../src/processor/memory-file.js'
import { Address, Fd, HexOffset, Int, Name, Size } from './arguments.js'
import { full, partial, syscall } from './define.js'
import { MapFlags, MemfdFlags, MemoryAdvice, Protection, RemapAddress, RemapFlags, SyncFlags } from './flags.js'

export const mmap = syscall({
  number: 9,
  name: 'mmap',
  returns: Address,
  support: partial('files of the storage manager and anonymous memory; no devices, no huge pages'),
  args: { addr: Address, length: Size, prot: Protection, flags: MapFlags, fd: Fd, offset: HexOffset },
  run(task, { addr, length, prot, flags, fd, offset }) {
    const base = { address: addr, length, prot, flags, object: 0 }
    if (offset < 0) return err(E.OVERFLOW)
    if ((flags & MAP.ANONYMOUS) !== 0) {
      return task.kernel.spaces.map(task.space, { ...base, offset: 0, file: '', path: '', maxProt: 0 })
    }
    const file = task.process.files.get(fd)
    if (file === undefined) return err(E.BADF)
    if (!file.readable) return err(E.ACCES)
    if (file instanceof MemoryFile) {
      // A private mapping starts with what shared ones have stored.
      task.kernel.cache.flushObject(file.object)
      return task.kernel.spaces.map(task.space, {
        ...base,
        object: file.object,
        offset,
        file: '',
        path: '',
        maxProt: 0,
      })
    }
    if (!(file instanceof StorageFile) || file.isDirectory) return err(E.NODEV)
    const shared = (flags & MAP.TYPE) !== MAP.PRIVATE
    // A shared mapping of a file that was opened read-only never becomes writable.
    const readOnly = shared && (file.flags & O.ACCMODE) !== O.RDWR
    const maxProt = readOnly ? PROT.READ | PROT.EXEC : 0
    const { key, path } = file.handle
    return task.kernel.spaces.map(task.space, { ...base, offset, file: key, path, maxProt })
  },
})

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
  run: (task, { addr }) => task.kernel.spaces.brk(task.space, addr),
})

export const mremap = syscall({
  number: 25,
  name: 'mremap',
  returns: Address,
  support: full,
  args: { old: Address, oldSize: Size, newSize: Size, flags: RemapFlags, new: RemapAddress },
  run: (task, { old, oldSize, newSize, flags, new: to }) =>
    task.kernel.spaces.remap(task.space, old, oldSize, newSize, flags, to),
})

/** Advice that may be ignored: it changes only speed. */
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
  MADV.COLD,
  MADV.PAGEOUT,
  // Lazily freed pages may keep their contents for ever.
  MADV.FREE,
])

export const madvise = syscall({
  number: 28,
  name: 'madvise',
  returns: Int,
  support: partial('MADV_DONTNEED is done; hints are accepted; the others are EINVAL'),
  args: { addr: Address, length: Size, advice: MemoryAdvice },
  run(task, { addr, length, advice }) {
    if (addr % 4096 !== 0) return err(E.INVAL)
    if (advice === MADV.DONTNEED) return task.kernel.spaces.discard(task.space, addr, length)
    if (!HINTS.has(advice)) return err(E.INVAL)
    return length === 0 || vmaCovers(task.space, addr, length) ? 0 : err(E.NOMEM)
  },
})

export const msync = syscall({
  number: 26,
  name: 'msync',
  returns: Int,
  support: full,
  args: { addr: Address, length: Size, flags: SyncFlags },
  run(task, { addr, length, flags }) {
    if (addr % 4096 !== 0 || (flags & ~7) !== 0 || (flags & 5) === 5) return err(E.INVAL)
    if (length > 0 && !vmaCovers(task.space, addr, length)) return err(E.NOMEM)
    task.kernel.spaces.sync(task.space, addr, length)
    return 0
  },
})

export const mlock = syscall({
  number: 149,
  name: 'mlock',
  returns: Int,
  support: partial('checked; nothing here is swapped where a program could notice'),
  args: { addr: Address, length: Size },
  run: (task, { addr, length }) => (length === 0 || vmaCovers(task.space, addr, length) ? 0 : err(E.NOMEM)),
})

export const munlock = syscall({
  number: 150,
  name: 'munlock',
  returns: Int,
  support: partial('checked, like mlock'),
  args: { addr: Address, length: Size },
  run: (task, { addr, length }) => (length === 0 || vmaCovers(task.space, addr, length) ? 0 : err(E.NOMEM)),
})

export const memfd_create = syscall({
  number: 319,
  name: 'memfd_create',
  returns: Fd,
  support: partial('no seals, no huge pages'),
  args: { name: Name, flags: MemfdFlags },
  run(task, { flags }) {
    if ((flags & ~(MFD.CLOEXEC | MFD.ALLOW_SEALING)) !== 0) return err(E.INVAL)
    const { manager, cache, bytes } = task.kernel
    const { files, limits } = task.process
    const file = new MemoryFile(manager, cache, bytes)
    const fd = files.add(file, (flags & MFD.CLOEXEC) !== 0, limits[RLIMIT.NOFILE]!.current)
    if (fd < 0) file.close()
    return fd
  },
})
