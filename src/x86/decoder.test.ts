// The decoder against iced-x86, over every encoding of every row and over random bytes.
// LEGO_SEED repeats a run; LEGO_DECODES sets the number of random byte strings.

import * as iced from 'iced-x86'
import { Prng, testSeed } from '../lib/prng.js'
import {
  type Decoded,
  decode,
  newDecoded,
  OK,
  RIP_BASE,
  SEGMENT_FS,
  SEGMENT_GS,
  SEGMENT_NONE,
  TOO_LONG,
} from './decoder.js'
import { encode, type Instruction } from './encode.js'
import type { Form } from './form.js'
import { generate } from './native/generate.js'
import { CODE_BASE } from './native/machine.js'
import { allForms } from './table.js'

const FORMS = allForms()

const RANDOM_STRINGS = Number(process.env.LEGO_DECODES ?? 20_000)
const PER_FORM = 40
const { Register, Mnemonic, OpKind } = iced

/** iced's name, lower-case, where ours differs: ours is one name for all operand sizes. */
const SAME: Readonly<Record<string, readonly string[]>> = {
  cdqe: ['cbw', 'cwde', 'cdqe'],
  cqo: ['cwd', 'cdq', 'cqo'],
  xlat: ['xlatb'],
  shl: ['shl', 'sal'],
  movs: ['movsb', 'movsw', 'movsd', 'movsq'],
  cmps: ['cmpsb', 'cmpsw', 'cmpsd', 'cmpsq'],
  stos: ['stosb', 'stosw', 'stosd', 'stosq'],
  lods: ['lodsb', 'lodsw', 'lodsd', 'lodsq'],
  scas: ['scasb', 'scasw', 'scasd', 'scasq'],
  ins: ['insb', 'insw', 'insd'],
  outs: ['outsb', 'outsw', 'outsd'],
  pushf: ['pushf', 'pushfq'],
  popf: ['popf', 'popfq'],
  iret: ['iret', 'iretd', 'iretq'],
  sysret: ['sysret', 'sysretq'],
  sysexit: ['sysexit', 'sysexitq'],
  fxsave: ['fxsave', 'fxsave64'],
  xsave: ['xsave', 'xsave64'],
  xsaveopt: ['xsaveopt', 'xsaveopt64'],
  xsavec: ['xsavec', 'xsavec64'],
  xrstor: ['xrstor', 'xrstor64'],
  xsaves: ['xsaves', 'xsaves64'],
  xrstors: ['xrstors', 'xrstors64'],
  fxrstor: ['fxrstor', 'fxrstor64'],
  pcmpestri: ['pcmpestri', 'pcmpestri64'],
  vpcmpestri: ['vpcmpestri', 'vpcmpestri64'],
  vpcmpestrm: ['vpcmpestrm', 'vpcmpestrm64'],
  pcmpestrm: ['pcmpestrm', 'pcmpestrm64'],
  wbinvd: ['wbinvd', 'wbnoinvd'],
  jrcxz: ['jrcxz', 'jecxz'],
  prefetchw: ['prefetch', 'prefetchw', 'prefetchwt1', 'prefetchreserved_0f0d'],
  // Hints: iced-x86 names what later CPUs gave the reserved encodings of nop.
  prefetch: [
    'prefetchnta',
    'prefetcht0',
    'prefetcht1',
    'prefetcht2',
    'prefetchit0',
    'prefetchit1',
    'reservednop',
    'nop',
  ],
  nop: [
    'nop',
    'reservednop',
    'endbr64',
    'endbr32',
    'bndldx',
    'bndmov',
    'bndcl',
    'bndcu',
    'bndmk',
    'bndstx',
    'bndcn',
    'cldemote',
    'rdsspd',
    'rdsspq',
  ],
}
const namesOf = (mnemonic: string): readonly string[] => SAME[mnemonic] ?? [mnemonic]

/** Encodings of covered mnemonics that Lego deliberately has not, by iced-x86's name: MMX, aliases of x87. */
const UNCOVERED = /^(EVEX|MVEX)_|^Reservednop_|_mm(_|$)/
/** Rows that take a repeat prefix which is #UD on a CPU. */
const TOLERANT = /^0F 77/

function icedDecode(bytes: Uint8Array, address: number): iced.Instruction {
  const decoder = new iced.Decoder(64, bytes, iced.DecoderOptions.AMD)
  decoder.ip = BigInt(address)
  const instruction = decoder.decode()
  decoder.free()
  return instruction
}

const nameOf = (instruction: iced.Instruction): string => (Mnemonic[instruction.mnemonic] ?? '').toLowerCase()
const codeOf = (instruction: iced.Instruction): string => iced.Code[instruction.code] ?? ''
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

/** What both decoders say about a memory operand, in one shape. */
function oursMemory(decoded: Decoded) {
  const { form, base, index, scale, displacement, segment, next, address32 } = decoded
  const rip = base === RIP_BASE
  return {
    base: rip ? 'rip' : base < 0 ? '' : `${address32 ? 'd' : 'q'}${base}`,
    index: index < 0 ? '' : `${address32 && !form.options.vsib ? 'd' : 'q'}${index}`,
    scale: index < 0 ? 0 : scale,
    displacement: BigInt.asUintN(address32 ? 32 : 64, BigInt(displacement) + (rip ? BigInt(next) : 0n)),
    segment: segment === SEGMENT_FS ? 'fs' : segment === SEGMENT_GS ? 'gs' : segment === SEGMENT_NONE ? '' : '?',
  }
}

