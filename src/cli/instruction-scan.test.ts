// The scan of executables, over a fixture as it is and with an instruction in it that nobody covers.

import { readFileSync } from 'node:fs'
import { expect, test } from '@jest/globals'
import { type Scan, scanExecutable } from './instruction-scan.js'

const newScan = (): Scan => ({ instructions: 0, uncovered: new Map() })
const program = () => new Uint8Array(readFileSync('fixtures/bin/crc32'))
/** vpternlogd zmm0, zmm0, zmm0, 255 (AVX-512). */
const TERNARY = [0x62, 0xf3, 0x7d, 0x48, 0x25, 0xc0, 0xff]
const ENTRY = 24
const FIRST_SEGMENT = 64

test('a program of covered instructions has none that are not', () => {
  const scan = newScan()
  expect(scanExecutable(program(), scan)).toBeUndefined()
  expect(scan.instructions).toBeGreaterThan(50)
  expect([...scan.uncovered]).toEqual([])
})

test('an instruction that the table has not is told with its address', () => {
  const bytes = program()
  const view = new DataView(bytes.buffer)
  const entry = Number(view.getBigUint64(ENTRY, true))
  const segments = Array.from({ length: view.getUint16(56, true) }, (_, n) => FIRST_SEGMENT + 56 * n)
  const text = segments.find(
    (at) => view.getUint32(at, true) === 1 && (view.getUint32(at + 4, true) & 1) !== 0,
  ) as number
  const offset = Number(view.getBigUint64(text + 8, true)) + entry - Number(view.getBigUint64(text + 16, true))
  bytes.set(TERNARY, offset)
  const scan = newScan()
  scanExecutable(bytes, scan)
  const found = scan.uncovered.get('EVEX_Vpternlogd_zmm_k1z_zmm_zmmm512b32_imm8')
  expect(found).toEqual({ count: 1, address: entry })
})

test.each([
  ['text', new TextEncoder().encode('#!/bin/sh\n'.repeat(10)), 'not an ELF file'],
  ['nothing', new Uint8Array(0), 'not an ELF file'],
])('%s is refused', (_name, bytes, problem) => {
  expect(scanExecutable(bytes, newScan())).toBe(problem)
})
