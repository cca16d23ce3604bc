// Sequences of instructions without control flow, for what single instructions do not show: flags and registers that pass from
// one to the next. r14 and r15 point into the data area and rsp stays there; nothing but pushes and pops writes them.
//   const one = sequenceOf(prng, 5, 30); const smaller = shrink(one, stillWrong)

import * as iced from 'iced-x86'
import { assert } from '../../lib/assert.js'
import type { Prng } from '../../lib/prng.js'
import { encode, type Instruction, type MemoryOperand, NONE, RIP } from '../encode.js'
import type { Form } from '../form.js'
import { allForms } from '../table.js'
import { type FlagEffect, flagEffect } from './flag-effect.js'
import { generate, randomState, testable } from './generate.js'
import { type Case, CODE_BASE, DATA_BASE, DATA_SIZE, X87_BYTES } from './machine.js'
import { x87State } from './values.js'

const FORMS = allForms()

const RSI = 6
const RDI = 7
const POINTERS: ReadonlyMap<number, number> = new Map([
  [14, DATA_BASE + 0x0ff0],
  [15, DATA_BASE + 0x2000],
])
const RESERVED: ReadonlySet<number> = new Set([4, ...POINTERS.keys()])

/** Left out: what needs pointers in registers of its own, moves rsp far, takes flags that would hit the harness, or stores or takes the
 *  x87 state, of which CPUs differ in parts. */
const EXCLUDED = /^(enter|leave|xlat|popf|cmps|scas|lods|stos|movs[bwdq]?$|fldcw|fldenv|frstor|fnstenv|fnsave)/
const isString = (form: Form) => form.options.repeat !== undefined
const POOL: readonly Form[] = FORMS.filter(
  (form) =>
    testable(form) &&
    form.options.ends !== true &&
    form.options.approximate !== true &&
    !isString(form) &&
    !/^v?maskmov(dqu|q)$/.test(form.mnemonic) &&
    (form.operands.some(({ kind }) => kind === 'V') || !EXCLUDED.test(form.mnemonic)),
)
const STRINGS: readonly Form[] = FORMS.filter((form) => testable(form) && isString(form) && form.options.ends !== true)
function rowOf(encoding: string): Form {
  const row = FORMS.find((form) => form.encoding === encoding)
  assert(row !== undefined, `the table has ${encoding}`)
  return row
}
const LEA = rowOf('8D /r')
const MOV = rowOf('B8+r')
const CMP = rowOf('3D')

/** A way to memory for a row: on a 16-byte boundary when it must be, but for a few. */
const placeFor = ({ operands, mnemonic }: Form, prng: Prng) => {
  const aligned = operands.some(({ size }) => size === 'x') || mnemonic === 'cmpxchg16b'
  return aligned && !prng.chance(0.01) ? placeAligned : place
}

function placeAligned(target: number, prng: Prng) {
  for (;;) {
    const placed = place(target & ~15, prng)
    if (placed.operand.base !== 4) return placed
  }
}

function place(target: number, prng: Prng) {
  const operand = (base: number, displacement: number): MemoryOperand => ({
    base,
    index: NONE,
    scale: 0,
    displacement,
    displacementSize: displacement >= -128 && displacement < 128 ? 1 : 4,
  })
  const kind = prng.below(10)
  const registers: ReadonlyMap<number, bigint> = new Map()
  if (kind === 0) return { operand: { ...operand(RIP, target), displacementSize: 4 as const }, registers }
  if (kind === 1) return { operand: { ...operand(NONE, target), displacementSize: 4 as const }, registers }
  // The same few places again and again, so that stores meet loads.
  if (kind < 5) return { operand: operand(4, prng.below(12) * 8), registers }
  const [base, at] = prng.pick([...POINTERS])
  return { operand: operand(base, kind < 9 ? prng.below(8) * 16 : target - at), registers }
}

const bare = (form: Form, width: Instruction['width'], rest: Partial<Instruction>): Instruction => ({
  form,
  width,
  reg: 0,
  rm: 0,
  vvvv: 0,
  immediates: [],
  lock: false,
  repeat: 'none',
  rex: false,
  ...rest,
})

