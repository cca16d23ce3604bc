// The memory manager of another process, for `lego run --memory unix:PATH`.
import type { Host } from '../host/host.js'
import { type MemoryMethods, memoryProtocol } from '../wire/memory-protocol.js'
import { connectClient } from '../wire/socket-client.js'

/** Throws TransportError, which names the peer, when nobody listens there. */
export function connectMemory(host: Host, peer: string): MemoryMethods {
  return connectClient(memoryProtocol, { host, peer }).methods
}
