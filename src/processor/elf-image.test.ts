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
  const image = readImage(file())
  expect(image).toMatchObject({ type: 2, entry: 0x401000, headersCount: 1 })
  expect(typeof image === 'string' ? [] : image.segments).toMatchObject([
    { address: 0x400000, memorySize: 0x2000, flags: 5 },
  ])
})

test.each<[string, Change, RegExp]>([
  ['not an ELF file', (view) => view.setUint32(0, 0x21230a, true), /not an ELF file/],
  [
    'a 32-bit x86-64 program (x32)',
    (view) => {
      view.setUint8(4, 1)
      view.setUint16(EHDR.PHENTSIZE, 32, true)
    },
    /32-bit/,
  ],
  ['a machine that is not x86-64', (view) => view.setUint16(EHDR.MACHINE, 183, true), /AArch64.*only x86-64/],
  ['an object file', (view) => view.setUint16(EHDR.TYPE, 1, true), /not an executable/],
  ['headers beyond the file', (view) => view.setBigUint64(EHDR.PHOFF, 1n << 40n, true), /truncated/],
  ['headers at an offset above 2^53', (view) => view.setBigUint64(EHDR.PHOFF, (1n << 63n) + 64n, true), /truncated/],
  ['no headers', (view) => view.setUint16(EHDR.PHNUM, 0, true), /no usable program headers/],
  ['headers of another size', (view) => view.setUint16(EHDR.PHENTSIZE, 32, true), /wrong size/],
])('%s is refused', (_, change, reason) => {
  expect(readImage(file(change))).toMatch(reason)
})

test('every shorter file is refused without an exception', () => {
  const whole = file()
  for (let length = 0; length < EHDR_SIZE + PHDR_SIZE; length++)
    expect(typeof readImage(whole.subarray(0, length))).toBe('string')
})

test('class and byte order do not count where the machine is x86-64', () => {
  const image = readImage(
    file((view) => {
      view.setUint8(4, 7)
      view.setUint8(5, 0)
    }),
  )
  expect(image).toMatchObject({ entry: 0x401000 })
})
