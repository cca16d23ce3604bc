// The command line of `lego run`, read by hand: commander would cost every start of a program more than this file does.
// The options are one table, from which the help text is made too.
import { DEFAULT_OPTIONS, memoryMap, VCPUS_MAX } from '../processor/layout.js'
import { CPU_DEFAULT, CPU_NAMES, parseCpu } from '../x86/features.js'
import type { OptionHelp } from './commands.js'
import { parseSize, type RunOptions } from './run-options.js'

interface Option {
  readonly name: string
  /** What follows it; absent for a switch. `[x]` may only follow behind `=`. */
  readonly value?: string
  readonly help: string
  /** What it changes; text is the complaint. `environment` is lego's own. */
  parse(value: string, before: RunOptions, environment: NodeJS.ProcessEnv): Partial<RunOptions> | string
}

/** The hash table of code and room for a few blocks. */
const CODE_SIZE_MIN = 2 << 20
/** What the code of all vCPUs takes when nobody says otherwise. */
const CODE_SIZE_ALL = 1 << 30

const whole = (value: string, made: (number: number) => Partial<RunOptions>): Partial<RunOptions> | string =>
  /^\d+$/.test(value) ? made(Number(value)) : `${value} is not a whole number`

const without = (env: readonly string[], name: string): string[] => env.filter((entry) => !entry.startsWith(`${name}=`))

