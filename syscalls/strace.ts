// Prints calls as strace(1) does: `openat(AT_FDCWD, "/etc/passwd", 0, 0) = 3`. Everything comes from the rows.
import { errnoName, isErrno } from '../src/abi/errno.js'
import type { Outcome } from '../src/processor/kernel.js'
import { RAX, type Task } from '../src/processor/task.js'
import type { Syscall } from './define.js'

const REGISTERS = [7, 6, 2, 10, 8, 9] as const

/** One line, made before the call (arguments) and finished after it. */
export interface TracedCall {
  finish(outcome: Outcome): string
}

export function traceCall(task: Task, row: Syscall | undefined): TracedCall {
  const number = task.low(RAX)
  const { tid } = task
  if (row === undefined) return { finish: (outcome) => `[${tid}] syscall_${number}() = ${showResult(outcome)}` }
  const values: Record<string, unknown> = {}
  Object.entries(row.args).forEach(([name, type], index) => {
    const register = REGISTERS[index]!
    values[name] = type.decode(task.low(register), task.high(register), task)
  })
  const show = (result: number): string =>
    Object.entries(row.args)
      .map(([name, type]) => {
        const value = values[name]
        return type.mayFail && typeof value === 'number' ? 'EFAULT' : type.show(value, task, values, result)
      })
      .join(', ')
  // The arguments of a call that ends the program or its space cannot be shown afterwards.
  const before = show(0)
  return {
    finish(outcome) {
      const alive = task.kernel.tasks.get(task.tid) === task
      const text = typeof outcome === 'number' && outcome > 0 && alive ? show(outcome) : before
      return `[${tid}] ${row.name}(${text}) = ${showResult(outcome)}`
    },
  }
}

function showResult(outcome: Outcome): string {
  if (typeof outcome !== 'number') return outcome.kind === 'block' ? '? (waits)' : '?'
  if (isErrno(outcome)) return `-1 ${errnoName(outcome)}`
  return outcome > 0xffff ? `0x${outcome.toString(16)}` : String(outcome)
}
