// What makes vCPUs look around: poll words, set by another thread or in a signal's turn. `tick(words, map, vcpus)` at each tick.
import { POLL } from '../engine/record.js'
import { CONTROL, CONTROL_BASE, type MemoryMap } from '../processor/layout.js'
import { pollVcpu } from '../processor/mailbox.js'

export const TICK_MS = 10
const CONTROL_AT = CONTROL_BASE >> 2
export const WANT_TICKS = CONTROL_AT + CONTROL.WANT_TICKS

export function pollRunning(words: Int32Array): void {
  const record = Atomics.load(words, CONTROL_AT + CONTROL.RUNNING)
  if (record !== 0) Atomics.store(words, (record + POLL) >> 2, 1)
}

export function raise(words: Int32Array, signal: number): void {
  Atomics.or(words, CONTROL_AT + CONTROL.SIGNALS_LOW, 1 << (signal - 1))
  pollRunning(words)
}

/** The guest ends as by SIGKILL; its thread says why. */
export function end(words: Int32Array): void {
  Atomics.store(words, CONTROL_AT + CONTROL.ENDS, 1)
  pollRunning(words)
}

export function tick(words: Int32Array, map: MemoryMap, vcpus: number): void {
  Atomics.store(words, CONTROL_AT + CONTROL.TICKED, 1)
  if (Atomics.load(words, WANT_TICKS) === 0) return
  pollRunning(words)
  for (let vcpu = 1; vcpu < vcpus; vcpu++) pollVcpu(words, map, vcpu)
}

/** Of CLOCK_MONOTONIC, in milliseconds: the same in all threads. */
export function nowMs(): number {
  const [sec, nsec] = process.hrtime()
  return sec * 1e3 + nsec / 1e6
}
