// A manager in another process: `connectClient(memoryProtocol, { host, peer: 'unix:PATH' })` has the manager's methods, each a request over a Unix
// stream socket and a blocking wait for its reply: spinning first (a wake-up costs more than most replies take), then ppoll.
// One client per thread, one request at a time. All failures are a TransportError that names the peer.
import { E, errnoName } from '../abi/errno.js'
import { POLL } from '../abi/poll.js'
import { MSG } from '../abi/socket.js'
import { RECEIVED_AT } from './fields.js'
import { FrameError, FrameReader, FrameWriter, HEADER_SIZE, MAX_FRAME, STATUS_OK } from './frame.js'
import type { AnyMessage, Methods, Protocol } from './messages.js'
import { sessionProtocol } from './session.js'
import { clientOf, type Exchange } from './transports.js'
import { connectTo, NOT_AN_ADDRESS, type SocketHost, TransportError, unixAddress } from './unix-socket.js'

export interface ClientOptions {
  readonly host: SocketHost
  /** `unix:PATH` */
  readonly peer: string
  /** Connections of one processor share what they made at the peer; it is dropped when the last one closes. Default: one per OS process. */
  readonly session?: string
  /** Overrides the deadlines of the declarations; for tests. */
  readonly deadlineMsec?: number
  /** Milliseconds on any steady clock. */
  readonly now?: () => number
}

export type Client<P extends Protocol> = { readonly methods: Methods<P>; readonly close: () => void }

/** Connects at once: throws TransportError when nobody listens. */
export function connectClient<P extends Protocol>(rows: P, options: ClientOptions): Client<P> {
  const wire = new SocketExchange(options)
  return { methods: clientOf(rows, wire), close: () => wire.close() }
}

/** Attempts to receive before sleeping, each about half a microsecond: adapted between these. */
const SPINS_MIN = 16
const SPINS_MAX = 256
const NO_ADDRESS = new Uint8Array(0)

/** The connection broke before a reply: the one failure that a retry can cure. */
class ConnectionLost extends TransportError {}

class SocketExchange implements Exchange {
  readonly request = new FrameWriter()
  #host: SocketHost
  #peer: string
  #address: Uint8Array
  #session: string
  #attach = new FrameWriter()
  #deadlineMsec: number | undefined
  #now: () => number
  #fd = -1
  #requestId = 0
  #spins = SPINS_MAX
  #reader = new FrameReader()
  #head = new Uint8Array(RECEIVED_AT)
  #headView = new DataView(this.#head.buffer)
  #reply = new Uint8Array(MAX_FRAME)
  #pollfds = new Int32Array(2)
  #addressLength = new Int32Array(1)

  constructor(options: ClientOptions) {
    const address = unixAddress(options.peer)
    if (address === null) throw new TransportError(options.peer, NOT_AN_ADDRESS)
    this.#host = options.host
    this.#peer = options.peer
    this.#address = address
    this.#session = options.session ?? `${process.pid}`
    this.#deadlineMsec = options.deadlineMsec
    this.#now = options.now ?? (() => performance.now())
    this.#ensureConnected(this.#now() + (this.#deadlineMsec ?? sessionProtocol.attach.deadlineMsec))
  }

