// The memory manager: address spaces, their pages and shared objects, as methods on the messages of src/wire/memory-protocol.ts.
//   new MemoryManager({ source: storage, limitBytes: 2 ** 30 })
// One instance is one memory component; it is used from one thread. Layout rules are in space.ts and remap.ts.
import { E, err } from '../abi/errno.js'
import { type FileHandle, type LayoutChange, PAGE, TASK_SIZE, type Vma } from '../wire/layout.js'
import { FETCH_PAGES_MAX, type MemoryMethods } from '../wire/memory-protocol.js'
import { Frames } from './frames.js'
import { withObjects } from './object-source.js'
import { type MemoryObject, Objects } from './objects.js'
import type { PageSource } from './page-source.js'
import { PageTable } from './page-table.js'
import { remap } from './remap.js'
import { brk, grow, map, mark, pageUp, protect, type Space, unchanged, unmap } from './space.js'
import { isAnonymousPrivate, VmaList } from './vma-list.js'

export interface MemoryOptions {
  readonly source: PageSource
  /** Physical memory; allocated on demand. */
  readonly limitBytes?: number
  /** Physical memory shared with other managers, instead. */
  readonly frames?: Frames
}

/** Without a limit given: what the host or its control group has, but for an eighth that keeps lego and the host going. */
export const limitDefault = (): number =>
  (Math.min(process.getBuiltinModule('node:os').totalmem(), process.constrainedMemory() || Infinity) * 7) / 8

type Request<K extends keyof MemoryMethods> = Parameters<MemoryMethods[K]>[0]

export class MemoryManager implements MemoryMethods {
  #source: PageSource
  #frames: Frames
  #objects: Objects
  #spaces = new Map<number, Space>()
  #fetches = 0
  #fetchedPages = 0
  #writeBacks = 0
  #writtenPages = 0

  constructor(options: MemoryOptions) {
    this.#frames = options.frames ?? new Frames(options.limitBytes ?? limitDefault())
    this.#source = withObjects(options.source, this.#frames, () => this.#objects)
    this.#objects = new Objects(this.#frames, this.#source)
  }

