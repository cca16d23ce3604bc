// A memfd: a file whose bytes are an object of the memory manager. Mappings share the object's lines in the ExCache; read and write go to the manager, with
// the lines written back before and forgotten after, so that both see the same bytes.
import { E, err } from '../abi/errno.js'
import { F_SEAL, O, SEEK } from '../abi/fcntl.js'
import { MFD } from '../abi/mman.js'
import { type FileStatus, S } from '../abi/stat.js'
import type { ExCache } from '../excache/excache.js'
import type { Host } from '../host/host.js'
import { objectKey, PAGE } from '../wire/layout.js'
import type { MemoryMethods } from '../wire/memory-protocol.js'
import type { AddressSpaces } from './address-space.js'
import { Description } from './files.js'
import type { Segments } from './guest-memory.js'

export class MemoryFile extends Description {
  readonly object: number
  /** As memfd_create(2) was told. */
  readonly name: string
  readonly #host: Host
  readonly #manager: MemoryMethods
  readonly #cache: ExCache
  readonly #spaces: AddressSpaces
  readonly #bytes: Uint8Array
  readonly #page = new Uint8Array(PAGE)
  readonly pollFd = -1
  readonly fills = true
  #offset = 0
  #mode = 0o777
  /** An empty memfd of the host, once somebody has asked for attributes. */
  #attributesFd = -1
  /** F_SEAL_ bits; a file is born sealed against seals unless memfd_create(2) says otherwise. */
  seals: number = F_SEAL.SEAL

  constructor(
    host: Host,
    manager: MemoryMethods,
    spaces: AddressSpaces,
    cache: ExCache,
    bytes: Uint8Array,
    name: string,
  ) {
    super(O.RDWR | O.LARGEFILE)
    this.#host = host
    this.#manager = manager
    this.#spaces = spaces
    this.#cache = cache
    this.#bytes = bytes
    this.name = name
    this.object = manager.createObject({ size: 0 })
  }

  get size(): number {
    return this.#manager.objectSize({ object: this.object })
  }

  resize(size: number): number {
    // Sizes are exact numbers here; tmpfs would go on to 2^63.
    if (size > Number.MAX_SAFE_INTEGER) return err(E.FBIG)
    const { size: before } = this
    if (size < before && (this.seals & F_SEAL.SHRINK) !== 0) return err(E.PERM)
    if (size > before && (this.seals & F_SEAL.GROW) !== 0) return err(E.PERM)
    this.#cache.flushObject(this.object)
    const result = this.#manager.resizeObject({ object: this.object, size })
    this.#forget()
    this.#spaces.fileTruncated(objectKey(this.object), size)
    return result
  }

  read(into: Segments, offset: number): number {
    // `into` may be in a mapping of this very file.
    this.#cache.flushObject(this.object, undefined, undefined, true)
    const start = offset < 0 ? this.#offset : offset
    const end = Math.min(start + into.bytes, this.size)
    let at = start
    for (let index = 0; index < into.count && at < end; index++) {
      let host = into.pairs[2 * index]!
      const limit = Math.min(end, at + into.pairs[2 * index + 1]!)
      while (at < limit) {
        const inPage = at % PAGE
        const part = Math.min(limit - at, PAGE - inPage)
        const result = this.#manager.fetchObject({
          object: this.object,
          page: (at - inPage) / PAGE,
          count: 1,
          into: this.#page,
        })
        if (result < 0) return result
        this.#bytes.set(this.#page.subarray(inPage, inPage + part), host)
        at += part
        host += part
      }
    }
    if (offset < 0) this.#offset = Math.max(start, at)
    return at - start
  }

  write(from: Segments, offset: number): number {
    if ((this.seals & (F_SEAL.WRITE | F_SEAL.FUTURE_WRITE)) !== 0) return err(E.PERM)
    const start = (this.flags & O.APPEND) !== 0 ? this.size : offset < 0 ? this.#offset : offset
    if (start + from.bytes > this.size) {
      const resized = this.resize(start + from.bytes)
      if (resized < 0) return resized
    } else this.#cache.flushObject(this.object)
    let at = start
    for (let index = 0; index < from.count; index++) {
      let host = from.pairs[2 * index]!
      const limit = at + from.pairs[2 * index + 1]!
      while (at < limit) {
        const inPage = at % PAGE
        const part = Math.min(limit - at, PAGE - inPage)
        const page = (at - inPage) / PAGE
        if (part < PAGE) this.#manager.fetchObject({ object: this.object, page, count: 1, into: this.#page })
        this.#page.set(this.#bytes.subarray(host, host + part), inPage)
        const result = this.#manager.writeBackObject({ object: this.object, page, bytes: this.#page })
        if (result < 0) return at > start ? at - start : result
        at += part
        host += part
      }
    }
    this.#forget()
    if (offset < 0) this.#offset = at
    return at - start
  }

  seek(offset: number, whence: number): number {
    if (whence < 0 || whence > SEEK.END) return err(E.INVAL)
    const target = offset + (whence === SEEK.SET ? 0 : whence === SEEK.CUR ? this.#offset : this.size)
    if (target < 0) return err(E.INVAL)
    this.#offset = target
    return target
  }

  override get attributesFd(): number {
    if (this.#attributesFd >= 0) return this.#attributesFd
    const fd = this.#host.memfdCreate(this.name, MFD.CLOEXEC)
    if (fd >= 0) this.#host.fchmod(fd, this.#mode)
    this.#attributesFd = fd
    return fd
  }

  /** Its bytes have changed: mappings fetch them again. */
  #forget(): void {
    this.#cache.dropObject(this.object, { discard: true })
    this.#spaces.fileChanged(objectKey(this.object))
  }

  get isExecutable(): boolean {
    return (this.#mode & 0o111) !== 0
  }

  chmod(mode: number): number {
    if ((this.seals & F_SEAL.EXEC) !== 0 && ((mode ^ this.#mode) & 0o111) !== 0) return err(E.PERM)
    this.#mode = mode
    return this.#attributesFd < 0 ? 0 : this.#host.fchmod(this.#attributesFd, mode)
  }

  /** FALLOC_FL_PUNCH_HOLE: zeros, as far as the file goes. */
  punch(offset: number, length: number): number {
    if ((this.seals & (F_SEAL.WRITE | F_SEAL.FUTURE_WRITE)) !== 0) return err(E.PERM)
    const end = Math.min(offset + length, this.size)
    this.#cache.flushObject(this.object)
    for (let at = offset; at < end; ) {
      const inPage = at % PAGE
      const part = Math.min(end - at, PAGE - inPage)
      const page = (at - inPage) / PAGE
      this.#manager.fetchObject({ object: this.object, page, count: 1, into: this.#page })
      this.#page.fill(0, inPage, inPage + part)
      const result = this.#manager.writeBackObject({ object: this.object, page, bytes: this.#page })
      if (result < 0) return result
      at += part
    }
    this.#forget()
    return 0
  }

  status(out: FileStatus): number {
    for (const field of Object.keys(out) as (keyof FileStatus)[]) out[field] = 0
    out.mode = S.IFREG | this.#mode
    out.nlink = 0
    out.ino = this.object
    out.size = this.size
    out.blksize = PAGE
    out.blocks = Math.ceil(out.size / PAGE) * (PAGE / 512)
    return 0
  }

  close(): void {
    this.#manager.releaseObject({ object: this.object })
    if (this.#attributesFd >= 0) this.#host.close(this.#attributesFd)
  }
}
