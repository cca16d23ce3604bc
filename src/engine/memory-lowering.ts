// How a guest memory access becomes wasm: one strategy behind one interface. `ArrayLowering` probes the vCPU's translation array in line
// (lib/translation-array.ts); regions let accesses share a probe (regions/groups.ts) or remember one (regions/loop-memory.ts).

import { assert } from '../lib/assert.js'
import { ADDEND, ENTRY_SIZE, INDEX_MASK, INDEX_SHIFT, READ_TAG, WRITE_TAG } from '../lib/translation-array.js'
import type { Code } from '../wasm/encoder.js'
import type { Type } from '../wasm/opcodes.js'
import type { Access, Node } from '../x86/ir.js'

/** The translation an access shares with others of its block. */
export type Shared = {
  /** Local with the host address of the group's lowest byte, or 0. */
  readonly host: number
  /** This access's offset from there. */
  readonly offset: number
  /** Bytes of the group. */
  readonly length: number
  readonly write: boolean
  /** The probe is still to be emitted. */
  readonly first: boolean
}

/** What memory accesses need of a tier. */
export interface MemoryTarget {
  readonly code: Code
  /** Local holding the task record's address. */
  readonly task: number
  /** Puts the translation array's address on the stack. */
  translation(): void
  /** The translation this access shares with others of its block, if it does; called once for each access, in order. */
  shared?(): Shared | undefined
  /** Locals that remember the translation of the probe about to be emitted, where that pays. */
  remembered?(): { readonly page: number; readonly addend: number } | undefined
  /** Calls a hub function: arguments are on the stack; the target adds what it needs to name it. */
  callHelper(helper: string): void
  /** Leaves the guest code with this instruction as the one to run again; emitted where control may not go on. */
  leave(): void
}

/** Expressions, as lower.ts emits them. */
export interface Emission {
  value(node: Node): void
  /** Computes a node into a local. */
  pin(node: Node): void
  temporary(type: Type): number
}

/** Code for a host address, and a constant to add to it. */
export type Use = (host: () => void, offset: number) => void

export interface MemoryLowering {
  /** Emits one access; `use` may be emitted several times, once for each path. */
  access(address: Node, access: Access, write: boolean, use: Use): void
  /** Local with the host address of an access, for those that need it more than once; `commitCrossing` follows their stores. */
  place(address: Node, access: Access, write: boolean): number
  commitCrossing(host: number, access: Access): void
}

export class ArrayLowering implements MemoryLowering {
  readonly #target: MemoryTarget
  readonly #code: Code
  readonly #emission: Emission

  constructor(target: MemoryTarget, emission: Emission) {
    this.#target = target
    this.#code = target.code
    this.#emission = emission
  }

  /** The local with the host address of an access, for those that need it more than once. */
  place(address: Node, access: Access, write: boolean): number {
    const place = this.#emission.temporary('i32')
    this.access(address, access, write, (host, offset) => {
      host()
      if (offset !== 0) {
        this.#code.i32(offset)
        this.#code.op('i32.add')
      }
      this.#code.set(place)
    })
    return place
  }

