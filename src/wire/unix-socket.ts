// What the socket transports need of the host, and how a peer is named: `unix:PATH`.
// `Host` of src/host fits `SocketHost`; it is injected, this layer imports no host.
import { E } from '../abi/errno.js'
import { AF, SOCK, SOCKADDR_UN_PATH, SOCKADDR_UN_SIZE } from '../abi/socket.js'
import type { FileStatus } from '../abi/stat.js'

export interface SocketHost {
  socket(domain: number, type: number, protocol: number): number
  connect(fd: number, address: Uint8Array): number
  bind(fd: number, address: Uint8Array): number
  listen(fd: number, backlog: number): number
  accept4(fd: number, address: Uint8Array, addressLength: Int32Array, flags: number): number
  sendto(fd: number, buffer: Uint8Array, flags: number, address: Uint8Array | null): number
  recvfrom(fd: number, buffer: Uint8Array, flags: number, address: Uint8Array, addressLength: Int32Array): number
  ppoll(pollfds: Int32Array, count: number, timeoutNsec: number): number
  close(fd: number): number
  fstatat(dirfd: number, path: string, flags: number, out: FileStatus): number
  unlinkat(dirfd: number, path: string, flags: number): number
}

/** The peer did not answer, is gone, or answered nonsense. `peer` is `unix:PATH`; the message begins with it. */
export class TransportError extends Error {
  override readonly name = 'TransportError'
  readonly peer: string

  constructor(peer: string, reason: string) {
    super(`${peer}: ${reason}`)
    this.peer = peer
  }
}

export const NOT_AN_ADDRESS = 'not an address of the form unix:PATH with a PATH of 1 to 107 bytes'

const encoder = new TextEncoder()

/** struct sockaddr_un of `unix:PATH`; null when the text is not that or the path too long (107 bytes). */
export function unixAddress(peer: string): Uint8Array | null {
  if (!peer.startsWith('unix:')) return null
  const path = encoder.encode(peer.slice('unix:'.length))
  if (path.length === 0 || path.length >= SOCKADDR_UN_SIZE - SOCKADDR_UN_PATH || path.includes(0)) return null
  const address = new Uint8Array(SOCKADDR_UN_PATH + path.length + 1)
  address[0] = AF.UNIX
  address.set(path, SOCKADDR_UN_PATH)
  return address
}

/** A connected, blocking stream socket (used with MSG_DONTWAIT and ppoll), or a negative errno. */
export function connectTo(host: SocketHost, address: Uint8Array): number {
  const fd = host.socket(AF.UNIX, SOCK.STREAM | SOCK.CLOEXEC, 0)
  if (fd < 0) return fd
  let result = host.connect(fd, address)
  // Interrupted by a signal; a Unix socket may simply try again (connect(2)).
  while (result === -E.INTR) result = host.connect(fd, address)
  if (result >= 0) return fd
  host.close(fd)
  return result
}
