// Chooses operands for an instruction form, and machine states in which they do something: memory operands hit the data area
// (or, now and then, cross a page or fault), implied pointers are pointers, divisions often divide.
//   const { instruction, registers } = generate(form, width, prng)      const one = caseOf(form, width, prng)

import type { Prng } from '../../lib/prng.js'
import {
  encodable,
  encode,
  HIGH_BYTES,
  type Instruction,
  immediateBytes,
  immediateOperands,
  type MemoryOperand,
  NONE,
  RIP,
} from '../encode.js'
import type { Form, Size } from '../form.js'
import { POINTERS_COMPARED } from './compare.js'
import {
  type Case,
  CODE_BASE,
  DATA_BASE,
  DATA_SIZE,
  FILLED_SIZE,
  FLAG_MASK,
  flagMask,
  type Unspecified,
  VECTOR_BYTES,
  type Word,
  X87_BYTES,
} from './machine.js'
import { integer, type Lanes, mxcsr, small, vectorBytes, x87State } from './values.js'
import { isX87, x87Memory, x87StateFor } from './x87-values.js'

const MASK64 = 0xffff_ffff_ffff_ffffn
const RSP = 4

/** An instruction with the registers it needs: the others may hold anything. */
export type Draft = {
  readonly instruction: Instruction
  readonly registers: ReadonlyMap<number, bigint>
  readonly target: number
}

/** Rows that cases of one instruction can show: not those that leave the machine or tell something about the host. */
export const testable = (form: Form): boolean =>
  form.options.untestable !== true ||
  (form.options.ends === true && /^(j|loop|call|ret$|int3|ud|hlt|cli|sti|in$|out$)/.test(form.mnemonic))

/** Where a memory operand may lead: mostly well inside the data area, aligned or not. */
function chooseTarget(prng: Prng): number {
  const kind = prng.below(100)
  const inside = DATA_BASE + 256 + prng.below(DATA_SIZE - 768)
  if (kind < 55) return inside & ~15
  if (kind < 80) return inside
  const page = DATA_BASE + 0x1000 * (1 + prng.below(3))
  if (kind < 92) return page - 1 - prng.below(17)
  // Into the read-only page, inside it, past it, and before the area.
  if (kind < 95) return DATA_BASE + DATA_SIZE - prng.below(17)
  if (kind < 97) return DATA_BASE + DATA_SIZE + 16 * prng.below(0x80)
  if (kind < 99) return DATA_BASE + FILLED_SIZE - prng.below(17)
  return DATA_BASE - prng.below(17)
}

type Placed = { readonly operand: MemoryOperand; readonly registers: ReadonlyMap<number, bigint> }

/** A memory operand that leads to `target`, in one of the ways modrm and SIB offer, and the register values it takes. */
function placeMemory(target: number, prng: Prng): Placed {
  const kind = prng.below(10)
  const registers = new Map<number, bigint>()
  if (kind === 0)
    return { operand: { base: RIP, index: NONE, scale: 0, displacement: target, displacementSize: 4 }, registers }
  if (kind === 1)
    return { operand: { base: NONE, index: NONE, scale: 0, displacement: target, displacementSize: 4 }, registers }
  const scale = prng.below(4)
  const index = kind < 6 ? NONE : prng.pick([0, 1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15])
  if (kind === 6) {
    const count = prng.below(1 << 24)
    registers.set(index, BigInt(count))
    return {
      operand: { base: NONE, index, scale, displacement: target - count * 2 ** scale, displacementSize: 4 },
      registers,
    }
  }
  const base = prng.below(16)
  if (base === index) {
    const value = Math.floor((target - prng.below(4096)) / (1 + 2 ** scale))
    registers.set(base, BigInt(value))
    return {
      operand: { base, index, scale, displacement: target - value * (1 + 2 ** scale), displacementSize: 4 },
      registers,
    }
  }
  const displacementSize = prng.pick([0, 1, 4] as const)
  const small = displacementSize === 1 ? prng.below(256) - 128 : prng.next() | 0
  const displacement = displacementSize === 0 ? 0 : small
  let at = BigInt(target) - BigInt(displacement)
  if (index !== NONE) {
    const value = integer(prng)
    registers.set(index, value)
    at -= value << BigInt(scale)
  }
  registers.set(base, at & MASK64)
  return { operand: { base, index, scale, displacement, displacementSize }, registers }
}

