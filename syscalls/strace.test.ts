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

/** The lines between the first group of the probe and its end, without what differs from run to run. */
function traceOf(name: string, command: string, args: readonly string[]): string[] {
  const directory = join(place, name)
  const file = join(place, `${name}.trace`)
  mkdirSync(directory)
  spawnSync(command, [...args, '-o', file, probe], { cwd: directory, stdio: 'ignore', env: { PATH: '/usr/bin:/bin' } })
  const lines = readFileSync(file, 'utf8')
    .split('\n')
    .map((line) =>
      line
        .replace(/^(\d+) +/, '')
        .replace(/\b(kill|tgkill|wait4)\(\d+/g, '$1(PID')
        .replace(/si_pid=\d+/, 'si_pid=PID')
        .replace(/(PID), \d+/, '$1, PID')
        .replace(/(getpid\(\)|gettid\(\)|clone\(.*\)|wait4\(PID, .*\)) += \d+$/, '$1 = PID')
        .replace(/0x[0-9a-f]{6,}/g, 'ADDRESS')
        .replace(/ +=/, ' ='),
    )
  const start = lines.findIndex((line) => line.startsWith('write(1, "descriptors'))
  return lines
    .slice(start)
    .filter((line) => !/^(---|<\.\.\.) *(SIGCHLD|clone)|waitid|^set_robust_list|unfinished/.test(line))
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
  expect(native.length).toBeGreaterThan(120)
  // The child's two lines come when it runs.
  const isChild = (line: string): boolean => line === 'exit_group(7) = ?' || line === '+++ exited with 7 +++'
  expect(ours.filter((line) => !isChild(line))).toEqual(native.filter((line) => !isChild(line)))
  expect(ours.filter(isChild)).toEqual(native.filter(isChild))
})
