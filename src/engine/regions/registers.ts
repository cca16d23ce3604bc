// The guest's registers inside a region: wasm locals, brought from and to the task record where control enters and leaves. A way out
// that is seldom taken stores nothing itself: it names its row of the site table and goes to the one landing, which stores what
// the row says.

import { assert } from '../../lib/assert.js'
import type { Code } from '../../wasm/encoder.js'
import { auxOf, CANONICAL, resultOf } from '../../x86/flags.js'
import type { FlagState, Node, Ref, Type, Width } from '../../x86/ir.js'
import { RESULT } from '../helpers.js'
import { SITE_SIZE } from '../hub-layout.js'
import { flagInputs } from '../lower.js'
import { FLAG_AUX, FLAG_RESULT, GPR, RIP, recordOffset } from '../record.js'
import { FLAGS, type Registers, VECTOR_HALVES, vectorBit } from './analyse.js'

/** What the landing stores for one way out: rows of SITE_SIZE bytes {general mask, vector mask, rip}. */
export type Site = { readonly general: number; readonly vector: number; readonly address: number }
/** In a site's general mask: not a failure but a seldom taken way out; the hub goes on at rip. */
export const LANDS_TO_JUMP = 1 << 17

/** Where a half of a vector register is in the record, by its bit in a register set. */
const vectorOffset = (bit: number): number => recordOffset({ bank: 'vector', index: bit & 15, high: bit >= 16 })

export class RegisterFile {
  readonly sites: Site[] = []
  /** Registers that the current instruction has updated already (a call pushes, then transfers). */
  updated: Registers = { general: 0, vector: 0 }
  /** Flags as the next instruction finds them: their operands, while these are known. */
  flags: FlagState = CANONICAL
  readonly #code: Code
  readonly #task: number
  readonly #siteBase: number
  readonly #general: number[] = []
  /** Made when first wanted: wasm zeroes them at every entry. */
  readonly #vector: number[] = []
  readonly #site: number
  readonly #flagResult: number
  readonly #flagAux: number
  readonly #flagLocals = new Map<string, number>()
  #flagSet = 0
  /** Depth of the block whose end is the landing. */
  #landing = 0

  /** @param task local with the task record's address; @param siteBase where the rows of `sites` will be */
  constructor(code: Code, task: number, siteBase: number) {
    this.#code = code
    this.#task = task
    this.#siteBase = siteBase
    this.#site = code.local('i32')
    this.#flagResult = code.local('i64')
    this.#flagAux = code.local('i32')
    for (let n = 0; n < 16; n++) this.#general.push(code.local('i64'))
  }

  /** Opens the block that `land` leaves; the body follows. */
  openLanding(): void {
    this.#code.block()
    this.#landing = this.#code.depth
  }

