// The listing of machine code: instructions, names of functions from a symbol table, and the mark at what the engine does not cover.
import { Listing, type Syntax } from './disassembly.js'
import { readSymbols, Symbols } from './elf-symbols.js'

const ADDRESS = 0x401000

function listed(code: readonly number[], symbols = new Symbols([]), syntax: Syntax = 'intel'): string[] {
  const listing = new Listing(Uint8Array.from(code), symbols, syntax)
  const part = { offset: 0, size: code.length, address: ADDRESS }
  return [...listing.lines(part, ADDRESS, ADDRESS + code.length)]
}

// push rbp; call +3; lea rax,[rip-6]; ret
const CODE = [0x55, 0xe8, 0x07, 0, 0, 0, 0x48, 0x8d, 0x05, 0xf3, 0xff, 0xff, 0xff, 0xc3]
const symbols = new Symbols([
  { name: 'main', address: ADDRESS, size: 13 },
  { name: 'leaf', address: ADDRESS + 13, size: 0 },
])

test('functions, branches and data are named', () => {
  expect(listed(CODE, symbols)).toEqual([
    '\n0000000000401000 <main>:',
    '    401000:  55                       push rbp',
    '    401001:  e8 07 00 00 00           call 0x40100d <leaf>',
    '    401006:  48 8d 05 f3 ff ff ff     lea rax,[0x401000]  # <main>',
    '\n000000000040100d <leaf>:',
    '    40100d:  c3                       ret',
  ])
  expect(symbols.at(ADDRESS + 6)).toBe('main+0x6')
  expect(symbols.at(ADDRESS - 1)).toBe('')
})

test('both syntaxes', () => {
  expect(listed([0x31, 0xc0])).toEqual(['    401000:  31 c0                    xor eax,eax'])
  expect(listed([0x31, 0xc0], symbols, 'att')[1]).toBe('    401000:  31 c0                    xor %eax,%eax')
})

test('what the engine does not cover is marked, and what is no instruction is not', () => {
  // xtest (TSX); 06, which 64-bit mode has not.
  expect(listed([0x0f, 0x01, 0xd6])[0]).toMatch(/^! +401000: .*xtest$/)
  expect(listed([0x06])[0]).toMatch(/^ {4}401000: {2}06 +\(bad\)$/)
})

test('a file without a symbol table has no names', () => {
  expect(readSymbols(new Uint8Array(64)).functions).toEqual([])
})
