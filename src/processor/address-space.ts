// Address spaces as the processor knows them: a mirror of each vma list, and the calls that change it (mmap and friends), in the order that memory
// manager, mirror, ExCache and engine need. `AddressSpaces` is also the ExCache's LineSource: it says what backs a page and moves lines.
// The rules of mmap(2) are the memory manager's; nothing here repeats them.
import { E, err } from '../abi/errno.js'
import { MAP, MREMAP, PROT } from '../abi/mman.js'
import { BUS, SEGV, SIG } from '../abi/signal.js'
import type { ExCache } from '../excache/excache.js'
import type { LineSource, Resolution } from '../excache/source.js'
import { assert } from '../lib/assert.js'
import {
  applyChange,
  type LayoutChange,
  MARK,
  ON_FORK,
  objectKey,
  PAGE,
  TASK_SIZE,
  type Vma,
  vmaIndex,
} from '../wire/layout.js'
import type { MemoryMethods } from '../wire/memory-protocol.js'
import type { GuestEngine } from './guest-engine.js'
import { GuestMemory, SCRATCH_SIZE } from './guest-memory.js'
import type { Vcpus } from './vcpus.js'

const ASID_MAX = 0xffff

/** Where mmap(2) places downwards from: as the kernel without randomisation. */
const MMAP_TOP = 0x7ffff7fff000

export type MapRequest = Omit<Parameters<MemoryMethods['map']>[0], 'asid'>

/** Past every address and length, and exact on the wire: a guest may ask for anything. Keeps what makes a value unaligned. */
const bounded = (value: number): number => (value > 2 ** 52 ? 2 ** 52 + (value % PAGE) : value)

const pageUp = (value: number): number => Math.ceil(value / PAGE) * PAGE

export class AddressSpace {
  readonly asid: number
  readonly vmas: Vma[]
  readonly memory: GuestMemory
  /** Processes and threads' processes that use it (vfork and CLONE_VM share one). */
  users = 1
  /** RLIMIT_STACK, for growing. */
  stackLimit = 8 << 20
  /** RLIMIT_AS, for growing; who maps asks memory-limits.ts. */
  sizeLimit = Infinity
  /** membarrier(2)'s registrations. */
  barriers = 0
  /** mlockall(2), MCL_FUTURE. */
  locksFuture = false
  /** What is wrong with the file it was loaded from, should the program die of it. */
  flaw: string | null = null
  /** What the loader found, for /proc and prctl. */
  brkStart = 0
  /** Argument strings, and behind them the environment's. */
  argStart = 0
  argEnd = 0
  envEnd = 0
  auxStart = 0
  /** Where the heap ends now. */
  kernelBrk: () => number = () => this.brkStart

  constructor(asid: number, vmas: Vma[], memory: GuestMemory) {
    this.asid = asid
    this.vmas = vmas
    this.memory = memory
  }
}

export class AddressSpaces implements LineSource {
  readonly #manager: MemoryMethods
  readonly #bytes: Uint8Array
  readonly #spaces = new Map<number, AddressSpace>()
  readonly #scratch = new DataView(new ArrayBuffer(SCRATCH_SIZE))
  /** Objects of the files that have, or had, shared mappings, by FileHandle.key. */
  readonly #sharedFiles = new Map<string, number>()
  /** Files and memfds that have, or had, private mappings. */
  readonly #privateFiles = new Set<string>()
  /** Objects that nobody may write to from now on (F_SEAL_WRITE, F_SEAL_FUTURE_WRITE). */
  readonly sealedObjects = new Set<number>()
  #lastAsid = 0
  #recent: AddressSpace | undefined
  #cache: ExCache | undefined
  #engine: GuestEngine | undefined
  #vcpus: Vcpus | undefined
  /** The vCPU whose access is being looked at. */
  writer = 0
  /** Told whose memory is lost. */
  onOutOfMemory: ((space: AddressSpace) => void) | null = null

  constructor(manager: MemoryMethods, bytes: Uint8Array) {
    this.#manager = manager
    this.#bytes = bytes
  }

  /** The ExCache and the engine are made after this, as they call it. `vcpus`: the others. */
  connect(cache: ExCache, engine: GuestEngine, vcpus: Vcpus): void {
    this.#cache = cache
    this.#engine = engine
    this.#vcpus = vcpus
  }

  get #lines(): ExCache {
    assert(this.#cache !== undefined, 'the ExCache is connected')
    return this.#cache
  }

