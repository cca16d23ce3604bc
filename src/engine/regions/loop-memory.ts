// Remembers, in locals, the last translation of a memory access inside a loop, so that the next iteration need only compare. It
// pays in loops that nothing interrupts: a guest call or a helper on the record ends every translation.

import type { Code } from '../../wasm/encoder.js'
import type { BlockFacts } from './analyse.js'
import type { Graph } from './structure.js'

export type Remembered = { readonly page: number; readonly addend: number }

/** More than this many accesses would only spill. */
const ACCESSES_MAX = 8
/** Nothing remembered: a page that is not canonical, whose bytes would be an unused part of the null page. */
const NO_PAGE = [0, 0x40000000] as const
const NO_ADDEND = 0x8000

export class LoopMemory {
  readonly #code: Code
  /** The innermost loop (its header) of each block, or -1; -1 too when something in it ends translations. */
  readonly #loopOf: number[]
  /** Locals by loop: made before the loop is emitted, handed out in order. */
  readonly #locals = new Map<number, { readonly slots: readonly Remembered[]; taken: number }>()

  /** Accesses of each loop that can be remembered. */
  readonly #wanted = new Map<number, number>()

  /** @param probes how many probes each block emits */
  constructor(code: Code, graph: Graph, facts: readonly BlockFacts[], probes: readonly number[]) {
    this.#code = code
    this.#loopOf = quietLoops(graph, facts)
    this.#loopOf.forEach((header, block) => {
      this.#wanted.set(header, (this.#wanted.get(header) ?? 0) + probes[block]!)
    })
  }

  /** Emitted before the loop is entered: nothing is remembered from what came before. */
  forget(header: number): void {
    const wanted = Math.min(this.#wanted.get(header) ?? 0, ACCESSES_MAX)
    if (wanted === 0) return
    const code = this.#code
    const slots = Array.from({ length: wanted }, () => ({ page: code.local('i64'), addend: code.local('i32') }))
    this.#locals.set(header, { slots, taken: 0 })
    for (const { page, addend } of slots) {
      code.i64(...NO_PAGE)
      code.set(page)
      code.i32(NO_ADDEND)
      code.set(addend)
    }
  }

  /** Locals for the next probe of this block. */
  next(block: number): Remembered | undefined {
    const loop = this.#locals.get(this.#loopOf[block] ?? -1)
    return loop?.slots[loop.taken++]
  }
}

/** For each block the header of its innermost loop, when no block of that loop has a barrier. */
function quietLoops(graph: Graph, facts: readonly BlockFacts[]): number[] {
  const innermost = facts.map(() => -1)
  const predecessors: number[][] = facts.map(() => [])
  for (const block of graph.sequence) {
    for (const successor of graph.successors[block]!)
      if ('block' in successor) predecessors[successor.block]!.push(block)
  }
  // Inner headers come later in reverse postorder, so they overwrite outer ones.
  for (const header of graph.sequence) {
    if (!graph.isLoopHeader[header]) continue
    const body = new Set([header])
    const work = predecessors[header]!.filter((from) => graph.order[from]! >= graph.order[header]!)
    for (let block = work.pop(); block !== undefined; block = work.pop()) {
      if (body.has(block)) continue
      body.add(block)
      work.push(...predecessors[block]!)
    }
    const quiet = [...body].every((block) => facts[block]!.instructions.every(({ summary }) => !summary.barrier))
    for (const block of body) innermost[block] = quiet ? header : -1
  }
  return innermost
}
