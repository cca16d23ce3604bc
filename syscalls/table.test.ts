// The table as a whole: numbers and names against each other, and what every row promises.
import { E } from '../src/abi/errno.js'
import { table } from './table.js'

const rows = table.flatMap((row) => (row === undefined ? [] : [row]))

test('every row sits at its own number, and no name comes twice', () => {
  table.forEach((row, number) => {
    if (row !== undefined) expect(row.number).toBe(number)
  })
  expect(new Set(rows.map(({ name }) => name)).size).toBe(rows.length)
})

test('no family lost a row to another with the same number', async () => {
  const { readdirSync } = await import('node:fs')
  const { join } = await import('node:path')
  const { readFileSync } = await import('node:fs')
  const declared = readdirSync(__dirname)
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts') && file !== 'define.ts')
    .flatMap((file) =>
      [...readFileSync(join(__dirname, file), 'utf8').matchAll(/^ {2}number: (\d+),$/gm)].map((found) =>
        Number(found[1]),
      ),
    )
  expect(new Set(declared).size).toBe(declared.length)
  for (const number of declared) expect(table[number]?.number).toBe(number)
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
  expect(table[number]?.name).toBe(name)
})

test('at most six arguments, and a note wherever a call is not done in full', () => {
  for (const { args, support } of rows) {
    expect(Object.keys(args).length).toBeLessThanOrEqual(6)
    if (support.level !== 'full') expect(support.note.length).toBeGreaterThan(5)
  }
})

test('a refused call answers its errno', () => {
  const rseq = table[334]!
  expect(rseq.support).toMatchObject({ level: 'refused', errno: E.NOSYS })
  expect(rseq.invoke(undefined as never)).toBe(-E.NOSYS)
})
