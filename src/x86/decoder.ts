// Decodes one instruction (SDM vol. 2A chapter 2) with dispatch tables derived from the instruction table.
//   const out = newDecoded(); if (decode(bytes, offset, end, address, out) === OK) …
// `out` is reused: nothing is allocated per instruction.

import { unreachable } from '../lib/assert.js'
import { CPU_MAX, type CpuModel } from './features.js'
import type { Form, Operand, Prefix, Size } from './form.js'
import { allForms, FORM_COUNT, formOf, formsByOpcode, VEX_MAPS } from './table.js'

export const OK = 0
/** No row of the table: #UD on the CPU, or a form that Lego does not cover. */
const UNDEFINED = 1
/** The bytes end inside the instruction. */
export const TRUNCATED = 2
/** Longer than 15 bytes: #GP (SDM 2.3.11). */
export const TOO_LONG = 3

export const NO_REGISTER = -1
/** `base` of a rip-relative operand. */
export const RIP_BASE = 16
export const SEGMENT_NONE = 0
export const SEGMENT_FS = 1
export const SEGMENT_GS = 2

export type Decoded = {
  form: Form
  /** Operand size in bits: of general registers, or of the vectors of a VEX form. */
  width: Size
  /** Guest address of the first byte, and of the byte after the last. */
  address: number
  next: number
  length: number
  /** Register numbers with their REX bits: modrm.reg, modrm.rm (registers), opcode's low bits. */
  reg: number
  rm: number
  opcodeRegister: number
  /** VEX.vvvv, 0 without VEX. */
  vvvv: number
  /** A REX prefix was there: registers 4–7 of 8 bits are spl bpl sil dil, not ah ch dh bh. */
  rex: boolean
  memory: boolean
  base: number
  index: number
  /** log2 of the index's factor. */
  scale: number
  displacement: number
  segment: number
  /** A 67 prefix: the effective address is cut to 32 bits. */
  address32: boolean
  immediateLow: number
  immediateHigh: number
  lock: boolean
  repeat: 'none' | 'f3' | 'f2'
}

export const newDecoded = (): Decoded => ({
  form: formOf(0),
  width: 32,
  address: 0,
  next: 0,
  length: 0,
  reg: 0,
  rm: 0,
  opcodeRegister: 0,
  vvvv: 0,
  rex: false,
  memory: false,
  base: NO_REGISTER,
  index: NO_REGISTER,
  scale: 0,
  displacement: 0,
  segment: SEGMENT_NONE,
  address32: false,
  immediateLow: 0,
  immediateHigh: 0,
  lock: false,
  repeat: 'none',
})

/** Target of the instruction's relative branch; with a 66 prefix AMD's CPUs cut it to 16 bits (APM vol. 3, near branches). */
export function branchTarget({ next, immediateLow, width }: Decoded): number {
  const target = next + immediateLow
  return width === 16 ? target & 0xffff : target
}

// ---- dispatch: (map, opcode) → rows, those with a mandatory prefix first ---------------------------------------------

const rank: Record<Prefix, number> = { F2: 0, F3: 0, '66': 1, NP: 2, NFx: 3, any: 4 }
/** Filled in when an opcode is first met; empty where the table has nothing. */
const dispatch: (readonly Form[] | undefined)[] = new Array(2 * VEX_MAPS * 256)
const byOpcode = formsByOpcode()

function candidatesAt(slot: number): readonly Form[] {
  const forms = (byOpcode[slot] ?? []).map(formOf)
  forms.sort((a, b) => rank[a.prefix] - rank[b.prefix] || b.digit - a.digit)
  dispatch[slot] = forms
  return forms
}

/** Bytes of an immediate-like operand: those in a form's `immediates`. */
function immediateSize(operand: Operand, width: Size, address32: boolean): number {
  switch (operand.kind) {
    case 'I':
      switch (operand.size) {
        case 'b':
          return 1
        case 'w':
          return 2
        case 'd':
          return 4
        case 'z':
          return width === 16 ? 2 : 4
        default:
          return width / 8
      }
    case 'L':
      return 1
    case 'J':
      return operand.size === 'b' ? 1 : width === 16 ? 2 : 4
    case 'O':
      return address32 ? 4 : 8
    default:
      return unreachable(`${operand.kind} is no immediate`)
  }
}

let bytes: Uint8Array = new Uint8Array(0)
let at = 0
let limit = 0
/** Rows that the CPU does not have: 1 at twice a row's id, and one further for its 256-bit form; undefined: it has all. */
let refused: Refused
/** Bytes read past the end, so that the caller can tell a truncated instruction. */
let overran = false

function next8(): number {
  if (at >= limit) {
    overran = true
    return 0
  }
  return bytes[at++] as number
}
const next16 = () => next8() | (next8() << 8)
const next32 = () => next16() | (next16() << 16)

