import { geometricMean, median } from './statistics.js'

test('a median is the middle value, or the mean of the middle two, and does not reorder its argument', () => {
  const values = [9, 1, 5]
  expect(median(values)).toBe(5)
  expect(values).toEqual([9, 1, 5])
  expect(median([10, 2, 4, 100])).toBe(7)
})

test('a geometric mean of a ratio and its inverse is one', () => {
  expect(geometricMean([4, 0.25])).toBeCloseTo(1, 12)
  expect(geometricMean([2, 8])).toBeCloseTo(4, 12)
})

test('an average of nothing is refused', () => {
  expect(() => median([])).toThrow()
  expect(() => geometricMean([])).toThrow()
})
