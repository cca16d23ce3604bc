// The first tier: a threaded interpreter in wasm. One handler per variant of an instruction form, made by lowering the form's
// semantics with operands read from a decoded record (decoded.ts); a handler ends by tail-calling the next record's.
// `buildInterpreter()` gives the hub module: handlers, dispatch, helpers and the table of regions.

import { Code } from '../wasm/encoder.js'
import type { Type } from '../wasm/opcodes.js'
import { sub, zext64 } from '../x86/expr.js'
import { auxOf, CANONICAL, resultOf } from '../x86/flags.js'
import {
  type Bank,
  type Effect,
  type Field,
  type FieldName,
  type FlagState,
  i32,
  type Node,
  type Ref,
  type Width,
} from '../x86/ir.js'
import { type Environment, type Place, record } from '../x86/semantics.js'
import * as decoded from './decoded.js'
import { buildDispatch, DISPATCH } from './dispatch.js'
import { allVariants, FIRST_HANDLERS, type Variant } from './handlers.js'
import { HELPERS, INTERNALS, RESULT } from './helpers.js'
import { DIRECT_REGIONS, MEMORY_PAGES_MAXIMUM, SPECIAL } from './hub-layout.js'
import { HubModule } from './hub-module.js'
import { Lowering, type Target } from './lower.js'
import { FLAG_AUX, FLAG_RESULT, RIP, recordOffset, STACK_BUDGET, TRANSLATION } from './record.js'

const RECORD = 0
const TASK = 1

/** Which field holds the register that a part of the encoding names (code-cache.ts writes them). */
const PLACE_FIELDS: Readonly<Record<Place, Field>> = {
  reg: 'reg0',
  rm: 'reg1',
  opcode: 'reg1',
  vvvv: 'reg2',
  is4: 'reg3',
  index: 'reg1',
}

/** Operands as fields of the decoded record. */
class FieldEnvironment implements Environment {
  readonly memory: boolean
  readonly lock: boolean
  readonly repeat: Variant['repeat']
  /** The decoder's writer adds the popped bytes to the displacement. */
  readonly baseIsStack = false
  /** MXCSR's flags are exact from the start of a program. */
  readonly careful = true

  constructor(variant: Variant) {
    this.memory = variant.memory
    this.lock = variant.lock
    this.repeat = variant.repeat
  }
  register(place: Place, bank: Bank): Ref {
    return { bank, field: PLACE_FIELDS[place], high: false }
  }
  place(ref: Ref): Node {
    return 'field' in ref ? { kind: 'field', type: 'i32', name: ref.field } : i32(recordOffset(ref))
  }
  scale(): Node {
    return { kind: 'field', type: 'i32', name: 'scale' }
  }
  immediate(type: 'i32' | 'i64'): Node {
    return { kind: 'field', type, name: 'immediate' }
  }
  address(): Node {
    return { kind: 'field', type: 'i64', name: 'address' }
  }
  offset(): Node {
    return { kind: 'field', type: 'i64', name: 'offset' }
  }
  addressMask(): Node {
    return { kind: 'field', type: 'i64', name: 'addressMask' }
  }
  segmentBase(): Node {
    return { kind: 'field', type: 'i64', name: 'segmentBase' }
  }
  next(): Node {
    return { kind: 'field', type: 'i64', name: 'next' }
  }
  here(): Node {
    return sub(this.next(), zext64({ kind: 'field', type: 'i32', name: 'length' }))
  }
  target(): Node {
    return { kind: 'field', type: 'i64', name: 'target' }
  }
  flags(): FlagState {
    return CANONICAL
  }
}

const FIELD_OFFSETS = {
  reg0: decoded.REG0,
  reg1: decoded.REG1,
  reg2: decoded.REG2,
  // An instruction that names a register in its immediate has no other.
  reg3: decoded.IMMEDIATE,
  immediate: decoded.IMMEDIATE,
  next: decoded.NEXT,
  target: decoded.TARGET,
}
const LOADS: Record<Width | 128, string> = {
  8: 'i32.load8_u',
  16: 'i32.load16_u',
  32: 'i32.load',
  64: 'i64.load',
  128: 'v128.load',
}
const STORES: Record<Width | 128, string> = {
  8: 'i32.store8',
  16: 'i32.store16',
  32: 'i64.store32',
  64: 'i64.store',
  128: 'v128.store',
}

class HandlerTarget implements Target {
  readonly code = new Code(2)
  readonly task = TASK
  /** Control has been handed on: no fall-through to the next record. */
  transferred = false
  readonly #module: HubModule

  constructor(module: HubModule) {
    this.#module = module
  }

  translation(): void {
    this.code.get(TASK)
    this.code.memory('i32.load', TRANSLATION)
  }

