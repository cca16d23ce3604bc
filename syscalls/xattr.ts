// getxattr(2), setxattr(2), listxattr(2), removexattr(2), by path and by descriptor: extended attributes, as the file system below has them.
import { E, err } from '../src/abi/errno.js'
import { AT, O } from '../src/abi/fcntl.js'
import { descriptorToChange, StorageFile } from '../src/processor/files.js'
import type { Storage } from '../src/processor/storage.js'
import type { Task } from '../src/processor/task.js'
import { Fd, InBuffer, Int, Name, OutBuffer, Path, Size } from './arguments.js'
import { full, partial, syscall } from './define.js'
import { XattrFlags } from './flags.js'
import { placeAt } from './places.js'

/** XATTR_NAME_MAX, XATTR_SIZE_MAX (linux/limits.h). */
const NAME_MAX = 255
const SIZE_MAX = 65536
const AttributeName = Name(NAME_MAX, E.RANGE)
const value = new Uint8Array(SIZE_MAX)

const W_OK = 2
type Use = (hostFd: number) => number

/** What a call does on a descriptor, and whether it changes the file. */
interface Access {
  readonly changes: boolean
  readonly use: Use
}

function withPath(task: Task, path: string, follow: boolean, { changes, use }: Access): number {
  const place = placeAt(task, AT.FDCWD, path)
  if (typeof place === 'number') return place
  const { storage } = task.kernel
  const opened = storage.open(place.cwd, place.path, O.PATH | (follow ? 0 : O.NOFOLLOW), 0)
  if (typeof opened === 'number') return opened
  // O_PATH never gives a device.
  if (opened.kind === 'device') return err(E.OPNOTSUPP)
  const result = onHandle(storage, opened.handle, { changes, use })
  storage.release(opened.handle)
  return result
}

function onHandle(storage: Storage, handle: StorageFile['handle'], { changes, use }: Access): number {
  const allowed = changes ? storage.mayChange(handle) : 0
  const fd = allowed < 0 ? allowed : storage.anyDescriptor(handle)
  const result = fd < 0 ? fd : use(fd)
  // A node of /proc permits what its guest's process does, which the host does not know (xattr_permission, fs/xattr.c).
  const refused = changes && result === -E.OPNOTSUPP ? storage.accessHandle(handle, W_OK, AT.EACCESS) : 0
  return refused < 0 ? refused : result
}

function withDescriptor(task: Task, fd: number, { changes, use }: Access): number {
  const file = task.process.files.get(fd)
  if (file === undefined || (file.flags & O.PATH) !== 0) return err(E.BADF)
  if (!(file instanceof StorageFile)) {
    const own = changes ? descriptorToChange(task.kernel.storage, file, file.attributesFd) : file.attributesFd
    return own < 0 ? own : use(own)
  }
  return onHandle(file.storage, file.handle, { changes, use })
}

/** The first `size` bytes of `value` are for the caller, unless only the length was asked. */
function give(task: Task, address: number, size: number, length: number): number {
  if (length <= 0 || size === 0) return length
  return task.memory.copyOut(address, value, length) < 0 ? err(E.FAULT) : length
}

const reading = (use: Use): Access => ({ changes: false, use })
const changing = (use: Use): Access => ({ changes: true, use })

const get = (task: Task, name: string, address: number, size: number): Access => {
  const room = value.subarray(0, Math.min(size, SIZE_MAX))
  return reading((fd) => give(task, address, size, task.kernel.host.getxattr(fd, name, room)))
}

const list = (task: Task, address: number, size: number): Access => {
  const room = value.subarray(0, Math.min(size, SIZE_MAX))
  return reading((fd) => give(task, address, size, task.kernel.host.listxattr(fd, room)))
}

