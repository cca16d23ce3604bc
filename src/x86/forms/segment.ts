// Segments as a 64-bit program under Linux sees them: selectors go in and out, a loaded fs or gs gets base 0, far transfers stay in
// the 64-bit code segment, and descriptor tables can be asked about but not changed. Which selectors exist the helpers know
// (engine/segments.ts). Left out: the 32-bit code segment, which a far transfer finds refused with #GP.

import { add, and, constant, cut, eq, gtU, ne, or, select, shl, shrS, sub, wrap, xor, zext64 } from '../expr.js'
import { flagBits, fromFlagBits } from '../flags.js'
import { form, type Row } from '../form.js'
import { i32, i64, type Node, type Width } from '../ir.js'
import { GENERAL_PROTECTION, RSP, type Sem, type Semantics } from '../semantics.js'
import { WORD } from '../words.js'
import { loadFlags } from './flag.js'

/** arch/x86/include/asm/segment.h: __USER_CS and __USER_DS. */
const USER_CS = 0x33
const USER_DS = 0x2b
const SELECTOR_MASK = 0xfffc

const ES = 0
const CS = 1
const SS = 2
const DS = 3
const FS = 4
const GS = 5

const selectorOf = (s: Sem, segment: number): Node =>
  segment === CS
    ? i32(USER_CS)
    : segment === SS
      ? i32(USER_DS)
      : and(s.word(WORD.selectors + 2 * segment, 'i32'), i32(0xffff))

/** 8C: a selector goes to 16 bits of memory, zero-extended to a register. */
const store =
  (segment: number): Semantics =>
  (s) => {
    const selector = selectorOf(s, segment)
    if (s.isMemory(0)) s.store(s.address(), 16, selector)
    else s.write(0, cut(selector, s.width))
  }

/** The helper refuses what may not be loaded. */
const load = (s: Sem, segment: number, selector: Node) =>
  s.sync('loadSegment', i32(segment), and(selector, i32(0xffff)))

const push =
  (segment: number): Semantics =>
  (s) =>
    s.push(cut(selectorOf(s, segment), s.width), s.width)
const pop =
  (segment: number): Semantics =>
  (s) => {
    const selector = wrap(s.pop(s.width))
    load(s, segment, selector)
  }

/** An offset and a selector in memory; REX.W changes nothing on AMD's CPUs (APM vol. 3, LSS). */
function farPointer(s: Sem): { readonly width: Width; readonly offset: Node; readonly selector: Node } {
  const width: Width = s.width === 16 ? 16 : 32
  const offset = s.load(s.address(), width)
  return { width, offset, selector: s.load(add(s.address(), i64(width / 8)), 16) }
}

const loadFar =
  (segment: number): Semantics =>
  (s) => {
    const { width, offset, selector } = farPointer(s)
    load(s, segment, selector)
    s.set(s.ref(0), width, offset)
  }

const refuse = (s: Sem, selector: Node, when: Node) =>
  s.raise(GENERAL_PROTECTION, when, and(selector, i32(SELECTOR_MASK)))
/** A jump or call: the selector's own privilege does not count (SDM vol. 3, 5.8.1). */
const checkCode = (s: Sem, selector: Node) =>
  refuse(s, selector, ne(and(selector, i32(SELECTOR_MASK)), i32(USER_CS & SELECTOR_MASK)))

const jumpFar: Semantics = (s) => {
  const { offset, selector } = farPointer(s)
  checkCode(s, selector)
  s.jump(zext64(offset))
}
const callFar: Semantics = (s) => {
  const { width, offset, selector } = farPointer(s)
  checkCode(s, selector)
  const rsp = s.reg(RSP, 64)
  const low = sub(rsp, i64(width / 4))
  const next = s.modifyAt(low, width)
  const code = s.modifyAt(sub(rsp, i64(width / 8)), width)
  s.update(code, width, i32(USER_CS))
  s.update(next, width, cut(s.next(), width))
  s.setReg(RSP, 64, low)
  s.jump(zext64(offset))
}

const notCanonical = (target: Node) => gtU(add(shrS(target, i64(47)), i64(1)), i64(1))
/** Words of the operand size from the stack's top on. */
const stackWord = (s: Sem, n: number) => s.load(add(s.reg(RSP, 64), i64((n * s.width) / 8)), s.width)

const retFar =
  (extra: (s: Sem) => Node): Semantics =>
  (s) => {
    const target = zext64(stackWord(s, 0))
    const selector = and(wrap(stackWord(s, 1)), i32(0xffff))
    refuse(s, selector, ne(selector, i32(USER_CS)))
    s.raise(GENERAL_PROTECTION, notCanonical(target))
    s.setReg(RSP, 64, add(add(s.reg(RSP, 64), i64(s.width / 4)), extra(s)))
    s.jump(target)
  }

const NESTED_TASK = 0x4000
/** iret always pops five words in 64-bit mode. */
const iret: Semantics = (s) => {
  s.raise(GENERAL_PROTECTION, and(s.word(WORD.flagOther, 'i32'), i32(NESTED_TASK)))
  const target = zext64(stackWord(s, 0))
  const selector = and(wrap(stackWord(s, 1)), i32(0xffff))
  const flags = wrap(stackWord(s, 2))
  const rsp = zext64(stackWord(s, 3))
  const stack = and(wrap(stackWord(s, 4)), i32(0xffff))
  refuse(s, selector, ne(selector, i32(USER_CS)))
  refuse(s, stack, ne(stack, i32(USER_DS)))
  s.raise(GENERAL_PROTECTION, notCanonical(target))
  loadFlags(s, flags, rsp, target)
  s.setReg(RSP, 64, rsp)
  s.jump(target)
}

