// What instructions an executable has that the table does not: a linear sweep of its code with iced-x86, each instruction decoded
// again with our decoder. Data between functions may be taken for code: a rare name with one address is mostly that.
//   const found = scanExecutable(bytes, counts)  counts: iced's code name → how often, and where first

import * as iced from 'iced-x86'
import { decode, newDecoded, OK } from '../x86/decoder.js'

export type Uncovered = { count: number; readonly address: number }
export type Scan = { instructions: number; readonly uncovered: Map<string, Uncovered> }

export type Code = { readonly offset: number; readonly size: number; readonly address: number }

const ELF_MAGIC = 0x464c457f
const CLASS_64 = 2
const MACHINE_X86_64 = 62
const SECTION = { SIZE: 64, TYPE: 4, FLAGS: 8, ADDRESS: 16, OFFSET: 24, BYTES: 32 }
const PROGBITS = 1
const EXECUTABLE_SECTION = 4
const SEGMENT = { SIZE: 56, TYPE: 0, FLAGS: 4, OFFSET: 8, ADDRESS: 16, BYTES: 32 }
const LOAD = 1
const EXECUTABLE_SEGMENT = 1

/** The parts of a file that are code: its executable sections, or without sections its executable segments. A text says what is wrong. */
export function codeOf(view: DataView): readonly Code[] | string {
  if (view.byteLength < 64 || view.getUint32(0, true) !== ELF_MAGIC) return 'not an ELF file'
  if (view.getUint8(4) !== CLASS_64 || view.getUint16(18, true) !== MACHINE_X86_64) return 'not for x86-64'
  const number = (at: number) => Number(view.getBigUint64(at, true))
  const table = (start: number, count: number, size: number) =>
    start > 0 && start + count * size <= view.byteLength
      ? Array.from({ length: count }, (_, n) => start + n * size)
      : []
  const inside = ({ offset, size }: Code) => size > 0 && offset + size <= view.byteLength
  const sections = table(number(40), view.getUint16(60, true), SECTION.SIZE)
    .filter((at) => view.getUint32(at + SECTION.TYPE, true) === PROGBITS)
    .filter((at) => (view.getUint32(at + SECTION.FLAGS, true) & EXECUTABLE_SECTION) !== 0)
    .map((at) => ({
      offset: number(at + SECTION.OFFSET),
      size: number(at + SECTION.BYTES),
      address: number(at + SECTION.ADDRESS),
    }))
    .filter(inside)
  if (sections.length > 0) return sections
  return table(number(32), view.getUint16(56, true), SEGMENT.SIZE)
    .filter((at) => view.getUint32(at + SEGMENT.TYPE, true) === LOAD)
    .filter((at) => (view.getUint32(at + SEGMENT.FLAGS, true) & EXECUTABLE_SEGMENT) !== 0)
    .map((at) => ({
      offset: number(at + SEGMENT.OFFSET),
      size: number(at + SEGMENT.BYTES),
      address: number(at + SEGMENT.ADDRESS),
    }))
    .filter(inside)
}

/** Adds an executable's instructions to a scan; a text says why it cannot be read. */
export function scanExecutable(bytes: Uint8Array, scan: Scan): string | undefined {
  const parts = codeOf(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength))
  if (typeof parts === 'string') return parts
  for (const part of parts) sweep(bytes, part, scan)
  return undefined
}

function sweep(bytes: Uint8Array, { offset, size, address }: Code, scan: Scan): void {
  const end = offset + size
  const decoder = new iced.Decoder(64, bytes.subarray(offset, end), iced.DecoderOptions.None)
  const instruction = new iced.Instruction()
  const decoded = newDecoded()
  while (decoder.canDecode) {
    const at = decoder.position
    decoder.decodeOut(instruction)
    if (instruction.code === iced.Code.INVALID) continue
    scan.instructions++
    if (decode(bytes, offset + at, end, address + at, decoded) === OK) continue
    const name = iced.Code[instruction.code] ?? String(instruction.code)
    const known = scan.uncovered.get(name)
    if (known === undefined) scan.uncovered.set(name, { count: 1, address: address + at })
    else known.count++
  }
  instruction.free()
  decoder.free()
}
