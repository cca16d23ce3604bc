// The types a message field can have. Each one value: how it is written, read and shown in a trace. Declarations are built from these
// (`messages.ts`), so that codec, stub and trace cannot disagree.
// Numbers are JavaScript numbers; a u64 at or above 2^53 is refused on both sides.
import { FrameError, type FrameReader, type FrameWriter, HEADER_SIZE, MAX_FRAME } from './frame.js'

export interface Field<T> {
  readonly type: string
  write(writer: FrameWriter, value: T): void
  read(reader: FrameReader): T
  show(value: T): string
}

export type ValueOf<F> = F extends Field<infer T> ? T : never
export type Shape = Readonly<Record<string, Field<unknown>>>
export type RecordOf<S extends Shape> = { readonly [K in keyof S]: ValueOf<S[K]> }

const MAX_LIST = 65536
const showNumber = (value: number): string => (value > 65535 ? `0x${value.toString(16)}` : `${value}`)

export const u32: Field<number> = {
  type: 'u32',
  write: (writer, value) => writer.u32(value),
  read: (reader) => reader.u32(),
  show: showNumber,
}

export const i32: Field<number> = {
  type: 'i32',
  write: (writer, value) => writer.i32(value),
  read: (reader) => reader.i32(),
  show: showNumber,
}

export const u64: Field<number> = {
  type: 'u64',
  write: (writer, value) => writer.u64(value),
  read: (reader) => reader.u64(),
  show: showNumber,
}

/** Results that are an address or a negative errno. */
export const i64: Field<number> = {
  type: 'i64',
  write: (writer, value) => writer.i64(value),
  read: (reader) => reader.i64(),
  show: showNumber,
}

/** Reads as a view of the frame, valid during the call only: whoever keeps it copies it. */
export const bytes: Field<Uint8Array> = {
  type: 'bytes',
  write: (writer, value) => writer.blob(value),
  read: (reader) => reader.blob(),
  show: (value) => `[${value.length} bytes]`,
}

export const text: Field<string> = {
  type: 'text',
  write: (writer, value) => writer.text(value),
  read: (reader) => reader.text(),
  show: (value) => JSON.stringify(value),
}

/** Offset of a `receive` message's data in its reply: after the i32 result. */
export const RECEIVED_AT = HEADER_SIZE + 4

/**
 * A buffer of the caller that the reply fills: the request carries its length only. A message has at most one, and its reply is `i32`; the data
 * follows the result unless that is negative.
 */
export const receive: Field<Uint8Array> = {
  type: 'receive',
  write: (writer, value) => writer.u32(value.length),
  read(reader) {
    const length = reader.u32()
    if (length > MAX_FRAME - RECEIVED_AT) throw new FrameError(`cannot answer with ${length} bytes`)
    const reply = reader.reply
    if (reply === null) throw new FrameError('a receive field outside a request')
    reply.start()
    reply.reserve(RECEIVED_AT - HEADER_SIZE + length)
    return reply.bytes.subarray(RECEIVED_AT, RECEIVED_AT + length)
  },
  show: (value) => `[room for ${value.length}]`,
}

export function record<S extends Shape>(shape: S): Field<RecordOf<S>> {
  const fields = Object.entries(shape)
  return {
    type: `{${fields.map(([name, field]) => `${name} ${field.type}`).join(', ')}}`,
    write(writer, value) {
      for (const [name, field] of fields) field.write(writer, value[name])
    },
    read(reader) {
      const value: Record<string, unknown> = {}
      for (const [name, field] of fields) value[name] = field.read(reader)
      return value as RecordOf<S>
    },
    show: (value) => `{${fields.map(([name, field]) => `${name}: ${field.show(value[name])}`).join(', ')}}`,
  }
}

export function list<T>(item: Field<T>): Field<readonly T[]> {
  return {
    type: `${item.type}[]`,
    write(writer, value) {
      writer.u32(value.length)
      for (const entry of value) item.write(writer, entry)
    },
    read(reader) {
      const count = reader.u32()
      // Each item takes at least four bytes, so that a forged count cannot make us allocate.
      if (count > MAX_LIST || count * 4 > reader.left) throw new FrameError(`list of ${count} items does not fit`)
      const value: T[] = []
      for (let index = 0; index < count; index++) value.push(item.read(reader))
      return value
    },
    show: (value) => `[${value.map((entry) => item.show(entry)).join(', ')}]`,
  }
}
