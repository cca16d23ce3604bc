// Every C program of conformance/ prints what its system calls answer; natively and under lego it must print the same. What differs
// between machines is not printed.
import { execFileSync, type SpawnSyncOptionsWithStringEncoding, spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { needing } from '../fixtures/requirements.js'

const root = resolve(__dirname, '..')
const sources = join(__dirname, 'conformance')
const programs = readdirSync(sources)
  .filter((name) => name.endsWith('.c'))
  .map((name) => name.slice(0, -2))

let place = ''
beforeAll(() => {
  place = mkdtempSync(join(tmpdir(), 'lego-conformance-'))
  // Programs that give their rights away still have to come to their directory.
  chmodSync(place, 0o755)
})
afterAll(() => rmSync(place, { recursive: true, force: true }))

interface Outcome {
  readonly lines: readonly string[]
  readonly status: number | null
  readonly signal: string | null
  readonly stderr: string
}

/** In an empty directory of its own. */
function outcomeIn(directory: string, command: string, args: readonly string[]): Outcome {
  mkdirSync(directory)
  const options: SpawnSyncOptionsWithStringEncoding = { cwd: directory, encoding: 'utf8', timeout: 60_000, input: '' }
  const { stdout, stderr, status, signal } = spawnSync(command, args, options)
  return { lines: stdout.split('\n'), status, signal, stderr }
}

needing('compiler').each(programs)(
  'the calls of %s answer as natively',
  (name) => {
    const program = join(place, name)
    execFileSync('gcc', ['-static', '-O1', '-w', '-o', program, join(sources, `${name}.c`)])
    const native = outcomeIn(join(place, `${name}.native`), program, [])
    const ours = outcomeIn(join(place, `${name}.lego`), process.execPath, [join(root, 'bin/lego'), 'run', program])
    expect(native.lines.length).toBeGreaterThan(10)
    expect(ours).toEqual(native)
  },
  120_000,
)
