// The binary form of cases and outcomes that harness.c reads and writes. Little-endian; struct layouts as declared there.

import { type Case, FILLED_SIZE, FLAG_MASK, type Outcome, type Word } from './machine.js'

const INPUT_SIZE = 400
const OUTPUT_SIZE = 424
const WORD_SIZE = 16

/** count u64, the data area's fill, then per case: struct input, code padded to 8, patches. */
export function encodeCases(cases: readonly Case[], fill: Uint8Array): Uint8Array {
  let size = 8 + FILLED_SIZE
  for (const { code, patches } of cases) size += INPUT_SIZE + ((code.length + 7) & ~7) + patches.length * WORD_SIZE
  const bytes = new Uint8Array(size)
  const view = new DataView(bytes.buffer)
  view.setBigUint64(0, BigInt(cases.length), true)
  bytes.set(fill, 8)
  let at = 8 + FILLED_SIZE
  for (const { code, patches, registers, flags, mxcsr, vectors } of cases) {
    registers.forEach((value, n) => {
      view.setBigUint64(at + 8 * n, value, true)
    })
    view.setBigUint64(at + 128, BigInt((flags & FLAG_MASK) | 2), true)
    view.setUint32(at + 136, mxcsr, true)
    view.setUint16(at + 140, code.length, true)
    view.setUint16(at + 142, patches.length, true)
    bytes.set(vectors, at + 144)
    bytes.set(code, at + INPUT_SIZE)
    at += INPUT_SIZE + ((code.length + 7) & ~7)
    for (const { offset, value } of patches) {
      view.setBigUint64(at, BigInt(offset), true)
      view.setBigUint64(at + 8, value, true)
      at += WORD_SIZE
    }
  }
  return bytes
}

export function decodeOutcomes(bytes: Uint8Array): Outcome[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const outcomes: Outcome[] = []
  for (let at = 0; at + OUTPUT_SIZE <= bytes.length; ) {
    const registers = new BigUint64Array(16)
    for (let n = 0; n < 16; n++) registers[n] = view.getBigUint64(at + 8 * n, true)
    const changed = view.getUint32(at + 164, true)
    const changes: Word[] = []
    for (let n = 0; n < changed; n++) {
      const word = at + OUTPUT_SIZE + n * WORD_SIZE
      changes.push({ offset: Number(view.getBigUint64(word, true)), value: view.getBigUint64(word + 8, true) })
    }
    outcomes.push({
      registers,
      flags: Number(view.getBigUint64(at + 128, true)) & FLAG_MASK,
      rip: Number(view.getBigUint64(at + 136, true)),
      address: view.getBigUint64(at + 144, true),
      signal: view.getInt32(at + 152, true),
      signalCode: view.getInt32(at + 156, true),
      mxcsr: view.getUint32(at + 160, true),
      vectors: bytes.slice(at + 168, at + OUTPUT_SIZE),
      changes,
    })
    at += OUTPUT_SIZE + changed * WORD_SIZE
  }
  return outcomes
}