/** The same through a 67 prefix, which leaves 32 bits of the sum, or gs, whose base is zero. */
function vary({ operand, registers }: Placed, prng: Prng): Placed {
  const kind = prng.below(20)
  if (kind === 0) return { operand: { ...operand, segment: 'gs' }, registers }
  if (kind !== 1) return { operand, registers }
  const varied = new Map(registers)
  const value = varied.get(operand.base)
  if (value !== undefined) varied.set(operand.base, value ^ (BigInt(prng.next()) << 32n))
  return { operand: { ...operand, address32: true }, registers: varied }
}

/** A gather's operand: its base leads to the target, its index is another vector register than the other two. */
function placeGather(target: number, reg: number, mask: number, base: number, prng: Prng): Placed {
  const free = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15].filter((n) => n !== reg && n !== mask)
  const displacement = prng.below(256) - 128
  return {
    operand: { base, index: prng.pick(free), scale: prng.below(4), displacement, displacementSize: 1 },
    registers: new Map([[base, BigInt(target - displacement)]]),
  }
}

const CODES_WITH_REX = 16
function chooseRegister(byte: boolean, prng: Prng): number {
  return byte && prng.chance(0.2) ? prng.pick(HIGH_BYTES) : prng.below(CODES_WITH_REX)
}

export type Choice = {
  /** Where a memory operand leads, when it is not free. */
  readonly target?: number
  /** 'memory' or 'register' when the row takes both; else random. */
  readonly rm?: 'memory' | 'register'
  /** Registers that may not be named (sequences keep pointers there). */
  readonly reserved?: ReadonlySet<number>
  /** How a sequence reaches its memory. */
  readonly place?: (target: number, prng: Prng) => Placed
}

const BIT_TEST = /^bt[src]?$/
/** Beside the string instructions, these imply an address or a count in rcx. */
const IMPLIED = /^(xlat|loop|jrcxz)/

/** Picks an instruction's operands. */
export function generate(form: Form, width: Size, prng: Prng, choice: Choice = {}): Draft {
  for (;;) {
    const draft = attempt(form, width, prng, choice)
    if (form.options.vsib && draft.instruction.reg === draft.instruction.vvvv) continue
    // Opcode 90 with register 0 is another row: nop.
    const isNop = form.plusRegister && form.map === 0 && form.opcode === 0x90 && draft.instruction.reg === 0
    // A bit offset that is part of the address too would reach anywhere.
    const { reg, rm } = draft.instruction
    const strays = BIT_TEST.test(form.mnemonic) && typeof rm === 'object' && draft.registers.has(reg)
    // Nor is the stack where the code is.
    const pushesOnCode = form.mnemonic === 'call' && rm === 4
    if (encodable(draft.instruction) && !isNop && !strays && !pushesOnCode) return draft
  }
}

