// What -e trace=LIST names: calls, strace's classes, and their opposites.
import { quote } from './quote.js'
import { allRows, selection } from './table.js'

const rows = allRows()
function selected(list: string): string[] {
  const found = selection(list)
  if ('problem' in found) throw new Error(found.problem)
  return rows.filter((row) => found.selects(row)).map(({ name }) => name)
}

test('names, and all but some names', () => {
  expect(selected('read,write')).toEqual(['read', 'write'])
  expect(selected('!read,write')).toHaveLength(rows.length - 2)
  expect(selected('all')).toHaveLength(rows.length)
  expect(selected('none')).toEqual([])
})

// As `strace -e trace=%CLASS` of strace 6.1 has them.
test.each([
  ['%file', ['open', 'openat', 'stat', 'newfstatat', 'execve', 'rename', 'getcwd', 'statfs'], ['read', 'fstat', 'brk']],
  ['%desc', ['read', 'openat', 'mmap', 'poll', 'pipe2', 'eventfd2', 'memfd_create', 'fcntl'], ['stat', 'brk', 'kill']],
  ['%memory', ['mmap', 'brk', 'mprotect', 'munmap', 'madvise'], ['memfd_create', 'read']],
  ['%process', ['clone', 'execve', 'wait4', 'exit_group', 'vfork'], ['getpid', 'rt_sigaction', 'read']],
  ['%signal', ['kill', 'rt_sigaction', 'sigaltstack', 'pause', 'rt_sigreturn', 'tgkill'], ['ppoll', 'wait4']],
])('%s is a class', (list, members, others) => {
  const names = selected(list)
  expect(names).toEqual(expect.arrayContaining(members))
  for (const other of others) expect(names).not.toContain(other)
})

test.each(['', 'nonsense', 'read,nonsense', '%nonsense', '!'])('%j is refused', (list) => {
  expect(selection(list)).toHaveProperty('problem')
})

test('bytes in quotes, as strace writes them', () => {
  expect(quote(Uint8Array.from([104, 105, 10, 0, 0, 49, 255, 34, 92]))).toBe('"hi\\n\\0\\0001\\377\\"\\\\"')
  expect(quote(Uint8Array.from([1, 2]), { hex: true, cut: true })).toBe('"\\x01\\x02"...')
})
