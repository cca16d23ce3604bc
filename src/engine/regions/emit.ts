// Emits a region: one wasm function, (task, budget) → RESULT, for a function-shaped piece of guest code. Guest registers are locals; the task
// record is brought up to date where control leaves. A failed access goes to the one landing, which stores what its site's
// row of the site table names.

import { assert, unreachable } from '../../lib/assert.js'
import { Code, ModuleBuilder } from '../../wasm/encoder.js'
import { CANONICAL } from '../../x86/flags.js'
import type { Effect, FieldName, FlagState, Node, Ref, Width } from '../../x86/ir.js'
import { record } from '../../x86/semantics.js'
import { DISPATCH } from '../dispatch.js'
import { HELPERS, RESULT } from '../helpers.js'
import { EXIT } from '../host.js'
import { HELPER_TABLE_SIZE } from '../interpreter.js'
import { Lowering, type Target } from '../lower.js'
import { EXIT_REASON, POLL, RIP, TRANSLATION } from '../record.js'
import { type BlockFacts, type Facts, FLAGS } from './analyse.js'
import { Calls, SELF } from './calls.js'
import type { Block, Successor } from './discover.js'
import { KnownEnvironment } from './environment.js'
import { type Group, groupAccesses, type Member } from './groups.js'
import { LoopMemory } from './loop-memory.js'
import { LANDS_TO_JUMP, RegisterFile, type Site } from './registers.js'
import type { Graph } from './structure.js'

export type Region = {
  readonly bytes: Uint8Array
  readonly sites: readonly Site[]
  /** Targets of direct guest calls and of jumps out, in the order of their call sites from `callBase`. */
  readonly calls: readonly number[]
}

const TASK = 0
const BUDGET = 1
const functions = [...HELPERS, ...DISPATCH]
const functionIndex = new Map(functions.map(({ name }, index) => [name, index]))

/** @param siteBase where the caller will put the rows of `sites`; @param callBase where it has zeroed call sites */
export function emitRegion(
  blocks: readonly Block[],
  graph: Graph,
  facts: readonly BlockFacts[],
  siteBase: number,
  callBase: number,
  memoryPages: number,
  careful: boolean,
): Region {
  const builder = new ModuleBuilder()
  builder.importMemory('lego', 'memory', 1, memoryPages)
  builder.importTable('lego', 'helpers', HELPER_TABLE_SIZE)
  const type = builder.type(['i32', 'i32'], ['i64'])
  const emitter = new Emitter(builder, blocks, graph, facts, siteBase, callBase, careful)
  const code = emitter.emit()
  builder.name(SELF, `region ${blocks[0]!.address.toString(16)}`)
  builder.exportFunction('region', builder.function(type, code))
  return { bytes: builder.build(), sites: emitter.sites, calls: emitter.calls }
}

type Label = { readonly kind: 'loop' | 'after' | 'other'; readonly block: number; readonly depth: number }

class Emitter implements Target {
  readonly code = new Code(2)
  readonly task = TASK
  readonly #builder: ModuleBuilder
  readonly #blocks: readonly Block[]
  readonly #graph: Graph
  readonly #facts: readonly BlockFacts[]
  readonly #careful: boolean
  readonly #translation: number
  readonly #status: number
  readonly #result: number
  readonly #registers: RegisterFile
  readonly #calls: Calls
  readonly #lowering: Lowering
  /** Accesses of the current instruction that share translations, in order, and the locals of their groups. */
  #members: (Member | undefined)[] = []
  readonly #memory: LoopMemory
  #block = 0
  readonly #groupHosts = new Map<Group, number>()
  readonly #groupLocals: number[] = []
  readonly #groups: readonly (Member | undefined)[][][]
  readonly #labels: Label[] = []
  #instruction: Facts | undefined
  #address = 0
  #next = 0
  /** The branch condition is on the wasm stack's local, for the block's terminator. */
  #condition = -1
  #left = false

  constructor(
    builder: ModuleBuilder,
    blocks: readonly Block[],
    graph: Graph,
    facts: readonly BlockFacts[],
    siteBase: number,
    callBase: number,
    careful: boolean,
  ) {
    this.#careful = careful
    this.#builder = builder
    this.#blocks = blocks
    this.#graph = graph
    this.#facts = facts
    this.#translation = this.code.local('i32')
    this.#status = this.code.local('i32')
    this.#result = this.code.local('i64')
    this.#registers = new RegisterFile(this.code, TASK, siteBase)
    this.#calls = new Calls(this.code, builder, (name, tail) => this.callHelper(name, tail), TASK, BUDGET, callBase)
    this.#lowering = new Lowering(this)
    this.#groups = blocks.map((block, index) => groupAccesses(block, facts[index]!))
    this.#memory = new LoopMemory(this.code, graph, facts, this.#groups.map(probes))
  }

