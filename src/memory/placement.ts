// Chooses the address of a mapping as x86-64 Linux does (arch/x86/kernel/sys_x86_64.c): the hint when it is free, else the highest gap below the
// mmap top, else the lowest gap above a third of the address space. MAP_32BIT: the lowest gap in its own window.
import { E, err } from '../abi/errno.js'
import { MAP } from '../abi/mman.js'
import { LOWEST_ADDRESS, PAGE, TASK_SIZE } from '../wire/layout.js'
import type { VmaList } from './vma-list.js'

const WINDOW_32BIT_START = 0x4000_0000
const WINDOW_32BIT_END = 0x8000_0000
const UNMAPPED_BASE = Math.ceil(TASK_SIZE / 3 / PAGE) * PAGE

/** Address for `length` bytes (whole pages), or -ENOMEM. */
export function choosePlace(list: VmaList, hint: number, length: number, flags: number, mmapTop: number): number {
  if (length > TASK_SIZE) return err(E.NOMEM)
  const only32 = (flags & MAP['32BIT']) !== 0
  const lowest = only32 ? WINDOW_32BIT_START : LOWEST_ADDRESS
  const highest = only32 ? WINDOW_32BIT_END : TASK_SIZE
  if (hint !== 0) {
    // round_hint_to_min: a hint too low becomes the lowest address.
    const address = Math.max(Math.floor(hint / PAGE) * PAGE, lowest)
    if (address <= highest - length && fits(list, address, length)) return address
  }
  if (only32) return lowestGap(list, lowest, highest, length)
  const found = highestGap(list, LOWEST_ADDRESS, mmapTop, length)
  return found >= 0 ? found : lowestGap(list, UNMAPPED_BASE, TASK_SIZE, length)
}

function fits(list: VmaList, address: number, length: number): boolean {
  const index = list.indexOf(address)
  return index >= list.vmas.length || address + length <= list.gapEnd(index)
}

function highestGap(list: VmaList, low: number, high: number, length: number): number {
  let index = list.indexOf(high)
  const above = list.vmas[index]
  let end = above === undefined ? high : Math.min(high, list.gapEnd(index))
  for (index--; index >= 0; index--) {
    const vma = list.vmas[index]!
    if (end - length >= Math.max(low, vma.end)) return end - length
    end = Math.min(end, list.gapEnd(index))
  }
  return end - length >= low ? end - length : err(E.NOMEM)
}

function lowestGap(list: VmaList, low: number, high: number, length: number): number {
  let start = low
  for (let index = list.indexOf(low); index < list.vmas.length && start + length <= high; index++) {
    if (start + length <= list.gapEnd(index)) return start
    start = Math.max(start, list.vmas[index]!.end)
  }
  return start + length <= high ? start : err(E.NOMEM)
}
