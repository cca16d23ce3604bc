// RLIMIT_AS and RLIMIT_DATA: whether a process may have more address space. Asked before each mapping, by mmap(2) and by the loader.
import { MAP, PROT } from '../abi/mman.js'
import { RLIMIT } from '../abi/resource.js'
import type { Vma } from '../wire/layout.js'
import type { Limits } from './process.js'

/** is_data_mapping, mm/vma.c. */
export const isData = ({ prot, flags }: { readonly prot: number; readonly flags: number }): boolean =>
  (prot & PROT.WRITE) !== 0 && (flags & (MAP.SHARED | MAP.GROWSDOWN)) === 0

/** Whether the limits leave room for `length` bytes more (may_expand_vm, mm/mmap.c). */
export function hasRoom(limits: readonly Limits[], vmas: readonly Vma[], length: number, data: boolean): boolean {
  const all = limits[RLIMIT.AS]!.current
  const ofData = limits[RLIMIT.DATA]!.current
  if (all === Infinity && ofData === Infinity) return true
  let total = length
  let dataTotal = length
  for (const vma of vmas) {
    total += vma.end - vma.start
    if (isData(vma)) dataTotal += vma.end - vma.start
  }
  return total <= all && (!data || dataTotal <= ofData)
}
