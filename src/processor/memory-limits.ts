// RLIMIT_AS and RLIMIT_DATA: whether a process may have more address space. Asked before each mapping, by mmap(2) and by the loader.
// RLIMIT_MEMLOCK: whether it may lock more.
import { E, err } from '../abi/errno.js'
import { MAP, PROT } from '../abi/mman.js'
import { RLIMIT } from '../abi/resource.js'
import { MARK, type Vma } from '../wire/layout.js'
import { CAP, hasCapability } from './credentials.js'
import type { Limits, Process } from './process.js'

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

export const isLocked = ({ flags }: Vma): boolean => (flags & MARK.LOCKED) !== 0
export const sizeOf = (vmas: readonly Vma[]): number => vmas.reduce((sum, { start, end }) => sum + end - start, 0)

/** EPERM and ENOMEM of RLIMIT_MEMLOCK, for `length` bytes more; the superuser is not held to it. */
export function mayLock({ credentials, limits }: Process, vmas: readonly Vma[], length: number): number {
  const { current } = limits[RLIMIT.MEMLOCK]!
  if (hasCapability(credentials, CAP.IPC_LOCK)) return 0
  if (current === 0) return err(E.PERM)
  return sizeOf(vmas.filter(isLocked)) + length > current ? err(E.NOMEM) : 0
}
