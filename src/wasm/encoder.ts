// Writes WebAssembly binaries: `Code` is the instruction stream of one function, `ModuleBuilder` the module around it.
// Knows nothing of x86. Leaves out what Lego does not use (data segments, multi-value blocks, exceptions).

import { assert, unreachable } from '../lib/assert.js'
import { LANE, MEMORY, PURE, TYPE_BYTE, type Type } from './opcodes.js'

/** A growing byte buffer with LEB128 writers. */
export class Bytes {
  data = new Uint8Array(256)
  length = 0

  byte(value: number): void {
    if (this.length === this.data.length) this.#grow(1)
    this.data[this.length++] = value
  }

  bytes(values: ArrayLike<number>): void {
    if (this.length + values.length > this.data.length) this.#grow(values.length)
    this.data.set(values, this.length)
    this.length += values.length
  }

  #grow(extra: number): void {
    const data = new Uint8Array(Math.max(this.data.length * 2, this.length + extra))
    data.set(this.data)
    this.data = data
  }

  u32(value: number): void {
    let rest = value >>> 0
    while (rest >= 128) {
      this.byte((rest & 127) | 128)
      rest >>>= 7
    }
    this.byte(rest)
  }

  s32(value: number): void {
    let rest = value | 0
    for (;;) {
      const low = rest & 127
      rest >>= 7
      if ((rest === 0 && (low & 64) === 0) || (rest === -1 && (low & 64) !== 0)) {
        this.byte(low)
        return
      }
      this.byte(low | 128)
    }
  }

  /** A signed 64-bit LEB128 from its two halves. */
  s64(low: number, high: number): void {
    let lo = low >>> 0
    let hi = high | 0
    for (;;) {
      const bits = lo & 127
      lo = ((lo >>> 7) | (hi << 25)) >>> 0
      hi >>= 7
      if ((lo === 0 && hi === 0 && (bits & 64) === 0) || (lo === 0xffffffff && hi === -1 && (bits & 64) !== 0)) {
        this.byte(bits)
        return
      }
      this.byte(bits | 128)
    }
  }

  name(text: string): void {
    const encoded = new TextEncoder().encode(text)
    this.u32(encoded.length)
    this.bytes(encoded)
  }

  done(): Uint8Array {
    return this.data.subarray(0, this.length)
  }
}

export type FunctionType = { readonly params: readonly Type[]; readonly results: readonly Type[] }

const VOID_BLOCK = 0x40
const blockByte = (result?: Type) => (result === undefined ? VOID_BLOCK : TYPE_BYTE[result])

/** One function body: parameters are locals 0…n-1, further locals come from `local()`. */
export class Code extends Bytes {
  readonly #locals: Type[] = []
  readonly #params: number
  /** Open blocks, loops and ifs: what a branch to an enclosing label counts from. */
  depth = 0

  constructor(params: number) {
    super()
    this.#params = params
  }

  /** Declares a local and returns its index. */
  local(type: Type): number {
    this.#locals.push(type)
    return this.#params + this.#locals.length - 1
  }

  get localCount(): number {
    return this.#params + this.#locals.length
  }

  get localTypes(): readonly Type[] {
    return this.#locals
  }

  /** A pure instruction by its wasm name. */
  op(name: string): void {
    const op = PURE[name]
    if (op === undefined) unreachable(`no such wasm instruction: ${name}`)
    for (const byte of op.bytes) this.byte(byte)
  }

  lane(name: string, lane: number): void {
    const op = LANE[name]
    if (op === undefined) unreachable(`no such wasm lane instruction: ${name}`)
    this.bytes(op.bytes)
    this.byte(lane)
  }

  shuffle(lanes: ArrayLike<number>): void {
    this.byte(0xfd)
    this.byte(13)
    this.bytes(lanes)
  }

  /** A load, store or atomic by its wasm name; unaligned unless atomic. */
  memory(name: string, offset = 0): void {
    const op = MEMORY[name]
    if (op === undefined) unreachable(`no such wasm memory instruction: ${name}`)
    this.bytes(op.bytes)
    this.byte(op.atomic ? Math.log2(op.size) : 0)
    this.u32(offset)
  }

  i32(value: number): void {
    this.byte(0x41)
    this.s32(value)
  }

  i64(low: number, high = low < 0 ? -1 : 0): void {
    this.byte(0x42)
    this.s64(low, high)
  }

  /** An i64 constant from an exact integer number. */
  i64Number(value: number): void {
    this.i64((value % 0x100000000) | 0, Math.floor(value / 0x100000000) | 0)
  }

  v128(bytes: ArrayLike<number>): void {
    this.byte(0xfd)
    this.byte(12)
    this.bytes(bytes)
  }

  get(local: number): void {
    this.byte(0x20)
    this.u32(local)
  }

  set(local: number): void {
    this.byte(0x21)
    this.u32(local)
  }

  tee(local: number): void {
    this.byte(0x22)
    this.u32(local)
  }

