// The command line of `lego run`: what is an option, what is the program's, and what is refused.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { OPTIONS, parseRun, RUN_HELP } from './run-command.js'
import { parseSize } from './run-options.js'

const parse = (...argv: string[]) => parseRun(argv, { A: '1' }, '/here')
const options = (...argv: string[]) => {
  const parsed = parse(...argv)
  if (!('options' in parsed)) throw new Error(JSON.stringify(parsed))
  return parsed.options
}

test('everything after the program is the program’s', () => {
  expect(options('--strace', 'prog', '--strace', '-x')).toMatchObject({
    program: 'prog',
    args: ['--strace', '-x'],
    strace: true,
  })
  expect(options('--', '--odd')).toMatchObject({ program: '--odd', args: [], strace: false })
})

test('values come behind a blank or an equals sign', () => {
  expect(options('--excache', '64K', '--ways=1', 'p')).toMatchObject({ cacheSize: 65536, ways: 1 })
  expect(options('--stats', 'p')).toMatchObject({ stats: 'text', program: 'p' })
  expect(options('--stats=json', 'p')).toMatchObject({ stats: 'json' })
})

test('--env replaces a variable that is there', () => {
  expect(options('--env', 'A=2', '--env', 'B=', 'p').env).toEqual(['A=2', 'B='])
})

test('the environment: what it is here, less --unset-env, or only what is named', () => {
  expect(options('--env', 'B=1', '--unset-env', 'A', 'p').env).toEqual(['B=1'])
  expect(options('--clean-env', '--env', 'B=1', 'p').env).toEqual(['B=1'])
  expect(options('--clean-env', '--env', 'A', '--env', 'NOT_HERE', 'p').env).toEqual(['A=1'])
  expect(options('--env', 'A=2', '--env', 'A', 'p').env).toEqual(['A=1'])
})

test('-e and -o ask for --strace', () => {
  expect(options('-e', 'trace=%file,read', 'p')).toMatchObject({
    strace: true,
    trace: '%file,read',
    straceOutput: null,
  })
  expect(options('-o', 'file', 'p')).toMatchObject({ strace: true, trace: 'all', straceOutput: 'file' })
})

test('--argv0 is another name for the same program', () => {
  expect(options('--argv0', 'sh', 'p', 'x')).toMatchObject({ program: 'p', name: 'sh', args: ['x'] })
  expect(options('p')).toMatchObject({ program: 'p', name: 'p' })
})

test('with --root the program starts in / unless told otherwise', () => {
  expect(options('p').cwd).toBe('/here')
  expect(options('--root', 'x', 'p').cwd).toBe('/')
  expect(options('--root', 'x', '--cwd', '/y', 'p').cwd).toBe('/y')
})

test.each([
  [[], 'which program'],
  [['--nope', 'p'], 'unknown option --nope'],
  [['--excache'], '--excache needs SIZE'],
  [['--excache', 'big', 'p'], 'not a size'],
  [['--excache', '64K', '--ways', '3', 'p'], 'power of two'],
  [['--excache', '2G', 'p'], 'an ExCache of 2048M and 96M for code make 2'],
  [['--excache', '4000G', 'p'], 'power of two'],
  [['--code', '100G', 'p'], 'a processor has 2048M'],
  [['--vcpus', '16', '--excache', '1G', 'p'], 'a processor has 2048M'],
  [['--policy', 'best', 'p'], 'neither fifo nor lru'],
  [['--mount', 'x:y', 'p'], 'absolute DST'],
  [['--env', '=A', 'p'], 'neither NAME=VALUE nor NAME'],
  [['--unset-env', 'A=1', 'p'], 'no NAME'],
  [['--argv0', '', 'p'], 'an empty name'],
  [['--time-limit', 'soon', 'p'], 'not a number of seconds'],
  [['--memory-limit', '0', 'p'], 'not a size'],
  [['--time-limit', '0', 'p'], 'not a number of seconds'],
  [['--memory', 'tcp:1', 'p'], 'not unix:PATH'],
  [['--strace=1', 'p'], 'takes no value'],
  [['-e', 'signal=none', 'p'], 'is not trace=LIST'],
])('%j is refused: %s', (argv, complaint) => {
  const parsed = parse(...argv)
  expect('problem' in parsed ? parsed.problem : '').toContain(complaint)
})

test('sixteen vCPUs fit in a processor as it comes', () => {
  const { vcpus, codeSize } = options('--vcpus', '16', 'p')
  expect([vcpus, codeSize]).toEqual([16, 64 << 20])
  expect(options('p').codeSize).toBe(96 << 20)
})

test('the page on the command line names every option', () => {
  const page = readFileSync(join(__dirname, '..', '..', 'docs', 'command-line.md'), 'utf8')
  for (const { name } of OPTIONS) expect(page).toContain(`\`${name}`)
})

test('the help text names every option', () => {
  for (const { name, help } of OPTIONS) {
    expect(RUN_HELP).toContain(name)
    expect(RUN_HELP).toContain(help)
  }
})

test.each([
  ['4096', 4096],
  ['64K', 65536],
  ['1G', 2 ** 30],
  ['2MiB', 2 ** 21],
  ['', Number.NaN],
  ['-1', Number.NaN],
  ['1T', Number.NaN],
])('%j is %d bytes', (text, expected) => {
  expect(parseSize(text)).toBe(expected)
})
