// The typed intermediate representation that instruction semantics record: pure expression nodes (named by the wasm
// instruction they lower to) and an ordered list of effects per guest instruction. Both tiers lower it; nothing here knows how.
// Rule: register and flag updates take effect together after the instruction's last memory access, so a fault leaves
// nothing half done.

import type { Type } from '../wasm/opcodes.js'

export type { Type }
export type Width = 8 | 16 | 32 | 64

/** Fields of the interpreter's decoded record that stand for operands (engine/decoded.ts lays them out). */
export type Field = 'reg0' | 'reg1' | 'reg2' | 'reg3'

export type FieldName =
  | 'immediate'
  | 'address'
  | 'offset'
  | 'next'
  | 'target'
  | 'addressMask'
  | 'segmentBase'
  | 'scale'
  | 'length'
  | Field

/**
 * `gpr`: `high` is the second byte (ah ch dh bh). `vector`: sixteen bytes of ymm0 to ymm15, with `high` the upper ones. `mmx`: mm0 to mm7,
 * always in the task record, as v128 with a zero upper half.
 */
export type Bank = 'gpr' | 'vector' | 'mmx'

/** A register: of a known index (regions), or named by a field of the decoded record (interpreter). */
export type Ref =
  | { readonly bank: Bank; readonly index: number; readonly high: boolean }
  | { readonly bank: Bank; readonly field: Field; readonly high: boolean }

export type Node =
  | { readonly kind: 'const'; readonly type: 'i32' | 'i64'; readonly low: number; readonly high: number }
  | { readonly kind: 'vector'; readonly type: 'v128'; readonly bytes: readonly number[] }
  | { readonly kind: 'pure'; readonly type: Type; readonly op: string; readonly args: readonly Node[] }
  | {
      readonly kind: 'lane'
      readonly type: Type
      readonly op: string
      readonly args: readonly Node[]
      readonly lane: number
    }
  | {
      readonly kind: 'shuffle'
      readonly type: 'v128'
      readonly args: readonly Node[]
      readonly lanes: readonly number[]
    }
  | { readonly kind: 'select'; readonly type: Type; readonly args: readonly [Node, Node, Node] }
  /** A register's value before this instruction: i32 for widths up to 32 (zero-extended), i64 for 64, v128 for vectors. */
  | { readonly kind: 'get'; readonly type: Type; readonly ref: Ref; readonly width: Width | 128 }
  /** A control word of the task record (offset from engine/record.ts) that regions do not keep in locals. */
  | { readonly kind: 'word'; readonly type: 'i32' | 'i64'; readonly offset: number }
  /** The canonical lazy flags before this instruction (flags.ts). */
  | { readonly kind: 'flag'; readonly type: 'i32' | 'i64'; readonly which: 'result' | 'aux' }
  /** Operands only the interpreter leaves open: immediate, effective address (with and without the segment base), address of the
   *  next instruction, branch target, log2 of the index factor, places of registers in the task record. */
  | { readonly kind: 'field'; readonly type: 'i32' | 'i64'; readonly name: FieldName }
  /** A wasm local (regions keep the operands of the last flag-setting instruction in locals). */
  | { readonly kind: 'local'; readonly type: Type; readonly index: number }
  /** The result of an effect. */
  | { readonly kind: 'temp'; readonly type: Type; readonly id: number }

export type Temp = Extract<Node, { kind: 'temp' }>

/** How an access may fail apart from translation: `aligned` operands raise #GP off a boundary of their size. */
export type Access = { readonly size: number; readonly aligned: boolean }

/** Arithmetic flags as an instruction leaves them. `kind` lets conditions fuse with the operands (flags.ts). */
export type FlagState = {
  readonly kind: 'canonical' | 'add' | 'sub' | 'logic' | 'compare' | 'custom'
  readonly width: Width
  /** Operands, for `add`, `sub` and `compare` (there f32 or f64). */
  readonly a: Node
  readonly b: Node
  /** The result at `width`: ZF, SF and PF follow from it. */
  readonly result: Node
  /** Auxiliary word as in flags.ts; for `add`, `sub` and `logic` it is derived from the operands. */
  readonly aux: Node | undefined
}

export type Effect =
  /** `upper`: the sixteen bytes after those of `out`, under the same check. */
  | {
      readonly kind: 'load'
      readonly out: Temp
      readonly upper?: Temp
      readonly op: string
      readonly address: Node
      readonly access: Access
    }
  | {
      readonly kind: 'store'
      readonly op: string
      readonly address: Node
      readonly value: Node
      readonly upper?: Node
      readonly access: Access
    }
  /** Load with the intent to write: the following `update` stores to the same place without another check. */
  | {
      readonly kind: 'modify'
      readonly out: Temp
      readonly op: string
      readonly address: Node
      readonly access: Access
    }
  | { readonly kind: 'update'; readonly of: Temp; readonly op: string; readonly value: Node; readonly access: Access }
  /** Atomic read-modify-write; `out` is the old value. A misaligned one is a split lock, done with other vCPUs stopped. */
  | {
      readonly kind: 'atomic'
      readonly out: Temp
      readonly op: 'add' | 'sub' | 'and' | 'or' | 'xor' | 'xchg' | 'cmpxchg'
      readonly address: Node
      readonly values: readonly Node[]
      readonly access: Access
    }
  | { readonly kind: 'set'; readonly ref: Ref; readonly width: Width | 128; readonly value: Node }
  | { readonly kind: 'setWord'; readonly offset: number; readonly value: Node }
  | { readonly kind: 'flags'; readonly state: FlagState }
  /** Raise an exception vector (SDM 6.3.1) when the condition is non-zero, with an error code (i32, 0 where absent); state is as
   *  before the instruction. */
  | {
      readonly kind: 'raise'
      readonly condition: Node | undefined
      readonly vector: number
      readonly error: Node | undefined
    }
  /** A helper function of the hub (engine/helpers). `sync`: it reads and writes registers in the task record, and its i32
   *  result is a status: non-zero leaves the code. Otherwise it is a function of its arguments alone. */
  | {
      readonly kind: 'call'
      readonly out: Temp | undefined
      readonly helper: string
      readonly args: readonly Node[]
      readonly sync: boolean
    }
  | { readonly kind: 'jump'; readonly target: Node }
  | { readonly kind: 'branch'; readonly condition: Node; readonly target: Node }
  /** Guest call: the return address is already pushed. */
  | { readonly kind: 'callTo'; readonly target: Node; readonly returnTo: Node }
  | { readonly kind: 'ret'; readonly target: Node }

export const i32 = (value: number): Node => ({ kind: 'const', type: 'i32', low: value | 0, high: value < 0 ? -1 : 0 })
/** An i64 constant from its halves. */
export const i64 = (low: number, high = low < 0 ? -1 : 0): Node => ({
  kind: 'const',
  type: 'i64',
  low: low | 0,
  high: high | 0,
})
/** An i64 constant from an exact integer. */
export const i64Number = (value: number): Node => i64((value % 0x100000000) | 0, Math.floor(value / 0x100000000))
export const vector = (bytes: readonly number[]): Node => ({ kind: 'vector', type: 'v128', bytes })

/** Is the node this constant (sign-extended)? */
export const isConst = (node: Node, value: number): boolean =>
  node.kind === 'const' && node.low === (value | 0) && (node.type === 'i32' || node.high === (value < 0 ? -1 : 0))
