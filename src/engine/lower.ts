// Lowers recorded semantics to wasm: expressions, memory accesses, and effects in order. What differs between the tiers
// (where registers live, what leaving means, what a branch becomes) is behind `Target`.

import { assert } from '../lib/assert.js'
import type { Code } from '../wasm/encoder.js'
import { MEMORY, type Type } from '../wasm/opcodes.js'
import type { Effect, FieldName, FlagState, Node, Ref, Width } from '../x86/ir.js'
import { ArrayLowering, type MemoryLowering, type MemoryTarget } from './memory-lowering.js'

/** What a tier supplies. Every method emits code; values go to or come from the wasm stack. */
export interface Target extends MemoryTarget {
  getRegister(ref: Ref, width: Width | 128): void
  /** Emits `value()` and stores it; 8- and 16-bit writes keep the rest of the register. */
  setRegister(ref: Ref, width: Width | 128, value: () => void): void
  getFlag(which: 'result' | 'aux'): void
  setFlags(state: FlagState, emit: (node: Node) => void): void
  field(name: FieldName, type: 'i32' | 'i64'): void
  /** Makes the record hold the state before this instruction, for a helper that works on it; and takes it back after. */
  beforeSync(): void
  afterSync(): void
  transfer(effect: Extract<Effect, { kind: 'jump' | 'branch' | 'callTo' | 'ret' }>, emit: (node: Node) => void): void
}

/** The hub's `raise` takes the error code above the vector. */
export const ERROR_SHIFT = 8

const trivial = (node: Node) =>
  node.kind === 'const' ||
  node.kind === 'temp' ||
  node.kind === 'field' ||
  node.kind === 'flag' ||
  node.kind === 'vector' ||
  node.kind === 'local'

export class Lowering {
  readonly #target: Target
  readonly #code: Code
  /** References to each node of the current instruction. */
  #uses = new Map<Node, number>()
  /** Locals of nodes already computed. */
  #locals = new Map<Node, number>()
  readonly #free: Record<Type, number[]> = { i32: [], i64: [], f32: [], f64: [], v128: [] }
  #taken: { type: Type; local: number }[] = []

  readonly #memory: MemoryLowering

  constructor(target: Target) {
    this.#target = target
    this.#code = target.code
    this.#memory = new ArrayLowering(target, this)
  }

  /** A local for the rest of this instruction. */
  temporary(type: Type): number {
    const local = this.#free[type].pop() ?? this.#code.local(type)
    this.#taken.push({ type, local })
    return local
  }

  /** Emits one instruction's effects. */
  instruction(effects: readonly Effect[]): void {
    this.#uses = new Map()
    this.#locals = new Map()
    this.#modified.clear()
    for (const effect of effects) {
      for (const node of inputs(effect)) this.#count(node)
      // Result and auxiliary word both read them.
      if (effect.kind === 'flags') for (const node of inputs(effect)) this.#count(node)
    }
    const updates: Effect[] = []
    for (const effect of effects) {
      if (effect.kind === 'set' || effect.kind === 'setWord' || effect.kind === 'flags') updates.push(effect)
      else if (
        effect.kind === 'jump' ||
        effect.kind === 'branch' ||
        effect.kind === 'callTo' ||
        effect.kind === 'ret'
      ) {
        // The transfer reads registers as they were before the updates.
        for (const node of inputs(effect)) this.pin(node)
        this.#commit(updates)
        updates.length = 0
        this.#target.transfer(effect, (node) => this.value(node))
      } else this.#effect(effect)
    }
    this.#commit(updates)
    for (const { type, local } of this.#taken) this.#free[type].push(local)
    this.#taken = []
  }

  #count(node: Node): void {
    const seen = this.#uses.get(node) ?? 0
    this.#uses.set(node, seen + 1)
    if (seen === 0 && 'args' in node) for (const arg of node.args) this.#count(arg)
  }

  /** Computes a node now, so that later updates do not change what it means. */
  pin(node: Node): void {
    if (
      node.kind === 'const' ||
      node.kind === 'vector' ||
      node.kind === 'field' ||
      node.kind === 'local' ||
      this.#locals.has(node)
    )
      return
    const local = this.temporary(node.type)
    this.#compute(node)
    this.#code.set(local)
    this.#locals.set(node, local)
  }

