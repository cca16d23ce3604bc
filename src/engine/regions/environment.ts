// Operands of a decoded instruction as known registers and constants: what semantics see when a region is compiled.

import { assert } from '../../lib/assert.js'
import { branchTarget, type Decoded, NO_REGISTER, RIP_BASE, SEGMENT_FS, SEGMENT_NONE } from '../../x86/decoder.js'
import { add, and, shl } from '../../x86/expr.js'
import { type Bank, type FlagState, i32, i64, i64Number, type Node, type Ref, type Width } from '../../x86/ir.js'
import { type Environment, general, type Place, RSP } from '../../x86/semantics.js'
import { WORD } from '../../x86/words.js'
import { recordOffset } from '../record.js'

export class KnownEnvironment implements Environment {
  readonly #decoded: Decoded
  readonly #flags: FlagState
  readonly careful: boolean
  constructor(decoded: Decoded, flags: FlagState, careful: boolean) {
    this.#decoded = decoded
    this.#flags = flags
    this.careful = careful
  }

  get memory(): boolean {
    return this.#decoded.memory
  }
  get lock(): boolean {
    return this.#decoded.lock
  }
  get repeat(): Decoded['repeat'] {
    return this.#decoded.form.options.repeat === undefined ? 'none' : this.#decoded.repeat
  }
  get baseIsStack(): boolean {
    return this.#decoded.base === RSP
  }

  register(place: Place, bank: Bank, width: Width | 128): Ref {
    const { rex } = this.#decoded
    const index = this.#number(place)
    if (bank !== 'gpr') return { bank, index: bank === 'mmx' ? index & 7 : index, high: false }
    // Without a REX prefix byte registers 4–7 are ah ch dh bh (SDM table 3-2).
    return width === 8 && !rex && index >= 4 && index < 8
      ? { bank, index: index - 4, high: true }
      : { bank, index, high: false }
  }

  #number(place: Place): number {
    const { reg, rm, opcodeRegister, vvvv, index, immediateLow } = this.#decoded
    switch (place) {
      case 'reg':
        return reg
      case 'rm':
        return rm
      case 'opcode':
        return opcodeRegister
      case 'vvvv':
        return vvvv
      case 'index':
        return index
      case 'is4':
        return (immediateLow >> 4) & 15
    }
  }

  place(ref: Ref): Node {
    assert('index' in ref, 'a region knows its registers')
    return i32(recordOffset(ref))
  }
  scale(): Node {
    return i32(this.#decoded.scale)
  }

  immediate(type: 'i32' | 'i64'): Node {
    return type === 'i32'
      ? i32(this.#decoded.immediateLow)
      : i64(this.#decoded.immediateLow, this.#decoded.immediateHigh)
  }

  address(): Node {
    return this.#decoded.segment === SEGMENT_NONE ? this.offset() : add(this.segmentBase(), this.offset())
  }

  addressMask(): Node {
    return this.#decoded.address32 ? i64(-1, 0) : i64(-1)
  }

  segmentBase(): Node {
    const { segment } = this.#decoded
    return segment === SEGMENT_NONE
      ? i64(0)
      : { kind: 'word', type: 'i64', offset: segment === SEGMENT_FS ? WORD.fsBase : WORD.gsBase }
  }

  offset(): Node {
    const { base, index, scale, displacement, address32, next } = this.#decoded
    const read = (register: number): Node => ({ kind: 'get', type: 'i64', ref: general(register), width: 64 })
    const fixed = i64Number(base === RIP_BASE ? displacement + next : displacement)
    let sum: Node | undefined
    if (base !== NO_REGISTER && base !== RIP_BASE) sum = read(base)
    if (index !== NO_REGISTER && !this.#decoded.form.options.vsib) {
      const scaled = scale === 0 ? read(index) : shl(read(index), i64(scale))
      sum = sum === undefined ? scaled : add(sum, scaled)
    }
    sum = sum === undefined ? fixed : add(sum, fixed)
    return address32 ? and(sum, this.addressMask()) : sum
  }

  next(): Node {
    return i64Number(this.#decoded.next)
  }
  here(): Node {
    return i64Number(this.#decoded.next - this.#decoded.length)
  }
  target(): Node {
    return i64Number(branchTarget(this.#decoded))
  }
  flags(): FlagState {
    return this.#flags
  }
}
