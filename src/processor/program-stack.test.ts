// The initial stack, read back as a program would read it.
import { AUX } from '../abi/auxv.js'
import { Prng, testSeed } from '../lib/prng.js'
import { buildStack, type StackContents } from './program-stack.js'

const TOP = 0x7ffffffff000
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

/** What a libc finds at the stack pointer. */
function parse(sp: number, stack: Uint8Array) {
  const view = new DataView(stack.buffer, stack.byteOffset)
  let at = sp
  const word = (): number => {
    const value = Number(view.getBigUint64(at - sp, true))
    at += 8
    return value
  }
  const text = (address: number): string => {
    const start = address - sp
    return new TextDecoder().decode(stack.subarray(start, stack.indexOf(0, start)))
  }
  const list = (): string[] => {
    const found: string[] = []
    for (let pointer = word(); pointer !== 0; pointer = word()) found.push(text(pointer))
    return found
  }
  const argc = word()
  const argv = list()
  const envp = list()
  const auxv = new Map<number, number>()
  for (let key = word(); key !== AUX.NULL; key = word()) auxv.set(key, word())
  return { argc, argv, envp, auxv, text }
}

const contents = (argv: string[], envp: string[]): StackContents => ({
  argv: argv.map(bytes),
  envp: envp.map(bytes),
  fileName: bytes('/bin/prog'),
  random: Uint8Array.from({ length: 16 }, (_, index) => index + 1),
  auxv: [
    [AUX.PAGESZ, 4096],
    [AUX.RANDOM, 0],
    [AUX.EXECFN, 0],
    [AUX.PLATFORM, 0],
    [AUX.ENTRY, 0x401000],
  ],
})

test('arguments, environment and auxiliary vector are where a program looks for them', () => {
  const { sp, bytes: stack } = buildStack(TOP, contents(['prog', '', 'a b'], ['A=1', 'EMPTY=']))
  const found = parse(sp, stack)
  expect(found.argc).toBe(3)
  expect(found.argv).toEqual(['prog', '', 'a b'])
  expect(found.envp).toEqual(['A=1', 'EMPTY='])
  expect(found.auxv.get(AUX.PAGESZ)).toBe(4096)
  expect(found.auxv.get(AUX.ENTRY)).toBe(0x401000)
  expect(found.text(found.auxv.get(AUX.EXECFN)!)).toBe('/bin/prog')
  expect(found.text(found.auxv.get(AUX.PLATFORM)!)).toBe('x86_64')
  const random = found.auxv.get(AUX.RANDOM)! - sp
  expect([...stack.subarray(random, random + 16)]).toEqual(Array.from({ length: 16 }, (_, index) => index + 1))
})

test('the last eight bytes are zero and the file name lies right below them', () => {
  const { sp, bytes: stack } = buildStack(TOP, contents(['p'], []))
  expect([...stack.subarray(-8)]).toEqual(Array(8).fill(0))
  expect(parse(sp, stack).auxv.get(AUX.EXECFN)).toBe(TOP - 8 - '/bin/prog'.length - 1)
})

test('the stack pointer is 16-byte aligned for any number and length of strings', () => {
  const seed = testSeed()
  const random = new Prng(seed)
  const strings = () => Array.from({ length: random.below(6) }, () => 'x'.repeat(random.below(40)))
  for (let round = 0; round < 200; round++) {
    const argv = strings()
    const envp = strings()
    const { sp, bytes: stack } = buildStack(TOP, contents(argv, envp))
    const found = parse(sp, stack)
    expect({ seed, aligned: sp % 16, argv: found.argv, envp: found.envp }).toEqual({ seed, aligned: 0, argv, envp })
    expect(sp + stack.length).toBe(TOP)
  }
})
