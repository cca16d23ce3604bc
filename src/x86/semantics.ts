// What semantics functions are written with: `Sem` gives an instruction's operands as IR nodes and records its effects.
//   const add: Semantics = (s) => { const a = s.modify(0); const b = s.read(1); … s.write(0, sum); s.flags(…) }
// The environment decides what an operand is: a known register (regions) or a field of a decoded record (interpreter).
// Register and flag updates are deferred to the end of the instruction, whatever the order they are recorded in.

import { unreachable } from '../lib/assert.js'
import { MEMORY } from '../wasm/opcodes.js'
import {
  add,
  and,
  constant,
  cut,
  gtU,
  integerType,
  lane,
  pure,
  sext64,
  shrS,
  signExtend,
  sub,
  wrap,
  zext64,
} from './expr.js'
import { condition } from './flags.js'
import type { Form, Operand, OperandKind, Size } from './form.js'
import {
  type Access,
  type Bank,
  type Effect,
  type FlagState,
  i32,
  i64,
  type Node,
  type Ref,
  type Temp,
  type Type,
  vector,
  type Width,
} from './ir.js'

export type Semantics = (s: Sem) => void

/** Where an encoding names a register: `is4`, the immediate's high half; `index`, the vector index of a VSIB operand. */
export type Place = 'reg' | 'rm' | 'opcode' | 'vvvv' | 'is4' | 'index'

/** Where operands come from; one implementation per tier. */
export interface Environment {
  /** The register that a part of the encoding names; `width` 8 allows the high-byte registers. */
  register(place: Place, bank: Bank, width: Width | 128): Ref
  /** Where a register is in the task record, in bytes (i32). */
  place(ref: Ref): Node
  /** log2 of the memory operand's index factor (i32). */
  scale(): Node
  /** The immediate, sign-extended, as i32 or i64. */
  immediate(type: 'i32' | 'i64'): Node
  /** Effective address of the memory operand, segment base included (i64). */
  address(): Node
  /** The same without the segment base, for lea. */
  offset(): Node
  /** What a 67 prefix leaves of an address: all bits, or 32 (i64). */
  addressMask(): Node
  /** Base of the segment that a prefix names, or 0 (i64). */
  segmentBase(): Node
  /** Address of the next instruction (i64). */
  next(): Node
  /** Address of this instruction (i64). */
  here(): Node
  /** Target of a relative branch (i64). */
  target(): Node
  /** The flags before this instruction. */
  flags(): FlagState
  /** Whether modrm.rm is memory. */
  readonly memory: boolean
  /** Whether the memory operand's base register is rsp (false in the interpreter, whose decoder folds it into the displacement). */
  readonly baseIsStack: boolean
  readonly lock: boolean
  /** Float operations keep MXCSR: rounding, denormals and exceptions as it says (engine/fp-mode.ts). */
  readonly careful: boolean
  /** Repeat prefix of a string instruction. */
  readonly repeat: 'none' | 'f3' | 'f2'
}

/** General registers by their numbers in encodings. */
export const RAX = 0
export const RCX = 1
export const RDX = 2
export const RBX = 3
export const RSP = 4
export const RBP = 5
export const RSI = 6
export const RDI = 7

/** The exception vector. */
export const GENERAL_PROTECTION = 13
const SIMD_FLOAT = 19

const BYTES = { b: 1, w: 2, d: 4, q: 8, o: 16, x: 16, a: 16, u: 16 } as const
/** Operands of which a 256-bit form has two halves. */
const isWhole = ({ size }: Operand): boolean => size === 'x' || size === 'a' || size === 'u'

/** What an instruction does: effects in order, register and flag updates last but before a control transfer. */
export function record(form: Form, size: Size, environment: Environment): Effect[] {
  const s = new Sem(form, size, environment)
  form.semantics(s)
  if (s.length === 256 && form.options.whole !== true) {
    s.half = 1
    form.semantics(s)
  }
  return s.finish()
}

