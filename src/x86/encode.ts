// Emits the bytes of one instruction from a row of the table and chosen operands; the tests' inverse of the decoder.
//   encode({ form, width, reg: 0, rm: 3, immediates: [], lock: false, repeat: 'none', rex: false }, address)
// Leaves out what choosing operands means: see native/generate.ts.

import { assert } from '../lib/assert.js'
import type { Form, Operand, Size } from './form.js'

export const NONE = -1
/** `base` of an operand relative to the next instruction; `displacement` is then the address meant. */
export const RIP = 16
/** 8-bit registers: 0–15 are al … r15b, these four are encoded 4–7 without REX. */
export const HIGH_BYTES: readonly number[] = [16, 17, 18, 19]

export type MemoryOperand = {
  /** 0–15, NONE or RIP. */
  readonly base: number
  /** 0–15 but not rsp, or NONE; of a gather a vector register. */
  readonly index: number
  /** log2 of the index's factor. */
  readonly scale: number
  /** A signed 32-bit number; for RIP the address meant. */
  readonly displacement: number
  /** Bytes of displacement; without a base register always 4. */
  readonly displacementSize: 0 | 1 | 4
  readonly segment?: 'fs' | 'gs'
  /** With a 67 prefix. */
  readonly address32?: boolean
}

export type Instruction = {
  readonly form: Form
  readonly width: Size
  /** The register in modrm.reg, or in the opcode. */
  readonly reg: number
  readonly rm: number | MemoryOperand
  /** The register in VEX.vvvv. */
  readonly vvvv: number
  /** One per immediate, branch offset or absolute address operand. */
  readonly immediates: readonly bigint[]
  readonly lock: boolean
  readonly repeat: 'none' | 'f3' | 'f2'
  /** Prefixes of an instruction whose memory operands are implied: strings, xlat, loops. */
  readonly segment?: 'fs' | 'gs'
  readonly address32?: boolean
  /** Emit a REX prefix that nothing needs; of VEX the longer form. */
  readonly rex: boolean
}

const OPCODE_MAPS: readonly (readonly number[])[] = [[], [0x0f], [0x0f, 0x38], [0x0f, 0x3a]]
const PREFIX_BYTES = { any: [], NP: [], NFx: [], '66': [0x66], F3: [0xf3], F2: [0xf2] } as const

/** Whether the operand size comes from the 66 prefix and REX.W. */
const hasVariableSize = (form: Form): boolean =>
  form.options.default64 === true ||
  form.options.sized === true ||
  form.operands.some(({ size }) => 'vyz'.includes(size))

/** Operands that are bytes of the instruction, in order. */
export const immediateOperands = (form: Form): readonly Operand[] =>
  form.operands.filter(({ kind }) => 'IJOL'.includes(kind))

/** Bytes of an immediate, branch offset or absolute address. */
export function immediateBytes({ kind, size }: Operand, width: Size): number {
  if (kind === 'L') return 1
  if (kind === 'J') return size === 'b' ? 1 : width === 16 ? 2 : 4
  if (kind === 'O') return 8
  if (size === 'b') return 1
  if (size === 'w') return 2
  if (size === 'd') return 4
  return size === 'z' ? (width === 16 ? 2 : 4) : width / 8
}

const isByte = (operand: Operand | undefined) => operand?.size === 'b'
const inReg = (form: Form) => form.operands.find(({ kind }) => 'GVZP'.includes(kind))
const inRm = (form: Form) => form.operands.find(({ kind }) => 'ERUWQN'.includes(kind))

/** The 8-bit registers an instruction names, as numbers of HIGH_BYTES or 0–15. */
function byteRegisters({ form, reg, rm }: Instruction): number[] {
  const registers: number[] = []
  const first = inReg(form)
  const second = inRm(form)
  if (isByte(first) && 'GZ'.includes(first?.kind ?? '')) registers.push(reg)
  if (isByte(second) && 'ER'.includes(second?.kind ?? '') && typeof rm === 'number') registers.push(rm)
  return registers
}

const wide = ({ form, width }: Instruction) =>
  form.w === 1 || (width === 64 && form.w !== 0 && form.options.default64 !== true && hasVariableSize(form))

/** The REX bits an instruction needs: W 8, R 4, X 2, B 1; 0x40 for a byte register that only REX reaches; 0 for none. */
function rexBits(instruction: Instruction): number {
  const { form, reg, rm } = instruction
  const high = (register: number) => (register & 8) !== 0 && register < 16
  let bits = wide(instruction) ? 0x48 : 0
  if (high(reg)) bits |= form.plusRegister ? 0x41 : 0x44
  if (typeof rm === 'number') bits |= high(rm) ? 0x41 : 0
  else bits |= (high(rm.base) && rm.base >= 0 ? 0x41 : 0) | (high(rm.index) && rm.index >= 0 ? 0x42 : 0)
  if (byteRegisters(instruction).some((register) => register >= 4 && register < 8)) bits |= 0x40
  return bits
}

