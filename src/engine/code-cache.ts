// Decoded code of one vCPU in shared memory: blocks by key (CODE_KEY: address space and mode, fp-mode.ts) and guest address, the
// pages they came from, and the hash table that wasm probes. Bounded: when it is full everything is dropped at the next visit to the root.

import { ARRAY_SIZE, prepareArray } from '../lib/translation-array.js'
import { branchTarget, type Decoded, SEGMENT_FS, SEGMENT_GS } from '../x86/decoder.js'
import type { Operand } from '../x86/form.js'
import { CALL_SITE_DIRECT } from './call-site.js'
import * as layout from './decoded.js'
import { CAREFUL } from './fp-mode.js'
import type { Handlers } from './handlers.js'
import { HANDLER_OF } from './hub-layout.js'
import { FS_BASE, GPR, GS_BASE, VECTOR, VECTOR_STRIDE, X87, X87_STRIDE, ZERO } from './record.js'

const HASH_SIZE = layout.HASH_ENTRIES * layout.HASH_ENTRY_SIZE

type Space = { readonly blocks: Map<number, number>; readonly pages: Map<number, number[]> }

export class CodeCache {
  readonly #i32: Int32Array
  readonly #handlers: Handlers
  readonly #base: number
  readonly #end: number
  #next: number
  /** Call sites that call a block's region directly. */
  readonly #sites = new Map<number, number[]>()
  readonly #spaces = new Map<number, Space>()
  #emptyArray = 0

  /** @param base start of the area in `memory`, zeros and 64-byte aligned; @param size its bytes. */
  constructor(memory: WebAssembly.Memory, base: number, size: number, handlers: Handlers) {
    this.#handlers = handlers
    this.#i32 = new Int32Array(memory.buffer)
    this.#base = base
    this.#end = base + size
    this.#next = base + HASH_SIZE
    // Memory that was never written is an empty hash but for what would match rip 0: pages that are not touched cost nothing.
    this.#i32.fill(-1, base >> 2, (base + layout.HASH_ENTRY_SIZE) >> 2)
  }

  /** Forgets everything. Only at the root: no code may be running. */
  clear(): void {
    this.#spaces.clear()
    this.#sites.clear()
    // An empty entry's key must match no rip: all ones.
    this.#i32.fill(-1, this.#base >> 2, (this.#base + HASH_SIZE) >> 2)
    this.#next = this.#base + HASH_SIZE
    this.#emptyArray = 0
  }

  /** Lets a call site call its callee's region directly. */
  linkSite(site: number, head: number): void {
    this.#i32[(site + CALL_SITE_DIRECT) >> 2] = this.#i32[(head + layout.DIRECT) >> 2] as number
    const sites = this.#sites.get(head)
    if (sites === undefined) this.#sites.set(head, [site])
    else sites.push(site)
  }

  /** The block's region is stale: whoever called it directly goes through its head again. */
  #unlink(head: number): void {
    for (const site of this.#sites.get(head) ?? []) this.#i32[(site + CALL_SITE_DIRECT) >> 2] = 0
    this.#sites.delete(head)
  }

  /** Where generated code looks for blocks. */
  get hash(): number {
    return this.#base
  }

  get free(): number {
    return this.#end - this.#next
  }

  /** Takes zeroed bytes from the area (link words of regions); 0 when full. */
  allocate(bytes: number): number {
    const size = (bytes + 63) & ~63
    if (this.free < size) return 0
    const at = this.#next
    this.#next += size
    this.#i32.fill(0, at >> 2, (at + size) >> 2)
    return at
  }

  /** A translation array that has nothing; 0 when the area is full. */
  emptyArray(): number {
    if (this.#emptyArray === 0) {
      this.#emptyArray = this.allocate(ARRAY_SIZE)
      if (this.#emptyArray !== 0) prepareArray(this.#i32, this.#emptyArray)
    }
    return this.#emptyArray
  }

  #space(key: number): Space {
    let space = this.#spaces.get(key)
    if (space === undefined) {
      space = { blocks: new Map(), pages: new Map() }
      this.#spaces.set(key, space)
    }
    return space
  }

  /** The head of the block at this address, or 0. */
  find(key: number, address: number): number {
    return this.#spaces.get(key)?.blocks.get(address) ?? 0
  }

