// The optimising tier from end to end: discover, structure, analyse, emit. What it needs of the engine is a way to read instructions.

import type { Decoded } from '../../x86/decoder.js'
import { CANONICAL } from '../../x86/flags.js'
import { flowOf } from '../../x86/flow.js'
import { record as effectsOf } from '../../x86/semantics.js'
import { CALL_SITE_SIZE } from '../call-site.js'
import { SITE_SIZE } from '../hub-layout.js'
import { analyse, summarise } from './analyse.js'
import { type Block, discover, type Instruction, type Source } from './discover.js'
import { emitRegion, type Region } from './emit.js'
import { KnownEnvironment } from './environment.js'
import { analyseGraph } from './structure.js'

/** What the compiler needs of the engine. */
export type Code = {
  /** Decodes the instruction at a guest address into an object of its own; undefined when there is none. */
  read(address: number): Decoded | undefined
  /** Whether control has been at this branch target yet. */
  reached(address: number): boolean
  /** Instructions recorded for earlier regions; regions of one function overlap. The engine drops it when any code changes. */
  readonly recorded: Map<number, Instruction>
  /** The region's float operations keep MXCSR (fp-mode.ts). */
  readonly careful: boolean
}

export type Plan = {
  readonly blocks: readonly Block[]
  /** Bytes for the site table, then for the call sites. */
  readonly siteBytes: number
  readonly callBytes: number
  /** Guest pages that were read, for the code and to see what comes after it. */
  readonly pages: readonly number[]
  emit(siteBase: number, callBase: number): Region
}

/** How far to look for whether the flags are still read at an exit. */
const LOOKAHEAD = 12

function record(decoded: Decoded, careful: boolean): Instruction {
  const effects = effectsOf(decoded.form, decoded.width, new KnownEnvironment(decoded, CANONICAL, careful))
  return { decoded, flow: flowOf(decoded.form, decoded.width), effects, summary: summarise(effects) }
}

/** Plans the region that starts at `entry`; undefined when there is nothing to compile. */
export function planRegion(entry: number, code: Code, memoryPages: number): Plan | undefined {
  const pages = new Set<number>()
  const source: Source = {
    instruction(address) {
      let instruction = code.recorded.get(address)
      if (instruction === undefined) {
        const decoded = code.read(address)
        if (decoded === undefined) return undefined
        instruction = record(decoded, code.careful)
        code.recorded.set(address, instruction)
      }
      pages.add(Math.floor(address / 4096))
      pages.add(Math.floor((instruction.decoded.next - 1) / 4096))
      return instruction
    },
    reached: code.reached,
  }
  const blocks = discover(entry, source)
  if (blocks.length === 0) return undefined
  const graph = analyseGraph(blocks)
  const facts = analyse(blocks, graph, flagsLiveAt(source))
  const count = (predicate: (instruction: Instruction) => boolean) =>
    blocks.reduce((sum, block) => sum + block.instructions.filter(predicate).length, 0)
  return {
    blocks,
    siteBytes: (count(() => true) + 3 * blocks.length) * SITE_SIZE,
    callBytes: (count(({ flow }) => flow === 'call') + 2 * blocks.length) * CALL_SITE_SIZE,
    pages: [...pages],
    emit: (siteBase, callBase) => emitRegion(blocks, graph, facts, siteBase, callBase, memoryPages, code.careful),
  }
}

/** Whether the flags may be read from an address on: follows straight code until they are read or written. */
function flagsLiveAt(source: Source): (address: number) => boolean {
  const known = new Map<number, boolean>()
  return (address) => {
    const cached = known.get(address)
    if (cached !== undefined) return cached
    let live = true
    let at = address
    for (let n = 0; n < LOOKAHEAD; n++) {
      const instruction = source.instruction(at)
      if (instruction === undefined) break
      const { readsFlags, writesFlags, barrier } = instruction.summary
      if (readsFlags || barrier) break
      if (writesFlags) {
        live = false
        break
      }
      if (instruction.flow !== 'next') break
      at = instruction.decoded.next
    }
    known.set(address, live)
    return live
  }
}
