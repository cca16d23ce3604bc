// The map of a processor's shared memory, from low to high. Every thread computes it from the same options; bytes throughout.
//   const map = memoryMap(options); new WebAssembly.Memory({ initial: map.pages, maximum: map.pages, shared: true })
// Untouched pages cost nothing but address space. What is inside the ExCache's part is excache/layout.ts.
import { RECORD_SIZE } from '../engine/record.js'
import { framesSize, geometry, type Policy, tableSize } from '../excache/layout.js'
import { ARRAY_SIZE } from '../lib/translation-array.js'

export interface MemoryOptions {
  /** Bytes of ExCache. */
  readonly size: number
  readonly ways: number
  readonly policy: Policy
  readonly vcpus: number
  /** Bytes for decoded code, its hash and links, for each vCPU. */
  readonly codeSize: number
}

export const DEFAULT_OPTIONS: MemoryOptions = {
  size: 512 << 20,
  ways: 8,
  policy: 'fifo',
  vcpus: 1,
  codeSize: 96 << 20,
}

/** Page 0 is never used: a host address of 0 means "none". */
export const CONTROL_BASE = 4096
/** Kernel copies that need a fixed place: the rest of the first 64 KiB. */
export const BOUNCE_BASE = 8192
export const BOUNCE_SIZE = 65536 - BOUNCE_BASE
export const CODE_BASE = 65536
/** Each vCPU has room for code of its own in the 2 GiB. */
export const VCPUS_MAX = 16
/** Task records, and so threads at one time. */
export const TASKS_MAX = 1024

/** Words of the control block, which the vCPUs share with who ticks and passes signals on. */
export const CONTROL = {
  /** Host signals that arrived, low and high word; taken by an atomic exchange. */
  SIGNALS_LOW: 0,
  SIGNALS_HIGH: 1,
  /** Descriptor of the vCPU's eventfd. */
  EVENTFD: 2,
  /** Address of the record that runs now on the home vCPU, 0 for none. */
  RUNNING: 3,
  /** Non-zero: set the running tasks' poll words at each tick. */
  WANT_TICKS: 4,
  /** The home vCPU waits in ppoll, or is about to: whoever wants it writes to the eventfd. */
  SLEEPS: 5,
  /** Non-zero: the guest is to be ended, with all its processes. */
  ENDS: 6,
  /** A tick came: a home vCPU that shares its thread with an event loop gives it a turn. */
  TICKED: 7,
  /** Threads that have come up besides the home vCPU's. */
  STARTED: 8,
} as const

/** Bytes of a vCPU's mailbox. */
export const MAILBOX_SIZE = 4096

export interface MemoryMap {
  readonly codeBase: number
  readonly codeSize: number
  readonly recordsBase: number
  /** A page per vCPU for what it asks of the home vCPU: mailbox.ts. */
  readonly mailboxBase: number
  readonly arraysBase: number
  readonly tableBase: number
  readonly framesBase: number
  readonly end: number
  /** WebAssembly pages of 64 KiB. */
  readonly pages: number
}

const WASM_PAGE = 65536
/** Addresses in it are positive i32: a negative one is a status (`translate`). */
const SIZE_MAX = 2 ** 31
const align = (value: number, unit: number): number => Math.ceil(value / unit) * unit

/** Throws a message fit for the command line when the parts do not fit in 2 GiB. */
export function memoryMap(options: MemoryOptions): MemoryMap {
  geometry(options.size, options.ways)
  const codeBase = CODE_BASE
  const codeSize = align(options.codeSize, 4096)
  const recordsBase = codeBase + options.vcpus * codeSize
  const mailboxBase = recordsBase + TASKS_MAX * RECORD_SIZE
  const arraysBase = mailboxBase + options.vcpus * MAILBOX_SIZE
  const tableBase = align(arraysBase + options.vcpus * ARRAY_SIZE, 4096)
  const framesBase = align(tableBase + tableSize(options), 4096)
  const end = framesBase + framesSize(options)
  if (end > SIZE_MAX) {
    const mebibytes = (bytes: number) => `${Math.ceil(bytes / 2 ** 20)}M`
    throw new Error(
      `an ExCache of ${mebibytes(options.size)} and ${mebibytes(options.vcpus * codeSize)} for code make ` +
        `${mebibytes(end)}; a processor has ${mebibytes(SIZE_MAX)}`,
    )
  }
  const pages = Math.ceil(end / WASM_PAGE)
  return { codeBase, codeSize, recordsBase, mailboxBase, arraysBase, tableBase, framesBase, end, pages }
}
