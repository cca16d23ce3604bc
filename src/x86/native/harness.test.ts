// The harness is proved on instructions whose results the SDM states, before anything is compared with it.

import { Prng } from '../../lib/prng.js'
import { nativeExecutor } from './harness.js'
import {
  type Case,
  CODE_BASE,
  DATA_BASE,
  DATA_SIZE,
  FILLED_SIZE,
  type Outcome,
  SIGFPE,
  SIGILL,
  SIGSEGV,
} from './machine.js'
import { fillOf } from './values.js'

const native = nativeExecutor()
// Skipped where there is no gcc or the host is not x86-64 Linux: nothing here can run.
const testNative = 'reason' in native ? test.skip : test
const fill = new Uint8Array(FILLED_SIZE)

const caseOf = (code: number[], registers: Record<number, bigint> = {}, more: Partial<Case> = {}): Case => {
  const all = new BigUint64Array(16)
  all[4] = BigInt(DATA_BASE + 0x2000)
  for (const [register, value] of Object.entries(registers)) all[Number(register)] = value
  return {
    instructions: [],
    code: Uint8Array.from(code),
    registers: all,
    flags: 0,
    mxcsr: 0x1f80,
    vectors: new Uint8Array(512),
    patches: [],
    undefinedFlags: 0,
    ...more,
  }
}

function run(...cases: Case[]): Outcome[] {
  if ('reason' in native) throw new Error(native.reason)
  return native.run(cases, fill)
}
const runOne = (...args: Parameters<typeof caseOf>): Outcome => run(caseOf(...args))[0] as Outcome

testNative('adding one to the largest signed number overflows', () => {
  // add al, cl
  const { registers, flags, signal, rip } = runOne([0x00, 0xc8], { 0: 0x7fn, 1: 1n })
  expect({ signal, rip, al: registers[0], flags }).toEqual({ signal: 0, rip: CODE_BASE + 2, al: 0x80n, flags: 0x890 })
})

testNative('adc takes the carry it is given', () => {
  const registers = { 0: 0xffff_ffff_ffff_ffffn, 1: 0n }
  const [with0, with1] = run(caseOf([0x48, 0x11, 0xc8], registers), caseOf([0x48, 0x11, 0xc8], registers, { flags: 1 }))
  expect([with0?.registers[0], with0?.flags]).toEqual([0xffff_ffff_ffff_ffffn, 0x84])
  expect([with1?.registers[0], with1?.flags]).toEqual([0n, 0x55])
})

testNative('a wide multiplication fills rdx and rax', () => {
  const { registers } = runOne([0x48, 0xf7, 0xe1], { 0: 0xffff_ffff_ffff_ffffn, 1: 0xffff_ffff_ffff_ffffn })
  expect([registers[2], registers[0]]).toEqual([0xffff_ffff_ffff_fffen, 1n])
})

testNative('a division by zero is SIGFPE at the instruction, nothing changed', () => {
  const { registers, signal, signalCode, address, rip } = runOne([0x90, 0xf7, 0xf1], { 0: 5n, 2: 7n })
  expect({ signal, signalCode, address, rip }).toEqual({
    signal: SIGFPE,
    signalCode: 1,
    address: BigInt(CODE_BASE + 1),
    rip: CODE_BASE + 1,
  })
  expect([registers[0], registers[2]]).toEqual([5n, 7n])
})

testNative('a store is told as the changed words, and the next case starts clean', () => {
  // mov [rbx], rax, unaligned
  const store = caseOf([0x48, 0x89, 0x03], { 0: 0x1122_3344_5566_7788n, 3: BigInt(DATA_BASE + 4) })
  const none = caseOf([0x90])
  const [first, second] = run(store, none)
  expect(first?.changes).toEqual([
    { offset: 0, value: 0x5566_7788_0000_0000n },
    { offset: 8, value: 0x1122_3344n },
  ])
  expect(second?.changes).toEqual([])
})

testNative('patches are there for one case only', () => {
  const load = (patches: Case['patches']) => caseOf([0x48, 0x8b, 0x03], { 3: BigInt(DATA_BASE + 3) }, { patches })
  const [patched, plain] = run(load([{ offset: 3, value: 42n }]), load([]))
  expect([patched?.registers[0], patched?.changes, plain?.registers[0]]).toEqual([42n, [], 0n])
})

testNative('faults tell the signal, its code and the first byte out of reach', () => {
  const store = (at: number | bigint) => caseOf([0x48, 0x89, 0x03], { 3: BigInt(at) })
  const end = DATA_BASE + FILLED_SIZE
  const outcomes = run(
    store(DATA_BASE + DATA_SIZE - 4),
    store(end - 4),
    store(0x8000_0000_0000_0000n),
    caseOf([0x0f, 0x0b]),
  )
  expect(
    outcomes.map(({ signal, signalCode, address, changes }) => [signal, signalCode, address, changes.length]),
  ).toEqual([
    [SIGSEGV, 2, BigInt(DATA_BASE + DATA_SIZE), 0],
    [SIGSEGV, 2, BigInt(end - 4), 0],
    [SIGSEGV, 0x80, 0n, 0],
    [SIGILL, 2, BigInt(CODE_BASE), 0],
  ])
})

testNative('all registers, vectors and flags pass through unchanged', () => {
  const prng = new Prng(1)
  const vectors = fillOf(prng, 512)
  const registers = BigUint64Array.from({ length: 16 }, (_, n) => BigInt(prng.next()) + BigInt(n))
  const outcome = run(caseOf([0x90], {}, { registers, vectors, flags: 0xcd5 }))[0]
  expect(outcome?.registers).toEqual(registers)
  expect(outcome?.vectors).toEqual(vectors)
  expect(outcome?.flags).toBe(0xcd5)
  expect(outcome?.mxcsr).toBe(0x1f80)
})
