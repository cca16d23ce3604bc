// The x87 helper of forms/x87.ts: one instruction on the x87 area of a task record, registers as 80-bit images.
//   const x87 = makeX87(memory.buffer); x87(task, opcode << 8 | modrm, low, middle, high) // always 0
// Add, subtract, multiply, divide, square root, remainder, conversions and comparisons are exact, rounded once by the
// control word. The transcendental instructions go through doubles: 53 bits, not 64. Exceptions are always masked.
// It touches nothing but the x87 area: general registers, vectors, flags and memory are the caller's.

import {
  add,
  bitLength,
  type Context,
  compare,
  DENORMAL,
  DOUBLE,
  divide,
  EXTENDED,
  type Extended,
  type Format,
  finite,
  fromExtended,
  fromImage,
  fromInteger,
  INDEFINITE,
  INEXACT,
  INVALID,
  infinite,
  integerOf,
  isSignaling,
  multiply,
  NEAREST,
  negate,
  noteDenormal,
  propagate,
  round,
  roundToIntegral,
  SINGLE,
  squareRoot,
  TRUNCATE,
  toExtended,
  toImage,
  UP,
  ZERO_DIVIDE,
  zero,
} from './extended.js'
import {
  X87,
  X87_CONTROL,
  X87_FLAGS,
  X87_NEXT_STATUS,
  X87_NEXT_TAG,
  X87_RESULT,
  X87_STATUS,
  X87_TAG,
} from './record.js'

export type X87Helper = (task: number, operation: number, low: number, middle: number, high: number) => number

/** Status word (SDM vol. 1, figure 8-4). */
const STACK_FAULT = 0x40
const C0 = 0x100
const C1 = 0x200
const C2 = 0x400
const C3 = 0x4000
const CONDITION_CODES = C0 | C1 | C2 | C3
const EMPTY = 3
const ONE = finite(false, 1n, 0)
/** Constants of D9 E8–EE: sign and exponent, the significand cut to 64 bits, whether the next bit is set. */
const CONSTANTS: readonly (readonly [number, bigint, boolean])[] = [
  [0x3fff, 0x8000000000000000n, false],
  [0x4000, 0xd49a784bcd1b8afen, false],
  [0x3fff, 0xb8aa3b295c17f0bbn, true],
  [0x4000, 0xc90fdaa22168c234n, true],
  [0x3ffd, 0x9a209a84fbcff798n, true],
  [0x3ffe, 0xb17217f7d1cf79abn, true],
  [0, 0n, false],
]