function attempt(form: Form, width: Size, prng: Prng, choice: Choice): Draft {
  const target = choice.target ?? chooseTarget(prng)
  const byte = (kinds: string) => form.operands.some(({ kind, size }) => kinds.includes(kind) && size === 'b')
  const allowed = (isByte: boolean): number => {
    for (;;) {
      const register = chooseRegister(isByte, prng)
      if (choice.reserved?.has(register >= 16 ? register - 16 : register) !== true) return register
    }
  }
  const { systemRegisters } = form.options
  const reg =
    systemRegisters !== undefined
      ? prng.pick(systemRegisters)
      : form.digit >= 0
        ? 0
        : form.modrm || form.plusRegister
          ? allowed(byte('GZ'))
          : 0
  let rm: number | MemoryOperand = 0
  let registers: ReadonlyMap<number, bigint> = new Map()
  const useMemory =
    form.memory && (!form.register || (choice.rm === undefined ? prng.chance(0.5) : choice.rm === 'memory'))
  const vvvv = form.operands.some(({ kind }) => kind === 'H' || kind === 'B') ? allowed(false) : 0
  if (form.options.vsib) {
    const placed = placeGather(target, reg, vvvv, allowed(false), prng)
    rm = placed.operand
    registers = placed.registers
  } else if (form.modrm && useMemory) {
    const placed = choice.place?.(target, prng) ?? vary(placeMemory(target, prng), prng)
    rm = placed.operand
    registers = placed.registers
  } else if (form.modrm) {
    rm = form.options.register ?? allowed(byte('ER'))
  }
  const immediates = immediateOperands(form).map((operand) => {
    const bits = BigInt(8 * immediateBytes(operand, width))
    return operand.kind === 'O' ? BigInt(target) : BigInt.asUintN(Number(bits), integer(prng))
  })
  const lock = form.options.lock === true && typeof rm === 'object' && prng.chance(0.3)
  const repeat =
    form.options.repeat === undefined || prng.chance(0.3)
      ? 'none'
      : form.options.repeat === 'repz' && prng.chance(0.5)
        ? 'f2'
        : 'f3'
  const rex = prng.chance(0.1)
  const implied = !form.modrm && (form.operands.some(({ kind }) => 'XY'.includes(kind)) || IMPLIED.test(form.mnemonic))
  const prefixes = implied
    ? { address32: prng.chance(0.2), ...(prng.chance(0.1) ? { segment: 'gs' as const } : {}) }
    : {}
  return { instruction: { form, width, reg, rm, vvvv, immediates, lock, repeat, rex, ...prefixes }, registers, target }
}

// ---- machine states ----------------------------------------------------------------------------------------------

/** What a draft becomes: registers, and words in memory at the operand. */
type State = {
  readonly registers: BigUint64Array
  readonly vectors: Uint8Array
  readonly memory: Uint8Array
  readonly fixed: ReadonlySet<number>
}
type Shape = (state: State, draft: Draft, prng: Prng) => void

const pointers =
  (...numbers: number[]): Shape =>
  (state, { instruction: { repeat, address32 } }, prng) => {
    // Above an address of 32 bits there may be anything.
    const above = () => (address32 === true ? BigInt(prng.next()) << 32n : 0n)
    for (const number of numbers)
      if (!state.fixed.has(number)) state.registers[number] = BigInt(chooseTarget(prng)) | above()
    // rcx: mostly a short count; else long enough to run into the end of the area.
    if (repeat !== 'none' && prng.chance(0.95)) state.registers[1] = small(prng, 40) | above()
  }

/** Half of the divisions have a dividend that is short enough not to fault. */
const division: Shape = (state, { instruction: { width, form } }, prng) => {
  if (prng.chance(0.4)) return
  const value = state.registers[0] as bigint
  const negative = form.mnemonic === 'idiv' && (value >> BigInt(width - 1)) & 1n
  if (form.operands[0]?.size === 'b') state.registers[0] = BigInt(prng.below(128)) * (prng.chance(0.5) ? 100n : 1n)
  else if (!state.fixed.has(2)) state.registers[2] = prng.chance(0.5) ? (negative ? MASK64 : 0n) : small(prng, 100)
}

/** A bit offset in a register reaches memory far from the operand (SDM vol. 2A, BT). */
const bitOffset: Shape = (state, { instruction: { rm, reg, form } }, prng) => {
  if (typeof rm !== 'object' || form.digit >= 0 || state.fixed.has(reg)) return
  state.registers[reg] = BigInt.asUintN(64, BigInt(prng.below(2000) - 1000))
}

