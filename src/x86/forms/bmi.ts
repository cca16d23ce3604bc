// Bit manipulation on general registers with three operands (BMI1, BMI2), all encoded with VEX, and the two additions that keep
// one flag each (ADX). pdep and pext are helpers of the hub; the rest is a few operations.

import {
  add,
  and,
  cut,
  eqz,
  like,
  ltU,
  mul,
  mulHighU,
  ne,
  not,
  rotr,
  select,
  shl,
  shrS,
  shrU,
  sub,
  wrap,
  xor,
  zext64,
} from '../expr.js'
import { addFlags, auxOf, carryOf, logicFlags, withCarry, withCarryOverflow } from '../flags.js'
import { form, type Row } from '../form.js'
import type { FlagState, Node } from '../ir.js'
import { RDX, type Sem, type Semantics } from '../semantics.js'

const BMI1 = { feature: 'bmi1', undefinedFlags: 'pa' }
const BMI2 = { feature: 'bmi2' }

const andn: Semantics = (s) => {
  const result = and(not(s.read(1)), s.read(2))
  s.write(0, result)
  s.flags(logicFlags(s.width, result))
}

/** The lowest set bit: isolated, reset, or the mask up to it. CF tells whether there was none, or for blsi one. */
const lowest =
  (compute: (a: Node, less: Node) => Node, carry: (a: Node) => Node): Semantics =>
  (s) => {
    const a = s.read(1)
    const result = compute(a, sub(a, like(a, 1)))
    s.write(0, result)
    s.flags(withCarry(logicFlags(s.width, result), carry(a)))
  }

/** `count` low bits set, for a count up to the width. */
const mask = (s: Sem, count: Node): Node => {
  const all = like(count, -1)
  const whole = eqz(ltU(count, like(count, s.width)))
  return select(whole, all, not(shl(all, count)))
}

/** Start and length are bytes of the third operand. */
const bextr: Semantics = (s) => {
  const a = s.read(1)
  const control = s.read(2)
  const start = and(control, like(control, 0xff))
  const length = and(shrU(control, like(control, 8)), like(control, 0xff))
  const shifted = select(ltU(start, like(start, s.width)), shrU(a, start), like(a, 0))
  const result = and(shifted, mask(s, length))
  s.write(0, result)
  s.flags(logicFlags(s.width, result))
}

const bzhi: Semantics = (s) => {
  const a = s.read(1)
  const index = and(s.read(2), like(a, 0xff))
  const result = and(a, mask(s, index))
  s.write(0, result)
  s.flags(withCarry(logicFlags(s.width, result), eqz(ltU(index, like(index, s.width)))))
}

const scatter =
  (helper: 'pdep' | 'pext'): Semantics =>
  (s) =>
    s.write(0, cut(s.call(helper, 'i64', zext64(s.read(1)), zext64(s.read(2))), s.width))

/** The low half first: when both destinations are one register, it holds the high half. */
const mulx: Semantics = (s) => {
  const a = s.reg(RDX)
  const b = s.read(2)
  if (s.width === 64) {
    s.write(1, mul(a, b))
    s.write(0, mulHighU(a, b))
    return
  }
  const product = mul(zext64(a), zext64(b))
  s.write(1, wrap(product))
  s.write(0, wrap(shrU(product, like(product, 32))))
}

/** Shifts and rotates that leave the flags alone; wasm counts modulo the width, as the CPU does. */
const shift =
  (compute: (a: Node, count: Node) => Node, isImmediate = false): Semantics =>
  (s) => {
    const a = s.read(1)
    s.write(0, compute(a, isImmediate ? count(s) : s.read(2)))
  }
const count = (s: Sem): Node => (s.width === 64 ? zext64(s.immediateByte()) : s.immediateByte())

/** adcx and adox: a sum whose carry comes from, and goes to, one flag. */
const addWithFlag =
  (flag: 'carry' | 'overflow'): Semantics =>
  (s) => {
    const before = s.flagsBefore
    const [overflow, carry] = [s.condition(0), carryOf(before)]
    const bit = flag === 'carry' ? carry : overflow
    const a = s.read(0)
    const b = s.read(1)
    const sum = add(add(a, b), s.width === 64 ? zext64(bit) : bit)
    s.write(0, sum)
    const state = addFlags(s.width, a, b, sum)
    // With a carry-in the sum does not tell the carry: the explicit word does.
    const out = carryOf({ ...state, kind: 'custom', aux: auxOf(state) } satisfies FlagState)
    s.flags(flag === 'carry' ? withCarryOverflow(before, out, overflow) : withCarryOverflow(before, carry, out))
  }

export const bmi: readonly Row[] = [
  form('VEX 0F38 F2 /r L0', 'andn', 'Gy By Ey', andn, BMI1),
  form('VEX 0F38 F7 /r L0', 'bextr', 'Gy Ey By', bextr, { ...BMI1, undefinedFlags: 'spa' }),
  form(
    'VEX 0F38 F3 /1 L0',
    'blsr',
    'By Ey',
    lowest((a, less) => and(a, less), eqz),
    BMI1,
  ),
  form(
    'VEX 0F38 F3 /2 L0',
    'blsmsk',
    'By Ey',
    lowest((a, less) => xor(a, less), eqz),
    BMI1,
  ),
  form(
    'VEX 0F38 F3 /3 L0',
    'blsi',
    'By Ey',
    lowest(
      (a, less) => and(a, not(less)),
      (a) => ne(a, like(a, 0)),
    ),
    BMI1,
  ),
  form('VEX 0F38 F5 /r L0', 'bzhi', 'Gy Ey By', bzhi, { ...BMI2, undefinedFlags: 'pa' }),
  form('VEX F2 0F38 F5 /r L0', 'pdep', 'Gy By Ey', scatter('pdep'), BMI2),
  form('VEX F3 0F38 F5 /r L0', 'pext', 'Gy By Ey', scatter('pext'), BMI2),
  form('VEX F2 0F38 F6 /r L0', 'mulx', 'Gy By Ey', mulx, BMI2),
  form('VEX F2 0F3A F0 /r L0', 'rorx', 'Gy Ey Ib', shift(rotr, true), BMI2),
  form('VEX F3 0F38 F7 /r L0', 'sarx', 'Gy Ey By', shift(shrS), BMI2),
  form('VEX 66 0F38 F7 /r L0', 'shlx', 'Gy Ey By', shift(shl), BMI2),
  form('VEX F2 0F38 F7 /r L0', 'shrx', 'Gy Ey By', shift(shrU), BMI2),
  form('66 0F38 F6 /r', 'adcx', 'Gy Ey', addWithFlag('carry'), { feature: 'adx' }),
  form('F3 0F38 F6 /r', 'adox', 'Gy Ey', addWithFlag('overflow'), { feature: 'adx' }),
]