/** One instruction, or a string instruction with the pointers and the count it needs. */
function unit(prng: Prng): Instruction[] {
  if (STRINGS.length > 0 && prng.chance(0.03)) {
    const form = prng.pick(STRINGS)
    const pointer = (reg: number) =>
      bare(LEA, 64, { reg, rm: place(DATA_BASE + 0x800 + prng.below(0x1000), prng).operand })
    const count = bare(MOV, 32, { reg: 1, immediates: [BigInt(prng.below(20))] })
    return [pointer(RSI), pointer(RDI), count, generate(form, prng.pick(form.widths), prng).instruction]
  }
  const form = prng.pick(POOL)
  const width = prng.pick(form.widths)
  // A division mostly faults on registers that hold anything, which ends the sequence.
  if (/^i?div$/.test(form.mnemonic) && prng.chance(0.8)) return unit(prng)
  if (/^sh[lr]d$/.test(form.mnemonic) && width === 16) return unit(prng)
  // A bit offset in a register would lead anywhere.
  const offsets = /^bt[src]?$/.test(form.mnemonic) && form.digit < 0
  const target = DATA_BASE + 64 + 16 * prng.below((DATA_SIZE - 256) / 16) + (prng.chance(0.3) ? prng.below(16) : 0)
  return [
    generate(form, width, prng, {
      reserved: RESERVED,
      target,
      place: placeFor(form, prng),
      ...(offsets ? { rm: 'register' as const } : {}),
    }).instruction,
  ]
}

// ---- flags that instructions leave undefined -------------------------------------------------------------------------

function flagsOf(bytes: Uint8Array, { form, repeat }: Instruction): FlagEffect {
  const decoder = new iced.Decoder(64, bytes, iced.DecoderOptions.None)
  const instruction = decoder.decode()
  const effect = flagEffect(instruction, form.mnemonic, repeat !== 'none', form.options.undefinedFlags)
  instruction.free()
  decoder.free()
  return effect
}

type Assembled = Pick<Case, 'code' | 'undefinedFlags' | 'undefinedAt'>

/** The code of a sequence, or the index of an instruction that reads a flag which one before left undefined. */
function assemble(instructions: readonly Instruction[]): Assembled | number {
  const code: number[] = []
  const undefinedAt = new Map<number, number>()
  let undefinedFlags = 0
  for (const [n, instruction] of instructions.entries()) {
    const bytes = encode(instruction, CODE_BASE + code.length)
    const { reads, writes, leaves } = flagsOf(bytes, instruction)
    if ((reads & undefinedFlags) !== 0) return n
    undefinedAt.set(code.length, undefinedFlags)
    undefinedFlags = (undefinedFlags & ~writes) | leaves
    code.push(...bytes)
  }
  return { code: Uint8Array.from(code), undefinedFlags, undefinedAt }
}

/** A sequence of `shortest` to `longest` instructions. */
export function sequenceOf(prng: Prng, shortest: number, longest: number): Case {
  const wanted = shortest + prng.below(longest - shortest + 1)
  const instructions: Instruction[] = []
  while (instructions.length < wanted) instructions.push(...unit(prng))
  for (;;) {
    const assembled = assemble(instructions)
    // A comparison defines all flags again.
    if (typeof assembled === 'number')
      instructions.splice(assembled, 0, bare(CMP, 32, { immediates: [BigInt(prng.next())] }))
    else return { instructions, ...assembled, ...stateFor(prng) }
  }
}

function stateFor(prng: Prng) {
  const { registers, vectors, flags, mxcsr } = randomState(
    prng,
    new Map([...POINTERS].map(([register, at]) => [register, BigInt(at)])),
  )
  registers[4] = BigInt(DATA_BASE + 0x2f80 + 8 * prng.below(4))
  return { registers, vectors, flags, mxcsr, x87: x87State(prng, X87_BYTES, false), patches: [] }
}

/** Drops instructions one at a time for as long as the case stays wrong. */
export function shrink(one: Case, stillWrong: (candidate: Case) => boolean): Case {
  let smallest = one
  for (let n = smallest.instructions.length - 1; n >= 0; n--) {
    const instructions = smallest.instructions.filter((_, at) => at !== n)
    const assembled = assemble(instructions)
    if (typeof assembled === 'number') continue
    const candidate = { ...smallest, instructions, ...assembled }
    if (stillWrong(candidate)) smallest = candidate
  }
  return smallest
}
