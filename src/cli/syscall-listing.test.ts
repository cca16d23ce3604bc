// The listing of system calls, and the page of the documentation that is made from it.
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { allRows } from '../../syscalls/table.js'
import { listSyscalls } from './syscall-listing.js'

const rows = allRows()

test('docs/syscalls.md says what the rows say: `npm run docs` makes it', () => {
  const page = readFileSync(join(resolve(__dirname, '..', '..'), 'docs', 'syscalls.md'), 'utf8')
  expect(page).toBe(listSyscalls('md'))
})

test.each(['text', 'md'] as const)('every call is a line, as %s', (format) => {
  const lines = listSyscalls(format).split('\n')
  for (const { name, number } of rows)
    expect(lines.filter((line) => line.includes(`${name}(`) && line.includes(String(number)))).not.toEqual([])
})

test('as JSON, with the errno of what is refused by name', () => {
  const listed = JSON.parse(listSyscalls('json')) as { name: string; level: string; errno?: string }[]
  expect(listed).toHaveLength(rows.length)
  for (const { level, errno } of listed) expect(errno === undefined).toBe(level !== 'refused')
  expect(listed.find(({ name }) => name === 'rseq')).toMatchObject({ level: 'refused', errno: 'ENOSYS' })
})