export type Refused = Uint8Array | undefined

/** The rows that a CPU does not have. */
export function refusedBy(cpu: CpuModel): Refused {
  if (cpu.size === CPU_MAX.size) return undefined
  const lacks = (features: string | undefined) => features?.split(' ').some((name) => !cpu.has(name)) === true
  const rows = new Uint8Array(2 * FORM_COUNT)
  for (const { id, options } of allForms()) {
    if (lacks(options.feature)) rows[2 * id] = 1
    if (lacks(options.feature256 ?? options.feature)) rows[2 * id + 1] = 1
  }
  return rows.includes(1) ? rows : undefined
}

/** Decodes the instruction at `offset` of `source` (readable up to `end`) whose guest address is `address`. */
export function decode(
  source: Uint8Array,
  offset: number,
  end: number,
  address: number,
  out: Decoded,
  without?: Refused,
): number {
  refused = without
  bytes = source
  at = offset
  limit = Math.min(end, offset + 15)
  overran = false
  const status = decodeBody(address, out)
  if (overran) return limit === offset + 15 ? TOO_LONG : TRUNCATED
  if (status !== OK) return status
  out.length = at - offset
  out.next = address + out.length
  return OK
}

/** 66 67 F0 F2 F3, the segments' and REX. */
const IS_PREFIX = new Uint8Array(256)
for (const byte of [0x66, 0x67, 0xf0, 0xf2, 0xf3, 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65]) IS_PREFIX[byte] = 1
IS_PREFIX.fill(1, 0x40, 0x50)

function decodeBody(address: number, out: Decoded): number {
  out.address = address
  out.segment = SEGMENT_NONE
  out.lock = false
  out.repeat = 'none'
  out.address32 = false
  let has66 = false
  let rex = 0
  let byte = next8()
  // A REX prefix counts only directly before the opcode (SDM 2.2.1).
  while (IS_PREFIX[byte] === 1) {
    if ((byte & 0xf0) === 0x40) {
      rex = byte
      byte = next8()
      if (IS_PREFIX[byte] === 0) break
      rex = 0
      continue
    }
    if (byte === 0x66) has66 = true
    else if (byte === 0x67) out.address32 = true
    else if (byte === 0xf0) out.lock = true
    else if (byte === 0xf3) out.repeat = 'f3'
    else if (byte === 0xf2) out.repeat = 'f2'
    else if (byte === 0x64) out.segment = SEGMENT_FS
    else if (byte === 0x65) out.segment = SEGMENT_GS
    if (overran) return TRUNCATED
    byte = next8()
  }
  out.rex = rex !== 0
  let map = 0
  let length = 0
  let misplaced = false
  out.vvvv = 0
  const vex = byte === 0xc4 || byte === 0xc5
  if (vex) {
    // No other size, repeat, lock or REX prefix may be there (SDM vol. 2A, 2.3.2 to 2.3.4).
    misplaced = has66 || rex !== 0 || out.lock || out.repeat !== 'none'
    out.lock = false
    // R X B are inverted; the two-byte form has R alone.
    const first = byte === 0xc4 ? next8() : (next8Peek() & 0x80) | 0x61
    const second = next8()
    map = VEX_MAPS + (first & 0x1f)
    rex = ((first >> 5) ^ 7) & 7
    if (byte === 0xc4) rex |= (second >> 4) & 8
    out.vvvv = ((second >> 3) & 15) ^ 15
    length = (second >> 2) & 1
    has66 = (second & 3) === 1
    out.repeat = (second & 3) === 2 ? 'f3' : (second & 3) === 3 ? 'f2' : 'none'
    byte = next8()
    if (map === VEX_MAPS || map > VEX_MAPS + 3) return UNDEFINED
  } else if (byte === 0x0f) {
    map = 1
    byte = next8()
    if (byte === 0x38) {
      map = 2
      byte = next8()
    } else if (byte === 0x3a) {
      map = 3
      byte = next8()
    }
  }
  const slot = map * 256 + byte
  const candidates = dispatch[slot] ?? candidatesAt(slot)
  if (candidates.length === 0) return UNDEFINED
  const needsModrm = (candidates[0] as Form).modrm
  const modrm = needsModrm ? next8() : 0
  const register = modrm >= 0xc0 || (candidates[0] as Form).options.systemRegisters !== undefined
  const digit = (modrm >> 3) & 7
  const w = (rex >> 3) & 1
  const only = needsModrm ? modrm & 7 : (byte & 7) | ((rex & 1) << 3)
  const prefixes = 1 << ((out.repeat === 'none' ? 0 : out.repeat === 'f3' ? 2 : 4) + (has66 ? 1 : 0))
  for (let n = 0; n < candidates.length; n++) {
    const form = candidates[n] as Form
    if ((form.prefixes & prefixes) === 0) continue
    if (form.digit >= 0 && form.digit !== digit) continue
    if (form.rm >= 0 && form.rm !== (modrm & 7)) continue
    if (form.w >= 0 && form.w !== w) continue
    if (form.l >= 0 && form.l !== length) continue
    const { systemRegisters } = form.options
    if (systemRegisters !== undefined) {
      if (!systemRegisters.includes((digit | ((rex & 4) << 1)) + (out.lock ? 8 : 0))) continue
      out.lock = false
    }
    if (form.options.register !== undefined && form.options.register !== only) continue
    if (form.modrm && !(register ? form.register : form.memory)) continue
    const { widths } = form
    let width = widths[0] as Size
    if (form.vex) {
      // The size is that of vectors, by L, or that of general registers, by W.
      width = width >= 128 ? (length === 1 ? 256 : 128) : widths.length > 1 ? (w === 1 ? 64 : 32) : width
      if (!widths.includes(width)) continue
      // A register that no operand uses must be named as 1111 (SDM vol. 2A, 2.3.8).
      if (out.vvvv !== 0 && !form.vvvv) return UNDEFINED
    } else if (widths.length > 1 || form.w === 0) {
      // Operand size: REX.W, else 66 (where it is not part of the opcode), else the default (SDM vol. 1 table 3-4).
      const small = has66 && form.prefix !== '66'
      width = w === 1 ? 64 : small ? 16 : form.options.default64 ? 64 : 32
      if (!widths.includes(width)) {
        if (width !== 16) continue
        width = widths[0] as Size
      }
    }
    if (refused !== undefined && refused[2 * form.id + (width === 256 ? 1 : 0)] === 1) continue
    out.form = form
    out.width = width
    out.reg = digit | ((rex & 4) << 1)
    out.rm = (modrm & 7) | ((rex & 1) << 3)
    out.opcodeRegister = (byte & 7) | ((rex & 1) << 3)
    out.memory = needsModrm && !register
    if (out.memory) decodeMemory(modrm, rex, out, form.options.vsib === true)
    // The index comes by SIB, and the three registers must differ (SDM vol. 2C, VPGATHERDD).
    if (form.options.vsib) {
      const { reg, vvvv, index } = out
      if ((modrm & 7) !== 4 || reg === vvvv || reg === index || vvvv === index) return UNDEFINED
    }
    decodeImmediates(form, width, out)
    // After all bytes are read: one that is too long raises #GP rather than #UD.
    if (misplaced) return UNDEFINED
    if (out.lock && !(form.options.lock && form.modrm && !register)) return UNDEFINED
    if (form.x87) out.immediateLow = modrm
    return OK
  }
  return UNDEFINED
}