  /** Enters a finished block: known by its address, dropped when one of its pages changes. */
  enter(key: number, address: number, end: number, head: number): void {
    const space = this.#space(key)
    space.blocks.set(address, head)
    for (let page = Math.floor(address / 4096); page <= Math.floor((end - 1) / 4096); page++)
      this.#list(space, page).push(head)
  }

  /** Also drops the block when this page changes (regions reach further than the block they start at). */
  depends(key: number, page: number, head: number): void {
    const list = this.#list(this.#space(key), page)
    if (!list.includes(head)) list.push(head)
  }

  #list(space: Space, page: number): number[] {
    let list = space.pages.get(page)
    if (list === undefined) {
      list = []
      space.pages.set(page, list)
    }
    return list
  }

  /** Puts a block where wasm finds it. */
  publish(key: number, address: number, head: number): void {
    const at = this.#hashSlot(address) >> 2
    this.#i32[at] = address | 0
    this.#i32[at + 1] = Math.floor(address / 0x100000000) | key
    this.#i32[at + 2] = head
  }

  #hashSlot(address: number): number {
    const high = Math.floor(address / 0x100000000)
    const low = address >>> 0
    const mixed = low ^ ((low >>> 15) | (high << 17))
    return this.#base + (mixed & (layout.HASH_ENTRIES - 1)) * layout.HASH_ENTRY_SIZE
  }

  /** Drops all blocks that have code on these pages: their heads send whoever comes to look again. True when there were any. */
  invalidate(asid: number, firstPage: number, pages: number): boolean {
    const plain = this.#invalidate(asid << 16, firstPage, pages)
    return this.#invalidate((asid << 16) | CAREFUL, firstPage, pages) || plain
  }

  #invalidate(key: number, firstPage: number, pages: number): boolean {
    const space = this.#spaces.get(key)
    if (space === undefined) return false
    let any = false
    const drop = (page: number, heads: readonly number[]) => {
      for (const head of heads) {
        any = true
        const address = this.address(head)
        this.#i32[(head + layout.HANDLER) >> 2] = HANDLER_OF.stale
        this.#unlink(head)
        if (space.blocks.get(address) === head) space.blocks.delete(address)
        const slot = this.#hashSlot(address) >> 2
        if (this.#i32[slot + 2] === head) this.#i32[slot] = this.#i32[slot + 1] = -1
      }
      space.pages.delete(page)
    }
    if (pages < space.pages.size) {
      for (let page = firstPage; page < firstPage + pages; page++) {
        const heads = space.pages.get(page)
        if (heads !== undefined) drop(page, heads)
      }
    } else {
      for (const [page, heads] of [...space.pages]) if (page >= firstPage && page < firstPage + pages) drop(page, heads)
    }
    return any
  }

  dropSpace(asid: number): boolean {
    const any = this.invalidate(asid, 0, 2 ** 36)
    this.#spaces.delete(asid << 16)
    this.#spaces.delete((asid << 16) | CAREFUL)
    return any
  }

  /** Guest address of a block by its head. */
  address(head: number): number {
    return (
      ((this.#i32[(head + layout.NEXT) >> 2] as number) >>> 0) +
      (this.#i32[(head + layout.NEXT + 4) >> 2] as number) * 0x100000000
    )
  }

  // ---- writing records ------------------------------------------------------------------------------------------

  #clearRecord(record: number): void {
    this.#i32.fill(0, record >> 2, (record + layout.DECODED_SIZE) >> 2)
  }

  #setAddress(at: number, value: number): void {
    this.#i32[at >> 2] = value | 0
    this.#i32[(at >> 2) + 1] = Math.floor(value / 0x100000000)
  }

  /** Reserves room for a block of up to `instructions` records; 0 when the area is full. */
  begin(instructions: number): number {
    return this.free < (instructions + 2) * layout.DECODED_SIZE ? 0 : this.#next
  }

  /** Ends what `begin` started: the area goes on after the last record. */
  commit(end: number): void {
    this.#next = end
  }

  writeHead(record: number, address: number): void {
    this.#clearRecord(record)
    this.#i32[(record + layout.HANDLER) >> 2] = HANDLER_OF.block
    this.#setAddress(record + layout.NEXT, address)
  }

  writeGoto(record: number, target: number): void {
    this.#clearRecord(record)
    this.#i32[(record + layout.HANDLER) >> 2] = HANDLER_OF.goto
    this.#setAddress(record + layout.TARGET, target)
  }

  /** An instruction that raises an exception vector instead. */
  writeRaise(record: number, address: number, vector: number): void {
    this.#clearRecord(record)
    this.#i32[(record + layout.HANDLER) >> 2] = HANDLER_OF.undefined
    this.#i32[(record + layout.REG0) >> 2] = vector
    this.#setAddress(record + layout.NEXT, address)
  }

  writeInstruction(record: number, decoded: Decoded): void {
    const words = this.#i32
    const { form, width } = decoded
    words[(record + layout.HANDLER) >> 2] = this.#handlers.of(form, width, decoded.memory, decoded.lock, decoded.repeat)
    words[(record + layout.LINK) >> 2] = 0
    words[(record + layout.IMMEDIATE) >> 2] = decoded.immediateLow
    const { operands } = form
    for (let n = 0; n < operands.length; n++) {
      const operand = operands[n] as Operand
      switch (operand.kind) {
        case 'G':
          words[(record + layout.REG0) >> 2] = generalOffset(decoded.reg, operand.size === 'b', decoded.rex)
          break
        case 'E':
        case 'R':
          if (!decoded.memory)
            words[(record + layout.REG1) >> 2] = generalOffset(decoded.rm, operand.size === 'b', decoded.rex)
          break
        case 'Z':
          words[(record + layout.REG1) >> 2] = generalOffset(decoded.opcodeRegister, operand.size === 'b', decoded.rex)
          break
        case 'V':
          words[(record + layout.REG0) >> 2] = VECTOR + decoded.reg * VECTOR_STRIDE
          break
        case 'W':
        case 'U':
          if (!decoded.memory) words[(record + layout.REG1) >> 2] = VECTOR + decoded.rm * VECTOR_STRIDE
          break
        case 'H':
          words[(record + layout.REG2) >> 2] = VECTOR + decoded.vvvv * VECTOR_STRIDE
          break
        case 'B':
          words[(record + layout.REG2) >> 2] = GPR + decoded.vvvv * 8
          break
        case 'P':
          words[(record + layout.REG0) >> 2] = X87 + (decoded.reg & 7) * X87_STRIDE
          break
        case 'Q':
        case 'N':
          if (!decoded.memory) words[(record + layout.REG1) >> 2] = X87 + (decoded.rm & 7) * X87_STRIDE
          break
        case 'J':
          this.#setAddress(record + layout.TARGET, branchTarget(decoded))
          break
        case 'L':
          words[(record + layout.IMMEDIATE) >> 2] = VECTOR + ((decoded.immediateLow >> 4) & 15) * VECTOR_STRIDE
      }
    }
    let displacement = decoded.displacement
    if (decoded.memory) {
      // rip-relative operands become absolute; a pop's rsp-based destination counts after the pop (SDM vol. 2B, POP).
      if (decoded.base === 16) displacement += decoded.next
      if (form.mnemonic === 'pop' && decoded.base === 4) displacement += width / 8
      words[(record + layout.BASE) >> 2] = decoded.base >= 0 && decoded.base < 16 ? GPR + decoded.base * 8 : ZERO
      words[(record + layout.INDEX) >> 2] = decoded.index >= 0 ? GPR + decoded.index * 8 : ZERO
    }
    const segment = decoded.segment === SEGMENT_FS ? FS_BASE : decoded.segment === SEGMENT_GS ? GS_BASE : ZERO
    const mask = decoded.address32 ? 8 : 0
    words[(record + layout.SCALE) >> 2] = decoded.scale | (decoded.length << 8) | (segment << 16) | (mask << 24)
    this.#setAddress(record + layout.DISPLACEMENT, displacement)
    if (form.options.vsib) {
      words[(record + layout.REG1) >> 2] = VECTOR + decoded.index * VECTOR_STRIDE
      words[(record + layout.INDEX) >> 2] = ZERO
    }
    words[(record + layout.IMMEDIATE + 4) >> 2] = decoded.immediateHigh
    this.#setAddress(record + layout.NEXT, decoded.next)
  }
}

/** Byte offset of a general register in the task record; ah ch dh bh are the second bytes of the first four. */
const generalOffset = (register: number, byte: boolean, rex: boolean): number =>
  byte && !rex && register >= 4 && register < 8 ? GPR + (register - 4) * 8 + 1 : GPR + register * 8
