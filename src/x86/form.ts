// One row of the instruction table: an encoding in the SDM's notation, the operands in the notation of its opcode map
// (appendix A.2), and semantics. The decoder, both tiers, the tests and the listing of covered forms derive from rows.
//
//   form('01 /r', 'add', 'Ev Gv', arithmetic.add, { lock: true })
//
// Encoding: [VEX] [NP|NFx|66|F3|F2] [0F|0F38|0F3A] opcode[+r] [/r|/0…/7] [W0|W1] [L0|L1]; `+r`: the opcode's low three bits name a
// register. After VEX, no mandatory prefix is NP, and what W and L do not say is ignored (WIG, LIG) unless an operand's size needs it.
// NP: none of 66 F3 F2; NFx: neither F3 nor F2.
// Operands: a letter for where, a suffix for the size.
// After an x87 opcode a byte from C0 up is a whole modrm byte: 'D9 E8'.
//   E  modrm.rm, general register or memory      G  modrm.reg, general register      M  modrm.rm, memory only
//   R  modrm.rm, general register only           Z  register in the opcode           A  rAX      C  CL      1  the constant 1
//   I  immediate    Ibs/Izs sign-extended to the operand size        J  branch offset       O  absolute address
//   X  memory at rsi    Y  memory at rdi (string instructions, whose semantics address them)
//   V  modrm.reg, vector register   W  modrm.rm, vector register or memory   U  modrm.rm, vector register only
//   H  VEX.vvvv, vector register    B  VEX.vvvv, general register            L  vector register in the immediate's high half
//   P  modrm.reg, MMX register      Q  modrm.rm, MMX register or memory      N  modrm.rm, MMX register only
//   T  x87 register in modrm.rm
//   suffix b w d q o: 8 16 32 64 128 bits; v: 16/32/64 by operand size; y: 32/64; z: 16/32 immediate; x: a whole vector, 128 bits
//   or by VEX.L 256, which in memory must be aligned but for VEX; a: must always be aligned; u: never

import { assert } from '../lib/assert.js'
import type { Width } from './ir.js'
import type { Semantics } from './semantics.js'

export type Prefix = 'any' | 'NP' | 'NFx' | '66' | 'F3' | 'F2'
export type OperandKind =
  | 'E'
  | 'G'
  | 'M'
  | 'R'
  | 'Z'
  | 'A'
  | 'C'
  | '1'
  | 'I'
  | 'J'
  | 'O'
  | 'X'
  | 'Y'
  | 'V'
  | 'W'
  | 'U'
  | 'T'
  | 'H'
  | 'B'
  | 'L'
  | 'P'
  | 'Q'
  | 'N'
/** What an instruction's size varies over: general operands, or the vectors of a VEX form. */
export type Size = Width | 128 | 256
export type Operand = {
  readonly kind: OperandKind
  readonly size: 'b' | 'w' | 'd' | 'q' | 'o' | 'v' | 'y' | 'z' | 'x' | 'a' | 'u'
  readonly signed: boolean
}

export type FormOptions = {
  /** Accepts a lock prefix (SDM vol. 2A, LOCK) when its destination is memory. */
  readonly lock?: boolean
  /** Operand size is 64 without REX.W (push, pop, near branches: SDM 2.2.1.7). */
  readonly default64?: boolean
  /** Has an operand size although no operand shows it (iret, retf). */
  readonly sized?: boolean
  /** Loads ss: a trap that is due after it comes after the next instruction (SDM vol. 3, 6.8.3). */
  readonly shadow?: boolean
  /** Meaning of F3/F2 on a string instruction: `rep` repeats; `repz` also tests ZF. */
  readonly repeat?: 'rep' | 'repz'
  /** The row is for this number only in modrm.rm, or in the opcode's low bits with REX.B (90: nop, with REX.B xchg r8). */
  readonly register?: number
  /** modrm.reg names one of these control or debug registers; mod is ignored, and a lock prefix adds 8 (APM vol. 3, MOV CRn). */
  readonly systemRegisters?: readonly number[]
  /** Flags the instruction leaves undefined, for tests to mask: letters of CF PF AF ZF SF OF, e.g. 'a', 'oszap'. */
  readonly undefinedFlags?: string
  /** Ends a block: control may go elsewhere than to the next instruction. */
  readonly ends?: boolean
  /**
   * The VEX form of a legacy row with the same semantics: its operands, then what its encoding adds: 'Vx Hx Wx', 'Vo Ey L0 W1'. With H the
   * destination is an operand of its own: what the semantics read as operand 0 is operand 1.
   */
  readonly vex?: string
  /** Semantics see both halves of 256-bit operands at once; otherwise they run once for each half. */
  readonly whole?: boolean
  /** The memory operand's index is a vector register (gathers; SDM vol. 2A, 2.3.12). */
  readonly vsib?: boolean
  /** The cpuid features that the row needs (none: every x86-64 CPU has it), and those of its 256-bit form where they are others. */
  readonly feature?: string
  readonly feature256?: string
  /** Its result is as exact as the CPU's, within one unit in the last place, but not always the same. */
  readonly approximate?: boolean
  /** The test harness cannot run it as it is (system state, control flow, unrepeatable results). */
  readonly untestable?: boolean
}