function general(register: iced.Register): string {
  if (register === Register.None) return ''
  if (register >= Register.RAX && register <= Register.R15) return `q${register - Register.RAX}`
  if (register >= Register.EAX && register <= Register.R15D) return `d${register - Register.EAX}`
  if (register >= Register.XMM0 && register <= Register.XMM15) return `q${register - Register.XMM0}`
  if (register >= Register.YMM0 && register <= Register.YMM15) return `q${register - Register.YMM0}`
  if (register === Register.RIP || register === Register.EIP) return 'rip'
  return `?${register}`
}

function icedMemory(instruction: iced.Instruction, address32: boolean) {
  const index = general(instruction.memoryIndex)
  const segment = instruction.memorySegment
  return {
    base: general(instruction.memoryBase),
    index,
    scale: index === '' ? 0 : Math.log2(instruction.memoryIndexScale),
    displacement: BigInt.asUintN(address32 ? 32 : 64, instruction.memoryDisplacement),
    segment: segment === Register.FS ? 'fs' : segment === Register.GS ? 'gs' : '',
  }
}

/** A register operand's number: 0–15, 16–19 for ah ch dh bh. */
function registerNumber(register: iced.Register): number {
  const ranges: readonly (readonly [iced.Register, number, number])[] = [
    [Register.RAX, 16, 0],
    [Register.EAX, 16, 0],
    [Register.AX, 16, 0],
    [Register.XMM0, 16, 0],
    [Register.YMM0, 16, 0],
    [Register.MM0, 8, 0],
    [Register.AL, 4, 0],
    [Register.AH, 4, 16],
    [Register.SPL, 12, 4],
  ]
  for (const [first, count, number] of ranges)
    if (register >= first && register < first + count) return number + register - first
  return -1
}

/** The register each operand of the row names, by our decoder; undefined for operands that are no register. */
function oursRegisters({
  form,
  reg,
  rm,
  opcodeRegister,
  vvvv,
  immediateLow,
  rex,
  memory,
}: Decoded): (number | undefined)[] {
  return form.operands.map(({ kind, size }) => {
    const number =
      kind === 'G' || kind === 'V'
        ? reg
        : kind === 'P'
          ? reg & 7
          : kind === 'Z'
            ? opcodeRegister
            : kind === 'H' || kind === 'B'
              ? vvvv
              : kind === 'L'
                ? (immediateLow >> 4) & 15
                : 'ERWU'.includes(kind) && !memory
                  ? rm
                  : 'QN'.includes(kind) && !memory
                    ? rm & 7
                    : undefined
    return number === undefined
      ? undefined
      : size === 'b' && 'GERZ'.includes(kind) && !rex && number >= 4
        ? number + 12
        : number
  })
}

/** A description of the difference, or undefined. */
function difference(bytes: Uint8Array, decoded: Decoded, theirs: iced.Instruction): string | undefined {
  const { form } = decoded
  // It gives ud1 a modrm byte, which this CPU does not read.
  if (form.mnemonic === 'ud1') return undefined
  const told = `${hex(bytes)} is ${nameOf(theirs)} in iced-x86, ${form.encoding} ${form.mnemonic} here`
  if (!namesOf(form.mnemonic).includes(nameOf(theirs))) return `${told}: mnemonic`
  if (theirs.length !== decoded.length) return `${told}: length ${theirs.length}, here ${decoded.length}`
  const memoryAt = [...new Array(theirs.opCount).keys()].find((n) => theirs.opKind(n) === OpKind.Memory)
  if (memoryAt !== undefined && decoded.memory) {
    const [a, b] = [oursMemory(decoded), icedMemory(theirs, decoded.address32)]
    for (const key of Object.keys(a) as (keyof typeof a)[]) {
      // An absolute address beyond 2^53 is inexact here, and not canonical anyway.
      if (key === 'displacement' && b[key] >= 1n << 53n) continue
      if (a[key] !== b[key]) return `${told}: memory ${key} ${b[key]}, here ${a[key]}`
    }
  } else if (form.mnemonic !== 'xlat' && decoded.memory !== (memoryAt !== undefined))
    return `${told}: a memory operand for one of them`
  const registers = oursRegisters(decoded)
  if (registers.length === theirs.opCount) {
    for (const [n, number] of registers.entries()) {
      if (number === undefined || theirs.opKind(n) !== OpKind.Register) continue
      const their = registerNumber(theirs.opRegister(n))
      if (their >= 0 && their !== number) return `${told}: operand ${n} is register ${their}, here ${number}`
    }
  }
  return undefined
}

