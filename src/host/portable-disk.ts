// Files and directories of the portable host. A file has a descriptor of Node's, and a position here, for Node has no lseek. A directory, and what is
// opened with O_PATH, is a place: its path, and which file that was (Node cannot open directories everywhere). The host renames places with what
// it renames itself.
import type fs from 'node:fs'
import { direntLength, writeDirent } from '../abi/dirent.js'
import { E } from '../abi/errno.js'
import { O, SEEK } from '../abi/fcntl.js'
import { direntTypeOf, type FileStatus } from '../abi/stat.js'
import { bytesOfPath, hasEscapes, textOfPath } from '../lib/path-text.js'
import { attempt } from './portable-attempt.js'
import { Descriptor } from './portable-descriptor.js'

export type FileSystem = typeof fs

/** As Node takes it: bytes where the name is no UTF-8. */
export const forNode = (path: string): string | Buffer => (hasEscapes(path) ? Buffer.from(bytesOfPath(path)) : path)

/** Which file it is. */
export const identityOf = ({ dev, ino }: fs.BigIntStats): string => `${dev}:${ino}`

/** Something that has a path, which changes when the host renames it. */
export abstract class DiskDescriptor extends Descriptor {
  path: string
  readonly identity: string
  protected readonly fs: FileSystem

  constructor(system: FileSystem, path: string, identity: string, flags: number) {
    super(flags)
    this.fs = system
    this.path = path
    this.identity = identity
  }

  get name(): string {
    return this.path
  }

  /** 0, or -ESTALE when another file has the path now, or -ENOENT. */
  found(): number {
    return attempt(() =>
      identityOf(this.fs.lstatSync(forNode(this.path), { bigint: true })) === this.identity ? 0 : -E.STALE,
    )
  }
}

interface Opened {
  readonly path: string
  readonly identity: string
  readonly flags: number
  readonly seeks: boolean
}

export class DiskFile extends DiskDescriptor {
  readonly nodeFd: number
  #position: number | null
  /** Descriptors here that use the one of Node's. */
  #users = { count: 1 }
  /** Whether Node's descriptor has O_APPEND itself. */
  #appends: boolean

  /** `seeks`: it has a position; devices have none. */
  constructor(system: FileSystem, nodeFd: number, { path, identity, flags, seeks }: Opened) {
    super(system, path, identity, flags)
    this.nodeFd = nodeFd
    this.#position = seeks ? 0 : null
    this.#appends = (flags & O.APPEND) !== 0
  }

