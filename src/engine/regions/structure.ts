// Turns a region's control-flow graph into nested loops and blocks ("Beyond Relooper", Ramsey 2022): a walk of the dominator tree
// in which merge points follow the block that ends before them and loop headers open a loop. An edge that would make the graph
// irreducible becomes an exit: the hub goes on from there.

import type { Block, Successor } from './discover.js'

export type Graph = {
  /** Position of each block in reverse postorder; -1 when unreachable. */
  readonly order: readonly number[]
  readonly isLoopHeader: readonly boolean[]
  readonly isMerge: readonly boolean[]
  /** Blocks that a block immediately dominates, in order. */
  readonly children: readonly (readonly number[])[]
  /** Successors with irreducible edges turned into exits. */
  readonly successors: readonly (readonly Successor[])[]
  /** Reachable blocks in reverse postorder. */
  readonly sequence: readonly number[]
}

export function analyseGraph(blocks: readonly Block[]): Graph {
  const { order, sequence } = reversePostorder(blocks)
  const predecessors: number[][] = blocks.map(() => [])
  for (const block of sequence) {
    for (const successor of blocks[block]!.successors)
      if ('block' in successor) predecessors[successor.block]!.push(block)
  }
  const dominator = dominators(sequence, order, predecessors)
  const dominates = (a: number, b: number): boolean => {
    for (let node = b; ; node = dominator[node]!) {
      if (node === a) return true
      if (node === 0) return false
    }
  }
  const isLoopHeader = blocks.map(() => false)
  const forward = blocks.map(() => 0)
  const successors = blocks.map((block, from) =>
    block.successors.map((successor): Successor => {
      if (!('block' in successor) || order[from] === -1) return successor
      const to = successor.block
      if (order[to]! > order[from]!) {
        forward[to]!++
        return successor
      }
      if (!dominates(to, from)) return { exit: blocks[to]!.address, cold: false }
      isLoopHeader[to] = true
      return successor
    }),
  )
  const children: number[][] = blocks.map(() => [])
  for (const block of sequence) if (block !== 0) children[dominator[block]!]!.push(block)
  return { order, isLoopHeader, isMerge: forward.map((count) => count > 1), children, successors, sequence }
}

function reversePostorder(blocks: readonly Block[]): { order: number[]; sequence: number[] } {
  const order = blocks.map(() => -1)
  const postorder: number[] = []
  const visited = new Set([0])
  // An explicit stack: regions may be chains of hundreds of blocks.
  const stack = [{ block: 0, next: 0 }]
  while (stack.length > 0) {
    const top = stack.at(-1)!
    const successor = blocks[top.block]!.successors[top.next++]
    if (successor === undefined) {
      postorder.push(top.block)
      stack.pop()
    } else if ('block' in successor && !visited.has(successor.block)) {
      visited.add(successor.block)
      stack.push({ block: successor.block, next: 0 })
    }
  }
  const sequence = postorder.reverse()
  sequence.forEach((block, position) => {
    order[block] = position
  })
  return { order, sequence }
}

/** Immediate dominators (Cooper, Harvey, Kennedy). */
function dominators(
  sequence: readonly number[],
  order: readonly number[],
  predecessors: readonly (readonly number[])[],
): number[] {
  const dominator: number[] = order.map(() => -1)
  dominator[0] = 0
  const meet = (a: number, b: number): number => {
    let x = a
    let y = b
    while (x !== y) {
      while (order[x]! > order[y]!) x = dominator[x]!
      while (order[y]! > order[x]!) y = dominator[y]!
    }
    return x
  }
  for (let changed = true; changed; ) {
    changed = false
    for (const block of sequence) {
      if (block === 0) continue
      let best = -1
      for (const from of predecessors[block]!) if (dominator[from] !== -1) best = best === -1 ? from : meet(from, best)
      if (dominator[block] !== best) {
        dominator[block] = best
        changed = true
      }
    }
  }
  return dominator
}