/** A row as its family file has it. Most are never met by a program: each is parsed when the decoder first looks at it. */
export type Row = {
  readonly encoding: string
  readonly mnemonic: string
  readonly operands: string
  readonly semantics: Semantics
  readonly options: FormOptions
  /** It is the VEX form of another row, by `vex`. */
  readonly derived: boolean
}

export type Form = {
  /** Position in the table; stable within a build. */
  readonly id: number
  readonly encoding: string
  readonly mnemonic: string
  readonly operands: readonly Operand[]
  /** Those of them whose bytes follow modrm and displacement. */
  readonly immediates: readonly Operand[]
  readonly semantics: Semantics
  readonly options: FormOptions
  readonly vex: boolean
  /** Derived from a legacy row by `vex` with an H operand: the semantics' operands from the first source on are one further. */
  readonly separate: boolean
  readonly prefix: Prefix
  /** The prefixes that may be there: bit 0 none of 66 F3 F2, bit 1 66, bit 2 F3, bit 3 both, bit 4 F2, bit 5 that and 66. */
  readonly prefixes: number
  /** 0: one byte, 1: 0F, 2: 0F 38, 3: 0F 3A. */
  readonly map: 0 | 1 | 2 | 3
  readonly opcode: number
  /** D8 to DF: the modrm byte is an operand of the semantics, as their immediate. */
  readonly x87: boolean
  /** The opcode's low three bits are a register number. */
  readonly plusRegister: boolean
  readonly modrm: boolean
  /** modrm.reg as an opcode extension, or -1. */
  readonly digit: number
  /** modrm.rm as an opcode extension, or -1. */
  readonly rm: number
  /** REX.W required: 1, forbidden: 0, either: -1. */
  readonly w: -1 | 0 | 1
  /** VEX.L required: 1, forbidden: 0, either: -1. */
  readonly l: -1 | 0 | 1
  /** Which modrm.rm kinds the row takes. */
  readonly memory: boolean
  readonly register: boolean
  /** Operand sizes the row covers. */
  readonly widths: readonly Size[]
  /** An operand is named by VEX.vvvv. */
  readonly vvvv: boolean
}

const MAPS = ['', '0F', '0F38', '0F3A']
/** `66` alone is never an opcode of the table: operand-size is a prefix. */
const PREFIXES: ReadonlySet<string> = new Set(['NP', 'NFx', '66', 'F3', 'F2'])
const NO_OPTIONS: FormOptions = {}
const FITS: Readonly<Record<Prefix, number>> = { any: 0x3f, NP: 1, NFx: 3, '66': 2, F3: 0xc, F2: 0x30 }

export const form = (
  encoding: string,
  mnemonic: string,
  operands: string,
  semantics: Semantics,
  options: FormOptions = NO_OPTIONS,
): Row => ({ encoding, mnemonic, operands, semantics, options, derived: false })

/** Map and opcode: what the decoder finds rows by. */
export function opcodeOf(encoding: string): Pick<Form, 'map' | 'opcode' | 'plusRegister'> {
  const words = encoding.split(' ')
  let at = words[0] === 'VEX' ? 1 : 0
  if (PREFIXES.has(words[at] as string)) at++
  const map = Math.max(0, MAPS.indexOf(words[at] as string)) as Form['map']
  const word = words[map === 0 ? at : at + 1] as string
  return { map, opcode: Number.parseInt(word, 16), plusRegister: word.endsWith('+r') }
}

