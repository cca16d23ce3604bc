// Multiplication and division. Products of 64 bits are built from 32-bit halves; quotients of 128 bits come from a helper.
// mul and imul leave SF ZF PF AF alone, as AMD Zen does (undefined in the SDM); so does division with all flags.

import {
  and,
  constant,
  cut,
  eq,
  eqz,
  gtU,
  mul,
  mulHighS,
  mulHighU,
  ne,
  or,
  pure,
  select,
  sext64,
  shl,
  shrS,
  shrU,
  signed,
  wrap,
  zext64,
} from '../expr.js'
import { withCarryOverflow } from '../flags.js'
import { form, type Row } from '../form.js'
import { i32, i64, type Node, type Width } from '../ir.js'
import { RAX, RDX, type Sem, type Semantics } from '../semantics.js'

/** CF and OF: the product does not fit the operand size. */
const overflowFlags = (s: Sem, overflow: Node) => s.flags(withCarryOverflow(s.flagsBefore, overflow, overflow))

/** mul and imul with the accumulator: the product goes to rdx:rax, or to ax. */
const multiply =
  (isSigned: boolean): Semantics =>
  (s) => {
    const width = s.widthOf(0)
    const a = s.reg(RAX, width)
    const b = s.read(0)
    if (width === 64) {
      const low = mul(a, b)
      const high = isSigned ? mulHighS(a, b) : mulHighU(a, b)
      s.setReg(RAX, 64, low)
      s.setReg(RDX, 64, high)
      return overflowFlags(s, ne(high, isSigned ? shrS(low, i64(63)) : i64(0)))
    }
    if (width === 32) {
      const product = isSigned ? mul(sext64(a), sext64(b)) : mul(zext64(a), zext64(b))
      s.setReg(RAX, 32, wrap(product))
      s.setReg(RDX, 32, wrap(shrU(product, i64(32))))
      return overflowFlags(s, isSigned ? ne(sext64(wrap(product)), product) : ne(shrU(product, i64(32)), i64(0)))
    }
    const product = isSigned ? mul(signed(a, width), signed(b, width)) : mul(a, b)
    if (width === 8) {
      s.setReg(RAX, 16, product)
    } else {
      s.setReg(RAX, 16, product)
      s.setReg(RDX, 16, shrU(product, i32(16)))
    }
    overflowFlags(s, isSigned ? ne(signed(cut(product, width), width), product) : ne(shrU(product, i32(width)), i32(0)))
  }

/** imul with two or three operands: the product cut to the operand size. */
const multiplyTo =
  (left: number, right: number): Semantics =>
  (s) => {
    const { width } = s
    const a = s.read(left)
    const b = s.read(right)
    if (width === 64) {
      const low = mul(a, b)
      s.write(0, low)
      return overflowFlags(s, ne(mulHighS(a, b), shrS(low, i64(63))))
    }
    if (width === 32) {
      const low = mul(a, b)
      s.write(0, low)
      return overflowFlags(s, ne(mul(sext64(a), sext64(b)), sext64(low)))
    }
    const product = mul(signed(a, width), signed(b, width))
    s.write(0, product)
    overflowFlags(s, ne(signed(cut(product, width), width), product))
  }

/** Dividend of an operand size up to 32 bits, as i64. */
function dividendOf(s: Sem, width: 8 | 16 | 32, isSigned: boolean): Node {
  if (width === 8) {
    const ax = s.reg(RAX, 16)
    return isSigned ? sext64(signed(ax, 16)) : zext64(ax)
  }
  if (width === 16) {
    const both = or(s.reg(RAX, 16), shl(s.reg(RDX, 16), i32(16)))
    return isSigned ? sext64(both) : zext64(both)
  }
  return or(zext64(s.reg(RAX, 32)), shl(zext64(s.reg(RDX, 32)), i64(32)))
}

function setQuotient(s: Sem, width: Width, quotient: Node, remainder: Node): void {
  if (width === 8) {
    s.setReg(RAX, 16, or(cut(quotient, 8), shl(cut(remainder, 8), i32(8))))
  } else {
    s.setReg(RAX, width, quotient)
    s.setReg(RDX, width, remainder)
  }
}

/** #DE for a zero divisor or a quotient that does not fit. The operation itself never sees an operand that traps in wasm. */
const divide =
  (isSigned: boolean): Semantics =>
  (s) => {
    const width = s.widthOf(0)
    const operand = s.read(0)
    if (width === 64) return s.sync(isSigned ? 'idiv64' : 'div64', operand)
    const dividend = dividendOf(s, width, isSigned)
    const divisor = isSigned ? sext64(signed(operand, width)) : zext64(operand)
    const zero = eqz(divisor)
    // The smallest i64 by -1 overflows in wasm; by 1 the quotient does not fit either.
    const traps =
      isSigned && width === 32 ? or(zero, and(eq(dividend, i64(0, -0x80000000)), eq(divisor, i64(-1)))) : zero
    const harmless = select(traps, i64(1), divisor)
    const quotient = pure(isSigned ? 'i64.div_s' : 'i64.div_u', dividend, harmless)
    const remainder = pure(isSigned ? 'i64.rem_s' : 'i64.rem_u', dividend, harmless)
    const limit = constant(64, width === 8 ? 0xff : width === 16 ? 0xffff : -1, 0)
    const overflow = isSigned ? ne(sext64(signed(cut(quotient, width), width)), quotient) : gtU(quotient, limit)
    s.raise(0, or(zero, overflow))
    setQuotient(s, width, wrap(quotient), wrap(remainder))
  }

const product = { undefinedFlags: 'szap' }
const quotient = { undefinedFlags: 'oszapc' }

export const multiplication: readonly Row[] = [
  form('F6 /4', 'mul', 'Eb', multiply(false), product),
  form('F7 /4', 'mul', 'Ev', multiply(false), product),
  form('F6 /5', 'imul', 'Eb', multiply(true), product),
  form('F7 /5', 'imul', 'Ev', multiply(true), product),
  form('0F AF /r', 'imul', 'Gv Ev', multiplyTo(0, 1), product),
  form('69 /r', 'imul', 'Gv Ev Iz', multiplyTo(1, 2), product),
  form('6B /r', 'imul', 'Gv Ev Ibs', multiplyTo(1, 2), product),
  form('F6 /6', 'div', 'Eb', divide(false), quotient),
  form('F7 /6', 'div', 'Ev', divide(false), quotient),
  form('F6 /7', 'idiv', 'Eb', divide(true), quotient),
  form('F7 /7', 'idiv', 'Ev', divide(true), quotient),
]
