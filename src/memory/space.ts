// One address space, and the calls that change its layout: map, unmap, protect, brk, grow. The rules and errnos are those of mm/mmap.c,
// mm/mprotect.c and the man pages; remap.ts has mremap(2).
// Each answers a LayoutChange whose `result` is the system call's.
import { E, err } from '../abi/errno.js'
import { MAP, PROT } from '../abi/mman.js'
import { type LayoutChange, LOWEST_ADDRESS, MARK, objectKey, PAGE, TASK_SIZE, type Vma } from '../wire/layout.js'
import type { Objects } from './objects.js'
import type { PageTable } from './page-table.js'
import { choosePlace } from './placement.js'
import { STACK_GUARD, type VmaList } from './vma-list.js'

/** vm.max_map_count's default. */
const VMAS_MAX = 65530
const ANY_PROT = PROT.READ | PROT.WRITE | PROT.EXEC
const KEPT_FLAGS = MAP.SHARED | MAP.PRIVATE | MAP.ANONYMOUS | MAP.GROWSDOWN | MAP.NORESERVE | MAP.STACK | MARK.LOCKED

export interface Space {
  readonly asid: number
  readonly mmapTop: number
  readonly list: VmaList
  readonly table: PageTable
  readonly objects: Objects
  brkStart: number
  brk: number
}

export interface MapRequest {
  readonly address: number
  readonly length: number
  readonly prot: number
  readonly flags: number
  readonly offset: number
  readonly object: number
  readonly file: string
  readonly path: string
  readonly maxProt: number
}

export const pageUp = (value: number): number => Math.ceil(value / PAGE) * PAGE
export const isAligned = (value: number): boolean => value % PAGE === 0

/** A call that failed, or changed nothing. */
export function unchanged(result: number): LayoutChange {
  return { result, start: 0, end: 0, vmas: [] }
}

/** True when a call that can add `more` vmas must answer -ENOMEM. */
export function isFull(space: Space, more: number): boolean {
  return space.list.vmas.length + more > VMAS_MAX
}

/** Unmaps start..end: the vmas, and the private pages in it. */
export function clearRange(space: Space, start: number, end: number, result: number): LayoutChange {
  space.table.clear(start / PAGE, end / PAGE)
  return space.list.replace(start, end, () => null, null, result)
}

export function map(space: Space, request: MapRequest): LayoutChange {
  const { flags, offset } = request
  const type = flags & MAP.TYPE
  const noReplace = (flags & MAP.FIXED_NOREPLACE) !== 0
  const fixed = noReplace || (flags & MAP.FIXED) !== 0
  if (type !== MAP.SHARED && type !== MAP.PRIVATE && type !== MAP.SHARED_VALIDATE) return unchanged(err(E.INVAL))
  if (!isAligned(offset) || request.length === 0) return unchanged(err(E.INVAL))
  const length = pageUp(request.length)
  if (length > TASK_SIZE) return unchanged(err(E.NOMEM))
  if (isFull(space, 1)) return unchanged(err(E.NOMEM))
  const shared = type !== MAP.PRIVATE
  const anonymous = (flags & MAP.ANONYMOUS) !== 0
  const maxProt = request.maxProt === 0 ? ANY_PROT : request.maxProt
  const prot = request.prot & ANY_PROT
  if ((prot & ~maxProt) !== 0) return unchanged(err(E.ACCES))
  // mm/mmap.c, do_mmap: neither files nor shared mappings grow down.
  if ((flags & MAP.GROWSDOWN) !== 0 && (shared || !anonymous)) return unchanged(err(E.INVAL))
  if (request.object !== 0 && space.objects.get(request.object) === undefined) return unchanged(err(E.BADF))
  // What a private mapping was never written to comes from the object as from a file.
  const file = !shared && request.object !== 0 ? objectKey(request.object) : request.file
  const object = shared ? sharedObject(space.objects, request, anonymous, length) : 0
  if (object < 0) return unchanged(object)

  let address = request.address
  if (fixed) {
    if (address > TASK_SIZE - length) return refuse(space, object, err(E.NOMEM))
    if (!isAligned(address)) return refuse(space, object, err(E.INVAL))
    // security/min_addr.c: EPERM below vm.mmap_min_addr.
    if (address < LOWEST_ADDRESS) return refuse(space, object, err(E.PERM))
    if (noReplace && !space.list.isFree(address, address + length)) return refuse(space, object, err(E.EXIST))
  } else {
    address = choosePlace(space.list, address, length, flags, space.mmapTop)
    if (address < 0) return refuse(space, object, address)
  }
  const end = address + length
  const vma: Vma = {
    start: address,
    end,
    prot,
    flags: (flags & KEPT_FLAGS & ~MAP.TYPE) | (shared ? MAP.SHARED : MAP.PRIVATE),
    offset: anonymous && request.object === 0 ? 0 : offset,
    object,
    file: anonymous ? '' : file,
    path: request.path,
    maxProt,
  }
  if (fixed) space.table.clear(address / PAGE, end / PAGE)
  return space.list.replace(address, end, () => null, vma, address)
}

/** Id of the object that a shared mapping maps. */
function sharedObject(objects: Objects, request: MapRequest, anonymous: boolean, length: number): number {
  if (request.object !== 0) return request.object
  if (anonymous) return objects.create(length, null, 0).id
  return objects.ofFile({ key: request.file, path: request.path }).id
}

/** Drops an object that was made for a mapping which then failed. */
function refuse(space: Space, id: number, result: number): LayoutChange {
  const object = space.objects.get(id)
  if (object !== undefined && object.references === 0) {
    object.references = 1
    space.objects.release(object)
  }
  return unchanged(result)
}