/** Where each kind of register operand is named, or which general register it is, and its bank. */
const REGISTER_PLACES: Readonly<Partial<Record<OperandKind, readonly [Place | number, Bank]>>> = {
  G: ['reg', 'gpr'],
  E: ['rm', 'gpr'],
  R: ['rm', 'gpr'],
  Z: ['opcode', 'gpr'],
  B: ['vvvv', 'gpr'],
  A: [RAX, 'gpr'],
  C: [RCX, 'gpr'],
  V: ['reg', 'vector'],
  W: ['rm', 'vector'],
  U: ['rm', 'vector'],
  H: ['vvvv', 'vector'],
  L: ['is4', 'vector'],
  P: ['reg', 'mmx'],
  Q: ['rm', 'mmx'],
  N: ['rm', 'mmx'],
}

export class Sem {
  /** The operand size of general registers in bits. */
  readonly width: Width
  /** The length of vectors in bits. */
  readonly length: 128 | 256
  /** Which sixteen bytes of 256-bit operands are meant. */
  half: 0 | 1 = 0
  readonly effects: Effect[] = []
  readonly #environment: Environment
  readonly #form: Form
  readonly #operands: readonly Operand[]
  readonly #sets: Effect[] = []
  #modified: Temp | undefined
  #temps = 0
  /** Vector operands that were loaded, by operand: both halves' runs use them. */
  readonly #loaded = new Map<number, readonly [Node, Node]>()
  /** The low half of a 256-bit store, until the upper one is known. */
  #lowHalf: Node | undefined
  #raisesFloats = false

  constructor(form: Form, size: Size, environment: Environment) {
    this.width = size > 64 ? 32 : (size as Width)
    this.length = size === 256 ? 256 : 128
    this.#form = form
    this.#operands = form.operands
    this.#environment = environment
  }

  /** Ends recording: effects in order, deferred updates last but before a control transfer. */
  finish(): Effect[] {
    this.commitFloats()
    if (this.#form.vex) this.#clearUpperHalves()
    const last = this.effects.at(-1)
    const transfers = last !== undefined && ['jump', 'branch', 'callTo', 'ret'].includes(last.kind)
    return transfers ? [...this.effects.slice(0, -1), ...this.#sets, last] : [...this.effects, ...this.#sets]
  }

  get lock(): boolean {
    return this.#environment.lock
  }
  get repeat(): 'none' | 'f3' | 'f2' {
    return this.#environment.repeat
  }

  // ---- operands -------------------------------------------------------------------------------------------------

  /** VEX.128 writes clear what is above (SDM vol. 1, 14.1.3). */
  #clearUpperHalves(): void {
    const same = (a: Ref, b: Ref) =>
      'index' in a ? 'index' in b && a.index === b.index : 'field' in b && a.field === b.field
    for (const low of [...this.#sets]) {
      if (low.kind !== 'set' || low.ref.bank !== 'vector' || low.ref.high) continue
      const { ref } = low
      const isUpper = (one: Effect) =>
        one.kind === 'set' && one.ref.bank === 'vector' && one.ref.high && same(one.ref, ref)
      if (!this.#sets.some(isUpper)) this.set({ ...ref, high: true }, 128, ZERO)
    }
  }

  #operand(index: number): Operand {
    const operand = this.#operands[index]
    if (operand === undefined) unreachable(`the form has no operand ${index}`)
    return operand
  }

  /** The operand that the semantics read as `index`: where the destination is separate the sources are one further. */
  #source(index: number): number {
    return this.#form.separate ? index + 1 : index
  }

  /** Width of an operand in bits. */
  widthOf(index: number): Width {
    return this.#widthOf(index === 0 ? 0 : this.#source(index))
  }

  #widthOf(place: number): Width {
    const { kind, size } = this.#operand(place)
    if (kind === 'C' || kind === '1') return 8
    if (size === 'v' || size === 'y') return this.width
    if (size === 'z') return this.width === 16 ? 16 : 32
    return (BYTES[size as keyof typeof BYTES] * 8) as Width
  }

  isMemory(index: number): boolean {
    return this.#isMemory(index === 0 ? 0 : this.#source(index))
  }

