// String instructions. One step is IR; with a repeat prefix a helper of the hub does the loop, interruptibly.
// A segment prefix counts for the source alone; 67 makes addresses and the count 32 bits wide.

import { add, and, cut, shrU, sub, zext64 } from '../expr.js'
import { subFlags } from '../flags.js'
import { form, type Row } from '../form.js'
import { i32, i64, type Node, type Width } from '../ir.js'
import { RAX, RDI, RSI, type Sem, type Semantics } from '../semantics.js'
import { WORD } from '../words.js'

/** DF of RFLAGS is bit 10. */
const DIRECTION = 0x400

/** How far an element moves the pointers: its size, negative when DF is set. */
function stepOf(s: Sem, width: Width): Node {
  const bytes = width / 8
  const log = Math.log2(bytes)
  const twice = shrU(and(s.word(WORD.flagOther, 'i32'), i32(DIRECTION)), i32(10 - 1 - log))
  return sub(i64(bytes), zext64(twice))
}

type Step = (s: Sem, width: Width) => void
const advance = (s: Sem, width: Width, ...registers: number[]) => {
  const step = stepOf(s, width)
  for (const register of registers) s.setReg(register, 64, s.addressSized(add(s.reg(register, 64), step)))
}
const source = (s: Sem): Node => add(s.addressSized(s.reg(RSI, 64)), s.segmentBase())
const destination = (s: Sem): Node => s.addressSized(s.reg(RDI, 64))

const move: Step = (s, width) => {
  s.store(destination(s), width, s.load(source(s), width))
  advance(s, width, RSI, RDI)
}
const store: Step = (s, width) => {
  s.store(destination(s), width, s.reg(RAX, width))
  advance(s, width, RDI)
}
const load: Step = (s, width) => {
  s.setReg(RAX, width, s.load(source(s), width))
  advance(s, width, RSI)
}
const difference = (s: Sem, width: Width, a: Node, b: Node) => s.flags(subFlags(width, a, b, cut(sub(a, b), width)))
const compare: Step = (s, width) => {
  // As Zen 4 does, by its faults; Zen 5 reads the source first.
  const b = s.load(destination(s), width)
  difference(s, width, s.load(source(s), width), b)
  advance(s, width, RSI, RDI)
}
const scan: Step = (s, width) => {
  difference(s, width, s.reg(RAX, width), s.load(destination(s), width))
  advance(s, width, RDI)
}

/** The helper is told the element's size in bytes, 1 for repne, address size and segment. F2 is plain rep where ZF is not asked. */
const string =
  (step: Step, helper: string, tests: boolean): Semantics =>
  (s) => {
    const width = s.widthOf(0)
    if (s.repeat === 'none') step(s, width)
    else {
      const kind = i32(tests && s.repeat === 'f2' ? 1 : 0)
      s.sync(helper, i32(width / 8), kind, s.addressSized(i64(-1)), s.segmentBase())
    }
  }

const rows = (opcode: number, name: string, where: string, step: Step, helper: string, tests = false): readonly Row[] =>
  ['b', 'v'].map((size, n) =>
    form((opcode + n).toString(16).toUpperCase(), name, where.replaceAll('*', size), string(step, helper, tests), {
      repeat: tests ? 'repz' : 'rep',
    }),
  )

export const strings: readonly Row[] = [
  ...rows(0xa4, 'movs', 'Y* X*', move, 'repMovs'),
  ...rows(0xa6, 'cmps', 'X* Y*', compare, 'repCmps', true),
  ...rows(0xaa, 'stos', 'Y* A*', store, 'repStos'),
  ...rows(0xac, 'lods', 'A* X*', load, 'repLods'),
  ...rows(0xae, 'scas', 'A* Y*', scan, 'repScas', true),
]