  get(asid: number): AddressSpace | undefined {
    if (this.#recent?.asid !== asid) this.#recent = this.#spaces.get(asid)
    return this.#recent
  }

  /** Ids go round, so that one comes back long after every trace of its last owner is gone; the engine's code keys hold 16 bits. */
  #freeAsid(): number {
    do this.#lastAsid = (this.#lastAsid % ASID_MAX) + 1
    while (this.#spaces.has(this.#lastAsid))
    return this.#lastAsid
  }

  #add(asid: number, vmas: Vma[]): AddressSpace {
    const space = new AddressSpace(
      asid,
      vmas,
      new GuestMemory(this.#lines, 0, asid, this.#bytes, this.#scratch, this.#vcpus!),
    )
    space.kernelBrk = () => this.brk(space, 0)
    this.#spaces.set(asid, space)
    return space
  }

  create(): AddressSpace {
    const asid = this.#freeAsid()
    const result = this.#manager.createSpace({ asid, mmapTop: MMAP_TOP })
    assert(result === 0, `the memory manager makes space ${asid}: ${result}`)
    return this.#add(asid, [])
  }

  /** fork(2): a copy on write, or a negative errno. */
  fork(parent: AddressSpace): AddressSpace | number {
    const asid = this.#freeAsid()
    let result = 0
    this.#vcpus?.quiesce()
    this.#lines.fork(parent.asid, asid, () => {
      result = this.#manager.fork({ parent: parent.asid, child: asid })
    })
    if (result < 0) {
      this.#lines.dropSpace(asid)
      return result
    }
    const child = this.#add(asid, [...parent.vmas])
    child.stackLimit = parent.stackLimit
    child.sizeLimit = parent.sizeLimit
    child.brkStart = parent.brkStart
    child.argStart = parent.argStart
    child.argEnd = parent.argEnd
    child.envEnd = parent.envEnd
    child.auxStart = parent.auxStart
    child.flaw = parent.flaw
    for (const { start, end, flags } of parent.vmas) {
      if ((flags & ON_FORK.LEAVE) !== 0) this.unmap(child, start, end - start)
      else if ((flags & ON_FORK.WIPE) !== 0) this.discard(child, start, end - start)
      // Locks are not inherited, guards only with what they guard (dup_mmap, kernel/fork.c).
      const lost = (flags & MARK.LOCKED) | ((flags & ON_FORK.WIPE) !== 0 ? flags & MARK.GUARD : 0)
      if (lost !== 0 && (flags & ON_FORK.LEAVE) === 0) this.mark(child, start, end - start, 0, lost)
    }
    return child
  }

  /** One user less; the last one frees it. */
  release(space: AddressSpace): void {
    if (--space.users > 0) return
    this.#flushShared(space, 0, TASK_SIZE)
    this.#lines.dropSpace(space.asid)
    // After the last one nothing runs any more.
    if (this.#spaces.size > 1) {
      this.#engine?.dropSpace(space.asid)
      this.#vcpus?.dropCode(space.asid, 0, TASK_SIZE / PAGE, 0)
    }
    this.#manager.destroySpace({ asid: space.asid })
    this.#spaces.delete(space.asid)
    this.#recent = undefined
  }

  // The calls of mmap(2) and its family: results as the system calls'.

  map(space: AddressSpace, wanted: MapRequest): number {
    const { address, length, offset } = wanted
    const request = { ...wanted, address: bounded(address), length: bounded(length), offset: bounded(offset) }
    const fixed = (request.flags & MAP.FIXED) !== 0
    // A private mapping starts with what shared ones have stored.
    if (request.file !== '') this.syncFile(request.file)
    if (fixed) {
      this.#vcpus?.quiesce()
      this.#flushShared(space, request.address, request.address + request.length)
    }
    const change = this.#manager.map({ ...request, asid: space.asid })
    if (change.result < 0) return change.result
    applyChange(space.vmas, change)
    const mapped = space.vmas[vmaIndex(space.vmas, change.result)]
    if (request.file !== '' && mapped !== undefined && mapped.object !== 0)
      this.#sharedFiles.set(request.file, mapped.object)
    if (mapped !== undefined && mapped.object === 0 && mapped.file !== '') this.#privateFiles.add(mapped.file)
    // Elsewhere nothing was mapped before, and unmapping left no lines.
    if (fixed) this.#forget(space, change.result, pageUp(request.length), true)
    return change.result
  }

  unmap(space: AddressSpace, address: number, length: number): number {
    this.#vcpus?.quiesce()
    this.#flushShared(space, address, address + length)
    const change = this.#manager.unmap({ asid: space.asid, address: bounded(address), length: bounded(length) })
    applyChange(space.vmas, change)
    if (change.result >= 0) this.#forget(space, address, pageUp(length), true)
    return change.result
  }

  protect(space: AddressSpace, address: number, length: number, prot: number): number {
    this.#vcpus?.quiesce()
    const change = this.#manager.protect({
      asid: space.asid,
      address: bounded(address),
      length: bounded(length),
      prot,
    })
    applyChange(space.vmas, change)
    if (change.start === change.end) return change.result
    for (const vma of change.vmas) {
      const start = Math.max(vma.start, change.start)
      const end = Math.min(vma.end, change.end)
      if (start < end) this.#lines.protect(space.asid, start / PAGE, (end - start) / PAGE, vma.prot)
    }
    this.#dropCode(space.asid, change.start / PAGE, (change.end - change.start) / PAGE)
    return change.result
  }

  remap(
    space: AddressSpace,
    oldAddress: number,
    oldLength: number,
    newLength: number,
    flags: number,
    newAddress: number,
  ): number {
    this.#vcpus?.quiesce()
    // The pages move inside the memory manager: it needs what the cache has.
    if (oldAddress % PAGE === 0 && oldAddress + oldLength <= TASK_SIZE) {
      this.#flushShared(space, oldAddress, oldAddress + oldLength)
      this.#forget(space, oldAddress, pageUp(oldLength), false)
    }
    if ((flags & MREMAP.FIXED) !== 0) this.#flushShared(space, newAddress, newAddress + newLength)
    const change = this.#manager.remap({
      asid: space.asid,
      oldAddress: bounded(oldAddress),
      oldLength: bounded(oldLength),
      newLength: bounded(newLength),
      flags,
      newAddress: bounded(newAddress),
    })
    applyChange(space.vmas, change)
    if (change.result < 0) return change.result
    if (change.result !== oldAddress) {
      this.#forget(space, change.result, pageUp(newLength), true)
      const moved = Math.min(pageUp(oldLength), pageUp(newLength))
      this.#lines.moved(space.asid, oldAddress / PAGE, change.result / PAGE, moved / PAGE)
    } else if (newLength < oldLength)
      this.#forget(space, oldAddress + pageUp(newLength), pageUp(oldLength) - pageUp(newLength), true)
    return change.result
  }

  brk(space: AddressSpace, address: number): number {
    const change = this.#manager.brk({ asid: space.asid, address: bounded(address) })
    applyChange(space.vmas, change)
    this.#forgetUnmapped(space, change)
    return change.result
  }

  startBrk(space: AddressSpace, address: number): void {
    space.brkStart = address
    this.#manager.startBrk({ asid: space.asid, address })
  }

  /** Bits of ON_FORK and MARK. */
  mark(space: AddressSpace, address: number, length: number, set: number, clear: number): number {
    const change = this.#manager.mark({ asid: space.asid, address, length, set, clear })
    applyChange(space.vmas, change)
    return change.result
  }

  /** A hole in anonymous shared memory: zeros for all who have it. */
  punch(object: number, firstPage: number, count: number): number {
    if (this.sealedObjects.has(object)) return err(E.PERM)
    this.#vcpus?.quiesce()
    this.#lines.dropObject(object, { discard: true }, firstPage, count)
    const result = this.#manager.discardObject({ object, page: firstPage, count })
    this.fileChanged(objectKey(object), firstPage, count)
    return result
  }

  /** MADV_GUARD_INSTALL: what is there goes, and nothing comes. */
  guard(space: AddressSpace, address: number, length: number): number {
    const result = this.discard(space, address, length)
    this.mark(space, address, length, MARK.GUARD, 0)
    return result
  }

  /** MADV_DONTNEED. */
  discard(space: AddressSpace, address: number, length: number): number {
    this.#vcpus?.quiesce()
    this.#flushShared(space, address, address + length)
    const result = this.#manager.discard({ asid: space.asid, address: bounded(address), length: bounded(length) })
    if (result !== -E.INVAL && length > 0) this.#forget(space, address, pageUp(length), true)
    return result
  }

  /** msync(2), and before the file is read by other means: shared file pages go to their file. */
  sync(space: AddressSpace, address: number, length: number): void {
    this.#flushShared(space, address, address + length)
  }

  // Files that are both mapped and read or written by calls: the ExCache's lines of a mapping are a copy. All cost nothing while no file is mapped
  // shared. Pages are the file's.

  /** Stores through mappings reach the file. The lines stay dirty: the call may be about to write to one of them (read(2) into a mapping of the file). */
  syncFile(file: string, firstPage?: number, count?: number): void {
    if (this.#sharedFiles.size === 0) return
    const object = this.#sharedObject(file)
    if (object !== 0) this.#lines.flushObject(object, firstPage, count, true)
  }

  /** The file has changed below its mappings: they fetch it again. */
  fileChanged(file: string, firstPage?: number, count?: number): void {
    if (this.#privateFiles.has(file)) this.#privateChanged(file, firstPage, count)
    if (this.#sharedFiles.size === 0) return
    const object = this.#sharedObject(file)
    if (object === 0) return
    this.#lines.dropObject(object, { discard: true }, firstPage, count)
    for (const { asid, vmas } of this.#spaces.values())
      for (const vma of vmas)
        if (vma.object === object && (vma.prot & PROT.EXEC) !== 0)
          this.#engine?.invalidate(asid, vma.start / PAGE, (vma.end - vma.start) / PAGE)
  }

  /** What lay behind the new end is gone, from private mappings too (truncate_pagecache, mm/truncate.c). */
  fileTruncated(file: string, size: number): void {
    this.fileChanged(file)
    if (!this.#privateFiles.has(file)) return
    for (const space of this.#spaces.values())
      for (const { file: mapped, object, start, end, offset } of [...space.vmas]) {
        const from = Math.max(start, start + pageUp(size) - offset)
        if (mapped === file && object === 0 && from < end) this.discard(space, from, end - from)
      }
  }

  /** Pages of private mappings are the file's until they are written. */
  #privateChanged(file: string, firstPage = 0, count = Infinity): void {
    let isMapped = false
    for (const space of this.#spaces.values())
      for (const { file: mapped, object, start, end, offset } of space.vmas) {
        if (mapped !== file || object !== 0) continue
        isMapped = true
        const from = Math.max(start, start + firstPage * PAGE - offset)
        const to = Math.min(end, start + (firstPage + count) * PAGE - offset)
        if (from < to) this.#forget(space, from, to - from, false)
      }
    if (!isMapped) this.#privateFiles.delete(file)
  }

  /** Those that have shared mappings now or had them once. */
  get sharedFiles(): IterableIterator<string> {
    return this.#sharedFiles.keys()
  }

  /** 0: no space maps it any more. */
  #sharedObject(file: string): number {
    const object = this.#sharedFiles.get(file) ?? 0
    if (object === 0) return 0
    for (const { vmas } of this.#spaces.values()) if (vmas.some((vma) => vma.object === object)) return object
    this.#sharedFiles.delete(file)
    return 0
  }

  #forgetUnmapped(space: AddressSpace, change: LayoutChange): void {
    let at = change.start
    for (const vma of [...change.vmas, undefined]) {
      const next = Math.min(vma?.start ?? change.end, change.end)
      if (next > at) this.#forget(space, at, next - at, true)
      at = vma?.end ?? change.end
    }
  }

  #forget(space: AddressSpace, address: number, length: number, discard: boolean): void {
    const count = Math.min(length, TASK_SIZE - address) / PAGE
    if (count <= 0) return
    this.#vcpus?.quiesce()
    this.#lines.invalidate(space.asid, address / PAGE, count, { discard })
    this.#dropCode(space.asid, address / PAGE, count)
  }

  /** Whether the vCPU whose access this is about had any. */
  #dropCode(asid: number, firstPage: number, pages: number): boolean {
    const home = this.#engine?.invalidate(asid, firstPage, pages) ?? false
    const other = this.#vcpus?.dropCode(asid, firstPage, pages, this.writer) ?? false
    return this.writer === 0 ? home : other
  }

  /** Writes the lines of shared file mappings in start..end back, so that the file has them before the mapping goes. */
  #flushShared(space: AddressSpace, start: number, end: number): void {
    for (let index = vmaIndex(space.vmas, start); index < space.vmas.length; index++) {
      const vma = space.vmas[index]!
      if (vma.start >= end) return
      if (vma.object === 0 || vma.file === '' || (vma.maxProt & PROT.WRITE) === 0) continue
      this.#lines.flushObject(vma.object, vma.offset / PAGE, (vma.end - vma.start) / PAGE)
    }
  }

  // LineSource

  resolve(asid: number, page: number, access: number, out: Resolution): void {
    const space = this.get(asid)
    const address = page * PAGE
    let vma = space === undefined ? undefined : space.vmas[vmaIndex(space.vmas, address)]
    if (vma !== undefined && vma.start > address) vma = this.#grow(space!, vma, address)
    if (vma === undefined || (vma.flags & MARK.GUARD) !== 0) {
      out.kind = 'fault'
      out.signal = SIG.SEGV
      out.code = SEGV.MAPERR
      return
    }
    // x86 page tables: what may be written or executed may be read.
    const needed = access === 0 ? PROT.READ | PROT.WRITE | PROT.EXEC : access === 1 ? PROT.WRITE : PROT.EXEC
    if ((vma.prot & needed) === 0) {
      out.kind = 'fault'
      out.signal = SIG.SEGV
      out.code = SEGV.ACCERR
      return
    }
    out.prot = vma.prot
    out.object = vma.object
    out.page = vma.object === 0 ? page : (vma.offset + (address - vma.start)) / PAGE
    out.kind = vma.file === '' && (vma.object === 0 || (vma.flags & MAP.ANONYMOUS) !== 0) ? 'zero' : 'fetch'
  }

  #grow(space: AddressSpace, vma: Vma, address: number): Vma | undefined {
    if ((vma.flags & MAP.GROWSDOWN) === 0) return undefined
    const size = space.vmas.reduce((sum, { start, end }) => sum + end - start, 0)
    if (size + vma.start - address > space.sizeLimit) return undefined
    const change = this.#manager.grow({ asid: space.asid, address, limit: space.stackLimit })
    if (change.result < 0) return undefined
    applyChange(space.vmas, change)
    return space.vmas[vmaIndex(space.vmas, address)]
  }

  fetch(space: number, page: number, into: number, out: Resolution): number {
    const target = this.#bytes.subarray(into, into + PAGE)
    const result =
      space > 0
        ? this.#manager.fetch({ asid: space, page, count: 1, into: target })
        : this.#manager.fetchObject({ object: -space, page, count: 1, into: target })
    if (result >= 0) return 0
    const beyondEnd = result === err(E.IO)
    out.signal = beyondEnd ? SIG.BUS : SIG.SEGV
    out.code = beyondEnd ? BUS.ADRERR : SEGV.MAPERR
    return result
  }

  writeBack(space: number, page: number, from: number): void {
    const bytes = this.#bytes.subarray(from, from + PAGE)
    // Fails otherwise only for memory that is gone, and the ends of files: nobody is to be told.
    const result =
      space > 0
        ? this.#manager.writeBack({ asid: space, page, bytes })
        : this.#manager.writeBackObject({ object: -space, page, bytes })
    if (result === err(E.NOMEM)) this.#lose(space)
  }

  /** The memory manager is full: what it could not take is lost, and nobody who sees the loss may go on. */
  #lose(space: number): void {
    for (const one of this.#spaces.values()) {
      const isConcerned = space > 0 ? one.asid === space : one.vmas.some(({ object }) => object === -space)
      if (isConcerned) this.onOutOfMemory?.(one)
    }
  }

  onCodeWrite(asid: number, page: number, space: number): boolean {
    if (space > 0) return this.#dropCode(asid, page, 1)
    // An object's page: wherever it is mapped. The write came through (asid, page), the object's page is that mapping's.
    const writer = this.get(asid)
    const through = writer?.vmas[vmaIndex(writer.vmas, page * PAGE)]
    if (through === undefined) return false
    const offset = through.offset + page * PAGE - through.start
    let dropped = false
    for (const other of this.#spaces.values()) {
      for (const vma of other.vmas) {
        if (vma.object !== -space || offset < vma.offset || offset >= vma.offset + vma.end - vma.start) continue
        if (this.#dropCode(other.asid, (vma.start + offset - vma.offset) / PAGE, 1)) dropped = true
      }
    }
    return dropped
  }
}

export type { Vma }
export { MARK, ON_FORK, TASK_SIZE, vmaIndex }

/** No hole in address .. address+length. */
export function vmaCovers(space: AddressSpace, address: number, length: number): boolean {
  const end = address + length
  let at = address
  for (let index = vmaIndex(space.vmas, address); at < end; index++) {
    const vma = space.vmas[index]
    if (vma === undefined || vma.start > at) return false
    at = vma.end
  }
  return true
}
