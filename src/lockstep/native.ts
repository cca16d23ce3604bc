// Starts a program under the tracer (native.c), which it builds with the host's compiler once per process.
//   const tracer = tracerProgram(); if ('reason' in tracer) …cannot run here… else startNative(tracer.path, ['/bin/true'])

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { assert } from '../lib/assert.js'
import { CommandStream, REPLY } from './stream.js'

/** From the package's root, where npm runs scripts and jest runs tests. */
const SOURCE = resolve('src/lockstep/native.c')

export type Tracer = { readonly path: string } | { readonly reason: string }

let directory: string | undefined
let built: Tracer | undefined

function workDirectory(): string {
  if (directory === undefined) {
    const made = mkdtempSync(join(tmpdir(), 'lego-lockstep-'))
    process.once('exit', () => rmSync(made, { recursive: true, force: true }))
    directory = made
  }
  return directory
}

function build(): Tracer {
  if (process.platform !== 'linux' || process.arch !== 'x64') return { reason: 'the host is not x86-64 Linux' }
  const path = join(workDirectory(), 'tracer')
  const compiler = spawnSync('gcc', ['-O2', '-Wall', '-Werror', '-o', path, SOURCE], { encoding: 'utf8' })
  if (compiler.error !== undefined) return { reason: 'gcc is not installed' }
  assert(compiler.status === 0, `native.c does not compile:\n${compiler.stderr}`)
  return { path }
}

export function tracerProgram(): Tracer {
  built ??= build()
  return built
}

export type NativeRun = {
  readonly stream: CommandStream
  readonly pid: number
  /** Ends the program if it still runs. */
  stop(): void
}

export type NativeOptions = {
  readonly tracer: string
  /** The program and its arguments. */
  readonly command: readonly string[]
  readonly hwcap: number
  readonly hwcap2: number
  /** Of the program; `inherit` by default. */
  readonly stdio?: 'inherit' | 'ignore'
  readonly environment?: NodeJS.ProcessEnv
  /** Where it starts; here by default. */
  readonly directory?: string | undefined
}

let runs = 0

/** Stopped before its first instruction; its first state is in the stream. Undefined when it could not be started. */
export function startNative(options: NativeOptions): NativeRun | undefined {
  const { tracer, command, hwcap, hwcap2, stdio = 'inherit', environment = process.env } = options
  const cwd = options.directory ?? process.cwd()
  const names = ['commands', 'replies'].map((name) => join(workDirectory(), `${name}-${++runs}`))
  assert(spawnSync('mkfifo', names).status === 0, 'pipes can be made')
  const [commands, replies] = names as [string, string]
  const child: ChildProcess = spawn(tracer, [commands, replies, String(hwcap), String(hwcap2), ...command], {
    stdio,
    env: environment,
    cwd,
  })
  // Each waits here until the tracer has opened its end.
  const writer = openSync(commands, 'w')
  const reader = openSync(replies, 'r')
  const stream = new CommandStream(writer, reader)
  const stop = () => {
    closeSync(writer)
    closeSync(reader)
    for (const name of names) rmSync(name, { force: true })
    child.unref()
  }
  const started = stream.next(REPLY.synced)
  if (started !== undefined) return { stream, pid: started.getUint32(0, true), stop }
  stop()
  return undefined
}