export const OPTIONS: readonly Option[] = [
  {
    name: '--excache',
    value: 'SIZE',
    help: 'size of the cache, such as 64K or 1G (default 512M)',
    parse(value) {
      const cacheSize = parseSize(value)
      return cacheSize > 0 ? { cacheSize } : `${value} is not a size such as 64K, 16M or 1G`
    },
  },
  {
    name: '--ways',
    value: 'N',
    help: 'lines per set (default 8)',
    parse: (value) => whole(value, (ways) => ({ ways })),
  },
  {
    name: '--policy',
    value: 'fifo|lru',
    help: 'which line of a set goes (default fifo)',
    parse: (policy) => (policy === 'fifo' || policy === 'lru' ? { policy } : `${policy} is neither fifo nor lru`),
  },
  {
    name: '--memory',
    value: 'unix:PATH',
    help: 'use the memory component that listens there',
    parse: (memory) => (memory.startsWith('unix:') ? { memory } : `${memory} is not unix:PATH`),
  },
  {
    name: '--host',
    value: 'linux|portable',
    help: "native calls, or Node's API alone (default linux on Linux, else portable)",
    parse: (host) => (host === 'linux' || host === 'portable' ? { host } : `${host} is neither linux nor portable`),
  },
  { name: '--root', value: 'DIR', help: "the guest's / (default: the host's)", parse: (root) => ({ root }) },
  {
    name: '--mount',
    value: 'SRC:DST[:ro]',
    help: 'show the host directory SRC at DST',
    parse(value, { mounts }) {
      if (!/^[^:]+:\/[^:]*(:ro)?$/.test(value)) return `${value} is not SRC:DST or SRC:DST:ro with an absolute DST`
      return { mounts: [...mounts, value] }
    },
  },
  {
    name: '--env',
    value: 'NAME[=VALUE]',
    help: 'set a variable of its environment; without a value, as it is here',
    parse(value, { env }, environment) {
      const name = value.split('=', 1)[0]!
      if (name === '') return `${value} is neither NAME=VALUE nor NAME`
      const own = environment[name]
      const entry = value.includes('=') ? value : own === undefined ? null : `${name}=${own}`
      return { env: [...without(env, name), ...(entry === null ? [] : [entry])] }
    },
  },
  {
    name: '--unset-env',
    value: 'NAME',
    help: 'take a variable out of its environment',
    parse: (value, { env }) =>
      value === '' || value.includes('=') ? `${value} is no NAME` : { env: without(env, value) },
  },
  { name: '--clean-env', help: 'an empty environment; a later --env adds to it', parse: () => ({ env: [] }) },
  { name: '--cwd', value: 'DIR', help: 'start there', parse: (cwd) => ({ cwd }) },
  {
    name: '--argv0',
    value: 'NAME',
    help: 'what the program is called as: its argv[0]',
    parse: (name) => (name === '' ? 'an empty name' : { name }),
  },
  {
    name: '--time-limit',
    value: 'SECONDS',
    help: 'end the guest after this long, with status 124',
    parse: (value) =>
      /^(\d+\.?\d*|\.\d+)$/.test(value) && Number(value) > 0
        ? { timeLimitSec: Number(value) }
        : `${value} is not a number of seconds`,
  },
  {
    name: '--memory-limit',
    value: 'SIZE',
    help: 'address space of each of its processes, as ulimit -v: more is ENOMEM',
    parse(value) {
      const memoryLimitBytes = parseSize(value)
      return memoryLimitBytes > 0 ? { memoryLimitBytes } : `${value} is not a size such as 64K, 16M or 1G`
    },
  },
  {
    name: '--log',
    value: 'FILE|fd:N',
    help: 'write what lego itself says there: messages, --strace, --stats (default: stderr)',
    parse: (log) => ({ log }),
  },
  { name: '--strace', help: 'print every system call, as strace -f does', parse: () => ({ strace: true }) },
  {
    name: '-e',
    value: 'trace=LIST',
    help: '--strace of these calls only: names, %file %desc %memory %process %signal; !LIST: all others',
    parse: (value) =>
      value.startsWith('trace=')
        ? { strace: true, trace: value.slice('trace='.length) }
        : `${value} is not trace=LIST, the only expression of strace's that is known`,
  },
  {
    name: '-o',
    value: 'FILE',
    help: '--strace into a file',
    parse: (straceOutput) => ({ strace: true, straceOutput }),
  },
  {
    name: '--stats',
    value: '[json]',
    help: 'print counters on stderr at the end',
    parse(value) {
      if (value !== '' && value !== 'json') return `${value} is no form of statistics; json is`
      return { stats: value === 'json' ? 'json' : 'text' }
    },
  },
  {
    name: '--deterministic',
    help: 'virtual clock, seeded randomness, fixed pids',
    parse: () => ({ deterministic: true }),
  },
  {
    name: '--seed',
    value: 'N',
    help: 'seed of a deterministic run (default 1)',
    parse: (value) => whole(value, (seed) => ({ seed })),
  },
  {
    name: '--vcpus',
    value: 'N',
    help: `virtual CPUs, for threads (default 1, at most ${VCPUS_MAX})`,
    parse: (value) =>
      /^\d+$/.test(value) && Number(value) >= 1 && Number(value) <= VCPUS_MAX
        ? { vcpus: Number(value) }
        : `${value} is not a number from 1 to ${VCPUS_MAX}`,
  },
  {
    name: '--engine',
    value: 'interpreter|regions',
    help: 'first tier only, or both (default regions)',
    parse: (engine) =>
      engine === 'interpreter' || engine === 'regions' ? { engine } : `${engine} is neither interpreter nor regions`,
  },
  {
    name: '--cpu',
    value: 'MODEL',
    help: `${CPU_NAMES.join(', ')}, then ,+FEATURE or ,-FEATURE (default ${CPU_DEFAULT})`,
    parse(cpu) {
      const model = parseCpu(cpu)
      return 'problem' in model ? model.problem : { cpu }
    },
  },
  {
    name: '--hot',
    value: 'N',
    help: 'compile code that was entered N times',
    parse: (value) => whole(value, (hot) => ({ hot })),
  },
  {
    name: '--code',
    value: 'SIZE',
    help: 'room for the decoded code of a vCPU (default 96M, less for more than 10; at least 2M)',
    parse(value) {
      const codeSize = parseSize(value)
      return codeSize >= CODE_SIZE_MIN ? { codeSize } : `${value} is not a size of 2M or more`
    },
  },
]

/** For completion; `a|b` in small letters are choices. */
export const runOptions = (): readonly OptionHelp[] =>
  OPTIONS.map(({ name, value, help }) => ({
    names: [name],
    // `[x]` follows behind = only.
    value: value?.startsWith('[') ? undefined : value,
    choices: /^[a-z]+(\|[a-z]+)+$/.test(value ?? '') ? value!.split('|') : [],
    help,
  }))

