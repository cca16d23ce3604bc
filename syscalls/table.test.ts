// The table as a whole: numbers and names against each other, and what every row promises.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { E } from '../src/abi/errno.js'
import { allRows, rowOf } from './table.js'

const rows = allRows()

test('every row sits at its own number, and no name comes twice', () => {
  for (const row of rows) expect(rowOf(row.number)).toBe(row)
  expect(new Set(rows.map(({ name }) => name)).size).toBe(rows.length)
})

test('no family lost a row to another with the same number', () => {
  const declared = readdirSync(__dirname)
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts') && file !== 'define.ts')
    .flatMap((file) =>
      [...readFileSync(join(__dirname, file), 'utf8').matchAll(/^ {2}number: (\d+),$/gm)].map((found) =>
        Number(found[1]),
      ),
    )
  expect(new Set(declared).size).toBe(declared.length)
  for (const number of declared) expect(rowOf(number)?.number).toBe(number)
})

test.each([
  [0, 'read'],
  [1, 'write'],
  [9, 'mmap'],
  [13, 'rt_sigaction'],
  [56, 'clone'],
  [59, 'execve'],
  [61, 'wait4'],
  [72, 'fcntl'],
  [158, 'arch_prctl'],
  [202, 'futex'],
  [231, 'exit_group'],
  [257, 'openat'],
  [262, 'newfstatat'],
  [302, 'prlimit64'],
  [318, 'getrandom'],
  [332, 'statx'],
  [435, 'clone3'],
])('%d is %s', (number, name) => {
  expect(rowOf(number)?.name).toBe(name)
})

test('at most six arguments, and a note wherever a call is not done in full', () => {
  for (const { args, support } of rows) {
    expect(Object.keys(args).length).toBeLessThanOrEqual(6)
    if (support.level !== 'full') expect(support.note.length).toBeGreaterThan(5)
  }
})

/** What the handlers of all programs return with. */
const IMPLICIT = new Set(['rt_sigreturn'])

test('every call that is done in full is made by a program that is compared with the host', () => {
  const directory = join(__dirname, 'conformance')
  const sources = readdirSync(directory).map((file) => readFileSync(join(directory, file), 'utf8'))
  const isMade = (name: string): boolean => {
    const call = new RegExp(`\\b(?:CALL|WORKS|EACH|WHETHER|BOTH)\\(\\s*${name}\\b|\\bSYS_${name}\\b|\\b${name}\\(`)
    return sources.some((source) => call.test(source))
  }
  const full = rows.filter(({ support }) => support.level === 'full').map(({ name }) => name)
  expect(full.filter((name) => !IMPLICIT.has(name) && !isMade(name))).toEqual([])
})

test('a refused call answers its errno', () => {
  const rseq = rowOf(334)!
  expect(rseq.support).toMatchObject({ level: 'refused', errno: E.NOSYS })
  expect(rseq.invoke(undefined as never)).toBe(-E.NOSYS)
})
