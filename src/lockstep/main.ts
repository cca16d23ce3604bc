// npm run lockstep -- [--count N] [--skip N] PROGRAM ARGS…: a program on this CPU and in the engine, instruction by instruction; the
// first that differs is named.

import { factsOf } from '../engine/cpu.js'
import { scriptOptions } from '../lib/script-options.js'
import { CPU_MAX } from '../x86/features.js'
import { follow } from './follower.js'
import { startNative, tracerProgram } from './native.js'
import { describe } from './report.js'

const USAGE = `usage: npm run lockstep -- [--count N] [--skip N] PROGRAM ARGS…
Runs a program on this CPU, one instruction at a time, and the same instructions in the engine's interpreter, and names the first
that differs: registers, flags, vector and x87 state, memory written. What only the kernel or the CPU can tell (system calls,
time, chance, approximations) is taken over. It follows one thread of one process: what others write to shared memory shows
as a difference.
--count N: at most so many instructions (5000000); --skip N: so many natively first, which is faster.
Status: 0 no difference, 1 a difference, 2 it cannot run.`

const OPTIONS = { count: { type: 'string', default: '5000000' }, skip: { type: 'string', default: '0' } } as const
const PROGRESS_MS = 2000

const given = process.argv.slice(2)
/** The program's name is the first word that is no option and no option's value. */
let own = 0
while (given[own]?.startsWith('-')) own += /^--(count|skip)$/.test(given[own] as string) ? 2 : 1
const values = scriptOptions(USAGE, OPTIONS, given.slice(0, own))
const command = given.slice(own)
const [count, skip] = [Number(values.count), Number(values.skip)]

function complain(problem: string): void {
  console.error(`lockstep: ${problem}`)
  process.exitCode = 2
}

// npm runs scripts in the package's root and tells where it was called.
function run(tracer: string): void {
  const { hwcap, hwcap2 } = factsOf(CPU_MAX)
  const native = startNative({ tracer, command, hwcap, hwcap2, directory: process.env.INIT_CWD })
  if (native === undefined) {
    complain('the program could not be started')
    return
  }
  const started = Date.now()
  let told = started
  const onProgress = (done: number) => {
    if (!process.stderr.isTTY || Date.now() - told < PROGRESS_MS) return
    told = Date.now()
    process.stderr.write(`lockstep: ${done} instructions, ${Math.round(done / ((told - started) / 1000))} a second\n`)
  }
  const outcome = follow({ stream: native.stream, pid: native.pid, countMax: count, skip, onProgress })
  native.stop()
  for (const line of describe(outcome)) console.error(`lockstep: ${line}`)
  console.error(`lockstep: ${((Date.now() - started) / 1000).toFixed(1)} s`)
  process.exitCode = outcome.kind === 'failed' ? 2 : outcome.kind === 'differs' || outcome.kind === 'memory' ? 1 : 0
}

/** What the command line asks for. */
function main(): void {
  if (command.length === 0) complain(`which program?\n${USAGE}`)
  else if (!(count > 0 && skip >= 0)) complain(`--count and --skip are numbers\n${USAGE}`)
  else {
    const tracer = tracerProgram()
    if ('reason' in tracer) complain(tracer.reason)
    else run(tracer.path)
  }
}

try {
  main()
} catch (error) {
  // A status of 1, as node's would be, is a difference.
  complain(error instanceof Error ? (error.stack ?? error.message) : String(error))
}