  /** Puts a node's value on the stack; shared nodes are computed once. */
  value(node: Node): void {
    const known = this.#locals.get(node)
    if (known !== undefined) {
      this.#code.get(known)
      return
    }
    this.#compute(node)
    if ((this.#uses.get(node) ?? 0) > 1 && !trivial(node)) {
      const local = this.temporary(node.type)
      this.#code.tee(local)
      this.#locals.set(node, local)
    }
  }

  #compute(node: Node): void {
    const code = this.#code
    switch (node.kind) {
      case 'const':
        if (node.type === 'i32') code.i32(node.low)
        else code.i64(node.low, node.high)
        return
      case 'vector':
        code.v128(node.bytes)
        return
      case 'pure':
        for (const arg of node.args) this.value(arg)
        code.op(node.op)
        return
      case 'lane':
        for (const arg of node.args) this.value(arg)
        code.lane(node.op, node.lane)
        return
      case 'shuffle':
        for (const arg of node.args) this.value(arg)
        code.shuffle(node.lanes)
        return
      case 'select':
        for (const arg of node.args) this.value(arg)
        code.select()
        return
      case 'get':
        this.#target.getRegister(node.ref, node.width)
        return
      case 'word':
        code.get(this.#target.task)
        code.memory(node.type === 'i64' ? 'i64.load' : 'i32.load', node.offset)
        return
      case 'flag':
        this.#target.getFlag(node.which)
        return
      case 'local':
        code.get(node.index)
        return
      case 'field':
        this.#target.field(node.name, node.type)
        return
      case 'temp':
        assert(false, 'a temporary is used before its effect')
    }
  }

  // ---- effects --------------------------------------------------------------------------------------------------

  #effect(effect: Exclude<Effect, { kind: 'set' | 'setWord' | 'flags' | 'jump' | 'branch' | 'callTo' | 'ret' }>): void {
    const code = this.#code
    switch (effect.kind) {
      case 'load': {
        const parts = effect.upper === undefined ? [effect.out] : [effect.out, effect.upper]
        const locals = parts.map(({ type }) => this.temporary(type))
        this.#memory.access(effect.address, effect.access, false, (host, offset) => {
          locals.forEach((local, n) => {
            host()
            code.memory(effect.op, offset + 16 * n)
            code.set(local)
          })
        })
        for (const [n, part] of parts.entries()) this.#locals.set(part, locals[n] as number)
        return
      }
      case 'store': {
        const parts = effect.upper === undefined ? [effect.value] : [effect.value, effect.upper]
        for (const part of parts) this.pin(part)
        this.#memory.access(effect.address, effect.access, true, (host, offset) => {
          parts.forEach((part, n) => {
            host()
            this.value(part)
            code.memory(effect.op, offset + 16 * n)
          })
        })
        return
      }
      case 'modify': {
        const host = this.#memory.place(effect.address, effect.access, true)
        this.#modified.set(effect.out, host)
        code.get(host)
        code.memory(effect.op)
        this.#define(effect.out)
        return
      }
      case 'update': {
        const host = this.#modified.get(effect.of)
        assert(host !== undefined, 'an update follows its modify')
        code.get(host)
        this.value(effect.value)
        code.memory(effect.op)
        this.#memory.commitCrossing(host, effect.access)
        return
      }
      case 'atomic':
        this.#atomic(effect)
        return
      case 'raise':
        if (effect.condition !== undefined) {
          this.value(effect.condition)
          code.ifUnlikely()
        }
        code.get(this.#target.task)
        code.i32(effect.vector)
        if (effect.error !== undefined) {
          this.value(effect.error)
          code.i32(ERROR_SHIFT)
          code.op('i32.shl')
          code.op('i32.or')
        }
        this.#target.callHelper('raise')
        this.#target.leave()
        if (effect.condition !== undefined) code.end()
        return
      case 'call': {
        if (!effect.sync) {
          code.get(this.#target.task)
          for (const arg of effect.args) this.value(arg)
          this.#target.callHelper(effect.helper)
          if (effect.out !== undefined) this.#define(effect.out)
          return
        }
        for (const arg of effect.args) this.pin(arg)
        this.#target.beforeSync()
        code.get(this.#target.task)
        for (const arg of effect.args) this.value(arg)
        this.#target.callHelper(effect.helper)
        this.#target.afterSync()
      }
    }
  }

  /** Host addresses of the places that `update` will store to. */
  readonly #modified = new Map<Node, number>()

  #define(out: Node): void {
    const local = this.temporary(out.type)
    this.#code.set(local)
    this.#locals.set(out, local)
  }

  #atomic(effect: Extract<Effect, { kind: 'atomic' }>): void {
    const code = this.#code
    const { access, out, op } = effect
    for (const value of effect.values) this.pin(value)
    const host = this.#memory.place(effect.address, access, true)
    const old = this.temporary(out.type)
    const [first, second] = effect.values as [Node, Node | undefined]
    if (access.size > 1) {
      // By the guest address: the scratch area that a page-crossing access works in is aligned.
      this.value(effect.address)
      code.op('i32.wrap_i64')
      code.i32(access.size - 1)
      code.op('i32.and')
      code.if()
      this.#splitLock(effect, host, old)
      code.else()
    }
    code.get(host)
    this.value(first)
    if (second !== undefined) this.value(second)
    code.memory(atomicName(op, access.size, out.type))
    code.set(old)
    if (access.size > 1) code.end()
    this.#locals.set(out, old)
  }

  /** A locked access that is not naturally aligned, so possibly on two lines: plain, as one vCPU at a time runs it. */
  #splitLock({ access, out, op, values }: Extract<Effect, { kind: 'atomic' }>, host: number, old: number): void {
    const code = this.#code
    const [first, second] = values as [Node, Node | undefined]
    const width = out.type === 'i64' ? 'i64' : 'i32'
    const suffix = access.size === 8 || access.size === 4 ? '' : '16'
    code.get(host)
    code.memory(`${width}.load${suffix === '' ? '' : '16_u'}`)
    code.set(old)
    code.get(host)
    if (op === 'xchg') this.value(first)
    else if (op === 'cmpxchg') {
      this.value(second as Node)
      code.get(old)
      code.get(old)
      this.value(first)
      code.op(`${width}.eq`)
      code.select()
    } else {
      code.get(old)
      this.value(first)
      code.op(`${width}.${op}`)
    }
    code.memory(`${width}.store${suffix}`)
    this.#memory.commitCrossing(host, access)
  }

  /** Register and flag updates, together: every value is computed before the first is stored. */
  #commit(updates: readonly Effect[]): void {
    const only = updates.length === 1
    if (!only) {
      for (const update of updates) {
        if (update.kind === 'set' || update.kind === 'setWord') this.pin(update.value)
        else if (update.kind === 'flags') for (const node of flagInputs(update.state)) this.pin(node)
      }
    }
    for (const update of updates) {
      if (update.kind === 'set') this.#target.setRegister(update.ref, update.width, () => this.value(update.value))
      else if (update.kind === 'setWord') {
        this.#code.get(this.#target.task)
        this.value(update.value)
        this.#code.memory(update.value.type === 'i64' ? 'i64.store' : 'i32.store', update.offset)
      } else if (update.kind === 'flags') {
        const { state } = update
        this.#target.setFlags(state, (node) => this.value(node))
      }
    }
  }
}

