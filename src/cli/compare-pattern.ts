// What text must look like, learnt from several native runs: lines that are always the same, lines whose words differ (times, pids, addresses),
// and places where any lines may be. `patternOf(runs)` learns, `align(pattern, lines)` finds where other lines do not fit.
// Words that differed match any word; nothing is known of their meaning.

/** A line, or any number of them. */
export type Item =
  | { readonly kind: 'line'; readonly text: string }
  /** null: any word, or any blanks. */
  | { readonly kind: 'masked'; readonly tokens: readonly Token[] }
  | { readonly kind: 'gap' }

interface Token {
  readonly kind: 'word' | 'blank' | 'other'
  readonly text: string | null
}

/** Items and lines between two places that fit. */
export interface Hunk {
  readonly items: readonly Item[]
  readonly lines: readonly string[]
  /** Index of the first of `lines`. */
  readonly at: number
}

const TOKENS = /([\p{L}\p{N}_]+)|( +)|./gsu
/** Products of lengths beyond which no minimal difference is looked for. */
const CELLS_MAX = 4_000_000
/** How a masked word is shown. */
const ANY = '…'

const tokensOf = (line: string): Token[] =>
  Array.from(line.matchAll(TOKENS), ([text, word, blank]) => ({
    kind: word ? 'word' : blank ? 'blank' : 'other',
    text,
  }))

const tokensOfItem = (item: Item): readonly Token[] => (item.kind === 'masked' ? item.tokens : tokensOf(showItem(item)))

/** As a person reads it. */
export function showItem(item: Item): string {
  if (item.kind === 'line') return item.text
  return item.kind === 'gap' ? ANY : item.tokens.map(({ text }) => text ?? ANY).join('')
}

function fits(item: Item, line: string): boolean {
  if (item.kind === 'line') return item.text === line
  if (item.kind === 'gap') return false
  const tokens = tokensOf(line)
  return (
    tokens.length === item.tokens.length &&
    item.tokens.every(({ kind, text }, index) =>
      text === null ? tokens[index]!.kind === kind : tokens[index]!.text === text,
    )
  )
}

/** What both the item and the line fit; a gap when they have too little in common. */
function merged(item: Item, line: string): Item {
  if (item.kind === 'gap') return item
  const known = tokensOfItem(item)
  const tokens = tokensOf(line)
  const alike =
    known.length === tokens.length &&
    known.every(
      ({ kind, text }, index) => kind === tokens[index]!.kind && (kind !== 'other' || text === tokens[index]!.text),
    )
  if (!alike) return { kind: 'gap' }
  return {
    kind: 'masked',
    tokens: known.map((token, index) => (token.text === tokens[index]!.text ? token : { ...token, text: null })),
  }
}

export const exactly = (lines: readonly string[]): readonly Item[] => lines.map((text) => ({ kind: 'line', text }))

/** The stretches that do not fit, in order; a gap takes any lines and is part of a stretch. */
export function align(pattern: readonly Item[], lines: readonly string[]): Hunk[] {
  let start = 0
  while (start < pattern.length && start < lines.length && fits(pattern[start]!, lines[start]!)) start++
  let tail = 0
  const rest = Math.min(pattern.length, lines.length) - start
  while (tail < rest && fits(pattern[pattern.length - 1 - tail]!, lines[lines.length - 1 - tail]!)) tail++
  const items = pattern.slice(start, pattern.length - tail)
  const others = lines.slice(start, lines.length - tail)
  const hunks: Hunk[] = []
  let item = 0
  let line = 0
  const close = (untilItem: number, untilLine: number): void => {
    if (untilItem > item || untilLine > line)
      hunks.push({ items: items.slice(item, untilItem), lines: others.slice(line, untilLine), at: start + line })
  }
  for (const [atItem, atLine] of anchors(items, others)) {
    close(atItem, atLine)
    item = atItem + 1
    line = atLine + 1
  }
  close(items.length, others.length)
  return hunks
}

/** Pairs that fit, as many as there can be: the longest common subsequence. */
function anchors(items: readonly Item[], lines: readonly string[]): [number, number][] {
  const width = lines.length + 1
  if (items.length * lines.length > CELLS_MAX) return []
  const longest = new Uint32Array((items.length + 1) * width)
  const fit = (item: number, line: number): boolean => fits(items[item]!, lines[line]!)
  for (let item = items.length - 1; item >= 0; item--)
    for (let line = lines.length - 1; line >= 0; line--)
      longest[item * width + line] = fit(item, line)
        ? longest[(item + 1) * width + line + 1]! + 1
        : Math.max(longest[(item + 1) * width + line]!, longest[item * width + line + 1]!)
  const pairs: [number, number][] = []
  for (let item = 0, line = 0; item < items.length && line < lines.length; ) {
    if (fit(item, line)) pairs.push([item++, line++])
    else if (longest[(item + 1) * width + line]! >= longest[item * width + line + 1]!) item++
    else line++
  }
  return pairs
}

/** Whether the lines of a stretch are what its items allow. */
export function isAllowed({ items, lines }: Hunk): boolean {
  const gaps = items.filter(({ kind }) => kind === 'gap').length
  return gaps === items.length && (gaps > 0 || lines.length === 0)
}

/** What all runs have in common. */
export function patternOf(runs: readonly (readonly string[])[]): readonly Item[] {
  const [first = [], ...others] = runs
  return others.reduce((pattern, lines) => learn(pattern, lines), exactly(first))
}

function learn(pattern: readonly Item[], lines: readonly string[]): readonly Item[] {
  const learnt: Item[] = []
  let line = 0
  let item = 0
  for (const hunk of align(pattern, lines)) {
    const before = hunk.at - line
    learnt.push(...pattern.slice(item, item + before))
    item += before + hunk.items.length
    line = hunk.at + hunk.lines.length
    if (hunk.items.length === hunk.lines.length)
      learnt.push(...hunk.items.map((known, index) => merged(known, hunk.lines[index]!)))
    else learnt.push({ kind: 'gap' })
  }
  return [...learnt, ...pattern.slice(item)]
}
