// The system call table: every family's rows by number, and the dispatch that runs them. Adding a call is adding a row to its family's file.
import { E, err } from '../src/abi/errno.js'
import type { Dispatch, Outcome } from '../src/processor/kernel.js'
import { RAX, type Task } from '../src/processor/task.js'
import { Address, type TraceClass } from './arguments.js'
import * as attributes from './attributes.js'
import * as credentials from './credentials.js'
import type { Syscall } from './define.js'
import * as descriptors from './descriptors.js'
import * as directory from './directory.js'
import * as epoll from './epoll.js'
import * as exit from './exit.js'
import * as fcntl from './fcntl.js'
import * as ids from './ids.js'
import * as inotify from './inotify.js'
import * as links from './links.js'
import * as memory from './memory.js'
import * as memoryAdvice from './memory-advice.js'
import * as open from './open.js'
import * as otherMemory from './other-memory.js'
import * as poll from './poll.js'
import * as prctl from './prctl.js'
import * as privileged from './privileged.js'
import * as process from './process.js'
import * as readWrite from './read-write.js'
import * as schedule from './schedule.js'
import * as signals from './signals.js'
import * as splice from './splice.js'
import * as stat from './stat.js'
import * as sync from './sync.js'
import * as system from './system.js'
import * as terminal from './terminal.js'
import * as threads from './threads.js'
import * as time from './time.js'
import * as timers from './timers.js'
import { parseSelection, type Selection } from './trace-selection.js'
import * as xattr from './xattr.js'

const FAMILIES: readonly Readonly<Record<string, Syscall>>[] = [
  readWrite,
  descriptors,
  fcntl,
  memory,
  memoryAdvice,
  exit,
  signals,
  process,
  otherMemory,
  ids,
  credentials,
  threads,
  schedule,
  prctl,
  time,
  timers,
  system,
  open,
  stat,
  directory,
  links,
  attributes,
  sync,
  poll,
  epoll,
  inotify,
  splice,
  privileged,
  terminal,
  xattr,
]

/** By number; holes are calls that are not there (ENOSYS). */
export const table: (Syscall | undefined)[] = []
for (const family of FAMILIES) for (const row of Object.values(family)) table[row.number] = row

/** Families that are a class of strace's; the other classes follow from the types of arguments. */
const CLASS_OF_FAMILY = new Map<unknown, TraceClass>([
  [memory, 'memory'],
  [memoryAdvice, 'memory'],
  [exit, 'process'],
  [process, 'process'],
  [signals, 'signal'],
])
const classOf = new Map<Syscall, TraceClass>()
for (const family of FAMILIES) {
  const name = CLASS_OF_FAMILY.get(family)
  if (name === undefined) continue
  // memfd_create makes memory, but changes no address space.
  for (const row of Object.values(family))
    if (name !== 'memory' || Object.values(row.args).includes(Address)) classOf.set(row, name)
}

/** The calls that `-e trace=LIST` names. */
export function selection(list: string): Selection {
  const rows = table.filter((row) => row !== undefined)
  return parseSelection(list, rows, (row) => classOf.get(row))
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
    const row = table[number]
    if (row === undefined) {
      unknown.set(number, (unknown.get(number) ?? 0) + 1)
      return err(E.NOSYS)
    }
    calls[number]! += 1
    return row.invoke(task)
  }
  if (observer === null) return call
  return (task): Outcome => {
    observer.enter(task, table[task.low(RAX)])
    const outcome = call(task)
    observer.leave(task, outcome)
    return outcome
  }
}
