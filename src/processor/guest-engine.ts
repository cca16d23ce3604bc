// What the processor needs of an engine: the type behind which interpreter and regions, or a test's script, stand.
// Addresses of task records are byte offsets in the shared memory; exits are EXIT of engine/host.ts.
import type { EngineHost } from '../engine/host.js'

export interface GuestEngine {
  /** Runs a task from its record until something asks for its vCPU; the record then is the truth again. */
  run(task: number): number
  /** Forgets the code of these pages. False: there was none. */
  invalidate(asid: number, firstPage: number, pages: number): boolean
  dropSpace(asid: number): void
  /** Forgets all code before it runs again. Not while it runs. */
  dropAll(): void
}

export interface GuestEngineOptions {
  readonly memory: WebAssembly.Memory
  readonly codeBase: number
  readonly codeSize: number
  readonly host: EngineHost
  /** Called when the guest is not about to end, before it may stay in compiled code. */
  readonly onBusy?: () => void
}

export type MakeEngine = (options: GuestEngineOptions) => GuestEngine
