import type { Sample } from './measure.js'
import { meansOf, rowOf, tableOf } from './report.js'
import type { Subject } from './subjects.js'

const subject: Subject = { name: 'crc32', group: 'kernel', command: ['crc32'] }
const sample = (cpu_ms: number, result = 'same', failure?: string): Sample => ({
  wall_ms: cpu_ms,
  cpu_ms,
  result,
  failure,
})

test('ratios are of the medians of CPU time', () => {
  const row = rowOf(
    subject,
    new Map([
      ['native', [sample(10)]],
      ['qemu', [sample(20)]],
      ['lego', [sample(30), sample(31), sample(90)]],
    ]),
  )
  expect(row.overNative).toBeCloseTo(3.1)
  expect(row.overQemu).toBeCloseTo(1.55)
})

test('a run with another output than native has no ratio and enters no mean', () => {
  const row = rowOf(
    subject,
    new Map([
      ['native', [sample(10)]],
      ['qemu', [sample(20)]],
      ['lego', [sample(1, 'other')]],
    ]),
  )
  expect(row.overQemu).toBeUndefined()
  expect(meansOf([row])).toEqual([
    { group: 'kernel', overNative: undefined, overQemu: undefined, counted: 0, subjects: 1 },
  ])
  expect(tableOf([row]).join('\n')).toContain('crc32 on lego: other output than native')
})

test('a run that failed is named with its reason', () => {
  const row = rowOf(
    subject,
    new Map([
      ['native', [sample(10)]],
      ['lego', [sample(5, 'same', 'killed by SIGKILL')]],
    ]),
  )
  expect(row.overNative).toBeUndefined()
  expect(tableOf([row]).join('\n')).toContain('crc32 on lego: killed by SIGKILL')
})
