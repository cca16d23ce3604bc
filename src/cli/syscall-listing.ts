// The table of system calls and how far each is done, from the rows themselves, in three forms; docs/syscalls.md is the Markdown.
//   listSyscalls('json')
import type { Support, Syscall } from '../../syscalls/define.js'
import { allRows } from '../../syscalls/table.js'
import { errnoName } from '../abi/errno.js'

export const FORMATS = ['text', 'md', 'json'] as const
export type Format = (typeof FORMATS)[number]

const rows = allRows()
const signature = ({ name, args }: Syscall): string => `${name}(${Object.keys(args).join(', ')})`
const noteOf = ({ support }: Syscall): string => (support.level === 'full' ? '' : support.note)
const countOf = (level: string): number => rows.filter(({ support }) => support.level === level).length
const summary = (): string =>
  `${rows.length} system calls: ${countOf('full')} full, ${countOf('partial')} partial, ${countOf('refused')} refused; every other number answers ENOSYS`

type Colour = (level: Support['level']) => string

function asText(colour: Colour): string {
  const lines = rows.map((row) => {
    const note = noteOf(row) === '' ? '' : `: ${noteOf(row)}`
    return `${String(row.number).padStart(4)}  ${signature(row).padEnd(56)} ${colour(row.support.level)}${note}`
  })
  return `${lines.join('\n')}\n${summary()}\n`
}

const cell = (text: string): string => text.replaceAll('|', '\\|')

function asMarkdown(): string {
  const lines = rows.map(
    (row) => `| ${row.number} | \`${signature(row)}\` | ${row.support.level} | ${cell(noteOf(row))} |`,
  )
  return `# System calls

Made by \`npm run docs\` from the rows in \`syscalls/\`; change it there. *full*: as the Linux that the tests run beside;
*partial*: but for what the note says; *refused*: always answers that errno, as a kernel without the call may.

${summary()}.

| number | call | support | note |
|---|---|---|---|
${lines.join('\n')}
`
}

function asJson(): string {
  const plain = rows.map(({ number, name, args, support }) => ({
    number,
    name,
    args: Object.entries(args).map(([argument, { kind }]) => ({ name: argument, kind })),
    ...support,
    ...(support.level === 'refused' && { errno: errnoName(support.errno) }),
  }))
  return `${JSON.stringify(plain, null, 2)}\n`
}

const listings: Readonly<Record<Format, (colour: Colour) => string>> = { text: asText, md: asMarkdown, json: asJson }

/** `colour` paints the levels of the text for a terminal. */
export const listSyscalls = (format: Format, colour: Colour = (level) => level): string => listings[format](colour)
