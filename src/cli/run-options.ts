// What `lego run` was asked for, as plain data: it crosses to the worker that runs the guest. `parseSize('64M')` reads a size.

import type { PortableRequest } from '../host/portable-link.js'
import { type CpuModel, parseCpu } from '../x86/features.js'

export type HostName = 'linux' | 'portable'

/** From the worker to the main thread under `--host portable`. */
export type PortableMessage = { readonly ask: PortableRequest } | { readonly die: number }

export interface RunOptions {
  readonly program: string
  /** What the program was called as: its argv[0]. */
  readonly name: string
  readonly args: readonly string[]
  readonly cacheSize: number
  readonly ways: number
  readonly policy: 'fifo' | 'lru'
  /** unix:PATH of a memory manager, or null for one of our own. */
  readonly memory: string | null
  readonly root: string | null
  /** How calls to the machine below are made: natively, or with Node's API alone. */
  readonly host: HostName
  readonly mounts: readonly string[]
  readonly env: readonly string[]
  readonly cwd: string
  /** Where lego's own lines go; null: stderr. */
  readonly log: string | null
  /** Bytes of address space that each process of the guest may have; Infinity: no limit. */
  readonly memoryLimitBytes: number
  /** The guest is ended after this long; Infinity: never. */
  readonly timeLimitSec: number
  readonly strace: boolean
  /** Which calls are traced, as strace's -e trace=. */
  readonly trace: string
  /** Where the trace goes; null: where lego's other lines go. */
  readonly straceOutput: string | null
  readonly stats: 'none' | 'text' | 'json'
  readonly deterministic: boolean
  readonly seed: number
  readonly vcpus: number
  readonly engine: 'interpreter' | 'regions'
  /** A CPU model as x86/features.ts reads it. */
  readonly cpu: string
  /** Entries into a block before it is compiled; null: the engine's own. */
  readonly hot: number | null
  /** Bytes for decoded code; when they are full, all code is dropped. */
  readonly codeSize: number
}

/** The CPU model of a text that was checked when the command line was read. */
export function cpuOf({ cpu }: RunOptions): CpuModel {
  const model = parseCpu(cpu)
  if ('problem' in model) throw new Error(model.problem)
  return model
}

const UNITS: Readonly<Record<string, number>> = { '': 1, K: 1024, M: 1024 ** 2, G: 1024 ** 3 }

/** Bytes of '4096', '64K', '1G'; NaN when it is not a size. */
export function parseSize(text: string): number {
  const match = /^(\d+)([KMG]?)(?:i?B)?$/i.exec(text)
  return match === null ? Number.NaN : Number(match[1]) * UNITS[match[2]!.toUpperCase()]!
}
