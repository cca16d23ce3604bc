// XSAVE, XSAVEOPT, XSAVEC and XRSTOR (SDM vol. 1, chapter 13) on an image in plain memory: x87, SSE and AVX state of a task's record.
// The caller moves the image from and to the guest, and checks that it is aligned. Leaves out supervisor components.

import { MXCSR_DEFAULT } from './fp-mode.js'
import { MXCSR, VECTOR, VECTOR_STRIDE, X87, X87_CONTROL, X87_STATUS, X87_TAG } from './record.js'
import { initialiseVectors, MXCSR_MASK, restoreLegacyState, saveLegacyState } from './state-image.js'
import { initialiseX87 } from './x87/state.js'

/** The legacy area, then the header: XSTATE_BV, XCOMP_BV. */
const HEADER = 512
export const XSAVE_HEADER = HEADER
export const XSAVE_AVX_OFFSET = 576
export const XSAVE_AVX_SIZE = 256
export const XSAVE_SIZE = XSAVE_AVX_OFFSET + XSAVE_AVX_SIZE

/** State components by their bits in XCR0. */
const COMPONENT = { x87: 1, sse: 2, avx: 4 } as const
/** XCOMP_BV bit 63 as bit 31 of its upper word. */
const COMPACTED = 0x80000000 | 0

const MXCSR_AT = 24
const XMM_AT = 160
const XMM_END = 416

const allZero = (view: DataView, from: number, bytes: number): boolean => {
  for (let at = from; at < from + bytes; at += 4) if (view.getInt32(at, true) !== 0) return false
  return true
}

/** The components that are not in their initial configuration (XINUSE, SDM vol. 1, 13.6). */
export function inUse(view: DataView, task: number): number {
  const x87 =
    view.getUint16(task + X87_CONTROL, true) !== 0x37f ||
    view.getUint16(task + X87_STATUS, true) !== 0 ||
    view.getUint16(task + X87_TAG, true) !== 0xffff ||
    !allZero(view, task + X87, 128)
  let sse = false
  let avx = false
  for (let n = 0; n < 16; n++) {
    const register = task + VECTOR + n * VECTOR_STRIDE
    sse ||= !allZero(view, register, 16)
    avx ||= !allZero(view, register + 16, 16)
  }
  return (x87 ? COMPONENT.x87 : 0) | (sse ? COMPONENT.sse : 0) | (avx ? COMPONENT.avx : 0)
}

const copy = (from: DataView, at: number, to: DataView, toAt: number, bytes: number): void => {
  for (let n = 0; n < bytes; n += 4) to.setInt32(toAt + n, from.getInt32(at + n, true), true)
}

/** Bytes of the area that the components take. */
export const xsaveSize = (components: number): number =>
  (components & COMPONENT.avx) !== 0 ? XSAVE_SIZE : XSAVE_AVX_OFFSET

/** What is written: `standard` for XSAVE and XSAVEOPT, `compacted` for XSAVEC, which leaves out what is in its initial configuration. */
export type SaveFormat = 'standard' | 'compacted'

const legacy = new DataView(new ArrayBuffer(HEADER))

