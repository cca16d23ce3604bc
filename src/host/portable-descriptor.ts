// What a descriptor of the portable host can be: one class a kind. Node has no dup, pipe or poll, so descriptors are objects here, by numbers of ours.
// A call that a kind does not know answers what Linux answers for such a file.
import { E } from '../abi/errno.js'
import { O } from '../abi/fcntl.js'
import { POLL } from '../abi/poll.js'
import { type FileStatus, newFileStatus } from '../abi/stat.js'

const ALWAYS = POLL.IN | POLL.OUT | POLL.RDNORM | POLL.WRNORM

export abstract class Descriptor {
  /** Numbers that refer to it (dup(2)). */
  references = 0
  /** What F_GETFL shows. */
  flags: number
  /** Grows with everything that may make it ready: edge-triggered epoll asks (epoll(7)). */
  changes = 0

  constructor(flags: number) {
    this.flags = flags
  }

  /** What readlink(2) says of /proc/self/fd. */
  abstract readonly name: string
  abstract status(out: FileStatus): number
  abstract close(): void

  get readable(): boolean {
    return (this.flags & O.ACCMODE) !== O.WRONLY && (this.flags & O.PATH) === 0
  }

  get writable(): boolean {
    return (this.flags & O.ACCMODE) !== O.RDONLY && (this.flags & O.PATH) === 0
  }

  /** The events that it has now (poll(2)). Asking may start what makes it ready. */
  get events(): number {
    return ALWAYS
  }

  read(_buffer: Uint8Array): number {
    return -E.INVAL
  }

  write(_buffer: Uint8Array): number {
    return -E.INVAL
  }

  pread(_buffer: Uint8Array, _offset: number): number {
    return -E.SPIPE
  }

  pwrite(_buffer: Uint8Array, _offset: number): number {
    return -E.SPIPE
  }

  lseek(_offset: number, _whence: number): number {
    return -E.SPIPE
  }

  control(_command: number, _argument: number): number {
    return -E.INVAL
  }

  ioctl(_request: number, _argument: number | Uint8Array): number {
    return -E.NOTTY
  }
}

/** Numbers of what has no file of the machine behind it. */
let inodes = 0
export const nextInode = (): number => ++inodes

/** Status of such a thing. */
export function fillAnonymous(out: FileStatus, ino: number, mode: number): number {
  Object.assign(out, newFileStatus(), { ino, mode, nlink: 1, blksize: 4096 })
  out.uid = process.geteuid?.() ?? 0
  out.gid = process.getegid?.() ?? 0
  return 0
}
