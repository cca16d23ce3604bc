// How a system call is declared: one value that feeds dispatch, strace and the documentation.
//   export const read = syscall({ number: 0, name: 'read', returns: Size, support: full,
//     args: { fd: Fd, buf: OutBuffer('count'), count: Size }, run(task, { fd, buf, count }) { … } })
// Argument types are in arguments.ts. A handler answers a number (negative: errno), or BLOCK or REDIRECT of processor/kernel.ts.
import { type ErrnoNumber, errnoName } from '../src/abi/errno.js'
import type { Outcome } from '../src/processor/kernel.js'
import type { Task } from '../src/processor/task.js'
import type { ArgumentType } from './arguments.js'

export type Support =
  | { readonly level: 'full' }
  | { readonly level: 'partial'; readonly note: string }
  | { readonly level: 'refused'; readonly errno: ErrnoNumber; readonly note: string }

export const full: Support = { level: 'full' }
export const partial = (note: string): Support => ({ level: 'partial', note })
/** The call answers this errno, always. */
export const refused = (errno: ErrnoNumber, note: string): Support => ({ level: 'refused', errno, note })

export type ArgumentTypes = Readonly<Record<string, ArgumentType<unknown>>>
export type ArgumentValues<A extends ArgumentTypes> = {
  readonly [K in keyof A]: A[K] extends ArgumentType<infer T> ? T : never
}

/** The arguments that are in registers. */
type Numbers<A extends ArgumentTypes> = {
  readonly [K in keyof A as A[K] extends ArgumentType<number> ? K : never]: number
}

export interface SyscallRow<A extends ArgumentTypes> {
  readonly number: number
  readonly name: string
  readonly returns: ArgumentType<unknown>
  readonly support: Support
  readonly args: A
  /** 0, or the errno that the call has whatever its pointers point to: paths are read after it. */
  check?(args: Numbers<A>): number
  run(task: Task, args: ArgumentValues<A>): Outcome
}

/** A row ready to be called. */
export interface Syscall {
  readonly number: number
  readonly name: string
  readonly returns: ArgumentType<unknown>
  readonly support: Support
  readonly args: ArgumentTypes
  /** Decodes the arguments and runs the handler. */
  invoke(task: Task): Outcome
}

/** Registers of the six arguments: rdi rsi rdx r10 r8 r9, in encoding order. */
const ARGUMENT_REGISTERS = [7, 6, 2, 10, 8, 9] as const

export function syscall<A extends ArgumentTypes>(row: SyscallRow<A>): Syscall {
  // Made when it is first called: a short program calls a dozen of them.
  let invoke: Syscall['invoke'] | undefined
  return {
    ...row,
    invoke(task) {
      invoke ??= invoker(row)
      return invoke(task)
    },
  }
}

function invoker<A extends ArgumentTypes>(row: SyscallRow<A>): Syscall['invoke'] {
  const names = Object.keys(row.args)
  const types = names.map((name) => row.args[name]!)
  const indices = [...names.keys()]
  const order = [
    ...indices.filter((index) => !types[index]!.mayFail),
    ...indices.filter((index) => types[index]!.mayFail),
  ]
  const firstPointer = indices.filter((index) => !types[index]!.mayFail).length
  const count = names.length
  // One record per row, filled for each call: a handler reads it before it can be called again.
  const values: Record<string, unknown> = Object.fromEntries(names.map((name) => [name, 0]))
  return (task) => {
    for (let step = 0; step < count; step++) {
      if (step === firstPointer && row.check !== undefined) {
        const refused = row.check(values as Numbers<A>)
        if (refused < 0) return refused
      }
      const index = order[step]!
      const register = ARGUMENT_REGISTERS[index]!
      const type = types[index]!
      const value = type.decode(task.low(register), task.high(register), task)
      if (type.mayFail && typeof value === 'number') return value
      values[names[index]!] = value
    }
    return row.run(task, values as ArgumentValues<A>)
  }
}

/** A row for a call that is answered with an errno. */
export function refusedCall(
  number: number,
  name: string,
  returns: ArgumentType<unknown>,
  errno: ErrnoNumber,
  note: string,
  args: ArgumentTypes = {},
): Syscall {
  const support = refused(errno, `${errnoName(errno)}: ${note}`)
  return { number, name, returns, support, args, invoke: () => -errno }
}
