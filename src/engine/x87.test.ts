// The x87 helper against this CPU: random operands, control words and stack depths from a printed seed (x87-native.c).

import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { testSeed } from '../lib/prng.js'
import {
  RECORD_SIZE,
  X87,
  X87_CONTROL,
  X87_FLAGS,
  X87_NEXT_STATUS,
  X87_NEXT_TAG,
  X87_RESULT,
  X87_STATUS,
  X87_TAG,
} from './record.js'
import { initialiseX87, makeX87 } from './x87.js'

const CASES = 20000
const seed = testSeed()
const TASK = RECORD_SIZE
const FLD80 = 0xdb28
const EMPTY = '-'

function nativeLines(): string[] | undefined {
  if (process.platform !== 'linux' || process.arch !== 'x64') return undefined
  const directory = mkdtempSync(join(tmpdir(), 'lego-x87-'))
  try {
    const program = join(directory, 'x87')
    const compiler = spawnSync('gcc', ['-O1', '-o', program, resolve('src/engine/x87-native.c')], { encoding: 'utf8' })
    if (compiler.error !== undefined) return undefined
    if (compiler.status !== 0) throw new Error(compiler.stderr)
    const run = spawnSync(program, [String(seed), String(CASES)], { encoding: 'utf8', maxBuffer: 1 << 26 })
    return run.stdout.trim().split('\n')
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

const lines = nativeLines()
// Skipped where there is no gcc or the host is not x86-64 Linux.
const testNative = lines === undefined ? test.skip : test

const view = new DataView(new ArrayBuffer(2 * RECORD_SIZE))
const x87 = makeX87(view.buffer)

/** Bytes that a memory form reads or writes. */
function sizeOf(opcode: number, digit: number): number {
  if ((opcode === 0xdb && digit >= 5) || (opcode === 0xdf && (digit === 4 || digit === 6))) return 10
  if (opcode === 0xdc || opcode === 0xdd || (opcode === 0xdf && digit >= 5)) return 8
  return opcode === 0xde || opcode === 0xdf ? 2 : 4
}
const isStore = (opcode: number, digit: number) =>
  (opcode & 1) === 1 &&
  ((digit >= 1 && digit <= 3) || (opcode === 0xdb && digit === 7) || (opcode === 0xdf && digit >= 6))

/** The line that the helper gives for the same case. */
function ours(fields: readonly string[]): string {
  const number = (n: number) => Number.parseInt(fields[n] as string, 16)
  const operation = number(0)
  const depth = number(2)
  const opcode = operation >> 8
  const digit = (operation >> 3) & 7
  const push = (n: number) => {
    const significand = BigInt(`0x${fields[n]}`)
    x87(
      TASK,
      FLD80,
      Number(BigInt.asIntN(32, significand)),
      Number(BigInt.asIntN(32, significand >> 32n)),
      number(n + 1),
    )
  }
  initialiseX87(view, TASK)
  if (depth > 1) push(7)
  if (depth > 0) push(5)
  view.setInt32(TASK + X87_STATUS, (view.getInt32(TASK + X87_STATUS, true) & 0x3800) | number(4), true)
  view.setInt32(TASK + X87_CONTROL, number(3), true)
  view.setInt32(TASK + X87_FLAGS, 0, true)
  const bytes = Buffer.from(fields[9] as string, 'hex')
  if (fields[1] === '0') x87(TASK, operation, 0, 0, 0)
  else if (isStore(opcode, digit)) {
    x87(TASK, operation, 0, 0, 0)
    for (let n = 0; n < sizeOf(opcode, digit); n++) bytes[n] = view.getUint8(TASK + X87_RESULT + n)
    view.setInt32(TASK + X87_STATUS, view.getInt32(TASK + X87_NEXT_STATUS, true), true)
    view.setInt32(TASK + X87_TAG, view.getInt32(TASK + X87_NEXT_TAG, true), true)
  } else {
    const size = sizeOf(opcode, digit)
    const low = size === 2 ? bytes.readUInt16LE(0) : bytes.readInt32LE(0)
    x87(TASK, operation, low, size >= 8 ? bytes.readInt32LE(4) : 0, size === 10 ? bytes.readUInt16LE(8) : 0)
  }
  const status = view.getInt32(TASK + X87_STATUS, true)
  const tags = view.getInt32(TASK + X87_TAG, true)
  const stack = [0, 1, 2].flatMap((n) => {
    const register = ((status >> 11) + n) & 7
    const at = TASK + X87 + register * 16
    if (((tags >> (register * 2)) & 3) === 3) return [EMPTY, EMPTY]
    return [view.getBigUint64(at, true).toString(16), view.getUint16(at + 8, true).toString(16)]
  })
  const flags = view.getInt32(TASK + X87_FLAGS, true)
  return [
    ...fields.slice(0, 10),
    bytes.toString('hex'),
    status.toString(16),
    tags.toString(16),
    flags.toString(16),
    ...stack,
  ].join(' ')
}

/** Only fcomi and its kin set flags; what the CPU had before the others is left out. */
function expected(fields: readonly string[]): string {
  const comparesToFlags = fields[1] === '0' && /^d[bf](e9|f1)$/.test(fields[0] as string)
  return [...fields.slice(0, 13), comparesToFlags ? fields[13] : '0', ...fields.slice(14)].join(' ')
}

testNative(`${CASES} random x87 instructions leave what this CPU leaves (seed ${seed})`, () => {
  const wrong: string[] = []
  for (const line of lines as string[]) {
    const fields = line.split(' ')
    const got = ours(fields)
    const want = expected(fields)
    if (got !== want) wrong.push(`want ${want}\n got ${got}`)
  }
  expect(wrong.slice(0, 10)).toEqual([])
  expect(lines).toHaveLength(CASES)
})
