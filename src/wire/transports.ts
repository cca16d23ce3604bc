// The transports inside one OS process: `inProcess(manager)` is the manager itself, `throughCodec` (a test mode) encodes and decodes every call,
// `traced` prints every call. The one between processes is socket-client.ts.
// `dispatcher` is the server's half of all of them: a request frame in, a reply frame out.
import { RECEIVED_AT } from './fields.js'
import {
  FrameError,
  FrameReader,
  FrameWriter,
  HEADER_SIZE,
  STATUS_BAD_FRAME,
  STATUS_HANDLER_FAILED,
  STATUS_OK,
} from './frame.js'
import {
  type AnyMessage,
  type LooseRecord,
  type Methods,
  type Protocol,
  readRequest,
  receiveField,
  showCall,
  writeRequest,
} from './messages.js'

type LooseMethods = Readonly<Record<string, (request: LooseRecord) => unknown>>

export function inProcess<P extends Protocol>(_protocol: P, manager: Methods<P>): Methods<P> {
  return manager
}

export interface Dispatcher {
  /** Answers the request in `frame[0 .. length)`; the reply is in `reply`. Null, or what was wrong with the frame. */
  dispatch(frame: Uint8Array, length: number): { readonly error: string; readonly close: boolean } | null
  readonly reply: FrameWriter
}

/** Serves `manager`: decodes a request, calls its method and encodes the reply. */
export function dispatcher<P extends Protocol>(rows: P, manager: Methods<P>): Dispatcher {
  const byOpcode = new Map<number, { name: string; row: AnyMessage; receiving: boolean }>()
  for (const [name, row] of Object.entries(rows)) {
    byOpcode.set(row.opcode, { name, row, receiving: receiveField(row) !== null })
  }
  const methods = manager as unknown as LooseMethods
  const reader = new FrameReader()
  const reply = new FrameWriter()
  reader.reply = reply

  const fail = (opcode: number, requestId: number, status: number, error: string) => {
    reply.start()
    reply.text(error)
    reply.finish(opcode, status, requestId)
    return { error, close: status === STATUS_BAD_FRAME }
  }

  return {
    reply,
    dispatch(frame, length) {
      const opcode = frame[4]! | (frame[5]! << 8)
      const requestId = (frame[8]! | (frame[9]! << 8) | (frame[10]! << 16) | (frame[11]! << 24)) >>> 0
      const target = byOpcode.get(opcode)
      if (target === undefined) return fail(opcode, requestId, STATUS_BAD_FRAME, `unknown opcode ${opcode}`)
      const { name, row, receiving } = target
      try {
        reply.start()
        reader.start(frame, HEADER_SIZE, length)
        const result = methods[name]!(readRequest(row, reader))
        if (receiving) {
          reply.i32At(HEADER_SIZE, result as number)
          if ((result as number) < 0) reply.at = RECEIVED_AT
        } else {
          row.reply.write(reply, result)
        }
        reply.finish(opcode, STATUS_OK, requestId)
        return null
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error)
        if (error instanceof FrameError) return fail(opcode, requestId, STATUS_BAD_FRAME, `${name}: ${reason}`)
        return fail(opcode, requestId, STATUS_HANDLER_FAILED, `${name}: ${reason}`)
      }
    },
  }
}

/** The client's half: `exchange` sends the request frame and decodes the reply it gets. */
export interface Exchange {
  readonly request: FrameWriter
  exchange(row: AnyMessage, name: string, into: Uint8Array | null): unknown
}

/** A client with one method a row, on any way of exchanging frames. */
export function clientOf<P extends Protocol>(rows: P, wire: Exchange): Methods<P> {
  const client: Record<string, (request: LooseRecord) => unknown> = {}
  for (const [name, row] of Object.entries(rows)) {
    const target = receiveField(row)
    client[name] = (request) => {
      wire.request.start()
      writeRequest(row, wire.request, request)
      return wire.exchange(row, name, target === null ? null : (request[target] as Uint8Array))
    }
  }
  return client as unknown as Methods<P>
}

/** Passes every call through the codec, in one process. */
export function throughCodec<P extends Protocol>(rows: P, manager: Methods<P>): Methods<P> {
  const request = new FrameWriter()
  const reader = new FrameReader()
  const server = dispatcher(rows, manager)
  return clientOf(rows, {
    request,
    exchange(row, name, into) {
      request.finish(row.opcode, STATUS_OK, 1)
      // A copy, as a socket would make: nothing may be shared between the sides.
      const failure = server.dispatch(request.bytes.slice(0, request.at), request.at)
      if (failure !== null) throw new Error(`${name}: ${failure.error}`)
      const frame = server.reply.bytes.slice(0, server.reply.at)
      reader.start(frame, HEADER_SIZE, frame.length)
      const result = row.reply.read(reader)
      if (into !== null && (result as number) >= 0) into.set(frame.subarray(RECEIVED_AT))
      else reader.finish()
      return result
    },
  })
}

/** Prints every call and its result. */
export function traced<P extends Protocol>(rows: P, target: Methods<P>, print: (line: string) => void): Methods<P> {
  const methods = target as unknown as LooseMethods
  const client: Record<string, (request: LooseRecord) => unknown> = {}
  for (const [name, row] of Object.entries(rows)) {
    client[name] = (request) => {
      const reply = methods[name]!(request)
      print(showCall(name, row, request, reply))
      return reply
    }
  }
  return client as unknown as Methods<P>
}
