// The storage manager as the system calls see it: what read(2), write(2) and their relatives do to a file that is also mapped agrees with what
// the mapping does, as on Linux, where both are the page cache. Here the mapping's bytes are lines of the ExCache, which are written back before a
// call looks and forgotten after it has changed the file. Leaves out times: a store through a mapping does not move st_mtime by itself.
import { O } from '../abi/fcntl.js'
import { PAGE } from '../wire/layout.js'
import type { AddressSpaces } from './address-space.js'
import type { Storage } from './storage.js'

const pageOf = (offset: number): number => Math.floor(offset / PAGE)
const pagesIn = (offset: number, length: number): number => Math.ceil((offset + length) / PAGE) - pageOf(offset)

/** Those that read or change what is in a file; every other method is the storage manager's own. */
export function coherentStorage(storage: Storage, spaces: AddressSpaces): Storage {
  const changeAll = (change: () => number): number => {
    const files = [...spaces.sharedFiles]
    for (const file of files) spaces.syncFile(file)
    const result = change()
    for (const file of files) spaces.fileChanged(file)
    return result
  }
  const replaced: Partial<Storage> = {
    read(handle, offset, into) {
      spaces.syncFile(handle.key, pageOf(offset), pagesIn(offset, into.length))
      return storage.read(handle, offset, into)
    },
    write(handle, offset, from) {
      spaces.syncFile(handle.key, pageOf(offset), pagesIn(offset, from.length))
      const result = storage.write(handle, offset, from)
      spaces.fileChanged(handle.key, pageOf(offset), pagesIn(offset, from.length))
      return result
    },
    append(handle, from, out) {
      spaces.syncFile(handle.key)
      const result = storage.append(handle, from, out)
      spaces.fileChanged(handle.key)
      return result
    },
    truncateHandle(handle, length) {
      spaces.syncFile(handle.key)
      const result = storage.truncateHandle(handle, length)
      if (result >= 0) spaces.fileTruncated(handle.key, length)
      return result
    },
    // The host's own calls follow, and no guest code in between.
    descriptor(handle, writing) {
      spaces.syncFile(handle.key)
      if (writing) spaces.fileChanged(handle.key)
      return storage.descriptor(handle, writing)
    },
    reopen(handle, flags) {
      if ((flags & O.TRUNC) === 0) return storage.reopen(handle, flags)
      spaces.syncFile(handle.key)
      const result = storage.reopen(handle, flags)
      if (typeof result !== 'number') spaces.fileTruncated(handle.key, 0)
      return result
    },
    fsync(handle) {
      spaces.syncFile(handle.key)
      return storage.fsync(handle)
    },
    fdatasync(handle) {
      spaces.syncFile(handle.key)
      return storage.fdatasync(handle)
    },
    // By path: which file it is, only the storage manager knows.
    truncate(cwd, path, length) {
      const result = changeAll(() => storage.truncate(cwd, path, length))
      const opened = result < 0 ? result : storage.open(cwd, path, O.PATH, 0)
      if (typeof opened === 'number' || opened.kind !== 'file') return result
      spaces.fileTruncated(opened.handle.key, length)
      storage.release(opened.handle)
      return result
    },
    open(cwd, path, flags, mode) {
      if ((flags & O.TRUNC) === 0) return storage.open(cwd, path, flags, mode)
      changeAll(() => 0)
      const opened = storage.open(cwd, path, flags, mode)
      if (typeof opened !== 'number' && opened.kind === 'file') spaces.fileTruncated(opened.handle.key, 0)
      return opened
    },
  }
  return override(storage, replaced)
}

/** `base` with some methods replaced; the others are bound to it. */
function override<Methods extends object>(base: Methods, replaced: Partial<Methods>): Methods {
  const made: Record<string, unknown> = {}
  for (const name of Object.getOwnPropertyNames(Object.getPrototypeOf(base))) {
    const method = (base as Record<string, unknown>)[name]
    if (typeof method === 'function') made[name] = method.bind(base)
  }
  return Object.assign(made, replaced) as Methods
}
