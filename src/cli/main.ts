// The command line begins here: bin/lego imports this file. The commands are in commands.ts.
import { readFileSync } from 'node:fs'
import { COMMANDS } from './commands.js'
import { isRefusal, NOT_STARTED } from './surroundings.js'

const USAGE = 2
const FAILED = 1

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

async function main([name, ...argv]: readonly string[]): Promise<number> {
  const command = COMMANDS.find((candidate) => candidate.name === name)
  if (name !== 'run') reportWriteErrors()
  if (command !== undefined) return command.run(argv)
  if (name === '--version' || name === '-V') {
    process.stdout.write(`${version()}\n`)
    return 0
  }
  // As `git help COMMAND` does it.
  const topic = name === 'help' ? COMMANDS.find((candidate) => candidate.name === argv[0]) : undefined
  if (topic !== undefined) return topic.run(['--help'])
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
