// The floating-point state of a signal frame, as the kernel's fpu/signal.c lays it out: an XSAVE area with a description of itself
// where the CPU has XSAVE, else the 512 bytes of FXSAVE.

import {
  FP_XSTATE_MAGIC1,
  FP_XSTATE_MAGIC2,
  FP_XSTATE_MAGIC2_SIZE,
  FPSTATE_SIZE,
  RED_ZONE_SIZE,
  RT_SIGFRAME_SIZE,
  SOFTWARE,
} from '../abi/sigframe.js'
import type { CpuFacts } from '../engine/cpu.js'
import { restoreLegacyState, saveLegacyState } from '../engine/state-image.js'
import { isRestorable, restoreState, saveState, XSAVE_HEADER, xsaveSize } from '../engine/xsave.js'
import type { Task } from './task.js'

const STATE_ALIGNMENT = 64
/** The components of FXSAVE. */
const LEGACY = 3

/** Bytes of the floating-point state of a frame. */
export const stateSizeOf = (states: number): number =>
  states === 0 ? FPSTATE_SIZE : xsaveSize(states) + FP_XSTATE_MAGIC2_SIZE

/** AT_MINSIGSTKSZ: the greatest frame with its paddings, as fpu/signal.c counts it. */
export const signalStackMinimum = ({ states }: CpuFacts): number =>
  Math.ceil((RT_SIGFRAME_SIZE + STATE_ALIGNMENT + stateSizeOf(states) + STATE_ALIGNMENT + RED_ZONE_SIZE) / 16) * 16

/** The XSAVE area with what tells software of it (fpu/signal.c, save_xstate_epilog). */
function saveExtended(task: Task, view: DataView, states: number): void {
  const size = xsaveSize(states)
  saveState(task.kernel.view, task.record, view, states, 'standard')
  view.setUint32(SOFTWARE.MAGIC1, FP_XSTATE_MAGIC1, true)
  view.setInt32(SOFTWARE.EXTENDED_SIZE, size + FP_XSTATE_MAGIC2_SIZE, true)
  view.setInt32(SOFTWARE.XFEATURES, states, true)
  view.setInt32(SOFTWARE.XSTATE_SIZE, size, true)
  view.setUint32(size, FP_XSTATE_MAGIC2, true)
  // The kernel says that x87 and SSE state are there, whatever XSAVE left out.
  view.setInt32(XSAVE_HEADER, view.getInt32(XSAVE_HEADER, true) | LEGACY, true)
}

/** Whether FXSAVE's part is followed by the rest, as its software bytes say. */
function isDescribed(view: DataView, states: number): boolean {
  const size = xsaveSize(states)
  return (
    view.getUint32(SOFTWARE.MAGIC1, true) === FP_XSTATE_MAGIC1 &&
    view.getInt32(SOFTWARE.EXTENDED_SIZE, true) === size + FP_XSTATE_MAGIC2_SIZE &&
    view.getInt32(SOFTWARE.XSTATE_SIZE, true) === size
  )
}

/** Writes a task's state to its stack: negative when it cannot be written. Takes the scratch memory. */
export function storeState(task: Task, address: number): number {
  const { memory, kernel } = task
  const view = memory.scratch
  const { states } = kernel.cpu
  const size = stateSizeOf(states)
  for (let word = 0; word < size; word += 4) view.setInt32(word, 0, true)
  if (states === 0) saveLegacyState(kernel.view, task.record, view)
  else saveExtended(task, view, states)
  return memory.store(address, size)
}

/** Takes a task's state from a frame: negative when it cannot be read, or not be restored. Takes the scratch memory. */
export function loadState(task: Task, address: number): number {
  const { memory, kernel } = task
  const view = memory.scratch
  const { states } = kernel.cpu
  if (memory.load(address, FPSTATE_SIZE) < 0) return -1
  const described = states !== 0 && isDescribed(view, states)
  if (described && memory.load(address, stateSizeOf(states)) < 0) return -1
  if (!described || view.getUint32(xsaveSize(states), true) !== FP_XSTATE_MAGIC2) {
    restoreLegacyState(kernel.view, task.record, view)
    return 0
  }
  if (!isRestorable(view, states, states)) return -1
  restoreState(kernel.view, task.record, view, states)
  return 0
}
