// Data flow over a region: which registers may differ from the task record (dirty), which hold a value still wanted (live), and
// where the flags matter. A register set is a pair of bit masks; bit 16 of the general mask stands for the flags.

import { branchTarget } from '../../x86/decoder.js'
import type { Effect, Node, Width } from '../../x86/ir.js'
import { inputs } from '../lower.js'
import type { Block, Instruction } from './discover.js'
import type { Graph } from './structure.js'

export const FLAGS = 1 << 16

/** Bits of a vector mask: the low halves of ymm0 to ymm15, then the upper ones. */
export const VECTOR_HALVES = 32
export const vectorBit = ({ index, high }: { readonly index: number; readonly high: boolean }): number =>
  index + (high ? 16 : 0)

export type Registers = { general: number; vector: number }

/** What one instruction does to registers and flags. */
export type Summary = {
  readonly usesGeneral: number
  readonly usesVector: number
  /** Completely overwritten. */
  readonly setsGeneral: number
  readonly setsVector: number
  readonly readsFlags: boolean
  readonly writesFlags: boolean
  /** May leave the region at this instruction. */
  readonly faults: boolean
  /** The record must hold everything before it and holds everything after it: helpers on the record, guest calls. */
  readonly barrier: boolean
  /** A barrier because of a helper, whose instruction's own updates come after it. */
  readonly syncs: boolean
}

export function summarise(effects: readonly Effect[]): Summary {
  let usesGeneral = 0
  let usesVector = 0
  let setsGeneral = 0
  let setsVector = 0
  let readsFlags = false
  let writesFlags = false
  let faults = false
  let barrier = false
  let syncs = false
  const seen = new Set<Node>()
  const scan = (node: Node): void => {
    if (seen.has(node)) return
    seen.add(node)
    if (node.kind === 'get') {
      const { ref } = node
      if (!('index' in ref)) return
      if (ref.bank === 'gpr') usesGeneral |= 1 << ref.index
      else if (ref.bank === 'vector') usesVector |= 1 << vectorBit(ref)
    } else if (node.kind === 'flag') readsFlags = true
    else if ('args' in node) node.args.forEach(scan)
  }
  for (const effect of effects) {
    inputs(effect).forEach(scan)
    switch (effect.kind) {
      case 'load':
      case 'store':
      case 'modify':
      case 'atomic':
      case 'raise':
        faults = true
        break
      case 'call':
        if (effect.sync) {
          barrier = true
          syncs = true
        }
        break
      case 'callTo':
        barrier = true
        break
      case 'set':
        if (!('index' in effect.ref)) break
        if (effect.ref.bank === 'vector') setsVector |= 1 << vectorBit(effect.ref)
        else if (effect.ref.bank === 'mmx') break
        else if (partial(effect.width)) {
          usesGeneral |= 1 << effect.ref.index
          setsGeneral |= 1 << effect.ref.index
        } else setsGeneral |= 1 << effect.ref.index
        break
      case 'flags':
        writesFlags = true
    }
  }
  return { usesGeneral, usesVector, setsGeneral, setsVector, readsFlags, writesFlags, faults, barrier, syncs }
}

/** The address of a direct call. */
const calledAddress = ({ decoded, flow }: Instruction): number | undefined =>
  flow === 'call' && decoded.form.operands[0]?.kind === 'J' ? branchTarget(decoded) : undefined

const partial = (width: Width | 128) => width === 8 || width === 16

/** Facts at one instruction. */
export type Facts = {
  readonly summary: Summary
  /** May differ from the record before it; the flags' bit only where they also matter. */
  dirtyBefore: Registers
  /** Hold a wanted value after it. */
  liveAfter: Registers
  /** The flags as they are before / after it may be read before they are next written. */
  flagsLiveBefore: boolean
  flagsLiveAfter: boolean
  /** The canonical flag words must be made here. */
  canonicalFlags: boolean
}

export type BlockFacts = {
  readonly instructions: readonly Facts[]
  dirtyIn: Registers
  dirtyOut: Registers
  liveIn: Registers
  flagsLiveIn: boolean
  flagsLiveOut: boolean
}

/** @param flagsLiveAt whether the flags may be read at an address outside the region */
export function analyse(
  blocks: readonly Block[],
  graph: Graph,
  flagsLiveAt: (address: number) => boolean,
): BlockFacts[] {
  const none = (): Registers => ({ general: 0, vector: 0 })
  const facts: BlockFacts[] = blocks.map((block) => ({
    instructions: block.instructions.map((instruction) => ({
      summary: instruction.summary,
      dirtyBefore: none(),
      liveAfter: none(),
      flagsLiveBefore: false,
      flagsLiveAfter: false,
      canonicalFlags: false,
    })),
    dirtyIn: none(),
    dirtyOut: none(),
    liveIn: none(),
    flagsLiveIn: false,
    flagsLiveOut: false,
  }))
  flagLiveness(blocks, graph, facts, flagsLiveAt)
  dirtiness(graph, facts)
  liveness(graph, facts)
  return facts
}

