// Which calls `-e trace=LIST` of --strace names: names, %classes, all or none, separated by commas; a ! before the list turns it round.
//   const selected = parseSelection('%file,!…', rows); if ('problem' in selected) …
import type { TraceClass } from './arguments.js'
import type { Syscall } from './define.js'

export const TRACE_CLASSES: readonly TraceClass[] = ['file', 'desc', 'memory', 'process', 'signal']

export type Selection = { readonly selects: (row: Syscall | undefined) => boolean } | { readonly problem: string }

/** A call belongs to the classes of its arguments and of what it returns, and to its family's. */
function isIn(row: Syscall, wanted: TraceClass, familyOf: (row: Syscall) => TraceClass | undefined): boolean {
  if (familyOf(row) === wanted) return true
  return [row.returns, ...Object.values(row.args)].some(({ traced }) => traced === wanted)
}

export function parseSelection(
  text: string,
  rows: readonly Syscall[],
  familyOf: (row: Syscall) => TraceClass | undefined,
): Selection {
  const turned = text.startsWith('!')
  const numbers = new Set<number>()
  for (const word of text.slice(turned ? 1 : 0).split(',')) {
    if (word === 'none') continue
    if (word === 'all') return { selects: () => !turned }
    const found = word.startsWith('%')
      ? rows.filter((row) => isIn(row, word.slice(1) as TraceClass, familyOf))
      : rows.filter(({ name }) => name === word)
    if (found.length === 0)
      return {
        problem: `${word || 'nothing'} is no system call here, and no class: ${TRACE_CLASSES.map((name) => `%${name}`).join(' ')}`,
      }
    for (const { number } of found) numbers.add(number)
  }
  return { selects: (row) => (row !== undefined && numbers.has(row.number)) !== turned }
}
