// Tells a difference so that it can be worked on: the instruction, what the CPU made of it and what the engine made of it.

import * as iced from 'iced-x86'
import { flagLetters, REGISTER_NAMES, X87_PARTS } from '../x86/native/compare.js'
import type { Outcome, Raised } from './follower.js'
import { PART } from './stream.js'

/** struct difference and struct machine of native.c. */
const DIFFERENCE = {
  count: 0,
  at: 8,
  signal: 16,
  code: 24,
  address: 32,
  mask: 40,
  parts: 48,
  ranges: 56,
  bytes: 64,
  expected: 80,
  size: 1760,
}
const MACHINE = { rip: 144, rflags: 152, mxcsr: 160, vectors: 168, x87: 680, size: 840 }
const NAMES = [...REGISTER_NAMES, 'fs base', 'gs base', 'rip']
const VECTOR_BYTES = 32

const hex = (value: bigint | number): string => `0x${value.toString(16)}`

function disassemble(bytes: Uint8Array, address: bigint): string {
  const decoder = new iced.Decoder(64, bytes, iced.DecoderOptions.None)
  const formatter = new iced.Formatter(iced.FormatterSyntax.Intel)
  decoder.ip = address
  const instruction = decoder.decode()
  const text = `${Buffer.from(bytes.subarray(0, instruction.length)).toString('hex')}  ${formatter.format(instruction)}`
  for (const held of [instruction, decoder, formatter]) held.free()
  return text
}

/** What a step ends with when nothing was raised. */
const SIGTRAP = 5n
const signalText = (signal: bigint | number, code: bigint | number, address: bigint) =>
  `${signal} (code ${code}, address ${hex(address)})`

type Part = readonly [name: string, cpu: string, engine: string]

/** What differs in a tracer's struct difference. */
function differingParts(view: DataView, raised: Raised | undefined): readonly Part[] {
  const engine = DIFFERENCE.expected
  const cpu = engine + MACHINE.size
  const word = (at: number) => view.getBigUint64(at, true)
  const text = (at: number, size: number) => Buffer.from(view.buffer, view.byteOffset + at, size).toString('hex')
  const parts: Part[] = []
  const check = (name: string, a: string, b: string) => {
    if (a !== b) parts.push([name, a, b])
  }
  const signal = word(DIFFERENCE.signal)
  if (signal !== 0n || raised !== undefined) {
    const code = BigInt.asIntN(32, word(DIFFERENCE.code))
    parts.push([
      'signal',
      signal === 0n || (raised !== undefined && signal === SIGTRAP)
        ? 'none'
        : signalText(signal, code, word(DIFFERENCE.address)),
      raised === undefined ? 'none' : signalText(raised.signal, raised.code, raised.address),
    ])
    return parts
  }
  for (const [n, name] of NAMES.entries()) check(name, hex(word(cpu + 8 * n)), hex(word(engine + 8 * n)))
  const flags = (at: number) => Number(word(at + MACHINE.rflags) & word(DIFFERENCE.mask))
  if (flags(cpu) !== flags(engine))
    parts.push(
      ['flags', flagLetters(flags(cpu)), flagLetters(flags(engine))],
      ['rflags', hex(flags(cpu)), hex(flags(engine))],
    )
  const which = Number(word(DIFFERENCE.parts))
  if ((which & PART.vectors) !== 0) {
    check('mxcsr', hex(word(cpu + MACHINE.mxcsr)), hex(word(engine + MACHINE.mxcsr)))
    for (let n = 0; n < 16; n++) {
      const at = MACHINE.vectors + n * VECTOR_BYTES
      check(`ymm${n}`, text(cpu + at, VECTOR_BYTES), text(engine + at, VECTOR_BYTES))
    }
  }
  if ((which & PART.x87) !== 0)
    for (const [name, from, to] of X87_PARTS)
      check(name, text(cpu + MACHINE.x87 + from, to - from), text(engine + MACHINE.x87 + from, to - from))
  const ranges = Number(word(DIFFERENCE.ranges))
  const rangesBytes = (view.byteLength - DIFFERENCE.size) / 2
  for (let n = 0, at = DIFFERENCE.size; n < ranges; n++) {
    const size = Number(word(at + 8))
    check(`[${hex(word(at))}]`, text(at + rangesBytes + 16, size), text(at + 16, size))
    at += 16 + ((size + 7) & ~7)
  }
  return parts
}

/** Lines for whoever ran it. */
export function describe(outcome: Outcome): readonly string[] {
  switch (outcome.kind) {
    case 'same':
      return [`no difference in ${outcome.count} instructions`]
    case 'ended': {
      const { count, status } = outcome
      const how = (status & 0x7f) === 0 ? `ended with status ${status >> 8}` : `was ended by signal ${status & 0x7f}`
      return [`no difference in ${count} instructions; the program ${how}`]
    }
    case 'memory': {
      const { address, expected, got, storedBy, code } = outcome.found
      return [
        `memory differs after ${outcome.count} instructions, and no store of the engine there was seen to differ`,
        `  [${hex(address)}]: the CPU has ${hex(expected)}, the engine ${hex(got)}`,
        ...(storedBy === undefined
          ? []
          : [`  last store near by: ${hex(storedBy)}: ${disassemble(code, BigInt(storedBy))}`]),
      ]
    }
    case 'failed':
      return [`the tracer failed: ${outcome.reason}`]
    case 'differs': {
      const view = outcome.difference
      const at = view.getBigUint64(DIFFERENCE.at, true)
      const bytes = new Uint8Array(view.buffer, view.byteOffset + DIFFERENCE.bytes, 16)
      return [
        `instruction ${view.getBigUint64(DIFFERENCE.count, true)} differs`,
        `  ${hex(at)}: ${disassemble(bytes, at)}`,
        ...differingParts(view, outcome.raised).map(
          ([name, cpu, engine]) => `  ${name}: the CPU has ${cpu}, the engine ${engine}`,
        ),
      ]
    }
  }
}
