// Which memory accesses of a block can share one translation: those whose addresses differ by constants known when the region is
// compiled (stack slots, fields of one object, neighbouring globals). One probe covers the range; each access then costs a
// test. Addresses are compared as symbols: what each register held at the start of the block, plus an offset.

import type { Effect, Node } from '../../x86/ir.js'
import type { BlockFacts } from './analyse.js'
import type { Block } from './discover.js'

/** Accesses under one probe. Offsets are relative to the group's lowest byte. */
export type Group = {
  /** Bytes the group spans. */
  length: number
  write: boolean
  /** Lowest offset, in the symbol's own terms. */
  minimum: number
  members: number
}

/** An access's place in its group. */
export type Member = { readonly group: Group; readonly offset: number; readonly first: boolean }

type Symbol = { readonly root: string; readonly offset: number }

/** A wider range straddles pages too often. */
const SPAN_MAX = 256

type MemoryEffect = Extract<Effect, { kind: 'load' | 'store' | 'modify' | 'atomic' }>
const isMemory = (effect: Effect): effect is MemoryEffect =>
  effect.kind === 'load' || effect.kind === 'store' || effect.kind === 'modify' || effect.kind === 'atomic'

/** For each instruction of the block, for each of its memory effects in order: its group, or undefined when it is alone. */
export function groupAccesses(block: Block, facts: BlockFacts): (Member | undefined)[][] {
  const open = new Map<string, Group>()
  const symbols = new Map<number, Symbol>()
  let unknowns = 0
  const placed: { group: Group; offset: number }[][] = []

  const unknown = (): Symbol => ({ root: `?${unknowns++}`, offset: 0 })
  const register = (index: number): Symbol => {
    let symbol = symbols.get(index)
    if (symbol === undefined) {
      symbol = { root: `r${index}`, offset: 0 }
      symbols.set(index, symbol)
    }
    return symbol
  }

  block.instructions.forEach(({ effects, decoded }, n) => {
    const resolve = (node: Node): Symbol | undefined => {
      switch (node.kind) {
        case 'const':
          return { root: '', offset: node.high * 0x100000000 + (node.low >>> 0) }
        case 'get':
          return node.width === 64 && 'index' in node.ref ? register(node.ref.index) : undefined
        case 'word':
          return { root: `w${node.offset}`, offset: 0 }
        case 'pure': {
          const [first, second] = node.args
          if (first === undefined || second === undefined) return undefined
          const a = resolve(first)
          const b = resolve(second)
          if (a === undefined || b === undefined) return undefined
          if (node.op === 'i64.add' && b.root === '') return { root: a.root, offset: a.offset + b.offset }
          if (node.op === 'i64.sub' && b.root === '') return { root: a.root, offset: a.offset - b.offset }
          if (node.op === 'i64.add') return { root: `(${a.root}+${b.root})`, offset: a.offset + b.offset }
          if (node.op === 'i64.shl' && b.root === '') return { root: `(${a.root}@${a.offset}<<${b.offset})`, offset: 0 }
          return undefined
        }
        default:
          return undefined
      }
    }
    const places: { group: Group; offset: number }[] = []
    for (const effect of effects) {
      if (!isMemory(effect)) continue
      const symbol = resolve(effect.address) ?? unknown()
      const write = effect.kind !== 'load'
      // Constant addresses share a probe when they are on one page.
      const key = symbol.root === '' ? `page${Math.floor(symbol.offset / 4096)}` : symbol.root
      const end = symbol.offset + effect.access.size
      let group = open.get(key)
      if (group !== undefined) {
        const minimum = Math.min(group.minimum, symbol.offset)
        const length = Math.max(group.minimum + group.length, end) - minimum
        if (length > SPAN_MAX) group = undefined
        else {
          group.minimum = minimum
          group.length = length
          group.write ||= write
          group.members++
        }
      }
      if (group === undefined) {
        group = { minimum: symbol.offset, length: effect.access.size, write, members: 1 }
        open.set(key, group)
      }
      places.push({ group, offset: symbol.offset })
    }
    placed.push(places)
    if (facts.instructions[n]!.summary.barrier) {
      // Nothing translated survives a helper on the record or a guest call.
      open.clear()
      symbols.clear()
      unknowns++
      // The registers are other ones now: give them names that no earlier symbol has.
      for (let index = 0; index < 16; index++) symbols.set(index, { root: `r${index}.${decoded.address}`, offset: 0 })
      return
    }
    const updates: [number, Symbol][] = []
    for (const effect of effects) {
      if (effect.kind !== 'set' || effect.ref.bank !== 'gpr' || !('index' in effect.ref)) continue
      updates.push([effect.ref.index, (effect.width === 64 ? resolve(effect.value) : undefined) ?? unknown()])
    }
    for (const [index, symbol] of updates) symbols.set(index, symbol)
  })

  const seen = new Set<Group>()
  return placed.map((places) =>
    places.map(({ group, offset }) => {
      if (group.members < 2) return undefined
      const first = !seen.has(group)
      seen.add(group)
      return { group, offset: offset - group.minimum, first }
    }),
  )
}
