// The package's API: run a Linux program on the disaggregated machine from Node.
//   import { run } from 'lego-os'
//   const { status, stdout } = await run('/bin/busybox', { args: ['sort'], stdin: 'b\na\n' })
// The machine is a process of its own, as `lego run` is: a guest that dies by a signal leaves this one alone.

import { spawn } from 'node:child_process'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { parseRun } from './cli/run-command.js'

export interface RunRequest {
  /** What follows argv[0]. */
  readonly args?: readonly string[]
  /** The guest's environment; that of this process unless given. */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** Where the guest starts, a path that it can see; here, or with `--root` its /, unless given. */
  readonly cwd?: string
  /** What it reads on its standard input; nothing unless given. */
  readonly stdin?: Uint8Array | string
  /** Options of `lego run`, a word each: `['--excache', '64K', '--time-limit', '10']`. `lego run --help` lists them. */
  readonly options?: readonly string[]
  /** Ends the guest, and rejects. */
  readonly signal?: AbortSignal
}

export interface RunResult {
  /** As a shell would have it (126: cannot be executed, 127: not found, 124: --time-limit); null for death by a signal. */
  readonly status: number | null
  /** The signal that the guest died by. */
  readonly signal: NodeJS.Signals | null
  /** All that it wrote. */
  readonly stdout: Buffer
  readonly stderr: Buffer
  /** What lego itself had to say: why a program cannot be run, `--strace`, `--stats`. */
  readonly log: string
}

/** Descriptor of the child on which lego's own lines come back. */
const LOG_FD = 3
const command = fileURLToPath(new URL('../../bin/lego', import.meta.url))

async function contentOf(stream: Readable): Promise<Buffer> {
  const pieces: Buffer[] = []
  for await (const piece of stream) pieces.push(piece as Buffer)
  return Buffer.concat(pieces)
}

/**
 * Runs a static x86-64 Linux program and resolves to what came of it, when it has ended.
 * `program` is a path, or a name to look for in the PATH of its environment.
 * A program that cannot be run is a result, with its status and a line in `log`; options that `lego run` does not have are an Error.
 */
export async function run(program: string, request: RunRequest = {}): Promise<RunResult> {
  const { args = [], env = process.env, cwd, stdin = '', options = [], signal } = request
  const words = [
    ...options,
    ...(cwd === undefined ? [] : ['--cwd', cwd]),
    '--log',
    `fd:${LOG_FD}`,
    '--',
    program,
    ...args,
  ]
  const parsed = parseRun(words, env, process.cwd())
  if (!('options' in parsed)) throw new Error('problem' in parsed ? parsed.problem : '--help runs no program')
  const child = spawn(process.execPath, [command, 'run', ...words], {
    env,
    stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
    killSignal: 'SIGKILL',
    ...(signal !== undefined && { signal }),
  })
  // A guest that ends without reading its input is no error.
  child.stdin.on('error', () => {})
  child.stdin.end(stdin)
  const ended = new Promise<Pick<RunResult, 'status' | 'signal'>>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (status, diedBy) => resolve({ status, signal: diedBy }))
  })
  const [end, stdout, stderr, log] = await Promise.all([
    ended,
    contentOf(child.stdout),
    contentOf(child.stderr),
    contentOf(child.stdio[LOG_FD] as Readable),
  ])
  return { ...end, stdout, stderr, log: log.toString() }
}
