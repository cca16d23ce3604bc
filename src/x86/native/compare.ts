// Compares two outcomes of a case and tells a difference so that it can be worked on: bytes, disassembly, the state that went
// in where it matters, what was expected and what came. iced-x86 names the instructions.

import { cpus } from 'node:os'
import * as iced from 'iced-x86'
import { decode, newDecoded, OK } from '../decoder.js'
import {
  type Case,
  CODE_BASE,
  CODE_SIZE_MAX,
  DATA_BASE,
  FLAG_LETTERS,
  type Outcome,
  SIGSEGV,
  VECTOR_BYTES,
  type Word,
} from './machine.js'
import { MXCSR_DEFAULT } from './values.js'

/** A wild string instruction may change thousands of words; the first that differ tell. */
const WORDS_SHOWN = 8
export const REGISTER_NAMES: readonly string[] = 'rax rcx rdx rbx rsp rbp rsi rdi r8 r9 r10 r11 r12 r13 r14 r15'.split(
  ' ',
)
const hex = (value: bigint | number): string => `0x${value.toString(16)}`
const lane = (vectors: Uint8Array, n: number): string =>
  Buffer.from(vectors.subarray(VECTOR_BYTES * n, VECTOR_BYTES * (n + 1))).toString('hex')
const hexOf = (bytes: Uint8Array, from: number, to: number): string =>
  Buffer.from(bytes.subarray(from, to)).toString('hex')
/** Of the FXSAVE image. */
export const X87_PARTS: readonly (readonly [string, number, number])[] = [
  ['fcw', 0, 2],
  ['fsw', 2, 4],
  ['tags', 4, 5],
  ...Array.from({ length: 8 }, (_, n) => [`st${n}`, 32 + 16 * n, 42 + 16 * n] as const),
]
/** AMD's CPUs store them only with an exception pending, Intel's always. */
const X87_POINTERS: typeof X87_PARTS = [
  ['fop', 6, 8],
  ['fip', 8, 16],
  ['fdp', 16, 24],
]
/** Exception summary, in the second byte of the status word's two. */
const isPending = (x87: Uint8Array) => ((x87[2] as number) & 0x80) !== 0
/** The pointers in environments are those of every instruction on AMD's CPUs, on others those of the last unmasked exception. */
export const POINTERS_COMPARED = cpus()[0]?.model.includes('AMD') ?? false
export const flagLetters = (flags: number): string =>
  Object.entries(FLAG_LETTERS)
    .map(([letter, mask]) => (flags & mask ? letter.toUpperCase() : letter))
    .join('')

/** The flags that mean something at the end, or at the fault. */
function definedFlags({ instructions, undefinedFlags, undefinedAt }: Case, { signal, rip }: Outcome): number {
  if (signal === 0) return ~undefinedFlags
  // A repeated comparison that faults leaves them as they were on Intel, as of the last element on AMD (SDM vol. 2B, REP).
  if (instructions.some(({ form, repeat }) => repeat !== 'none' && form.options.repeat === 'repz')) return 0
  return ~(undefinedAt?.get(rip - CODE_BASE) ?? 0)
}

const faulting = newDecoded()
/** Whether the instruction that faulted has two memory operands of which CPUs read one or the other first: Zen 4's cmps [rdi], Zen 5's [rsi]. */
function orderVaries({ code }: Case, { rip }: Outcome): boolean {
  const at = rip - CODE_BASE
  if (at < 0 || at >= code.length) return false
  return decode(code, at, code.length, CODE_BASE, faulting) === OK && faulting.form.mnemonic === 'cmps'
}

export type Strictness = {
  /** Flags at a fault count. A region does not keep what only a fault would show. */
  readonly flagsAtFault: boolean
  /** MXCSR's exception flags count when its control bits are the default: regions then do not keep them (engine/fp-mode.ts). */
  readonly floatFlags: boolean
}
const STRICT: Strictness = { flagsAtFault: true, floatFlags: true }
export const strictnessOf = (tier: 'interpreter' | 'regions'): Strictness => ({
  flagsAtFault: tier === 'interpreter',
  floatFlags: tier === 'interpreter',
})
const MXCSR_CONTROL = 0xffc0

