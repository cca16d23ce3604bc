// Lockstep itself: the engine runs one instruction, and what it did goes to the tracer, which runs the same one natively and
// compares. The engine is ahead by what the pipe holds; events (system calls, faults) bring both together, and the program's state
// after them is the engine's. Undefined flags are left out until an instruction writes or reads them.
//   const outcome = follow({ stream, pid, countMax, skip })

import type { Engine, EngineOptions } from '../engine/engine.js'
import { writeFlags } from '../engine/flags-word.js'
import { EXIT } from '../engine/host.js'
import { FAULT_ADDRESS, FAULT_CODE, FAULT_SIGNAL, FS_BASE, GPR, RIP } from '../engine/record.js'
import { restoreState } from '../engine/xsave.js'
import { PAGE_SIZE } from '../lib/translation-array.js'
import { WORD } from '../x86/words.js'
import { type Facts, factsOf } from './facts.js'
import { ADDRESS_LIMIT, Guest, INSTRUCTION_BYTES, TASK } from './guest.js'
import { StepWriter } from './step-writer.js'
import { COMMAND, type CommandStream, type Ending, PART, REPLY } from './stream.js'

/** Pages that one instruction may touch. */
const ROOM = 64
const GENERAL_REGISTERS = 16
/** mmap mprotect munmap brk mremap shmat clone fork vfork execve shmdt remap_file_pages pkey_mprotect execveat clone3. */
const CHANGES_MAPPINGS: ReadonlySet<number> = new Set([9, 10, 11, 12, 25, 30, 56, 57, 58, 59, 67, 216, 329, 322, 435])
/** Offsets in a reply of state: count, gpr with the bases, rip, rflags, selectors, the XSAVE image (native.c, struct state). */
const STATE = { gpr: 8, bases: 8 + 128, rip: 152, rflags: 160, selectors: 168, xsave: 216 }
const ALL_COMPONENTS = 7

export type Outcome =
  | { readonly kind: 'same'; readonly count: number }
  | { readonly kind: 'ended'; readonly count: number; readonly status: number }
  /** The tracer's struct difference (report.ts). */
  | { readonly kind: 'differs'; readonly difference: DataView; readonly raised: Raised | undefined }
  | { readonly kind: 'memory'; readonly count: number; readonly found: MemoryDifference }
  | { readonly kind: 'failed'; readonly reason: string }

/** What the engine had raised, where that is the difference. */
export type Raised = { readonly signal: number; readonly code: number; readonly address: bigint }

/** Of a page that was compared at an event: no store that is known wrote it so. */
export type MemoryDifference = {
  readonly address: number
  readonly expected: number
  readonly got: number
  /** The instruction that last stored near by, as far as is remembered, and its bytes. */
  readonly storedBy: number | undefined
  readonly code: Uint8Array
}

export type FollowOptions = {
  readonly stream: CommandStream
  readonly pid: number
  readonly countMax: number
  readonly skip?: number
  /** The engine on trial; another one in tests. */
  readonly engine?: ((options: EngineOptions) => Engine) | undefined
  /** Now and then, with the number of instructions. */
  readonly onProgress?: (count: number) => void
}

/** An event without its pages. */
const EVENT_BYTES = 24
const PROGRESS_STEPS = 1 << 16

export function follow(options: FollowOptions): Outcome {
  return new Follower(options).run()
}

class Follower {
  readonly #stream: CommandStream
  readonly #options: FollowOptions
  readonly #guest: Guest
  readonly #writer: StepWriter
  /** By page, then by address: what is known of instructions; null: the engine knows none there. */
  readonly #facts = new Map<number, Map<number, Facts | null>>()
  /** Flags that mean nothing since the last instructions. */
  #undefined = 0
  #count = 0

