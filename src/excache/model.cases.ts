// A naive machine to hold the ExCache against: address spaces as maps of pages, one memory manager as a map of bytes,
// vCPUs that probe translation arrays as generated code does and keep host addresses until their safepoint.
import {
  ADDEND,
  ARRAY_SIZE,
  ENTRIES,
  ENTRY_SIZE,
  PAGE_SIZE,
  READ_TAG,
  WAY_SIZE,
  WRITE_TAG,
} from '../lib/translation-array.js'
import { ExCache, FAULT, READ, RETRY, WRITE } from './excache.js'
import { arraysSize, type ExCacheOptions, framesSize, type Policy, prepareTable, tableSize } from './layout.js'
import type { LineSource, Resolution } from './source.js'

export type Shape = { size: number; ways: number; policy: Policy; vcpus: number; limboFrames?: number }

/** A memory that holds an empty cache of this shape, and the options to construct an ExCache over it. */
export function makeOptions(shape: Shape): ExCacheOptions {
  const up = (value: number): number => Math.ceil(value / PAGE_SIZE) * PAGE_SIZE
  const arraysBase = PAGE_SIZE
  const tableBase = arraysBase + arraysSize(shape)
  const framesBase = up(tableBase + tableSize(shape))
  const pages = Math.ceil((framesBase + framesSize(shape)) / 65536)
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true })
  const options = { ...shape, memory, tableBase, framesBase, arraysBase }
  prepareTable(options)
  return options
}

export type Mapping = { prot: number; object: number; page: number }
type Held = { asid: number; page: number; host: number; access: number }

const key = (space: number, page: number): string => `${space}:${page}`

export class Machine implements LineSource {
  readonly options: ExCacheOptions
  readonly bytes: Uint8Array
  readonly view: DataView
  readonly vcpus: ExCache[]
  /** The truth, by address space and page or by object and page. */
  readonly truth = new Map<string, Uint8Array>()
  readonly manager = new Map<string, Uint8Array>()
  readonly mappings = new Map<number, Map<number, Mapping>>()
  readonly held: Held[][]
  readonly codePages = new Set<string>()
  /** vCPUs asked to come to a safepoint. */
  readonly wanted = new Set<number>()
  codeWrites = 0
  messages = 0

  constructor(shape: Shape) {
    this.options = makeOptions(shape)
    this.bytes = new Uint8Array(this.options.memory.buffer)
    this.view = new DataView(this.options.memory.buffer)
    this.held = Array.from({ length: shape.vcpus }, () => [])
    this.vcpus = this.held.map(() => new ExCache(this.options, this, (vcpu) => this.wanted.add(vcpu)))
  }

  resolve(asid: number, page: number, access: number, out: Resolution): void {
    const mapping = this.mappings.get(asid)?.get(page)
    out.kind = 'fault'
    out.signal = 11
    out.code = mapping ? 2 : 1
    if (!mapping || (mapping.prot & [7, 2, 4][access]!) === 0) return
    out.kind = 'zero'
    out.object = mapping.object
    out.page = mapping.page
    out.prot = mapping.prot
  }

  fetch(space: number, page: number, into: number): number {
    this.messages++
    const bytes = this.manager.get(key(space, page))
    if (bytes) this.bytes.set(bytes, into)
    else this.bytes.fill(0, into, into + PAGE_SIZE)
    return 0
  }

  writeBack(space: number, page: number, from: number): void {
    this.messages++
    if (space > 0 && this.mappings.get(space)?.get(page)?.object !== 0) {
      throw new Error(`page ${page} of space ${space} was written back, but is not mapped`)
    }
    this.manager.set(key(space, page), this.bytes.slice(from, from + PAGE_SIZE))
  }

  onCodeWrite(asid: number, page: number, space: number): boolean {
    this.codeWrites++
    const code = this.#keyOf(asid, page)
    if (!code.startsWith(`${space}:`)) throw new Error(`a code write to ${code} was reported for space ${space}`)
    return this.codePages.delete(code)
  }

  truthOf(asid: number, page: number): Uint8Array {
    const mapping = this.mappings.get(asid)!.get(page)!
    const at = mapping.object === 0 ? key(asid, page) : key(-mapping.object, mapping.page)
    const bytes = this.truth.get(at) ?? new Uint8Array(PAGE_SIZE)
    this.truth.set(at, bytes)
    return bytes
  }

  /** As generated code: way 0, then way 1. Host address of the byte, or 0. */
  probe(vcpu: number, address: number, access: number): number {
    const page = Math.floor(address / PAGE_SIZE)
    const tag = BigInt(page) << 12n
    const base = this.options.arraysBase + vcpu * ARRAY_SIZE + (page % ENTRIES) * ENTRY_SIZE
    for (const entry of [base, base + WAY_SIZE]) {
      if (this.view.getBigInt64(entry + (access === WRITE ? WRITE_TAG : READ_TAG), true) === tag) {
        return (this.view.getInt32(entry + ADDEND, true) + (address | 0)) >>> 0
      }
    }
    return 0
  }

  /** Host address of the byte, RETRY or FAULT. */
  access(vcpu: number, asid: number, address: number, access: number): number {
    this.vcpus[vcpu]!.bind(vcpu, asid)
    return this.probe(vcpu, address, access) || this.vcpus[vcpu]!.refill(vcpu, asid, address, access)
  }

  safepoint(vcpu: number): void {
    this.held[vcpu] = []
    this.wanted.delete(vcpu)
    this.vcpus[vcpu]!.safepoint(vcpu)
  }