/** MXCSR.MM, which AMD's CPUs with misaligned SSE have and Lego's does not (APM vol. 1, 4.2.2). */
const MISALIGNED_MASK = 0x20000
/** What depends on the harness, or on a feature that is not offered: data read from where its code is, which the engine's memory has not. */
const isApart = (expected: Outcome, got: Outcome): boolean =>
  (expected.mxcsr & MISALIGNED_MASK) !== 0 ||
  (got.signal === SIGSEGV && got.address >= CODE_BASE && got.address < CODE_BASE + 2 * CODE_SIZE_MAX)

/** What differs, by name, as [expected, got]; none when the outcomes agree where the case defines them. */
export function differences(
  one: Case,
  expected: Outcome,
  got: Outcome,
  { flagsAtFault, floatFlags }: Strictness = STRICT,
): ReadonlyMap<string, readonly [string, string]> {
  const found = new Map<string, readonly [string, string]>()
  if (isApart(expected, got)) return found
  const check = (name: string, a: string, b: string) => {
    if (a !== b) found.set(name, [a, b])
  }
  check('signal', String(expected.signal), String(got.signal))
  if (expected.signal !== 0 && !orderVaries(one, expected)) {
    check('signal code', hex(expected.signalCode), hex(got.signalCode))
    check('fault address', hex(expected.address), hex(got.address))
  }
  check('rip', hex(expected.rip), hex(got.rip))
  for (let n = 0; n < 16; n++)
    check(REGISTER_NAMES[n] as string, hex(expected.registers[n] as bigint), hex(got.registers[n] as bigint))
  for (let n = 0; n < 16; n++) check(`ymm${n}`, lane(expected.vectors, n), lane(got.vectors, n))
  if (one.x87 !== undefined) {
    const approximate = one.instructions.some(({ form }) => form.options.approximate === true)
    const pointers = POINTERS_COMPARED && isPending(expected.x87) ? X87_POINTERS : []
    for (const [name, from, to] of [...X87_PARTS, ...pointers]) {
      const [a, b] = [expected, got].map(({ x87 }) => x87.subarray(from, to)) as [Uint8Array, Uint8Array]
      // Forgotten in a switch of tasks, as for environments.
      const forgotten = X87_POINTERS.some(([pointer]) => pointer === name) && a.every((byte) => byte === 0)
      if (!forgotten && !(approximate && isClose(name, a, b)))
        check(name, hexOf(a, 0, to - from), hexOf(b, 0, to - from))
    }
  }
  if (floatFlags || (one.mxcsr & MXCSR_CONTROL) !== MXCSR_DEFAULT) check('mxcsr', hex(expected.mxcsr), hex(got.mxcsr))
  const compared = expected.signal !== 0 && !flagsAtFault ? 0 : definedFlags(one, expected)
  check('flags', flagLetters(expected.flags & compared), flagLetters(got.flags & compared))
  const specified = unspecifiedOut(one, expected, got)
  const [a, b] = [expected, got].map(({ changes }) =>
    changes.flatMap(specified).map(({ offset, value }) => `[${hex(DATA_BASE + offset)}]=${hex(value)}`),
  ) as [string[], string[]]
  const lacking = (words: string[], others: ReadonlySet<string>) =>
    words
      .filter((word) => !others.has(word))
      .slice(0, WORDS_SHOWN)
      .join(' ')
  check('memory', lacking(a, new Set(b)), lacking(b, new Set(a)))
  return found
}