/** The features that both name, by iced-x86's name. */
const FEATURES: Readonly<Record<string, string>> = {
  SSE3: 'sse3',
  SSSE3: 'ssse3',
  SSE4_1: 'sse4_1',
  SSE4_2: 'sse4_2',
  AES: 'aes',
  PCLMULQDQ: 'pclmulqdq',
  SHA: 'sha',
  AVX: 'avx',
  AVX2: 'avx2',
  FMA: 'fma',
  F16C: 'f16c',
  BMI1: 'bmi1',
  BMI2: 'bmi2',
  MOVBE: 'movbe',
  ADX: 'adx',
  POPCNT: 'popcnt',
  LZCNT: 'lzcnt',
}
const known = new Set(Object.values(FEATURES))

/** A difference in what cpuid must tell for an instruction. */
function featuresDiffer({ form, width }: Decoded, theirs: iced.Instruction): string | undefined {
  const { feature = '', feature256 = feature } = form.options
  const ours = (width === 256 ? feature256 : feature).split(' ').filter((name) => known.has(name))
  const named = [...theirs.cpuidFeatures()].flatMap((one) => FEATURES[iced.CpuidFeature[one] ?? ''] ?? [])
  const [a, b] = [ours, named].map((names) => names.sort().join(' '))
  return a === b ? undefined : `${form.encoding} ${form.mnemonic} ${width}: ${b} in iced-x86, ${a} here`
}

const seed = testSeed()
const prng = new Prng(seed)

/** Variations that the native tests leave out: other segments and 32-bit addresses. */
function vary(instruction: Instruction): Instruction {
  const { rm } = instruction
  if (typeof rm === 'number') return instruction
  const segment = prng.chance(0.2) ? { segment: prng.pick(['fs', 'gs'] as const) } : {}
  return { ...instruction, rm: { ...rm, ...segment, ...(prng.chance(0.1) ? { address32: true } : {}) } }
}

const named = FORMS.map((form) => [`${form.encoding} ${form.mnemonic}`, form] as const)

test.each(named)(`iced-x86 agrees on %s (seed ${seed})`, (_name, form: Form) => {
  const out = newDecoded()
  const differences: string[] = []
  for (const width of form.widths) {
    for (let n = 0; n < PER_FORM; n++) {
      const instruction = vary(generate(form, width, prng).instruction)
      const bytes = encode(instruction, CODE_BASE)
      const status = decode(bytes, 0, bytes.length, CODE_BASE, out)
      if (status !== OK) differences.push(`${hex(bytes)} (${form.mnemonic}): status ${status}`)
      else if (out.form !== form)
        differences.push(`${hex(bytes)}: decoded as ${out.form.encoding} ${out.form.mnemonic}`)
      else if (form.widths.length > 1 && out.width !== width)
        differences.push(`${hex(bytes)}: ${out.width} bits, not ${width}`)
      else {
        const theirs = icedDecode(bytes, CODE_BASE)
        const told = difference(bytes, out, theirs) ?? featuresDiffer(out, theirs)
        if (told !== undefined) differences.push(told)
        theirs.free()
      }
    }
  }
  expect(differences.slice(0, 3)).toEqual([])
})

/** Random bytes that are instructions more often: prefixes and escapes are likely. */
function randomBytes(bytes: Uint8Array): void {
  prng.fill(bytes)
  let at = 0
  while (prng.chance(0.3)) bytes[at++] = prng.pick([0x66, 0xf2, 0xf3, 0xf0, 0x67, 0x64, 0x48, 0x41, 0x40, 0x4f])
  if (prng.chance(0.5)) {
    bytes[at++] = 0x0f
    if (prng.chance(0.2)) bytes[at++] = prng.pick([0x38, 0x3a])
  }
}

test(`iced-x86 agrees on random bytes (seed ${seed})`, () => {
  const covered = new Set(FORMS.flatMap(({ mnemonic }) => namesOf(mnemonic)))
  const out = newDecoded()
  const bytes = new Uint8Array(24)
  const differences = new Map<string, string>()
  const note = (key: string, told: string) => void differences.set(key, differences.get(key) ?? told)
  for (let n = 0; n < RANDOM_STRINGS; n++) {
    randomBytes(bytes)
    const theirs = icedDecode(bytes, CODE_BASE)
    const valid = theirs.mnemonic !== Mnemonic.INVALID
    const status = decode(bytes, 0, bytes.length, CODE_BASE, out)
    if (status === OK && !valid && TOLERANT.test(out.form.encoding)) continue
    if (status === OK && !valid)
      note(`invalid ${out.form.encoding}`, `${hex(bytes)} is invalid, here ${out.form.encoding} ${out.form.mnemonic}`)
    else if (status === OK) {
      const told = difference(bytes, out, theirs)
      if (told !== undefined) note(out.form.encoding, told)
    } else if (valid) {
      const name = nameOf(theirs)
      if (status === TOO_LONG) note('long', `${hex(bytes)}: too long here, ${name} in iced-x86`)
      else if (covered.has(name) && !UNCOVERED.test(codeOf(theirs)))
        note(
          `missing ${name}`,
          `${hex(bytes.subarray(0, theirs.length))}: ${name} (${codeOf(theirs)}) is not decoded here`,
        )
    }
    theirs.free()
  }
  expect([...differences.values()]).toEqual([])
})