/** Half of the exchanges find what they expect. */
const expected: Shape = (state, { instruction: { rm, form } }, prng) => {
  if (prng.chance(0.5)) return
  const view = new DataView(state.memory.buffer)
  const found = typeof rm === 'number' ? (state.registers[rm & 15] as bigint) : view.getBigUint64(0, true)
  if (!state.fixed.has(0)) state.registers[0] = found
  if (form.operands[0]?.kind !== 'M' || state.fixed.has(2)) return
  if (form.mnemonic === 'cmpxchg16b') state.registers[2] = view.getBigUint64(8, true)
  else {
    state.registers[0] = found & 0xffff_ffffn
    state.registers[2] = found >> 32n
  }
}

const translate: Shape = (state, _draft, prng) => {
  state.registers[3] = BigInt(chooseTarget(prng))
}
/** Mostly without the reserved bits, which fault; never with bit 17, AMD's misaligned-access mode, which cpuid does not tell here. */
const control: Shape = (state, _draft, prng) => {
  setMemory(state, BigInt(prng.chance(0.9) ? mxcsr(prng) : prng.next() & ~0x20000))
}
const frame: Shape = (state, _draft, prng) => {
  state.registers[5] = BigInt(chooseTarget(prng))
}

const setMemory = (state: State, value: bigint) => new DataView(state.memory.buffer).setBigUint64(0, value, true)

/** What a branch that is taken skips: one instruction that shows whether it ran. */
const SKIPPED = [0x48, 0xf7, 0xd3] // not rbx
const landing = (instruction: Instruction) => BigInt(CODE_BASE + encode(instruction, CODE_BASE).length + SKIPPED.length)

/** Indirect transfers go past the skipped instruction, through whatever holds the target. */
const transfer: Shape = (state, { instruction }) => {
  const { rm } = instruction
  if (typeof rm === 'object') setMemory(state, landing(instruction))
  else if (instruction.form.modrm) state.registers[rm] = landing(instruction)
}

/** The word on top of the stack is the draft's target, so that pops find what memory was given. */
const onStack: Shape = (state, { target, instruction }, prng) => {
  if (instruction.form.mnemonic === 'ret' || (!state.fixed.has(RSP) && prng.chance(0.7)))
    state.registers[RSP] = BigInt(target)
  if (instruction.form.mnemonic === 'ret') setMemory(state, landing(instruction))
  // No trap, alignment check or nested task: they would hit the harness.
  if (instruction.form.mnemonic !== 'popf') return
  setMemory(state, BigInt(prng.next() & FLAG_MASK) | 2n)
  state.registers[RSP] = BigInt(patchable(target) ? target : DATA_BASE - 64)
}
/** Loops end soon, or not at all. */
const counter: Shape = (state, _draft, prng) => {
  state.registers[1] = prng.chance(0.7) ? small(prng, 3) : integer(prng)
}

/** Indices stay near, but for a few. */
const nearIndices: Shape = ({ vectors }, { instruction: { form, rm } }, prng) => {
  if (typeof rm !== 'object' || prng.chance(0.1)) return
  const view = new DataView(vectors.buffer, vectors.byteOffset + VECTOR_BYTES * rm.index, VECTOR_BYTES)
  const wide = /gatherq/.test(form.mnemonic)
  for (let at = 0; at < VECTOR_BYTES; at += wide ? 8 : 4) {
    const index = prng.below(64) - 32
    if (wide) view.setBigInt64(at, BigInt(index), true)
    else view.setInt32(at, index, true)
  }
}

/** Strings of few letters, as bytes or words, with an end among them; lengths about a vector's. */
const texts: Shape = (state, _draft, prng) => {
  for (const register of [0, 2]) {
    if (prng.chance(0.2) || state.fixed.has(register)) continue
    state.registers[register] = BigInt.asUintN(prng.chance(0.5) ? 64 : 32, BigInt(prng.below(40) - 20))
  }
  if (prng.chance(0.1)) return
  const letters = prng.pick([[0, 1, 2], [1, 2], [1, 2, 0x80, 0xff], [...Array(12).keys()]])
  const high = prng.chance(0.5) ? 0 : undefined
  for (const bytes of [state.vectors, state.memory])
    for (let n = 0; n < bytes.length; n++) bytes[n] = n & 1 && high !== undefined ? high : prng.pick(letters)
}