  get sites(): readonly Site[] {
    return this.#registers.sites
  }
  get calls(): readonly number[] {
    return this.#calls.targets
  }

  emit(): Code {
    const { code } = this
    code.get(TASK)
    code.memory('i32.load', TRANSLATION)
    code.set(this.#translation)
    this.#registers.load(this.#facts[0]!.liveIn)
    if (this.#facts[0]!.flagsLiveIn) this.#registers.loadFlags()
    this.#registers.openLanding()
    this.#tree(0)
    code.unreachable()
    this.#registers.closeLanding()
    return code
  }

  // ---- structure: graph to nested labels ------------------------------------------------------------------------

  #tree(block: number): void {
    const { code } = this
    const merges = this.#graph.children[block]!.filter((child) => this.#graph.isMerge[child])
    if (this.#graph.isLoopHeader[block]) {
      this.#memory.forget(block)
      code.loop()
      this.#labels.push({ kind: 'loop', block, depth: code.depth })
      this.#poll(block)
    }
    // The merge that comes last in order is followed from the outermost block.
    for (const merge of [...merges].reverse()) {
      code.block()
      this.#labels.push({ kind: 'after', block: merge, depth: code.depth })
    }
    this.#emitBlock(block)
    for (const merge of merges) {
      code.end()
      this.#labels.pop()
      this.#tree(merge)
    }
    if (this.#graph.isLoopHeader[block]) {
      code.unreachable()
      code.end()
      this.#labels.pop()
      code.unreachable()
    }
  }

  /** Depth to branch to for a block that has an open label; -1 when it is emitted in place instead. */
  #label(from: number, to: number): number {
    const back = this.#graph.order[to]! <= this.#graph.order[from]!
    const kind = back ? 'loop' : 'after'
    const label = this.#labels.findLast((one) => one.kind === kind && one.block === to)
    return label === undefined ? -1 : this.code.depth - label.depth
  }

  #emitBlock(index: number): void {
    const block = this.#blocks[index]!
    const facts = this.#facts[index]!
    this.#registers.flags = CANONICAL
    this.#left = false
    this.#block = index
    const groups = this.#groups[index]!
    this.#groupHosts.clear()
    block.instructions.forEach((instruction, n) => {
      const { decoded } = instruction
      this.#instruction = facts.instructions[n]!
      this.#address = decoded.address
      this.#next = decoded.next
      this.#registers.updated = { general: 0, vector: 0 }
      this.#condition = -1
      this.#members = [...groups[n]!]
      const environment = new KnownEnvironment(decoded, this.#registers.flags, this.#careful)
      this.#lowering.instruction(record(decoded.form, decoded.width, environment))
    })
    if (this.#left) return
    const successors = this.#graph.successors[index]!
    if (successors.length === 2) this.#branch(index, successors[0]!, successors[1]!, this.#condition)
    else if (successors.length === 1) this.#go(index, successors[0]!)
    else this.code.unreachable()
  }

  #branch(from: number, taken: Successor, otherwise: Successor, condition: number): void {
    const { code } = this
    const takenLabel = 'block' in taken ? this.#label(from, taken.block) : -1
    const otherLabel = 'block' in otherwise ? this.#label(from, otherwise.block) : -1
    code.get(condition)
    if (takenLabel >= 0) {
      code.brIf(takenLabel)
      this.#go(from, otherwise)
    } else if (otherLabel >= 0) {
      code.op('i32.eqz')
      code.brIf(otherLabel)
      this.#go(from, taken)
    } else {
      code.if()
      this.#labels.push({ kind: 'other', block: -1, depth: code.depth })
      this.#go(from, taken)
      code.else()
      this.#go(from, otherwise)
      this.#labels.pop()
      code.end()
      code.unreachable()
    }
  }

