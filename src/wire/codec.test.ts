import fc from 'fast-check'
import { bytes, i32, i64, list, receive, record, text, u32, u64 } from './fields.js'
import { FrameError, FrameReader, FrameWriter, HEADER_SIZE, MAX_FRAME, STATUS_BAD_FRAME } from './frame.js'
import { memoryProtocol } from './memory-protocol.js'
import { message, protocol, showCall } from './messages.js'
import { clientOf, dispatcher, throughCodec, traced } from './transports.js'

const entry = record({ id: u32, delta: i64, name: text })
const rows = protocol('echo', {
  echo: message({
    opcode: 7,
    request: { small: u32, signed: i32, big: u64, far: i64, data: bytes, name: text, entries: list(entry) },
    reply: record({ small: u32, signed: i32, big: u64, far: i64, data: bytes, name: text, entries: list(entry) }),
    deadlineMsec: 1000,
    retry: 'idempotent',
  }),
  fill: message({ opcode: 8, request: { value: i32, into: receive }, reply: i32, deadlineMsec: 1000, retry: 'never' }),
})

const manager = {
  echo: (request: Parameters<ReturnType<typeof makeClient>['echo']>[0]) => ({ ...request, data: request.data.slice() }),
  fill({ value, into }: { value: number; into: Uint8Array }): number {
    if (value >= 0) into.fill(value)
    return value
  },
}

function makeClient() {
  return clientOf(rows, { request: new FrameWriter(), exchange: () => null })
}

const requests = fc.record({
  small: fc.integer({ min: 0, max: 0xffffffff }),
  signed: fc.integer(),
  big: fc.maxSafeNat(),
  far: fc.maxSafeInteger(),
  data: fc.uint8Array({ maxLength: 5000 }),
  name: fc.string({ unit: 'grapheme' }),
  entries: fc.array(
    fc.record({ id: fc.integer({ min: 0, max: 0xffffffff }), delta: fc.maxSafeInteger(), name: fc.string() }),
  ),
})

test('what goes through the codec comes out the same', () => {
  const client = throughCodec(rows, manager)
  fc.assert(fc.property(requests, (request) => expect(client.echo(request)).toEqual(request)))
})

test('a receive field is filled by the reply, and left alone by an error', () => {
  const client = throughCodec(rows, manager)
  const into = new Uint8Array(300000)
  expect(client.fill({ value: 77, into })).toBe(77)
  expect(into.every((byte) => byte === 77)).toBe(true)
  expect(client.fill({ value: -5, into })).toBe(-5)
  expect(into.every((byte) => byte === 77)).toBe(true)
})

test('random bytes after a header are refused or understood, never anything else', () => {
  const server = dispatcher(rows, manager)
  const opcodes = fc.constantFrom(7, 8, 9, 0, 65535)
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), opcodes, (body, opcode) => {
      const frame = new Uint8Array(HEADER_SIZE + body.length)
      frame[4] = opcode & 0xff
      frame[5] = opcode >> 8
      frame.set(body, HEADER_SIZE)
      const failure = server.dispatch(frame, frame.length)
      const status = server.reply.bytes[6]! | (server.reply.bytes[7]! << 8)
      expect(status).toBe(failure === null ? 0 : STATUS_BAD_FRAME)
      expect(server.reply.at).toBeLessThanOrEqual(MAX_FRAME)
    }),
  )
})

test('a truncated request is refused at every length', () => {
  const writer = new FrameWriter()
  writer.start()
  rows.echo.request.name.write(writer, 'a name')
  rows.echo.request.entries.write(writer, [{ id: 1, delta: -2, name: 'x' }])
  const reader = new FrameReader()
  for (let end = HEADER_SIZE; end < writer.at; end++) {
    reader.start(writer.bytes, HEADER_SIZE, end)
    expect(() => {
      rows.echo.request.name.read(reader)
      rows.echo.request.entries.read(reader)
    }).toThrow(FrameError)
  }
})

test('a forged list length is refused before anything is allocated', () => {
  const writer = new FrameWriter()
  writer.start()
  writer.u32(60000)
  const reader = new FrameReader()
  reader.start(writer.bytes, HEADER_SIZE, writer.at)
  expect(() => list(entry).read(reader)).toThrow('list of 60000 items')
})

test('numbers that are not exact do not reach the wire', () => {
  const client = throughCodec(rows, manager)
  const request = { small: 0, signed: 0, big: 0, far: 0, data: new Uint8Array(0), name: '', entries: [] }
  expect(() => client.echo({ ...request, big: 2 ** 53 })).toThrow('u64 out of the exact range')
  expect(() => client.echo({ ...request, small: -1 })).toThrow('u32 out of range')
})

test('two rows with one opcode are refused', () => {
  const row = message({ opcode: 3, request: {}, reply: u32, deadlineMsec: 1, retry: 'never' })
  expect(() => protocol('twice', { one: row, two: row })).toThrow('two and one share opcode 3')
})

test('a traced call prints one line from the declaration', () => {
  const lines: string[] = []
  const client = traced(rows, manager, (line) => lines.push(line))
  client.fill({ value: 3, into: new Uint8Array(8) })
  expect(lines).toEqual(['fill(value: 3, into: [room for 8]) = 3'])
  expect(showCall('fork', memoryProtocol.fork, { parent: 1, child: 2 }, 0)).toBe('fork(parent: 1, child: 2) = 0')
})
