// `lego compare PROG ARGS…`: runs a program natively, twice, then under lego, each in a fresh directory of the same name, and shows what differs in
// stdout, stderr, status or signal, and the files left behind. What differs between the native runs is not compared.
// On hosts other than Linux on x86-64 the native runs come from a file that `--record` made elsewhere.

import { accessSync, constants, existsSync, statSync, writeFileSync } from 'node:fs'
import { basename, delimiter, join, resolve } from 'node:path'
import { Command } from 'commander'
import { type Difference, differences, unsteady } from './compare-differences.js'
import { junitReport } from './compare-junit.js'
import { inFreshDirectory, type Observation, observe } from './compare-observe.js'
import { readRecording, writeRecording } from './compare-record.js'
import { parseArguments } from './parse-arguments.js'

const equal = 0
const different = 1
const usage = 2

interface Options {
  with: string[]
  stdin: string
  runOptions: string
  timeLimit: string
  nativeRuns: string
  record?: string
  against?: string
  json?: boolean
  junit?: string
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

const totals = ({ stdout, stderr, end, files }: Observation): string =>
  `${stdout.length} bytes of stdout, ${stderr.length} of stderr, ${end}, ${files.size} files`

function describe(found: readonly Difference[], native: Observation, masked: readonly string[]): string {
  const note =
    masked.length === 0 ? '' : `not compared where native runs differ from each other: ${masked.join(', ')}\n`
  if (found.length === 0) return `equal: ${totals(native)}\n${note}`
  const parts = found.flatMap(({ what, lines }) => [`${what} differs`, ...lines.map((line) => `  ${line}`)])
  return `${parts.join('\n')}\n${note}`
}

function problemOf(options: Options, runs: number): string | undefined {
  if (!(Number(options.timeLimit) > 0)) return `--time-limit ${options.timeLimit}: not a number of seconds`
  if (!Number.isInteger(runs) || runs < 1) return `--native-runs ${options.nativeRuns}: not a number from 1`
  if (options.record !== undefined && options.against !== undefined)
    return '--record and --against are one or the other'
  if (options.against === undefined && (process.platform !== 'linux' || process.arch !== 'x64'))
    return 'nothing runs natively here: --against FILE compares with what --record FILE kept on Linux x86-64'
  const files = [...options.with, options.stdin, ...(options.against === undefined ? [] : [options.against])]
  return files.map((path) => (existsSync(path) ? '' : `${path}: no such file`)).find(Boolean)
}

function compare(name: string, args: readonly string[], options: Options, host: CompareHost): number {
  const program = findProgram(name)
  const runs = Number(options.nativeRuns)
  const problem = problemOf(options, runs) ?? (program === undefined ? `${name}: no such program` : undefined)
  if (problem !== undefined || program === undefined) {
    host.complain(`lego compare: ${problem}\n`)
    return usage
  }
  const surroundings = {
    with: [...new Set([...options.with, ...filesNamed(args)].map((path) => resolve(path)))],
    stdin: options.stdin,
    deadline_ms: Number(options.timeLimit) * 1000,
  }
  const runOptions = options.runOptions.split(' ').filter(Boolean)
  return inFreshDirectory((parent) => {
    const natives =
      options.against === undefined
        ? Array.from({ length: runs }, () => observe([program, ...args], parent, surroundings))
        : readRecording(options.against)
    const native = natives[0]!
    if (options.record !== undefined) {
      writeRecording(options.record, [name, ...args], natives)
      host.print(`recorded: ${totals(native)}\n`)
      return equal
    }
    const lego = observe([...host.lego, 'run', ...runOptions, program, ...args], parent, surroundings)
    const found = differences(natives, lego)
    const masked = unsteady(natives)
    if (options.junit !== undefined) {
      const compared = ['stdout', 'stderr', 'end', ...[...native.files.keys()].map((file) => `file ${file}`)]
      writeFileSync(options.junit, junitReport([basename(name), ...args].join(' '), compared, found))
    }
    const report = {
      equal: found.length === 0,
      differences: found,
      unsteady: masked,
      native: visible(native),
      lego: visible(lego),
    }
    host.print(options.json ? `${JSON.stringify(report, null, 2)}\n` : describe(found, native, masked))
    return found.length === 0 ? equal : different
  })
}

/** What stops a comparison (a program that the host will not start, a file that cannot be written) is one line. */
function compareOrComplain(name: string, args: readonly string[], options: Options, host: CompareHost): number {
  try {
    return compare(name, args, options, host)
  } catch (error) {
    host.complain(`lego compare: ${(error as Error).message}\n`)
    return usage
  }
}

const processHost: CompareHost = {
  lego: [process.execPath, process.argv[1] ?? 'lego'],
  print: (text) => void process.stdout.write(text),
  complain: (text) => void process.stderr.write(text),
}

const NOTES = `
Each run has a fresh, empty directory as its working directory, of the same name; files of this directory that are named among the
arguments, and those of --with, are copied into it. What a run leaves there is compared: names, modes, contents. Files elsewhere are not.

The program runs natively more than once. Words, lines and bytes in which those runs differ (times, pids, addresses) are not
compared, and neither are contents, statuses and names of files that differ from run to run.

Exit status: 0 the same, 1 something differs, 2 usage, or the comparison could not be made.

Examples:
  lego compare busybox ls -l /etc
  lego compare --run-options '--excache 64K --ways 1' ./prog input.txt
  lego compare --record golden.json ./prog        on Linux x86-64
  lego compare --against golden.json ./prog       anywhere
  lego compare --junit report.xml ./prog          for a CI server`

/** The command for the composition root: `run` takes what follows `compare` and returns the exit status. */
export const compareCommand = {
  name: 'compare',
  summary: 'run a program natively and under lego, and show what differs',

  parser(host: CompareHost = processHost): Command {
    return new Command('lego compare')
      .description(`${compareCommand.summary}.`)
      .argument('<program>', 'a path, or a name to look for in PATH')
      .argument('[args...]', 'its arguments')
      .option(
        '--with <path>',
        'copy this into the fresh directory of each run',
        (path, all: string[]) => [...all, path],
        [],
      )
      .option('--stdin <file>', 'what all runs read on stdin', '/dev/null')
      .option('--run-options <options>', 'options for lego run, separated by spaces', '')
      .option('--time-limit <seconds>', 'end a run after this long', '300')
      .option('--native-runs <n>', 'native runs, to learn what differs from run to run', '2')
      .option('--record <file>', 'keep the native runs in a file, and compare nothing')
      .option('--against <file>', 'compare with the native runs of --record')
      .option('--json', 'print everything seen as JSON')
      .option('--junit <file>', 'write the result as JUnit XML too')
      .addHelpText('after', NOTES)
      .passThroughOptions()
      .exitOverride()
      .configureOutput({ writeOut: host.print, writeErr: host.complain })
  },

  async run(argv: readonly string[], host: CompareHost = processHost): Promise<number> {
    let status = usage
    const command = this.parser(host).action((name: string, args: string[], options: Options) => {
      status = compareOrComplain(name, args, options, host)
    })
    return parseArguments(command, argv) ?? status
  },
} as const