/** Changes an image (XSAVE_SIZE bytes, as the guest has it) for the requested components. */
export function saveState(view: DataView, task: number, image: DataView, components: number, format: SaveFormat): void {
  let used = inUse(view, task) & components
  // XSAVEC counts MXCSR as SSE's state.
  const defaultMxcsr = view.getUint32(task + MXCSR, true) === MXCSR_DEFAULT
  if (format === 'compacted' && (components & COMPONENT.sse) !== 0 && !defaultMxcsr) used |= COMPONENT.sse
  const written = format === 'compacted' ? used : components
  for (let at = 0; at < HEADER; at += 4) legacy.setInt32(at, 0, true)
  saveLegacyState(view, task, legacy)
  if ((written & COMPONENT.x87) !== 0) {
    copy(legacy, 0, image, 0, MXCSR_AT)
    copy(legacy, 32, image, 32, 128)
  }
  const hasMxcsr = format === 'compacted' ? COMPONENT.sse : COMPONENT.sse | COMPONENT.avx
  if ((written & hasMxcsr) !== 0) copy(legacy, MXCSR_AT, image, MXCSR_AT, 8)
  if ((written & COMPONENT.sse) !== 0) copy(legacy, XMM_AT, image, XMM_AT, XMM_END - XMM_AT)
  if ((written & COMPONENT.avx) !== 0) {
    for (let n = 0; n < 16; n++)
      copy(view, task + VECTOR + n * VECTOR_STRIDE + 16, image, XSAVE_AVX_OFFSET + 16 * n, 16)
  }
  if (format === 'standard') {
    image.setInt32(HEADER, (image.getInt32(HEADER, true) & ~components) | used, true)
    return
  }
  image.setInt32(HEADER, used, true)
  image.setInt32(HEADER + 4, 0, true)
  image.setInt32(HEADER + 8, components, true)
  image.setInt32(HEADER + 12, COMPACTED, true)
}

/** Whether XRSTOR takes an image rather than raise #GP: reserved bits of the header and of MXCSR (SDM vol. 1, 13.8). */
export function isRestorable(image: DataView, enabled: number, components: number): boolean {
  const present = image.getInt32(HEADER, true)
  const compacted = image.getInt32(HEADER + 12, true) === COMPACTED
  const allowed = compacted ? image.getInt32(HEADER + 8, true) : enabled
  if ((allowed & ~enabled) !== 0 || (present & ~allowed) !== 0 || image.getInt32(HEADER + 4, true) !== 0) return false
  if (!allZero(image, HEADER + (compacted ? 16 : 8), compacted ? 48 : 16)) return false
  const takesMxcsr = compacted ? (components & present & COMPONENT.sse) !== 0 : (components & ~COMPONENT.x87) !== 0
  return !takesMxcsr || (image.getUint32(MXCSR_AT, true) & ~MXCSR_MASK) === 0
}

/** Takes the requested components from an image; those it does not have get their initial configuration. */
export function restoreState(view: DataView, task: number, image: DataView, components: number): void {
  const present = image.getInt32(HEADER, true)
  const compacted = image.getInt32(HEADER + 12, true) === COMPACTED
  const mxcsr = view.getUint32(task + MXCSR, true)
  const tags = view.getInt32(task + X87_TAG, true)
  const from = components & present
  const initial = components & ~present
  saveLegacyState(view, task, legacy)
  if ((from & COMPONENT.x87) !== 0) {
    copy(image, 0, legacy, 0, MXCSR_AT)
    copy(image, 32, legacy, 32, 128)
  }
  if ((from & COMPONENT.sse) !== 0) copy(image, XMM_AT, legacy, XMM_AT, XMM_END - XMM_AT)
  restoreLegacyState(view, task, legacy)
  // The image has only a bit a register of them.
  if ((components & COMPONENT.x87) === 0) view.setInt32(task + X87_TAG, tags, true)
  if ((initial & COMPONENT.x87) !== 0) initialiseX87(view, task)
  if ((initial & COMPONENT.sse) !== 0) initialiseVectors(view, task, 0)
  if ((initial & COMPONENT.avx) !== 0) initialiseVectors(view, task, 16)
  if ((from & COMPONENT.avx) !== 0) {
    for (let n = 0; n < 16; n++)
      copy(image, XSAVE_AVX_OFFSET + 16 * n, view, task + VECTOR + n * VECTOR_STRIDE + 16, 16)
  }
  const loads = compacted ? (from & COMPONENT.sse) !== 0 : (components & ~COMPONENT.x87) !== 0
  const resets = compacted && (initial & COMPONENT.sse) !== 0
  const value = loads ? image.getUint32(MXCSR_AT, true) : resets ? MXCSR_DEFAULT : mxcsr
  view.setUint32(task + MXCSR, value, true)
}
