// The text of machine code, by iced-x86, with the names of functions, and a mark at what the engine's own decoder does not know.
//   const listing = new Listing(bytes, symbols, 'intel'); for (const line of listing.lines(part, from, to)) …
import * as iced from 'iced-x86'
import { decode, newDecoded, OK } from '../x86/decoder.js'
import type { Symbols } from './elf-symbols.js'
import type { Code } from './instruction-scan.js'

export const SYNTAXES = ['intel', 'att'] as const
export type Syntax = (typeof SYNTAXES)[number]

const hex = (value: number): string => value.toString(16)
/** Bytes that have room on a line; longer instructions push the text to the right. */
const BYTES_WIDTH = 8 * 3
/** No instruction is longer (Intel SDM volume 2, section 2.3.11). */
const INSTRUCTION_MAX = 15

export class Listing {
  instructions = 0
  uncovered = 0
  readonly #bytes: Uint8Array
  readonly #symbols: Symbols
  readonly #formatter: iced.Formatter
  readonly #instruction = new iced.Instruction()
  readonly #decoded = newDecoded()

  constructor(bytes: Uint8Array, symbols: Symbols, syntax: Syntax) {
    this.#bytes = bytes
    this.#symbols = symbols
    this.#formatter = new iced.Formatter(syntax === 'intel' ? iced.FormatterSyntax.Intel : iced.FormatterSyntax.Gas)
    this.#formatter.hexPrefix = '0x'
    this.#formatter.hexSuffix = ''
    this.#formatter.uppercaseHex = false
    this.#formatter.branchLeadingZeros = false
    this.#formatter.ripRelativeAddresses = false
  }

  /** Of the code at addresses from..to, which lie in `part`. */
  *lines({ offset, size, address }: Code, from: number, to: number): Generator<string> {
    const end = offset + Math.min(size, to - address)
    const decoder = new iced.Decoder(64, this.#bytes.subarray(0, end), iced.DecoderOptions.None)
    decoder.position = offset + (from - address)
    decoder.ip = BigInt(from)
    while (decoder.canDecode) {
      const at = decoder.position
      const here = address + (at - offset)
      for (const { name } of this.#symbols.startingAt(here)) yield `\n${hex(here).padStart(16, '0')} <${name}>:`
      decoder.decodeOut(this.#instruction)
      this.instructions++
      yield this.#line(at, here, end)
    }
    decoder.free()
  }

  #line(at: number, here: number, end: number): string {
    const instruction = this.#instruction
    const isBad = instruction.code === iced.Code.INVALID
    const known = isBad || decode(this.#bytes, at, Math.min(end, at + INSTRUCTION_MAX), here, this.#decoded) === OK
    if (!known) this.uncovered++
    const bytes = Array.from(this.#bytes.subarray(at, at + instruction.length), (byte) => hex(byte).padStart(2, '0'))
    const text = isBad ? '(bad)' : `${this.#formatter.format(instruction)}${this.#targetOf(instruction)}`
    return `${known ? ' ' : '!'} ${hex(here).padStart(8)}:  ${bytes.join(' ').padEnd(BYTES_WIDTH)} ${text}`
  }

  /** What a branch goes to, or an address relative to rip means, by name. */
  #targetOf(instruction: iced.Instruction): string {
    const target = instruction.nearBranchTarget
    if (target !== 0n) {
      const name = this.#symbols.at(Number(target))
      return name === '' ? '' : ` <${name}>`
    }
    if (!instruction.isIpRelMemoryOperand) return ''
    const address = Number(instruction.ipRelMemoryAddress)
    const name = this.#symbols.at(address)
    return name === '' ? '' : `  # <${name}>`
  }

  free(): void {
    this.#instruction.free()
    this.#formatter.free()
  }
}