export function unmap(space: Space, address: number, length: number): LayoutChange {
  if (!isAligned(address) || address > TASK_SIZE || length > TASK_SIZE - address) return unchanged(err(E.INVAL))
  if (length === 0) return unchanged(err(E.INVAL))
  const end = address + pageUp(length)
  if (space.list.isFree(address, end)) return unchanged(0)
  // Unmapping the middle of a vma makes one more.
  const middle = space.list.find(address)
  if (middle !== undefined && middle.start < address && middle.end > end && isFull(space, 1))
    return unchanged(err(E.NOMEM))
  return clearRange(space, address, end, 0)
}

export function protect(space: Space, address: number, length: number, asked: number): LayoutChange {
  const growsDown = (asked & PROT.GROWSDOWN) !== 0
  const growsUp = (asked & PROT.GROWSUP) !== 0
  const prot = asked & ~(PROT.GROWSDOWN | PROT.GROWSUP)
  if (growsDown && growsUp) return unchanged(err(E.INVAL))
  if (!isAligned(address)) return unchanged(err(E.INVAL))
  if (length === 0) return unchanged(0)
  const end = address + pageUp(length)
  if (end > TASK_SIZE) return unchanged(err(E.NOMEM))
  // PROT_SEM (8) is accepted and means nothing on x86.
  if ((prot & ~(ANY_PROT | 8)) !== 0) return unchanged(err(E.INVAL))
  let start = address
  if (growsDown) {
    const vma = space.list.vmas[space.list.indexOf(address)]
    if (vma === undefined || vma.start >= end) return unchanged(err(E.NOMEM))
    if ((vma.flags & MAP.GROWSDOWN) === 0) return unchanged(err(E.INVAL))
    start = vma.start
  } else if (growsUp) {
    // x86 has no VM_GROWSUP mappings.
    return unchanged(err(space.list.find(address) === undefined ? E.NOMEM : E.INVAL))
  }
  if (isFull(space, 2)) return unchanged(err(E.NOMEM))
  // The kernel changes vma after vma: those before a hole or a refusal stay changed.
  const wanted = prot & ANY_PROT
  let until = space.list.coveredUntil(start, end)
  let result = until < end ? err(E.NOMEM) : 0
  for (let index = space.list.indexOf(start); index < space.list.vmas.length; index++) {
    const vma = space.list.vmas[index]!
    if (vma.start >= until) break
    if ((wanted & ~vma.maxProt) === 0) continue
    until = Math.max(start, vma.start)
    result = err(E.ACCES)
    break
  }
  if (until === start) return unchanged(result)
  return space.list.replace(
    start,
    until,
    (part) => (part.prot === wanted ? part : { ...part, prot: wanted }),
    null,
    result,
  )
}

/** Sets and clears bits of ON_FORK and MARK; holes are left out, and are the answer afterwards (madvise_walk_vmas, mm/madvise.c). */
export function mark(space: Space, address: number, length: number, set: number, clear: number): LayoutChange {
  if (!isAligned(address)) return unchanged(err(E.INVAL))
  const end = address + pageUp(length)
  if (end > TASK_SIZE || isFull(space, 2)) return unchanged(err(E.NOMEM))
  const result = space.list.covers(address, end) ? 0 : err(E.NOMEM)
  return space.list.replace(address, end, (part) => ({ ...part, flags: (part.flags & ~clear) | set }), null, result)
}

const HEAP: Omit<Vma, 'start' | 'end'> = {
  prot: PROT.READ | PROT.WRITE,
  flags: MAP.PRIVATE | MAP.ANONYMOUS,
  offset: 0,
  object: 0,
  file: '',
  path: '',
  maxProt: ANY_PROT,
}

/** mm/mmap.c, brk: on any failure the old break is the answer. */
export function brk(space: Space, address: number): LayoutChange {
  if (address < space.brkStart || address > TASK_SIZE) return unchanged(space.brk)
  const oldEnd = pageUp(space.brk)
  const newEnd = pageUp(address)
  if (newEnd <= oldEnd) {
    space.brk = address
    return newEnd === oldEnd ? unchanged(address) : clearRange(space, newEnd, oldEnd, address)
  }
  const next = space.list.indexOf(oldEnd)
  const blocked = next < space.list.vmas.length && newEnd + PAGE > space.list.gapEnd(next)
  if (blocked || newEnd > TASK_SIZE || isFull(space, 1)) return unchanged(space.brk)
  space.brk = address
  return space.list.replace(oldEnd, newEnd, () => null, { ...HEAP, start: oldEnd, end: newEnd }, address)
}

/** mm/mmap.c, expand_downwards: keeps the guard gap to the mapping below, unless that is a stack too. */
export function grow(space: Space, address: number, limit: number): LayoutChange {
  const index = space.list.indexOf(address)
  const vma = space.list.vmas[index]
  if (vma === undefined || (vma.flags & MAP.GROWSDOWN) === 0) return unchanged(err(E.FAULT))
  const start = Math.floor(address / PAGE) * PAGE
  if (start >= vma.start) return unchanged(0)
  const below = space.list.vmas[index - 1]
  const guarded = below !== undefined && (below.flags & MAP.GROWSDOWN) === 0 && (below.prot & ANY_PROT) !== 0
  const tooClose = below !== undefined && guarded && start - below.end < STACK_GUARD
  if (tooClose || start < LOWEST_ADDRESS || vma.end - start > limit) return unchanged(err(E.FAULT))
  return space.list.replace(start, vma.start, () => null, { ...vma, end: vma.start, start }, 0)
}
