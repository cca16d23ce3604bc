// Finds the code of a region: from an entry along direct branches, bounded, cut into basic blocks. Calls stay inside a block
// (they come back); what lies beyond the bounds, or was never reached, is an exit.

import { branchTarget, type Decoded } from '../../x86/decoder.js'
import type { Flow } from '../../x86/flows.js'
import type { Effect } from '../../x86/ir.js'
import type { Summary } from './analyse.js'

/** One guest instruction of a region. */
export type Instruction = {
  readonly decoded: Decoded
  readonly flow: Flow
  /** Recorded with the flags canonical: what it reads and writes. */
  readonly effects: readonly Effect[]
  readonly summary: Summary
}

/** Where a block leads: the index of a block, or a guest address outside the region. */
/** `cold`: control has not been there yet. */
export type Successor = { readonly block: number } | { readonly exit: number; readonly cold: boolean }

export type Block = {
  readonly address: number
  readonly instructions: readonly Instruction[]
  /** jump/fall-through: one; branch: taken, then not taken; ret, indirect jump, raise: none. */
  readonly successors: readonly Successor[]
}

/** Bounds of a region: TurboFan's time grows faster than the function (docs/internals.md). */
const INSTRUCTIONS_MAX = 400
const SITES_MAX = 160
/** Direct jumps farther than this leave the function they are in (tail calls). */
const REACH = 16 * 1024

export type Source = {
  /** The instruction at an address, decoded into an object of its own and recorded; undefined where there is none to compile. */
  instruction(address: number): Instruction | undefined
  /** Whether control has been at this branch target yet: what never ran is left out. */
  reached(address: number): boolean
}

const isSite = (effect: Effect) =>
  effect.kind === 'load' || effect.kind === 'store' || effect.kind === 'modify' || effect.kind === 'atomic'

/** The direct target of an instruction, if it has one. */
function targetOf({ decoded, flow }: Instruction): number | undefined {
  return (flow === 'branch' || flow === 'jump') && decoded.form.operands[0]?.kind === 'J'
    ? branchTarget(decoded)
    : undefined
}

export function discover(entry: number, source: Source): Block[] {
  const instructions = new Map<number, Instruction>()
  const leaders = new Set([entry])
  const work = [entry]
  let sites = 0
  for (let address = work.shift(); address !== undefined; address = work.shift()) {
    for (let at = address; !instructions.has(at); ) {
      if (instructions.size >= INSTRUCTIONS_MAX || sites >= SITES_MAX) break
      const instruction = source.instruction(at)
      if (instruction === undefined) break
      instructions.set(at, instruction)
      for (const effect of instruction.effects) if (isSite(effect)) sites++
      const target = targetOf(instruction)
      if (target !== undefined && Math.abs(target - entry) <= REACH && !leaders.has(target) && source.reached(target)) {
        leaders.add(target)
        work.push(target)
      }
      const { flow } = instruction
      if (flow === 'jump' || flow === 'ret' || flow === 'raise') break
      at = instruction.decoded.next
      if (flow === 'branch') leaders.add(at)
    }
  }
  if (!instructions.has(entry)) return []
  return cut(entry, instructions, leaders, source)
}

function cut(
  entry: number,
  instructions: ReadonlyMap<number, Instruction>,
  leaders: ReadonlySet<number>,
  source: Source,
): Block[] {
  const starts = [...leaders]
    .filter((address) => instructions.has(address))
    .sort((a, b) => (a === entry ? -1 : b === entry ? 1 : a - b))
  const index = new Map(starts.map((address, block) => [address, block]))
  const successor = (address: number): Successor => {
    const block = index.get(address)
    return block === undefined ? { exit: address, cold: !source.reached(address) } : { block }
  }
  return starts.map((address) => {
    const body: Instruction[] = []
    let at = address
    for (;;) {
      const instruction = instructions.get(at)
      // Beyond the bounds, or into the next block.
      if (instruction === undefined || (at !== address && index.has(at)))
        return { address, instructions: body, successors: [successor(at)] }
      body.push(instruction)
      at = instruction.decoded.next
      const target = targetOf(instruction)
      switch (instruction.flow) {
        case 'jump':
          return { address, instructions: body, successors: target === undefined ? [] : [successor(target)] }
        case 'branch':
          return { address, instructions: body, successors: [successor(target as number), successor(at)] }
        case 'ret':
        case 'raise':
          return { address, instructions: body, successors: [] }
      }
    }
  })
}
