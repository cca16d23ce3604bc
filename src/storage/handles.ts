// Host descriptors of the files in use, keyed by handle. A handle says which file (device, inode, generation) and survives renames; the descriptors
// keep unlinked files alive while somebody holds a reference. A handle that is not here is opened again at its path, and must be the same file there.
// The generation is the birth time: an inode number used again has another one.
import { AT, O } from '../abi/fcntl.js'
import type { FileStatus } from '../abi/stat.js'
import type { Host } from '../host/host.js'
import type { FileHandle } from '../wire/layout.js'

export interface OpenFile {
  readonly handle: FileHandle
  references: number
  /** Descriptors by what they allow, -1 for not open; one O_RDWR descriptor may stand in two. */
  readFd: number
  writeFd: number
  appendFd: number
  pathFd: number
  /** Has the record locks, and is used for nothing else: to the host's kernel they are all of one owner (an open file description). */
  lockFd: number
}

/** What a descriptor is opened for. */
export type Purpose = 'readFd' | 'writeFd' | 'appendFd' | 'pathFd'

const FLAGS: Readonly<Record<Purpose, number>> = {
  readFd: O.RDONLY | O.CLOEXEC | O.NONBLOCK | O.NOCTTY,
  writeFd: O.WRONLY | O.CLOEXEC | O.NONBLOCK | O.NOCTTY,
  appendFd: O.WRONLY | O.APPEND | O.CLOEXEC | O.NONBLOCK | O.NOCTTY,
  pathFd: O.PATH | O.CLOEXEC,
}

export function keyOf(status: FileStatus): string {
  return `${status.dev}:${status.ino}:${status.btimeSec}.${status.btimeNsec}`
}

export class Handles {
  #host: Host
  #files = new Map<string, OpenFile>()
  #reopen: (handle: FileHandle) => OpenFile | number

  /** `reopen` finds a file by its path, verifies the key and calls `add`. */
  constructor(host: Host, reopen: (handle: FileHandle) => OpenFile | number) {
    this.#host = host
    this.#reopen = reopen
  }

  get count(): number {
    return this.#files.size
  }

  /** Keeps `fd`, just opened with `flags`, for the file; adds no reference. */
  add(key: string, path: string, fd: number, flags: number): OpenFile {
    let file = this.#files.get(key)
    if (file === undefined) {
      file = { handle: { key, path }, references: 0, readFd: -1, writeFd: -1, appendFd: -1, pathFd: -1, lockFd: -1 }
      this.#files.set(key, file)
    }
    const isPath = (flags & O.PATH) !== 0
    const mode = flags & O.ACCMODE
    let kept = false
    const keep = (purpose: Purpose) => {
      if (file[purpose] >= 0) return
      file[purpose] = fd
      kept = true
    }
    if (isPath) keep('pathFd')
    else if (mode === O.RDONLY) keep('readFd')
    else if (mode === O.WRONLY) keep('writeFd')
    else {
      keep('readFd')
      keep('writeFd')
    }
    if (!kept) this.#host.close(fd)
    return file
  }

  /** The descriptor of a file for a purpose, or a negative errno. */
  fd(handle: FileHandle, purpose: Purpose): number {
    const file = this.file(handle)
    if (typeof file === 'number') return file
    const fd = file[purpose]
    return fd >= 0 ? fd : this.#openFor(file, purpose)
  }

  file(handle: FileHandle): OpenFile | number {
    return this.#files.get(handle.key) ?? this.#reopen(handle)
  }

  /** Opened with all the rights there are when somebody first locks. */
  lockFd(handle: FileHandle): number {
    const file = this.file(handle)
    if (typeof file === 'number') return file
    for (const mode of [O.RDWR, O.RDONLY, O.WRONLY])
      if (file.lockFd < 0) file.lockFd = this.#again(file, mode | O.CLOEXEC | O.NONBLOCK | O.NOCTTY)
    return file.lockFd
  }

  /** Any descriptor of the file: for fstat and the like. */
  anyFd(handle: FileHandle): number {
    const file = this.file(handle)
    return typeof file === 'number' ? file : anyOf(file)
  }

  #openFor(file: OpenFile, purpose: Purpose): number {
    const fd = this.#again(file, FLAGS[purpose])
    if (fd >= 0) file[purpose] = fd
    return fd
  }

  /** The file itself, whatever its name is now: proc(5), /proc/pid/fd. */
  #again(file: OpenFile, flags: number): number {
    return this.#host.openat(AT.FDCWD, this.#host.nameOf(anyOf(file)), flags, 0)
  }

  retain(handle: FileHandle): number {
    const file = this.file(handle)
    if (typeof file === 'number') return file
    file.references++
    return 0
  }

  /** True when that was the last reference. */
  release(handle: FileHandle): boolean {
    const file = this.#files.get(handle.key)
    if (file === undefined || --file.references > 0) return false
    this.#files.delete(handle.key)
    const { readFd, writeFd, appendFd, pathFd, lockFd } = file
    for (const fd of new Set([readFd, writeFd, appendFd, pathFd, lockFd])) if (fd >= 0) this.#host.close(fd)
    return true
  }
}

function anyOf(file: OpenFile): number {
  if (file.readFd >= 0) return file.readFd
  if (file.writeFd >= 0) return file.writeFd
  return file.pathFd >= 0 ? file.pathFd : file.appendFd
}
