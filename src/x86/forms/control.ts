// Control flow: jumps, calls, returns, and the stack instructions that go with them.

import { add, and, cut, eqz, ne, sub, wrap, zext64 } from '../expr.js'
import { form, type Row } from '../form.js'
import { i64, type Node } from '../ir.js'
import { RBP, RCX, RSP, type Sem, type Semantics } from '../semantics.js'

/** Condition code suffixes in encoding order (SDM appendix B.1.4.7). */
export const CONDITION_NAMES = [
  'o',
  'no',
  'b',
  'ae',
  'e',
  'ne',
  'be',
  'a',
  's',
  'ns',
  'p',
  'np',
  'l',
  'ge',
  'le',
  'g',
] as const

const jump: Semantics = (s) => s.jump(s.target())
const jumpIndirect: Semantics = (s) => s.jumpTo(zext64(s.read(0)))
const call: Semantics = (s) => callNear(s, s.target())
const callIndirect: Semantics = (s) => {
  const target = zext64(s.read(0))
  s.checkTarget(target)
  callNear(s, target)
}
const ret: Semantics = (s) => s.ret(0)
const retPopping: Semantics = (s) => s.ret(zext64(cut(s.read(0), 16)))

/** With a 66 prefix only 16 bits of the return address are pushed: whoever returns goes elsewhere (APM vol. 3, CALL). */
function callNear(s: Sem, target: Node): void {
  if (s.width === 16) {
    s.push(cut(wrap(s.next()), 16), 16)
    s.jump(target)
  } else s.callTo(target)
}

/** loop, loope, loopne: the count is rcx, or ecx with a 67 prefix. */
const loop =
  (code?: number): Semantics =>
  (s) => {
    const count = s.addressSized(sub(s.reg(RCX, 64), i64(1)))
    s.setReg(RCX, 64, count)
    const more = ne(count, i64(0))
    s.branch(code === undefined ? more : and(more, s.condition(code)))
  }

const push: Semantics = (s) => s.push(s.read(0), s.width)
const popRegister: Semantics = (s) => {
  const value = s.pop(s.width)
  s.write(0, value)
}

/** A memory destination addressed through rsp uses rsp after the increment (SDM vol. 2B, POP). */
const popMemory: Semantics = (s) => {
  if (!s.isMemory(0)) return popRegister(s)
  const rsp = s.reg(RSP, 64)
  const value = s.load(rsp, s.width)
  s.store(s.addressAfterPop(s.width / 8), s.width, value)
  s.setReg(RSP, 64, add(rsp, i64(s.width / 8)))
}

const leave: Semantics = (s) => {
  const frame = s.reg(RBP, 64)
  const value = s.load(frame, s.width)
  s.setReg(RSP, 64, add(frame, i64(s.width / 8)))
  s.setReg(RBP, s.width, value)
}

const ends = { ends: true, untestable: true }
const near = { ...ends, default64: true }

export const control: readonly Row[] = [
  form('EB', 'jmp', 'Jb', jump, near),
  form('E9', 'jmp', 'Jz', jump, near),
  form('FF /4', 'jmp', 'Ev', jumpIndirect, near),
  form('E8', 'call', 'Jz', call, near),
  form('FF /2', 'call', 'Ev', callIndirect, near),
  form('C3', 'ret', '', ret, near),
  form('C2', 'ret', 'Iw', retPopping, near),
  ...CONDITION_NAMES.flatMap((name, code) => {
    const semantics: Semantics = (s) => s.branch(s.condition(code))
    const low = code.toString(16).toUpperCase()
    return [form(`7${low}`, `j${name}`, 'Jb', semantics, near), form(`0F 8${low}`, `j${name}`, 'Jz', semantics, near)]
  }),
  form('E0', 'loopne', 'Jb', loop(5), near),
  form('E1', 'loope', 'Jb', loop(4), near),
  form('E2', 'loop', 'Jb', loop(), near),
  form('E3', 'jrcxz', 'Jb', (s) => s.branch(eqz(s.addressSized(s.reg(RCX, 64)))), near),
  form('50+r', 'push', 'Zv', push, { default64: true }),
  form('58+r', 'pop', 'Zv', popRegister, { default64: true }),
  form('FF /6', 'push', 'Ev', push, { default64: true }),
  form('8F /0', 'pop', 'Ev', popMemory, { default64: true }),
  form('68', 'push', 'Iz', push, { default64: true }),
  form('6A', 'push', 'Ibs', push, { default64: true }),
  form('C9', 'leave', '', leave, { default64: true }),
]