/** By mnemonic; the longest prefix that fits. */
const SHAPES: readonly (readonly [RegExp, Shape])[] = [
  [/^(movs[bwdq]?|cmps[bwdq]?)$/, pointers(6, 7)],
  [/^(stos|scas)[bwdq]?$/, pointers(7)],
  [/^lods[bwdq]?$/, pointers(6)],
  [/^(maskmov)/, pointers(7)],
  [/^i?div$/, division],
  [BIT_TEST, bitOffset],
  [/^cmpxchg/, expected],
  [/^xlat/, translate],
  [/gather/, nearIndices],
  [/^(leave|enter)/, frame],
  [/^v?ldmxcsr/, control],
  [/^(jmp|call)$/, transfer],
  [/^(ret|popf?)$/, onStack],
  [/^(loop|jrcxz)/, counter],
  [/^v?pcmp[ei]str/, texts],
]

/** Operands that would be undefined behaviour of the CPU rather than of ours, and branches to the landing. */
function tame({ form, width, immediates, ...rest }: Instruction, registers: BigUint64Array): Instruction {
  if (form.operands[0]?.kind === 'J') return { form, width, immediates: [BigInt(SKIPPED.length)], ...rest }
  // int3 takes no prefix here: its length is known.
  if (form.mnemonic === 'int3') return { form, width, immediates, ...rest, rex: false }
  // A double shift of 16 bits by more than 16 is undefined (SDM vol. 2B, SHLD).
  if (/^sh[lr]d$/.test(form.mnemonic) && width === 16) {
    registers[1] = (registers[1] as bigint) & ~0x10n
    return { form, width, immediates: immediates.map((value) => value & 0xefn), ...rest }
  }
  return { form, width, immediates, ...rest }
}

/** Registers, vectors and flags for code; `fixed` registers are given. */
export function randomState(prng: Prng, fixed: ReadonlyMap<number, bigint>, lanes: Lanes = 'mixed') {
  const registers = new BigUint64Array(16)
  for (let n = 0; n < 16; n++) registers[n] = integer(prng)
  registers[RSP] = BigInt(prng.chance(0.9) ? DATA_BASE + 0x2000 + 8 * prng.below(64) : chooseTarget(prng))
  for (const [register, value] of fixed) registers[register] = value
  const vectors = new Uint8Array(16 * VECTOR_BYTES)
  for (let at = 0; at < vectors.length; at += 16) vectors.set(vectorBytes(prng, lanes), at)
  return { registers, vectors, flags: prng.next() & FLAG_MASK & ~0x400, mxcsr: mxcsr(prng) }
}

/** The longest memory operand that a case fills. */
const OPERAND_BYTES = 32
const patchable = (target: number): boolean => target >= DATA_BASE && target + OPERAND_BYTES <= DATA_BASE + DATA_SIZE

/** Bytes to put at `target`, as words of the data area (none where they do not fit inside it). */
function patchesAt(target: number, memory: Uint8Array): Word[] {
  const offset = target - DATA_BASE
  if (!patchable(target)) return []
  const view = new DataView(memory.buffer)
  return [0, 8, 16, 24].map((at) => ({ offset: offset + at, value: view.getBigUint64(at, true) }))
}

/** What the lanes of a row's sources are, read off its name. */
const lanesOf = (mnemonic: string): Lanes =>
  /^v?cvt(ph)/.test(mnemonic)
    ? 'half'
    : /^v?cvtt?[ps]s|[ps]s$/.test(mnemonic) && !/^v?cvtt?[ps]d/.test(mnemonic)
      ? 'single'
      : /^v?cvtt?[ps]d|[ps]d$/.test(mnemonic)
        ? 'double'
        : 'mixed'

