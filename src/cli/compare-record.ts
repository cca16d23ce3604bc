// Native runs kept in a file, for `lego compare --record` and `--against`: what a Linux on x86-64 saw, to be compared with on any host. JSON; contents
// are text where they are UTF-8, else base64.
import { readFileSync, writeFileSync } from 'node:fs'
import { cpus, release } from 'node:os'
import type { Observation } from './compare-observe.js'

const VERSION = 1

type Content = { readonly text: string } | { readonly base64: string }

interface RecordedRun {
  readonly stdout: Content
  readonly stderr: Content
  readonly end: string
  readonly signal: string | null
  readonly files: Readonly<Record<string, { readonly mode: number; readonly content: Content }>>
}

interface Recording {
  readonly version: number
  readonly command: readonly string[]
  readonly recordedOn: { readonly kernel: string; readonly cpu: string }
  readonly runs: readonly RecordedRun[]
}

const pack = (bytes: Buffer): Content => {
  const text = bytes.toString('utf8')
  return Buffer.from(text).equals(bytes) ? { text } : { base64: bytes.toString('base64') }
}
const unpack = (content: Content): Buffer =>
  'text' in content ? Buffer.from(content.text) : Buffer.from(content.base64, 'base64')

export function writeRecording(path: string, command: readonly string[], natives: readonly Observation[]): void {
  const recording: Recording = {
    version: VERSION,
    command,
    recordedOn: { kernel: release(), cpu: cpus()[0]?.model.trim() ?? 'unknown' },
    runs: natives.map(({ stdout, stderr, end, signal, files }) => ({
      stdout: pack(stdout),
      stderr: pack(stderr),
      end,
      signal,
      files: Object.fromEntries(
        [...files].map(([name, { mode, content }]) => [name, { mode, content: pack(content) }]),
      ),
    })),
  }
  writeFileSync(path, `${JSON.stringify(recording, null, 2)}\n`)
}

/** The native runs in a file; throws a line for the user when it holds none. */
export function readRecording(path: string): readonly Observation[] {
  const recording = JSON.parse(readFileSync(path, 'utf8')) as Partial<Recording>
  if (recording.version !== VERSION || !Array.isArray(recording.runs) || recording.runs.length === 0)
    throw new Error(`${path}: no recording of this version of lego compare`)
  return recording.runs.map(({ stdout, stderr, end, signal, files }: RecordedRun) => ({
    stdout: unpack(stdout),
    stderr: unpack(stderr),
    end,
    signal,
    files: new Map(
      Object.entries(files).map(([name, { mode, content }]) => [name, { mode, content: unpack(content) }]),
    ),
  }))
}
