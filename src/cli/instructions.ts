// `lego instructions`: the instruction forms that the table covers, by the cpuid feature they belong to; with programs, the forms
// these have that it does not. The scan is loaded when it is wanted: iced-x86 takes its time.
import { readFileSync } from 'node:fs'
import { Command, Option } from 'commander'
import { CPU_MAX } from '../x86/features.js'
import type { Form } from '../x86/form.js'
import { allForms } from '../x86/table.js'
import type { Scan } from './instruction-scan.js'
import { parseArguments, USAGE } from './parse-arguments.js'

const FORMS = allForms()

const FAILED = 1
const BASELINE = 'x86-64'

type Format = 'text' | 'md' | 'json'

/** Rows by the features they need, in the order of the table. */
function byFeature(): Map<string, Form[]> {
  const groups = new Map<string, Form[]>()
  for (const form of FORMS) {
    const name = form.options.feature ?? BASELINE
    const group = groups.get(name)
    if (group === undefined) groups.set(name, [form])
    else group.push(form)
  }
  return groups
}

const shown = ({ encoding, mnemonic, operands }: Form): string =>
  `${encoding}  ${mnemonic} ${operands.map(({ kind, size, signed }) => `${kind}${kind === '1' ? '' : size}${signed ? 's' : ''}`).join(' ')}`.trimEnd()

function listForms(format: Format): string {
  const groups = byFeature()
  if (format === 'json') {
    const plain = FORMS.map(({ encoding, mnemonic, operands, widths, options }) => ({
      encoding,
      mnemonic,
      operands: operands.map(({ kind, size }) => `${kind}${size}`),
      sizes: widths,
      feature: options.feature ?? null,
      feature256: options.feature256 ?? options.feature ?? null,
    }))
    return `${JSON.stringify(plain, null, 2)}\n`
  }
  const parts = [...groups].map(([name, forms]) => {
    if (format === 'md')
      return `## ${name}\n\n| encoding | mnemonic |\n|---|---|\n${forms.map(({ encoding, mnemonic }) => `| \`${encoding}\` | ${mnemonic} |`).join('\n')}\n`
    return `${name}: ${forms.length} forms\n${forms.map((form) => `  ${shown(form)}`).join('\n')}\n`
  })
  return `${parts.join('\n')}\n${FORMS.length} forms; cpuid tells ${[...CPU_MAX].join(' ')}\n`
}

function report({ instructions, uncovered }: Scan, format: Format): string {
  const rows = [...uncovered].sort(([, a], [, b]) => b.count - a.count)
  if (format === 'json') {
    const plain = rows.map(([code, { count, address }]) => ({ code, count, address: `0x${address.toString(16)}` }))
    return `${JSON.stringify({ instructions, uncovered: plain }, null, 2)}\n`
  }
  const line = (code: string, count: string, address: string) =>
    format === 'md' ? `| ${code} | ${count} | ${address} |` : `${count.padStart(9)}  ${code.padEnd(40)} ${address}`
  const head = format === 'md' ? ['| form | count | first at |', '|---|---|---|'] : []
  const lines = rows.map(([code, { count, address }]) => line(code, String(count), `0x${address.toString(16)}`))
  return `${[...head, ...lines].join('\n')}\n${instructions} instructions, ${rows.length} forms are not covered\n`
}

async function scan(programs: readonly string[], format: Format): Promise<number> {
  const { scanExecutable } = await import('./instruction-scan.js')
  const found: Scan = { instructions: 0, uncovered: new Map() }
  let failed = false
  for (const [n, program] of programs.entries()) {
    if (process.stderr.isTTY) process.stderr.write(`\r${n + 1}/${programs.length} ${program}\u001b[K`)
    let problem: string | undefined
    try {
      problem = scanExecutable(readFileSync(program), found)
    } catch (error) {
      problem = (error as Error).message
    }
    if (problem === undefined) continue
    failed = true
    process.stderr.write(`lego instructions: ${program}: ${problem}\n`)
  }
  if (process.stderr.isTTY) process.stderr.write('\r\u001b[K')
  process.stdout.write(report(found, format))
  return failed ? USAGE : found.uncovered.size > 0 ? FAILED : 0
}

export const instructionsCommand = {
  name: 'instructions',
  parser(): Command {
    return new Command('lego instructions')
      .description('List the instruction forms that the engine covers, or those of programs that it does not.')
      .argument('[programs...]', 'ELF files, executables or libraries')
      .addOption(new Option('--format <format>', 'how to print').choices(['text', 'md', 'json']).default('text'))
      .addHelpText(
        'after',
        '\nExamples:\n  lego instructions\n  lego instructions /bin/busybox ./prog\n  lego instructions --format json ./prog\n\nExit status: 1 when a program has a form that is not covered, 2 when a file cannot be read.',
      )
      .exitOverride()
  },

  async run(argv: readonly string[]): Promise<number> {
    let status: Promise<number> | number = 0
    const command = this.parser().action((programs: string[], { format }: { format: Format }) => {
      if (programs.length === 0) process.stdout.write(listForms(format))
      else status = scan(programs, format)
    })
    return parseArguments(command, argv) ?? status
  },
} as const
