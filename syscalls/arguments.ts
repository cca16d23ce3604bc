// Types of system call arguments: how each is read from its register (low and high half), and how strace shows it. Numbers are exact to 2^53;
// sizes and addresses beyond that are rounded, and wrong for every call anyway.
import type { Task } from '../src/processor/task.js'

export interface ArgumentType<T> {
  readonly kind: string
  decode(low: number, high: number, task: Task): T
  /** `decode` may answer a number instead: the errno that the call then has. */
  readonly mayFail: boolean
  show(value: T, task: Task, values: Readonly<Record<string, unknown>>, result: number): string
}

const TWO_32 = 0x1_0000_0000
const PATH_MAX = 4096
/** Bytes of a buffer that strace shows. */
const SHOWN = 32

const decimal = (value: number): string => String(value)
const hex = (value: number): string => (value === 0 ? 'NULL' : `0x${value.toString(16)}`)
const asSigned32 = (low: number): number => low
const asUnsigned32 = (low: number): number => low >>> 0
const asUnsigned64 = (low: number, high: number): number => (high >>> 0) * TWO_32 + (low >>> 0)
const asSigned64 = (low: number, high: number): number => high * TWO_32 + (low >>> 0)

const number = (
  kind: string,
  decode: (low: number, high: number) => number,
  show: (value: number) => string,
): ArgumentType<number> => ({
  kind,
  decode,
  mayFail: false,
  show,
})

export const Int = number('int', asSigned32, decimal)
export const Uint = number('unsigned int', asUnsigned32, decimal)
export const Fd = number('fd', asSigned32, decimal)
export const DirFd = number('dirfd', asSigned32, (value) => (value === -100 ? 'AT_FDCWD' : String(value)))
export const Size = number('size', asUnsigned64, decimal)
export const Offset = number('offset', asSigned64, decimal)
export const Mode = number('mode', asUnsigned32, (value) => `0${value.toString(8)}`)
export const Flags = number('flags', asUnsigned32, (value) => (value === 0 ? '0' : hex(value)))
export const Signal = number('signal', asSigned32, decimal)
export const Address = number('address', asUnsigned64, hex)
/** Address of a structure that the call reads or writes. */
export const Pointer = number('pointer', asUnsigned64, hex)
export const Result = Int
/** exit and exit_group. */
export const NoReturn = number('no return', asSigned32, () => '?')

function showBytes(task: Task, address: number, count: number): string {
  const length = Math.min(count, SHOWN)
  const bytes = new Uint8Array(length)
  if (length < 0 || task.memory.copyIn(address, bytes) < 0) return hex(address)
  const text = Array.from(bytes, (byte) => {
    if (byte === 10) return '\\n'
    if (byte === 9) return '\\t'
    if (byte === 13) return '\\r'
    if (byte === 34 || byte === 92) return `\\${String.fromCharCode(byte)}`
    return byte >= 32 && byte < 127 ? String.fromCharCode(byte) : `\\${byte.toString(8)}`
  }).join('')
  return `"${text}"${count > length ? '...' : ''}`
}

/** A buffer that the call fills; its size is the argument `count`. What was filled is shown: `result` bytes. */
export const OutBuffer = (count: string): ArgumentType<number> => ({
  kind: `out buffer of ${count}`,
  decode: asUnsigned64,
  mayFail: false,
  show: (value, task, _values, result) => (result > 0 ? showBytes(task, value, result) : hex(value)),
})

/** A buffer that the call reads; its size is the argument `count`. */
export const InBuffer = (count: string): ArgumentType<number> => ({
  kind: `buffer of ${count}`,
  decode: asUnsigned64,
  mayFail: false,
  show: (value, task, values) => showBytes(task, value, Number(values[count] ?? 0)),
})

/** A C string with a path; -EFAULT and -ENAMETOOLONG end the call. */
export const Path: ArgumentType<string> = {
  kind: 'path',
  // The cast is `mayFail`'s: a number never reaches the handler.
  decode: (low, high, task) => task.memory.readString(asUnsigned64(low, high), PATH_MAX) as string,
  mayFail: true,
  show: (value) => JSON.stringify(value),
}

/** A path that may be NULL. */
export const OptionalPath: ArgumentType<string | null> = {
  kind: 'path or NULL',
  decode: (low, high, task) =>
    (low | high) === 0 ? null : (task.memory.readString(asUnsigned64(low, high), PATH_MAX) as string),
  mayFail: true,
  show: (value) => (value === null ? 'NULL' : JSON.stringify(value)),
}
