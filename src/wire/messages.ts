// Declares messages: one row each, from which the client, the server's dispatcher, the codec and the trace printer are derived.
//   const clock = protocol('clock', { read: message({ opcode: 1, request: { id: u32 }, reply: u64, deadlineMsec: 1000, retry: 'idempotent' }) })
// Opcodes are never reused: a retired one stays in the table as a comment.
import { assert } from '../lib/assert.js'
import { type Field, type RecordOf, receive, type Shape } from './fields.js'
import type { FrameReader, FrameWriter } from './frame.js'

export interface Message<Q extends Shape, R> {
  readonly opcode: number
  readonly request: Q
  readonly reply: Field<R>
  /** After this long without an answer the peer counts as dead. */
  readonly deadlineMsec: number
  /** 'idempotent': sent again once when the connection was lost; 'never': the loss is reported. */
  readonly retry: 'idempotent' | 'never'
}

export type AnyMessage = Message<Shape, unknown>
export type Protocol = Readonly<Record<string, AnyMessage>>

/** What both a manager and its remote client look like: a method a message, with the request (unless empty) as its argument. */
export type Methods<P extends Protocol> = {
  [K in keyof P]: P[K] extends Message<infer Q, infer R>
    ? keyof Q extends never
      ? () => R
      : (request: RecordOf<Q>) => R
    : never
}

export function message<Q extends Shape, R>(row: Message<Q, R>): Message<Q, R> {
  assert(row.opcode > 0 && row.opcode < 0x10000, `opcode ${row.opcode} fits 16 bits`)
  const receiving = Object.values(row.request).filter((field) => field === receive).length
  assert(receiving === 0 || (receiving === 1 && row.reply.type === 'i32'), 'one receive field, answered by i32')
  return row
}

/** Checks the rows against each other. */
export function protocol<P extends Protocol>(name: string, rows: P): P {
  const seen = new Map<number, string>()
  for (const [row, { opcode }] of Object.entries(rows)) {
    assert(!seen.has(opcode), `${name}: ${row} and ${seen.get(opcode)} share opcode ${opcode}`)
    seen.set(opcode, row)
  }
  return rows
}

export type LooseRecord = Readonly<Record<string, unknown>>

/** Name of the field the reply's data goes to, if the message has one. */
export function receiveField(row: AnyMessage): string | null {
  for (const name in row.request) if (row.request[name] === receive) return name
  return null
}

export function writeRequest(row: AnyMessage, writer: FrameWriter, request: LooseRecord): void {
  for (const name in row.request) row.request[name]!.write(writer, request[name])
}

export function readRequest(row: AnyMessage, reader: FrameReader): LooseRecord {
  const request: Record<string, unknown> = {}
  for (const name in row.request) request[name] = row.request[name]!.read(reader)
  reader.finish()
  return request
}

/** One line a call, as `--trace-messages` prints it: `fetch(asid: 1, page: 4096, into: [room for 4096]) = 1`. */
export function showCall(name: string, row: AnyMessage, request: LooseRecord, reply: unknown): string {
  const fields = Object.entries(row.request).map(([field, type]) => `${field}: ${type.show(request[field])}`)
  return `${name}(${fields.join(', ')}) = ${row.reply.show(reply)}`
}