export function parse(id: number, { encoding, mnemonic, operands, semantics, options, derived }: Row): Form {
  const vex = encoding.startsWith('VEX ')
  const words = (vex ? encoding.slice(4) : encoding).split(' ')
  const prefix: Prefix = PREFIXES.has(words[0] as string) ? (words[0] as Prefix) : 'any'
  const needed = vex && prefix === 'any' ? 'NP' : prefix
  const { map, opcode, plusRegister } = opcodeOf(encoding)
  const modifiers = words.slice((prefix === 'any' ? 0 : 1) + (map === 0 ? 0 : 1) + 1)
  const slash = modifiers.find((word) => word.startsWith('/'))
  // x87 (SDM vol. 2A, 3.1.1.1).
  const fixed = Number.parseInt(modifiers.find((word) => /^[C-F][0-9A-F]$/.test(word)) ?? '-1', 16)
  const parsed = operandsOf(operands)
  const rm = parsed.find(({ kind }) => 'EMRWUTQN'.includes(kind))
  const sizes = new Set<string>(parsed.map(({ size }) => size))
  const w = modifiers.includes('W1') ? 1 : modifiers.includes('W0') ? 0 : -1
  const l = modifiers.includes('L1') ? 1 : modifiers.includes('L0') ? 0 : -1
  if (options.sized) sizes.add('v')
  const widths =
    vex && (sizes.has('x') || sizes.has('a'))
      ? ([128, 256] as const).filter((size) => l < 0 || size === 128 + 128 * l)
      : widthsOf(sizes, w, options.default64 ?? false)
  assert(vex || l < 0, `${encoding}: only VEX has a length`)
  return {
    id,
    encoding,
    mnemonic,
    operands: parsed,
    immediates: parsed.filter(({ kind }) => 'ILJO'.includes(kind)),
    semantics,
    options,
    vex,
    separate: derived && parsed.some(({ kind }) => kind === 'H'),
    prefix: needed,
    prefixes: FITS[needed],
    map,
    opcode,
    x87: map === 0 && (opcode & 0xf8) === 0xd8,
    plusRegister,
    modrm: slash !== undefined || fixed >= 0,
    digit: fixed >= 0 ? (fixed >> 3) & 7 : slash === undefined || slash === '/r' ? -1 : Number(slash[1]),
    rm: fixed >= 0 ? fixed & 7 : -1,
    w,
    l,
    memory: fixed < 0 && (rm === undefined || 'EMWQ'.includes(rm.kind)),
    register: rm === undefined || 'ERWUTQN'.includes(rm.kind),
    widths,
    vvvv: parsed.some(({ kind }) => kind === 'H' || kind === 'B'),
  }
}

/** Features whose VEX forms need AVX besides. */
const CRYPTO: ReadonlySet<string> = new Set(['aes', 'pclmulqdq'])

/** The VEX form that a legacy row's `vex` option names. */
export function vexRow({ encoding, mnemonic, semantics, options: { vex, ...options } }: Row): Row {
  const words = (vex as string).split(' ')
  const isOperand = (word: string) => !/^[LW][01]$/.test(word)
  return {
    encoding: ['VEX', encoding, ...words.filter((word) => !isOperand(word))].join(' '),
    mnemonic: `v${mnemonic}`,
    operands: words.filter(isOperand).join(' '),
    semantics,
    options: {
      ...options,
      // Integer operations on 256 bits came with AVX2 (SDM vol. 1, 14.6).
      feature: CRYPTO.has(options.feature ?? '') ? `avx ${options.feature}` : 'avx',
      ...(/^(p(?!test)|mpsadbw)/.test(mnemonic) ? { feature256: 'avx2' } : {}),
    },
    derived: true,
  }
}

/** Rows of one feature, but for those that name another. */
export const withFeature = (feature: string, rows: readonly Row[]): Row[] =>
  rows.map((row) => ({ ...row, options: { feature, ...row.options } }))

/** The operand sizes a row covers: SDM vol. 1 table 3-4; without a variable operand, the size of its general operands. */
function widthsOf(sizes: ReadonlySet<string>, w: number, default64: boolean): readonly Size[] {
  if (sizes.has('v') || default64) return default64 ? [16, 64] : w === 1 ? [64] : w === 0 ? [16, 32] : [16, 32, 64]
  if (sizes.has('y')) return w === 1 ? [64] : w === 0 ? [32] : [32, 64]
  return sizes.has('b') ? [8] : sizes.has('w') ? [16] : sizes.has('d') ? [32] : [64]
}

const operandLists = new Map<string, readonly Operand[]>()

function operandsOf(text: string): readonly Operand[] {
  const known = operandLists.get(text)
  if (known !== undefined) return known
  const list = text === '' ? [] : text.split(' ').map(operand)
  operandLists.set(text, list)
  return list
}

function operand(text: string): Operand {
  const kind = text[0] as OperandKind
  if (kind === 'C' || kind === '1') return { kind, size: 'b', signed: false }
  return { kind, size: text[1] as Operand['size'], signed: text[2] === 's' }
}
