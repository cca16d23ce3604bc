// The command line of `lego run`, read by hand: commander would cost every start of a program more than this file does.
// The options are one table, from which the help text is made too.
import { geometry } from '../excache/layout.js'
import { DEFAULT_OPTIONS } from '../processor/layout.js'
import { parseSize, type RunOptions } from './run-options.js'

type Draft = { -readonly [K in keyof RunOptions]: RunOptions[K] }

interface Option {
  readonly name: string
  /** What follows it; absent for a switch. `[x]` may only follow behind `=`. */
  readonly value?: string
  readonly help: string
  /** Changes the draft; text is the complaint. */
  apply(draft: Draft, value: string): string | void
}

const numberOption = (value: string, set: (number: number) => void): string | void => {
  if (!/^\d+$/.test(value)) return `${value} is not a whole number`
  set(Number(value))
}

export const OPTIONS: readonly Option[] = [
  {
    name: '--excache',
    value: 'SIZE',
    help: 'size of the cache, such as 64K or 1G (default 512M)',
    apply(draft, value) {
      draft.cacheSize = parseSize(value)
      if (!(draft.cacheSize > 0)) return `${value} is not a size such as 64K, 16M or 1G`
    },
  },
  { name: '--ways', value: 'N', help: 'lines per set (default 8)', apply: (draft, value) => numberOption(value, (n) => void (draft.ways = n)) },
  {
    name: '--policy',
    value: 'fifo|lru',
    help: 'which line of a set goes (default fifo)',
    apply(draft, value) {
      if (value !== 'fifo' && value !== 'lru') return `${value} is neither fifo nor lru`
      draft.policy = value
    },
  },
  {
    name: '--memory',
    value: 'unix:PATH',
    help: 'use the memory component that listens there',
    apply(draft, value) {
      if (!value.startsWith('unix:')) return `${value} is not unix:PATH`
      draft.memory = value
    },
  },
  { name: '--root', value: 'DIR', help: "the guest's / (default: the host's)", apply: (draft, value) => void (draft.root = value) },
  {
    name: '--mount',
    value: 'SRC:DST[:ro]',
    help: 'show the host directory SRC at DST',
    apply(draft, value) {
      if (!/^[^:]+:\/[^:]*(:ro)?$/.test(value)) return `${value} is not SRC:DST or SRC:DST:ro with an absolute DST`
      draft.mounts = [...draft.mounts, value]
    },
  },
  {
    name: '--env',
    value: 'K=V',
    help: 'set a variable in its environment',
    apply(draft, value) {
      if (!value.includes('=')) return `${value} is not NAME=VALUE`
      const name = value.slice(0, value.indexOf('=') + 1)
      draft.env = [...draft.env.filter((entry) => !entry.startsWith(name)), value]
    },
  },
  { name: '--cwd', value: 'DIR', help: 'start there', apply: (draft, value) => void (draft.cwd = value) },
  { name: '--strace', help: 'print every system call on stderr', apply: (draft) => void (draft.strace = true) },
  {
    name: '--stats',
    value: '[json]',
    help: 'print counters on stderr at the end',
    apply(draft, value) {
      if (value !== '' && value !== 'json') return `${value} is no form of statistics; json is`
      draft.stats = value === 'json' ? 'json' : 'text'
    },
  },
  {
    name: '--deterministic',
    help: 'virtual clock, seeded randomness, fixed pids',
    apply: (draft) => void (draft.deterministic = true),
  },
  { name: '--seed', value: 'N', help: 'seed of a deterministic run (default 1)', apply: (draft, value) => numberOption(value, (n) => void (draft.seed = n)) },
  {
    name: '--vcpus',
    value: 'N',
    help: 'virtual CPUs (default 1, the only number yet)',
    apply: (draft, value) => (value === '1' ? undefined : `${value}: one vCPU is what there is yet`),
  },
  {
    name: '--engine',
    value: 'interpreter|regions',
    help: 'first tier only, or both (default regions)',
    apply(draft, value) {
      if (value !== 'interpreter' && value !== 'regions') return `${value} is neither interpreter nor regions`
      draft.engine = value
    },
  },
]

export const RUN_HELP = `Usage: lego run [options] PROGRAM [ARGS...]

Runs a static Linux x86-64 program on the disaggregated machine. PROGRAM is a path, or a name to look for in PATH.
Without --root the guest sees the host's files as you do.

Options:
${OPTIONS.map(({ name, value, help }) => `  ${`${name}${value === undefined ? '' : value.startsWith('[') ? `[=${value.slice(1)}` : ` ${value}`}`.padEnd(28)} ${help}`).join('\n')}

Examples:
  lego run /bin/busybox sha256sum README.md
  lego run --excache 64K --ways 1 --stats ./prog
  lego memory --listen unix:/run/lego.sock & lego run --memory unix:/run/lego.sock ./prog

Exit status: the program's; death by a signal is the program's too. 126: it cannot be executed, 127: not found, 2: usage.
`

export type Parsed = { readonly options: RunOptions } | { readonly problem: string } | { readonly help: true }

/** `environment` and `cwd` are what the guest starts with. */
export function parseRun(argv: readonly string[], environment: NodeJS.ProcessEnv, cwd: string): Parsed {
  const draft: Draft = {
    program: '',
    args: [],
    cacheSize: DEFAULT_OPTIONS.size,
    ways: DEFAULT_OPTIONS.ways,
    policy: 'fifo',
    memory: null,
    root: null,
    mounts: [],
    env: Object.entries(environment).map(([name, value]) => `${name}=${value ?? ''}`),
    cwd,
    strace: false,
    stats: 'none',
    deterministic: false,
    seed: 1,
    vcpus: 1,
    engine: 'regions',
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
    const problem = option.apply(draft, value)
    if (typeof problem === 'string') return { problem: `${name}: ${problem}` }
    if (name === '--cwd') startsElsewhere = true
  }
  if (at >= argv.length) return { problem: 'which program? See lego run --help' }
  draft.program = argv[at]!
  draft.args = argv.slice(at + 1)
  if (draft.root !== null && !startsElsewhere) draft.cwd = '/'
  try {
    geometry(draft.cacheSize, draft.ways)
  } catch (error) {
    return { problem: (error as Error).message }
  }
  return { options: draft }
}
