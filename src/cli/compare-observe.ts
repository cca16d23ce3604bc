// Runs a command in a fresh directory and records all that can be seen of it from outside: what it wrote, how it ended,
// which files it left. Knows nothing of lego; the comparison is in compare-differences.ts.

import { spawnSync } from 'node:child_process'
import {
  closeSync,
  cpSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'

/** A file as it was left: its type and permission bits, and its bytes (a link's are its target's name). */
export interface LeftFile {
  readonly mode: number
  readonly content: Buffer
}

export interface Observation {
  readonly stdout: Buffer
  readonly stderr: Buffer
  /** `status N`, or the name of the signal that ended it, or that it passed the deadline. */
  readonly end: string
  readonly signal: string | null
  readonly files: ReadonlyMap<string, LeftFile>
}

export interface Surroundings {
  /** Copied into the fresh directory before the run. */
  readonly with: readonly string[]
  /** What the command reads on stdin. */
  readonly stdin: string
  readonly deadline_ms: number
}

function filesOf(directory: string, prefix = ''): [string, LeftFile][] {
  return readdirSync(join(directory, prefix)).flatMap((name) => {
    const relative = join(prefix, name)
    const path = join(directory, relative)
    const status = lstatSync(path)
    const content = status.isFile()
      ? readFileSync(path)
      : Buffer.from(status.isSymbolicLink() ? readlinkSync(path, 'buffer') : '')
    const below = status.isDirectory() ? filesOf(directory, relative) : []
    return [[relative, { mode: status.mode, content }] as [string, LeftFile], ...below]
  })
}

/** Runs the command and removes its directory. Two runs one after the other in `parent` see the same path. */
export function observe(command: readonly string[], parent: string, surroundings: Surroundings): Observation {
  const directory = join(parent, 'run')
  mkdirSync(directory)
  const stdin = openSync(surroundings.stdin, 'r')
  try {
    for (const path of surroundings.with) cpSync(path, join(directory, basename(path)), { recursive: true })
    const { OLDPWD: _, ...environment } = process.env
    const { stdout, stderr, status, signal, error } = spawnSync(command[0] as string, command.slice(1), {
      cwd: directory,
      env: { ...environment, PWD: directory },
      stdio: [stdin, 'pipe', 'pipe'],
      maxBuffer: 2 ** 30,
      timeout: surroundings.deadline_ms,
      killSignal: 'SIGKILL',
    })
    if (error && status === null && signal === null) throw error
    const end = error ? `ended by us: ${error.message}` : signal === null ? `status ${status}` : signal
    return { stdout, stderr, end, signal, files: new Map(filesOf(directory)) }
  } finally {
    closeSync(stdin)
    rmSync(directory, { recursive: true, force: true })
  }
}

/** Calls `use` with a fresh directory that is gone afterwards. */
export function inFreshDirectory<Result>(use: (directory: string) => Result): Result {
  const directory = mkdtempSync(join(tmpdir(), 'lego-compare-'))
  try {
    return use(directory)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}
