// The x87 registers of a task while the exact helper works on one instruction: the stack, tags, the status word, and what the exceptions
// that it raised do to all of them (SDM vol. 1, 8.1, 8.4 and 8.5). `begin`, the instruction, `finish`.

import {
  X87,
  X87_CONTROL,
  X87_NEXT_STATUS,
  X87_NEXT_TAG,
  X87_RESULT,
  X87_STATUS,
  X87_STRIDE,
  X87_TAG,
} from '../record.js'
import {
  type Context,
  DENORMAL,
  EXTENDED,
  type Extended,
  type Format,
  fromExtended,
  INDEFINITE,
  INEXACT,
  INVALID,
  NEAREST,
  OVERFLOW,
  round,
  toExtended,
  UNDERFLOW,
  ZERO_DIVIDE,
} from './extended.js'

/** Status word (SDM vol. 1, figure 8-4). */
export const STACK_FAULT = 0x40
export const C0 = 0x100
export const C1 = 0x200
export const C2 = 0x400
export const C3 = 0x4000
const CONDITION_CODES = C0 | C1 | C2 | C3
const TOP = 0x3800
/** Exception summary and busy. */
const SUMMARY = 0x8080
/** A register's two bits of the tag word in the record: this, or 0. */
const EMPTY = 3
const EXCEPTIONS = 0x3f
/** Raised before anything is computed: when one is not masked nothing is done. */
const BEFORE = INVALID | ZERO_DIVIDE | DENORMAL

export class X87State {
  readonly view: DataView
  readonly context: Context = { mode: NEAREST, unmasked: 0, raised: 0, roundedUp: false }
  task = 0
  control = 0
  #status = 0
  #tags = 0
  /** A denormal that is loaded is pushed even when that is not masked. */
  loads = false
  /** What to go back to when an exception is not masked. */
  #statusBefore = 0
  #tagsBefore = 0
  readonly #registers: Uint8Array
  readonly #registersBefore = new Uint8Array(8 * X87_STRIDE)

  constructor(buffer: ArrayBufferLike) {
    this.view = new DataView(buffer)
    this.#registers = new Uint8Array(buffer)
  }

  /** @param keepsC1 the instruction has a meaning of its own for it, or leaves it alone */
  begin(task: number, keepsC1: boolean): void {
    this.task = task
    this.control = this.view.getInt32(task + X87_CONTROL, true)
    this.#status = this.view.getInt32(task + X87_STATUS, true) & 0xffff
    if (!keepsC1) this.#status &= ~C1
    this.#tags = this.view.getInt32(task + X87_TAG, true) & 0xffff
    this.#statusBefore = this.#status
    this.#tagsBefore = this.#tags
    this.#registersBefore.set(this.#registers.subarray(task + X87, task + X87 + 8 * X87_STRIDE))
    this.context.mode = (this.control >> 10) & 3
    this.context.unmasked = ~this.control & EXCEPTIONS
    this.context.raised = 0
    this.context.roundedUp = false
    this.loads = false
  }

  /** @returns whether a result may go to memory; a store's status and tags are then taken only after it */
  finish(stores: boolean): boolean {
    const { view, task } = this
    const { unmasked } = this.context
    let { raised } = this.context
    const before = raised & unmasked & (this.loads ? BEFORE & ~DENORMAL : BEFORE)
    if (before !== 0) raised &= BEFORE | STACK_FAULT
    const refused = before !== 0 || (stores && (raised & unmasked & (OVERFLOW | UNDERFLOW)) !== 0)
    if (refused) {
      this.#restore()
      if (stores && before === 0) raised &= ~INEXACT
    }
    let status = this.#status | raised
    if ((raised & (INEXACT | STACK_FAULT)) !== 0) status = this.context.roundedUp ? status | C1 : status & ~C1
    status = (status & unmasked) !== 0 ? status | SUMMARY : status & ~SUMMARY
    view.setInt32(task + (stores ? X87_NEXT_STATUS : X87_STATUS), status, true)
    view.setInt32(task + (stores ? X87_NEXT_TAG : X87_TAG), this.#tags, true)
    return !refused
  }

  #restore(): void {
    this.#status = (this.#status & ~TOP) | (this.#statusBefore & TOP)
    this.#tags = this.#tagsBefore
    this.#registers.set(this.#registersBefore, this.task + X87)
  }

