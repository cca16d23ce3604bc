// What --stats prints when the guest has ended: the ExCache's counters, the memory manager's, the system calls.

import { rowOf, type SyscallCounters } from '../../syscalls/table.js'
import type { Engine } from '../engine/engine.js'
import { COUNTERS } from '../excache/counters.js'
import type { Kernel } from '../processor/kernel.js'
import type { MemoryMethods } from '../wire/memory-protocol.js'

export function reportStatistics(
  form: 'text' | 'json',
  kernel: Kernel,
  { calls, unknown }: SyscallCounters,
  manager: MemoryMethods,
  engine: Engine | undefined,
): string {
  const excache = kernel.cache.counters()
  const memory = manager.statistics()
  const syscalls = Object.fromEntries(
    Array.from(calls, (count, number) => [rowOf(number)?.name ?? String(number), count] as const).filter(
      ([, count]) => count > 0,
    ),
  )
  // Peak of the whole OS process: cache, tables, V8 and its machine code (getrusage(2), ru_maxrss).
  const host = { ...engine?.counters(), residentBytesMax: process.resourceUsage().maxRSS * 1024 }
  const missing = Object.fromEntries(unknown)
  if (form === 'json') return `${JSON.stringify({ host, excache, memory, syscalls, missing })}\n`
  const lines = [
    'host',
    ...Object.entries(host).map(([name, value]) => `  ${String(value).padStart(12)}  ${name}`),
    'excache',
    ...COUNTERS.map(({ name, meaning }) => `  ${String(excache[name]).padStart(12)}  ${name.padEnd(12)} ${meaning}`),
    'memory manager',
    ...Object.entries(memory).map(([name, value]) => `  ${String(value).padStart(12)}  ${name}`),
    'system calls',
    ...Object.entries(syscalls).map(([name, count]) => `  ${String(count).padStart(12)}  ${name}`),
    ...Object.entries(missing).map(
      ([number, count]) => `  ${String(count).padStart(12)}  number ${number}: not there (ENOSYS)`,
    ),
  ]
  return `${lines.join('\n')}\n`
}