  constructor(options: FollowOptions) {
    this.#options = options
    this.#stream = options.stream
    const { stream, pid, engine } = options
    this.#guest = new Guest({
      stream,
      pid,
      engine,
      onCodeChange: (page) => {
        // An instruction may begin on the page before.
        this.#facts.delete(page)
        this.#facts.delete(page - 1)
        this.#factsPage = -1
      },
    })
    this.#writer = new StepWriter(this.#guest, stream)
  }

  run(): Outcome {
    const { countMax, skip = 0, onProgress } = this.#options
    if (!this.#takeState(this.#stream.next(REPLY.state))) return this.#ended()
    if (skip > 0 && !this.#skip(skip)) return this.#ended()
    for (let steps = 0; steps < countMax; steps++) {
      if (steps % PROGRESS_STEPS === 0) onProgress?.(this.#count)
      if (!this.#guest.pages.hasRoom(ROOM)) {
        if (!this.#pagesAgree()) return this.#ended()
        this.#guest.pages.forgetAll()
        this.#factsPage = -1
      }
      if (!this.#instruction()) return this.#ended()
    }
    return this.#last()
  }

  /** The tracer catches up; the pages written last are compared. */
  #last(): Outcome {
    if (!this.#pagesAgree() || this.#state() === undefined) return this.#ended()
    return { kind: 'same', count: this.#count }
  }

  /** Why there is nothing more to come. */
  #ended(): Outcome {
    if (this.#memory !== undefined) return { kind: 'memory', count: this.#count, found: this.#memory }
    const { kind, payload } = this.#stream.ending as Ending
    if (kind === REPLY.exited) return { kind: 'ended', count: this.#count, status: payload.getUint32(8, true) }
    if (kind === REPLY.differs) return { kind: 'differs', difference: payload, raised: this.#raised }
    return { kind: 'failed', reason: Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength).toString() }
  }

  /** False: there is nothing more to come. */
  #instruction(): boolean {
    const at = this.#guest.rip
    const facts = this.#factsAt(at)
    if (facts !== null && facts.manner === 'native') return this.#event(facts.isSyscall, false)
    if (facts !== null && (facts.flags.reads & this.#undefined) !== 0 && !this.#takeState(this.#state())) return false
    this.#writer.begin(facts)
    const exit = this.#guest.engine.step(TASK)
    if (facts === null || exit === EXIT.fault) {
      if (this.#stream.ending !== undefined) return false
      // Elements before the one that faults.
      if (facts !== null && (facts.parts & PART.repeated) !== 0 && this.#writer.hasMoved())
        this.#writer.send(facts, at, this.#undefined)
      this.#count++
      return this.#event(false, true)
    }
    this.#count++
    this.#undefined = (this.#undefined & ~facts.flags.writes) | facts.flags.leaves
    this.#writer.send(facts, this.#guest.rip, this.#undefined)
    return this.#stream.ending === undefined
  }

  #factsPage = -1
  #pageFacts = new Map<number, Facts | null>()

  #factsAt(address: number): Facts | null {
    const page = Math.floor(address / PAGE_SIZE)
    const offset = address % PAGE_SIZE
    if (page !== this.#factsPage || offset > PAGE_SIZE - INSTRUCTION_BYTES) {
      // Pages come anew after an event; what is known of their code goes when they have changed.
      const there = address < ADDRESS_LIMIT && this.#guest.pages.host(page) !== 0
      if (!there) return null
      if (offset > PAGE_SIZE - INSTRUCTION_BYTES) this.#guest.pages.host(page + 1)
      const known = this.#facts.get(page)
      this.#pageFacts = known ?? new Map()
      if (known === undefined) this.#facts.set(page, this.#pageFacts)
      this.#factsPage = page
    }
    const known = this.#pageFacts.get(address)
    if (known !== undefined) return known
    const made = factsOf(this.#guest.codeBytes(address), address) ?? null
    this.#pageFacts.set(address, made)
    return made
  }

  // ---- where both come together -------------------------------------------------------------------------------------

  #memory: MemoryDifference | undefined
  #raised: Raised | undefined

  /** Whether the pages written since the last event are as the program has them. */
  #pagesAgree(): boolean {
    const found = this.#guest.pages.firstDifference()
    if (found !== undefined) {
      const storedBy = this.#guest.lastStoreBy(found.address)
      const code = storedBy === undefined ? new Uint8Array(0) : this.#guest.codeBytes(storedBy)
      this.#memory = { ...found, storedBy, code }
    }
    return this.#memory === undefined && this.#stream.ending === undefined
  }

  /** The program runs this instruction, and its state afterwards is the engine's; with `raised` it must fault as the engine did. */
  #event(isSyscall: boolean, raised: boolean): boolean {
    if (!this.#pagesAgree() || (raised && this.#state() === undefined)) return false
    const stream = this.#stream
    const view = this.#guest.view
    // The tracer has caught up: a difference from here on is about the fault.
    if (raised)
      this.#raised = {
        signal: view.getInt32(TASK + FAULT_SIGNAL, true),
        code: view.getInt32(TASK + FAULT_CODE, true),
        address: view.getBigUint64(TASK + FAULT_ADDRESS, true),
      }
    const kept = this.#guest.pages.inUse()
    const mapped = isSyscall && CHANGES_MAPPINGS.has(view.getInt32(TASK + GPR, true))
    stream.reserve(EVENT_BYTES + 8 * kept.length)
    stream.u32(COMMAND.event)
    stream.u32(kept.length)
    stream.u32(raised ? view.getInt32(TASK + FAULT_SIGNAL, true) : 0)
    stream.u32(view.getInt32(TASK + FAULT_CODE, true))
    stream.u32(view.getInt32(TASK + FAULT_ADDRESS, true))
    stream.u32(view.getInt32(TASK + FAULT_ADDRESS + 4, true))
    for (const page of kept) stream.u64(page * PAGE_SIZE)
    if (!this.#takeState(stream.ask(REPLY.state))) return false
    const pages = stream.next(REPLY.pages)
    if (pages === undefined) return false
    this.#raised = undefined
    this.#guest.pages.renew(kept, pages, mapped)
    this.#factsPage = -1
    return true
  }

  #state(): DataView | undefined {
    this.#stream.reserve(4)
    this.#stream.u32(COMMAND.state)
    return this.#stream.ask(REPLY.state)
  }

  /** False when the run has ended before. */
  #skip(count: number): boolean {
    while (this.#count < count) {
      this.#stream.reserve(16)
      this.#stream.u32(COMMAND.skip)
      this.#stream.u32(0)
      this.#stream.u64(count - this.#count)
      if (!this.#takeState(this.#stream.ask(REPLY.state))) return false
      if (this.#count < count && !this.#instruction()) return false
    }
    this.#guest.pages.forgetAll()
    this.#factsPage = -1
    return true
  }

  /** The program's state is the engine's. */
  #takeState(state: DataView | undefined): boolean {
    if (state === undefined) return false
    const view = this.#guest.view
    const copy = (from: number, to: number, bytes: number) => {
      for (let n = 0; n < bytes; n += 4) view.setInt32(TASK + to + n, state.getInt32(from + n, true), true)
    }
    this.#count = state.getUint32(0, true)
    copy(STATE.gpr, GPR, 8 * GENERAL_REGISTERS)
    copy(STATE.bases, FS_BASE, 16)
    copy(STATE.rip, RIP, 8)
    writeFlags(view, TASK, state.getInt32(STATE.rflags, true))
    for (let n = 0; n < 6; n++)
      view.setUint16(TASK + WORD.selectors + 2 * n, state.getUint16(STATE.selectors + 8 * n, true), true)
    const image = new DataView(state.buffer, state.byteOffset + STATE.xsave)
    restoreState(view, TASK, image, ALL_COMPONENTS)
    this.#writer.remember()
    this.#undefined = 0
    return true
  }
}
