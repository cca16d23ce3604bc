// The guest memory of lockstep: pages of the native process, copied when the engine first touches them. As commands to the tracer are
// done in order, a page comes as it is before the instruction that asks for it. After an event (a system call) the kernel may have
// changed anything: what was in use comes anew, everything else is forgotten.

import { readFileSync } from 'node:fs'
import { PAGE_SIZE } from '../lib/translation-array.js'
import { type Mapping, mappingAt, parseMappings } from './mappings.js'
import { COMMAND, type CommandStream, REPLY } from './stream.js'

/** Of pages asked for anew after an event; a tracer's command may name this many. */
const KEPT_MAX = 1024
const STACK_BYTES = 8 * 1024 * 1024
const REPLY_STRIDE = 8 + PAGE_SIZE

type Page = { readonly host: number; touched: boolean; written: boolean; writable: boolean | undefined }

export type PagesOptions = {
  readonly memory: Uint8Array
  /** Frames in `memory`: where, and how many. */
  readonly base: number
  readonly frames: number
  readonly stream: CommandStream
  readonly pid: number
  /** Decoded code of this page is stale. */
  readonly onCodeChange: (page: number) => void
}

export class Pages {
  readonly #memory: Uint8Array
  readonly #stream: CommandStream
  readonly #pid: number
  readonly #onCodeChange: (page: number) => void
  readonly #pages = new Map<number, Page>()
  readonly #free: number[] = []
  /** Pages with decoded code, as they were then. */
  readonly #code = new Map<number, Uint8Array>()
  #mappings: readonly Mapping[] = []
  #mappingsKnown = false
  /** Of this epoch: asked again before a fault is believed. */
  #mappingsFresh = false

  constructor(options: PagesOptions) {
    this.#memory = options.memory
    this.#stream = options.stream
    this.#pid = options.pid
    this.#onCodeChange = options.onCodeChange
    for (let n = 0; n < options.frames; n++) this.#free.push(options.base + n * PAGE_SIZE)
  }

  /** Where a page's frame is; 0 when the program cannot read it. */
  host(page: number): number {
    return this.#page(page)?.host ?? 0
  }

  /** The same for a store. */
  writableHost(page: number): number {
    const found = this.#page(page)
    if (found === undefined) return 0
    found.writable ??= this.mapping(page * PAGE_SIZE)?.writable === true
    // A fault is believed only of what is so now.
    if (!found.writable && this.#refreshMappings()) found.writable = this.mapping(page * PAGE_SIZE)?.writable === true
    if (!found.writable) return 0
    found.written = true
    if (this.#code.has(page)) this.#forgetCode(page)
    return found.host
  }

  /** The same for code that is decoded and kept. */
  codeHost(page: number): number {
    const host = this.host(page)
    if (host !== 0 && !this.#code.has(page)) this.#code.set(page, this.#memory.slice(host, host + PAGE_SIZE))
    return host
  }

  /** The mapping of an address as far as known. */
  mapping(address: number): Mapping | undefined {
    if (!this.#mappingsKnown) this.#refreshMappings()
    return mappingAt(this.#mappings, address, STACK_BYTES)
  }

  /** Whether there was anything to be asked. */
  #refreshMappings(): boolean {
    if (this.#mappingsFresh) return false
    this.#stream.reserve(4)
    this.#stream.u32(COMMAND.sync)
    if (this.#stream.ask(REPLY.synced) === undefined) return false
    this.#mappings = parseMappings(readFileSync(`/proc/${this.#pid}/maps`, 'latin1'))
    this.#mappingsKnown = true
    this.#mappingsFresh = true
    return true
  }

  #page(page: number): Page | undefined {
    const found = this.#pages.get(page) ?? this.#load(page)
    if (found !== undefined) found.touched = true
    return found
  }

  #load(page: number): Page | undefined {
    this.#stream.reserve(16)
    this.#stream.u32(COMMAND.pages)
    this.#stream.u32(1)
    this.#stream.u64(page * PAGE_SIZE)
    const reply = this.#stream.ask(REPLY.pages)
    if (reply === undefined) return undefined
    if (reply.getUint32(0, true) !== 0) return this.#fill(page, bytesOf(reply, 0))
    // The stack grows when the program itself comes by.
    const grows = () => mappingAt(this.#mappings, page * PAGE_SIZE, STACK_BYTES)?.grows === true
    if (!grows()) this.#refreshMappings()
    return grows() ? this.#fill(page, new Uint8Array(PAGE_SIZE)) : undefined
  }

  #fill(page: number, bytes: Uint8Array): Page {
    const host = this.#free.pop() as number
    this.#memory.set(bytes, host)
    const code = this.#code.get(page)
    if (code !== undefined && Buffer.compare(code, bytes) !== 0) this.#forgetCode(page)
    const made: Page = { host, touched: false, written: false, writable: undefined }
    this.#pages.set(page, made)
    return made
  }

  #forgetCode(page: number): void {
    this.#code.delete(page)
    this.#onCodeChange(page)
  }

  /** For what one instruction may touch. */
  hasRoom(pages: number): boolean {
    return this.#free.length >= pages
  }

  /** Pages may be forgotten between any two instructions. */
  forgetAll(): void {
    for (const { host } of this.#pages.values()) this.#free.push(host)
    this.#pages.clear()
  }

  /** Compares the pages written since the last event with the program's: the first address that differs. */
  firstDifference(): { readonly address: number; readonly expected: number; readonly got: number } | undefined {
    const written = [...this.#pages].filter(([, { written }]) => written)
    for (let from = 0; from < written.length; from += KEPT_MAX) {
      const part = written.slice(from, from + KEPT_MAX)
      this.#stream.reserve(8 + 8 * part.length)
      this.#stream.u32(COMMAND.pages)
      this.#stream.u32(part.length)
      for (const [page] of part) this.#stream.u64(page * PAGE_SIZE)
      const reply = this.#stream.ask(REPLY.pages)
      if (reply === undefined) return undefined
      for (const [n, [page, { host }]] of part.entries()) {
        const expected = bytesOf(reply, n)
        const got = this.#memory.subarray(host, host + PAGE_SIZE)
        if (Buffer.compare(expected, got) === 0) continue
        const at = expected.findIndex((byte, index) => byte !== got[index])
        return { address: page * PAGE_SIZE + at, expected: expected[at] as number, got: got[at] as number }
      }
    }
    return undefined
  }

  /** The pages to ask for with an event: those in use since the last, the latest of them. */
  inUse(): readonly number[] {
    return [...this.#pages]
      .filter(([, { touched }]) => touched)
      .map(([page]) => page)
      .slice(-KEPT_MAX)
  }

  /**
   * After an event.
   * @param kept what `inUse` was, and their bytes
   * @param mapped whether mappings may have changed
   */
  renew(kept: readonly number[], reply: DataView, mapped: boolean): void {
    const writable = new Map([...this.#pages].map(([page, { writable }]) => [page, writable]))
    this.forgetAll()
    this.#mappingsFresh = false
    if (mapped) this.#mappingsKnown = false
    for (const [n, page] of kept.entries()) {
      if (reply.getUint32(n * REPLY_STRIDE, true) === 0) {
        if (this.#code.has(page)) this.#forgetCode(page)
        continue
      }
      const renewed = this.#fill(page, bytesOf(reply, n))
      if (!mapped) renewed.writable = writable.get(page)
    }
  }
}

const bytesOf = (reply: DataView, n: number): Uint8Array =>
  new Uint8Array(reply.buffer, reply.byteOffset + n * REPLY_STRIDE + 8, PAGE_SIZE)
