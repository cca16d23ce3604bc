// CPU models: what their texts mean, and that what a model lacks is #UD.

import { expect, test } from '@jest/globals'
import { decode, newDecoded, OK, refusedBy } from './decoder.js'
import { CPU_MAX, type CpuModel, FEATURES, parseCpu } from './features.js'
import { allForms } from './table.js'

const FORMS = allForms()

const model = (text: string): CpuModel => {
  const parsed = parseCpu(text)
  if ('problem' in parsed) throw new Error(parsed.problem)
  return parsed
}
const refuses = (text: string, ...bytes: number[]): boolean =>
  decode(Uint8Array.from(bytes), 0, bytes.length, 0x1000, newDecoded(), refusedBy(model(text))) !== OK

test('every feature that a row names is in the table', () => {
  const names = new Set(FEATURES.map(({ name }) => name))
  const named = FORMS.flatMap(({ options }) => [options.feature, options.feature256]).flatMap(
    (one) => one?.split(' ') ?? [],
  )
  expect([...new Set(named)].filter((name) => !names.has(name))).toEqual([])
})

test('the highest level is part of what there is', () => {
  expect([...model('x86-64-v3')].filter((name) => !CPU_MAX.has(name))).toEqual([])
})

test.each([
  ['x86-64', ['sse3', 'avx', 'bmi1', 'popcnt'], ['sse2', 'cx8']],
  ['x86-64-v2', ['avx', 'bmi1', 'xsave'], ['sse4_2', 'popcnt', 'cx16']],
  ['x86-64-v3', ['aes', 'sha'], ['avx2', 'fma', 'bmi2', 'lzcnt', 'movbe', 'f16c']],
  ['x86-64-v2,+avx', ['avx2'], ['avx', 'osxsave', 'xsave']],
  ['max,-avx', ['avx', 'avx2', 'fma', 'f16c'], ['sse4_2', 'bmi2']],
])('%s', (text, without, having) => {
  expect(without.filter((name) => model(text).has(name))).toEqual([])
  expect(having.filter((name) => !model(text).has(name))).toEqual([])
})

test.each(['z80', 'max,avx', 'max,+nothing', ''])('%p is refused', (text) => {
  expect(parseCpu(text)).toHaveProperty('problem')
})

const VPADDD_XMM = [0xc5, 0xf9, 0xfe, 0xc0]
const VPADDD_YMM = [0xc5, 0xfd, 0xfe, 0xc0]
test('256-bit integers need AVX2 where 128 bits need AVX', () => {
  expect(refuses('max,-avx2', ...VPADDD_XMM)).toBe(false)
  expect(refuses('max,-avx2', ...VPADDD_YMM)).toBe(true)
  expect(refuses('max', ...VPADDD_YMM)).toBe(false)
  expect(refuses('x86-64-v2', ...VPADDD_XMM)).toBe(true)
})

test('without lzcnt the encoding is bsr', () => {
  const out = newDecoded()
  const bytes = Uint8Array.from([0xf3, 0x0f, 0xbd, 0xc0])
  decode(bytes, 0, 4, 0x1000, out)
  expect(out.form.mnemonic).toBe('lzcnt')
  decode(bytes, 0, 4, 0x1000, out, refusedBy(model('x86-64')))
  expect(out.form.mnemonic).toBe('bsr')
})
