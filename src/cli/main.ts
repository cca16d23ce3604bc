// The command line begins here: bin/lego imports this file. One row a command; each loads what it needs when it is called.
// `run` is not parsed by commander, which would make every start slower.
import { readFileSync } from 'node:fs'

interface Command {
  readonly name: string
  readonly summary: string
  /** The exit status. */
  run(argv: readonly string[]): Promise<number>
}

const USAGE = 2
const FAILED = 1
/** The machine itself could not be put together. */
const NOT_STARTED = 125

export const COMMANDS: readonly Command[] = [
  {
    name: 'run',
    summary: 'run a Linux x86-64 program on the disaggregated machine',
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
    run: async (argv) => (await import('./memory.js')).memoryCommand.run(argv),
  },
  {
    name: 'syscalls',
    summary: 'list the system calls and how far each is done',
    run: async (argv) => (await import('./syscalls.js')).syscallsCommand.run(argv),
  },
  {
    name: 'instructions',
    summary: 'list the instruction forms covered, or those of programs that are not',
    run: async (argv) => (await import('./instructions.js')).instructionsCommand.run(argv),
  },
  {
    name: 'disasm',
    summary: 'disassemble a program, and mark what the engine does not cover',
    run: async (argv) => (await import('./disasm.js')).disasmCommand.run(argv),
  },
  {
    name: 'compare',
    summary: 'run a program natively and under lego, and show what differs',
    run: async (argv) => (await import('./compare.js')).compareCommand.run(argv),
  },
]

function help(): string {
  const rows = COMMANDS.map(({ name, summary }) => `  lego ${name.padEnd(12)} ${summary}`)
  return `Usage: lego COMMAND [ARGS...]\n\n${rows.join('\n')}\n\nlego COMMAND --help says more about each. Example:\n  lego run /bin/busybox echo hello\n`
}

function version(): string {
  const text = readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}

/** A reader that left is no failure of ours (`lego syscalls | head -1`); a full disk is. Not for `run`: Node would open its stdout. */
function reportWriteErrors(): void {
  process.stdout.on('error', ({ code, message }: NodeJS.ErrnoException) => {
    if (code !== 'EPIPE') process.stderr.write(`lego: stdout: ${message}\n`)
    process.exit(code === 'EPIPE' ? 0 : FAILED)
  })
}

/** What the surroundings do not give (memory, descriptors, a current directory) is one line; anything else is a bug and keeps its stack. */
function isRefusal({ code, message }: Error & { code?: string }): boolean {
  return (
    code === 'ERR_WORKER_INIT_FAILED' || message.endsWith(', uv_cwd') || message.endsWith('could not allocate memory')
  )
}

async function main([name, ...argv]: readonly string[]): Promise<number> {
  const command = COMMANDS.find((candidate) => candidate.name === name)
  if (name !== 'run') reportWriteErrors()
  if (command !== undefined) return command.run(argv)
  if (name === '--version' || name === '-V') {
    process.stdout.write(`${version()}\n`)
    return 0
  }
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    process[name === undefined ? 'stderr' : 'stdout'].write(help())
    return name === undefined ? USAGE : 0
  }
  process.stderr.write(`lego: unknown command ${name}; lego --help lists them\n`)
  return USAGE
}

// No top-level await: the bundle is CommonJS.
void main(process.argv.slice(2)).then(
  (status) => {
    process.exitCode = status
  },
  (error: Error & { code?: string }) => {
    if (!isRefusal(error)) throw error
    process.stderr.write(`lego: ${error.message}\n`)
    process.exitCode = NOT_STARTED
  },
)
