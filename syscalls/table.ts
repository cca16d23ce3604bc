// The system call table: every family's rows by number, and the dispatch that runs them. Adding a call is adding a row to its family's file.
import { E, err } from '../src/abi/errno.js'
import type { Dispatch, Outcome } from '../src/processor/kernel.js'
import { RAX, type Task } from '../src/processor/task.js'
import { Address, type TraceClass } from './arguments.js'
import type { Syscall } from './define.js'
import { FAMILIES, familyOf } from './families.js'
import { parseSelection, type Selection } from './trace-selection.js'

const met: (Syscall | undefined)[] = []

/** The call of a number; undefined where there is none (ENOSYS). */
export function rowOf(number: number): Syscall | undefined {
  const known = met[number]
  if (known !== undefined) return known
  const family = familyOf(number)
  if (family === undefined) return undefined
  for (const row of Object.values(FAMILIES[family]!.rows())) met[row.number] = row
  return met[number]
}

/** All of them, by number: a run does not need that. */
export function allRows(): readonly Syscall[] {
  const rows = FAMILIES.flatMap((family) => Object.values(family.rows()))
  return rows.sort((a, b) => a.number - b.number)
}

/** Families that are a class of strace's; the other classes follow from the types of arguments. */
const CLASS_OF_FAMILY: Readonly<Record<string, TraceClass>> = {
  memory: 'memory',
  'memory-advice': 'memory',
  exit: 'process',
  process: 'process',
  signals: 'signal',
}

function classesOfFamilies(): ReadonlyMap<Syscall, TraceClass> {
  const classes = new Map<Syscall, TraceClass>()
  for (const { name, rows } of FAMILIES) {
    const traceClass = CLASS_OF_FAMILY[name]
    if (traceClass === undefined) continue
    // memfd_create makes memory, but changes no address space.
    for (const row of Object.values(rows()))
      if (traceClass !== 'memory' || Object.values(row.args).includes(Address)) classes.set(row, traceClass)
  }
  return classes
}

/** The calls that `-e trace=LIST` names. */
export function selection(list: string): Selection {
  const classes = classesOfFamilies()
  return parseSelection(list, allRows(), (row) => classes.get(row))
}

export interface SyscallCounters {
  /** Calls by number. */
  readonly calls: Float64Array
  /** Calls that answered ENOSYS because nobody does them, by number. */
  readonly unknown: Map<number, number>
}

const NUMBERS = 512

export const newCounters = (): SyscallCounters => ({ calls: new Float64Array(NUMBERS), unknown: new Map() })

/** Who is told of every call, for --strace. */
export interface CallObserver {
  enter(task: Task, row: Syscall | undefined): void
  leave(task: Task, outcome: Outcome): void
}

export function dispatcher(counters: SyscallCounters, observer: CallObserver | null): Dispatch {
  const { calls, unknown } = counters
  const call: Dispatch = (task) => {
    const number = task.low(RAX)
    const row = met[number] ?? rowOf(number)
    if (row === undefined) {
      unknown.set(number, (unknown.get(number) ?? 0) + 1)
      return err(E.NOSYS)
    }
    calls[number]! += 1
    return row.invoke(task)
  }
  if (observer === null) return call
  return (task): Outcome => {
    observer.enter(task, rowOf(task.low(RAX)))
    const outcome = call(task)
    observer.leave(task, outcome)
    return outcome
  }
}
