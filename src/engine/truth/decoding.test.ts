// Random bytes on this CPU and in the engine: what the decoder refuses must be #UD there (or #GP, when it is too long), and what it
// takes must be as long and do the same. LEGO_DECODES sets the number of strings, LEGO_SEED repeats a run.

import * as iced from 'iced-x86'
import { Prng, testSeed } from '../../lib/prng.js'
import { decode, newDecoded, OK, SEGMENT_FS, TOO_LONG } from '../../x86/decoder.js'
import { differences, report } from '../../x86/native/compare.js'
import { randomState, testable } from '../../x86/native/generate.js'
import { nativeExecutor } from '../../x86/native/harness.js'
import { type Case, CODE_BASE, FILLED_SIZE, flagMask, type Outcome, SIGILL, SIGSEGV } from '../../x86/native/machine.js'
import { fillOf } from '../../x86/native/values.js'
import { engineExecutor } from './executor.js'

const STRINGS = Number(process.env.LEGO_DECODES ?? 20_000)
const seed = testSeed()
const prng = new Prng(seed)
const native = nativeExecutor()
// Skipped where there is no gcc or the host is not x86-64 Linux.
const describeNative = 'reason' in native ? describe.skip : describe

/** What a CPU may have and Lego's cpuid does not tell of: iced-x86's names of codes, and of features. */
const NOT_OFFERED = /^(Xsave|Xrstor|Xgetbv|Xsetbv|Rdpkru|Wrpkru|Vmmcall|Vmcall|VEX_V(aes|pclmul)|Extrq|Insertq|Movnts)/
const LATER_FEATURES =
  /^(AVX512|AVX_|AVX10|GFNI|MOVDIR|CET|ENQCMD|WAITPKG|SERIALIZE|PTWRITE|UINTR|AMX|KL|RAO_INT|CMPCCXADD|CLDEMOTE|HRESET|SHA512|SM[34]$|RTM|MSR|PCONFIG|WBNOINVD|RDPRU|INVLPGB|SNP|MCOMMIT)/
/** The result of a double shift by more than 16 bits of 16 is undefined (SDM vol. 2B, SHLD). */
const UNDEFINED_RESULT = /^sh[lr]d$/

/** Bytes that are instructions more often: prefixes and escapes are likely. */
function randomBytes(): Uint8Array {
  const bytes = new Uint8Array(16)
  prng.fill(bytes)
  let at = 0
  while (at < 14 && prng.chance(0.35))
    bytes[at++] = prng.pick([0x66, 0xf2, 0xf3, 0xf0, 0x67, 0x2e, 0x36, 0x3e, 0x65, 0x48, 0x41, 0x40, 0x4f])
  if (prng.chance(0.2)) {
    bytes[at++] = prng.pick([0xc4, 0xc5])
    if (bytes[at - 1] === 0xc4 && prng.chance(0.9)) bytes[at] = ((bytes[at] as number) & 0xe0) | (1 + prng.below(3))
  } else if (prng.chance(0.5)) {
    bytes[at++] = 0x0f
    if (prng.chance(0.3)) bytes[at++] = prng.pick([0x38, 0x3a])
  }
  return bytes
}

const caseOf = (code: Uint8Array, undefinedFlags = 0): Case => {
  const { registers, vectors, flags } = randomState(prng, new Map())
  return { instructions: [], code, registers, vectors, flags, mxcsr: 0x1f80, patches: [], undefinedFlags }
}

type Disassembled = { readonly code: string; readonly length: number; readonly offered: boolean }
const disassemble = (bytes: Uint8Array): Disassembled => {
  const decoder = new iced.Decoder(64, bytes, iced.DecoderOptions.AMD)
  const instruction = decoder.decode()
  const code = iced.Code[instruction.code] ?? ''
  const later = [...instruction.cpuidFeatures()].some((one) => LATER_FEATURES.test(iced.CpuidFeature[one] ?? ''))
  const told = { code, length: instruction.length, offered: !later && !NOT_OFFERED.test(code) }
  instruction.free()
  decoder.free()
  return told
}
const codeOf = (bytes: Uint8Array): string => disassemble(bytes).code
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

describeNative(`random bytes (seed ${seed})`, () => {
  const fill = fillOf(prng, FILLED_SIZE)
  const refused: { readonly one: Case; readonly signal: number }[] = []
  const taken: Case[] = []
  const out = newDecoded()
  for (let n = 0; n < STRINGS; n++) {
    const bytes = randomBytes()
    const status = decode(bytes, 0, bytes.length, CODE_BASE, out)
    if (status !== OK) {
      // Cut after what iced-x86 takes for an instruction, so that one that runs after all comes to an end.
      const { code, length, offered } = disassemble(bytes)
      if (offered)
        refused.push({
          one: caseOf(code === 'INVALID' ? bytes : bytes.slice(0, length)),
          signal: status === TOO_LONG ? SIGSEGV : SIGILL,
        })
      continue
    }
    const { form, length } = out
    if (!testable(form) || form.options.ends === true || out.segment === SEGMENT_FS) continue
    if (UNDEFINED_RESULT.test(form.mnemonic) && out.width === 16) continue
    // Random flags would check alignment in the harness itself.
    if (form.mnemonic === 'popf') continue
    const one = caseOf(bytes.slice(0, length), flagMask(form.options.undefinedFlags ?? ''))
    // The last comparison of a repeated one that faults: as in the tests of rows.
    taken.push(
      form.options.repeat === undefined ? one : { ...one, undefinedFlags: -1, undefinedAt: new Map([[0, -1]]) },
    )
  }
  let expected: Outcome[] = []
  let got: Outcome[] = []
  beforeAll(() => {
    if ('reason' in native) return
    got = native.run(
      refused.map(({ one }) => one),
      fill,
    )
    expected = native.run(taken, fill)
  })

  test('what the decoder refuses is no instruction of this CPU', () => {
    const found = new Map<string, string>()
    refused.forEach(({ one, signal }, n) => {
      const { signal: told, rip } = got[n] as Outcome
      // Of what nobody has defined, CPUs say one thing or the other when it is too long besides.
      const either = codeOf(one.code) === 'INVALID' && (told === SIGILL || told === SIGSEGV)
      if ((told !== signal && !either) || rip !== CODE_BASE)
        found.set(codeOf(one.code), `${hex(one.code)}: signal ${told} at +${rip - CODE_BASE}, here ${signal}`)
    })
    expect(Object.fromEntries(found)).toEqual({})
  })

  test.each(['interpreter'] as const)('what it takes is as long and does the same: %s', (tier) => {
    const outcomes = engineExecutor(tier)(taken, fill)
    const wrong = new Map<string, string>()
    outcomes.forEach((outcome, n) => {
      const [one, right] = [taken[n] as Case, expected[n] as Outcome]
      if (differences(one, right, outcome).size > 0) wrong.set(codeOf(one.code), report(one, right, outcome))
    })
    expect([...wrong.values()].slice(0, 10).join('\n')).toBe('')
  })
})
