// `lego syscalls`: prints the table of system calls; the forms are in syscall-listing.ts.
import { Chalk } from 'chalk'
import { Command, Option } from 'commander'
import { parseArguments } from './parse-arguments.js'
import { FORMATS, type Format, listSyscalls } from './syscall-listing.js'

function print(format: Format): void {
  const chalk = new Chalk({ level: process.stdout.isTTY ? 1 : 0 })
  const colours = { full: chalk.green, partial: chalk.yellow, refused: chalk.red }
  process.stdout.write(listSyscalls(format, (level) => colours[level](level)))
}

export const syscallsCommand = {
  name: 'syscalls',
  parser(): Command {
    return new Command('lego syscalls')
      .description('List the system calls and how far each is done: full, partial or refused.')
      .addOption(new Option('--format <format>', 'how to print').choices(FORMATS).default('text'))
      .addHelpText(
        'after',
        '\nExamples:\n  lego syscalls | grep refused\n  lego syscalls --format json | jq \'.[] | select(.level == "partial") | .name\'',
      )
      .exitOverride()
  },

  async run(argv: readonly string[]): Promise<number> {
    const command = this.parser().action(({ format }: { format: Format }) => print(format))
    return parseArguments(command, argv) ?? 0
  },
} as const