export function makeX87(buffer: ArrayBufferLike): X87Helper {
  const view = new DataView(buffer)
  const context: Context = { mode: NEAREST, raised: 0, roundedUp: false }
  let task = 0
  let status = 0
  let tags = 0
  let control = 0

  // ---- the stack ------------------------------------------------------------------------------------------------------

  const physical = (index: number) => ((status >> 11) + index) & 7
  const tagOf = (register: number) => (tags >> (register * 2)) & 3
  const setTag = (register: number, tag: number) => {
    tags = (tags & ~(3 << (register * 2))) | (tag << (register * 2))
  }
  const place = (index: number) => task + X87 + physical(index) * 16

  const fault = (overflow: boolean): Extended => {
    context.raised |= INVALID | STACK_FAULT
    context.roundedUp = overflow
    return INDEFINITE
  }
  const isEmpty = (index: number) => tagOf(physical(index)) === EMPTY
  /** st(index); an empty register is a stack underflow. */
  const get = (index: number): Extended =>
    isEmpty(index)
      ? fault(false)
      : fromExtended(view.getBigUint64(place(index), true), view.getUint16(place(index) + 8, true))
  const setImage = (index: number, significand: bigint, signAndExponent: number) => {
    view.setBigUint64(place(index), significand, true)
    view.setUint16(place(index) + 8, signAndExponent, true)
    const exponent = signAndExponent & 0x7fff
    const zeroValue = exponent === 0 && significand === 0n
    setTag(physical(index), zeroValue ? 1 : exponent === 0 || exponent === 0x7fff || significand >> 63n === 0n ? 2 : 0)
  }
  const set = (index: number, value: Extended) => setImage(index, ...toExtended(value))
  const copy = (from: number, to: number) => {
    if (isEmpty(from)) set(to, fault(false))
    else setImage(to, view.getBigUint64(place(from), true), view.getUint16(place(from) + 8, true))
  }
  const turn = (by: number) => {
    status = (status & ~0x3800) | ((status + (by << 11)) & 0x3800)
  }
  const pop = () => {
    setTag(physical(0), EMPTY)
    turn(1)
  }
  /** Makes room for a value; on overflow the indefinite goes there and false comes back. */
  const room = (): boolean => {
    turn(-1)
    if (isEmpty(0)) return true
    context.raised = 0
    set(0, fault(true))
    return false
  }
  /** The result of a computation: the indefinite when one of its operands was missing, and then no other exception. */
  const settled = (value: Extended): Extended => {
    if ((context.raised & STACK_FAULT) === 0) return value
    context.raised = INVALID | STACK_FAULT
    return INDEFINITE
  }
  const push = (value: Extended) => {
    if (room()) set(0, value)
  }

  const codes = (bits: number) => {
    status = (status & ~CONDITION_CODES) | bits
  }
  /** Precision control, SDM table 8-2; the exponent's range stays that of the registers. */
  const precision = (): Format => {
    const wanted = (control >> 8) & 3
    return wanted === 0 ? { ...EXTENDED, precision: 24 } : wanted === 2 ? { ...EXTENDED, precision: 53 } : EXTENDED
  }
  const rounded = (value: Extended): Extended => round(value, precision(), context)
  const widest = (value: Extended): Extended => round(value, EXTENDED, context)

  // ---- instructions ---------------------------------------------------------------------------------------------------

  /** Digits 0–7 of D8 and its kin on st(0) and another operand; undefined for comparisons. */
  const arithmetic = (digit: number, a: Extended, b: Extended): Extended => {
    switch (digit) {
      case 0:
        return rounded(add(a, b, context))
      case 1:
        return rounded(multiply(a, b, context))
      case 4:
        return rounded(difference(a, b))
      case 5:
        return rounded(difference(b, a))
      case 6:
        return rounded(divide(a, b, context))
      default:
        return rounded(divide(b, a, context))
    }
  }
  const difference = (a: Extended, b: Extended): Extended =>
    a.kind === 'nan' || b.kind === 'nan' ? propagate(a, b, context) : add(a, negate(b), context)

  /** C3 C2 C0 of a comparison: ordered ones refuse quiet NaNs too. */
  const relation = (a: Extended, b: Extended, ordered: boolean): number => {
    if (a.kind === 'nan' || b.kind === 'nan') {
      if (ordered || isSignaling(a) || isSignaling(b)) context.raised |= INVALID
      return C3 | C2 | C0
    }
    noteDenormal(a, b, context)
    const order = compare(a, b)
    return order > 0 ? 0 : order < 0 ? C0 : C3
  }
  const compareWith = (b: Extended, ordered: boolean, pops: number) => {
    const a = get(0)
    if (a.kind === 'nan') context.raised &= ~DENORMAL
    codes(relation(a, b, ordered))
    for (let n = 0; n < pops; n++) pop()
  }
  /** To RFLAGS bits ZF 6, PF 2, CF 0. */
  const compareToFlags = (index: number, ordered: boolean, pops: boolean) => {
    const empty = isEmpty(0) || isEmpty(index)
    const bits = empty ? relation(fault(false), INDEFINITE, false) : relation(get(0), get(index), ordered)
    view.setInt32(task + X87_FLAGS, (bits & C3 ? 0x40 : 0) | (bits & C2 ? 4 : 0) | (bits & C0 ? 1 : 0), true)
    if (pops) pop()
  }

  const withOperand = (digit: number, operand: Extended) => {
    if (digit === 2 || digit === 3) compareWith(operand, true, digit - 2)
    else {
      const a = get(0)
      // A NaN, or a division by zero, comes before a denormal memory operand.
      if (a.kind === 'nan' || (digit === 7 && a.kind === 'zero')) context.raised &= ~DENORMAL
      set(0, settled(arithmetic(digit, a, operand)))
    }
  }

  const examine = () => {
    const negative = view.getUint16(place(0) + 8, true) >= 0x8000 ? C1 : 0
    codes(negative | classOf())
  }
  const classOf = (): number => {
    if (isEmpty(0)) return C3 | C0
    const significand = view.getBigUint64(place(0), true)
    const exponent = view.getUint16(place(0) + 8, true) & 0x7fff
    if (exponent === 0) return significand === 0n ? C3 : C3 | C2
    if (significand >> 63n === 0n) return 0
    if (exponent !== 0x7fff) return C2
    return significand === 1n << 63n ? C2 | C0 : C0
  }

  /** fprem (truncating) and fprem1 (to nearest): at most 63 bits of quotient at a time, C2 while more remain. */
  const remainder = (nearest: boolean) => {
    const a = get(0)
    const b = get(1)
    // An invalid one leaves C0 and C3.
    status &= ~(C1 | C2)
    if (a.kind === 'nan' || b.kind === 'nan') return set(0, settled(propagate(a, b, context)))
    if (a.kind !== 'infinite' && b.kind !== 'zero') noteDenormal(a, b, context)
    if (a.kind === 'infinite' || b.kind === 'zero') {
      context.raised |= INVALID
      return set(0, INDEFINITE)
    }
    if (a.kind === 'zero' || b.kind === 'infinite') return codes(0)
    const distance = a.exponent + bitLength(a.significand) - (b.exponent + bitLength(b.significand))
    const partial = distance >= 64
    // A partial remainder is that by a multiple of the divisor (SDM vol. 2A, FPREM); CPUs reduce by 32 to 63 bits.
    const scale = partial ? distance - ((distance & 31) | 32) : 0
    const exponent = Math.min(a.exponent, b.exponent + scale)
    const dividend = a.significand << BigInt(a.exponent - exponent)
    const divisor = b.significand << BigInt(b.exponent + scale - exponent)
    let quotient = dividend / divisor
    let rest = dividend - quotient * divisor
    let negative = a.negative
    if (nearest && !partial && (rest * 2n > divisor || (rest * 2n === divisor && (quotient & 1n) === 1n))) {
      quotient += 1n
      rest = divisor - rest
      negative = !negative
    }
    set(0, rest === 0n ? zero(a.negative) : widest(finite(negative, rest, exponent)))
    const low = Number(quotient & 7n)
    codes(partial ? C2 : (low & 4 ? C0 : 0) | (low & 2 ? C3 : 0) | (low & 1 ? C1 : 0))
  }

  const scale = () => {
    const a = get(0)
    const b = get(1)
    if (a.kind === 'nan' || b.kind === 'nan') return set(0, settled(propagate(a, b, context)))
    noteDenormal(a, b, context)
    if (b.kind === 'infinite') {
      if (b.negative ? a.kind === 'infinite' : a.kind === 'zero') context.raised |= INVALID
      if (b.negative) return set(0, a.kind === 'infinite' ? INDEFINITE : zero(a.negative))
      return set(0, a.kind === 'zero' ? INDEFINITE : infinite(a.negative))
    }
    if (a.kind !== 'finite') return
    const power = integerOf(roundToIntegral(b, { mode: TRUNCATE, raised: 0, roundedUp: false }))
    const limited = power > 70000n ? 70000 : power < -70000n ? -70000 : Number(power)
    set(0, widest(finite(a.negative, a.significand, a.exponent + limited)))
  }

  const extract = () => {
    // Without room for the second result neither is given.
    if (!isEmpty(-1)) {
      const missing = isEmpty(0)
      set(0, INDEFINITE)
      room()
      context.roundedUp = !missing
      return
    }
    const a = get(0)
    if (a.kind === 'nan') {
      set(0, propagate(a, a, context))
      return push(propagate(a, a, context))
    }
    if (a.kind === 'zero') context.raised |= ZERO_DIVIDE
    if (a.kind !== 'finite') {
      set(0, infinite(a.kind === 'zero'))
      return push(a)
    }
    noteDenormal(a, a, context)
    const length = bitLength(a.significand)
    set(0, widest(fromInteger(BigInt(a.exponent + length - 1))))
    push(finite(a.negative, a.significand, 1 - length))
  }

  /** Through doubles: transcendental functions only. */
  const words = new DataView(new ArrayBuffer(8))
  const toNumber = (x: Extended): number => {
    words.setBigUint64(0, toImage(x, DOUBLE, { mode: NEAREST, raised: 0, roundedUp: false }))
    return words.getFloat64(0)
  }
  const fromNumber = (value: number): Extended => {
    words.setFloat64(0, value)
    context.raised |= INEXACT
    return fromImage(words.getBigUint64(0), DOUBLE, { mode: NEAREST, raised: 0, roundedUp: false })
  }
  const approximately = (a: Extended, b: Extended, compute: (x: number, y: number) => number): Extended => {
    if (a.kind === 'nan' || b.kind === 'nan') return propagate(a, b, context)
    const value = compute(toNumber(a), toNumber(b))
    if (!Number.isNaN(value)) return fromNumber(value)
    context.raised |= INVALID
    return INDEFINITE
  }
  const unary = (compute: (value: number) => number) => set(0, approximately(get(0), ONE, compute))
  /** st(1) ← f(st(0), st(1)), pop. */
  const binary = (compute: (x: number, y: number) => number) => {
    const value = settled(approximately(get(0), get(1), compute))
    pop()
    set(0, value)
  }
  const trigonometric = (compute: (value: number) => number, second?: (value: number) => number) => {
    const angle = get(0)
    codes(0)
    // Out of range: the operand stays, C2 says so (SDM vol. 2A, FSIN).
    if (angle.kind === 'finite' && angle.exponent + bitLength(angle.significand) > 63) return codes(C2)
    set(0, approximately(angle, ONE, compute))
    if (second !== undefined) push(approximately(angle, ONE, second))
  }

  /** D9 E0 … FF by the low five bits. */
  const NULLARY: Readonly<Record<number, () => void>> = {
    0: () =>
      isEmpty(0)
        ? set(0, fault(false))
        : view.setUint16(place(0) + 8, view.getUint16(place(0) + 8, true) ^ 0x8000, true),
    1: () =>
      isEmpty(0)
        ? set(0, fault(false))
        : view.setUint16(place(0) + 8, view.getUint16(place(0) + 8, true) & 0x7fff, true),
    4: () => compareWith(zero(), true, 0),
    5: examine,
    16: () => unary((x) => Math.expm1(x * Math.LN2)),
    17: () => binary((x, y) => y * Math.log2(x)),
    18: () => trigonometric(Math.tan, () => 1),
    19: () => binary((x, y) => Math.atan2(y, x)),
    20: extract,
    21: () => remainder(true),
    24: () => remainder(false),
    25: () => binary((x, y) => y * (Math.log1p(x) / Math.LN2)),
    26: () => set(0, rounded(squareRoot(get(0), context))),
    27: () => trigonometric(Math.sin, Math.cos),
    28: () => {
      const value = get(0)
      noteDenormal(value, value, context)
      set(0, value.kind === 'nan' ? propagate(value, value, context) : roundToIntegral(value, context))
    },
    29: scale,
    30: () => trigonometric(Math.sin),
    31: () => trigonometric(Math.cos),
  }
  for (let n = 0; n < CONSTANTS.length; n++) {
    const [signAndExponent, significand, next] = CONSTANTS[n] as readonly [number, bigint, boolean]
    const exact = n === 0 || n === 6
    ;(NULLARY as Record<number, () => void>)[8 + n] = () => {
      const up = !exact && (context.mode === UP || (context.mode === NEAREST && next))
      if (room()) setImage(0, up ? significand + 1n : significand, signAndExponent)
    }
  }

  // ---- memory operands ------------------------------------------------------------------------------------------------

  const unsigned = (low: number, high: number): bigint => (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0)

  /** What a load's bytes mean, by opcode and digit. */
  const operand = (opcode: number, low: number, middle: number): Extended => {
    switch (opcode) {
      case 0xd8:
      case 0xd9:
        return fromImage(BigInt(low >>> 0), SINGLE, context)
      case 0xdc:
      case 0xdd:
        return fromImage(unsigned(low, middle), DOUBLE, context)
      case 0xda:
      case 0xdb:
        return fromInteger(BigInt(low))
      default:
        return fromInteger(BigInt((low << 16) >> 16))
    }
  }

  /** Eighteen packed decimal digits and a sign byte (SDM vol. 1, 4.7). */
  const fromDecimal = (image: bigint, top: number): Extended => {
    let value = 0n
    for (let n = 17; n >= 0; n--) {
      const digits = n >= 16 ? BigInt(top & 0xff) >> BigInt((n - 16) * 4) : image >> BigInt(n * 4)
      value = value * 10n + (digits & 15n)
    }
    return finite(top >= 0x8000, value, 0)
  }
  const toDecimal = (value: Extended): readonly [bigint, number] => {
    const whole =
      value.kind === 'nan' || value.kind === 'infinite' ? undefined : integerOf(roundToIntegral(value, context))
    const size = whole === undefined ? undefined : whole < 0n ? -whole : whole
    if (size === undefined || size >= 10n ** 18n) {
      context.raised = INVALID | (context.raised & STACK_FAULT)
      return [0xc000000000000000n, 0xffff]
    }
    const decimal = BigInt(`0x${size}`)
    return [decimal & 0xffffffffffffffffn, Number(decimal >> 64n) | (value.negative ? 0x8000 : 0)]
  }

  const toWhole = (value: Extended, bits: number, mode: number): bigint => {
    const limit = 1n << BigInt(bits - 1)
    const before = { ...context, mode }
    const whole = value.kind === 'nan' || value.kind === 'infinite' ? limit : integerOf(roundToIntegral(value, before))
    if (whole >= limit || whole < -limit) {
      context.raised |= INVALID
      return limit
    }
    context.raised = before.raised
    context.roundedUp = before.roundedUp
    return whole
  }

  const result = (low: bigint, high = 0) => {
    view.setBigUint64(task + X87_RESULT, BigInt.asUintN(64, low), true)
    view.setInt32(task + X87_RESULT + 8, high, true)
  }

  /** Prepares a store; true when the operation is one. */
  const storeMemory = (opcode: number, digit: number): boolean => {
    const integer = opcode === 0xdb || opcode === 0xdf || digit === 1
    if (opcode === 0xdb && digit === 7) {
      if (isEmpty(0)) result(...toExtended(fault(false)))
      else result(view.getBigUint64(place(0), true), view.getUint16(place(0) + 8, true))
    } else if (opcode === 0xdf && digit === 6) result(...toDecimal(get(0)))
    else if (opcode === 0xdf && digit === 7) result(toWhole(get(0), 64, context.mode))
    else if (digit < 1 || digit > 3 || opcode === 0xd8 || opcode === 0xda || opcode === 0xdc || opcode === 0xde)
      return false
    else if (integer) {
      const bits = opcode === 0xdf ? 16 : opcode === 0xdb ? 32 : 64
      result(toWhole(get(0), bits, digit === 1 ? TRUNCATE : context.mode))
    } else result(toImage(get(0), opcode === 0xd9 ? SINGLE : DOUBLE, context))
    if (digit !== 2) pop()
    return true
  }

  const loadMemory = (opcode: number, digit: number, low: number, middle: number, high: number) => {
    if (opcode === 0xdb && digit === 5) {
      if (room()) setImage(0, unsigned(low, middle), high & 0xffff)
    } else if (opcode === 0xdf && digit === 4) push(fromDecimal(unsigned(low, middle), high))
    else if (opcode === 0xdf && digit === 5) push(fromInteger(BigInt.asIntN(64, unsigned(low, middle))))
    else if (opcode === 0xd9 || opcode === 0xdb || opcode === 0xdd || opcode === 0xdf) {
      const value = operand(opcode, low, middle)
      push(value.kind === 'nan' ? propagate(value, value, context) : value)
    } else withOperand(digit, operand(opcode, low, middle))
  }

  // ---- register operands ----------------------------------------------------------------------------------------------

  const exchange = (index: number) => {
    const missing = [0, index].filter(isEmpty)
    for (const register of missing) set(register, fault(false))
    const significand = view.getBigUint64(place(0), true)
    const signAndExponent = view.getUint16(place(0) + 8, true)
    copy(index, 0)
    setImage(index, significand, signAndExponent)
  }
  /** fstpnce: when st(0) is empty, st(i) stays as it is and there is no fault. */
  const moveWithoutCheck = (index: number) => {
    if (!isEmpty(0)) copy(0, index)
    pop()
  }
  /** fld st(i) counts before the push. */
  const duplicate = (index: number) => {
    const missing = isEmpty(index)
    const significand = view.getBigUint64(place(index), true)
    const signAndExponent = view.getUint16(place(index) + 8, true)
    const hasRoom = room()
    // Both faults at once count as the underflow.
    if (missing) set(0, fault(false))
    else if (hasRoom) setImage(0, significand, signAndExponent)
  }
  /** Arithmetic whose destination is st(i): digits keep their meaning for (st(0), st(i)). */
  const toRegister = (digit: number, index: number) => set(index, settled(arithmetic(digit, get(0), get(index))))

  const registerForm = (opcode: number, digit: number, rm: number, low: number) => {
    switch (opcode) {
      case 0xd8:
        return withOperand(digit, get(rm))
      case 0xd9:
        if (digit === 0) return duplicate(rm)
        if (digit === 1) return exchange(rm)
        if (digit === 3) return moveWithoutCheck(rm)
        return NULLARY[(digit - 4) * 8 + rm]?.()
      case 0xda:
      case 0xdb:
        if (digit < 4) return isEmpty(0) || isEmpty(rm) ? set(0, fault(false)) : low !== 0 ? copy(rm, 0) : undefined
        if (opcode === 0xda) return compareWith(get(1), false, 2)
        return compareToFlags(rm, digit === 6, false)
      case 0xdc:
        return toRegister(digit, rm)
      case 0xdd:
        if (digit === 0) return setTag(physical(rm), EMPTY)
        if (digit === 2) return copy(0, rm)
        if (digit === 4 || digit === 5) return compareWith(get(rm), false, digit - 4)
        copy(0, rm)
        return pop()
      case 0xde:
        if (digit === 3) return compareWith(get(1), true, 2)
        toRegister(digit, rm)
        return pop()
      default:
        return compareToFlags(rm, digit === 6, true)
    }
  }

  /** Exceptions join the sticky flags; C1 tells the direction of a rounding or of a stack fault; ES and B follow (SDM 8.1.3). */
  const settle = () => {
    status |= context.raised
    if (context.raised & (INEXACT | STACK_FAULT)) status = context.roundedUp ? status | C1 : status & ~C1
    status = status & ~control & 0x3f ? status | 0x8080 : status & ~0x8080
  }
  /** fxam and fprem give C1 a meaning of their own; fcomi, fcmov and their kin leave it. */
  const keepsC1 = (opcode: number, modrm: number) =>
    (opcode === 0xd9 && (modrm === 0xe5 || modrm === 0xf5 || modrm === 0xf8)) ||
    ((opcode === 0xdb || opcode === 0xdf) && modrm >= 0xe8) ||
    ((opcode === 0xda || opcode === 0xdb) && modrm >= 0xc0 && modrm < 0xe0)

  return (record, operation, low, middle, high) => {
    const opcode = operation >> 8
    const modrm = operation & 0xff
    const digit = (modrm >> 3) & 7
    const memory = modrm < 0xc0
    task = record
    control = view.getInt32(task + X87_CONTROL, true)
    status = view.getInt32(task + X87_STATUS, true) & 0xffff
    tags = view.getInt32(task + X87_TAG, true) & 0xffff
    context.mode = (control >> 10) & 3
    context.raised = 0
    context.roundedUp = false
    if (memory && opcode === 0xdd && digit === 6) {
      // fnsave asks for the image of st(low), frstor sets a physical register.
      result(view.getBigUint64(place(low), true), view.getUint16(place(low) + 8, true))
      return 0
    }
    if (memory && opcode === 0xdd && digit === 4) {
      const at = task + X87 + (high >> 16) * 16
      view.setBigUint64(at, unsigned(low, middle), true)
      view.setUint16(at + 8, high & 0xffff, true)
      return 0
    }
    if (!keepsC1(opcode, modrm)) status &= ~C1
    if (memory && storeMemory(opcode, digit)) {
      settle()
      view.setInt32(task + X87_NEXT_STATUS, status, true)
      view.setInt32(task + X87_NEXT_TAG, tags, true)
      return 0
    }
    if (memory) loadMemory(opcode, digit, low, middle, high)
    else registerForm(opcode, digit, modrm & 7, low)
    settle()
    view.setInt32(task + X87_STATUS, status, true)
    view.setInt32(task + X87_TAG, tags, true)
    return 0
  }
}

/** The state of fninit, in a record that is all zero (Linux gives it to a new program). */
export function initialiseX87(view: DataView, task: number): void {
  view.setInt32(task + X87_CONTROL, 0x37f, true)
  view.setInt32(task + X87_STATUS, 0, true)
  view.setInt32(task + X87_TAG, 0xffff, true)
}
