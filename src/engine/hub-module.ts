// The hub module under construction: its types, tables and functions by name. The hub holds the interpreter's handlers, the
// dispatch functions, the helpers, and the table through which regions are called.

import { assert } from '../lib/assert.js'
import { type Code, ModuleBuilder } from '../wasm/encoder.js'

/** The hub module under construction: functions by name. */
export class HubModule {
  readonly builder = new ModuleBuilder()
  readonly #indices = new Map<string, number>()
  readonly handlerType: number
  readonly regionType: number
  handlerTable = 0
  regionTable = 0
  constructor() {
    this.handlerType = this.builder.type(['i32', 'i32'], ['i64'])
    this.regionType = this.builder.type(['i32', 'i32'], ['i64'])
  }
  name(name: string, index: number): void {
    this.builder.name(index, name)
    this.#indices.set(name, index)
  }
  index(name: string): number {
    const index = this.#indices.get(name)
    assert(index !== undefined, `the hub has no function ${name}`)
    return index
  }
  /** Type and table of an indirect call, by name. */
  table(name: string): number {
    const found = {
      region: this.regionType,
      handler: this.handlerType,
      regions: this.regionTable,
      handlers: this.handlerTable,
    }[name]
    assert(found !== undefined, `no such type or table: ${name}`)
    return found
  }
  call(code: Code, name: string): void {
    code.call(this.index(name))
  }
}
