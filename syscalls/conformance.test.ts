// Every C program of conformance/ prints what its system calls answer; natively and under lego it must print the same. What differs
// between machines is not printed.
import { execFileSync, type SpawnSyncOptionsWithStringEncoding, spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { needing } from '../fixtures/requirements.js'
import { allRows } from './table.js'

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
  return run(directory, command, args)
}

function run(directory: string, command: string, args: readonly string[]): Outcome {
  const options: SpawnSyncOptionsWithStringEncoding = { cwd: directory, encoding: 'utf8', timeout: 60_000, input: '' }
  const { stdout, stderr, status, signal } = spawnSync(command, args, options)
  return { lines: stdout.split('\n'), status, signal, stderr }
}

function compiled(name: string): string {
  const program = join(place, name)
  execFileSync('gcc', ['-static', '-O1', '-w', '-o', program, join(sources, `${name}.c`)])
  return program
}

const lego = (directory: string, ...args: readonly string[]): Outcome =>
  outcomeIn(join(place, directory), process.execPath, [join(root, 'bin/lego'), 'run', ...args])

const natives = new Map<string, Outcome>()
function nativeOf(name: string): Outcome {
  const known = natives.get(name)
  const native = known ?? outcomeIn(join(place, `${name}.native`), compiled(name), [])
  natives.set(name, native)
  return native
}

const testWithCompiler = needing('compiler')

testWithCompiler.each(programs)(
  'the calls of %s answer as natively',
  (name) => {
    const native = nativeOf(name)
    expect(native.lines.length).toBeGreaterThan(10)
    expect(lego(`${name}.lego`, join(place, name))).toEqual(native)
  },
  120_000,
)

/** Calls that no argument makes fail, whose failures need a machine without memory, or that do not return. */
const NEVER_FAIL = new Set([
  ...['brk', 'sched_yield', 'alarm', 'umask', 'munlockall', 'set_tid_address', 'setfsuid', 'setfsgid'],
  ...['getpid', 'gettid', 'getppid', 'getpgrp', 'getuid', 'geteuid', 'getgid', 'getegid'],
  ...['fork', 'vfork', 'exit', 'exit_group', 'rt_sigreturn'],
])

testWithCompiler(
  'every call that is done in full fails in one of these programs, or never fails',
  () => {
    const lines = programs.flatMap((name) => nativeOf(name).lines)
    const failing = new Set(lines.flatMap((line) => /^(\w+)\(.* = -1 E[A-Z0-9]+$/.exec(line)?.[1] ?? []))
    const names = allRows().flatMap(({ name, support }) => (support.level === 'full' ? [name] : []))
    expect(names.filter((name) => !failing.has(name) && !NEVER_FAIL.has(name))).toEqual([])
    expect([...NEVER_FAIL].filter((name) => failing.has(name) || !names.includes(name))).toEqual([])
  },
  120_000,
)

// There the names are resolved by lego, not by the host.
testWithCompiler.each(['paths', 'directory'])(
  'the calls of %s answer as natively below --root',
  (name) => {
    const program = compiled(name)
    const native = outcomeIn(join(place, `${name}.native-again`), program, [])
    const ours = lego(`${name}.below`, '--root', place, '--cwd', `/${name}.below`, `/${name}`)
    expect(ours).toEqual(native)
  },
  120_000,
)

/** `ro` and `rw` are one directory, `other` is another; the kernel's bind mounts are the native answer. */
needing('mounts')(
  'the calls of mounts answer as natively across mounts',
  () => {
    const program = compiled('mounts')
    for (const side of ['native', 'lego'])
      for (const directory of ['store', 'elsewhere', 'at/ro', 'at/rw', 'at/other'])
        mkdirSync(join(place, 'mounted', side, directory), { recursive: true })
    const binds = [
      ...['mount --bind ../store rw', 'mount --bind ../store ro', 'mount -o remount,bind,ro ro'],
      ...['mount --bind ../elsewhere other', 'exec "$0"'],
    ]
    const native = run(join(place, 'mounted/native/at'), 'unshare', ['-m', 'sh', '-c', binds.join(' && '), program])
    const here = join(place, 'mounted/lego')
    const mounts = ['store:rw', 'store:ro:ro', 'elsewhere:other'].flatMap((mount) => {
      const [source, target, ...rest] = mount.split(':')
      return ['--mount', [join(here, source!), join(here, 'at', target!), ...rest].join(':')]
    })
    const ours = run(join(here, 'at'), process.execPath, [join(root, 'bin/lego'), 'run', ...mounts, program])
    expect(native.lines.length).toBeGreaterThan(4000)
    expect(ours).toEqual(native)
  },
  120_000,
)
