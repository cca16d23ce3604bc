// `npm run demo`: real programs under lego, each beside what it should have done. Fixtures are compared with their
// recorded native outcome, so that Node alone is enough; Debian's busybox and bash with a native run, where installed.

import { existsSync } from 'node:fs'
import { isDeepStrictEqual } from 'node:util'
import { execute, expectationOf, type Outcome } from '../fixtures/execute.js'
import type { FixtureCase } from '../fixtures/programs.js'
import { fixturePath, legoPath, projectRoot } from '../fixtures/root.js'
import { withoutCrashReport } from '../src/cli/compare-differences.js'

interface Demonstration {
  readonly about: string
  /** A fixture's name, or the absolute path of an installed program. */
  readonly program: string
  readonly args: readonly string[]
  readonly stdin?: string
}

const busybox = '/usr/bin/busybox'
const bash = '/usr/bin/bash-static'
const poem = 'pear 3\napple 10\nfig 7\nquince 1\nbanana 22\n'
const script = 'for i in 1 2 3; do printf "%d squared is %d\\n" $i $((i * i)); done; a=(x y z); echo ${#a[@]}; exit 5'

const demonstrations: readonly Demonstration[] = [
  { about: 'no libc, two system calls', program: 'hello', args: [] },
  { about: 'floating point', program: 'matmul', args: ['40'] },
  { about: 'a fork deep in a recursion', program: 'fork-deep', args: ['40'] },
  { about: 'longjmp across 1000 frames', program: 'longjmp', args: ['50'] },
  { about: 'a fault in a recursion, repaired by its handler', program: 'fault-resume', args: ['map'] },
  { about: 'code written and run at run time', program: 'jit', args: ['rwx', '1000'] },
  { about: 'threads', program: 'threads', args: ['2', '20000'] },
  { about: 'a futex between two processes', program: 'futex-shared', args: ['200'] },
  { about: 'glibc, static PIE', program: 'pie', args: [] },
  { about: 'death by a signal', program: 'status', args: ['segv'] },
  { about: 'SHA-256', program: busybox, args: ['sha256sum', 'LICENSE'] },
  { about: 'sort', program: busybox, args: ['sort', '-k2n'], stdin: poem },
  { about: 'awk', program: busybox, args: ['awk', '{ n += $2 } END { print NR, n, n / NR }'], stdin: poem },
  { about: 'gzip', program: busybox, args: ['gzip', '-c'], stdin: poem.repeat(100) },
  { about: 'ls', program: busybox, args: ['ls', '-l', 'fixtures/src/hello.c', 'bin'] },
  { about: 'bash, builtins only', program: bash, args: ['--norc', '-c', script] },
]

const outputLines_max = 6

function printable(text: string): string {
  const lines = text.replace(/[^\n\x20-\x7e]/g, '.').split('\n')
  const shown = lines.slice(0, outputLines_max).map((line) => `    ${line.slice(0, 110)}`)
  return (lines.length > outputLines_max ? [...shown, '    …'] : shown).join('\n').trimEnd()
}

/** What the program ought to do; undefined where there is nothing to compare with. */
function expected(program: string, fixtureCase: FixtureCase): Outcome | undefined {
  if (program.startsWith('/')) return execute(program, fixtureCase)
  const recorded = expectationOf(program).cases.find(({ args }) => isDeepStrictEqual(args, fixtureCase.args))
  return (
    recorded && { stdout: recorded.stdout, stderr: recorded.stderr, status: recorded.status, signal: recorded.signal }
  )
}

const ending = ({ status, signal }: Outcome): string => signal ?? `status ${status}`

/** True when lego did what a native run does. */
function demonstrate({ about, program, args, stdin }: Demonstration): boolean {
  const path = program.startsWith('/') ? program : fixturePath(program)
  const fixtureCase: FixtureCase = stdin === undefined ? { args } : { args, stdin }
  console.log(
    `\n${about}\n  $ lego run ${path.replace(`${projectRoot}/`, '')} ${args.map((arg) => (/[^\w/.-]/.test(arg) ? `'${arg}'` : arg)).join(' ')}`,
  )
  const start = performance.now()
  const ran = execute(path, fixtureCase, [process.execPath, legoPath, 'run'])
  const seconds = (performance.now() - start) / 1000
  if (ran.stdout) console.log(printable(ran.stdout))
  if (ran.stderr) console.log(printable(ran.stderr))
  const wanted = expected(program, fixtureCase)
  const guest = ran.signal === null ? ran : { ...ran, stderr: withoutCrashReport(ran.stderr) }
  const equal = isDeepStrictEqual(guest, wanted)
  const against = program.startsWith('/') ? 'a native run' : 'the recorded native run'
  console.log(`  ${ending(ran)}, ${seconds.toFixed(2)} s: ${equal ? `equal to ${against}` : `DIFFERS from ${against}`}`)
  if (!equal && wanted)
    console.log(`  expected ${ending(wanted)} and\n${printable(wanted.stdout)}\n${printable(wanted.stderr)}`)
  return equal
}

process.chdir(projectRoot)
const native = process.platform === 'linux' && process.arch === 'x64'
const possible = demonstrations.filter(({ program }) => !program.startsWith('/') || (native && existsSync(program)))
const equal = possible.filter(demonstrate).length
const absent = demonstrations.length - possible.length
if (absent > 0) console.log(`\n${absent} left out: Debian's busybox-static and bash-static are not installed here.`)
console.log(`\n${equal} of ${possible.length} equal to native`)
process.exitCode = equal === possible.length ? 0 : 1
