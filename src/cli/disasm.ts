// `lego disasm PROGRAM`: the program's machine code as text, with its functions' names, and a mark at each instruction that the engine does not cover.
import { readFileSync } from 'node:fs'
import { Command, Option } from 'commander'
import { Listing, SYNTAXES, type Syntax } from './disassembly.js'
import { readSymbols } from './elf-symbols.js'
import { type Code, codeOf } from './instruction-scan.js'
import { parseArguments, USAGE } from './parse-arguments.js'

/** Characters that are written at once. */
const PIECE = 65536

interface Options {
  function?: string
  start?: string
  length?: string
  syntax: Syntax
}

interface Range {
  readonly from: number
  readonly to: number
}

/** A number as C writes it: 4096 or 0x1000; NaN for other texts. */
const parseNumber = (text: string): number => (/^(0x[0-9a-f]+|\d+)$/i.test(text) ? Number(text) : Number.NaN)

/** Throws a line for the user. */
function rangeOf(options: Options, symbols: ReturnType<typeof readSymbols>): Range {
  const { function: name, start, length } = options
  if (name !== undefined && start !== undefined) throw new Error('--function and --start are one or the other')
  const symbol = name === undefined ? undefined : symbols.named(name)
  if (name !== undefined && symbol === undefined)
    throw new Error(symbols.functions.length === 0 ? 'it has no symbols: use --start' : `it has no function ${name}`)
  const from = symbol?.address ?? (start === undefined ? 0 : parseNumber(start))
  if (Number.isNaN(from)) throw new Error(`--start ${start}: not an address`)
  const count = length === undefined ? undefined : parseNumber(length)
  if (Number.isNaN(count)) throw new Error(`--length ${length}: not a number of bytes`)
  return { from, to: count === undefined ? (symbol === undefined ? Infinity : symbols.endOf(symbol)) : from + count }
}

function disassemble(program: string, options: Options, print: (text: string) => void): void {
  const bytes = readFileSync(program)
  const parts = codeOf(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength))
  if (typeof parts === 'string') throw new Error(parts)
  const symbols = readSymbols(bytes)
  const { from, to } = rangeOf(options, symbols)
  const chosen = parts.filter(({ address, size }) => from < address + size && to > address)
  if (chosen.length === 0) throw new Error(`it has no code at 0x${from.toString(16)}`)
  const listing = new Listing(bytes, symbols, options.syntax)
  let text = ''
  for (const part of chosen)
    for (const line of listing.lines(part, Math.max(from, part.address), Math.min(to, endOf(part)))) {
      text += `${line}\n`
      if (text.length < PIECE) continue
      print(text)
      text = ''
    }
  const { instructions, uncovered } = listing
  print(`${text}\n${instructions} instructions, ${uncovered} not covered${uncovered > 0 ? ' (marked with !)' : ''}\n`)
  listing.free()
}

const endOf = ({ address, size }: Code): number => address + size

export const disasmCommand = {
  name: 'disasm',
  parser(): Command {
    return new Command('lego disasm')
      .description("Print a program's machine code, with an ! at what the engine does not cover.")
      .argument('<program>', 'an ELF file, executable or library')
      .option('--function <symbol>', 'only this function')
      .option('--start <address>', 'from this address of the program on')
      .option('--length <bytes>', 'only so many bytes')
      .addOption(new Option('--syntax <syntax>', 'whose assembler').choices(SYNTAXES).default('intel'))
      .addHelpText(
        'after',
        '\nExamples:\n  lego disasm --function main ./prog\n  lego disasm --start 0x401000 --length 64 ./prog\n  lego disasm ./prog | grep ^!\n\nExit status: 0, or 2 for usage and files that cannot be read.',
      )
      .exitOverride()
  },

  async run(argv: readonly string[]): Promise<number> {
    let status = USAGE
    const command = this.parser().action((program: string, options: Options) => {
      try {
        disassemble(program, options, (text) => void process.stdout.write(text))
        status = 0
      } catch (error) {
        process.stderr.write(`lego disasm: ${program}: ${(error as Error).message}\n`)
      }
    })
    return parseArguments(command, argv) ?? status
  },
} as const
