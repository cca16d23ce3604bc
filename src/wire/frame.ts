// Frames on the wire, little endian: length u32 (of the whole frame), opcode u16, status u16, request id u32, then the body.
// `FrameWriter` and `FrameReader` are reused for every frame of a connection and check every bound; what does not fit is a `FrameError`,
// which the transport turns into an error that names the peer.
import { assert } from '../lib/assert.js'

export const HEADER_SIZE = 12
/** The largest frame: 256 pages of data and room for the fields around them. */
export const MAX_FRAME = 256 * 4096 + 65536

/** Values of the status field. */
export const STATUS_OK = 0
export const STATUS_BAD_FRAME = 1
export const STATUS_HANDLER_FAILED = 2

/** Bytes that break the format: garbage, a truncated or oversized frame, trailing bytes. */
export class FrameError extends Error {
  override readonly name = 'FrameError'
}

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true })
const TWO_TO_32 = 0x1_0000_0000

export class FrameWriter {
  bytes: Uint8Array
  at = HEADER_SIZE
  #view: DataView

  constructor() {
    this.bytes = new Uint8Array(16384)
    this.#view = new DataView(this.bytes.buffer)
  }

  start(): void {
    this.at = HEADER_SIZE
  }

  /** Writes the header; the frame is `bytes[0 .. at)`. */
  finish(opcode: number, status: number, requestId: number): void {
    this.#view.setUint32(0, this.at, true)
    this.#view.setUint16(4, opcode, true)
    this.#view.setUint16(6, status, true)
    this.#view.setUint32(8, requestId, true)
  }

  /** Room for `length` bytes at the returned offset; the caller fills it. */
  reserve(length: number): number {
    const at = this.at
    const end = at + length
    assert(end <= MAX_FRAME, `a frame is at most ${MAX_FRAME} bytes, not ${end}`)
    if (end > this.bytes.length) this.#grow(end)
    this.at = end
    return at
  }

  #grow(end: number): void {
    const larger = new Uint8Array(Math.min(MAX_FRAME, Math.max(end, this.bytes.length * 2)))
    larger.set(this.bytes)
    this.bytes = larger
    this.#view = new DataView(larger.buffer)
  }

  u32(value: number): void {
    assert(value >>> 0 === value, `u32 out of range: ${value}`)
    this.#view.setUint32(this.reserve(4), value, true)
  }

  i32(value: number): void {
    assert((value | 0) === value, `i32 out of range: ${value}`)
    this.#view.setInt32(this.reserve(4), value, true)
  }

  i32At(at: number, value: number): void {
    assert((value | 0) === value, `i32 out of range: ${value}`)
    this.#view.setInt32(at, value, true)
  }

  u64(value: number): void {
    assert(Number.isSafeInteger(value) && value >= 0, `u64 out of the exact range: ${value}`)
    const at = this.reserve(8)
    this.#view.setUint32(at, value % TWO_TO_32, true)
    this.#view.setUint32(at + 4, Math.floor(value / TWO_TO_32), true)
  }

  /** A signed number of magnitude below 2^53, as two's complement. */
  i64(value: number): void {
    assert(Number.isSafeInteger(value), `i64 out of the exact range: ${value}`)
    const high = Math.floor(value / TWO_TO_32)
    const at = this.reserve(8)
    this.#view.setUint32(at, value - high * TWO_TO_32, true)
    this.#view.setInt32(at + 4, high, true)
  }

  raw(value: Uint8Array): void {
    const at = this.reserve(value.length)
    this.bytes.set(value, at)
  }

  blob(value: Uint8Array): void {
    this.u32(value.length)
    this.raw(value)
  }

  text(value: string): void {
    if (value === '') this.u32(0)
    else this.blob(encoder.encode(value))
  }
}

const NOTHING = new Uint8Array(0)

export class FrameReader {
  #bytes: Uint8Array = NOTHING
  #view: DataView = new DataView(NOTHING.buffer)
  #at = 0
  #end = 0
  /** Server side: where a `receive` field lets the manager put its data, straight into the reply (see fields.ts). */
  reply: FrameWriter | null = null

  /** Reads the body in `bytes[at .. end)`. */
  start(bytes: Uint8Array, at: number, end: number): void {
    if (bytes !== this.#bytes) {
      this.#bytes = bytes
      this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    }
    this.#at = at
    this.#end = end
  }

  #take(length: number): number {
    const at = this.#at
    if (length > this.#end - at) throw new FrameError(`frame ends ${length - (this.#end - at)} bytes too early`)
    this.#at = at + length
    return at
  }

  /** Every byte of a frame means something. */
  finish(): void {
    if (this.#at !== this.#end) throw new FrameError(`${this.#end - this.#at} bytes too many in the frame`)
  }

  get left(): number {
    return this.#end - this.#at
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4), true)
  }

  i32(): number {
    return this.#view.getInt32(this.#take(4), true)
  }

  u64(): number {
    const at = this.#take(8)
    const value = this.#view.getUint32(at + 4, true) * TWO_TO_32 + this.#view.getUint32(at, true)
    if (!Number.isSafeInteger(value)) throw new FrameError('u64 at or above 2^53')
    return value
  }

  i64(): number {
    const at = this.#take(8)
    const value = this.#view.getInt32(at + 4, true) * TWO_TO_32 + this.#view.getUint32(at, true)
    if (!Number.isSafeInteger(value)) throw new FrameError('i64 of magnitude 2^53 or more')
    return value
  }

  /** A view of the frame, valid until the next frame. */
  blob(): Uint8Array {
    const length = this.u32()
    const at = this.#take(length)
    return this.#bytes.subarray(at, at + length)
  }

  text(): string {
    const bytes = this.blob()
    try {
      return bytes.length === 0 ? '' : decoder.decode(bytes)
    } catch {
      throw new FrameError('text is not UTF-8')
    }
  }
}
