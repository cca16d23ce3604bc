// `lego run --strace` beside strace(1) itself: strace/probe.c makes the calls, and both must print the same lines but for addresses, pids and times.
// Needs strace, gcc and x86-64 Linux; without them the test is skipped.
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { BUSYBOX, missing, needing } from '../fixtures/requirements.js'

jest.setTimeout(120_000)

const legoPath = resolve(__dirname, '..', 'bin', 'lego')
const canTrace = missing('strace') === undefined

let place = ''
let probe = ''
beforeAll(() => {
  place = mkdtempSync(join(tmpdir(), 'lego-strace-'))
  probe = join(place, 'probe')
  if (canTrace) execFileSync('gcc', ['-static', '-O1', '-w', '-o', probe, join(__dirname, 'strace', 'probe.c')])
})
afterAll(() => rmSync(place, { recursive: true, force: true }))

/** Each task's lines in its own order: who runs first, and whose call is printed in two parts, is chance. */
function byTask(lines: readonly string[]): string[][] {
  const tasks = new Map<string, string[]>()
  for (const line of lines) {
    const [, pid, text] = /^(\d+) +(.*)$/.exec(line) ?? []
    if (pid === undefined || text === undefined) continue
    const own = tasks.get(pid) ?? []
    tasks.set(pid, own)
    const resumed = /^<\.\.\. \w+ resumed>(.*)$/.exec(text)
    if (resumed) own.push((own.pop() ?? '').replace(/ ?<unfinished \.\.\.>$/, resumed[1] ?? ''))
    else own.push(text)
  }
  return [...tasks.values()]
}

/** What each task of the probe did from its first group on, without what differs from run to run. */
function traceOf(name: string, command: string, args: readonly string[]): string[][] {
  const directory = join(place, name)
  const file = join(place, `${name}.trace`)
  mkdirSync(directory)
  spawnSync(command, [...args, '-o', file, probe], { cwd: directory, stdio: 'ignore', env: { PATH: '/usr/bin:/bin' } })
  const tasks = byTask(readFileSync(file, 'utf8').split('\n')).map((lines) =>
    lines.map((line) =>
      line
        .replace(/\b(kill|tgkill|wait4)\(\d+/g, '$1(PID')
        .replace(/si_pid=\d+/, 'si_pid=PID')
        .replace(/(PID), \d+/, '$1, PID')
        .replace(/(getpid\(\)|gettid\(\)|clone\(.*\)|wait4\(PID, .*\)) += \d+$/, '$1 = PID')
        .replace(/0x[0-9a-f]{6,}/g, 'ADDRESS')
        .replace(/ +=/, ' ='),
    ),
  )
  const [first = [], ...others] = tasks
  const start = first.findIndex((line) => line.startsWith('write(1, "descriptors'))
  return [first.slice(start), ...others].map((lines) =>
    lines.filter((line) => !/^--- SIGCHLD|waitid|^set_robust_list/.test(line)),
  )
}

const testWithBusybox = needing('busybox')

testWithBusybox('a call that waits is printed in two parts when another task has something to say', () => {
  const script = '(exit 3); exit 4'
  const options = ['run', '-e', 'trace=wait4', BUSYBOX, 'sh', '-c', script]
  const { stderr, status } = spawnSync(process.execPath, [legoPath, ...options], { encoding: 'utf8' })
  expect(status).toBe(4)
  expect(stderr).toMatch(/^\[pid +\d+\] wait4\(-1, {2}<unfinished \.\.\.>$/m)
  expect(stderr).toMatch(/^\[pid +\d+\] \+\+\+ exited with 3 \+\+\+$/m)
  expect(stderr).toMatch(/^<\.\.\. wait4 resumed>\[\{WIFEXITED\(s\) && WEXITSTATUS\(s\) == 3\}\], 0, NULL\) = \d+$/m)
  expect(stderr).toMatch(/^\+\+\+ exited with 4 \+\+\+$/m)
})

const testIfTraced = needing('strace')

testIfTraced('calls, signals and ends are printed as strace prints them', () => {
  const native = traceOf('native', 'strace', ['-f'])
  const ours = traceOf('lego', process.execPath, [legoPath, 'run'])
  expect(native.map((lines) => lines.length > 1)).toEqual([true, true])
  expect(native.flat().length).toBeGreaterThan(120)
  expect(ours).toEqual(native)
})
