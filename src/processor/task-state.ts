// The states of a task and the steps between them, in one table. The state is a word of the task's record, so that any thread can see it; only the
// vCPU that holds the task changes it. Shoot-down, signals, stopping and forks all ask here.
import { PROCESSOR_FIELDS } from '../engine/record.js'
import { assert } from '../lib/assert.js'

export const STATE = {
  /** The record belongs to nobody. */
  free: 0,
  /** Ready, in the run queue. */
  runnable: 1,
  /** Inside the engine: its vCPU may hold translations for it. */
  running: 2,
  /** Out of the engine, no translation held; its vCPU decides what comes next. */
  safepoint: 3,
  /** Waits for a descriptor, a futex, a child, a time or a signal. */
  blocked: 4,
  /** Stopped by a signal until SIGCONT. */
  stopped: 5,
  /** Ended, to be freed. */
  dead: 6,
} as const

export type StateName = keyof typeof STATE

/** Legal steps. */
export const STEPS: Readonly<Record<StateName, readonly StateName[]>> = {
  free: ['runnable'],
  runnable: ['safepoint', 'stopped', 'dead'],
  running: ['safepoint'],
  safepoint: ['running', 'runnable', 'blocked', 'stopped', 'dead'],
  blocked: ['runnable', 'stopped', 'dead'],
  stopped: ['runnable', 'blocked', 'dead'],
  dead: ['free'],
}

/** Words of the processor's part of a task record. */
const TASK_STATE = PROCESSOR_FIELDS
export const TASK_TID = PROCESSOR_FIELDS + 4

const NAMES = Object.keys(STATE) as StateName[]
const allowed = NAMES.map((from) => STEPS[from].reduce((bits, to) => bits | (1 << STATE[to]), 0))

export const stateOf = (words: Int32Array, record: number): number => words[(record + TASK_STATE) >> 2]!

export function setState(words: Int32Array, record: number, to: number): void {
  const at = (record + TASK_STATE) >> 2
  const from = words[at]!
  assert(((allowed[from]! >> to) & 1) !== 0, `a task goes from ${NAMES[from]} to ${NAMES[to]}`)
  words[at] = to
}
