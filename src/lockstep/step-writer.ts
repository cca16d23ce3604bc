// One instruction as the tracer hears of it: what changed in the registers since the last, flags, and all that it wrote. Places come
// from iced-x86 (facts.ts) and from the stores that the engine made, so that one too few and one too many both show.

import { readFlags } from '../engine/flags-word.js'
import { FS_BASE, GPR, MXCSR, VECTOR, VECTOR_STRIDE } from '../engine/record.js'
import { saveLegacyState } from '../engine/state-image.js'
import { PAGE_SIZE } from '../lib/translation-array.js'
import { FLAG_MASK, X87_BYTES } from '../x86/native/machine.js'
import type { Facts, Write } from './facts.js'
import { ADDRESS_LIMIT, type Guest, STORE_BYTES_MAX, TASK } from './guest.js'
import { COMMAND, type CommandStream, PART } from './stream.js'

const HIGH_LIMIT = ADDRESS_LIMIT / 2 ** 32
/** Arithmetic flags, DF, and NT AC ID, which popf changes. */
const COMPARED_FLAGS = FLAG_MASK | 0x244000
const GENERAL_REGISTERS = 16
const RDI = GPR + 8 * 7
/** A step without its ranges. */
const STEP_BYTES = 1024
/** Of one instruction, compared at once. */
const WRITTEN_MAX = 0x8000

export class StepWriter {
  readonly #guest: Guest
  readonly #stream: CommandStream
  /** As the tracer has them. */
  readonly #generalBefore = new Int32Array(2 * GENERAL_REGISTERS)
  readonly #basesBefore = new Int32Array(4)
  readonly #vectorsBefore = new Int32Array(16 * 8)
  readonly #image = new DataView(new ArrayBuffer(512))
  readonly #imageBytes = new Uint8Array(this.#image.buffer)
  /** What the instruction in progress will write, and where a repeated one starts. */
  readonly #writeAddresses: number[] = []
  readonly #writeSizes: number[] = []
  #destination = 0

  constructor(guest: Guest, stream: CommandStream) {
    this.#guest = guest
    this.#stream = stream
  }

  /** The tracer has the registers as they are now. */
  remember(): void {
    for (let n = 0; n < GENERAL_REGISTERS; n++) this.#differ(this.#generalBefore, (TASK + GPR) >> 2, n, 2)
    for (let n = 0; n < 2; n++) this.#differ(this.#basesBefore, (TASK + FS_BASE) >> 2, n, 2)
    for (let n = 0; n < 16; n++) this.#differ(this.#vectorsBefore, (TASK + VECTOR) >> 2, n, 8)
  }

  /** Before the instruction. */
  begin(facts: Facts | null): void {
    this.#guest.stores.length = this.#writeAddresses.length = this.#writeSizes.length = 0
    if (facts === null) return
    for (const write of facts.writes) this.#expectWrite(write)
    this.#destination = facts.element > 0 ? this.#guest.number(RDI) : 0
  }