  load({ general, vector }: Registers): void {
    const code = this.#code
    for (let n = 0; n < 16; n++) {
      if ((general >> n) & 1) {
        code.get(this.#task)
        code.memory('i64.load', GPR + n * 8)
        code.set(this.#general[n]!)
      }
    }
    for (let n = 0; n < VECTOR_HALVES; n++) {
      if ((vector >> n) & 1) {
        code.get(this.#task)
        code.memory('v128.load', vectorOffset(n))
        code.set(this.#vectorLocal(n))
      }
    }
  }

  #vectorLocal(bit: number): number {
    let local = this.#vector[bit]
    if (local === undefined) {
      local = this.#code.local('v128')
      this.#vector[bit] = local
    }
    return local
  }

  loadFlags(): void {
    const code = this.#code
    code.get(this.#task)
    code.memory('i64.load', FLAG_RESULT)
    code.set(this.#flagResult)
    code.get(this.#task)
    code.memory('i32.load', FLAG_AUX)
    code.set(this.#flagAux)
  }

  #storeGeneral(n: number): void {
    this.#code.get(this.#task)
    this.#code.get(this.#general[n]!)
    this.#code.memory('i64.store', GPR + n * 8)
  }

  #storeVector(n: number): void {
    this.#code.get(this.#task)
    this.#code.get(this.#vectorLocal(n))
    this.#code.memory('v128.store', vectorOffset(n))
  }

  #storeFlags(): void {
    this.#code.get(this.#task)
    this.#code.get(this.#flagResult)
    this.#code.memory('i64.store', FLAG_RESULT)
    this.#code.get(this.#task)
    this.#code.get(this.#flagAux)
    this.#code.memory('i32.store', FLAG_AUX)
  }

  writeBack({ general, vector }: Registers, flags: boolean): void {
    for (let n = 0; n < 16; n++) if ((general >> n) & 1) this.#storeGeneral(n)
    for (let n = 0; n < VECTOR_HALVES; n++) if ((vector >> n) & 1) this.#storeVector(n)
    if (flags) this.#storeFlags()
  }

  setRip(address: number): void {
    this.#code.get(this.#task)
    this.#code.i64Number(address)
    this.#code.memory('i64.store', RIP)
  }

  /** Goes to the landing, which stores these registers and this rip; EXIT_REASON is set, or the result is LANDS_TO_JUMP. */
  land(dirty: Registers, flags: boolean, address: number, result = 0): void {
    const general = (flags ? dirty.general : dirty.general & ~FLAGS) | result
    // An instruction's accesses follow each other.
    const last = this.sites.at(-1)
    if (last === undefined || last.address !== address || last.general !== general || last.vector !== dirty.vector) {
      this.sites.push({ general, vector: dirty.vector, address })
    }
    const site = this.sites.length - 1
    this.#code.i32(this.#siteBase + site * SITE_SIZE)
    this.#code.set(this.#site)
    this.#code.br(this.#code.depth - this.#landing)
  }

  /** Closes the block; the function ends here with its result. */
  closeLanding(): void {
    this.#code.end()
    const code = this.#code
    const general = this.sites.reduce((all, site) => all | site.general, 0)
    const vector = this.sites.reduce((all, site) => all | site.vector, 0)
    const conditional = (offset: number, bit: number, store: () => void) => {
      code.get(this.#site)
      code.memory('i32.load', offset)
      code.i32(1 << bit)
      code.op('i32.and')
      code.if()
      store()
      code.end()
    }
    for (let n = 0; n < 16; n++) if ((general >> n) & 1) conditional(0, n, () => this.#storeGeneral(n))
    if (general & FLAGS) conditional(0, 16, () => this.#storeFlags())
    for (let n = 0; n < VECTOR_HALVES; n++) if ((vector >> n) & 1) conditional(4, n, () => this.#storeVector(n))
    code.get(this.#task)
    code.get(this.#site)
    code.memory('i64.load', 8)
    code.memory('i64.store', RIP)
    code.i64(RESULT.jump)
    code.i64(RESULT.unwind)
    code.get(this.#site)
    code.memory('i32.load', 0)
    code.i32(LANDS_TO_JUMP)
    code.op('i32.and')
    code.select()
  }

  get(ref: Ref, width: Width | 128): void {
    const code = this.#code
    assert('index' in ref, 'a region knows its registers')
    if (ref.bank === 'vector') {
      code.get(this.#vectorLocal(vectorBit(ref)))
      return
    }
    if (ref.bank === 'mmx') {
      code.get(this.#task)
      code.memory('v128.load64_zero', recordOffset(ref))
      return
    }
    code.get(this.#general[ref.index]!)
    if (width === 64) return
    code.op('i32.wrap_i64')
    if (width === 32) return
    if (ref.high) {
      code.i32(8)
      code.op('i32.shr_u')
    }
    code.i32(width === 16 ? 0xffff : 0xff)
    code.op('i32.and')
  }

  set(ref: Ref, width: Width | 128, value: () => void): void {
    const code = this.#code
    assert('index' in ref, 'a region knows its registers')
    if (ref.bank === 'vector') {
      value()
      code.set(this.#vectorLocal(vectorBit(ref)))
      this.updated.vector |= 1 << vectorBit(ref)
      return
    }
    if (ref.bank === 'mmx') {
      // Sign and exponent become ones (SDM vol. 1, 9.5.1).
      code.get(this.#task)
      code.i32(0xffff)
      code.memory('i32.store16', recordOffset(ref) + 8)
      code.get(this.#task)
      value()
      code.lane('i64x2.extract_lane', 0)
      code.memory('i64.store', recordOffset(ref))
      return
    }
    const local = this.#general[ref.index]!
    this.updated.general |= 1 << ref.index
    if (width === 64 || width === 32) {
      value()
      if (width === 32) code.op('i64.extend_i32_u')
      code.set(local)
      return
    }
    const shift = ref.high ? 8 : 0
    code.get(local)
    code.i64(~((width === 16 ? 0xffff : 0xff) << shift), -1)
    code.op('i64.and')
    value()
    code.op('i64.extend_i32_u')
    if (shift > 0) {
      code.i64(shift, 0)
      code.op('i64.shl')
    }
    code.op('i64.or')
    code.set(local)
  }

  getFlag(which: 'result' | 'aux'): void {
    this.#code.get(which === 'result' ? this.#flagResult : this.#flagAux)
  }

  /** @param canonical the two words are wanted; @param emit puts a node's value on the stack */
  setFlags(state: FlagState, canonical: boolean, emit: (node: Node) => void): void {
    const code = this.#code
    // Operands stay in locals for conditions further down the block; what nobody reads, TurboFan drops. Two sets take turns, as the
    // new flags may be made of the old.
    this.#flagSet ^= 1
    let taken = 0
    const held = new Map<Node, Node>()
    const hold = (node: Node): Node => {
      if (node.kind === 'const') return node
      const known = held.get(node)
      if (known !== undefined) return known
      const index = this.#flagLocal(node.type, taken++)
      emit(node)
      code.set(index)
      const local: Node = { kind: 'local', type: node.type, index }
      held.set(node, local)
      return local
    }
    if (canonical) {
      // Both words are computed before either local changes: they may be made of the old ones.
      emit(resultOf(state))
      emit(auxOf(state))
      code.set(this.#flagAux)
      code.set(this.#flagResult)
    }
    if (state.kind === 'canonical' && canonical) this.flags = CANONICAL
    else {
      for (const node of flagInputs(state)) hold(node)
      const of = (node: Node) => held.get(node) ?? node
      this.flags = {
        ...state,
        a: of(state.a),
        b: of(state.b),
        result: of(state.result),
        aux: state.aux && of(state.aux),
      }
    }
  }

  #flagLocal(type: Type, position: number): number {
    const key = `${this.#flagSet}${type}${position}`
    let local = this.#flagLocals.get(key)
    if (local === undefined) {
      local = this.#code.local(type)
      this.#flagLocals.set(key, local)
    }
    return local
  }
}