  /**
   * One memory access. `use` emits it, given code for a host address and an offset to add; it is emitted for the fast path (this
   * access's own probe of way 0, see lib/translation-array.ts, or the one it shares) and for the slow path. There the hub's
   * `readable` or `writable` translates, crosses pages and checks alignment, answering 0 to leave; what was stored to its
   * scratch area then goes to both pages.
   */
  access(address: Node, access: Access, write: boolean, use: Use): void {
    const code = this.#code
    this.#emission.pin(address)
    const shared = this.#target.shared?.()
    const slow = () => {
      const host = this.#emission.temporary('i32')
      code.get(this.#target.task)
      this.#emission.value(address)
      code.i32(access.size | (access.aligned ? 0x100 : 0))
      this.#target.callHelper(write ? 'writable' : 'readable')
      code.tee(host)
      code.op('i32.eqz')
      code.ifUnlikely()
      this.#target.leave()
      code.end()
      use(() => code.get(host), 0)
      if (write) this.commitCrossing(host, access)
    }
    if (shared === undefined) {
      this.#probe(address, 0, access, write, slow, (host) => use(host, 0))
      return
    }
    const { host, offset } = shared
    if (shared.first) {
      // For the whole group: 0 when its range is not on one page with a translation in way 0.
      this.#probe(
        address,
        -offset,
        { size: shared.length, aligned: false },
        shared.write,
        () => {
          code.i32(0)
          code.set(host)
        },
        (found) => {
          found()
          code.set(host)
        },
      )
    }
    code.get(host)
    code.op('i32.eqz')
    if (access.aligned) {
      code.get(host)
      code.i32(offset)
      code.op('i32.add')
      code.i32(access.size - 1)
      code.op('i32.and')
      code.op('i32.or')
    }
    code.ifUnlikely()
    slow()
    code.else()
    use(() => code.get(host), offset)
    code.end()
  }

  /** Probes way 0 for address + offset; emits `miss`, or `hit` with code for the host address. */
  #probe(
    address: Node,
    offset: number,
    access: Access,
    write: boolean,
    miss: () => void,
    hit: (host: () => void) => void,
  ): void {
    const code = this.#code
    const entry = this.#emission.temporary('i32')
    const moved = (by: number) => {
      this.#emission.value(address)
      if (by === 0) return
      code.i64(by)
      code.op('i64.add')
    }
    const key = () => {
      // Low bits that an aligned access must have zero stay in the comparison: tags have none. Otherwise the last byte counts:
      // the entry of an access that crosses pages is its first page's, which never holds its last page's tag.
      moved(access.aligned ? offset : offset + access.size - 1)
      code.i64(access.aligned ? -0x1000 | (access.size - 1) : -0x1000, -1)
      code.op('i64.and')
    }
    const find = () => {
      moved(offset)
      code.i64(INDEX_SHIFT, 0)
      code.op('i64.shr_u')
      code.op('i32.wrap_i64')
      code.i32(INDEX_MASK)
      code.op('i32.and')
      this.#target.translation()
      code.op('i32.add')
      code.tee(entry)
      code.memory('i64.load', write ? WRITE_TAG : READ_TAG)
    }
    const hostFrom = (addend: () => void) => () => {
      addend()
      this.#emission.value(address)
      code.op('i32.wrap_i64')
      code.op('i32.add')
      if (offset !== 0) {
        code.i32(offset)
        code.op('i32.add')
      }
    }
    const loadAddend = () => {
      code.get(entry)
      code.memory('i32.load', ADDEND)
    }
    const remembered = access.aligned ? undefined : this.#target.remembered?.()
    if (remembered === undefined) {
      key()
      find()
      code.op('i64.ne')
      code.ifUnlikely()
      miss()
      code.else()
      hit(hostFrom(loadAddend))
      code.end()
      return
    }
    // In a loop: the page of the last translation of this access is in locals.
    code.block()
    moved(offset)
    code.get(remembered.page)
    code.op('i64.sub')
    code.i64(4096 - access.size)
    code.op('i64.gt_u')
    code.ifUnlikely()
    key()
    find()
    code.op('i64.ne')
    code.ifUnlikely()
    miss()
    code.br(2)
    code.end()
    loadAddend()
    code.set(remembered.addend)
    moved(offset)
    code.i64(-0x1000)
    code.op('i64.and')
    code.set(remembered.page)
    code.end()
    hit(hostFrom(() => code.get(remembered.addend)))
    code.end()
  }

  /** A page-crossing store went to the record's scratch area: the hub copies it out to both pages. */
  commitCrossing(host: number, access: Access): void {
    if (access.size === 1 || access.aligned) return
    const code = this.#code
    code.get(this.#target.task)
    code.get(host)
    this.#target.callHelper('commitCrossing')
  }
}

assert(ENTRY_SIZE === 32, 'the inline probe shifts by the entry size')
