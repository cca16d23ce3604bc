// What the engine asks of the machine around it, and why it comes back. Plain numbers only: these are called from wasm.
// During each of these calls the task's registers are in its record (engine/record.ts).

/** Kinds of access, shared with the ExCache. */
export const READ = 0
export const WRITE = 1
export const EXECUTE = 2
/** Answers of an access that gave no host address: reach a safepoint and run the instruction again; or a fault (details in the record). */
export const RETRY = -1
export const FAULT = -2

export interface EngineHost {
  /**
   * Makes a guest address accessible and fills the task's translation array.
   * @param address user address; at or above 2^47 it is non-canonical: a fault
   * @returns host byte address of that guest byte, RETRY or FAULT
   */
  refill(task: number, address: number, access: number): number
  /**
   * Host address of executable bytes, valid until the next safepoint. With `mark` the line is marked as code: a later write to it calls
   * Engine.invalidate before it takes effect.
   */
  fetchCode(task: number, address: number, mark: boolean): number
  /** The `syscall` instruction; rip is past it, rcx and r11 are set. 0: go on in place; 1: come back to `run`'s caller (EXIT.syscall). */
  syscall(task: number): number
  /** Fills with random bytes (rdrand, rdseed). */
  entropy(into: Uint8Array): void
  /** Time stamp counter as an exact integer (below 2^53). */
  timestamp(): number
}

/** Why `Engine.run` returned. */
export const EXIT = {
  /** The poll word was set, or an access asked for a safepoint: nothing is wrong, run again when ready. */
  poll: 0,
  /** A memory access, instruction fetch or exception: FAULT_* fields of the record say which signal. */
  fault: 1,
  /** A syscall asked to come back. */
  syscall: 2,
} as const

/** Internal reason, which `run` keeps to itself: everything has unwound, go on from the record. */
export const EXIT_GO_ON = 3
