// Emits a region: one wasm function, (task, budget) → RESULT, for a function-shaped piece of guest code. Guest registers are locals; the task
// record is brought up to date where control leaves. A failed access goes to the one landing, which stores what its site's
// row of the site table names.

import { assert, unreachable } from '../../lib/assert.js'
import { Code, ModuleBuilder } from '../../wasm/encoder.js'
import { auxOf, CANONICAL, resultOf } from '../../x86/flags.js'
import type { Effect, FieldName, FlagState, Node, Ref, Type, Width } from '../../x86/ir.js'
import { Sem } from '../../x86/semantics.js'
import { CALL_SITE_DIRECT, CALL_SITE_SIZE } from '../call-site.js'
import { DISPATCH, EXIT_DEPTH, FRAME_BYTES } from '../dispatch.js'
import { HELPERS, RESULT } from '../helpers.js'
import { EXIT } from '../host.js'
import { HELPER_TABLE_SIZE } from '../interpreter.js'
import { flagInputs, Lowering, type Target } from '../lower.js'
import { EXIT_REASON, FLAG_AUX, FLAG_RESULT, GPR, POLL, RIP, TRANSLATION, VECTOR, VECTOR_STRIDE } from '../record.js'
import { type BlockFacts, type Facts, FLAGS, type Registers } from './analyse.js'
import type { Block, Successor } from './discover.js'
import { KnownEnvironment } from './environment.js'
import { type Group, groupAccesses, type Member } from './groups.js'
import { LoopMemory } from './loop-memory.js'
import type { Graph } from './structure.js'

/** Where the landing finds what to store: rows of 16 bytes {general mask, vector mask, rip}. */
export type Site = { readonly general: number; readonly vector: number; readonly address: number }
export const SITE_SIZE = 16
/** In a site's general mask: not a failure but a seldom taken way out; the hub goes on at rip. */
const LANDS_TO_JUMP = 1 << 17

export type Region = {
  readonly bytes: Uint8Array
  readonly sites: readonly Site[]
  /** Targets of direct guest calls and of jumps out, in the order of their call sites from `callBase`. */
  readonly calls: readonly number[]
}

const TASK = 0
const BUDGET = 1
/** The region's own index: it imports no functions. */
const SELF = 0
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
): Region {
  const builder = new ModuleBuilder()
  builder.importMemory('lego', 'memory', 1, memoryPages)
  builder.importTable('lego', 'helpers', HELPER_TABLE_SIZE)
  const type = builder.type(['i32', 'i32'], ['i64'])
  const emitter = new Emitter(builder, blocks, graph, facts, siteBase, callBase)
  const code = emitter.emit()
  builder.name(SELF, `region ${blocks[0]!.address.toString(16)}`)
  builder.exportFunction('region', builder.function(type, code))
  return { bytes: builder.build(), sites: emitter.sites, calls: emitter.calls }
}

type Label = { readonly kind: 'loop' | 'after' | 'other'; readonly block: number; readonly depth: number }

