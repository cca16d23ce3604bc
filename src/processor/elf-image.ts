// Reads an executable's headers: elfy parses them, and every 64-bit field is read again here with its range checked, since elfy rounds above 2^53.
//   const image = readImage(bytes); if (typeof image === 'string') complain(image)
// Leaves out sections and symbols, which a kernel does not look at, and class and byte order where the machine says x86-64: Linux goes by that alone.
import { createRequire } from 'node:module'
import { EHDR, EHDR_SIZE, EI, ELF_MAGIC, ELFCLASS, ELFDATA, EM, ET, PHDR, PHDR_SIZE } from '../abi/elf.js'
import { readUnsigned } from '../abi/word.js'

export interface Segment {
  readonly type: number
  /** PF_ bits. */
  readonly flags: number
  readonly offset: number
  /** The same place in a page in the file and in memory. */
  readonly aligned: boolean
  readonly address: number
  readonly fileSize: number
  readonly memorySize: number
  readonly align: number
}

export interface ElfImage {
  /** ET_EXEC or ET_DYN. */
  readonly type: number
  readonly entry: number
  readonly headersOffset: number
  readonly headersCount: number
  readonly segments: readonly Segment[]
}

/** Only what is used of the package, which has no types. */
interface Elfy {
  readonly Parser: new () => { parseHeader(bytes: Uint8Array): { phnum: number; phentsize: number } }
}

/** The kernel refuses more program headers than fit in 64 KiB (fs/binfmt_elf.c, load_elf_phdrs). */
const HEADERS_SIZE_MAX = 65536

const MACHINES: Readonly<Record<number, string>> = {
  [EM['386']]: 'a 32-bit x86 program',
  [EM.ARM]: 'a 32-bit ARM program',
  [EM.AARCH64]: 'an AArch64 program',
  [EM.RISCV]: 'a RISC-V program',
}

/** Bytes that hold the headers of a file that starts with `bytes`; 0 when they are unreadable. */
export function headersEnd(bytes: Uint8Array): number {
  if (bytes.length < EHDR_SIZE) return 0
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return readUnsigned(view, EHDR.PHOFF) + view.getUint16(EHDR.PHNUM, true) * PHDR_SIZE
}

/** `bytes`: the file's beginning, at least up to the end of its program headers. Text: why it cannot be executed. */
export function readImage(bytes: Uint8Array): ElfImage | string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (bytes.length < 4 || view.getUint32(0, true) !== ELF_MAGIC) return 'not an ELF file'
  if (bytes.length < EHDR_SIZE) return 'truncated: its ELF header is incomplete'
  const machine = view.getUint16(EHDR.MACHINE, true)
  if (machine !== EM.X86_64)
    return `${MACHINES[machine] ?? `a program for machine ${machine}`}; only x86-64 is supported`
  const header = parseHeader(bytes)
  const type = view.getUint16(EHDR.TYPE, true)
  if (type !== ET.EXEC && type !== ET.DYN) return 'an ELF file, but not an executable'
  if (header.phentsize !== PHDR_SIZE) {
    return view.getUint8(EI.CLASS) === ELFCLASS['32']
      ? 'a 32-bit program; only x86-64 is supported'
      : 'malformed: its program headers have the wrong size'
  }
  if (header.phnum === 0 || header.phnum * PHDR_SIZE > HEADERS_SIZE_MAX) return 'malformed: no usable program headers'
  const headersOffset = readUnsigned(view, EHDR.PHOFF)
  if (headersOffset + header.phnum * PHDR_SIZE > bytes.length) return 'truncated: its program headers are missing'
  const segments: Segment[] = []
  for (let index = 0; index < header.phnum; index++) segments.push(readSegment(view, headersOffset + index * PHDR_SIZE))
  return { type, entry: readUnsigned(view, EHDR.ENTRY), headersOffset, headersCount: header.phnum, segments }
}

function parseHeader(bytes: Uint8Array): { phnum: number; phentsize: number } {
  const elfy = createRequire(import.meta.url)('elfy') as Elfy
  const header = Buffer.from(bytes.subarray(0, EHDR_SIZE))
  header[EI.CLASS] = ELFCLASS['64']
  header[EI.DATA] = ELFDATA['2LSB']
  return new elfy.Parser().parseHeader(header)
}

function readSegment(view: DataView, at: number): Segment {
  return {
    type: view.getUint32(at + PHDR.TYPE, true),
    flags: view.getUint32(at + PHDR.FLAGS, true),
    offset: readUnsigned(view, at + PHDR.OFFSET),
    aligned: (view.getUint32(at + PHDR.OFFSET, true) ^ view.getUint32(at + PHDR.VADDR, true)) % 4096 === 0,
    address: readUnsigned(view, at + PHDR.VADDR),
    fileSize: readUnsigned(view, at + PHDR.FILESZ),
    memorySize: readUnsigned(view, at + PHDR.MEMSZ),
    align: readUnsigned(view, at + PHDR.ALIGN),
  }
}
