// Prints calls, signals and ends as strace(1) -f does: `openat(AT_FDCWD, "/etc/passwd", O_RDONLY) = 3`. Everything comes from the rows.
// A call that waits is printed when it is over; when another task has something to say meanwhile, in two parts (`<unfinished ...>`, `resumed`).

import { errnoName, isErrno } from '../src/abi/errno.js'
import { errnoMessage } from '../src/abi/errno-messages.js'
import { SIG, signalName } from '../src/abi/signal.js'
import { exitCodeOf, isSignaled, termSignalOf } from '../src/abi/wait.js'
import type { Observer, Outcome } from '../src/processor/kernel.js'
import type { SignalInfo } from '../src/processor/signals.js'
import { RAX, RSP, type Task } from '../src/processor/task.js'
import { type ArgumentType, type ShownCall, showHex } from './arguments.js'
import type { Syscall } from './define.js'
import { quote } from './quote.js'
import { showSignalInfo } from './signal-arguments.js'
import { Arguments, Environment } from './structures.js'

const REGISTERS = [7, 6, 2, 10, 8, 9] as const
/** Column of the equals sign (strace -a). */
const RESULT_COLUMN = 40

/** A call that has begun. */
interface TracedCall {
  readonly name: string
  readonly types: readonly ArgumentType<unknown>[]
  readonly names: readonly string[]
  readonly values: Readonly<Record<string, unknown>>
  readonly returns: ArgumentType<unknown> | null
  /** Of the arguments before the first that is known afterwards. */
  readonly before: readonly (string | null)[]
  /** The first part is printed. */
  announced: boolean
}

export interface StraceOptions {
  readonly print: (line: string) => void
  readonly selects: (row: Syscall | undefined) => boolean
  /** Each line begins with its task, as in a file of strace -o; else only when there are several. */
  readonly alwaysNamesTask: boolean
}

const isAfter = ({ after }: ArgumentType<unknown>): boolean => after === true

export class Strace implements Observer {
  readonly #options: StraceOptions
  readonly #open = new Map<Task, TracedCall>()

  constructor(options: StraceOptions) {
    this.#options = options
  }

  /** The call of the task's registers is about to be made, or looked at again. */
  enter(task: Task, row: Syscall | undefined): void {
    if (!this.#options.selects(row) || (task.wait.active && this.#open.has(task))) return
    this.#open.set(task, begin(task, row))
  }

  leave(task: Task, outcome: Outcome): void {
    const call = this.#open.get(task)
    if (call === undefined || (typeof outcome !== 'number' && outcome.kind === 'block')) return
    // A call that puts the registers in place itself has its result there.
    this.#finish(task, call, typeof outcome === 'number' ? outcome : signedResult(task))
  }

  /** The first program, as if it had been called. */
  started(task: Task, path: string): void {
    const sp = task.register(RSP)
    const shown: ShownCall = { task, values: {}, result: 0 }
    const envp = sp + 8 * (task.memory.readU64(sp) + 2)
    const text = `execve(${quote(new TextEncoder().encode(path))}, ${Arguments.show(sp + 8, shown)}, ${Environment.show(envp, shown)})`
    this.#print(task, `${text.padEnd(RESULT_COLUMN - 1)} = 0`)
  }

  signal(task: Task, info: SignalInfo): void {
    const call = this.#open.get(task)
    if (call !== undefined) this.#interrupt(task, call, interruption(task))
    // Nobody can look at the task any more (ptrace(2)).
    if (info.signal === SIG.KILL) return
    this.#print(task, `--- ${signalName(info.signal)} ${showSignalInfo(info)} ---`)
  }

  exit(task: Task, status: number): void {
    const call = this.#open.get(task)
    if (call !== undefined) this.#interrupt(task, call, '?')
    const end = isSignaled(status)
      ? `killed by ${signalName(termSignalOf(status))}`
      : `exited with ${exitCodeOf(status)}`
    this.#print(task, `+++ ${end} +++`)
  }

  /** It will not be finished. */
  #interrupt(task: Task, call: TracedCall, result: string): void {
    const shown: ShownCall = { task, values: call.values, result: 0 }
    this.#complete(task, call, [...call.before, ...after(call, shown)], result)
  }

