// `lego compare PROG ARGS…`: runs a program natively, then under lego, each in a fresh directory of the same name, and
// shows what differs in stdout, stderr, status or signal, and the files left behind. Linux on x86-64 only, of course.

import { accessSync, constants, existsSync, statSync } from 'node:fs'
import { delimiter, join, resolve } from 'node:path'
import { Command, CommanderError } from 'commander'
import { type Difference, differences } from './compare-differences.js'
import { inFreshDirectory, type Observation, observe } from './compare-observe.js'

const equal = 0
const different = 1
const usage = 2

interface Options {
  with: string[]
  stdin: string
  runOptions: string
  deadline: string
  json?: boolean
}

/** What `compare` needs to know of its surroundings. */
export interface CompareHost {
  /** The command that `run` and its arguments are added to. */
  readonly lego: readonly string[]
  print(text: string): void
  complain(text: string): void
}

/** As execvp(3) would find it; undefined where there is no such program. */
function findProgram(name: string): string | undefined {
  const candidates = name.includes('/')
    ? [resolve(name)]
    : (process.env.PATH ?? '/usr/bin:/bin').split(delimiter).map((directory) => join(directory, name))
  return candidates.find((path) => {
    try {
      accessSync(path, constants.X_OK)
      return statSync(path).isFile()
    } catch {
      return false
    }
  })
}

/** Arguments that name a file here must find it in the fresh directory too. */
function filesNamed(args: readonly string[]): readonly string[] {
  return args.filter((argument) => !argument.includes('/') && existsSync(argument) && statSync(argument).isFile())
}

function visible({ stdout, stderr, end, files }: Observation): object {
  return { stdout: stdout.toString('latin1'), stderr: stderr.toString('latin1'), end, files: [...files.keys()].sort() }
}

function describe(found: readonly Difference[], native: Observation): string {
  if (found.length === 0)
    return `equal: ${native.stdout.length} bytes of stdout, ${native.stderr.length} of stderr, ${native.end}, ${native.files.size} files\n`
  const parts = found.flatMap(({ what, lines }) => [`${what} differs`, ...lines.map((line) => `  ${line}`)])
  return `${parts.join('\n')}\n`
}

function compare(name: string, args: readonly string[], options: Options, host: CompareHost): number {
  const program = findProgram(name)
  const deadline_ms = Number(options.deadline) * 1000
  const problem = !program
    ? `${name}: no such program`
    : !(deadline_ms > 0)
      ? `--deadline ${options.deadline}: not a number of seconds`
      : [...options.with, options.stdin].map((path) => (existsSync(path) ? '' : `${path}: no such file`)).find(Boolean)
  if (problem || !program) {
    host.complain(`lego compare: ${problem}\n`)
    return usage
  }
  const surroundings = {
    with: [...new Set([...options.with, ...filesNamed(args)].map((path) => resolve(path)))],
    stdin: options.stdin,
    deadline_ms,
  }
  const runOptions = options.runOptions.split(' ').filter(Boolean)
  const [native, lego] = inFreshDirectory((parent) => [
    observe([program, ...args], parent, surroundings),
    observe([...host.lego, 'run', ...runOptions, program, ...args], parent, surroundings),
  ])
  const found = differences(native as Observation, lego as Observation)
  const report = { equal: found.length === 0, differences: found, native: visible(native), lego: visible(lego) }
  host.print(options.json ? `${JSON.stringify(report, null, 2)}\n` : describe(found, native))
  return found.length === 0 ? equal : different
}

const processHost: CompareHost = {
  lego: [process.execPath, process.argv[1] ?? 'lego'],
  print: (text) => void process.stdout.write(text),
  complain: (text) => void process.stderr.write(text),
}

/** The command for the composition root: `run` takes what follows `compare` and returns the exit status. */
export const compareCommand = {
  name: 'compare',
  summary: 'run a program natively and under lego, and show what differs',

  async run(argv: readonly string[], host: CompareHost = processHost): Promise<number> {
    let status = usage
    const command = new Command('lego compare')
      .description(`${compareCommand.summary}.\nExit status: 0 equal, 1 different, 2 usage.`)
      .argument('<program>', 'a path, or a name to look for in PATH')
      .argument('[args...]', 'its arguments; files of this directory named among them are copied')
      .option(
        '--with <path>',
        'copy this into the fresh directory of each run',
        (path, all: string[]) => [...all, path],
        [],
      )
      .option('--stdin <file>', 'what both runs read on stdin', '/dev/null')
      .option('--run-options <options>', 'options for lego run, separated by spaces', '')
      .option('--deadline <seconds>', 'end a run after this long', '300')
      .option('--json', 'print everything seen as JSON')
      .passThroughOptions()
      .exitOverride()
      .configureOutput({ writeOut: host.print, writeErr: host.complain })
      .action((name: string, args: string[], options: Options) => {
        status = compare(name, args, options, host)
      })
    try {
      command.parse(argv as string[], { from: 'user' })
    } catch (error) {
      if (!(error instanceof CommanderError)) throw error
      return error.exitCode === 0 ? equal : usage
    }
    return status
  },
} as const