/** The next byte, not taken: a two-byte VEX has R where a three-byte one has R, X, B and the map. */
const next8Peek = (): number => (at < limit ? (bytes[at] as number) : 0)

function decodeMemory(modrm: number, rex: number, out: Decoded, vsib: boolean): void {
  const mod = modrm >> 6
  const rm = modrm & 7
  out.index = NO_REGISTER
  out.scale = 0
  out.displacement = 0
  let base = rm | ((rex & 1) << 3)
  let wide = mod === 2
  if (rm === 4) {
    const sib = next8()
    out.scale = sib >> 6
    const index = ((sib >> 3) & 7) | ((rex & 2) << 2)
    if (index !== 4 || vsib) out.index = index
    base = (sib & 7) | ((rex & 1) << 3)
    if ((sib & 7) === 5 && mod === 0) {
      base = NO_REGISTER
      wide = true
    }
  } else if (rm === 5 && mod === 0) {
    base = RIP_BASE
    wide = true
  }
  out.base = base
  if (wide) out.displacement = next32()
  else if (mod === 1) out.displacement = (next8() << 24) >> 24
}

function decodeImmediates(form: Form, width: Size, out: Decoded): void {
  out.immediateLow = 0
  out.immediateHigh = 0
  let second = false
  const { immediates } = form
  for (let n = 0; n < immediates.length; n++) {
    const operand = immediates[n] as Operand
    const size = immediateSize(operand, width, out.address32)
    if (second) {
      // enter: a 16-bit and an 8-bit immediate, packed.
      out.immediateLow = (out.immediateLow & 0xffff) | (next8() << 16)
      continue
    }
    second = true
    const low = size === 1 ? (next8() << 24) >> 24 : size === 2 ? (next16() << 16) >> 16 : next32()
    const high = size === 8 ? next32() : low >> 31
    if (operand.kind === 'O') {
      // An absolute address: a memory operand without registers.
      out.memory = true
      out.base = NO_REGISTER
      out.index = NO_REGISTER
      out.scale = 0
      out.displacement = size === 4 ? low >>> 0 : high * 0x100000000 + (low >>> 0)
      continue
    }
    out.immediateLow = low
    out.immediateHigh = high
  }
}
