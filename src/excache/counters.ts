// The ExCache's counters: one table of names, kept as doubles in the shared memory and changed only under the cache's
// lock, so that all vCPUs count into one place.

export const COUNTERS = [
  { name: 'hits', meaning: 'lookups that found their line in its set' },
  { name: 'misses', meaning: 'lookups that did not' },
  { name: 'zeroFills', meaning: 'lines of untouched anonymous memory, made here without a message' },
  { name: 'fetches', meaning: 'lines asked of a memory manager' },
  { name: 'evictions', meaning: 'lines moved to limbo' },
  { name: 'resurrected', meaning: 'lines found in limbo and taken back' },
  { name: 'reclaimed', meaning: 'limbo frames freed after every running vCPU passed a safepoint' },
  { name: 'writeBacks', meaning: 'dirty lines sent to a memory manager' },
  { name: 'copied', meaning: 'lines copied from a relative after a fork, without a message' },
  { name: 'settled', meaning: 'lines sent for a forked child because its parent was about to change or lose them' },
  { name: 'retries', meaning: 'accesses sent to a safepoint because limbo was full' },
  { name: 'shootdowns', meaning: 'translation-array entries cleared' },
  { name: 'codeWrites', meaning: 'writes to a line that held translated code' },
  { name: 'faults', meaning: 'accesses that were not allowed' },
] as const

export type CounterName = (typeof COUNTERS)[number]['name']

const SLOT = Object.fromEntries(COUNTERS.map(({ name }, slot) => [name, slot])) as Record<CounterName, number>
export const HITS = SLOT.hits
export const MISSES = SLOT.misses
export const ZERO_FILLS = SLOT.zeroFills
export const FETCHES = SLOT.fetches
export const EVICTIONS = SLOT.evictions
export const RESURRECTED = SLOT.resurrected
export const RECLAIMED = SLOT.reclaimed
export const WRITE_BACKS = SLOT.writeBacks
export const COPIED = SLOT.copied
export const SETTLED = SLOT.settled
export const RETRIES = SLOT.retries
export const SHOOTDOWNS = SLOT.shootdowns
export const CODE_WRITES = SLOT.codeWrites
export const FAULTS = SLOT.faults

/** A snapshot of a table of counters. */
export function readCounters(table: Float64Array): Record<CounterName, number> {
  return Object.fromEntries(COUNTERS.map(({ name }, slot) => [name, table[slot]!])) as Record<CounterName, number>
}