  stopAll(): void {
    this.held.forEach((_, vcpu) => {
      this.safepoint(vcpu)
    })
  }

  /** One instruction: all its accesses get host addresses before any takes effect. Attempts it took, or FAULT. */
  instruction(vcpu: number, asid: number, accesses: { address: number; access: number }[]): number {
    for (let attempt = 1; attempt < 50; attempt++) {
      const hosts: number[] = []
      for (const { address, access } of accesses) {
        const host = this.access(vcpu, asid, address, access)
        if (host === FAULT) return FAULT
        if (host === RETRY) break
        hosts.push(host)
      }
      if (hosts.length === accesses.length) {
        hosts.forEach((host, i) => {
          const { address, access } = accesses[i]!
          this.held[vcpu]!.push({
            asid,
            page: Math.floor(address / PAGE_SIZE),
            host: host - (address % PAGE_SIZE),
            access,
          })
        })
        return attempt
      }
      this.safepoint(vcpu)
      for (const other of [...this.wanted]) this.safepoint(other)
    }
    throw new Error('an instruction made no progress in 50 attempts')
  }

  /** Reads or writes a byte through a host address of the last instruction or an older one; throws on a wrong byte. */
  touch({ asid, page, host, access }: Held, offset: number, value: number): void {
    const truth = this.truthOf(asid, page)
    if (this.bytes[host + offset] !== truth[offset]) {
      throw new Error(`space ${asid} page ${page}+${offset}: ${this.bytes[host + offset]}, not ${truth[offset]}`)
    }
    if (access !== WRITE) return
    if (this.codePages.has(this.#keyOf(asid, page))) throw new Error('a write went past the code mark')
    this.bytes[host + offset] = value
    truth[offset] = value
  }

  #keyOf(asid: number, page: number): string {
    const mapping = this.mappings.get(asid)!.get(page)!
    return mapping.object === 0 ? key(asid, page) : key(-mapping.object, mapping.page)
  }

  map(asid: number, page: number, mapping: Mapping): void {
    if (!this.mappings.has(asid)) this.mappings.set(asid, new Map())
    this.unmap(asid, page, 1)
    this.mappings.get(asid)!.set(page, mapping)
  }

  unmap(asid: number, first: number, count: number): void {
    this.stopAll()
    this.vcpus[0]!.invalidate(asid, first, count, { discard: true })
    for (let page = first; page < first + count; page++) {
      this.mappings.get(asid)!.delete(page)
      this.manager.delete(key(asid, page))
      this.truth.delete(key(asid, page))
      this.codePages.delete(key(asid, page))
    }
  }

  protect(asid: number, first: number, count: number, prot: number): void {
    this.stopAll()
    for (let page = first; page < first + count; page++) {
      const mapping = this.mappings.get(asid)!.get(page)
      if (mapping) mapping.prot = prot
    }
    this.vcpus[0]!.protect(asid, first, count, prot)
  }

  fork(parent: number, child: number): void {
    this.stopAll()
    const copy = (map: Map<string, Uint8Array>): void => {
      for (const [page, mapping] of this.mappings.get(parent)!) {
        const bytes = map.get(key(parent, page))
        if (bytes && mapping.object === 0) map.set(key(child, page), bytes.slice())
      }
    }
    this.mappings.set(child, new Map([...this.mappings.get(parent)!].map(([page, mapping]) => [page, { ...mapping }])))
    copy(this.truth)
    this.vcpus[0]!.fork(parent, child, () => copy(this.manager))
  }

  exit(asid: number): void {
    this.stopAll()
    this.vcpus[0]!.dropSpace(asid)
    for (const page of this.mappings.get(asid)!.keys()) {
      for (const map of [this.truth, this.manager]) map.delete(key(asid, page))
      this.codePages.delete(key(asid, page))
    }
    this.mappings.delete(asid)
  }

  move(asid: number, from: number, to: number): void {
    this.stopAll()
    this.vcpus[0]!.move(asid, from, to, 1)
    const pages = this.mappings.get(asid)!
    const mapping = pages.get(from)!
    pages.delete(from)
    pages.set(to, mapping)
    this.codePages.delete(key(asid, from))
    this.codePages.delete(key(asid, to))
    for (const map of [this.truth, this.manager]) {
      const bytes = map.get(key(asid, from))
      map.delete(key(asid, to))
      map.delete(key(asid, from))
      if (bytes && mapping.object === 0) map.set(key(asid, to), bytes)
    }
  }

  markCode(vcpu: number, asid: number, page: number): void {
    let status = RETRY
    while (status === RETRY) {
      this.stopAll()
      status = this.vcpus[vcpu]!.markCode(asid, page * PAGE_SIZE)
    }
    if (status !== 0) throw new Error(`page ${page} of space ${asid} cannot hold code`)
    this.codePages.add(this.#keyOf(asid, page))
  }

  /** Every byte of every space, read through the cache. */
  checkAll(): void {
    for (const [asid, pages] of this.mappings) {
      for (const [page, { prot }] of pages) {
        if (prot === 0) continue
        this.instruction(0, asid, [{ address: page * PAGE_SIZE, access: READ }])
        const { host } = this.held[0]!.at(-1)!
        if (!Buffer.from(this.bytes.buffer, host, PAGE_SIZE).equals(this.truthOf(asid, page))) {
          throw new Error(`space ${asid} page ${page} differs`)
        }
      }
    }
  }
}
