// The functions of an executable by address, from its symbol table (elf(5)); none where it was stripped.
//   const symbols = readSymbols(bytes); symbols.at(address)  'main+0x12'
import { readUnsigned } from '../abi/word.js'

export interface FunctionSymbol {
  readonly name: string
  readonly address: number
  /** 0: unknown. */
  readonly size: number
}

const HEADER = { SECTIONS: 40, SECTION_COUNT: 60 }
const SECTION = { SIZE: 64, TYPE: 4, OFFSET: 24, BYTES: 32, LINK: 40 }
const SYMTAB = 2
const SYMBOL = { SIZE: 24, NAME: 0, INFO: 4, SECTION: 6, VALUE: 8, BYTES: 16 }
const NOTYPE = 0
const FUNC = 2
const GNU_IFUNC = 10
const GLOBAL = 1
const UNDEFINED = 0

export class Symbols {
  /** By address; of several at one address the first is the one to show. */
  readonly functions: readonly FunctionSymbol[]

  constructor(functions: readonly FunctionSymbol[]) {
    this.functions = functions
  }

  named(name: string): FunctionSymbol | undefined {
    return this.functions.find((symbol) => symbol.name === name)
  }

  /** Where a function without a size ends: at the next one. */
  endOf({ address, size }: FunctionSymbol): number {
    if (size > 0) return address + size
    return this.functions.find((other) => other.address > address)?.address ?? Infinity
  }

  /** Those that begin there. */
  startingAt(address: number): readonly FunctionSymbol[] {
    const found: FunctionSymbol[] = []
    for (let at = this.#lastBefore(address); at >= 0 && this.functions[at]!.address === address; at--)
      found.unshift(this.functions[at]!)
    return found
  }

  /** `name` or `name+0x12`; empty outside of all functions. */
  at(address: number): string {
    const last = this.functions[this.#lastBefore(address)]
    if (last === undefined || address >= this.endOf(last)) return ''
    const [symbol] = this.startingAt(last.address)
    const offset = address - symbol!.address
    return offset === 0 ? symbol!.name : `${symbol!.name}+0x${offset.toString(16)}`
  }

  /** Index of the last that begins there or before; -1 for none. */
  #lastBefore(address: number): number {
    let low = 0
    let high = this.functions.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.functions[middle]!.address <= address) low = middle + 1
      else high = middle
    }
    return low - 1
  }
}

/** `bytes` is a 64-bit ELF file; tables that lie outside of it are left out. */
export function readSymbols(bytes: Uint8Array): Symbols {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const start = readUnsigned(view, HEADER.SECTIONS)
  const count = view.getUint16(HEADER.SECTION_COUNT, true)
  if (start === 0 || start + count * SECTION.SIZE > bytes.length) return new Symbols([])
  const sections = Array.from({ length: count }, (_, index) => start + index * SECTION.SIZE)
  const table = sections.find((at) => view.getUint32(at + SECTION.TYPE, true) === SYMTAB)
  const names = table === undefined ? undefined : sections[view.getUint32(table + SECTION.LINK, true)]
  if (table === undefined || names === undefined) return new Symbols([])
  const offset = readUnsigned(view, table + SECTION.OFFSET)
  const end = offset + readUnsigned(view, table + SECTION.BYTES)
  const namesAt = readUnsigned(view, names + SECTION.OFFSET)
  if (end > bytes.length || namesAt > bytes.length) return new Symbols([])
  const found: (FunctionSymbol & { readonly rank: number })[] = []
  for (let at = offset; at + SYMBOL.SIZE <= end; at += SYMBOL.SIZE) {
    const info = view.getUint8(at + SYMBOL.INFO)
    const type = info & 15
    const nameAt = namesAt + view.getUint32(at + SYMBOL.NAME, true)
    const name = new TextDecoder().decode(bytes.subarray(nameAt, bytes.indexOf(0, nameAt)))
    const isCode = type === FUNC || type === GNU_IFUNC || type === NOTYPE
    if (!isCode || name === '' || view.getUint16(at + SYMBOL.SECTION, true) === UNDEFINED) continue
    // Functions before mere labels, names for all before names of a file.
    const rank = (type === NOTYPE ? 2 : 0) + (info >> 4 === GLOBAL ? 0 : 1)
    const address = readUnsigned(view, at + SYMBOL.VALUE)
    found.push({ name, address, size: readUnsigned(view, at + SYMBOL.BYTES), rank })
  }
  return new Symbols(found.sort((a, b) => a.address - b.address || a.rank - b.rank))
}
