// The two pipes between lockstep and its tracer (native.c, which has the same layouts): commands go out in order, many at a time;
// a reply is read when something was asked for. Little-endian.
//   const stream = new CommandStream(writer, reader); stream.u32(COMMAND.sync); stream.ask(REPLY.synced)

import { readSync, writeSync } from 'node:fs'
import { assert } from '../lib/assert.js'

export const COMMAND = { step: 1, event: 2, pages: 3, sync: 4, state: 5, skip: 6 } as const
export const REPLY = { state: 1, pages: 2, synced: 3, differs: 4, exited: 5, failed: 6 } as const
export type ReplyKind = (typeof REPLY)[keyof typeof REPLY]
/** Parts of a step. */
export const PART = { vectors: 1, x87: 2, repeated: 4, pushesFlags: 8, adopted: 16 } as const

const CAPACITY = 0x10000
const HEADER_BYTES = 8

/** What ends a run: the program's own end, a difference, or a failure of the tracer. */
export type Ending = { readonly kind: ReplyKind; readonly payload: DataView }

export class CommandStream {
  readonly #writer: number
  readonly #reader: number
  readonly #bytes = new Uint8Array(CAPACITY)
  readonly #view = new DataView(this.#bytes.buffer)
  #at = 0
  /** Set once there is nothing more to come. */
  ending: Ending | undefined

  /** @param writer @param reader file descriptors of blocking pipes */
  constructor(writer: number, reader: number) {
    this.#writer = writer
    this.#reader = reader
  }

  /** Room for that many bytes of one command. */
  reserve(size: number): void {
    if (this.#at + size > CAPACITY) this.flush()
    assert(size <= CAPACITY, 'a command fits the buffer')
  }

  u32(value: number): void {
    this.#view.setUint32(this.#at, value, true)
    this.#at += 4
  }

  /** A number below 2^53. */
  u64(value: number): void {
    this.#view.setUint32(this.#at, value, true)
    this.#view.setUint32(this.#at + 4, Math.floor(value / 0x100000000), true)
    this.#at += 8
  }

  /** Bytes, padded with what is there to eight. */
  bytes(from: Uint8Array, at: number, size: number): void {
    this.#bytes.set(from.subarray(at, at + size), this.#at)
    this.#at += (size + 7) & ~7
  }

  flush(): void {
    for (let done = 0; done < this.#at && this.ending === undefined; ) {
      try {
        done += writeSync(this.#writer, this.#bytes, done, this.#at - done)
      } catch (error) {
        // The tracer has ended, and has said why.
        if ((error as NodeJS.ErrnoException).code !== 'EPIPE') throw error
        this.#read(undefined)
      }
    }
    this.#at = 0
  }

  /** Sends everything and waits for a reply of this kind; undefined when the run has ended instead. */
  ask(kind: ReplyKind): DataView | undefined {
    this.flush()
    return this.#read(kind)
  }

  /** The next reply, without sending anything. */
  next(kind: ReplyKind): DataView | undefined {
    return this.#read(kind)
  }

  #read(kind: ReplyKind | undefined): DataView | undefined {
    if (this.ending !== undefined) return undefined
    const header = this.#take(HEADER_BYTES)
    const got = header.getUint32(0, true) as ReplyKind
    const payload = this.#take(header.getUint32(4, true))
    if (got === kind) return payload
    this.ending = { kind: got, payload }
    return undefined
  }

  #take(size: number): DataView {
    const bytes = new Uint8Array(size)
    for (let done = 0; done < size; ) {
      const got = readSync(this.#reader, bytes, done, size - done, null)
      assert(got > 0, 'the tracer answers')
      done += got
    }
    return new DataView(bytes.buffer)
  }
}
