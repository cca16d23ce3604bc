// Runs one command and says what it cost: wall time, and CPU time of all its threads and of the children it waited for,
// as the difference of getrusage(RUSAGE_CHILDREN) around it (getrusage(2)). Linux only; runs must not overlap.

import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import koffi from 'koffi'

export interface Sample {
  readonly wall_ms: number
  readonly cpu_ms: number
  /** Hash of stdout, and how the run ended: equal for two runs that did the same. */
  readonly result: string
  /** Undefined when the run ended with status 0. */
  readonly failure: string | undefined
}

const rusageChildren = -1
const getrusage = koffi.load('libc.so.6').func('int getrusage(int who, void *usage)')
/** struct rusage: two struct timeval, then 14 longs. */
const usage = new BigInt64Array(18)

function childrenCpu_ms(): number {
  getrusage(rusageChildren, usage)
  const [userSeconds, userMicroseconds, systemSeconds, systemMicroseconds] = Array.from(usage.subarray(0, 4), Number)
  return (userSeconds! + systemSeconds!) * 1000 + (userMicroseconds! + systemMicroseconds!) / 1000
}

/** Runs a command to its end, or kills it at the deadline. */
export function measure(command: readonly string[], deadline_ms: number): Sample {
  const directory = mkdtempSync(join(tmpdir(), 'lego-bench-'))
  const output = join(directory, 'stdout')
  const stdout = openSync(output, 'w')
  try {
    const cpuBefore = childrenCpu_ms()
    const start = performance.now()
    const { status, signal, stderr, error } = spawnSync(command[0] as string, command.slice(1), {
      stdio: ['ignore', stdout, 'pipe'],
      encoding: 'utf8',
      timeout: deadline_ms,
      killSignal: 'SIGKILL',
    })
    const wall_ms = performance.now() - start
    const cpu_ms = childrenCpu_ms() - cpuBefore
    const ended = error?.message ?? (signal === null ? `status ${status}` : `killed by ${signal}`)
    const hash = createHash('sha256').update(readFileSync(output)).digest('hex')
    const failure = ended === 'status 0' ? undefined : `${ended} ${stderr.trim().split('\n')[0] ?? ''}`.trim()
    return { wall_ms, cpu_ms, result: `${hash} ${ended}`, failure }
  } finally {
    closeSync(stdout)
    rmSync(directory, { recursive: true })
  }
}
