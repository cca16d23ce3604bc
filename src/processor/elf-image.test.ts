// Headers of good and bad executables, made byte by byte.
import { EHDR, EHDR_SIZE, ELF_MAGIC, PHDR, PHDR_SIZE, PT } from '../abi/elf.js'
import { readImage } from './elf-image.js'

type Change = (view: DataView) => void
const SIZE = EHDR_SIZE + PHDR_SIZE + 0x100

/** A file with one segment of 0x100 bytes. */
function file(change: Change = () => {}): Uint8Array {
  const bytes = new Uint8Array(SIZE)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, ELF_MAGIC, true)
  bytes.set([2, 1, 1], 4)
  view.setUint16(EHDR.TYPE, 2, true)
  view.setUint16(EHDR.MACHINE, 62, true)
  view.setBigUint64(EHDR.ENTRY, 0x401000n, true)
  view.setBigUint64(EHDR.PHOFF, BigInt(EHDR_SIZE), true)
  view.setUint16(EHDR.PHENTSIZE, PHDR_SIZE, true)
  view.setUint16(EHDR.PHNUM, 1, true)
  view.setUint32(EHDR_SIZE + PHDR.TYPE, PT.LOAD, true)
  view.setUint32(EHDR_SIZE + PHDR.FLAGS, 5, true)
  view.setBigUint64(EHDR_SIZE + PHDR.VADDR, 0x400000n, true)
  view.setBigUint64(EHDR_SIZE + PHDR.FILESZ, BigInt(SIZE), true)
  view.setBigUint64(EHDR_SIZE + PHDR.MEMSZ, 0x2000n, true)
  change(view)
  return bytes
}

test('a good file gives its entry and its segments', () => {
  const image = readImage(file(), SIZE)
  expect(image).toMatchObject({ type: 2, entry: 0x401000, headersCount: 1 })
  expect(typeof image === 'string' ? [] : image.segments).toMatchObject([
    { address: 0x400000, memorySize: 0x2000, flags: 5 },
  ])
})

const at = EHDR_SIZE
test.each<[string, Change, RegExp]>([
  ['not an ELF file', (view) => view.setUint32(0, 0x21230a, true), /not an ELF file/],
  ['a 32-bit class', (view) => view.setUint8(4, 1), /32-bit/],
  ['a machine that is not x86-64', (view) => view.setUint16(EHDR.MACHINE, 183, true), /AArch64.*only x86-64/],
  ['an object file', (view) => view.setUint16(EHDR.TYPE, 1, true), /not an executable/],
  ['headers beyond the file', (view) => view.setBigUint64(EHDR.PHOFF, 1n << 40n, true), /truncated/],
  ['headers at an offset above 2^53', (view) => view.setBigUint64(EHDR.PHOFF, (1n << 63n) + 64n, true), /truncated/],
  ['no headers', (view) => view.setUint16(EHDR.PHNUM, 0, true), /no usable program headers/],
  ['headers of another size', (view) => view.setUint16(EHDR.PHENTSIZE, 32, true), /wrong size/],
  ['nothing to load', (view) => view.setUint32(at + PHDR.TYPE, PT.NOTE, true), /nothing to load/],
  ['a segment beyond the file', (view) => view.setBigUint64(at + PHDR.OFFSET, 0x1000n, true), /truncated/],
  [
    'a segment in the kernel half',
    (view) => view.setBigUint64(at + PHDR.VADDR, 0xffffffff80000000n, true),
    /out of range/,
  ],
  ['more bytes in the file than in memory', (view) => view.setBigUint64(at + PHDR.MEMSZ, 1n, true), /out of range/],
  ['a segment that is not aligned', (view) => view.setBigUint64(at + PHDR.VADDR, 0x400010n, true), /not aligned/],
])('%s is refused', (_, change, reason) => {
  expect(readImage(file(change), SIZE)).toMatch(reason)
})

test('every shorter file is refused without an exception', () => {
  const whole = file()
  for (let length = 0; length < SIZE; length++)
    expect(typeof readImage(whole.subarray(0, length), length)).toBe('string')
})