  block(result?: Type): void {
    this.depth++
    this.byte(0x02)
    this.byte(blockByte(result))
  }

  loop(result?: Type): void {
    this.depth++
    this.byte(0x03)
    this.byte(blockByte(result))
  }

  /** Positions of branches that are seldom taken, for the branch-hint section. */
  readonly unlikely: number[] = []

  /** An `if` whose body seldom runs: an engine that reads branch hints keeps it out of the way of the rest. */
  ifUnlikely(result?: Type): void {
    this.unlikely.push(this.length)
    this.if(result)
  }

  if(result?: Type): void {
    this.depth++
    this.byte(0x04)
    this.byte(blockByte(result))
  }

  else(): void {
    this.byte(0x05)
  }

  end(): void {
    this.depth--
    this.byte(0x0b)
  }

  br(depth: number): void {
    this.byte(0x0c)
    this.u32(depth)
  }

  brIf(depth: number): void {
    this.byte(0x0d)
    this.u32(depth)
  }

  brTable(depths: readonly number[], otherwise: number): void {
    this.byte(0x0e)
    this.u32(depths.length)
    for (const depth of depths) this.u32(depth)
    this.u32(otherwise)
  }

  return(): void {
    this.byte(0x0f)
  }

  unreachable(): void {
    this.byte(0x00)
  }

  drop(): void {
    this.byte(0x1a)
  }

  select(): void {
    this.byte(0x1b)
  }

  call(functionIndex: number): void {
    this.byte(0x10)
    this.u32(functionIndex)
  }

  callIndirect(typeIndex: number, table = 0): void {
    this.byte(0x11)
    this.u32(typeIndex)
    this.u32(table)
  }

  returnCall(functionIndex: number): void {
    this.byte(0x12)
    this.u32(functionIndex)
  }

  returnCallIndirect(typeIndex: number, table = 0): void {
    this.byte(0x13)
    this.u32(typeIndex)
    this.u32(table)
  }

  memoryCopy(): void {
    this.bytes([0xfc, 10, 0, 0])
  }

  memoryFill(): void {
    this.bytes([0xfc, 11, 0])
  }

  /** The body with its local declarations, as the code section wants it, and the offsets in it of unlikely branches. */
  body(): { bytes: Uint8Array; unlikely: readonly number[] } {
    const out = new Bytes()
    const runs: { type: Type; count: number }[] = []
    for (const type of this.#locals) {
      const last = runs.at(-1)
      if (last?.type === type) last.count++
      else runs.push({ type, count: 1 })
    }
    out.u32(runs.length)
    for (const run of runs) {
      out.u32(run.count)
      out.byte(TYPE_BYTE[run.type])
    }
    const start = out.length
    out.bytes(this.done())
    out.byte(0x0b)
    return { bytes: out.done(), unlikely: this.unlikely.map((position) => position + start) }
  }
}

type Import = { module: string; name: string; describe(out: Bytes): void }

/** Collects types, imports, functions, tables and exports; `build()` gives the binary. Imports come before functions. */
export class ModuleBuilder {
  readonly #types: FunctionType[] = []
  readonly #typeIndex = new Map<string, number>()
  readonly #imports: Import[] = []
  #importedFunctions = 0
  #importedTables = 0
  readonly #functions: { type: number; body: ReturnType<Code['body']> | undefined }[] = []
  readonly #tables: { initial: number; maximum: number | undefined }[] = []
  readonly #exports: { name: string; kind: number; index: number }[] = []
  readonly #names = new Map<number, string>()
  readonly #customs: { name: string; bytes: Uint8Array }[] = []
  readonly #elements: { table: number; offset: number; functions: readonly number[] }[] = []

  type(params: readonly Type[], results: readonly Type[]): number {
    const key = `${params.join()}:${results.join()}`
    const known = this.#typeIndex.get(key)
    if (known !== undefined) return known
    this.#types.push({ params, results })
    this.#typeIndex.set(key, this.#types.length - 1)
    return this.#types.length - 1
  }

