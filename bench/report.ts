// From samples to figures: medians, ratios, geometric means, and the table that is printed. A subject without a correct
// run on some engine has no ratio there and says why; it never enters a mean.

import type { Sample } from './measure.js'
import { geometricMean, median } from './statistics.js'
import type { Group, Subject } from './subjects.js'

/** `node` is `node -e 0`, the cost of starting Node alone; measured for start-ups. */
export const engines = ['native', 'qemu', 'lego', 'node'] as const
export type Engine = (typeof engines)[number]

export interface Figures {
  readonly cpu_ms: number
  readonly wall_ms: number
  readonly samples: readonly Sample[]
  /** Why these figures do not count. */
  readonly problem: string | undefined
}

export interface Row {
  readonly name: string
  readonly group: Group
  readonly engines: Partial<Record<Engine, Figures>>
  /** CPU time of lego over that of the engine; undefined where one of both has none that counts. */
  readonly overNative: number | undefined
  readonly overQemu: number | undefined
}

function figuresOf(engine: Engine, samples: readonly Sample[], reference: Sample | undefined): Figures {
  const failed = samples.find(({ failure }) => failure !== undefined)
  const differs = engine !== 'node' && reference && samples.some(({ result }) => result !== reference.result)
  return {
    cpu_ms: median(samples.map(({ cpu_ms }) => cpu_ms)),
    wall_ms: median(samples.map(({ wall_ms }) => wall_ms)),
    samples,
    problem: failed?.failure ?? (differs ? 'other output than native' : undefined),
  }
}

export function rowOf({ name, group }: Subject, samples: ReadonlyMap<Engine, readonly Sample[]>): Row {
  const reference = samples.get('native')?.[0]
  const figures: Partial<Record<Engine, Figures>> = {}
  for (const [engine, taken] of samples) if (taken.length > 0) figures[engine] = figuresOf(engine, taken, reference)
  const over = (engine: Engine): number | undefined => {
    const lego = figures.lego
    const other = figures[engine]
    return lego && other && !lego.problem && !other.problem ? lego.cpu_ms / other.cpu_ms : undefined
  }
  return { name, group, engines: figures, overNative: over('native'), overQemu: over('qemu') }
}

export interface Mean {
  readonly group: Group
  readonly overNative: number | undefined
  readonly overQemu: number | undefined
  /** How many subjects of the group have a ratio to qemu, and how many there are. */
  readonly counted: number
  readonly subjects: number
}

export function meansOf(rows: readonly Row[]): readonly Mean[] {
  return (['kernel', 'program'] as const).flatMap((group) => {
    const members = rows.filter((row) => row.group === group)
    if (members.length === 0) return []
    const mean = (ratios: readonly (number | undefined)[]): number | undefined => {
      const known = ratios.filter((ratio) => ratio !== undefined)
      return known.length > 0 ? geometricMean(known) : undefined
    }
    const overNative = mean(members.map((row) => row.overNative))
    const overQemu = mean(members.map((row) => row.overQemu))
    const counted = members.filter((row) => row.overQemu !== undefined).length
    return [{ group, overNative, overQemu, counted, subjects: members.length }]
  })
}

const ratio = (value: number | undefined): string => (value === undefined ? '-' : value.toFixed(2))
const time = (figures: Figures | undefined, kind: 'cpu_ms' | 'wall_ms'): string =>
  figures === undefined ? '-' : figures.problem ? 'failed' : figures[kind].toFixed(0)

function columns(cells: readonly string[]): string {
  return cells.map((cell, index) => (index === 0 ? cell.padEnd(18) : cell.padStart(13))).join('')
}

/** The lines to print; times are medians in milliseconds. */
export function tableOf(rows: readonly Row[]): readonly string[] {
  const lines: string[] = []
  const timed = rows.filter(({ group }) => group !== 'start-up')
  if (timed.length > 0) {
    lines.push(columns(['CPU ms (wall ms)', 'native', 'qemu', 'lego', 'lego/native', 'lego/qemu']))
    for (const { name, engines: of, overNative, overQemu } of timed) {
      const cell = (engine: Engine) => `${time(of[engine], 'cpu_ms')} (${time(of[engine], 'wall_ms')})`
      lines.push(columns([name, cell('native'), cell('qemu'), cell('lego'), ratio(overNative), ratio(overQemu)]))
    }
    for (const { group, overNative, overQemu, counted, subjects } of meansOf(rows)) {
      const label = `${group}s, geomean`
      lines.push(columns([label, '', '', `${counted} of ${subjects}`, ratio(overNative), ratio(overQemu)]))
    }
  }
  const starts = rows.filter(({ group }) => group === 'start-up')
  if (starts.length > 0) {
    lines.push('', columns(['start-up, wall ms', 'native', 'qemu', 'lego', 'node -e 0', 'lego - node']))
    for (const { name, engines: of } of starts) {
      const counts = of.lego && of.node && !of.lego.problem
      const difference = counts ? (of.lego!.wall_ms - of.node!.wall_ms).toFixed(0) : '-'
      lines.push(columns([name, ...engines.map((engine) => time(of[engine], 'wall_ms')), difference]))
    }
  }
  for (const { name, engines: of } of rows)
    for (const engine of engines) if (of[engine]?.problem) lines.push(`${name} on ${engine}: ${of[engine].problem}`)
  return lines
}
