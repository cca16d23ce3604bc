// What a run of a guest is given, and what the thread that it is on is to it. `lego run` has it on the main thread (run.ts), which otherwise only has
// signals to pass on; `--host portable` in a worker (portable-run.ts).
import type { MemoryOptions } from '../processor/layout.js'
import type { PortableSetting } from './choose-host.js'
import type { PortableMessage, RunOptions } from './run-options.js'

/** Guest calls nest on the stack of the thread. */
export const STACK_BYTES = 64 * 1024 * 1024

export interface GuestInput {
  readonly options: RunOptions
  readonly cache: MemoryOptions
  readonly memory: WebAssembly.Memory
  /** For `--host portable`. */
  readonly portable: PortableSetting | null
}

/** What the thread that runs the guest is to it. */
export interface GuestThread {
  /** Of its stack; 0: what V8 gives a thread. */
  readonly stackBytes: number
  /** The interpreter, compiled elsewhere meanwhile; undefined: it is compiled here. */
  readonly hub: Promise<WebAssembly.Module | undefined>
  startVcpu(vcpu: number): void
  /** The guest will not end at once: from now on poll words are set at each tick that it wants. null: they are already. */
  readonly startTicks: (() => void) | null
  /** For `--host portable`: to the main thread. */
  tell(message: PortableMessage): void
  /** Serves the thread's event loop between two turns of the guest's; null: it has nothing to serve while the guest runs. */
  readonly turn: (() => Promise<void>) | null
}
