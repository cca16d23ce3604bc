// The commands of `lego`: one row each, which loads what it needs when it is called.
// `run` is not parsed by commander, which would make every start slower.
import type { Command as Parser } from 'commander'

/** An option, as completion scripts need it. */
export interface OptionHelp {
  readonly names: readonly string[]
  /** What follows it; undefined for a switch. */
  readonly value: string | undefined
  /** The only values there are. */
  readonly choices: readonly string[]
  readonly help: string
}

export interface Command {
  readonly name: string
  readonly summary: string
  /** For completion by a shell. */
  options(): Promise<readonly OptionHelp[]>
  /** The exit status. */
  run(argv: readonly string[]): Promise<number>
}

const USAGE = 2

export const COMMANDS: readonly Command[] = [
  {
    name: 'run',
    summary: 'run a Linux x86-64 program on the disaggregated machine',
    options: async () => (await import('./run-command.js')).runOptions(),
    async run(argv) {
      const { parseRun, RUN_HELP } = await import('./run-command.js')
      const parsed = parseRun(argv, process.env, process.cwd())
      if ('help' in parsed) {
        process.stdout.write(RUN_HELP)
        return 0
      }
      if ('problem' in parsed) {
        process.stderr.write(`lego run: ${parsed.problem}\n`)
        return USAGE
      }
      const { findProgram } = await import('./find-program.js')
      const { run } = await import('./run.js')
      return run({ ...parsed.options, program: findProgram(parsed.options) })
    },
  },
  {
    name: 'memory',
    summary: 'be a memory component',
    options: async () => optionsOf((await import('./memory.js')).memoryCommand.parser()),
    run: async (argv) => (await import('./memory.js')).memoryCommand.run(argv),
  },
  {
    name: 'syscalls',
    summary: 'list the system calls and how far each is done',
    options: async () => optionsOf((await import('./syscalls.js')).syscallsCommand.parser()),
    run: async (argv) => (await import('./syscalls.js')).syscallsCommand.run(argv),
  },
  {
    name: 'instructions',
    summary: 'list the instruction forms covered, or those of programs that are not',
    options: async () => optionsOf((await import('./instructions.js')).instructionsCommand.parser()),
    run: async (argv) => (await import('./instructions.js')).instructionsCommand.run(argv),
  },
  {
    name: 'disasm',
    summary: 'disassemble a program, and mark what the engine does not cover',
    options: async () => optionsOf((await import('./disasm.js')).disasmCommand.parser()),
    run: async (argv) => (await import('./disasm.js')).disasmCommand.run(argv),
  },
  {
    name: 'compare',
    summary: 'run a program natively and under lego, and show what differs',
    options: async () => optionsOf((await import('./compare.js')).compareCommand.parser()),
    run: async (argv) => (await import('./compare.js')).compareCommand.run(argv),
  },
  {
    name: 'completion',
    summary: 'print a script that completes lego commands in a shell',
    options: async () => [],
    run: async (argv) => (await import('./completion.js')).completionCommand.run(argv, COMMANDS),
  },
]

/** Those of a parser of commander's. */
const optionsOf = ({ options }: Parser): readonly OptionHelp[] =>
  options.map(({ short, long, description, argChoices, required, flags }) => ({
    names: [short, long].filter((name) => name != null),
    value: required ? (/<(.*)>/.exec(flags)?.[1] ?? '') : undefined,
    choices: argChoices ?? [],
    help: description,
  }))
