// A memory component as a process of its own: `serveMemory({ host, listen: 'unix:PATH', source, … })` serves a MemoryManager on a socket and never
// returns; signals end the process by their default action.
// File pages come from `source`, this process's own storage manager, which opens a file again by the path in its handle and checks that it is
// the same one: a file that was unlinked meanwhile answers SIGBUS here.
import type { Host } from '../host/host.js'
import { memoryProtocol } from '../wire/memory-protocol.js'
import { SocketServer } from '../wire/socket-server.js'
import { dispatcher } from '../wire/transports.js'
import { Frames } from './frames.js'
import { limitDefault, MemoryManager, type MemoryOptions } from './memory-manager.js'

export interface ServeOptions extends MemoryOptions {
  readonly host: Host
  /** `unix:PATH` */
  readonly listen: string
  /** Called once the socket accepts connections. */
  readonly onReady?: () => void
  /** One line for the operator; the default writes it to stderr. */
  readonly log?: (line: string) => void
}

export function serveMemory(options: ServeOptions): never {
  const { host } = options
  const log = options.log ?? ((line) => void host.write(2, new TextEncoder().encode(`lego memory: ${line}\n`)))
  // A manager for each processor, all on the same physical memory: their asids and objects cannot meet.
  const frames = new Frames(options.limitBytes ?? limitDefault())
  const open = () => {
    const manager = new MemoryManager({ source: options.source, frames })
    return { dispatcher: dispatcher(memoryProtocol, manager), close: () => manager.destroy() }
  }
  const server = new SocketServer({ host, listen: options.listen, open, log })
  options.onReady?.()
  return server.run()
}
