// Serves a manager on a Unix stream socket from the calling thread: `new SocketServer({ host, listen: 'unix:PATH', open, log }).run()`.
// Spins a little after each request, because the next one usually follows, then sleeps in ppoll. A connection that sends garbage gets an error frame, is
// closed, and costs one line of log.
import { E, err, errnoName } from '../abi/errno.js'
import { AT } from '../abi/fcntl.js'
import { POLL } from '../abi/poll.js'
import { AF, MSG, SOCK } from '../abi/socket.js'
import { newFileStatus, S } from '../abi/stat.js'
import { type FrameWriter, HEADER_SIZE, MAX_FRAME } from './frame.js'
import { SESSION_NAME_MAX, SESSIONS_MAX, sessionProtocol } from './session.js'
import { type Dispatcher, dispatcher } from './transports.js'
import { connectTo, NOT_AN_ADDRESS, type SocketHost, TransportError, unixAddress } from './unix-socket.js'

export interface ServerOptions {
  readonly host: SocketHost
  /** `unix:PATH` */
  readonly listen: string
  /** A new session's manager, and what to do when its last connection has closed. */
  readonly open: () => { readonly dispatcher: Dispatcher; readonly close: () => void }
  /** One line a call, without the newline. */
  readonly log: (line: string) => void
}

interface Session {
  readonly name: string
  readonly dispatcher: Dispatcher
  readonly close: () => void
  connections: number
}

interface Connection {
  session: Session | null
  /** Answers the first message. */
  readonly greeter: Dispatcher
  readonly fd: number
  readonly name: string
  buffer: Uint8Array
  have: number
}

const BACKLOG = 64
const CONNECTIONS_MAX = 1024
/** Rounds without a request before sleeping. */
const IDLE_ROUNDS = 100
/** How long a client may leave its reply unread. */
const SEND_TIMEOUT_NSEC = 5e9
const FIRST_BUFFER = 16384
const NO_ADDRESS = new Uint8Array(0)

export class SocketServer {
  #host: SocketHost
  #name: string
  #openSession: ServerOptions['open']
  #sessions = new Map<string, Session>()
  #log: (line: string) => void
  #listener: number
  #connections: Connection[] = []
  #accepted = 0
  #pollfds = new Int32Array(2 * (CONNECTIONS_MAX + 1))
  #addressLength = new Int32Array(1)

  /** Listens at once; throws TransportError when it cannot. */
  constructor(options: ServerOptions) {
    this.#host = options.host
    this.#name = options.listen
    this.#openSession = options.open
    this.#log = options.log
    this.#listener = this.#open()
  }

