// The kernel's view of one address space: copies to and from guest memory, every byte through the ExCache.
//   if (memory.load(address, 16) < 0) return err(E.FAULT); const sec = readSeconds(memory.scratch, 0)
// Calls answer 0 (or a count) or -EFAULT. Host addresses are only good until the next call here that copies.
import { E, err } from '../abi/errno.js'
import type { ExCache } from '../excache/excache.js'
import { textOfPath } from '../lib/path-text.js'
import type { Vcpus } from './vcpus.js'

const PAGE = 4096
const READ = 0
const WRITE = 1
const RETRY = -1
export const SCRATCH_SIZE = 65536
/** Pages of one host call: fewer than the limbo has frames, so that none of them is lost meanwhile. */
const SEGMENTS_MAX = 16

/** Pieces of a guest buffer in the shared memory, for host calls in place. */
export class Segments {
  /** (host address, length) pairs, as MemoryWindow.readv takes them. */
  readonly pairs = new Float64Array(2 * SEGMENTS_MAX)
  count = 0
  /** Bytes covered. */
  bytes = 0
}

export class GuestMemory {
  readonly #cache: ExCache
  readonly #vcpu: number
  readonly #asid: number
  readonly #bytes: Uint8Array
  readonly #words: Int32Array
  readonly #vcpus: Vcpus
  /** For fixed-size structures: `load` fills it, `store` writes it. */
  readonly scratch: DataView
  readonly #scratchBytes: Uint8Array

  constructor(cache: ExCache, vcpu: number, asid: number, bytes: Uint8Array, scratch: DataView, vcpus: Vcpus) {
    this.#cache = cache
    this.#vcpu = vcpu
    this.#asid = asid
    this.#bytes = bytes
    this.#words = new Int32Array(bytes.buffer)
    this.#vcpus = vcpus
    this.scratch = scratch
    this.#scratchBytes = new Uint8Array(scratch.buffer, scratch.byteOffset, scratch.byteLength)
  }

  /** Host address of a guest byte, or -EFAULT. A syscall holds no tags, so that it may pass a safepoint itself. */
  translate(address: number, access: number): number {
    for (;;) {
      const host = this.#cache.translate(this.#vcpu, this.#asid, address, access)
      if (host > 0) return host
      if (host !== RETRY) return err(E.FAULT)
      this.#makeRoom()
    }
  }