function flagLiveness(
  blocks: readonly Block[],
  graph: Graph,
  facts: BlockFacts[],
  flagsLiveAt: (address: number) => boolean,
): void {
  for (let changed = true; changed; ) {
    changed = false
    for (const index of [...graph.sequence].reverse()) {
      const block = facts[index]!
      const successors = graph.successors[index]!
      // A return, an indirect jump: whoever comes next may look.
      let live = successors.length === 0
      for (const successor of successors) {
        live ||= 'block' in successor ? facts[successor.block]!.flagsLiveIn : flagsLiveAt(successor.exit)
      }
      block.flagsLiveOut = live
      const { instructions } = blocks[index]!
      for (let n = instructions.length - 1; n >= 0; n--) {
        const fact = block.instructions[n]!
        fact.flagsLiveAfter = live
        const { summary } = fact
        if (summary.writesFlags && !summary.readsFlags) live = false
        if (summary.readsFlags) live = true
        if (summary.barrier) {
          const target = calledAddress(instructions[n]!)
          live = target === undefined || flagsLiveAt(target)
        }
        fact.flagsLiveBefore = live
      }
      if (block.flagsLiveIn !== live) {
        block.flagsLiveIn = live
        changed = true
      }
    }
  }
  for (const index of graph.sequence) {
    const block = facts[index]!
    // Backward: is the canonical form wanted before the flags are written again?
    let wanted = block.flagsLiveOut
    for (let n = block.instructions.length - 1; n >= 0; n--) {
      const fact = block.instructions[n]!
      if (fact.summary.writesFlags) {
        fact.canonicalFlags = wanted
        wanted = false
      }
      if ((fact.summary.barrier || fact.summary.faults) && fact.flagsLiveBefore) wanted = true
    }
  }
}

function dirtiness(graph: Graph, facts: BlockFacts[]): void {
  for (let changed = true; changed; ) {
    changed = false
    for (const index of graph.sequence) {
      const block = facts[index]!
      let { general, vector } = block.dirtyIn
      for (const fact of block.instructions) {
        const { summary } = fact
        fact.dirtyBefore = { general, vector }
        // Everything is written back for a helper, and what the instruction sets comes after it…
        if (summary.syncs) {
          general = 0
          vector = 0
        }
        general |= summary.setsGeneral
        vector |= summary.setsVector
        if (summary.writesFlags) general |= FLAGS
        if (summary.barrier && !summary.syncs) {
          // …but a guest call's own updates came before it.
          general = 0
          vector = 0
        }
      }
      block.dirtyOut = { general, vector }
      for (const successor of graph.successors[index]!) {
        if (!('block' in successor)) continue
        const next = facts[successor.block]!.dirtyIn
        if ((next.general | general) !== next.general || (next.vector | vector) !== next.vector) {
          next.general |= general
          next.vector |= vector
          changed = true
        }
      }
    }
  }
}

function liveness(graph: Graph, facts: BlockFacts[]): void {
  for (let changed = true; changed; ) {
    changed = false
    for (const index of [...graph.sequence].reverse()) {
      const block = facts[index]!
      let general = 0
      let vector = 0
      const successors = graph.successors[index]!
      if (successors.length === 0 || successors.some((successor) => 'exit' in successor)) {
        general = block.dirtyOut.general
        vector = block.dirtyOut.vector
      }
      for (const successor of successors) {
        if (!('block' in successor)) continue
        general |= facts[successor.block]!.liveIn.general
        vector |= facts[successor.block]!.liveIn.vector
      }
      for (let n = block.instructions.length - 1; n >= 0; n--) {
        const fact = block.instructions[n]!
        const { summary } = fact
        fact.liveAfter = { general, vector }
        if (summary.barrier) {
          // Before a barrier everything dirty is stored, whatever comes after; a call's own updates come before it.
          general = fact.dirtyBefore.general | summary.setsGeneral
          vector = fact.dirtyBefore.vector | summary.setsVector
        }
        general &= ~summary.setsGeneral
        vector &= ~summary.setsVector
        general |= summary.usesGeneral
        vector |= summary.usesVector
        if (summary.faults) {
          general |= fact.dirtyBefore.general
          vector |= fact.dirtyBefore.vector
        }
      }
      // The poll at a loop's header may leave.
      if (graph.isLoopHeader[index]) {
        general |= block.dirtyIn.general
        vector |= block.dirtyIn.vector
      }
      general &= ~FLAGS
      if (general !== block.liveIn.general || vector !== block.liveIn.vector) {
        block.liveIn = { general, vector }
        changed = true
      }
    }
  }
}