  importFunction(module: string, name: string, type: number): number {
    assert(this.#functions.length === 0, 'imports come before functions')
    this.#imports.push({
      module,
      name,
      describe(out) {
        out.byte(0)
        out.u32(type)
      },
    })
    return this.#importedFunctions++
  }

  importMemory(module: string, name: string, initialPages: number, maximumPages: number): void {
    this.#imports.push({
      module,
      name,
      describe(out) {
        out.byte(2)
        out.byte(3)
        out.u32(initialPages)
        out.u32(maximumPages)
      },
    })
  }

  importTable(module: string, name: string, initial: number): number {
    assert(this.#tables.length === 0, 'imported tables come first')
    this.#imports.push({
      module,
      name,
      describe(out) {
        out.byte(1)
        out.byte(0x70)
        out.byte(0)
        out.u32(initial)
      },
    })
    return this.#importedTables++
  }

  table(initial: number, maximum?: number): number {
    this.#tables.push({ initial, maximum })
    return this.#importedTables + this.#tables.length - 1
  }

  /** Reserves a function index so that bodies can call each other; give the body with `define`. */
  declare(type: number): number {
    this.#functions.push({ type, body: undefined })
    return this.#importedFunctions + this.#functions.length - 1
  }

  define(index: number, code: Code): void {
    const entry = this.#functions[index - this.#importedFunctions]
    assert(entry !== undefined && entry.body === undefined, 'a function is defined once')
    entry.body = code.body()
  }

  function(type: number, code: Code): number {
    const index = this.declare(type)
    this.define(index, code)
    return index
  }

  exportFunction(name: string, index: number): void {
    this.#exports.push({ name, kind: 0, index })
  }

  exportTable(name: string, index: number): void {
    this.#exports.push({ name, kind: 1, index })
  }

  /** A function's name in profiles and stack traces. */
  name(index: number, name: string): void {
    this.#names.set(index, name)
  }

  elements(table: number, offset: number, functions: readonly number[]): void {
    this.#elements.push({ table, offset, functions })
  }

  /** A custom section: what engines pass over. */
  custom(name: string, bytes: Uint8Array): void {
    this.#customs.push({ name, bytes })
  }

  /** The custom section of the branch-hinting proposal: for each function, offsets and 0 for unlikely. */
  #branchHints(out: Bytes): void {
    const hinted = this.#functions.flatMap(({ body }, index) =>
      body === undefined || body.unlikely.length === 0 ? [] : [{ index, unlikely: body.unlikely }],
    )
    if (hinted.length === 0) return
    const content = new Bytes()
    content.name('metadata.code.branch_hint')
    content.u32(hinted.length)
    for (const { index, unlikely } of hinted) {
      content.u32(this.#importedFunctions + index)
      content.u32(unlikely.length)
      for (const offset of unlikely) {
        content.u32(offset)
        content.u32(1)
        content.byte(0)
      }
    }
    out.byte(0)
    out.u32(content.length)
    out.bytes(content.done())
  }

  build(): Uint8Array {
    const out = new Bytes()
    out.bytes([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0])
    const section = (id: number, count: number, write: (body: Bytes) => void) => {
      if (count === 0) return
      const body = new Bytes()
      body.u32(count)
      write(body)
      out.byte(id)
      out.u32(body.length)
      out.bytes(body.done())
    }
    section(1, this.#types.length, (body) => {
      for (const { params, results } of this.#types) {
        body.byte(0x60)
        body.u32(params.length)
        for (const type of params) body.byte(TYPE_BYTE[type])
        body.u32(results.length)
        for (const type of results) body.byte(TYPE_BYTE[type])
      }
    })
    section(2, this.#imports.length, (body) => {
      for (const { module, name, describe } of this.#imports) {
        body.name(module)
        body.name(name)
        describe(body)
      }
    })
    section(3, this.#functions.length, (body) => {
      for (const { type } of this.#functions) body.u32(type)
    })
    section(4, this.#tables.length, (body) => {
      for (const { initial, maximum } of this.#tables) {
        body.byte(0x70)
        body.byte(maximum === undefined ? 0 : 1)
        body.u32(initial)
        if (maximum !== undefined) body.u32(maximum)
      }
    })
    section(7, this.#exports.length, (body) => {
      for (const { name, kind, index } of this.#exports) {
        body.name(name)
        body.byte(kind)
        body.u32(index)
      }
    })
    section(9, this.#elements.length, (body) => {
      for (const { table, offset, functions } of this.#elements) {
        body.u32(2)
        body.u32(table)
        body.bytes([0x41])
        body.s32(offset)
        body.bytes([0x0b, 0x00])
        body.u32(functions.length)
        for (const index of functions) body.u32(index)
      }
    })
    this.#branchHints(out)
    section(10, this.#functions.length, (body) => {
      for (const { body: code } of this.#functions) {
        assert(code !== undefined, 'every declared function has a body')
        body.u32(code.bytes.length)
        body.bytes(code.bytes)
      }
    })
    this.#functionNames(out)
    for (const { name, bytes } of this.#customs) {
      const content = new Bytes()
      content.name(name)
      content.bytes(bytes)
      out.byte(0)
      out.u32(content.length)
      out.bytes(content.done())
    }
    return out.done().slice()
  }

  /** The custom section of names, functions only (core specification, appendix "Name Section"). */
  #functionNames(out: Bytes): void {
    if (this.#names.size === 0) return
    const map = new Bytes()
    map.u32(this.#names.size)
    for (const [index, name] of [...this.#names].sort(([a], [b]) => a - b)) {
      map.u32(index)
      map.name(name)
    }
    const content = new Bytes()
    content.name('name')
    content.byte(1)
    content.u32(map.length)
    content.bytes(map.done())
    out.byte(0)
    out.u32(content.length)
    out.bytes(content.done())
  }
}
