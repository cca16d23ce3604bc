// mremap(2) as in mm/mremap.c (Linux 6.18's order of checks; a move takes one vma, as before 6.17): shrink, grow in place, or move vmas with their pages.
// The processor wrote its lines of the old range back and dropped them before it asked.
import { E, err } from '../abi/errno.js'
import { MAP, MREMAP } from '../abi/mman.js'
import { type LayoutChange, PAGE, TASK_SIZE, type Vma } from '../wire/layout.js'
import { choosePlace } from './placement.js'
import { clearRange, isAligned, isFull, pageUp, type Space, unchanged } from './space.js'
import { clip, isAnonymousPrivate } from './vma-list.js'

export interface RemapRequest {
  readonly oldAddress: number
  readonly oldLength: number
  readonly newLength: number
  readonly flags: number
  readonly newAddress: number
}

export function remap(space: Space, request: RemapRequest): LayoutChange {
  const { oldAddress: from, flags, newAddress: to } = request
  const fixed = (flags & MREMAP.FIXED) !== 0
  const keepOld = (flags & MREMAP.DONTUNMAP) !== 0
  const mayMove = (flags & MREMAP.MAYMOVE) !== 0
  if ((flags & ~(MREMAP.MAYMOVE | MREMAP.FIXED | MREMAP.DONTUNMAP)) !== 0) return unchanged(err(E.INVAL))
  if ((fixed || keepOld) && !mayMove) return unchanged(err(E.INVAL))
  if (keepOld && request.oldLength !== request.newLength) return unchanged(err(E.INVAL))
  if (!isAligned(from)) return unchanged(err(E.INVAL))
  const oldLength = pageUp(request.oldLength)
  const newLength = pageUp(request.newLength)
  if (newLength === 0) return unchanged(err(E.INVAL))
  if (fixed || keepOld) {
    if (!isAligned(to) || newLength > TASK_SIZE || to > TASK_SIZE - newLength) return unchanged(err(E.INVAL))
    if (to < from + oldLength && from < to + newLength) return unchanged(err(E.INVAL))
  }
  if (space.list.find(from) === undefined) return unchanged(err(E.FAULT))
  if (fixed || keepOld) return moveTo(space, from, oldLength, newLength, fixed ? to : 0, flags)

  if (oldLength >= newLength) {
    if (oldLength === newLength) return unchanged(from)
    return clearRange(space, from + newLength, from + oldLength, from)
  }
  const vma = space.list.find(from)!
  const refused = cannotResize(vma, from, oldLength)
  if (refused !== 0) return unchanged(refused)
  const oldEnd = from + oldLength
  const newEnd = from + newLength
  if (oldLength > 0 && oldEnd === vma.end && newEnd <= TASK_SIZE && space.list.isFree(oldEnd, newEnd)) {
    const tail = {
      ...vma,
      start: oldEnd,
      end: newEnd,
      offset: isAnonymousPrivate(vma) ? 0 : vma.offset + (oldEnd - vma.start),
    }
    return space.list.replace(oldEnd, newEnd, () => null, tail, from)
  }
  if (!mayMove) return unchanged(err(E.NOMEM))
  const place = choosePlace(space.list, 0, newLength, 0, space.mmapTop)
  return place < 0 ? unchanged(place) : move(space, vma, from, oldLength, newLength, place, false)
}

/** vma_to_resize: length 0 duplicates a shared mapping; the range lies in one vma. */
function cannotResize(vma: Vma, from: number, oldLength: number): number {
  if (oldLength === 0 && (vma.flags & MAP.SHARED) === 0) return err(E.INVAL)
  if (oldLength > vma.end - from) return err(E.FAULT)
  return 0
}

function moveTo(
  space: Space,
  from: number,
  oldLength: number,
  newLength: number,
  to: number,
  flags: number,
): LayoutChange {
  const fixed = (flags & MREMAP.FIXED) !== 0
  if (isFull(space, 2)) return unchanged(err(E.NOMEM))
  const before = cannotResize(space.list.find(from)!, from, Math.min(oldLength, newLength))
  if (before !== 0) return unchanged(before)
  let change = fixed ? clearRange(space, to, to + newLength, 0) : unchanged(0)
  let kept = oldLength
  if (oldLength > newLength) {
    const shrunk = clearRange(space, from + newLength, from + oldLength, 0)
    change = space.list.changeCovering(change, shrunk, 0)
    kept = newLength
  }
  const vma = space.list.find(from)!
  const place = fixed ? to : choosePlace(space.list, 0, newLength, 0, space.mmapTop)
  if (place < 0) return { ...change, result: place }
  const moved = move(space, vma, from, kept, newLength, place, (flags & MREMAP.DONTUNMAP) !== 0)
  return space.list.changeCovering(change, moved, moved.result)
}

/** Moves oldLength bytes of `vma` at `from` to the free range at `to`, which becomes newLength long. */
function move(
  space: Space,
  vma: Vma,
  from: number,
  oldLength: number,
  newLength: number,
  to: number,
  keepOld: boolean,
): LayoutChange {
  const target: Vma = { ...clip(vma, from, vma.end), start: to, end: to + newLength }
  space.table.move(from / PAGE, to / PAGE, oldLength / PAGE)
  const added = space.list.replace(to, to + newLength, () => null, target, to)
  if (keepOld || oldLength === 0) return added
  const removed = space.list.replace(from, from + oldLength, () => null, null, to)
  return space.list.changeCovering(added, removed, to)
}