export const flagInputs = (state: FlagState): readonly Node[] =>
  state.aux !== undefined
    ? [state.result, state.aux]
    : state.kind === 'logic'
      ? [state.result]
      : [state.a, state.b, state.result]

/** The nodes an effect reads. */
export function inputs(effect: Effect): readonly Node[] {
  switch (effect.kind) {
    case 'load':
    case 'modify':
      return [effect.address]
    case 'store':
      return effect.upper === undefined ? [effect.address, effect.value] : [effect.address, effect.value, effect.upper]
    case 'update':
    case 'set':
    case 'setWord':
      return [effect.value]
    case 'atomic':
      return [effect.address, ...effect.values]
    case 'flags':
      return flagInputs(effect.state)
    case 'raise':
      return [effect.condition, effect.error].filter((node) => node !== undefined)
    case 'call':
      return effect.args
    case 'jump':
    case 'ret':
      return [effect.target]
    case 'branch':
      return [effect.condition]
    case 'callTo':
      return [effect.target]
  }
}

function atomicName(op: string, size: number, type: Type): string {
  const suffix = size === 8 || (size === 4 && type === 'i32') ? '' : String(size * 8)
  const name = `${type}.atomic.rmw${suffix}.${op}${suffix === '' ? '' : '_u'}`
  assert(MEMORY[name] !== undefined, `no atomic of this shape: ${name}`)
  return name
}