/** ah ch dh bh cannot be named next to anything that needs REX. */
export const encodable = (instruction: Instruction): boolean =>
  (rexBits(instruction) === 0 && !instruction.rex) || !byteRegisters(instruction).some((register) => register >= 16)

function littleEndian(value: bigint, size: number): number[] {
  const bytes: number[] = []
  for (let n = 0; n < size; n++) bytes.push(Number((value >> BigInt(8 * n)) & 0xffn))
  return bytes
}

/** modrm, SIB and displacement of a memory operand; a RIP-relative displacement is left to the caller. */
function memoryBytes(
  reg: number,
  { base, index, scale, displacement, displacementSize }: MemoryOperand,
  vsib: boolean,
): number[] {
  const field = (reg & 7) << 3
  const offset = (size: number) => littleEndian(BigInt(displacement), size)
  if (base === RIP) return [field | 5, 0, 0, 0, 0]
  assert(index !== 4 || vsib, 'rsp cannot be an index')
  // Without a base, and not relative to the next instruction: a SIB with base 5 under mod 0 (SDM table 2-3).
  if (base === NONE) return [field | 4, (scale << 6) | ((index === NONE ? 4 : index & 7) << 3) | 5, ...offset(4)]
  // rbp and r13 have no form without displacement.
  const size = displacementSize === 0 && (base & 7) === 5 ? 1 : displacementSize
  const mod = size === 0 ? 0 : size === 1 ? 0x40 : 0x80
  if (index === NONE && (base & 7) !== 4) return [mod | field | (base & 7), ...offset(size)]
  return [mod | field | 4, (scale << 6) | ((index === NONE ? 4 : index & 7) << 3) | (base & 7), ...offset(size)]
}

/** A VEX prefix (SDM vol. 2A, 2.3.5): of two bytes where that says enough. */
function vexBytes({ form, width, vvvv, rex: longer }: Instruction, rex: number): number[] {
  const prefix = ['NP', '66', 'F3', 'F2'].indexOf(form.prefix === 'any' ? 'NP' : form.prefix)
  const length = form.l >= 0 ? form.l : width === 256 ? 1 : 0
  const low = ((vvvv ^ 15) << 3) | (length << 2) | prefix
  if (form.map === 1 && (rex & 0xb) === 0 && !longer) return [0xc5, ((rex & 4) === 0 ? 0x80 : 0) | low]
  return [0xc4, (((rex & 7) ^ 7) << 5) | form.map, ((rex & 8) << 4) | low]
}

/** The instruction's bytes when it is at `address`. */
export function encode(instruction: Instruction, address: number): Uint8Array {
  const { form, width, rm, lock, repeat } = instruction
  assert(encodable(instruction), `${form.mnemonic}: a high byte register next to REX`)
  const bytes: number[] = []
  if (lock) bytes.push(0xf0)
  if (repeat !== 'none') bytes.push(repeat === 'f3' ? 0xf3 : 0xf2)
  const { segment, address32 } = typeof rm === 'object' ? rm : instruction
  if (segment !== undefined) bytes.push(segment === 'fs' ? 0x64 : 0x65)
  if (address32 === true) bytes.push(0x67)
  if (width === 16 && hasVariableSize(form) && form.prefix !== '66' && !form.vex) bytes.push(0x66)
  if (!form.vex) bytes.push(...PREFIX_BYTES[form.prefix])
  const rex = rexBits(instruction) | (instruction.rex ? 0x40 : 0)
  if (form.vex) bytes.push(...vexBytes(instruction, rex))
  else {
    if (rex !== 0) bytes.push(rex)
    bytes.push(...(OPCODE_MAPS[form.map] as readonly number[]))
  }
  // A high byte register's number has bit 4 set and its encoding in the low bits: 16 is ah, encoded 4.
  const code = (register: number) => (register >= 16 ? register - 12 : register) & 7
  bytes.push(form.plusRegister ? form.opcode | code(instruction.reg) : form.opcode)
  let displacementAt = -1
  if (form.modrm) {
    const reg = form.digit >= 0 ? form.digit : code(instruction.reg)
    if (typeof rm === 'number') bytes.push(0xc0 | (reg << 3) | (form.rm >= 0 ? form.rm : code(rm)))
    else {
      if (rm.base === RIP) displacementAt = bytes.length + 1
      bytes.push(...memoryBytes(reg, rm, form.options.vsib === true))
    }
  }
  immediateOperands(form).forEach((operand, n) => {
    bytes.push(...littleEndian(instruction.immediates[n] ?? 0n, immediateBytes(operand, width)))
  })
  if (displacementAt >= 0 && typeof rm === 'object') {
    const distance = BigInt(rm.displacement) - BigInt(address + bytes.length)
    littleEndian(distance, 4).forEach((byte, n) => {
      bytes[displacementAt + n] = byte
    })
  }
  return Uint8Array.from(bytes)
}