  close(): void {
    if (this.#fd >= 0) this.#host.close(this.#fd)
    this.#fd = -1
  }

  #ensureConnected(deadline: number): void {
    if (this.#fd >= 0) return
    const fd = connectTo(this.#host, this.#address)
    if (fd < 0) throw new TransportError(this.#peer, `cannot connect (${errnoName(fd)})`)
    this.#fd = fd
    this.#guarded('attach', () => {
      this.#attach.start()
      sessionProtocol.attach.request.session.write(this.#attach, this.#session)
      this.#send(this.#attach, sessionProtocol.attach, 'attach', deadline)
      const result = this.#receive(sessionProtocol.attach, 'attach', null, deadline) as number
      if (result < 0) throw new TransportError(this.#peer, `attach: refused (${errnoName(result)})`)
    })
  }

  exchange(row: AnyMessage, name: string, into: Uint8Array | null): unknown {
    const deadline = this.#now() + (this.#deadlineMsec ?? row.deadlineMsec)
    for (let retries = row.retry === 'idempotent' ? 1 : 0; ; retries--) {
      try {
        this.#ensureConnected(deadline)
        return this.#guarded(name, () => {
          this.#send(this.request, row, name, deadline)
          return this.#receive(row, name, into, deadline)
        })
      } catch (error) {
        if (retries === 0 || !(error instanceof ConnectionLost)) throw error
      }
    }
  }

  /** Whatever goes wrong, the stream may hold half a frame: it is never used again. */
  #guarded<T>(name: string, call: () => T): T {
    try {
      return call()
    } catch (error) {
      this.close()
      if (error instanceof FrameError) throw new TransportError(this.#peer, `${name}: bad reply: ${error.message}`)
      throw error
    }
  }

  #send(request: FrameWriter, row: AnyMessage, name: string, deadline: number): void {
    this.#requestId = (this.#requestId + 1) >>> 0
    request.finish(row.opcode, STATUS_OK, this.#requestId)
    let sent = 0
    while (sent < request.at) {
      const part = request.bytes.subarray(sent, request.at)
      const result = this.#host.sendto(this.#fd, part, MSG.NOSIGNAL | MSG.DONTWAIT, null)
      if (result >= 0) sent += result
      else if (result === -E.AGAIN) this.#wait(POLL.OUT, name, deadline)
      else if (result !== -E.INTR)
        throw new ConnectionLost(this.#peer, `${name}: connection lost (${errnoName(result)})`)
    }
  }

  #receive(row: AnyMessage, name: string, into: Uint8Array | null, deadline: number): unknown {
    // A reply with data is read in two steps: head and result here, the data straight to where it belongs.
    const first = into === null ? this.#reply : this.#head
    let got = this.#fill(first, 0, HEADER_SIZE, name, deadline)
    if (into === null) this.#head.set(first.subarray(0, HEADER_SIZE))
    const length = this.#headView.getUint32(0, true)
    const status = this.#headView.getUint16(6, true)
    if (length < HEADER_SIZE || length > MAX_FRAME) throw new FrameError(`length ${length}`)
    if (this.#headView.getUint32(8, true) !== this.#requestId || this.#headView.getUint16(4, true) !== row.opcode) {
      throw new FrameError('answer to another request')
    }
    if (into === null || status !== STATUS_OK || length < RECEIVED_AT) {
      if (into !== null) this.#reply.set(first.subarray(0, got))
      got = this.#fill(this.#reply, got, length, name, deadline)
      if (got !== length) throw new FrameError(`${got - length} bytes too many`)
      this.#reader.start(this.#reply, HEADER_SIZE, length)
      if (status !== STATUS_OK) throw new TransportError(this.#peer, this.#reader.text())
      const result = row.reply.read(this.#reader)
      this.#reader.finish()
      return result
    }
    if (got < RECEIVED_AT) this.#fill(first, got, RECEIVED_AT, name, deadline)
    const result = this.#headView.getInt32(HEADER_SIZE, true)
    const data = length - RECEIVED_AT
    if (data !== (result < 0 ? 0 : into.length)) throw new FrameError(`${data} bytes of data for ${into.length}`)
    if (data > 0) this.#fill(into, 0, data, name, deadline)
    return result
  }

  /** Receives until `buffer` holds at least `needed` bytes, `got` of which are there; returns how many it holds. */
  #fill(buffer: Uint8Array, got: number, needed: number, name: string, deadline: number): number {
    let have = got
    let tries = 0
    while (have < needed) {
      const rest = have === 0 ? buffer : buffer.subarray(have)
      const result = this.#host.recvfrom(this.#fd, rest, MSG.DONTWAIT, NO_ADDRESS, this.#addressLength)
      if (result > 0) {
        have += result
      } else if (result === 0) {
        throw new ConnectionLost(this.#peer, `${name}: connection closed by the peer`)
      } else if (result === -E.AGAIN) {
        if (++tries < this.#spins) continue
        this.#spins = Math.max(SPINS_MIN, this.#spins >>> 1)
        this.#wait(POLL.IN, name, deadline)
        tries = 0
      } else if (result !== -E.INTR) {
        throw new ConnectionLost(this.#peer, `${name}: connection lost (${errnoName(result)})`)
      }
    }
    if (tries > 0) this.#spins = Math.min(SPINS_MAX, this.#spins * 2)
    return have
  }

  #wait(events: number, name: string, deadline: number): void {
    const leftMsec = deadline - this.#now()
    this.#pollfds[0] = this.#fd
    this.#pollfds[1] = events
    const ready = leftMsec > 0 ? this.#host.ppoll(this.#pollfds, 1, Math.ceil(leftMsec * 1e6)) : 0
    if (ready === 0) throw new TransportError(this.#peer, `${name}: no answer in time`)
    if (ready < 0 && ready !== -E.INTR) throw new TransportError(this.#peer, `${name}: poll: ${errnoName(ready)}`)
  }
}
