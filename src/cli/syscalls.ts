// `lego syscalls`: the table of system calls and how far each is done, from the rows themselves.
import { Chalk } from 'chalk'
import { Command, CommanderError } from 'commander'
import { table } from '../../syscalls/table.js'

const USAGE = 2

function list(json: boolean): string {
  const rows = table.flatMap((row) => (row === undefined ? [] : [row]))
  if (json) {
    const plain = rows.map(({ number, name, args, support }) => ({
      number,
      name,
      args: Object.entries(args).map(([argument, { kind }]) => ({ name: argument, kind })),
      ...support,
    }))
    return `${JSON.stringify(plain, null, 2)}\n`
  }
  const chalk = new Chalk({ level: process.stdout.isTTY ? 1 : 0 })
  const colours = { full: chalk.green, partial: chalk.yellow, refused: chalk.red }
  const lines = rows.map(({ number, name, args, support }) => {
    const note = support.level === 'full' ? '' : `: ${support.note}`
    const call = `${name}(${Object.keys(args).join(', ')})`
    return `${String(number).padStart(4)}  ${call.padEnd(56)} ${colours[support.level](support.level)}${note}`
  })
  return `${lines.join('\n')}\n${rows.length} system calls; every other number answers ENOSYS\n`
}

export const syscallsCommand = {
  name: 'syscalls',
  async run(argv: readonly string[]): Promise<number> {
    const command = new Command('lego syscalls')
      .description('List the system calls and how far each is done.')
      .option('--json', 'as JSON')
      .exitOverride()
      .action(({ json }: { json?: boolean }) => void process.stdout.write(list(json ?? false)))
    try {
      command.parse(argv as string[], { from: 'user' })
    } catch (error) {
      if (!(error instanceof CommanderError)) throw error
      return error.exitCode === 0 ? 0 : USAGE
    }
    return 0
  },
} as const
