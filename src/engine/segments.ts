// The segment descriptors that user mode can see, as Linux sets up its GDT (arch/x86/include/asm/segment.h), and the helpers that
// load selectors and tell about them. Each takes the task's address and answers a status, 0 to go on (helpers.ts).

import { WORD } from '../x86/words.js'
import { GENERAL_PROTECTION } from './exceptions.js'
import { EXIT } from './host.js'
import type { HostHelper } from './host-helpers.js'
import { EXIT_REASON, FAULT_ERROR, FAULT_SIGNAL, FAULT_TRAP } from './record.js'

type Descriptor = { readonly rights: number; readonly limit: number; readonly data: boolean }

/** By GDT index; all others are the kernel's or empty. The limit of the last is the CPU's number, and its node's above bit 12. */
const DESCRIPTORS: Readonly<Record<number, Descriptor>> = {
  4: { rights: 0xcffb00, limit: -1, data: false },
  5: { rights: 0xcff300, limit: -1, data: true },
  6: { rights: 0xaffb00, limit: -1, data: false },
  15: { rights: 0x40f500, limit: 0, data: false },
}
/** Table indicator: the selector names the LDT, which is empty. */
const LOCAL = 4
const SS = 2
const FS = 4
const GS = 5
const USER = 3

const find = (selector: number): Descriptor | undefined =>
  (selector & LOCAL) !== 0 ? undefined : DESCRIPTORS[selector >> 3]

export function segmentHelpers(view: DataView): Readonly<Record<'loadSegment' | 'describe', HostHelper>> {
  return {
    loadSegment(task, segment, selector) {
      const descriptor = find(selector)
      const allowed =
        segment === SS
          ? descriptor?.data === true && (selector & 3) === USER
          : descriptor !== undefined || selector <= USER
      if (!allowed) {
        view.setInt32(task + EXIT_REASON, EXIT.fault, true)
        view.setInt32(task + FAULT_SIGNAL, 0, true)
        view.setInt32(task + FAULT_TRAP, GENERAL_PROTECTION, true)
        view.setInt32(task + FAULT_ERROR, selector & 0xfffc, true)
        return 1
      }
      view.setUint16(task + WORD.selectors + 2 * segment, selector, true)
      // All these segments are flat; a null selector clears the base too (APM vol. 3, Fn8000_0021_EAX).
      if (segment === FS || segment === GS)
        view.setBigInt64(task + (segment === FS ? WORD.fsBase : WORD.gsBase), 0n, true)
      return 0
    },
    describe(task, selector) {
      const descriptor = find(selector)
      view.setInt32(task + WORD.rights, descriptor?.rights ?? 0, true)
      view.setInt32(task + WORD.limit, descriptor?.limit ?? 0, true)
      return 0
    },
  }
}
