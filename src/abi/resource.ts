// getrlimit(2), getrusage(2) and times: numbers, struct rlimit and struct rusage (asm-generic/resource.h, linux/resource.h).
// RLIM_INFINITY (all ones) is Infinity here.
import { readSigned, readUnsigned, writeWord } from './word.js'

export const RLIMIT = {
  CPU: 0,
  FSIZE: 1,
  DATA: 2,
  STACK: 3,
  CORE: 4,
  RSS: 5,
  NPROC: 6,
  NOFILE: 7,
  MEMLOCK: 8,
  AS: 9,
  LOCKS: 10,
  SIGPENDING: 11,
  MSGQUEUE: 12,
  NICE: 13,
  RTPRIO: 14,
  RTTIME: 15,
} as const

/** Number of limits a process has. */
export const RLIM_NLIMITS = 16

export const RUSAGE = {
  SELF: 0,
  CHILDREN: -1,
  THREAD: 1,
} as const

/** struct rlimit: u64 current, u64 maximum. */
export const RLIMIT_SIZE = 16

export function writeLimit(view: DataView, at: number, limit: number): void {
  if (limit === Infinity) {
    view.setInt32(at, -1, true)
    view.setInt32(at + 4, -1, true)
  } else {
    writeWord(view, at, limit)
  }
}

export function readLimit(view: DataView, at: number): number {
  const allOnes = view.getInt32(at, true) === -1 && view.getInt32(at + 4, true) === -1
  return allOnes ? Infinity : readUnsigned(view, at)
}

export interface ResourceUsage {
  userSec: number
  userUsec: number
  systemSec: number
  systemUsec: number
  maxRssKib: number
  minorFaults: number
  majorFaults: number
  inBlocks: number
  outBlocks: number
  voluntarySwitches: number
  involuntarySwitches: number
}

/** struct rusage; the fields that Linux keeps. Those between (ixrss, nswap, msgsnd …) are always zero. */
export const RUSAGE_SIZE = 144
const RUSAGE_FIELDS: readonly (readonly [keyof ResourceUsage, number])[] = [
  ['userSec', 0],
  ['userUsec', 8],
  ['systemSec', 16],
  ['systemUsec', 24],
  ['maxRssKib', 32],
  ['minorFaults', 64],
  ['majorFaults', 72],
  ['inBlocks', 88],
  ['outBlocks', 96],
  ['voluntarySwitches', 128],
  ['involuntarySwitches', 136],
]

export function newResourceUsage(): ResourceUsage {
  return Object.fromEntries(RUSAGE_FIELDS.map(([field]) => [field, 0])) as unknown as ResourceUsage
}

export function writeResourceUsage(view: DataView, at: number, usage: ResourceUsage): void {
  for (let word = 0; word < RUSAGE_SIZE; word += 8) writeWord(view, at + word, 0)
  for (const [field, offset] of RUSAGE_FIELDS) writeWord(view, at + offset, usage[field])
}

export function readResourceUsage(view: DataView, at: number, out: ResourceUsage): void {
  for (const [field, offset] of RUSAGE_FIELDS) out[field] = readSigned(view, at + offset)
}
