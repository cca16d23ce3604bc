// Transcendental instructions against this CPU and against values of 113 bits (libquadmath): no result of ours is more than 0.501 units of
// its last place from the value, and none of the CPU's more than one. Random arguments from a printed seed.

import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { testSeed } from '../../lib/prng.js'
import { RECORD_SIZE, X87 } from '../record.js'
import { makeX87 } from './helper.js'
import { initialiseX87 } from './state.js'

const CASES = 3500
const SOURCE = resolve('src/engine/x87/transcendental-native.c')
const seed = testSeed()
const TASK = RECORD_SIZE
const FLD80 = 0xdb28
const FSTP_ST0 = 0xddd8
/** By the numbers of the native program. */
const OPERATIONS: readonly (readonly [name: string, operation: number])[] = [
  ['fsin', 0xd9fe],
  ['fcos', 0xd9ff],
  ['fptan', 0xd9f2],
  ['f2xm1', 0xd9f0],
  ['fpatan', 0xd9f3],
  ['fyl2x', 0xd9f1],
  ['fyl2xp1', 0xd9f9],
]

function nativeLines(): string[] | undefined {
  if (process.platform !== 'linux' || process.arch !== 'x64') return undefined
  const directory = mkdtempSync(join(tmpdir(), 'lego-x87-'))
  try {
    const program = join(directory, 'transcendental')
    const compiler = spawnSync('gcc', ['-O1', '-o', program, SOURCE, '-lquadmath'], { encoding: 'utf8' })
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

function push(bytes: Buffer): void {
  x87(TASK, FLD80, bytes.readInt32LE(0), bytes.readInt32LE(4), bytes.readUInt16LE(8))
}

/** Thousandths of a unit in the last place of `value` as an 80-bit number, between it and `result`. */
function distance(result: Buffer, value: Buffer): number {
  const fraction = ((value.readBigUInt64LE(8) & 0xffffffffffffn) << 64n) | value.readBigUInt64LE(0)
  const wide = (BigInt(value.readUInt16LE(14)) << 112n) + fraction
  const narrow = (BigInt(result.readUInt16LE(8)) << 112n) + ((result.readBigUInt64LE(0) & 0x7fffffffffffffffn) << 49n)
  const difference = wide - narrow
  return Number(((difference < 0n ? -difference : difference) * 1000n) >> 49n)
}

function ours(operation: number, first: Buffer, second: Buffer): Buffer {
  initialiseX87(view, TASK)
  push(second)
  push(first)
  x87(TASK, operation, 0, 0, 0)
  const top = operation === 0xd9f2
  if (top) x87(TASK, FSTP_ST0, 0, 0, 0)
  // Of two values pushed the result takes the place of the second, or that of the only one left.
  const register = operation === 0xd9f3 || operation === 0xd9f1 || operation === 0xd9f9 ? 7 : 6
  return Buffer.from(view.buffer, TASK + X87 + register * 16, 10)
}

testNative(`results are right to half a unit in the last place, and the CPU's to one (seed ${seed})`, () => {
  const worst = new Map(OPERATIONS.map(([name]) => [name, { ours: 0, cpu: 0 }]))
  for (const line of lines as string[]) {
    const [which, ...hex] = line.split(' ')
    const [first, second, cpu, value] = hex.map((one) => Buffer.from(one, 'hex')) as [Buffer, Buffer, Buffer, Buffer]
    const [name, operation] = OPERATIONS[Number(which)] as (typeof OPERATIONS)[number]
    const found = worst.get(name) as { ours: number; cpu: number }
    found.ours = Math.max(found.ours, distance(ours(operation, first, second), value))
    found.cpu = Math.max(found.cpu, distance(cpu, value))
  }
  for (const [name, found] of worst) {
    const right = { name, ours: found.ours <= 501, cpu: found.cpu <= 1000 }
    expect({ ...right, found }).toEqual({ name, ours: true, cpu: true, found })
  }
  expect(lines).toHaveLength(CASES)
  if (process.env.LEGO_SHOW !== undefined) console.log(Object.fromEntries(worst))
})