  /** The file opened again without a name, as far as Node's descriptor allows; undefined where it does not. */
  again(flags: number): DiskFile | undefined {
    const { path, identity } = this
    const other = new DiskFile(this.fs, this.nodeFd, { path, identity, flags, seeks: this.#position !== null })
    if ((other.readable && !this.readable) || (other.writable && !this.writable)) return undefined
    other.#users = this.#users
    other.#appends = this.#appends
    this.#users.count++
    return other
  }

  status(out: FileStatus): number {
    return attempt(() => fillStatus(this.fs.fstatSync(this.nodeFd, { bigint: true }), out))
  }

  override read(buffer: Uint8Array): number {
    const result = this.#readAt(buffer, this.#position)
    if (this.#position !== null && result > 0) this.#position += result
    return result
  }

  override write(buffer: Uint8Array): number {
    const appends = (this.flags & O.APPEND) !== 0
    const end = appends && !this.#appends ? this.fs.fstatSync(this.nodeFd).size : null
    const result = this.#writeAt(buffer, appends ? end : this.#position)
    if (this.#position === null || result < 0) return result
    if (appends) this.#position = this.fs.fstatSync(this.nodeFd).size
    else this.#position += result
    return result
  }

  override pread(buffer: Uint8Array, offset: number): number {
    if (offset < 0) return -E.INVAL
    return this.#readAt(buffer, this.#position === null ? null : offset)
  }

  override pwrite(buffer: Uint8Array, offset: number): number {
    if (offset < 0) return -E.INVAL
    return this.#writeAt(buffer, this.#position === null ? null : offset)
  }

  #readAt(buffer: Uint8Array, position: number | null): number {
    if (!this.readable) return -E.BADF
    return attempt(() => this.fs.readSync(this.nodeFd, buffer, 0, buffer.length, position))
  }

  #writeAt(buffer: Uint8Array, position: number | null): number {
    if (!this.writable) return -E.BADF
    return attempt(() => this.fs.writeSync(this.nodeFd, buffer, 0, buffer.length, position))
  }

  override lseek(offset: number, whence: number): number {
    // Devices such as /dev/null take every position and stay where they are (null_lseek, drivers/char/mem.c).
    if (this.#position === null) return 0
    if (whence !== SEEK.SET && whence !== SEEK.CUR && whence !== SEEK.END) return -E.INVAL
    const size = whence === SEEK.END ? this.fs.fstatSync(this.nodeFd).size : 0
    const origin = whence === SEEK.CUR ? this.#position : size
    if (origin + offset < 0) return -E.INVAL
    this.#position = origin + offset
    return this.#position
  }

  close(): void {
    if (--this.#users.count === 0) attempt(() => this.fs.closeSync(this.nodeFd))
  }
}

/** A directory, or whatever O_PATH named. */
export class Place extends DiskDescriptor {
  /** A directory's entries, read at the first getdents64 and again after rewinding. */
  #entries: readonly Buffer[] | null = null
  #at = 0

  status(out: FileStatus): number {
    const found = this.found()
    return found < 0 ? found : attempt(() => fillStatus(this.fs.lstatSync(forNode(this.path), { bigint: true }), out))
  }

  override read(): number {
    return (this.flags & O.PATH) !== 0 ? -E.BADF : -E.ISDIR
  }

  override write(): number {
    return -E.BADF
  }

  override pread(): number {
    return this.read()
  }

  override pwrite(): number {
    return -E.BADF
  }

  override lseek(offset: number, whence: number): number {
    if ((this.flags & O.PATH) !== 0) return -E.BADF
    const to = whence === SEEK.SET ? offset : whence === SEEK.CUR ? this.#at + offset : -1
    if (to < 0) return -E.INVAL
    this.#at = to
    if (to === 0) this.#entries = null
    return to
  }

  /** Records until the buffer is full: getdents64(2). */
  list(buffer: Uint8Array): number {
    if ((this.flags & O.PATH) !== 0) return -E.BADF
    return attempt(() => {
      this.#entries ??= this.fs.readdirSync(forNode(this.path), 'buffer')
      const view = new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength)
      const names = this.#entries
      let done = 0
      for (; this.#at < names.length + 2; this.#at++) {
        const name = this.#at < 2 ? DOTS[this.#at]! : names[this.#at - 2]!
        if (done + direntLength(name.length) > buffer.length) return done === 0 ? -E.INVAL : done
        const path = forNode(`${this.path}/${textOfPath(name)}`)
        const status = this.fs.lstatSync(path, { bigint: true, throwIfNoEntry: false })
        if (status === undefined) continue
        const type = direntTypeOf(Number(status.mode))
        done += writeDirent(view, done, buffer.length, Number(status.ino), this.#at + 1, type, name)
      }
      return done
    })
  }

  close(): void {}
}

const DOTS = [Buffer.from('.'), Buffer.from('..')] as const

const NSEC = 1_000_000_000n

export function fillStatus(status: fs.BigIntStats, out: FileStatus): number {
  out.dev = Number(status.dev)
  out.ino = Number(status.ino)
  out.mode = Number(status.mode)
  out.nlink = Number(status.nlink)
  out.uid = Number(status.uid)
  out.gid = Number(status.gid)
  out.rdev = Number(status.rdev)
  out.size = Number(status.size)
  out.blksize = Number(status.blksize)
  out.blocks = Number(status.blocks)
  out.atimeSec = Number(status.atimeNs / NSEC)
  out.atimeNsec = Number(status.atimeNs % NSEC)
  out.mtimeSec = Number(status.mtimeNs / NSEC)
  out.mtimeNsec = Number(status.mtimeNs % NSEC)
  out.ctimeSec = Number(status.ctimeNs / NSEC)
  out.ctimeNsec = Number(status.ctimeNs % NSEC)
  out.btimeSec = Number(status.birthtimeNs / NSEC)
  out.btimeNsec = Number(status.birthtimeNs % NSEC)
  return 0
}