// ---- asking about descriptors ------------------------------------------------------------------------------------

/** What the helper says of a selector: access rights as lar gives them, 0 where there is nothing to see. */
function describe(s: Sem, selector: Node): { readonly rights: Node; readonly limit: Node } {
  s.sync('describe', and(selector, i32(0xffff)))
  return { rights: s.word(WORD.rights, 'i32'), limit: s.word(WORD.limit, 'i32') }
}
const onlyZero = (s: Sem, zero: Node) =>
  s.flags(fromFlagBits(or(and(flagBits(s.flagsBefore), i32(~0x40)), shl(zero, i32(6)))))

const ask =
  (what: 'rights' | 'limit'): Semantics =>
  (s) => {
    const selector = s.read(1)
    const found = describe(s, selector)
    const visible = ne(found.rights, i32(0))
    // A register that keeps its value keeps its upper half too.
    const whole = s.width === 32 ? 64 : s.width
    s.set(s.ref(0), whole, select(visible, cut(found[what], whole), s.get(s.ref(0), whole)))
    onlyZero(s, visible)
  }

/** Access rights: bit 11 tells code, bit 9 readable code or writable data. */
const CODE = 0x800
const READ_WRITE = 0x200
const verify =
  (write: boolean): Semantics =>
  (s) => {
    const { rights } = describe(s, s.read(0))
    const kind = and(rights, i32(CODE | READ_WRITE))
    const writable = eq(kind, i32(READ_WRITE))
    onlyZero(s, write ? writable : and(ne(rights, i32(0)), xor(eq(kind, i32(CODE)), i32(1))))
  }

// What UMIP keeps from user mode Linux answers instead (arch/x86/kernel/umip.c), with these values.
const TASK_REGISTER = 0x40
const MACHINE_STATUS = 0x80050033

/** 16 bits of memory, or a register of the operand size, of which 32 bits keep the upper half. */
const answer =
  (value: number): Semantics =>
  (s) => {
    if (s.isMemory(0)) return s.store(s.address(), 16, i32(value & 0xffff))
    if (s.width !== 32) return s.write(0, s.width === 64 ? i64(value, 0) : constant(16, value & 0xffff))
    const old = and(s.get(s.ref(0), 64), i64(0, -1))
    s.set(s.ref(0), 64, or(old, i64(value, 0)))
  }
/** Limit 0 and a base that tells nothing. */
const table =
  (low: number): Semantics =>
  (s) => {
    const limit = s.modifyAt(s.address(), 16)
    const base = s.modifyAt(add(s.address(), i64(2)), 64)
    s.update(limit, 16, i32(0))
    s.update(base, 64, i64(low, -1))
  }

const untestable = { untestable: true }
const ends = { untestable: true, ends: true }
const sized = { ...ends, sized: true }
const hex = (value: number) => value.toString(16).toUpperCase()

export const segments: readonly Row[] = [
  ...[ES, CS, SS, DS, FS, GS].map((segment) => form(`8C /${segment}`, 'mov', 'Ev', store(segment), untestable)),
  ...[ES, SS, DS, FS, GS].map((segment) =>
    form(`8E /${segment}`, 'mov', 'Ew', (s) => load(s, segment, s.read(0)), {
      ...untestable,
      ...(segment === SS ? { shadow: true } : {}),
    }),
  ),
  ...[FS, GS].flatMap((segment) => [
    form(`0F ${hex(0xa0 + 8 * (segment - FS))}`, 'push', '', push(segment), { ...untestable, default64: true }),
    form(`0F ${hex(0xa1 + 8 * (segment - FS))}`, 'pop', '', pop(segment), { ...untestable, default64: true }),
  ]),
  form('0F B2 /r', 'lss', 'Gv Mv', loadFar(SS), { ...untestable, shadow: true }),
  form('0F B4 /r', 'lfs', 'Gv Mv', loadFar(FS), untestable),
  form('0F B5 /r', 'lgs', 'Gv Mv', loadFar(GS), untestable),
  form('FF /3', 'call', 'Mv', callFar, ends),
  form('FF /5', 'jmp', 'Mv', jumpFar, ends),
  form(
    'CB',
    'retf',
    '',
    retFar(() => i64(0)),
    sized,
  ),
  form(
    'CA',
    'retf',
    'Iw',
    retFar((s) => zext64(cut(s.read(0), 16))),
    sized,
  ),
  form('CF', 'iret', '', iret, sized),
  form('0F 02 /r', 'lar', 'Gv Ew', ask('rights'), untestable),
  form('0F 03 /r', 'lsl', 'Gv Ew', ask('limit'), untestable),
  form('0F 00 /0', 'sldt', 'Ev', answer(0), untestable),
  form('0F 00 /1', 'str', 'Ev', answer(TASK_REGISTER), untestable),
  form('0F 00 /4', 'verr', 'Ew', verify(false), untestable),
  form('0F 00 /5', 'verw', 'Ew', verify(true), untestable),
  form('0F 01 /0', 'sgdt', 'Mq', table(-0x20000), untestable),
  form('0F 01 /1', 'sidt', 'Mq', table(-0x10000), untestable),
  form('0F 01 /4', 'smsw', 'Ev', answer(MACHINE_STATUS), untestable),
]
