// Every row of the table records at every width, with register and memory operands, as the regions see it (constants) and
// as the interpreter does (fields); and what it records is well typed.

import { readFileSync } from 'node:fs'
import { describe, expect, test } from '@jest/globals'
import { MEMORY } from '../wasm/opcodes.js'
import { CANONICAL } from './flags.js'
import type { Form, Size } from './form.js'
import { type Effect, i32, i64, type Node, type Ref, type Type, type Width } from './ir.js'
import { type Environment, record as effectsOf } from './semantics.js'
import { allForms } from './table.js'

const FORMS = allForms()

type Shape = {
  readonly memory: boolean
  readonly lock: boolean
  readonly repeat: Environment['repeat']
  readonly fields: boolean
}

const FIELDS = { reg: 'reg0', rm: 'reg1', opcode: 'reg0', vvvv: 'reg2', is4: 'reg3', index: 'reg1' } as const
const INDEXES = { reg: 3, rm: 5, opcode: 6, vvvv: 2, is4: 4, index: 7 } as const

const environment = ({ fields, ...shape }: Shape): Environment => ({
  ...shape,
  baseIsStack: !fields,
  careful: fields,
  register: (place, bank): Ref =>
    fields ? { bank, field: FIELDS[place], high: false } : { bank, index: INDEXES[place], high: false },
  place: () => (fields ? { kind: 'field', type: 'i32', name: 'reg0' } : i32(0x100)),
  scale: () => (fields ? { kind: 'field', type: 'i32', name: 'scale' } : i32(2)),
  immediate: (type) => (fields ? { kind: 'field', type, name: 'immediate' } : type === 'i64' ? i64(5) : i32(5)),
  address: () => (fields ? { kind: 'field', type: 'i64', name: 'address' } : i64(0x1000)),
  offset: () => (fields ? { kind: 'field', type: 'i64', name: 'offset' } : i64(0x1000)),
  addressMask: () => (fields ? { kind: 'field', type: 'i64', name: 'addressMask' } : i64(-1, 0)),
  segmentBase: () => (fields ? { kind: 'field', type: 'i64', name: 'segmentBase' } : i64(0)),
  next: () => (fields ? { kind: 'field', type: 'i64', name: 'next' } : i64(0x402000)),
  here: () => i64(0x402000),
  target: () => (fields ? { kind: 'field', type: 'i64', name: 'target' } : i64(0x403000)),
  flags: () => CANONICAL,
})

function shapesOf(form: Form): Shape[] {
  const explicit = form.operands.some(({ kind }) => 'EMRWUTQN'.includes(kind))
  const shapes: Shape[] = []
  for (const fields of [false, true]) {
    for (const memory of [...(form.register || !explicit ? [false] : []), ...(form.memory && explicit ? [true] : [])]) {
      for (const lock of form.options.lock && memory ? [false, true] : [false]) {
        for (const repeat of form.options.repeat ? (['none', 'f3', 'f2'] as const) : (['none'] as const)) {
          shapes.push({ fields, memory, lock, repeat })
        }
      }
    }
  }
  return shapes
}

const record = (form: Form, size: Size, shape: Shape): Effect[] => effectsOf(form, size, environment(shape))

const valueType = (width: Width | 128): Type => (width === 128 ? 'v128' : width === 64 ? 'i64' : 'i32')

/** What is wrong with the types of an effect, or undefined. */
function mistyped(effect: Effect): string | undefined {
  const want = (node: Node, type: Type, what: string) =>
    node.type === type ? undefined : `${what} is ${node.type}, not ${type}`
  switch (effect.kind) {
    case 'load':
    case 'modify':
      return (
        want(effect.address, 'i64', 'address') ?? want(effect.out, (MEMORY[effect.op] as { type: Type }).type, 'result')
      )
    case 'store':
      return (
        want(effect.address, 'i64', 'address') ??
        want(effect.value, (MEMORY[effect.op] as { type: Type }).type, 'value')
      )
    case 'update':
      return want(effect.value, (MEMORY[effect.op] as { type: Type }).type, 'value')
    case 'atomic':
      return effect.values
        .map((value) => want(value, effect.out.type, 'value'))
        .find((problem) => problem !== undefined)
    case 'set':
      return want(effect.value, valueType(effect.width), 'value')
    case 'flags':
      return effect.state.aux === undefined ? undefined : want(effect.state.aux, 'i32', 'aux')
    case 'raise':
      return effect.condition && want(effect.condition, 'i32', 'condition')
    case 'jump':
    case 'callTo':
    case 'ret':
      return want(effect.target, 'i64', 'target')
    case 'branch':
      return want(effect.condition, 'i32', 'condition') ?? want(effect.target, 'i64', 'target')
    default:
      return undefined
  }
}

describe('the instruction table', () => {
  test.each(FORMS.map((form) => [`${form.encoding} ${form.mnemonic}`, form] as const))('%s records', (_name, form) => {
    for (const width of form.widths) {
      for (const shape of shapesOf(form)) {
        for (const effect of record(form, width, shape)) expect(mistyped(effect)).toBeUndefined()
      }
    }
  })

  test('no memory access or raise follows a register update', () => {
    const updates = ['set', 'setWord', 'flags', 'jump', 'branch', 'callTo', 'ret']
    for (const form of FORMS) {
      for (const width of form.widths) {
        for (const shape of shapesOf(form)) {
          const kinds = record(form, width, shape).map(({ kind }) => updates.includes(kind))
          expect(kinds.lastIndexOf(false)).toBeLessThan(kinds.includes(true) ? kinds.indexOf(true) : kinds.length)
        }
      }
    }
  })

  test('a memory operand that is replaced is checked before anything is stored', () => {
    for (const form of FORMS) {
      for (const width of form.widths) {
        for (const shape of shapesOf(form)) {
          const effects = record(form, width, shape)
          const stores = effects.flatMap(({ kind }, n) =>
            kind === 'store' || kind === 'update' || kind === 'atomic' ? [n] : [],
          )
          const reads = effects.flatMap(({ kind }, n) =>
            kind === 'load' || kind === 'modify' || kind === 'raise' ? [n] : [],
          )
          if (stores.length > 0) expect(Math.max(-1, ...reads)).toBeLessThan(stores[0] as number)
        }
      }
    }
  })

  test('no two rows have the same encoding', () => {
    const kinds = ({ encoding, memory, register, options }: Form) =>
      `${encoding} ${memory} ${register} ${options.register ?? ''}`
    expect(new Set(FORMS.map(kinds)).size).toBe(FORMS.length)
  })
})

test('what docs/adding-an-instruction.md shows is what the family file says', () => {
  const page = readFileSync('docs/adding-an-instruction.md', 'utf8')
  const source = readFileSync('src/x86/forms/bmi.ts', 'utf8')
  const blocks = [...page.matchAll(/```ts\n(.*?)\n```/gs)].map((match) => match[1] as string)
  expect(blocks).not.toHaveLength(0)
  for (const part of blocks.flatMap((block) => block.split('\n\n'))) expect(source).toContain(part)
})