  #finish(task: Task, call: TracedCall, result: number): void {
    const shown: ShownCall = { task, values: call.values, result }
    this.#complete(task, call, [...call.before, ...after(call, shown)], showResult(call, shown))
  }

  #complete(task: Task, call: TracedCall, texts: readonly (string | null)[], result: string): void {
    this.#open.delete(task)
    const rest = call.announced ? texts.slice(call.before.length) : texts
    const args = rest.filter((text) => text !== null).join(', ')
    const head = call.announced ? `<... ${call.name} resumed>${args})` : `${call.name}(${args})`
    this.#print(task, head, result)
  }

  /** Whoever waits has said its first half before another speaks. */
  #announceOthers(speaker: Task): void {
    for (const [task, call] of this.#open) {
      if (task === speaker || call.announced) continue
      call.announced = true
      const shown = call.before.filter((text) => text !== null)
      const more = call.types.length > call.before.length ? ', ' : ''
      const args = shown.length === 0 ? '' : `${shown.join(', ')}${more}`
      this.#line(task, `${call.name}(${args} <unfinished ...>`)
    }
  }

  #print(task: Task, text: string, result?: string): void {
    this.#announceOthers(task)
    this.#line(task, text, result)
  }

  #line(task: Task, text: string, result?: string): void {
    const { print, alwaysNamesTask } = this.#options
    const several = task.kernel.tasks.size > 1
    const prefix = alwaysNamesTask
      ? `${String(task.tid).padEnd(5)} `
      : several
        ? `[pid ${String(task.tid).padStart(5)}] `
        : ''
    const line = `${prefix}${text}`
    print(result === undefined ? line : `${`${line} `.padEnd(RESULT_COLUMN)}= ${result}`)
  }
}

function begin(task: Task, row: Syscall | undefined): TracedCall {
  const values: Record<string, unknown> = {}
  if (row === undefined) return beginUnknown(task)
  const names = Object.keys(row.args)
  const types = Object.values(row.args)
  types.forEach((type, index) => {
    const register = REGISTERS[index]!
    values[names[index]!] = type.decode(task.low(register), task.high(register), task)
  })
  const first = types.findIndex(isAfter)
  const count = first < 0 ? types.length : first
  const call = {
    name: row.name,
    types,
    names,
    values,
    returns: row.returns,
    before: [] as (string | null)[],
    announced: false,
  }
  const shown: ShownCall = { task, values, result: 0 }
  for (let index = 0; index < count; index++) call.before.push(showArgument(call, index, shown))
  return call
}

function beginUnknown(task: Task): TracedCall {
  const before = REGISTERS.map((register) => showHex(task.register(register)))
  return {
    name: `syscall_0x${task.low(RAX).toString(16)}`,
    types: [],
    names: [],
    values: {},
    returns: null,
    before,
    announced: false,
  }
}

function showArgument({ types, names, values }: TracedCall, index: number, shown: ShownCall): string | null {
  const type = types[index]!
  const value = values[names[index]!]
  // A string that could not be read: its address.
  if (type.mayFail && typeof value === 'number') return showHex(shown.task.register(REGISTERS[index]!))
  return type.show(value, shown)
}

const after = (call: TracedCall, shown: ShownCall): (string | null)[] =>
  call.types.slice(call.before.length).map((_, index) => showArgument(call, call.before.length + index, shown))

/** What a call that waits answers to a signal (linux/errno.h): whether it is made again depends on the handler. */
function interruption({ wait }: Task): string {
  if (wait.restarts) return '? ERESTARTSYS (To be restarted if SA_RESTART is set)'
  return wait.cancel === null
    ? '? ERESTARTNOHAND (To be restarted if no handler)'
    : '? ERESTART_RESTARTBLOCK (Interrupted by signal)'
}

const signedResult = (task: Task): number => task.high(RAX) * 0x1_0000_0000 + (task.low(RAX) >>> 0)

function showResult({ returns }: TracedCall, shown: ShownCall): string {
  const { result } = shown
  if (isErrno(result)) return `-1 ${errnoName(result)} (${errnoMessage(result)})`
  return returns?.show(result, shown) ?? String(result)
}
