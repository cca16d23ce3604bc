// What lockstep must know of an instruction before it runs: how it is compared, what it writes (from iced-x86, not from the row that is
// on trial), what it does to the flags.

import * as iced from 'iced-x86'
import { FS_BASE, GPR, GS_BASE, ZERO } from '../engine/record.js'
import { decode, newDecoded, OK } from '../x86/decoder.js'
import type { Form } from '../x86/form.js'
import { type FlagEffect, flagEffect } from '../x86/native/flag-effect.js'
import { isX87 } from '../x86/native/x87-values.js'
import { PART } from './stream.js'

/**
 * `compared`: both run it. `adopted`: the engine's result is given to the program, which does not run it (the CPU's features, time,
 * chance). `native`: the program runs it and its result is given to the engine.
 */
export type Manner = 'compared' | 'adopted' | 'native'

/** A place that the instruction writes, by the registers before it: offsets into the record. */
export type Write = {
  readonly base: number
  readonly index: number
  readonly scale: number
  readonly segment: number
  readonly low: number
  readonly high: number
  readonly address32: boolean
  readonly size: number
}

export type Facts = {
  readonly manner: Manner
  /** PART bits that a step of it has. */
  readonly parts: number
  readonly isSyscall: boolean
  readonly writes: readonly Write[]
  /** Bytes of an element that a repeated instruction stores at rdi; 0: it is none. */
  readonly element: number
  readonly flags: FlagEffect
}

const ADOPTED = /^(cpuid|xgetbv|rdtscp?|rdrand|rdseed|rdpid|lsl)$/
/**
 * System calls; approximations that differ from CPU to CPU (SDM vol. 1, 10.4.1.1 has only an error bound); images with the x87's
 * pointers and the state that is in use.
 */
const NATIVE = /^(syscall|v?(rcp|rsqrt)[ps]s|f?xsave|xsave(opt|c)|fnstenv|fnsave)$/
const WRITING: ReadonlySet<iced.OpAccess> = new Set([
  iced.OpAccess.Write,
  iced.OpAccess.CondWrite,
  iced.OpAccess.ReadWrite,
  iced.OpAccess.ReadCondWrite,
])
/** They touch all state; nothing in their operands says so. */
const ALL_STATE = /^(emms|vzero|f?xrstor|v?ldmxcsr|v?stmxcsr)/

function partsOf(form: Form): number {
  const kinds = new Set(form.operands.map(({ kind }) => kind))
  const has = (letters: string) => [...letters].some((letter) => kinds.has(letter as never))
  const x87 = isX87(form) || has('PQN')
  const all = ALL_STATE.test(form.mnemonic)
  return (has('VWUHL') || all ? PART.vectors : 0) | (x87 || all ? PART.x87 : 0)
}

/** rax … r15 of iced as offsets into the record; none is the word that is zero. */
function registerOffset(register: iced.Register): number {
  const { RAX, R15, EAX, R15D } = iced.Register
  if (register >= RAX && register <= R15) return GPR + 8 * (register - RAX)
  if (register >= EAX && register <= R15D) return GPR + 8 * (register - EAX)
  return ZERO
}

function writesOf(instruction: iced.Instruction): Write[] {
  const factory = new iced.InstructionInfoFactory()
  const info = factory.info(instruction)
  const writes = (info.usedMemory() as iced.UsedMemory[]).flatMap((used) => {
    const { access, base, index, scale, displacement, memorySize, segment } = used
    used.free()
    const size = iced.MemorySizeExt.size(memorySize)
    const vectors = index >= iced.Register.XMM0
    if (!WRITING.has(access) || size === 0 || vectors) return []
    const address32 = base >= iced.Register.EAX && base <= iced.Register.R15D
    return [
      {
        base: registerOffset(base),
        index: registerOffset(index),
        scale,
        segment: segment === iced.Register.FS ? FS_BASE : segment === iced.Register.GS ? GS_BASE : ZERO,
        low: Number(displacement & 0xffffffffn),
        high: Number(displacement >> 32n),
        address32,
        size,
      },
    ]
  })
  info.free()
  factory.free()
  return writes
}

const decoded = newDecoded()

/** Bytes of what a string instruction stores: its last letter, or its operand size. */
const elementOf = (form: Form, width: number): number =>
  /^(movs|stos)/.test(form.mnemonic) ? (form.operands.some(({ size }) => size === 'b') ? 1 : width / 8) : 0

/** Of the instruction that these bytes start with; undefined when the engine knows none. */
export function factsOf(bytes: Uint8Array, address: number): Facts | undefined {
  if (decode(bytes, 0, bytes.length, address, decoded) !== OK) return undefined
  const { form, width, repeat } = decoded
  const { mnemonic, options } = form
  const repeated = options.repeat !== undefined && repeat !== 'none'
  const decoder = new iced.Decoder(64, bytes, iced.DecoderOptions.None)
  decoder.ip = BigInt(address)
  const instruction = decoder.decode()
  const isNative = NATIVE.test(mnemonic) || options.approximate === true
  const manner = ADOPTED.test(mnemonic) ? 'adopted' : isNative ? 'native' : 'compared'
  const facts: Facts = {
    manner,
    parts:
      partsOf(form) |
      (repeated ? PART.repeated : 0) |
      (mnemonic.startsWith('pushf') ? PART.pushesFlags : 0) |
      (manner === 'adopted' ? PART.adopted : 0),
    isSyscall: mnemonic === 'syscall',
    writes: repeated || manner !== 'compared' ? [] : writesOf(instruction),
    element: repeated ? elementOf(form, width) : 0,
    flags: flagEffect(instruction, mnemonic, repeat !== 'none', options.undefinedFlags),
  }
  instruction.free()
  decoder.free()
  return facts
}