  /** Takes down where an instruction will write, in halves of 32 bits: an address wraps at 2^64. */
  #expectWrite({ base, index, scale, segment, low, high, address32, size }: Write): void {
    const { view } = this.#guest
    const at = (offset: number) => view.getUint32(TASK + offset, true)
    const lows = at(base) + at(index) * scale + low
    const highs = at(base + 4) + at(index + 4) * scale + high + Math.floor(lows / 0x100000000)
    const segmentLow = (lows >>> 0) + at(segment)
    const top = ((address32 ? 0 : highs >>> 0) + at(segment + 4) + Math.floor(segmentLow / 0x100000000)) >>> 0
    if (top >= HIGH_LIMIT) return
    this.#writeAddresses.push(top * 0x100000000 + (segmentLow >>> 0))
    this.#writeSizes.push(size)
  }

  readonly #rangeAddresses: number[] = []
  readonly #rangeHosts: number[] = []
  readonly #rangeSizes: number[] = []

  /** Bytes to be compared, page by page; what the program cannot read is left out. */
  #range(address: number, size: number): void {
    for (let done = 0; done < size; ) {
      const from = address + done
      const part = Math.min(size - done, PAGE_SIZE - (from % PAGE_SIZE))
      const host = this.#guest.pages.host(Math.floor(from / PAGE_SIZE))
      if (host !== 0) {
        this.#rangeAddresses.push(from)
        this.#rangeHosts.push(host + (from % PAGE_SIZE))
        this.#rangeSizes.push(part)
      }
      done += part
    }
  }

  #ranges(element: number): number {
    this.#rangeAddresses.length = this.#rangeHosts.length = this.#rangeSizes.length = 0
    for (let n = 0; n < this.#writeAddresses.length; n++)
      this.#range(this.#writeAddresses[n] as number, this.#writeSizes[n] as number)
    if (element > 0) {
      const after = this.#guest.number(RDI)
      const destination = this.#destination
      const [from, to] = destination <= after ? [destination, after] : [after + element, destination + element]
      if (to - from <= WRITTEN_MAX) this.#range(from, to - from)
    }
    for (const address of this.#guest.stores) {
      let known = element > 0
      for (let n = 0; n < this.#writeAddresses.length; n++) {
        const from = address - (this.#writeAddresses[n] as number)
        known ||= from >= 0 && from < (this.#writeSizes[n] as number)
      }
      if (!known) this.#range(address, Math.min(STORE_BYTES_MAX, PAGE_SIZE - (address % PAGE_SIZE)))
    }
    let bytes = 0
    for (const size of this.#rangeSizes) bytes += 24 + size
    return bytes
  }

  /** Whether the instruction has changed a general register. */
  hasMoved(): boolean {
    for (let n = 0; n < 2 * GENERAL_REGISTERS; n++)
      if (this.#guest.words[((TASK + GPR) >> 2) + n] !== this.#generalBefore[n]) return true
    return false
  }

  /** @param rip after it @param undefinedFlags that mean nothing after it */
  send(facts: Facts, rip: number, undefinedFlags: number): void {
    const stream = this.#stream
    const { view, words, bytes } = this.#guest
    const rangeBytes = this.#ranges(facts.element)
    let changed = 0
    for (let n = 0; n < GENERAL_REGISTERS; n++)
      if (this.#differ(this.#generalBefore, (TASK + GPR) >> 2, n, 2)) changed |= 1 << n
    for (let n = 0; n < 2; n++)
      if (this.#differ(this.#basesBefore, (TASK + FS_BASE) >> 2, n, 2)) changed |= 1 << (GENERAL_REGISTERS + n)
    stream.reserve(STEP_BYTES + rangeBytes)
    stream.u32(COMMAND.step)
    stream.u32(facts.parts)
    stream.u32(changed)
    stream.u32(readFlags(view, TASK))
    stream.u32(COMPARED_FLAGS & ~undefinedFlags)
    stream.u32(this.#rangeSizes.length)
    stream.u64(rip)
    for (let n = 0; n < GENERAL_REGISTERS + 2; n++) {
      if (((changed >> n) & 1) === 0) continue
      const at = (n < GENERAL_REGISTERS ? TASK + GPR + 8 * n : TASK + FS_BASE + 8 * (n - GENERAL_REGISTERS)) >> 2
      stream.u32(words[at] as number)
      stream.u32(words[at + 1] as number)
    }
    if ((facts.parts & PART.vectors) !== 0) {
      let vectors = 0
      for (let n = 0; n < 16; n++) if (this.#differ(this.#vectorsBefore, (TASK + VECTOR) >> 2, n, 8)) vectors |= 1 << n
      stream.u32(view.getUint32(TASK + MXCSR, true))
      stream.u32(vectors)
      for (let n = 0; n < 16; n++)
        if (((vectors >> n) & 1) !== 0) stream.bytes(bytes, TASK + VECTOR + n * VECTOR_STRIDE, VECTOR_STRIDE)
    }
    if ((facts.parts & PART.x87) !== 0) {
      saveLegacyState(view, TASK, this.#image)
      stream.bytes(this.#imageBytes, 0, X87_BYTES)
    }
    for (let n = 0; n < this.#rangeSizes.length; n++) {
      stream.u64(this.#rangeAddresses[n] as number)
      stream.u64(this.#rangeSizes[n] as number)
      stream.bytes(bytes, this.#rangeHosts[n] as number, this.#rangeSizes[n] as number)
    }
  }

  /** Whether element n of so many words has changed; remembers it as it is. */
  #differ(before: Int32Array, at: number, n: number, size: number): boolean {
    let differ = false
    for (let word = n * size; word < (n + 1) * size; word++) {
      const now = this.#guest.words[at + word] as number
      if (before[word] === now) continue
      before[word] = now
      differ = true
    }
    return differ
  }
}
