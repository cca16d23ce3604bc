// What the engines of all vCPUs ask of the home vCPU about memory: lines that are not there, code, and the details of a fault.
// The home vCPU's engine calls it directly, the others' requests come through their mailboxes.
import { PAGE_FAULT, TRAP_NUMBER } from '../abi/sigframe.js'
import { SI, SIG } from '../abi/signal.js'
import { EXECUTE, FAULT, WRITE } from '../engine/host.js'
import { ASID, FAULT_ADDRESS, FAULT_CODE, FAULT_ERROR, FAULT_SIGNAL, FAULT_TRAP } from '../engine/record.js'
import type { ExCache } from '../excache/excache.js'
import { PAGE_SIZE } from '../lib/translation-array.js'
import type { Kernel } from './kernel.js'
import { HOME, type Vcpus } from './vcpus.js'

/** The engines' calls that need the home vCPU, on numbers; the vCPU that asks comes first. */
export interface LineServer {
  refill(vcpu: number, task: number, address: number, access: number): number
  fetchCode(vcpu: number, task: number, address: number, mark: boolean): number
}

export function lineServer(
  kernelOf: () => Kernel,
  cache: ExCache,
  vcpus: Vcpus,
  words: Int32Array,
  view: DataView,
): LineServer {
  const failed = (task: number, address: number, access: number): number => {
    const { signal, code } = cache.fault
    const general = signal === SIG.SEGV && code === SI.KERNEL
    view.setInt32(task + FAULT_SIGNAL, signal, true)
    view.setInt32(task + FAULT_CODE, code, true)
    view.setUint32(task + FAULT_ADDRESS, general ? 0 : address >>> 0, true)
    view.setInt32(task + FAULT_ADDRESS + 4, general ? 0 : Math.floor(address / 0x1_0000_0000) | 0, true)
    view.setInt32(task + FAULT_TRAP, general ? TRAP_NUMBER.GENERAL_PROTECTION : TRAP_NUMBER.PAGE_FAULT, true)
    const kind = access === WRITE ? PAGE_FAULT.WRITE : access === EXECUTE ? PAGE_FAULT.FETCH : 0
    const present = code === 2 ? PAGE_FAULT.PRESENT : 0
    view.setInt32(task + FAULT_ERROR, general ? 0 : PAGE_FAULT.USER | kind | present, true)
    return FAULT
  }
  return {
    refill(vcpu, task, address, access) {
      const { spaces } = kernelOf()
      spaces.writer = vcpu
      const host = cache.refill(vcpu, words[(task + ASID) >> 2]!, address, access)
      spaces.writer = HOME
      return host === FAULT ? failed(task, address, access) : host
    },
    fetchCode(vcpu, task, address, mark) {
      const asid = words[(task + ASID) >> 2]!
      // No vCPU may go on with a write translation that it remembers.
      if (mark && vcpus.count > 1 && cache.codePresent(asid, address) === 0) vcpus.quiesce()
      const marked = mark ? cache.markCode(asid, address) : 0
      if (marked < 0) return marked === FAULT ? failed(task, address, EXECUTE) : marked
      const host = cache.translate(vcpu, asid, address, EXECUTE)
      if (mark && host > 0 && vcpu !== HOME) vcpus.noteCode(vcpu, asid, Math.floor(address / PAGE_SIZE))
      return host === FAULT ? failed(task, address, EXECUTE) : host
    },
  }
}