/** Words without their unspecified bytes; where only one outcome has such a word nothing is left of it. */
function unspecifiedOut({ unspecified = [] }: Case, ...outcomes: readonly Outcome[]): (word: Word) => readonly Word[] {
  const masks = new Map<number, bigint>()
  const byte = (offset: number) => {
    const word = outcomes[0]?.changes.find((one) => one.offset === (offset & ~7))
    return word === undefined ? 0 : Number((word.value >> BigInt(8 * (offset & 7))) & 0xffn)
  }
  const isZero = (at: number) => [0, 1, 2, 3].every((n) => byte(at + n) === 0)
  for (const { offset, length, whenZero } of unspecified)
    if (whenZero === undefined || isZero(whenZero))
      for (let at = offset; at < offset + length; at++)
        masks.set(at & ~7, (masks.get(at & ~7) ?? 0n) | (0xffn << BigInt(8 * (at & 7))))
  return ({ offset, value }) => {
    const mask = masks.get(offset)
    if (mask === undefined) return [{ offset, value }]
    const inBoth = outcomes.every(({ changes }) => changes.some((word) => word.offset === offset))
    return inBoth ? [{ offset, value: value & ~mask }] : []
  }
}

/** A result of a transcendental instruction may be one unit in the last place off, and its rounding (C1) the other way. */
function isClose(name: string, a: Uint8Array, b: Uint8Array): boolean {
  if (name === 'fsw') return a[0] === b[0] && (((a[1] as number) ^ (b[1] as number)) & ~2) === 0
  if (!name.startsWith('st')) return false
  const ordinal = (bytes: Uint8Array) => {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    return (BigInt(view.getUint16(8, true)) << 63n) + view.getBigUint64(0, true)
  }
  const distance = ordinal(a) - ordinal(b)
  return distance >= -1n && distance <= 1n
}

/** Disassembly of a case's code, a line an instruction. */
function disassemble(code: Uint8Array): string[] {
  const decoder = new iced.Decoder(64, code, iced.DecoderOptions.None)
  const formatter = new iced.Formatter(iced.FormatterSyntax.Intel)
  decoder.ip = BigInt(CODE_BASE)
  const lines: string[] = []
  while (decoder.canDecode) {
    const start = decoder.position
    const instruction = decoder.decode()
    lines.push(
      `${Buffer.from(code.subarray(start, decoder.position)).toString('hex').padEnd(24)} ${formatter.format(instruction)}`,
    )
    instruction.free()
  }
  decoder.free()
  formatter.free()
  return lines
}

export function report(one: Case, expected: Outcome, got: Outcome): string {
  const lines = [...differences(one, expected, got)].map(([name, [a, b]]) => `  ${name}: expected ${a}, got ${b}`)
  const code = disassemble(one.code)
  const text = code.join(' ')
  // Registers named in the disassembly, and those that string instructions, products and the like imply.
  const named = (n: number) =>
    code.length > 1 ||
    n < 3 ||
    n > 5 ||
    text.includes(REGISTER_NAMES[n] as string) ||
    text.includes((REGISTER_NAMES[n] as string).slice(1))
  const given = REGISTER_NAMES.map((name, n) => (named(n) ? `${name}=${hex(one.registers[n] as bigint)}` : '')).filter(
    Boolean,
  )
  const vectors = [...new Set([...text.matchAll(/[xy]mm(\d+)/g)].map((match) => Number(match[1])))]
  return [
    ...code,
    ...lines,
    `  given: ${given.join(' ')} flags=${flagLetters(one.flags)} mxcsr=${hex(one.mxcsr)}`,
    ...(one.x87 === undefined
      ? []
      : [
          `  given: ${X87_PARTS.map(([name, from, to]) => `${name}=${hexOf(one.x87 as Uint8Array, from, to)}`).join(' ')}`,
        ]),
    ...vectors.map((n) => `  given: ymm${n}=${lane(one.vectors, n)}`),
    ...(one.patches.length > 0
      ? [`  memory: ${one.patches.map(({ offset, value }) => `[${hex(DATA_BASE + offset)}]=${hex(value)}`).join(' ')}`]
      : []),
  ].join('\n')
}