class Emitter implements Target {
  readonly code = new Code(2)
  readonly task = TASK
  readonly sites: Site[] = []
  readonly calls: number[] = []
  readonly #builder: ModuleBuilder
  readonly #blocks: readonly Block[]
  readonly #graph: Graph
  readonly #facts: readonly BlockFacts[]
  readonly #siteBase: number
  readonly #callBase: number
  readonly #general: number[] = []
  readonly #vector: number[] = []
  readonly #translation: number
  readonly #site: number
  readonly #flagResult: number
  readonly #flagAux: number
  readonly #status: number
  readonly #result: number
  readonly #lowering: Lowering
  /** Accesses of the current instruction that share translations, in order, and the locals of their groups. */
  #members: (Member | undefined)[] = []
  readonly #memory: LoopMemory
  #block = 0
  readonly #groupHosts = new Map<Group, number>()
  readonly #groupLocals: number[] = []
  readonly #groups: readonly (Member | undefined)[][][]
  readonly #labels: Label[] = []
  /** Depth of the block whose end is the landing. */
  #landing = 0
  /** Flags as the instruction about to be recorded finds them. */
  #pending: FlagState = CANONICAL
  #instruction: Facts | undefined
  #address = 0
  #next = 0
  /** Registers that the current instruction has updated already (a call pushes, then transfers). */
  #updatedGeneral = 0
  #updatedVector = 0
  #flagSet = 0
  readonly #flagLocals = new Map<string, number>()
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
  ) {
    this.#builder = builder
    this.#blocks = blocks
    this.#graph = graph
    this.#facts = facts
    this.#siteBase = siteBase
    this.#callBase = callBase
    this.#translation = this.code.local('i32')
    this.#site = this.code.local('i32')
    this.#flagResult = this.code.local('i64')
    this.#flagAux = this.code.local('i32')
    this.#status = this.code.local('i32')
    this.#result = this.code.local('i64')
    for (let n = 0; n < 16; n++) this.#general.push(this.code.local('i64'))
    for (let n = 0; n < 16; n++) this.#vector.push(this.code.local('v128'))
    this.#lowering = new Lowering(this)
    this.#groups = blocks.map((block, index) => groupAccesses(block, facts[index]!))
    this.#memory = new LoopMemory(this.code, graph, facts, this.#groups.map(probes))
  }

  emit(): Code {
    const { code } = this
    code.get(TASK)
    code.memory('i32.load', TRANSLATION)
    code.set(this.#translation)
    this.#load(this.#facts[0]!.liveIn)
    if (this.#facts[0]!.flagsLiveIn) this.#loadFlags()
    code.block()
    this.#landing = code.depth
    this.#tree(0)
    code.unreachable()
    code.end()
    this.#emitLanding()
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
    this.#pending = CANONICAL
    this.#left = false
    this.#block = index
    const groups = this.#groups[index]!
    this.#groupHosts.clear()
    block.instructions.forEach((instruction, n) => {
      const { decoded } = instruction
      this.#instruction = facts.instructions[n]!
      this.#address = decoded.address
      this.#next = decoded.next
      this.#updatedGeneral = 0
      this.#updatedVector = 0
      this.#condition = -1
      this.#members = [...groups[n]!]
      const sem = new Sem(decoded.form, decoded.width, new KnownEnvironment(decoded, this.#pending))
      decoded.form.semantics(sem)
      this.#lowering.instruction(sem.finish())
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
        this.#land(facts.dirtyOut, facts.flagsLiveOut, successor.exit, LANDS_TO_JUMP)
        return
      }
      this.#writeBack(facts.dirtyOut, facts.flagsLiveOut && (facts.dirtyOut.general & FLAGS) !== 0)
      this.#jumpOut(successor.exit)
      return
    }
    const label = this.#label(from, successor.block)
    if (label >= 0) this.code.br(label)
    else this.#tree(successor.block)
  }

  /** To code outside: straight to its region where the site is linked, else by the hub, which also looks at the poll word. */
  #jumpOut(target: number): void {
    const { code } = this
    const site = this.#siteFor(target)
    const direct = this.#status
    code.i32(site)
    code.memory('i32.load', CALL_SITE_DIRECT)
    code.tee(direct)
    code.op('i32.eqz')
    code.get(TASK)
    code.memory('i32.load', POLL)
    code.op('i32.or')
    code.ifUnlikely()
    this.#setRip(target)
    code.get(TASK)
    code.i32(site)
    this.callHelper('linkJump')
    code.i64(RESULT.jump)
    code.return()
    code.end()
    code.get(TASK)
    code.get(BUDGET)
    code.get(direct)
    code.returnCallIndirect(this.#builder.type(['i32', 'i32'], ['i64']), 0)
  }

  #siteFor(target: number): number {
    return this.#callBase + (this.calls.push(target) - 1) * CALL_SITE_SIZE
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
    this.#land(facts.dirtyIn, facts.flagsLiveIn, this.#blocks[block]!.address)
    code.end()
  }

  // ---- the record -----------------------------------------------------------------------------------------------

  #load({ general, vector }: Registers): void {
    const { code } = this
    for (let n = 0; n < 16; n++) {
      if ((general >> n) & 1) {
        code.get(TASK)
        code.memory('i64.load', GPR + n * 8)
        code.set(this.#general[n]!)
      }
    }
    for (let n = 0; n < 16; n++) {
      if ((vector >> n) & 1) {
        code.get(TASK)
        code.memory('v128.load', VECTOR + n * VECTOR_STRIDE)
        code.set(this.#vector[n]!)
      }
    }
  }

  #loadFlags(): void {
    const { code } = this
    code.get(TASK)
    code.memory('i64.load', FLAG_RESULT)
    code.set(this.#flagResult)
    code.get(TASK)
    code.memory('i32.load', FLAG_AUX)
    code.set(this.#flagAux)
  }

  #storeGeneral(n: number): void {
    this.code.get(TASK)
    this.code.get(this.#general[n]!)
    this.code.memory('i64.store', GPR + n * 8)
  }

  #storeVector(n: number): void {
    this.code.get(TASK)
    this.code.get(this.#vector[n]!)
    this.code.memory('v128.store', VECTOR + n * VECTOR_STRIDE)
  }

  #storeFlags(): void {
    this.code.get(TASK)
    this.code.get(this.#flagResult)
    this.code.memory('i64.store', FLAG_RESULT)
    this.code.get(TASK)
    this.code.get(this.#flagAux)
    this.code.memory('i32.store', FLAG_AUX)
  }

  #writeBack({ general, vector }: Registers, flags: boolean): void {
    for (let n = 0; n < 16; n++) if ((general >> n) & 1) this.#storeGeneral(n)
    for (let n = 0; n < 16; n++) if ((vector >> n) & 1) this.#storeVector(n)
    if (flags) this.#storeFlags()
  }

  #setRip(address: number): void {
    this.code.get(TASK)
    this.code.i64Number(address)
    this.code.memory('i64.store', RIP)
  }

  /** Goes to the landing, which stores these registers and this rip; EXIT_REASON is set, or the result is LANDS_TO_JUMP. */
  #land(dirty: Registers, flags: boolean, address: number, result = 0): void {
    const general = (flags ? dirty.general : dirty.general & ~FLAGS) | result
    // An instruction's accesses follow each other.
    const last = this.sites.at(-1)
    if (last === undefined || last.address !== address || last.general !== general || last.vector !== dirty.vector) {
      this.sites.push({ general, vector: dirty.vector, address })
    }
    const site = this.sites.length - 1
    this.code.i32(this.#siteBase + site * SITE_SIZE)
    this.code.set(this.#site)
    this.code.br(this.code.depth - this.#landing)
  }

  #emitLanding(): void {
    const { code } = this
    const general = this.sites.reduce((all, site) => all | site.general, 0)
    const vector = this.sites.reduce((all, site) => all | site.vector, 0)
    const conditional = (offset: number, bit: number, store: () => void) => {
      code.get(this.#site)
      code.memory('i32.load', offset)
      code.i32(1 << bit)
      code.op('i32.and')
      code.if()
      store()
      code.end()
    }
    for (let n = 0; n < 16; n++) if ((general >> n) & 1) conditional(0, n, () => this.#storeGeneral(n))
    if (general & FLAGS) conditional(0, 16, () => this.#storeFlags())
    for (let n = 0; n < 16; n++) if ((vector >> n) & 1) conditional(4, n, () => this.#storeVector(n))
    code.get(TASK)
    code.get(this.#site)
    code.memory('i64.load', 8)
    code.memory('i64.store', RIP)
    code.i64(RESULT.jump)
    code.i64(RESULT.unwind)
    code.get(this.#site)
    code.memory('i32.load', 0)
    code.i32(LANDS_TO_JUMP)
    code.op('i32.and')
    code.select()
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
    const { code } = this
    assert('index' in ref, 'a region knows its registers')
    if (ref.bank === 'vector') {
      code.get(this.#vector[ref.index]!)
      return
    }
    code.get(this.#general[ref.index]!)
    if (width === 64) return
    code.op('i32.wrap_i64')
    if (width === 32) return
    if (ref.high) {
      code.i32(8)
      code.op('i32.shr_u')
    }
    code.i32(width === 16 ? 0xffff : 0xff)
    code.op('i32.and')
  }

  setRegister(ref: Ref, width: Width | 128, value: () => void): void {
    const { code } = this
    assert('index' in ref, 'a region knows its registers')
    if (ref.bank === 'vector') {
      value()
      code.set(this.#vector[ref.index]!)
      this.#updatedVector |= 1 << ref.index
      return
    }
    const local = this.#general[ref.index]!
    this.#updatedGeneral |= 1 << ref.index
    if (width === 64 || width === 32) {
      value()
      if (width === 32) code.op('i64.extend_i32_u')
      code.set(local)
      return
    }
    const shift = ref.high ? 8 : 0
    code.get(local)
    code.i64(~((width === 16 ? 0xffff : 0xff) << shift), -1)
    code.op('i64.and')
    value()
    code.op('i64.extend_i32_u')
    if (shift > 0) {
      code.i64(shift, 0)
      code.op('i64.shl')
    }
    code.op('i64.or')
    code.set(local)
  }

  getFlag(which: 'result' | 'aux'): void {
    this.code.get(which === 'result' ? this.#flagResult : this.#flagAux)
  }

  setFlags(state: FlagState, emit: (node: Node) => void): void {
    const { code } = this
    // Operands stay in locals for conditions further down the block; what nobody reads, TurboFan drops. Two sets take turns, as the
    // new flags may be made of the old.
    this.#flagSet ^= 1
    let taken = 0
    const held = new Map<Node, Node>()
    const hold = (node: Node): Node => {
      if (node.kind === 'const') return node
      const known = held.get(node)
      if (known !== undefined) return known
      const index = this.#flagLocal(node.type, taken++)
      emit(node)
      code.set(index)
      const local: Node = { kind: 'local', type: node.type, index }
      held.set(node, local)
      return local
    }
    if (this.#instruction!.canonicalFlags) {
      // Both words are computed before either local changes: they may be made of the old ones.
      emit(resultOf(state))
      emit(auxOf(state))
      code.set(this.#flagAux)
      code.set(this.#flagResult)
    }
    if (state.kind === 'canonical' && this.#instruction!.canonicalFlags) this.#pending = CANONICAL
    else {
      for (const node of flagInputs(state)) hold(node)
      const of = (node: Node) => held.get(node) ?? node
      this.#pending = {
        ...state,
        a: of(state.a),
        b: of(state.b),
        result: of(state.result),
        aux: state.aux && of(state.aux),
      }
    }
  }

  #flagLocal(type: Type, position: number): number {
    const key = `${this.#flagSet}${type}${position}`
    let local = this.#flagLocals.get(key)
    if (local === undefined) {
      local = this.code.local(type)
      this.#flagLocals.set(key, local)
    }
    return local
  }

  field(_name: FieldName, _type: 'i32' | 'i64'): void {
    assert(false, 'a region knows its operands')
  }

  callHelper(helper: string): void {
    const index = functionIndex.get(helper)
    if (index === undefined) unreachable(`no such helper: ${helper}`)
    const { params, results } = functions[index]!
    this.code.i32(index)
    this.code.callIndirect(this.#builder.type(params, results), 0)
  }

  leave(): void {
    const facts = this.#instruction!
    this.#land(facts.dirtyBefore, facts.flagsLiveBefore, this.#address)
  }

  beforeSync(): void {
    const facts = this.#instruction!
    this.#writeBack(facts.dirtyBefore, facts.flagsLiveBefore && (facts.dirtyBefore.general & FLAGS) !== 0)
    this.#setRip(this.#address)
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
    this.#load(facts.liveAfter)
    if (facts.flagsLiveAfter) this.#loadFlags()
    this.#pending = CANONICAL
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
      general: facts.dirtyBefore.general | this.#updatedGeneral,
      vector: facts.dirtyBefore.vector | this.#updatedVector,
    }
    this.#writeBack(dirty, facts.flagsLiveBefore && (dirty.general & FLAGS) !== 0)
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
      if (effect.kind === 'ret') code.get(this.#result)
      else code.i64(RESULT.jump)
      code.return()
      this.#left = true
      return
    }
    if (direct === undefined) {
      code.get(TASK)
      code.get(BUDGET)
      this.callHelper('callDynamic')
    } else if (direct === this.#blocks[0]!.address) this.#callSelf()
    else this.#callSite(this.#siteFor(direct))
    code.tee(this.#result)
    code.i64Number(this.#next)
    code.op('i64.ne')
    code.ifUnlikely()
    code.get(this.#result)
    code.return()
    code.end()
    this.#reload()
  }

  /** Directly to the callee's region where the site is linked and there is stack for it; else through the hub. */
  #callSite(site: number): void {
    const { code } = this
    const direct = this.#status
    code.i32(site)
    code.memory('i32.load', CALL_SITE_DIRECT)
    code.tee(direct)
    code.op('i32.eqz')
    code.get(BUDGET)
    code.i32(FRAME_BYTES)
    code.op('i32.lt_s')
    code.op('i32.or')
    code.ifUnlikely('i64')
    code.get(TASK)
    code.i32(site)
    code.get(BUDGET)
    this.callHelper('callSite')
    code.else()
    code.get(TASK)
    this.#lessBudget()
    code.get(direct)
    code.callIndirect(this.#builder.type(['i32', 'i32'], ['i64']), 0)
    this.#unlessJump()
    code.end()
  }

  #lessBudget(): void {
    this.code.get(BUDGET)
    this.code.i32(FRAME_BYTES)
    this.code.op('i32.sub')
  }

  /** A callee that goes on elsewhere than by returning does so in the hub. */
  #unlessJump(): void {
    const { code } = this
    code.tee(this.#result)
    code.i64(RESULT.jump)
    code.op('i64.eq')
    code.ifUnlikely('i64')
    code.get(TASK)
    code.get(BUDGET)
    this.callHelper('callDynamic')
    code.else()
    code.get(this.#result)
    code.end()
  }

  /** A function that calls itself needs no hub, unless it goes on elsewhere than by returning. */
  #callSelf(): void {
    const { code } = this
    code.get(BUDGET)
    code.i32(FRAME_BYTES)
    code.op('i32.lt_s')
    code.ifUnlikely()
    code.get(TASK)
    code.i32(EXIT_DEPTH)
    code.memory('i32.store', EXIT_REASON)
    this.#setRip(this.#blocks[0]!.address)
    code.i64(RESULT.unwind)
    code.return()
    code.end()
    code.get(TASK)
    this.#lessBudget()
    code.call(SELF)
    this.#unlessJump()
  }
}

/** How many probes a block emits: one for each access alone and for the first of each group. */
const probes = (accesses: readonly (readonly (Member | undefined)[])[]): number =>
  accesses.flat().filter((member) => member === undefined || member.first).length

const constantAddress = (node: Extract<Node, { kind: 'const' }>): number => node.high * 0x100000000 + (node.low >>> 0)
