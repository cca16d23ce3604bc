// The features that cpuid tells and rows of the instruction table name, and the CPU models made of them: one row a feature.
//   const model = parseCpu('x86-64-v2,+aes') ; 'problem' in model …
// Where a feature is told: SDM vol. 2A and APM vol. 3, CPUID. Levels: the x86-64 psABI. What a model leaves out raises #UD.

/** Words of the answer. */
const EAX = 0
const EBX = 1
const ECX = 2
const EDX = 3

export type Feature = {
  readonly name: string
  readonly leaf: number
  readonly subleaf: number
  /** eax 0, ebx 1, ecx 2, edx 3. */
  readonly register: number
  readonly bit: number
  /** The first x86-64 level that has it; 0: none does. */
  readonly level: 0 | 1 | 2 | 3
  /** Without these it is not there either. */
  readonly needs: readonly string[]
}

const rows = (
  leaf: number,
  subleaf: number,
  register: number,
  list: readonly (readonly [string, number, Feature['level'], string?])[],
) =>
  list.map(
    ([name, bit, level, needs]): Feature => ({
      name,
      leaf,
      subleaf,
      register,
      bit,
      level,
      needs: needs === undefined ? [] : needs.split(' '),
    }),
  )

export const FEATURES: readonly Feature[] = [
  ...rows(1, 0, EDX, [
    ['fpu', 0, 1],
    ['tsc', 4, 1],
    ['cx8', 8, 1],
    ['cmov', 15, 1],
    ['clflush', 19, 1],
    ['mmx', 23, 1],
    ['fxsr', 24, 1],
    ['sse', 25, 1],
    ['sse2', 26, 1],
  ]),
  ...rows(1, 0, ECX, [
    ['sse3', 0, 2],
    ['pclmulqdq', 1, 0],
    ['ssse3', 9, 2, 'sse3'],
    ['fma', 12, 3, 'avx'],
    ['cx16', 13, 2],
    ['sse4_1', 19, 2, 'ssse3'],
    ['sse4_2', 20, 2, 'sse4_1'],
    ['movbe', 22, 3],
    ['popcnt', 23, 2],
    ['aes', 25, 0],
    ['xsave', 26, 3],
    ['osxsave', 27, 3, 'xsave'],
    ['avx', 28, 3, 'osxsave sse4_2'],
    ['f16c', 29, 3, 'avx'],
    ['rdrand', 30, 0],
  ]),
  ...rows(7, 0, EBX, [
    ['fsgsbase', 0, 0],
    ['bmi1', 3, 3, 'osxsave'],
    ['avx2', 5, 3, 'avx'],
    ['bmi2', 8, 3, 'osxsave'],
    ['rdseed', 18, 0],
    ['adx', 19, 0],
    ['clflushopt', 23, 0],
    ['clwb', 24, 0],
    ['sha', 29, 0],
  ]),
  ...rows(7, 0, ECX, [['rdpid', 22, 0]]),
  ...rows(0xd, 1, EAX, [
    ['xsaveopt', 0, 0, 'osxsave'],
    ['xsavec', 1, 0, 'osxsave'],
    ['xgetbv1', 2, 0, 'osxsave'],
  ]),
  ...rows(0x80000001, 0, ECX, [
    ['lahf', 0, 2],
    ['lzcnt', 5, 3],
    ['prefetchw', 8, 0],
    ['mwaitx', 29, 0],
  ]),
  ...rows(0x80000008, 0, EBX, [['clzero', 0, 0]]),
  ...rows(0x80000001, 0, EDX, [
    ['syscall', 11, 1],
    ['nx', 20, 1],
    ['mmxext', 22, 1],
    ['rdtscp', 27, 0],
    ['lm', 29, 1],
  ]),
]

const byName = new Map(FEATURES.map((feature) => [feature.name, feature]))
const LEVELS = { 'x86-64': 1, 'x86-64-v2': 2, 'x86-64-v3': 3 } as const
export const CPU_DEFAULT = 'max'
export const CPU_NAMES: readonly string[] = [...Object.keys(LEVELS), CPU_DEFAULT]

/** The names of the features a CPU has. */
export type CpuModel = ReadonlySet<string>

const hasAll = (names: Iterable<string>, present: ReadonlySet<string>): boolean => {
  for (const name of names) if (!present.has(name)) return false
  return true
}

/** The features of a level, or all. */
function featuresOf(name: string): Set<string> | undefined {
  if (name === CPU_DEFAULT) return new Set(CPU_MAX)
  const level = LEVELS[name as keyof typeof LEVELS]
  if (level === undefined) return undefined
  return new Set(
    FEATURES.filter((feature) => feature.level > 0 && feature.level <= level).map((feature) => feature.name),
  )
}

/**
 * The model that a text names: a level or `max`, then any number of `,+feature` and `,-feature`. A feature that is added brings what it
 * needs; one that is taken away takes what needs it.
 */
export function parseCpu(text: string): CpuModel | { readonly problem: string } {
  const [name = '', ...changes] = text.split(',')
  const present = featuresOf(name)
  if (present === undefined) return { problem: `${name} is not a CPU: ${CPU_NAMES.join(', ')}` }
  for (const change of changes) {
    const feature = byName.get(change.slice(1))
    if (feature === undefined || !/^[+-]/.test(change))
      return { problem: `${change} is not +FEATURE or -FEATURE; the features are ${[...byName.keys()].join(' ')}` }
    if (change.startsWith('+')) add(feature, present)
    else present.delete(feature.name)
  }
  for (let changed = true; changed; ) {
    changed = false
    for (const feature of present) {
      if (hasAll(byName.get(feature)?.needs ?? [], present)) continue
      present.delete(feature)
      changed = true
    }
  }
  return present
}

/** Everything that the table covers. */
export const CPU_MAX: CpuModel = new Set(byName.keys())

function add(feature: Feature, present: Set<string>): void {
  present.add(feature.name)
  for (const name of feature.needs) add(byName.get(name) as Feature, present)
}