/** Reads the new value, then sets it; an errno instead of the use when it cannot be read. */
function set(task: Task, name: string, address: number, size: number, flags: number): Access | number {
  if ((flags & ~3) !== 0) return err(E.INVAL)
  if (name === '') return err(E.RANGE)
  if (size > SIZE_MAX) return err(E['2BIG'])
  if (task.memory.copyIn(address, value, size) < 0) return err(E.FAULT)
  return changing((fd) => task.kernel.host.setxattr(fd, name, value.subarray(0, size), flags))
}

const BY_PATH = partial('not of a memfd by its name in /proc: ENXIO')
const OUT = { buffer: OutBuffer('size'), size: Size }
const IN = { value: InBuffer('size'), size: Size, flags: XattrFlags }

const getter = (number: number, name: string, follow: boolean) =>
  syscall({
    number,
    name,
    returns: Size,
    support: BY_PATH,
    args: { path: Path, name: AttributeName, ...OUT },
    run(task, { path, name: attribute, buffer, size }) {
      return attribute !== '' ? withPath(task, path, follow, get(task, attribute, buffer, size)) : err(E.RANGE)
    },
  })

export const getxattr = getter(191, 'getxattr', true)
export const lgetxattr = getter(192, 'lgetxattr', false)

export const fgetxattr = syscall({
  number: 193,
  name: 'fgetxattr',
  returns: Size,
  support: full,
  args: { fd: Fd, name: AttributeName, ...OUT },
  run(task, { fd, name, buffer, size }) {
    return name !== '' ? withDescriptor(task, fd, get(task, name, buffer, size)) : err(E.RANGE)
  },
})

const lister = (number: number, name: string, follow: boolean) =>
  syscall({
    number,
    name,
    returns: Size,
    support: BY_PATH,
    args: { path: Path, ...OUT },
    run: (task, { path, buffer, size }) => withPath(task, path, follow, list(task, buffer, size)),
  })

export const listxattr = lister(194, 'listxattr', true)
export const llistxattr = lister(195, 'llistxattr', false)

export const flistxattr = syscall({
  number: 196,
  name: 'flistxattr',
  returns: Size,
  support: full,
  args: { fd: Fd, ...OUT },
  run: (task, { fd, buffer, size }) => withDescriptor(task, fd, list(task, buffer, size)),
})

const setter = (number: number, name: string, follow: boolean) =>
  syscall({
    number,
    name,
    returns: Int,
    support: BY_PATH,
    args: { path: Path, name: AttributeName, ...IN },
    run(task, { path, name: attribute, value: address, size, flags }) {
      const access = set(task, attribute, address, size, flags)
      return typeof access === 'number' ? access : withPath(task, path, follow, access)
    },
  })

export const setxattr = setter(188, 'setxattr', true)
export const lsetxattr = setter(189, 'lsetxattr', false)

export const fsetxattr = syscall({
  number: 190,
  name: 'fsetxattr',
  returns: Int,
  support: full,
  args: { fd: Fd, name: AttributeName, ...IN },
  run(task, { fd, name, value: address, size, flags }) {
    const access = set(task, name, address, size, flags)
    return typeof access === 'number' ? access : withDescriptor(task, fd, access)
  },
})

const remove = (task: Task, name: string): Access => changing((fd) => task.kernel.host.removexattr(fd, name))

const remover = (number: number, name: string, follow: boolean) =>
  syscall({
    number,
    name,
    returns: Int,
    support: BY_PATH,
    args: { path: Path, name: AttributeName },
    run(task, { path, name: attribute }) {
      if (attribute === '') return err(E.RANGE)
      return withPath(task, path, follow, remove(task, attribute))
    },
  })

export const removexattr = remover(197, 'removexattr', true)
export const lremovexattr = remover(198, 'lremovexattr', false)

export const fremovexattr = syscall({
  number: 199,
  name: 'fremovexattr',
  returns: Int,
  support: full,
  args: { fd: Fd, name: AttributeName },
  run: (task, { fd, name }) => (name !== '' ? withDescriptor(task, fd, remove(task, name)) : err(E.RANGE)),
})