  /** Puts the register's address on the stack; returns the offset to add. */
  #address(ref: Ref): number {
    this.code.get(TASK)
    if ('field' in ref) {
      this.code.get(RECORD)
      this.code.memory('i32.load', FIELD_OFFSETS[ref.field])
      this.code.op('i32.add')
      return ref.high ? 16 : 0
    }
    return recordOffset(ref)
  }

  getRegister(ref: Ref, width: Width | 128): void {
    const offset = this.#address(ref)
    this.code.memory(ref.bank === 'mmx' ? 'v128.load64_zero' : LOADS[width], offset)
  }

  setRegister(ref: Ref, width: Width | 128, value: () => void): void {
    const offset = this.#address(ref)
    value()
    if (ref.bank === 'mmx') {
      this.code.lane('i64x2.extract_lane', 0)
      this.code.memory('i64.store', offset)
      // Sign and exponent become ones (SDM vol. 1, 9.5.1).
      this.#address(ref)
      this.code.i32(0xffff)
      this.code.memory('i32.store16', offset + 8)
    } else if (width === 32) {
      // A 32-bit write clears the upper half (SDM 3.4.1.1).
      this.code.op('i64.extend_i32_u')
      this.code.memory('i64.store', offset)
    } else this.code.memory(STORES[width], offset)
  }

  getFlag(which: 'result' | 'aux'): void {
    this.code.get(TASK)
    this.code.memory(which === 'result' ? 'i64.load' : 'i32.load', which === 'result' ? FLAG_RESULT : FLAG_AUX)
  }

  setFlags(state: FlagState, emit: (node: Node) => void): void {
    this.code.get(TASK)
    emit(resultOf(state))
    this.code.memory('i64.store', FLAG_RESULT)
    this.code.get(TASK)
    emit(auxOf(state))
    this.code.memory('i32.store', FLAG_AUX)
  }

  field(name: FieldName, type: 'i32' | 'i64'): void {
    const { code } = this
    const register = (field: number, load: string) => {
      code.get(TASK)
      code.get(RECORD)
      code.memory(load, field)
      code.op('i32.add')
      code.memory('i64.load', 0)
    }
    const mask = () => {
      code.get(RECORD)
      code.memory('i32.load8_u', decoded.MASK)
      code.memory('i64.load', decoded.MASKS)
    }
    if (name === 'addressMask') {
      mask()
      return
    }
    if (name === 'segmentBase') {
      register(decoded.SEGMENT, 'i32.load8_u')
      return
    }
    if (name === 'scale' || name === 'length') {
      code.get(RECORD)
      code.memory('i32.load8_u', name === 'scale' ? decoded.SCALE : decoded.LENGTH)
      return
    }
    if (name !== 'address' && name !== 'offset') {
      code.get(RECORD)
      code.memory(`${type}.load`, FIELD_OFFSETS[name])
      return
    }
    register(decoded.BASE, 'i32.load')
    register(decoded.INDEX, 'i32.load')
    code.get(RECORD)
    code.memory('i64.load8_u', decoded.SCALE)
    code.op('i64.shl')
    code.op('i64.add')
    code.get(RECORD)
    code.memory('i64.load', decoded.DISPLACEMENT)
    code.op('i64.add')
    mask()
    code.op('i64.and')
    if (name === 'address') {
      register(decoded.SEGMENT, 'i32.load8_u')
      code.op('i64.add')
    }
  }

  callHelper(helper: string): void {
    this.#module.call(this.code, helper)
  }

  leave(): void {
    this.code.get(RECORD)
    this.code.get(TASK)
    this.code.returnCall(this.#module.index('leave'))
  }

  beforeSync(): void {
    this.code.get(RECORD)
    this.code.get(TASK)
    this.#module.call(this.code, 'setRip')
  }

  afterSync(): void {
    this.code.if()
    this.code.i64(RESULT.unwind)
    this.code.return()
    this.code.end()
  }

  transfer(effect: Extract<Effect, { kind: 'jump' | 'branch' | 'callTo' | 'ret' }>, emit: (node: Node) => void): void {
    const { code } = this
    const direct = (node: Node) => node.kind === 'field' && node.name === 'target'
    if (effect.kind === 'branch') {
      emit(effect.condition)
      code.if()
      this.#goto()
      code.end()
      return
    }
    if (effect.kind === 'jump' && direct(effect.target)) {
      this.#goto()
      this.transferred = true
      return
    }
    const target = code.local('i64')
    emit(effect.target)
    code.set(target)
    code.get(TASK)
    code.get(target)
    code.memory('i64.store', RIP)
    this.transferred = true
    if (effect.kind === 'ret') {
      code.get(target)
    } else if (effect.kind === 'jump') {
      code.get(TASK)
      code.returnCall(this.#module.index('indirect'))
    } else {
      code.get(TASK)
      if (direct(effect.target)) {
        code.get(RECORD)
        code.i32(decoded.LINK)
        code.op('i32.add')
        this.#module.call(code, 'callLinked')
      } else {
        code.get(TASK)
        code.memory('i32.load', STACK_BUDGET)
        this.#module.call(code, 'callDynamic')
      }
      // Back here: go on after the call when the callee returned to it, else hand the result up (longjmp, goroutines).
      code.tee(target)
      code.get(RECORD)
      code.memory('i64.load', decoded.NEXT)
      code.op('i64.ne')
      code.if()
      code.get(target)
      code.return()
      code.end()
      this.transferred = false
    }
  }

  #goto(): void {
    this.code.get(RECORD)
    this.code.get(TASK)
    this.code.returnCall(this.#module.index('goto'))
  }

  /** Tail-calls the next record's handler. */
  next(): void {
    const { code } = this
    const following = code.local('i32')
    code.get(RECORD)
    code.i32(decoded.DECODED_SIZE)
    code.op('i32.add')
    code.tee(following)
    code.get(TASK)
    code.get(following)
    code.memory('i32.load', decoded.HANDLER)
    code.returnCallIndirect(this.#module.handlerType, this.#module.handlerTable)
  }
}

/** JavaScript functions the hub calls, besides the helpers without a body: name and signature. */
const IMPORTS: Readonly<Record<string, { params: readonly Type[]; results: readonly Type[] }>> = {
  refill: { params: ['i32', 'f64', 'i32'], results: ['i32'] },
  findBlock: { params: ['i32'], results: ['i32'] },
  hot: { params: ['i32', 'i32'], results: [] },
  linkSite: { params: ['i32', 'i32'], results: [] },
}

/** A host helper as JavaScript sees it: i64 arguments come as two i32. */
const narrow = (params: readonly Type[]): Type[] =>
  params.flatMap((type) => (type === 'i64' ? (['i32', 'i32'] as const) : [type]))

/**
 * The one table that regions import: the hub's functions, then the first regions compiled, which are the hottest, so that regions
 * call them without a hub function between. V8 copies an imported table for each instance: it must stay small.
 */
const DIRECT_BASE = HELPERS.length + DISPATCH.length
export const HELPER_TABLE_SIZE = DIRECT_BASE + DIRECT_REGIONS

/** The bytes of the hub module. */
export function buildInterpreter(): Uint8Array {
  const module = new HubModule()
  const { builder } = module
  builder.importMemory('lego', 'memory', 1, MEMORY_PAGES_MAXIMUM)
  for (const [name, { params, results }] of Object.entries(IMPORTS)) {
    module.name(name, builder.importFunction('lego', name, builder.type(params, results)))
  }
  const hostHelpers = HELPERS.filter(({ build }) => build === undefined)
  for (const { name, params, results } of hostHelpers) {
    module.name(`host:${name}`, builder.importFunction('lego', name, builder.type(narrow(params), results)))
  }
  const { variants, first: firstHandlers } = allVariants()
  module.handlerTable = builder.table(SPECIAL.length + variants.length)
  module.regionTable = builder.table(64)
  const helperTable = builder.table(HELPER_TABLE_SIZE)
  builder.exportTable('regions', module.regionTable)
  builder.exportTable('helpers', helperTable)

  // Declare everything, then define, so that bodies can name each other.
  for (const { name, params, results } of [...HELPERS, ...DISPATCH, ...INTERNALS])
    module.name(name, builder.declare(builder.type(params, results)))
  for (const name of SPECIAL) module.name(`handler:${name}`, builder.declare(module.handlerType))
  const first = variants.map(() => builder.declare(module.handlerType))

  for (const helper of [...HELPERS, ...INTERNALS])
    builder.define(module.index(helper.name), helper.build?.(module) ?? trampoline(module, helper.name, helper.params))
  buildDispatch(module)
  variants.forEach((variant, index) => {
    builder.define(first[index] as number, handler(module, variant))
  })

  builder.elements(module.handlerTable, 0, [...SPECIAL.map((name) => module.index(`handler:${name}`)), ...first])
  builder.elements(
    helperTable,
    0,
    [...HELPERS, ...DISPATCH].map(({ name }) => module.index(name)),
  )
  builder.custom(FIRST_HANDLERS, new Uint8Array(firstHandlers.buffer))
  builder.exportFunction('run', module.index('run'))
  builder.exportFunction('step', module.index('step'))
  return builder.build()
}

function trampoline(module: HubModule, name: string, params: readonly Type[]): Code {
  const code = new Code(params.length)
  params.forEach((type, index) => {
    code.get(index)
    if (type !== 'i64') return
    code.op('i32.wrap_i64')
    code.get(index)
    code.i64(32, 0)
    code.op('i64.shr_u')
    code.op('i32.wrap_i64')
  })
  module.call(code, `host:${name}`)
  return code
}

function handler(module: HubModule, variant: Variant): Code {
  const target = new HandlerTarget(module)
  new Lowering(target).instruction(record(variant.form, variant.width, new FieldEnvironment(variant)))
  if (!target.transferred) target.next()
  return target.code
}