const shown = ({ name, value }: Option): string =>
  value === undefined ? name : value.startsWith('[') ? `${name}[=${value.slice(1)}` : `${name} ${value}`

export const RUN_HELP = `Usage: lego run [options] PROGRAM [ARGS...]

Runs a static Linux x86-64 program on the disaggregated machine. PROGRAM is a path, or a name to look for in PATH.
Without --root the guest sees the host's files as you do.

Options:
${OPTIONS.map((option) => `  ${shown(option).padEnd(28)} ${option.help}`).join('\n')}

Examples:
  lego run /bin/busybox sha256sum README.md
  lego run --excache 64K --ways 1 --stats ./prog
  lego run -e trace=%file,%process -o calls.txt ./prog
  lego memory --listen unix:/run/lego.sock & lego run --memory unix:/run/lego.sock ./prog

Exit status: the program's; death by a signal is the program's too. 126: it cannot be executed, 127: not found,
125: the machine could not be put together or lost a part, 124: --time-limit has passed, 2: usage.
`

export type Parsed = { readonly options: RunOptions } | { readonly problem: string } | { readonly help: true }

/** `environment` and `cwd` are what the guest starts with. */
export function parseRun(argv: readonly string[], environment: NodeJS.ProcessEnv, cwd: string): Parsed {
  let draft: RunOptions = {
    program: '',
    name: '',
    args: [],
    cacheSize: DEFAULT_OPTIONS.size,
    ways: DEFAULT_OPTIONS.ways,
    policy: 'fifo',
    memory: null,
    root: null,
    host: process.platform === 'linux' ? 'linux' : 'portable',
    mounts: [],
    env: Object.entries(environment).map(([name, value]) => `${name}=${value ?? ''}`),
    cwd,
    log: null,
    memoryLimitBytes: Infinity,
    timeLimitSec: Infinity,
    strace: false,
    trace: 'all',
    straceOutput: null,
    stats: 'none',
    deterministic: false,
    seed: 1,
    vcpus: 1,
    engine: 'regions',
    cpu: CPU_DEFAULT,
    hot: null,
    codeSize: 0,
  }
  let at = 0
  let startsElsewhere = false
  for (; at < argv.length; at++) {
    const word = argv[at]!
    if (word === '--') {
      at++
      break
    }
    if (!word.startsWith('-') || word === '-') break
    if (word === '--help' || word === '-h') return { help: true }
    const equals = word.indexOf('=')
    const name = equals < 0 ? word : word.slice(0, equals)
    const option = OPTIONS.find((candidate) => candidate.name === name)
    if (option === undefined) return { problem: `unknown option ${name}` }
    const takesNext = option.value !== undefined && !option.value.startsWith('[') && equals < 0
    const value = equals >= 0 ? word.slice(equals + 1) : takesNext ? argv[++at] : ''
    if (value === undefined) return { problem: `${name} needs ${option.value}` }
    if (option.value === undefined && equals >= 0) return { problem: `${name} takes no value` }
    const change = option.parse(value, draft, environment)
    if (typeof change === 'string') return { problem: `${name}: ${change}` }
    draft = { ...draft, ...change }
    if (name === '--cwd') startsElsewhere = true
  }
  if (at >= argv.length) return { problem: 'which program? See lego run --help' }
  draft = { ...draft, program: argv[at]!, name: draft.name || argv[at]!, args: argv.slice(at + 1) }
  if (draft.root !== null && !startsElsewhere) draft = { ...draft, cwd: '/' }
  if (draft.host === 'portable' && draft.memory !== null) return { problem: '--memory needs sockets, so --host linux' }
  if (draft.deterministic && draft.vcpus > 1) return { problem: '--deterministic means one vCPU' }
  if (draft.codeSize === 0) {
    draft = { ...draft, codeSize: Math.min(DEFAULT_OPTIONS.codeSize, CODE_SIZE_ALL / draft.vcpus) }
  }
  try {
    memoryMap({ ...draft, size: draft.cacheSize })
  } catch (error) {
    return { problem: (error as Error).message }
  }
  return { options: draft }
}
