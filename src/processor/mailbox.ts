// A vCPU's mailbox: how a vCPU that is not the home one gets tasks and asks for what only the home vCPU has. One page of shared memory each.
// The state word says whose turn it is: a vCPU writes only in `go`, the home vCPU only in the others. So neither needs a lock.
// Waiting spins a little, bounded, and then sleeps. What is asked and answered is vcpus.ts (home) and remote-vcpu.ts (the others).
import { POLL } from '../engine/record.js'
import { CONTROL, CONTROL_BASE, MAILBOX_SIZE, type MemoryMap } from './layout.js'

export const TURN = {
  /** The vCPU's worker is not there yet. */
  absent: 0,
  /** It has no task and waits for one. */
  idle: 1,
  /** It runs the task. */
  go: 2,
  /** It waits for the answer to its request. */
  request: 3,
} as const

export const REQUEST = {
  /** The worker is there and wants a first task. */
  ready: 0,
  /** Engine.run came back; RESULT says why. At a safepoint. */
  exit: 1,
  /** The task's system call. At a safepoint. */
  syscall: 2,
  /** EngineHost.refill and fetchCode, with and without mark: in the middle of an instruction. */
  refill: 3,
  fetchCode: 4,
  fetchMarked: 5,
} as const

const STATE = 0
const KIND = 1
const RECORD = 2
const RESULT = 3
const ACCESS = 4
/** The home vCPU wants the task to come to it, not only to pass a safepoint. */
const WANTED = 5
/** Non-zero: whoever changes the state wakes the vCPU. */
const SLEEPS = 6
const DROPS = 7
/** Doubles from here on: the address of a request, then (asid, first page, pages) of code that is to be forgotten. */
const ADDRESS = 16
const FIRST_DROP = 17
const DROPS_MAX = Math.floor((MAILBOX_SIZE / 8 - FIRST_DROP) / 3)
/** Of this many drops only "all" is remembered. */
const ALL = DROPS_MAX + 1

/** Looks at a word before sleeping: some 20 µs. Waking a sleeper costs three times that. */
const SPINS = 4000
const CONTROL_AT = CONTROL_BASE >> 2

/** For those without a mailbox object: the vCPU's task, if any, passes a safepoint. */
export function pollVcpu(words: Int32Array, map: MemoryMap, vcpu: number): void {
  const record = Atomics.load(words, ((map.mailboxBase + vcpu * MAILBOX_SIZE) >> 2) + RECORD)
  if (record !== 0) Atomics.store(words, (record + POLL) >> 2, 1)
}

export class Mailbox {
  readonly #words: Int32Array
  readonly #doubles: Float64Array
  readonly #at: number

  constructor(memory: WebAssembly.Memory, map: MemoryMap, vcpu: number) {
    const base = map.mailboxBase + vcpu * MAILBOX_SIZE
    this.#words = new Int32Array(memory.buffer)
    this.#doubles = new Float64Array(memory.buffer, base, MAILBOX_SIZE / 8)
    this.#at = base >> 2
  }

  get turn(): number {
    return Atomics.load(this.#words, this.#at + STATE)
  }

  get kind(): number {
    return this.#words[this.#at + KIND]!
  }

  /** The record that the vCPU runs, or is to run. */
  get record(): number {
    return Atomics.load(this.#words, this.#at + RECORD)
  }

  get result(): number {
    return this.#words[this.#at + RESULT]!
  }

  get access(): number {
    return this.#words[this.#at + ACCESS]!
  }

  get address(): number {
    return this.#doubles[ADDRESS]!
  }

  get wanted(): boolean {
    return Atomics.load(this.#words, this.#at + WANTED) !== 0
  }

  // The vCPU's side.

  /** Asks and waits for the turn to be its own again, or idle. Returns the answer. */
  ask(kind: number, value: number, address: number, wakeHome: () => void): number {
    const words = this.#words
    words[this.#at + KIND] = kind
    words[this.#at + (kind === REQUEST.exit ? RESULT : ACCESS)] = value
    this.#doubles[ADDRESS] = address
    Atomics.store(words, this.#at + STATE, TURN.request)
    const running = Atomics.load(words, CONTROL_AT + CONTROL.RUNNING)
    if (running !== 0) Atomics.store(words, (running + POLL) >> 2, 1)
    if (Atomics.exchange(words, CONTROL_AT + CONTROL.SLEEPS, 0) !== 0) wakeHome()
    this.#waitWhile(TURN.request)
    return this.result
  }

  /** Until it has a task. */
  awaitTask(): void {
    this.#waitWhile(TURN.idle)
  }

  #waitWhile(turn: number): void {
    const words = this.#words
    const at = this.#at + STATE
    for (let spins = 0; spins < SPINS; spins++) if (Atomics.load(words, at) !== turn) return
    Atomics.store(words, this.#at + SLEEPS, 1)
    while (Atomics.load(words, at) === turn) Atomics.wait(words, at, turn)
    Atomics.store(words, this.#at + SLEEPS, 0)
  }

  /** Hands over the code that is to be forgotten. `all`: everything. */
  takeDrops(drop: (asid: number, firstPage: number, pages: number) => void, all: () => void): void {
    const count = this.#words[this.#at + DROPS]!
    if (count === 0) return
    this.#words[this.#at + DROPS] = 0
    if (count === ALL) all()
    for (let n = 0; n < count && count !== ALL; n++) {
      const at = FIRST_DROP + 3 * n
      drop(this.#doubles[at]!, this.#doubles[at + 1]!, this.#doubles[at + 2]!)
    }
  }

  // The home vCPU's side.

  /** Answers the request: the vCPU goes on with the task it has. */
  answer(result: number): void {
    this.#words[this.#at + RESULT] = result
    this.#turn(TURN.go)
  }

  /** Gives it this task to run. */
  go(record: number): void {
    Atomics.store(this.#words, this.#at + WANTED, 0)
    Atomics.store(this.#words, this.#at + RECORD, record)
    this.#turn(TURN.go)
  }

  idle(): void {
    Atomics.store(this.#words, this.#at + RECORD, 0)
    this.#turn(TURN.idle)
  }

  #turn(turn: number): void {
    Atomics.store(this.#words, this.#at + STATE, turn)
    if (Atomics.load(this.#words, this.#at + SLEEPS) !== 0) Atomics.notify(this.#words, this.#at + STATE)
  }

  /** Makes it pass a safepoint; with `home` it asks there what to do. */
  poll(home: boolean): void {
    if (home) Atomics.store(this.#words, this.#at + WANTED, 1)
    const record = this.record
    if (record !== 0) Atomics.store(this.#words, (record + POLL) >> 2, 1)
  }

  /** Code that it forgets before it runs on. Not in turn `go`. */
  drop(asid: number, firstPage: number, pages: number): void {
    const count = this.#words[this.#at + DROPS]!
    if (count >= DROPS_MAX) {
      this.#words[this.#at + DROPS] = ALL
      return
    }
    const at = FIRST_DROP + 3 * count
    this.#doubles[at] = asid
    this.#doubles[at + 1] = firstPage
    this.#doubles[at + 2] = pages
    this.#words[this.#at + DROPS] = count + 1
  }
}