  #open(): number {
    const call = this.#host
    const address = unixAddress(this.#name)
    if (address === null) throw new TransportError(this.#name, NOT_AN_ADDRESS)
    const fd = call.socket(AF.UNIX, SOCK.STREAM | SOCK.CLOEXEC | SOCK.NONBLOCK, 0)
    let result = fd < 0 ? fd : call.bind(fd, address)
    if (result === -E.ADDRINUSE) {
      // A file that is no socket refuses connections too (connect(2)), and is not ours to remove.
      if (!this.#isSocket()) throw new TransportError(this.#name, 'cannot listen: there is a file that is not a socket')
      // The socket of a server that died stays in the file system: nobody answers there.
      const other = connectTo(call, address)
      if (other >= 0) call.close(other)
      if (other === -E.CONNREFUSED) {
        call.unlinkat(AT.FDCWD, this.#name.slice('unix:'.length), 0)
        result = call.bind(fd, address)
      }
    }
    if (result >= 0) result = call.listen(fd, BACKLOG)
    if (result < 0) throw new TransportError(this.#name, `cannot listen (${errnoName(result)})`)
    return fd
  }

  #isSocket(): boolean {
    const status = newFileStatus()
    const result = this.#host.fstatat(AT.FDCWD, this.#name.slice('unix:'.length), AT.SYMLINK_NOFOLLOW, status)
    return result >= 0 && (status.mode & S.IFMT) === S.IFSOCK
  }

  /** Serves for ever. */
  run(): never {
    let idle = 0
    while (true) {
      if (this.serve()) idle = 0
      else if (++idle > IDLE_ROUNDS) {
        this.#poll(-1)
        idle = 0
      }
    }
  }

  /** One round over all connections without waiting; true when something was done. */
  serve(): boolean {
    // New connections may wait for a moment of rest: asking for them every time would cost a call per request.
    let busy = false
    for (let index = this.#connections.length - 1; index >= 0; index--) {
      const connection = this.#connections[index]!
      const state = this.#read(connection)
      if (state === 'idle') continue
      busy = true
      if (state === 'closed') {
        this.#connections.splice(index, 1)
        this.#close(connection)
      }
    }
    if (this.#rounds++ % 32 === 0 || this.#connections.length === 0) busy = this.#accept() || busy
    return busy
  }

  #rounds = 0

  #poll(timeoutNsec: number): void {
    const fds = this.#pollfds
    fds[0] = this.#listener
    fds[1] = POLL.IN
    for (let index = 0; index < this.#connections.length; index++) {
      fds[2 * index + 2] = this.#connections[index]!.fd
      fds[2 * index + 3] = POLL.IN
    }
    this.#host.ppoll(fds, this.#connections.length + 1, timeoutNsec)
    this.#rounds = 0
  }

  #accept(): boolean {
    if (this.#connections.length >= CONNECTIONS_MAX) return false
    const fd = this.#host.accept4(this.#listener, NO_ADDRESS, this.#addressLength, SOCK.CLOEXEC)
    if (fd < 0) return false
    const name = `${this.#name} client ${++this.#accepted}`
    const connection: Connection = {
      fd,
      name,
      session: null,
      greeter: dispatcher(sessionProtocol, { attach: ({ session }) => this.#attach(connection, session) }),
      buffer: new Uint8Array(FIRST_BUFFER),
      have: 0,
    }
    this.#connections.push(connection)
    return true
  }

  #attach(connection: Connection, name: string): number {
    if (name.length > SESSION_NAME_MAX) return err(E.NAMETOOLONG)
    let session = this.#sessions.get(name)
    if (session === undefined) {
      if (this.#sessions.size >= SESSIONS_MAX) return err(E.USERS)
      session = { name, ...this.#openSession(), connections: 0 }
      this.#sessions.set(name, session)
    }
    session.connections++
    connection.session = session
    return 0
  }

  #close(connection: Connection): void {
    this.#host.close(connection.fd)
    const { session } = connection
    if (session === null || --session.connections > 0) return
    this.#sessions.delete(session.name)
    session.close()
  }

  #read(connection: Connection): 'idle' | 'busy' | 'closed' {
    const { fd } = connection
    const room = connection.have === 0 ? connection.buffer : connection.buffer.subarray(connection.have)
    const result = this.#host.recvfrom(fd, room, MSG.DONTWAIT, NO_ADDRESS, this.#addressLength)
    if (result === -E.AGAIN || result === -E.INTR) return 'idle'
    if (result <= 0) {
      if (connection.have > 0) this.#log(`${connection.name}: closed in the middle of a frame`)
      return 'closed'
    }
    connection.have += result
    return this.#answerAll(connection) ? 'busy' : 'closed'
  }

  /** Answers every whole frame in the buffer; false when the connection must be closed. */
  #answerAll(connection: Connection): boolean {
    let at = 0
    while (connection.have - at >= HEADER_SIZE) {
      const { buffer } = connection
      const length = (buffer[at]! | (buffer[at + 1]! << 8) | (buffer[at + 2]! << 16) | (buffer[at + 3]! << 24)) >>> 0
      if (length < HEADER_SIZE || length > MAX_FRAME) {
        this.#log(`${connection.name}: garbage: a frame of ${length} bytes`)
        return false
      }
      if (length > connection.have - at) {
        if (length > buffer.length) {
          const larger = new Uint8Array(at + length)
          larger.set(buffer.subarray(0, connection.have))
          connection.buffer = larger
        }
        break
      }
      const frame = at === 0 ? buffer : buffer.subarray(at)
      const answerer = connection.session?.dispatcher ?? connection.greeter
      const failure = answerer.dispatch(frame, length)
      if (failure !== null) this.#log(`${connection.name}: ${failure.error}`)
      if (!this.#send(connection, answerer.reply) || failure?.close === true) return false
      at += length
    }
    if (at > 0) connection.buffer.copyWithin(0, at, connection.have)
    connection.have -= at
    return true
  }

  #send(connection: Connection, reply: FrameWriter): boolean {
    let sent = 0
    while (sent < reply.at) {
      const part = reply.bytes.subarray(sent, reply.at)
      const result = this.#host.sendto(connection.fd, part, MSG.NOSIGNAL | MSG.DONTWAIT, null)
      if (result >= 0) {
        sent += result
        continue
      }
      if (result === -E.INTR) continue
      if (result !== -E.AGAIN) return false
      this.#pollfds[0] = connection.fd
      this.#pollfds[1] = POLL.OUT
      if (this.#host.ppoll(this.#pollfds, 1, SEND_TIMEOUT_NSEC) === 0) {
        this.#log(`${connection.name}: does not read its replies`)
        return false
      }
    }
    return true
  }
}