  #go(from: number, successor: Successor): void {
    if ('exit' in successor) {
      const facts = this.#facts[from]!
      if (successor.cold) {
        this.#registers.land(facts.dirtyOut, facts.flagsLiveOut, successor.exit, LANDS_TO_JUMP)
        return
      }
      this.#registers.writeBack(facts.dirtyOut, facts.flagsLiveOut && (facts.dirtyOut.general & FLAGS) !== 0)
      this.#calls.jumpOut(successor.exit)
      return
    }
    const label = this.#label(from, successor.block)
    if (label >= 0) this.code.br(label)
    else this.#tree(successor.block)
  }

  /** A loop's header: leaves when the task is wanted elsewhere; it comes back through a region that starts here. */
  #poll(block: number): void {
    const { code } = this
    const facts = this.#facts[block]!
    code.get(TASK)
    code.memory('i32.load', POLL)
    code.ifUnlikely()
    code.get(TASK)
    code.i32(EXIT.poll)
    code.memory('i32.store', EXIT_REASON)
    this.#registers.land(facts.dirtyIn, facts.flagsLiveIn, this.#blocks[block]!.address)
    code.end()
  }

  // ---- Target: what one instruction needs ------------------------------------------------------------------------

  shared(): ReturnType<NonNullable<Target['shared']>> {
    const member = this.#members.shift()
    if (member === undefined) return undefined
    let host = this.#groupHosts.get(member.group)
    if (host === undefined) {
      // Groups end with their block: the next block's take the same locals.
      const position = this.#groupHosts.size
      host = this.#groupLocals[position] ??= this.code.local('i32')
      this.#groupHosts.set(member.group, host)
    }
    const { length, write } = member.group
    return { host, offset: member.offset, length, write, first: member.first }
  }

  remembered(): ReturnType<NonNullable<Target['remembered']>> {
    return this.#memory.next(this.#block)
  }

  translation(): void {
    this.code.get(this.#translation)
  }

  getRegister(ref: Ref, width: Width | 128): void {
    this.#registers.get(ref, width)
  }

  setRegister(ref: Ref, width: Width | 128, value: () => void): void {
    this.#registers.set(ref, width, value)
  }

  getFlag(which: 'result' | 'aux'): void {
    this.#registers.getFlag(which)
  }

  setFlags(state: FlagState, emit: (node: Node) => void): void {
    this.#registers.setFlags(state, this.#instruction!.canonicalFlags, emit)
  }

  field(_name: FieldName, _type: 'i32' | 'i64'): void {
    assert(false, 'a region knows its operands')
  }

  callHelper(helper: string, tail = false): void {
    const index = functionIndex.get(helper)
    if (index === undefined) unreachable(`no such helper: ${helper}`)
    const { params, results } = functions[index]!
    this.code.i32(index)
    const type = this.#builder.type(params, results)
    if (tail) this.code.returnCallIndirect(type, 0)
    else this.code.callIndirect(type, 0)
  }

  leave(): void {
    const facts = this.#instruction!
    this.#registers.land(facts.dirtyBefore, facts.flagsLiveBefore, this.#address)
  }

  beforeSync(): void {
    const facts = this.#instruction!
    this.#registers.writeBack(facts.dirtyBefore, facts.flagsLiveBefore && (facts.dirtyBefore.general & FLAGS) !== 0)
    this.#registers.setRip(this.#address)
  }

  afterSync(): void {
    const { code } = this
    code.if()
    code.i64(RESULT.unwind)
    code.return()
    code.end()
    this.#reload()
  }

  #reload(): void {
    const facts = this.#instruction!
    this.#registers.load(facts.liveAfter)
    if (facts.flagsLiveAfter) this.#registers.loadFlags()
    this.#registers.flags = CANONICAL
  }

  transfer(effect: Extract<Effect, { kind: 'jump' | 'branch' | 'callTo' | 'ret' }>, emit: (node: Node) => void): void {
    const { code } = this
    if (effect.kind === 'branch') {
      emit(effect.condition)
      this.#condition = this.#status
      code.set(this.#status)
      return
    }
    // A direct jump is the block's edge.
    if (effect.kind === 'jump' && effect.target.kind === 'const') return
    const facts = this.#instruction!
    const dirty = {
      general: facts.dirtyBefore.general | this.#registers.updated.general,
      vector: facts.dirtyBefore.vector | this.#registers.updated.vector,
    }
    this.#registers.writeBack(dirty, facts.flagsLiveBefore && (dirty.general & FLAGS) !== 0)
    const direct =
      effect.kind === 'callTo' && effect.target.kind === 'const' ? constantAddress(effect.target) : undefined
    if (direct === undefined) {
      emit(effect.target)
      code.set(this.#result)
      code.get(TASK)
      code.get(this.#result)
      code.memory('i64.store', RIP)
    }
    if (effect.kind !== 'callTo') {
      if (effect.kind === 'ret') {
        code.get(this.#result)
        code.return()
      } else this.#calls.jumpDynamic()
      this.#left = true
      return
    }
    if (direct === undefined) {
      code.get(TASK)
      code.get(BUDGET)
      this.callHelper('callDynamic')
    } else if (direct === this.#blocks[0]!.address) this.#calls.callSelf(direct)
    else this.#calls.callSite(direct)
    code.tee(this.#result)
    code.i64Number(this.#next)
    code.op('i64.ne')
    code.ifUnlikely()
    code.get(this.#result)
    code.return()
    code.end()
    this.#reload()
  }
}

/** How many probes a block emits: one for each access alone and for the first of each group. */
const probes = (accesses: readonly (readonly (Member | undefined)[])[]): number =>
  accesses.flat().filter((member) => member === undefined || member.first).length

const constantAddress = (node: Extract<Node, { kind: 'const' }>): number => node.high * 0x100000000 + (node.low >>> 0)
