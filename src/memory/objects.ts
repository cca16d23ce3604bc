// The objects of a memory manager: what MAP_SHARED mappings share. Anonymous ones (and memfd's) have pages here; those of files have none: their
// pages are read from and written to storage directly, so that read(2), write(2) and the mapping agree.
// Counts who refers to objects and files; `Objects` is the observer of every vma list.
import { PROT } from '../abi/mman.js'
import { assert } from '../lib/assert.js'
import type { FileHandle, Vma } from '../wire/layout.js'
import type { Frames } from './frames.js'
import type { PageSource } from './page-source.js'
import { PageTable } from './page-table.js'
import type { VmaObserver } from './vma-list.js'

export interface MemoryObject {
  readonly id: number
  /** In bytes; pages beyond it answer -EIO. A file's size is asked for instead. */
  size: number
  references: number
  /** By the path of the last mapping that may write: another one's mount may be read-only. */
  file: FileHandle | null
  readonly table: PageTable
}

interface FileUse {
  readonly handle: FileHandle
  vmas: number
}

export class Objects implements VmaObserver {
  #frames: Frames
  #source: PageSource
  #byId = new Map<number, MemoryObject>()
  #idOfFile = new Map<string, number>()
  #files = new Map<string, FileUse>()
  #lastId = 0

  constructor(frames: Frames, source: PageSource) {
    this.#frames = frames
    this.#source = source
  }

  get count(): number {
    return this.#byId.size
  }

  get(id: number): MemoryObject | undefined {
    return this.#byId.get(id)
  }

  /** A new object with `references` references. */
  create(size: number, file: FileHandle | null, references: number): MemoryObject {
    const object = { id: ++this.#lastId, size, references, file, table: new PageTable(this.#frames) }
    this.#byId.set(object.id, object)
    if (file !== null) this.#idOfFile.set(file.key, object.id)
    return object
  }

  /** The object of a file; the first mapping makes it. */
  ofFile(file: FileHandle): MemoryObject {
    const known = this.#idOfFile.get(file.key)
    return known === undefined ? this.create(0, file, 0) : this.#byId.get(known)!
  }

  /** The handle as it was when the file was first mapped. */
  handleOf(vma: Vma): FileHandle {
    const use = this.#files.get(vma.file)
    assert(use !== undefined, `a mapped file is counted: ${vma.file}`)
    return use.handle
  }

  release(object: MemoryObject): void {
    assert(object.references > 0, `object ${object.id} has references`)
    if (--object.references > 0) return
    object.table.destroy()
    this.#byId.delete(object.id)
    if (object.file !== null) this.#idOfFile.delete(object.file.key)
  }

  /** Drops the objects that only their creators hold. */
  destroy(): void {
    for (const object of this.#byId.values()) object.table.destroy()
    this.#byId.clear()
    this.#idOfFile.clear()
  }

  added(vma: Vma): void {
    if (vma.object !== 0) {
      const object = this.#byId.get(vma.object)!
      object.references++
      if (object.file !== null && (vma.maxProt & PROT.WRITE) !== 0) object.file = { key: vma.file, path: vma.path }
    }
    if (vma.file === '') return
    const use = this.#files.get(vma.file)
    if (use !== undefined) {
      use.vmas++
      return
    }
    const handle = { key: vma.file, path: vma.path }
    this.#files.set(vma.file, { handle, vmas: 1 })
    this.#source.retain(handle)
  }

  removed(vma: Vma): void {
    if (vma.object !== 0) this.release(this.#byId.get(vma.object)!)
    if (vma.file === '') return
    const use = this.#files.get(vma.file)!
    if (--use.vmas > 0) return
    this.#files.delete(vma.file)
    this.#source.release(use.handle)
  }
}