/** Rows of MMX registers, and emms. */
const usesX87 = ({ operands, mnemonic }: Form): boolean =>
  mnemonic === 'emms' || operands.some(({ kind }) => 'PQN'.includes(kind))

/** Where the environment after an x87 instruction goes: it has the full tag word and the pointers. */
const SHOWN = DATA_SIZE - 64
/** fnstenv [SHOWN] */
const ENVIRONMENT_AFTER = [0xd9, 0x34, 0x25, ...[0, 8, 16, 24].map((shift) => ((DATA_BASE + SHOWN) >> shift) & 0xff)]

/** What CPUs differ in of a stored environment of words of so many bytes. */
function unspecifiedIn(environment: number, word: number): Unspecified[] {
  const at = (n: number, count: number) => ({ offset: environment + n * word, length: count * word })
  // Selectors are zero on CPUs that deprecate them (SDM vol. 1, 8.1.8); in the upper half is the opcode.
  const selectors = [4, 6].map((n) => ({ ...at(n, 1), length: 2 }))
  if (!POINTERS_COMPARED) return [at(3, 4)]
  const pointers = [at(3, 3), at(5, 1)].map((range, n) => ({ ...range, whenZero: environment + (3 + 2 * n) * word }))
  return [...selectors, ...pointers]
}

function unspecifiedOf({ mnemonic }: Form, width: Size, target: number, shown: boolean): Unspecified[] {
  const stores = /^fn(stenv|save)$/.test(mnemonic)
  return [
    ...(stores ? unspecifiedIn(target - DATA_BASE, width === 16 ? 2 : 4) : []),
    ...(shown ? unspecifiedIn(SHOWN, 4) : []),
  ]
}

/** A case of one instruction. */
export function caseOf(form: Form, width: Size, prng: Prng, choice: Choice = {}): Case {
  // A transfer through memory finds its target there: a fault at a wild target is told differently (rip is already the target).
  const transfers = form.options.ends === true && /^(jmp|call|ret)$/.test(form.mnemonic)
  const draft = generate(
    form,
    width,
    prng,
    transfers ? { ...choice, target: DATA_BASE + 256 + prng.below(DATA_SIZE - 512) } : choice,
  )
  const lanes = prng.chance(0.2) ? 'mixed' : lanesOf(form.mnemonic)
  const { registers, vectors, flags, mxcsr } = randomState(prng, draft.registers, lanes)
  const memory = new Uint8Array(OPERAND_BYTES)
  for (let at = 0; at < OPERAND_BYTES; at += 16) memory.set(vectorBytes(prng, lanes), at)
  if (isX87(form)) memory.set(x87Memory(form, prng))
  const state: State = { registers, vectors, memory, fixed: new Set(draft.registers.keys()) }
  for (const [pattern, shape] of SHAPES) if (pattern.test(form.mnemonic)) shape(state, draft, prng)
  const instruction = tame(draft.instruction, registers)
  const code = encode(instruction, CODE_BASE)
  const shown = isX87(form) && form.options.approximate !== true && prng.chance(0.4) ? ENVIRONMENT_AFTER : []
  const backwards = prng.chance(form.options.repeat !== undefined || prng.chance(0.1) ? 0.4 : 0) ? 0x400 : 0
  return {
    instructions: [instruction],
    code: Uint8Array.from([...code, ...shown, ...(form.options.ends === true ? SKIPPED : [])]),
    registers,
    vectors,
    flags: flags | backwards,
    mxcsr,
    ...(isX87(form) ? { x87: x87StateFor(prng) } : usesX87(form) ? { x87: x87State(prng, X87_BYTES, true) } : {}),
    ...(isX87(form) ? { unspecified: unspecifiedOf(form, width, draft.target, shown.length > 0) } : {}),
    patches: patchesAt(draft.target, memory),
    undefinedFlags: flagMask(form.options.undefinedFlags ?? ''),
  }
}
