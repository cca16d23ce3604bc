// The binary form of cases and outcomes that harness.c reads and writes. Little-endian; struct layouts as declared there.

import { type Case, FILLED_SIZE, FLAG_MASK, type Outcome, VECTOR_BYTES, type Word, X87_BYTES } from './machine.js'

const INPUT_SIZE = 1024
const OUTPUT_SIZE = 1024
const WORD_SIZE = 16
/** Where the XSAVE image is in both, and the parts of it (SDM vol. 1, 13.4). */
const STATE = 192
const MXCSR = STATE + 24
const XMM = STATE + 160
const HEADER = STATE + 512
const YMM_HIGH = STATE + 576
const ALL_COMPONENTS = 7

/** x87 as after fninit: the control word, everything empty. */
const INITIAL_X87 = new Uint8Array(X87_BYTES)
INITIAL_X87.set([0x7f, 0x03])

/** count u64, the data area's fill, then per case: struct input, code padded to 8, patches. */
export function encodeCases(cases: readonly Case[], fill: Uint8Array): Uint8Array {
  let size = 8 + FILLED_SIZE
  for (const { code, patches } of cases) size += INPUT_SIZE + ((code.length + 7) & ~7) + patches.length * WORD_SIZE
  const bytes = new Uint8Array(size)
  const view = new DataView(bytes.buffer)
  view.setBigUint64(0, BigInt(cases.length), true)
  bytes.set(fill, 8)
  let at = 8 + FILLED_SIZE
  for (const { code, patches, registers, flags, mxcsr, vectors, x87 } of cases) {
    registers.forEach((value, n) => {
      view.setBigUint64(at + 8 * n, value, true)
    })
    view.setBigUint64(at + 128, BigInt((flags & FLAG_MASK) | 2), true)
    view.setUint16(at + 136, code.length, true)
    view.setUint16(at + 138, patches.length, true)
    bytes.set(x87 ?? INITIAL_X87, at + STATE)
    view.setUint32(at + MXCSR, mxcsr, true)
    bytes[at + HEADER] = ALL_COMPONENTS
    for (let n = 0; n < 16; n++) {
      const vector = VECTOR_BYTES * n
      bytes.set(vectors.subarray(vector, vector + 16), at + XMM + 16 * n)
      bytes.set(vectors.subarray(vector + 16, vector + 32), at + YMM_HIGH + 16 * n)
    }
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
    const changed = view.getUint32(at + 168, true)
    const vectors = new Uint8Array(16 * VECTOR_BYTES)
    for (let n = 0; n < 16; n++) {
      vectors.set(bytes.subarray(at + XMM + 16 * n, at + XMM + 16 * n + 16), VECTOR_BYTES * n)
      vectors.set(bytes.subarray(at + YMM_HIGH + 16 * n, at + YMM_HIGH + 16 * n + 16), VECTOR_BYTES * n + 16)
    }
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
      trap: view.getInt32(at + 160, true),
      error: view.getInt32(at + 164, true),
      mxcsr: view.getUint32(at + MXCSR, true),
      vectors,
      x87: bytes.slice(at + STATE, at + STATE + X87_BYTES),
      changes,
    })
    at += OUTPUT_SIZE + changed * WORD_SIZE
  }
  return outcomes
}