  #isMemory(place: number): boolean {
    const { kind } = this.#operand(place)
    return kind === 'O' || kind === 'M' || ((kind === 'E' || kind === 'W' || kind === 'Q') && this.#environment.memory)
  }

  /** The register an operand names; of a vector, the half that is meant. */
  ref(index: number): Ref {
    const { kind } = this.#operand(index)
    const where = REGISTER_PLACES[kind]
    if (where === undefined) throw new Error(`operand ${index} (${kind}) is not a register`)
    const [place, bank] = where
    if (typeof place === 'number') return general(place)
    const ref = this.#environment.register(place, bank, bank === 'gpr' ? this.#widthOf(index) : 128)
    return bank === 'vector' && this.half === 1 && isWhole(this.#operand(index)) ? { ...ref, high: true } : ref
  }

  /** Where a register operand is in the task record, in bytes (i32). */
  place(index: number): Node {
    return this.#environment.place({ ...this.ref(index), high: false })
  }

  /** The vector index of a gather, and log2 of its factor, as `place` and i32. */
  vectorIndex(): readonly [place: Node, scale: Node] {
    const ref = this.#environment.register('index', 'vector', 128)
    return [this.#environment.place(ref), this.#environment.scale()]
  }

  /** A general operand's value: i32 zero-extended up to 32 bits, i64 for 64. Immediates come at the operand size. */
  read(index: number): Node {
    const source = this.#source(index)
    const { kind } = this.#operand(source)
    const width = this.#widthOf(source)
    if (kind === '1') return i32(1)
    if (kind === 'I') return cut(this.#environment.immediate(integerType(this.width)), this.width)
    if (this.#isMemory(source)) return this.load(this.address(), width)
    return this.get(this.ref(source), width)
  }

  /** Reads a general operand that `write` will replace: memory is checked for writing and translated once. */
  modify(index: number): Node {
    if (!this.isMemory(index)) return this.read(index)
    this.#modified = this.modifyAt(this.address(), this.widthOf(index))
    return this.#modified
  }

  /** Like `modify` for memory at an address of the semantics' own; `update` replaces it. */
  modifyAt(address: Node, width: Width): Temp {
    const out = this.#temp(integerType(width))
    this.effects.push({ kind: 'modify', out, op: loadName(width), address, access: access(width / 8) })
    return out
  }

  update(of: Temp, width: Width, value: Node): void {
    this.effects.push({ kind: 'update', of, op: storeName(width), value: cut(value, width), access: access(width / 8) })
  }

  /** An 8-bit immediate as an unsigned i32 (shuffle controls, shift counts, predicates). A constant in regions, a field in the interpreter. */
  immediateByte(): Node {
    return cut(this.#environment.immediate('i32'), 8)
  }

  /** The whole immediate as i32, whatever the operand size (enter packs two). */
  immediate(): Node {
    return this.#environment.immediate('i32')
  }

  /** Replaces a general operand; 32-bit writes clear the upper half, narrower ones keep the rest (SDM 3.4.1.1). */
  write(index: number, value: Node): void {
    const width = this.widthOf(index)
    if (!this.isMemory(index)) {
      this.set(this.ref(index), width, value)
    } else if (this.#modified !== undefined) {
      this.update(this.#modified, width, value)
      this.#modified = undefined
    } else {
      this.store(this.address(), width, value)
    }
  }

  /** Effective address of the memory operand (there is at most one); a moffs operand (kind O) is one without registers. */
  address(_index = 0): Node {
    return this.#environment.address()
  }

  /** Effective address of a pop destination: an rsp base counts after the pop. */
  addressAfterPop(bytes: number): Node {
    return add(this.#environment.address(), this.#environment.baseIsStack ? i64(bytes) : i64(0))
  }

  /** Effective address without the segment base. */
  offset(): Node {
    return this.#environment.offset()
  }

  /** Cuts an address, or a count in rcx, that the instruction implies to the address size. */
  addressSized(value: Node): Node {
    return and(value, this.#environment.addressMask())
  }

  /** Base of the segment of an implied operand that a prefix may override. */
  segmentBase(): Node {
    return this.#environment.segmentBase()
  }

  // ---- registers ------------------------------------------------------------------------------------------------

  get(ref: Ref, width: Width | 128): Node {
    return { kind: 'get', type: width === 128 ? 'v128' : integerType(width), ref, width }
  }

  set(ref: Ref, width: Width | 128, value: Node): void {
    this.#sets.push({ kind: 'set', ref, width, value: width === 128 ? value : cut(value, width) })
  }

  reg(index: number, width: Width = this.width): Node {
    return this.get(general(index), width)
  }

  setReg(index: number, width: Width, value: Node): void {
    this.set(general(index), width, value)
  }

  /** A control word of the task record (offset from engine/record.ts). */
  word(offset: number, type: 'i32' | 'i64'): Node {
    return { kind: 'word', type, offset }
  }

  setWord(offset: number, value: Node): void {
    this.#sets.push({ kind: 'setWord', offset, value })
  }

  // ---- memory ---------------------------------------------------------------------------------------------------

  load(address: Node, width: Width): Node {
    return this.loadAs(loadName(width), address)
  }

  /** A load by its wasm name, e.g. 'f64.load', 'i32.load8_s', 'v128.load64_zero'. */
  loadAs(op: string, address: Node, aligned = false): Node {
    const row = MEMORY[op]
    if (row === undefined) unreachable(`no such load: ${op}`)
    const out = this.#temp(row.type)
    this.effects.push({ kind: 'load', out, op, address, access: access(row.size, aligned) })
    return out
  }

  store(address: Node, width: Width, value: Node): void {
    this.storeAs(storeName(width), address, cut(value, width))
  }

  storeAs(op: string, address: Node, value: Node, aligned = false): void {
    const row = MEMORY[op]
    if (row === undefined) unreachable(`no such store: ${op}`)
    this.effects.push({ kind: 'store', op, address, value, access: access(row.size, aligned) })
  }

  /** Atomic read-modify-write of a memory operand; returns the old value. cmpxchg takes (expected, replacement). */
  atomic(op: Extract<Effect, { kind: 'atomic' }>['op'], index: number, ...values: Node[]): Node {
    return this.atomicAt(op, this.address(), this.widthOf(index), ...values)
  }

  atomicAt(op: Extract<Effect, { kind: 'atomic' }>['op'], address: Node, width: Width, ...values: Node[]): Node {
    const out = this.#temp(integerType(width))
    this.effects.push({ kind: 'atomic', out, op, address, values, access: access(width / 8) })
    return out
  }

  push(value: Node, width: Width): void {
    const rsp = sub(this.reg(RSP, 64), i64(width / 8))
    this.store(rsp, width, value)
    this.setReg(RSP, 64, rsp)
  }

  pop(width: Width): Node {
    const rsp = this.reg(RSP, 64)
    const value = this.load(rsp, width)
    this.setReg(RSP, 64, add(rsp, i64(width / 8)))
    return value
  }

  // ---- vectors --------------------------------------------------------------------------------------------------

  /**
   * A vector operand as v128, of 256 bits the half that is meant; a memory operand narrower than 16 bytes fills the low part, zero
   * above. MMX registers are the low eight bytes.
   */
  vec(index: number, half = this.half): Node {
    return this.#halved(half, () => this.#vec(this.#source(index)))
  }

  #halved<Result>(half: 0 | 1, act: () => Result): Result {
    const before = this.half
    this.half = half
    const result = act()
    this.half = before
    return result
  }

  #vec(source: number): Node {
    if (!this.#isMemory(source)) return this.get(this.ref(source), 128)
    const operand = this.#operand(source)
    let halves = this.#loaded.get(source)
    if (halves === undefined) {
      halves = this.#loadVector(operand)
      this.#loaded.set(source, halves)
    }
    return halves[isWhole(operand) ? this.half : 0]
  }

  #loadVector(operand: Operand): readonly [Node, Node] {
    const { size } = operand
    const single = (node: Node): readonly [Node, Node] => [node, node]
    if (size === 'b' || size === 'w') {
      const value = this.load(this.address(), size === 'b' ? 8 : 16)
      return single(lane('i32x4.replace_lane', 0, ZERO, value))
    }
    if (size === 'd') return single(this.loadAs('v128.load32_zero', this.address()))
    if (size === 'q') return single(this.loadAs('v128.load64_zero', this.address()))
    const aligned = this.#isAligned(size)
    if (this.length === 128 || !isWhole(operand)) return single(this.loadAs('v128.load', this.address(), aligned))
    const out = this.#temp('v128')
    const upper = this.#temp('v128')
    this.effects.push({
      kind: 'load',
      out,
      upper,
      op: 'v128.load',
      address: this.address(),
      access: access(32, aligned),
    })
    return [out, upper]
  }

  #isAligned(size: Operand['size']): boolean {
    return size === 'a' || (size === 'x' && !this.#form.vex)
  }

  /** Replaces a vector operand, of 256 bits the half that is meant; of an MMX register the low eight bytes count. */
  setVec(index: number, value: Node, half = this.half): void {
    this.#halved(half, () => this.#setVec(index, value))
  }

  #setVec(index: number, value: Node): void {
    const operand = this.#operand(index)
    const aligned = this.#isAligned(operand.size)
    if (!this.#isMemory(index)) {
      this.set(this.ref(index), 128, value)
    } else if (this.length === 128 || !isWhole(operand)) {
      this.storeAs('v128.store', this.address(), value, aligned)
    } else if (this.half === 0) {
      // Both halves go to memory under one check.
      this.#lowHalf = value
    } else {
      if (this.#lowHalf === undefined) unreachable('the low half is stored first')
      this.effects.push({
        kind: 'store',
        op: 'v128.store',
        address: this.address(),
        value: this.#lowHalf,
        upper: value,
        access: access(32, aligned),
      })
    }
  }

  /** Lane 0 of a vector operand, or a scalar from memory: f32 or f64. */
  scalar(index: number, type: 'f32' | 'f64'): Node {
    const source = this.#source(index)
    if (this.#isMemory(source)) return this.loadAs(`${type}.load`, this.address())
    return lane(type === 'f32' ? 'f32x4.extract_lane' : 'f64x2.extract_lane', 0, this.get(this.ref(source), 128))
  }

  /** Replaces lane 0 of a vector register; the rest is kept, or comes from the first source where the destination is separate. */
  setScalar(index: number, value: Node): void {
    const rest = this.get(this.ref(this.#source(index)), 128)
    const replace = value.type === 'f32' ? 'f32x4.replace_lane' : 'f64x2.replace_lane'
    this.set(this.ref(index), 128, lane(replace, 0, rest, value))
  }

  // ---- float operations -----------------------------------------------------------------------------------------

  /** A float operation by its wasm name: that, or in careful code its exact helper. */
  real(op: string, ...args: Node[]): Node {
    const plain = pure(op, ...args)
    return this.exact(op, plain.type, () => plain, ...args)
  }

  /** `plain`, which rounds to nearest and raises nothing, or in careful code the exact helper of this name. */
  exact(name: string, type: Type, plain: () => Node, ...args: Node[]): Node {
    return this.careful ? this.exactAlways(name, type, ...args) : plain()
  }

  /** An exact helper in any code: what wasm has no operation for. */
  exactAlways(name: string, type: Type, ...args: Node[]): Node {
    this.#raisesFloats = true
    return this.call(`exact.${name}`, type, ...args)
  }

  /** Whether this is the VEX form of the row. */
  get vex(): boolean {
    return this.#form.vex
  }

  get careful(): boolean {
    return this.#environment.careful
  }

  /** What the helpers have raised goes to MXCSR; an unmasked exception ends the instruction. For those that store afterwards. */
  commitFloats(): void {
    if (!this.#raisesFloats) return
    this.#raisesFloats = false
    const unmasked = this.call('exact.commit', 'i32')
    if (this.careful) this.raise(SIMD_FLOAT, unmasked)
  }

  /** As `setVec` of 64 or 128 bits for what float operations gave: memory is checked first, so that its fault leaves MXCSR alone. */
  setVecOfFloats(index: number, value: Node): void {
    if (!this.isMemory(index)) {
      this.setVec(index, value)
      return
    }
    const quad = this.#operand(index).size === 'q'
    const type = quad ? 'i64' : 'v128'
    const of = this.#temp(type)
    const place = access(quad ? 8 : 16)
    this.effects.push({ kind: 'modify', out: of, op: `${type}.load`, address: this.address(), access: place })
    this.commitFloats()
    const stored = quad ? lane('i64x2.extract_lane', 0, value) : value
    this.effects.push({ kind: 'update', of, op: `${type}.store`, value: stored, access: place })
  }

  // ---- flags ----------------------------------------------------------------------------------------------------

  /** The flags before this instruction. */
  get flagsBefore(): FlagState {
    return this.#environment.flags()
  }

  flags(state: FlagState): void {
    this.#sets.push({ kind: 'flags', state })
  }

  /** Condition code 0–15 on the flags before this instruction. */
  condition(code: number): Node {
    return condition(this.flagsBefore, code)
  }

  // ---- control --------------------------------------------------------------------------------------------------

  next(): Node {
    return this.#environment.next()
  }

  /** Address of this instruction. */
  here(): Node {
    return this.#environment.here()
  }

  target(): Node {
    return this.#environment.target()
  }

  jump(target: Node): void {
    this.effects.push({ kind: 'jump', target })
  }

  /** An indirect jump. */
  jumpTo(target: Node): void {
    this.checkTarget(target)
    this.jump(target)
  }

  /** A branch to an address that is not canonical is #GP where it is taken (SDM vol. 1, 3.3.7.1), with nothing done. */
  checkTarget(target: Node): void {
    if (this.width === 64) this.raise(GENERAL_PROTECTION, gtU(add(shrS(target, i64(47)), i64(1)), i64(1)))
  }

  /** To the relative target when the condition holds, else on. */
  branch(when: Node): void {
    this.effects.push({ kind: 'branch', condition: when, target: this.target() })
  }

  callTo(target: Node): void {
    this.push(this.next(), 64)
    this.effects.push({ kind: 'callTo', target, returnTo: this.next() })
  }

  ret(extra: 0 | Node): void {
    const rsp = this.reg(RSP, 64)
    const target = zext64(this.load(rsp, this.width))
    this.checkTarget(target)
    const popped = i64(this.width / 8)
    this.setReg(RSP, 64, add(rsp, typeof extra === 'number' ? popped : add(popped, extra)))
    this.effects.push({ kind: 'ret', target })
  }

  /** Exception `vector` (0 #DE, 6 #UD, 13 #GP…) when the condition is non-zero, or always. */
  raise(vectorNumber: number, condition?: Node, error?: Node): void {
    this.effects.push({ kind: 'raise', condition, vector: vectorNumber, error })
  }

  /** A helper that computes from its arguments alone (engine/helpers.ts). */
  call(helper: string, type: Type, ...args: Node[]): Node {
    const out = this.#temp(type)
    this.effects.push({ kind: 'call', out, helper, args, sync: false })
    return out
  }

  /** A helper that works on the task record and may leave the code with a status. */
  sync(helper: string, ...args: Node[]): void {
    this.effects.push({ kind: 'call', out: undefined, helper, args, sync: true })
  }

  #temp(type: Type): Temp {
    return { kind: 'temp', type, id: this.#temps++ }
  }
}

/** The vector register that some instructions imply. */
export const XMM0: Ref = { bank: 'vector', index: 0, high: false }
export const general = (index: number): Ref => ({ bank: 'gpr', index, high: false })
const ZERO = vector(new Array(16).fill(0))
const access = (size: number, aligned = false): Access => ({ size, aligned })
export const loadName = (width: Width): string =>
  width === 64 ? 'i64.load' : width === 32 ? 'i32.load' : width === 16 ? 'i32.load16_u' : 'i32.load8_u'
export const storeName = (width: Width): string =>
  width === 64 ? 'i64.store' : width === 32 ? 'i32.store' : width === 16 ? 'i32.store16' : 'i32.store8'

export { constant, cut, i32, i64, lane, pure, sext64, signExtend, vector, wrap, zext64 }
