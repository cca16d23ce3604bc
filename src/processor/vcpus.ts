// The home vCPU's view of the other vCPUs: their mailboxes, which task each runs, which pages of code each has. `quiesce` brings them all
// to safepoints, where they stay until the home vCPU serves them again: everything that changes what guest code may have remembered
// (unmapping, protection, fork, writes to code) happens in between. With one vCPU there is nothing here to do.
import { RETRY } from '../engine/host.js'
import type { MemoryMap } from './layout.js'
import { Mailbox, REQUEST, TURN } from './mailbox.js'
import type { Task } from './task.js'
import { STATE } from './task-state.js'

/** The vCPU where all kernel objects are. */
export const HOME = 0
/** Between looks at a vCPU that is to come to a safepoint: it may need our core for that. */
const SPINS = 2000
const SLEEP_MS = 0.05

export class Vcpus {
  /** By vCPU; the home one, 0, has none. */
  readonly mailboxes: (Mailbox | undefined)[] = [undefined]
  /** What each runs. */
  readonly tasks: (Task | null)[] = [null]
  readonly count: number
  /** Pages of each address space whose code a vCPU has. */
  readonly #codePages: Map<number, Set<number>>[] = []
  readonly #words: Int32Array
  /** Asks for the worker of a vCPU. */
  readonly #start: (vcpu: number) => void
  #started = 1
  /** The vCPU whose request is being served and not yet answered; 0: none. */
  serving = 0

  constructor(memory: WebAssembly.Memory, map: MemoryMap, count: number, start: (vcpu: number) => void) {
    this.count = count
    this.#words = new Int32Array(memory.buffer)
    this.#start = start
    this.#codePages.push(new Map())
    for (let vcpu = 1; vcpu < count; vcpu++) {
      this.mailboxes.push(new Mailbox(memory, map, vcpu))
      this.tasks.push(null)
      this.#codePages.push(new Map())
    }
  }

  /** A task could use another vCPU: one more worker, unless there are enough. */
  want(tasks: number): void {
    if (this.#started >= Math.min(this.count, tasks)) return
    this.#start(this.#started++)
  }

  /** One that waits for a task, or 0. */
  get idle(): number {
    for (let vcpu = 1; vcpu < this.#started; vcpu++) {
      if (this.tasks[vcpu] === null && this.mailboxes[vcpu]!.turn === TURN.idle) return vcpu
    }
    return 0
  }

  get busy(): boolean {
    for (let vcpu = 1; vcpu < this.#started; vcpu++) if (this.tasks[vcpu] !== null) return true
    return false
  }

  /** One that has asked something, or 0. */
  get asking(): number {
    for (let vcpu = 1; vcpu < this.#started; vcpu++) if (this.mailboxes[vcpu]!.turn === TURN.request) return vcpu
    return 0
  }

  /** A vCPU that runs a task passes a safepoint soon. */
  poll(vcpu: number, home: boolean): void {
    if (this.tasks[vcpu] !== null) this.mailboxes[vcpu]!.poll(home)
  }

  pollAll(home: boolean): void {
    for (let vcpu = 1; vcpu < this.#started; vcpu++) this.poll(vcpu, home)
  }

  /**
   * No vCPU runs guest code or holds a translation from here until the home one serves it. The one being served waits anyway: in the
   * middle of an instruction it may hold what the home vCPU itself may in such a call.
   */
  quiesce(): void {
    for (let vcpu = 1; vcpu < this.#started; vcpu++) if (vcpu !== this.serving) this.#await(vcpu, false)
  }

  /** Takes a task from its vCPU, which is idle afterwards. A system call that it was about to make is made again where it runs next. */
  take(task: Task): void {
    const { vcpu } = task
    this.#await(vcpu, true)
    if (task.state === STATE.running) task.enter(STATE.safepoint)
    this.tasks[vcpu] = null
    task.vcpu = -1
  }

  /**
   * Requests for lines are refused while the home vCPU waits for safepoints: the instruction runs again afterwards.
   * Called also where the home vCPU needs frames that others hold.
   */
  refuse(): void {
    for (let vcpu = 1; vcpu < this.#started; vcpu++) if (vcpu !== this.serving) this.#refuse(this.mailboxes[vcpu]!)
  }

  #refuse(mailbox: Mailbox): void {
    if (mailbox.turn === TURN.request && mailbox.kind >= REQUEST.refill) mailbox.answer(RETRY)
  }

  #await(vcpu: number, takes: boolean): void {
    const mailbox = this.mailboxes[vcpu]!
    if (vcpu === this.serving) this.serving = 0
    for (let spins = 0; ; spins++) {
      const { turn } = mailbox
      if (turn === TURN.idle || turn === TURN.absent) return
      if (turn === TURN.go) {
        // Again and again: the vCPU may just have cleared it.
        if (spins % 64 === 0) mailbox.poll(true)
        if (spins > SPINS) Atomics.wait(this.#words, 0, this.#words[0]!, SLEEP_MS)
      } else if (mailbox.kind >= REQUEST.refill) mailbox.answer(RETRY)
      else if (!takes) return
      else if (mailbox.kind === REQUEST.syscall) {
        const task = this.tasks[vcpu]!
        // `syscall` is two bytes long.
        task.rip -= 2
        mailbox.answer(1)
      } else {
        mailbox.idle()
        return
      }
    }
  }

  // Code.

  /** The vCPU now has code of this page. */
  noteCode(vcpu: number, asid: number, page: number): void {
    const spaces = this.#codePages[vcpu]!
    let pages = spaces.get(asid)
    if (pages === undefined) {
      pages = new Set()
      spaces.set(asid, pages)
    }
    pages.add(page)
  }

  /** Code of these pages is stale: who has some forgets it before running on. Whether `writer` had any. All others are at safepoints. */
  dropCode(asid: number, firstPage: number, pages: number, writer: number): boolean {
    let writerHas = false
    for (let vcpu = 1; vcpu < this.#started; vcpu++) {
      const known = this.#codePages[vcpu]!.get(asid)
      if (known === undefined || !removeRange(known, firstPage, pages)) continue
      this.quiesce()
      this.mailboxes[vcpu]!.drop(asid, firstPage, pages)
      if (vcpu === writer) writerHas = true
    }
    return writerHas
  }
}

/** Whether there were any. */
function removeRange(set: Set<number>, first: number, count: number): boolean {
  let any = false
  if (count <= set.size) for (let page = first; page < first + count; page++) any = set.delete(page) || any
  else for (const page of set) if (page >= first && page < first + count) any = set.delete(page) || any
  return any
}