  /** Every frame is in use by evicted lines: all vCPUs have to pass a safepoint. */
  #makeRoom(): void {
    this.#vcpus.refuse()
    this.#cache.safepoint(this.#vcpu)
  }

  copyIn(address: number, into: Uint8Array, length = into.length): number {
    for (let done = 0; done < length; ) {
      const host = this.translate(address + done, READ)
      if (host < 0) return host
      const part = Math.min(length - done, PAGE - (host % PAGE))
      // Short pieces, the common case, are faster by hand than through a new view.
      if (part <= 32) for (let i = 0; i < part; i++) into[done + i] = this.#bytes[host + i]!
      else into.set(this.#bytes.subarray(host, host + part), done)
      done += part
    }
    return 0
  }

  copyOut(address: number, from: Uint8Array, length = from.length): number {
    for (let done = 0; done < length; ) {
      const host = this.translate(address + done, WRITE)
      if (host < 0) return host
      const part = Math.min(length - done, PAGE - (host % PAGE))
      if (part <= 32) for (let i = 0; i < part; i++) this.#bytes[host + i] = from[done + i]!
      else this.#bytes.set(part === from.length ? from : from.subarray(done, done + part), host)
      done += part
    }
    return 0
  }

  zero(address: number, length: number): number {
    for (let done = 0; done < length; ) {
      const host = this.translate(address + done, WRITE)
      if (host < 0) return host
      const part = Math.min(length - done, PAGE - (host % PAGE))
      this.#bytes.fill(0, host, host + part)
      done += part
    }
    return 0
  }

  load(address: number, length: number): number {
    return this.copyIn(address, this.#scratchBytes, length)
  }

  store(address: number, length: number): number {
    return this.copyOut(address, this.#scratchBytes, length)
  }

  /** The value, or -EFAULT. */
  readU32(address: number): number {
    if (address % 4 === 0) {
      const host = this.translate(address, READ)
      return host < 0 ? host : Atomics.load(this.#words, host >> 2) >>> 0
    }
    return this.load(address, 4) < 0 ? err(E.FAULT) : this.scratch.getUint32(0, true)
  }

  /** The value as a number (rounded above 2^53), or -EFAULT. */
  readU64(address: number): number {
    if (this.load(address, 8) < 0) return err(E.FAULT)
    return this.scratch.getUint32(4, true) * 0x1_0000_0000 + this.scratch.getUint32(0, true)
  }

  writeU32(address: number, value: number): number {
    if (address % 4 === 0) {
      const host = this.translate(address, WRITE)
      if (host > 0) Atomics.store(this.#words, host >> 2, value)
      return Math.min(host, 0)
    }
    this.scratch.setUint32(0, value, true)
    return this.store(address, 4)
  }

  /** Puts `change(old)` into an aligned word, atomically; the old value, or -EFAULT. */
  updateU32(address: number, change: (old: number) => number): number {
    const host = this.translate(address, WRITE)
    if (host < 0) return host
    for (;;) {
      const old = Atomics.load(this.#words, host >> 2)
      if (Atomics.compareExchange(this.#words, host >> 2, old, change(old) | 0) === old) return old >>> 0
    }
  }

  writeU64(address: number, value: number): number {
    this.scratch.setUint32(0, value >>> 0, true)
    this.scratch.setInt32(4, Math.floor(value / 0x1_0000_0000) | 0, true)
    return this.store(address, 8)
  }

  /** Length of a C string of at most `limit` bytes: -EFAULT, or -ENAMETOOLONG when there is no NUL in them. */
  #stringLength(address: number, limit: number): number {
    for (let done = 0; done < limit; ) {
      const host = this.translate(address + done, READ)
      if (host < 0) return host
      const part = Math.min(limit - done, PAGE - (host % PAGE))
      const end = this.#bytes.indexOf(0, host)
      if (end >= 0 && end < host + part) return done + end - host
      done += part
    }
    return err(E.NAMETOOLONG)
  }

  /** A C string's bytes without the NUL, or -EFAULT or -ENAMETOOLONG. */
  readBytes(address: number, limit: number): Uint8Array | number {
    const length = this.#stringLength(address, limit)
    if (length < 0) return length
    const bytes = new Uint8Array(length)
    const result = this.copyIn(address, bytes)
    return result < 0 ? result : bytes
  }

  /** A C string as text; bytes that are no UTF-8 survive in it (lib/path-text.ts). */
  readString(address: number, limit = PAGE): string | number {
    const bytes = this.readBytes(address, limit)
    return typeof bytes === 'number' ? bytes : textOfPath(bytes)
  }

  /**
   * Appends the pieces of address .. address+length to `out`, as many as fit. Returns the bytes appended: fewer than `length` when `out` is full or
   * the buffer ends in unmapped memory, -EFAULT when its first byte is unmapped. The caller uses them, then goes on after `release`.
   */
  segments(address: number, length: number, access: number, out: Segments): number {
    let done = 0
    while (done < length && out.count < SEGMENTS_MAX) {
      const host = this.#cache.translate(this.#vcpu, this.#asid, address + done, access)
      if (host === RETRY) {
        if (out.count > 0) break
        this.#makeRoom()
        continue
      }
      if (host < 0) return done > 0 ? done : err(E.FAULT)
      const part = Math.min(length - done, PAGE - (host % PAGE))
      const last = 2 * (out.count - 1)
      if (out.count > 0 && out.pairs[last]! + out.pairs[last + 1]! === host) out.pairs[last + 1]! += part
      else {
        out.pairs[2 * out.count] = host
        out.pairs[2 * out.count + 1] = part
        out.count++
      }
      out.bytes += part
      done += part
    }
    return done
  }

  /** The segments taken so far are no longer used. */
  release(out: Segments): void {
    out.count = 0
    out.bytes = 0
    this.#cache.safepoint(this.#vcpu)
  }
}
