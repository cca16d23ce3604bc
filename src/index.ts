// The package's API: run a Linux program on the disaggregated machine from Node.
//   import { runProgram } from 'lego-os'; const status = await runProgram('/bin/busybox', ['echo', 'hello'])
// It uses this process's descriptors 0-2, and a guest that dies by a signal takes this process with it, as on the command line.

import { run } from './cli/run.js'
import { parseRun } from './cli/run-command.js'
import type { RunOptions } from './cli/run-options.js'

export type { RunOptions } from './cli/run-options.js'

/** Runs a static x86-64 program and resolves to its exit status. `options` are those of `lego run`. */
export function runProgram(
  program: string,
  args: readonly string[] = [],
  options: Partial<RunOptions> = {},
): Promise<number> {
  const parsed = parseRun(['--', program, ...args], process.env, process.cwd())
  if (!('options' in parsed)) throw new Error('the defaults of lego run are valid')
  return run({ ...parsed.options, ...options, program, args })
}
