// Builds harness.c with the host's compiler, once per process, and runs cases on this CPU.
//   const native = nativeExecutor(); if ('reason' in native) …skip… else native.run(cases, fill)

import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { assert } from '../../lib/assert.js'
import { decodeOutcomes, encodeCases } from './format.js'
import type { Case, Executor, Outcome } from './machine.js'

/** From the package's root, where npm runs scripts and jest runs tests. */
const SOURCE = resolve('src/x86/native/harness.c')

export type Native = { readonly run: Executor } | { readonly reason: string }

function build(): Native {
  if (process.platform !== 'linux' || process.arch !== 'x64') return { reason: 'the host is not x86-64 Linux' }
  const directory = mkdtempSync(join(tmpdir(), 'lego-harness-'))
  process.once('exit', () => rmSync(directory, { recursive: true, force: true }))
  const program = join(directory, 'harness')
  // High up, where no value of the cases leads.
  const compiler = spawnSync('gcc', ['-O2', '-Wall', '-Werror', '-fPIE', '-pie', '-o', program, SOURCE], {
    encoding: 'utf8',
  })
  if (compiler.error !== undefined) return { reason: 'gcc is not installed' }
  assert(compiler.status === 0, `harness.c does not compile:\n${compiler.stderr}`)
  return { run: (cases, fill) => run(program, directory, cases, fill) }
}

function run(program: string, directory: string, cases: readonly Case[], fill: Uint8Array): Outcome[] {
  const input = join(directory, 'cases')
  const output = join(directory, 'outcomes')
  writeFileSync(input, encodeCases(cases, fill))
  const { status, signal, stderr } = spawnSync(program, [input, output], { encoding: 'utf8' })
  assert(status === 0, `the harness ended with ${status ?? signal}: ${stderr}`)
  const outcomes = decodeOutcomes(readFileSync(output))
  assert(outcomes.length === cases.length, 'an outcome for each case')
  return outcomes
}

let built: Native | undefined

export function nativeExecutor(): Native {
  built ??= build()
  return built
}
