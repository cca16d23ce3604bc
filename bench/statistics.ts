// The two averages of the bench: a median over rounds, a geometric mean over ratios. Both refuse an empty list.

import assert from 'node:assert/strict'

export function median(values: readonly number[]): number {
  assert(values.length > 0)
  const sorted = [...values].sort((a, b) => a - b)
  const upper = sorted.length >> 1
  return sorted.length % 2 ? sorted[upper]! : (sorted[upper - 1]! + sorted[upper]!) / 2
}

export function geometricMean(ratios: readonly number[]): number {
  assert(ratios.length > 0)
  return Math.exp(ratios.reduce((sum, ratio) => sum + Math.log(ratio), 0) / ratios.length)
}