  createSpace({ asid, mmapTop }: Request<'createSpace'>): number {
    if (this.#spaces.has(asid)) return err(E.EXIST)
    const list = new VmaList(this.#objects)
    const table = new PageTable(this.#frames)
    this.#spaces.set(asid, { asid, mmapTop, list, table, objects: this.#objects, brkStart: 0, brk: 0 })
    return 0
  }

  destroySpace({ asid }: Request<'destroySpace'>): number {
    const space = this.#spaces.get(asid)
    if (space === undefined) return err(E.SRCH)
    this.#spaces.delete(asid)
    space.table.destroy()
    space.list.destroy()
    return 0
  }

  /** Gives everything back: its processor is gone. */
  destroy(): void {
    for (const asid of [...this.#spaces.keys()]) this.destroySpace({ asid })
    this.#objects.destroy()
  }

  fork({ parent, child }: Request<'fork'>): number {
    const space = this.#spaces.get(parent)
    if (space === undefined) return err(E.SRCH)
    if (this.#spaces.has(child)) return err(E.EXIST)
    const list = new VmaList(this.#objects, space.list.vmas)
    this.#spaces.set(child, { ...space, asid: child, list, table: space.table.fork() })
    return 0
  }

  map(request: Request<'map'>): LayoutChange {
    const { file: key, path } = request
    if (key === '') return this.#layoutCall(request.asid, (space) => map(space, request))
    // A file that cannot be reached from here is refused now: later it would be a SIGBUS. (Unlinked, and open at another component only.)
    const handle = { key, path }
    this.#source.retain(handle)
    const size = this.#source.size(handle)
    const change = size < 0 ? unchanged(size) : this.#layoutCall(request.asid, (space) => map(space, request))
    if (size >= 0) this.#source.release(handle)
    return change
  }

  unmap({ asid, address, length }: Request<'unmap'>): LayoutChange {
    return this.#layoutCall(asid, (space) => unmap(space, address, length))
  }

  protect({ asid, address, length, prot }: Request<'protect'>): LayoutChange {
    return this.#layoutCall(asid, (space) => protect(space, address, length, prot))
  }

  mark({ asid, address, length, set, clear }: Request<'mark'>): LayoutChange {
    return this.#layoutCall(asid, (space) => mark(space, address, length, set, clear))
  }

  remap(request: Request<'remap'>): LayoutChange {
    return this.#layoutCall(request.asid, (space) => remap(space, request))
  }

  brk({ asid, address }: Request<'brk'>): LayoutChange {
    return this.#layoutCall(asid, (space) => brk(space, address))
  }

  startBrk({ asid, address }: Request<'startBrk'>): number {
    const space = this.#spaces.get(asid)
    if (space === undefined) return err(E.SRCH)
    space.brkStart = address
    space.brk = address
    return 0
  }

  grow({ asid, address, limit }: Request<'grow'>): LayoutChange {
    return this.#layoutCall(asid, (space) => grow(space, address, limit))
  }

  discard({ asid, address, length }: Request<'discard'>): number {
    const space = this.#spaces.get(asid)
    if (space === undefined) return err(E.SRCH)
    if (address % PAGE !== 0) return err(E.INVAL)
    const end = address + pageUp(length)
    if (end > TASK_SIZE) return err(E.INVAL)
    if (length === 0) return 0
    space.table.clear(address / PAGE, end / PAGE)
    return space.list.covers(address, end) ? 0 : err(E.NOMEM)
  }

  layout({ asid }: Request<'layout'>): LayoutChange {
    return this.#layoutCall(asid, (space) => ({ result: 0, start: 0, end: TASK_SIZE, vmas: [...space.list.vmas] }))
  }

  #layoutCall(asid: number, call: (space: Space) => LayoutChange): LayoutChange {
    const space = this.#spaces.get(asid)
    return space === undefined ? unchanged(err(E.SRCH)) : call(space)
  }

  fetch({ asid, page, count, into }: Request<'fetch'>): number {
    const space = this.#spaces.get(asid)
    if (space === undefined) return err(E.SRCH)
    if (count < 1 || count > FETCH_PAGES_MAX || into.length !== count * PAGE) return err(E.INVAL)
    const vma = space.list.find(page * PAGE)
    if (vma === undefined) return err(E.FAULT)
    this.#fetches++
    // Only pages of the same vma; what follows it is not there.
    const wanted = Math.min(count, vma.end / PAGE - page)
    const position = vma.offset + (page * PAGE - vma.start)
    if (wanted < count) into.fill(0, wanted * PAGE)
    if (vma.object !== 0) return this.#fromObject(this.#objects.get(vma.object)!, position / PAGE, wanted, into)
    const backing = this.#privateBacking(vma)
    return this.#fill(space.table, page, wanted, into, backing, position)
  }

  /** What is behind pages of a private mapping that were never written: a file, an object (private memfd mapping), or zeros. */
  #privateBacking(vma: Vma): FileHandle | null {
    return isAnonymousPrivate(vma) ? null : this.#objects.handleOf(vma)
  }

  fetchObject({ object: id, page, count, into }: Request<'fetchObject'>): number {
    const object = this.#objects.get(id)
    if (object === undefined) return err(E.FAULT)
    if (count < 1 || count > FETCH_PAGES_MAX || into.length !== count * PAGE) return err(E.INVAL)
    this.#fetches++
    return this.#fromObject(object, page, count, into)
  }

  #fromObject(object: MemoryObject, page: number, count: number, into: Uint8Array): number {
    if (object.file !== null) return this.#fill(object.table, page, count, into, object.file, page * PAGE)
    const inside = Math.min(count, pageUp(object.size) / PAGE - page)
    if (inside <= 0) return err(E.IO)
    if (inside < into.length / PAGE) into.fill(0, inside * PAGE)
    return this.#fill(object.table, page, inside, into, null, 0)
  }

  /** Pages from the table, else from `file` at `position`, else zeros. */
  #fill(
    table: PageTable,
    page: number,
    count: number,
    into: Uint8Array,
    file: FileHandle | null,
    position: number,
  ): number {
    let found = 0
    for (let index = 0; index < count; index++) {
      const frame = table.get(page + index)
      if (frame !== 0) {
        into.set(this.#frames.bytes(frame), index * PAGE)
        found |= 1 << index
      } else if (file === null) {
        into.fill(0, index * PAGE, (index + 1) * PAGE)
      } else {
        let next = index + 1
        while (next < count && table.get(page + next) === 0) next++
        const got = this.#fromFile(file, position + index * PAGE, into, index * PAGE, next * PAGE)
        if (got <= 0 && index === 0) return err(E.IO)
        for (let at = index; (at - index) * PAGE < got; at++) found |= 1 << at
        index = next - 1
      }
    }
    this.#fetchedPages += count
    return found
  }

  /** Fills into[start..end) from a file, with zeros after its end; returns the bytes that came from it. */
  #fromFile(file: FileHandle, position: number, into: Uint8Array, start: number, end: number): number {
    const target = start === 0 && end === into.length ? into : into.subarray(start, end)
    const got = this.#source.read(file, position, target)
    target.fill(0, Math.max(0, got))
    return got
  }

  writeBack({ asid, page, bytes }: Request<'writeBack'>): number {
    const space = this.#spaces.get(asid)
    if (space === undefined) return err(E.SRCH)
    const count = bytes.length / PAGE
    if (count < 1 || !Number.isInteger(count)) return err(E.INVAL)
    this.#writeBacks++
    for (let index = 0; index < count; index++) {
      const vma = space.list.find((page + index) * PAGE)
      if (vma === undefined) return err(E.FAULT)
      const data = count === 1 ? bytes : bytes.subarray(index * PAGE, (index + 1) * PAGE)
      const objectPage = (vma.offset - vma.start) / PAGE + page + index
      const result =
        vma.object === 0
          ? this.#store(space.table, page + index, data)
          : this.#toObject(this.#objects.get(vma.object)!, objectPage, data)
      if (result < 0) return result
    }
    return 0
  }

  writeBackObject({ object: id, page, bytes }: Request<'writeBackObject'>): number {
    const object = this.#objects.get(id)
    if (object === undefined) return err(E.FAULT)
    const count = bytes.length / PAGE
    if (count < 1 || !Number.isInteger(count)) return err(E.INVAL)
    this.#writeBacks++
    for (let index = 0; index < count; index++) {
      const data = count === 1 ? bytes : bytes.subarray(index * PAGE, (index + 1) * PAGE)
      const result = this.#toObject(object, page + index, data)
      if (result < 0) return result
    }
    return 0
  }

  #store(table: PageTable, page: number, data: Uint8Array): number {
    const frame = table.frameToReplace(page)
    if (frame === 0) return err(E.NOMEM)
    this.#frames.bytes(frame).set(data)
    this.#writtenPages++
    return 0
  }

  #toObject(object: MemoryObject, page: number, data: Uint8Array): number {
    if (object.file === null) {
      return page * PAGE < object.size ? this.#store(object.table, page, data) : err(E.IO)
    }
    // A store beyond the end of the file is lost: mmap(2), NOTES.
    const size = this.#source.size(object.file)
    if (size < 0) return err(E.IO)
    const inside = Math.min(PAGE, size - page * PAGE)
    if (inside <= 0) return err(E.IO)
    this.#writtenPages++
    const written = this.#source.write(object.file, page * PAGE, inside === PAGE ? data : data.subarray(0, inside))
    return written === inside ? 0 : err(E.IO)
  }

  createObject({ size }: Request<'createObject'>): number {
    return this.#objects.create(size, null, 1).id
  }

  resizeObject({ object: id, size }: Request<'resizeObject'>): number {
    const object = this.#objects.get(id)
    if (object === undefined || object.file !== null) return err(E.BADF)
    if (size < object.size) {
      object.table.clear(pageUp(size) / PAGE, pageUp(object.size) / PAGE)
      const last = Math.floor(size / PAGE)
      const frame = object.table.get(last)
      if (size % PAGE !== 0 && frame !== 0) this.#frames.bytes(frame).fill(0, size % PAGE)
    }
    object.size = size
    return 0
  }

  discardObject({ object: id, page, count }: Request<'discardObject'>): number {
    const object = this.#objects.get(id)
    if (object === undefined || object.file !== null) return err(E.BADF)
    object.table.clear(page, page + count)
    return 0
  }

  retainObject({ object: id }: Request<'retainObject'>): number {
    const object = this.#objects.get(id)
    if (object === undefined) return err(E.BADF)
    object.references++
    return 0
  }

  releaseObject({ object: id }: Request<'releaseObject'>): number {
    const object = this.#objects.get(id)
    if (object === undefined) return err(E.BADF)
    this.#objects.release(object)
    return 0
  }

  objectSize({ object: id }: Request<'objectSize'>): number {
    const object = this.#objects.get(id)
    if (object === undefined) return err(E.BADF)
    return object.file === null ? object.size : this.#source.size(object.file)
  }

  present({ asid, page, count }: Request<'present'>): number {
    const space = this.#spaces.get(asid)
    if (space === undefined) return err(E.SRCH)
    if (count < 1 || count > FETCH_PAGES_MAX) return err(E.INVAL)
    let found = 0
    for (let index = 0; index < count; index++) if (space.table.get(page + index) !== 0) found |= 1 << index
    return found
  }

  statistics() {
    return {
      spaces: this.#spaces.size,
      objects: this.#objects.count,
      framesUsed: this.#frames.used,
      framesLimit: this.#frames.limit,
      fetches: this.#fetches,
      fetchedPages: this.#fetchedPages,
      writeBacks: this.#writeBacks,
      writtenPages: this.#writtenPages,
    }
  }
}
