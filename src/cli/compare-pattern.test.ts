// Patterns learnt from native runs: what differs between them is masked, and nothing else.
import { align, isAllowed, patternOf, showItem } from './compare-pattern.js'

const lines = (text: string): string[] => text.split('|')
const learnt = (...runs: string[]) => patternOf(runs.map(lines))
const fits = (runs: readonly string[], text: string): boolean =>
  align(learnt(...runs), lines(text)).every((hunk) => isAllowed(hunk))

test.each([
  [['a|b', 'a|b'], 'a|b', 'a|…'],
  [['pid 12 ok', 'pid 13 ok'], 'pid 977 ok', 'pid 12 bad'],
  [['at 0x7f12 in f', 'at 0x7fff in f'], 'at 0x1 in f', 'at 0x7f12 in g'],
  [['took  5 ms', 'took 10 ms'], 'took   7 ms', 'took 7 s'],
  [['1.5 s|end', '0.25 s|end'], '12.0 s|end', '12 s|end'],
  [['start|x|end', 'start|end'], 'start|p|q|end', 'start|x|End'],
  [['a|b', 'b|a'], 'b|a', 'c'],
])('%j: %j fits, %j does not', (runs, good, bad) => {
  expect(fits(runs, good)).toBe(true)
  for (const run of runs) expect(fits(runs, run)).toBe(true)
  expect(fits(runs, bad)).toBe(false)
})

test('a masked line shows what may be anything', () => {
  expect(learnt('pid 12 at 9:30', 'pid 13 at 9:31').map(showItem)).toEqual(['pid … at 9:…'])
})

test('long texts are aligned where they begin and end alike', () => {
  const many = Array.from({ length: 100_000 }, (_, index) => `line ${index}`)
  const changed = many.map((line, index) => (index === 50_000 ? 'other' : line))
  expect(align(patternOf([many]), changed)).toEqual([
    { items: [{ kind: 'line', text: 'line 50000' }], lines: ['other'], at: 50_000 },
  ])
})