  // ---- the stack ------------------------------------------------------------------------------------------------------

  #physical(index: number): number {
    return ((this.#status >> 11) + index) & 7
  }
  place(index: number): number {
    return this.task + X87 + this.#physical(index) * X87_STRIDE
  }
  isEmpty(index: number): boolean {
    return ((this.#tags >> (this.#physical(index) * 2)) & 3) === EMPTY
  }
  significand(index: number): bigint {
    return this.view.getBigUint64(this.place(index), true)
  }
  signAndExponent(index: number): number {
    return this.view.getUint16(this.place(index) + 8, true)
  }

  /** A stack fault; the value is its masked response. */
  fault(overflow: boolean): Extended {
    this.context.raised |= INVALID | STACK_FAULT
    this.context.roundedUp = overflow
    return INDEFINITE
  }
  /** st(index); an empty register is a stack underflow. */
  get(index: number): Extended {
    return this.isEmpty(index) ? this.fault(false) : fromExtended(this.significand(index), this.signAndExponent(index))
  }
  setImage(index: number, significand: bigint, signAndExponent: number): void {
    this.view.setBigUint64(this.place(index), significand, true)
    this.view.setUint16(this.place(index) + 8, signAndExponent, true)
    this.#tags &= ~(EMPTY << (this.#physical(index) * 2))
  }
  set(index: number, value: Extended): void {
    this.setImage(index, ...toExtended(value))
  }
  /** The result of a computation: the indefinite when one of its operands was missing, and then no other exception. */
  settled(value: Extended): Extended {
    if ((this.context.raised & STACK_FAULT) === 0) return value
    this.context.raised = INVALID | STACK_FAULT
    return INDEFINITE
  }
  copy(from: number, to: number): void {
    if (this.isEmpty(from)) this.set(to, this.fault(false))
    else this.setImage(to, this.significand(from), this.signAndExponent(from))
  }
  free(index: number): void {
    this.#tags |= EMPTY << (this.#physical(index) * 2)
  }
  turn(by: number): void {
    this.#status = (this.#status & ~TOP) | ((this.#status + (by << 11)) & TOP)
  }
  pop(): void {
    this.free(0)
    this.turn(1)
  }
  /** Makes room for a value; on overflow the indefinite goes there and false comes back. */
  room(): boolean {
    this.turn(-1)
    if (this.isEmpty(0)) return true
    this.context.raised = 0
    this.set(0, this.fault(true))
    return false
  }
  push(value: Extended): void {
    if (this.room()) this.set(0, value)
  }

  /** An exception that is not masked ends the instruction before it computes. */
  get stopped(): boolean {
    return (this.context.raised & this.context.unmasked & BEFORE) !== 0
  }

  // ---- results ----------------------------------------------------------------------------------------------------------

  codes(bits: number): void {
    this.#status = (this.#status & ~CONDITION_CODES) | bits
  }
  setCodes(bits: number): void {
    this.#status |= bits
  }
  /** Clears those and leaves the others. */
  clearCodes(bits: number): void {
    this.#status &= ~bits
  }

  /** Precision control, SDM table 8-2; the exponent's range stays that of the registers. */
  rounded(value: Extended): Extended {
    return round(value, PRECISIONS[(this.control >> 8) & 3] as Format, this.context)
  }
  widest(value: Extended): Extended {
    return round(value, EXTENDED, this.context)
  }

  /** A value for memory, up to ten bytes of it. */
  result(low: bigint, high = 0): void {
    this.view.setBigUint64(this.task + X87_RESULT, BigInt.asUintN(64, low), true)
    this.view.setInt32(this.task + X87_RESULT + 8, high, true)
  }
}

const PRECISIONS: readonly Format[] = [
  { ...EXTENDED, precision: 24 },
  EXTENDED,
  { ...EXTENDED, precision: 53 },
  EXTENDED,
]

/** The state of fninit, in a record that is all zero (Linux gives it to a new program). */
export function initialiseX87(view: DataView, task: number): void {
  view.setInt32(task + X87_CONTROL, 0x37f, true)
  view.setInt32(task + X87_STATUS, 0, true)
  view.setInt32(task + X87_TAG, 0xffff, true)
}
