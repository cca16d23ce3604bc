// Types of system call arguments: how each is read from its register (low and high half), and how strace shows it. Here are numbers, buffers and
// strings; flags.ts has the numbers with names, structures.ts what pointers point to, commands.ts the arguments that depend on another one.
// Numbers are exact to 2^53; sizes and addresses beyond that are rounded, and wrong for every call anyway.
import { E, type ErrnoNumber, err } from '../src/abi/errno.js'
import { bytesOfPath } from '../src/lib/path-text.js'
import type { Task } from '../src/processor/task.js'
import { quote, SHOWN_BYTES } from './quote.js'

/** Classes of strace's `-e trace=%CLASS`. */
export type TraceClass = 'file' | 'desc' | 'memory' | 'process' | 'signal'

/** The call that an argument is shown of. */
export interface ShownCall {
  readonly task: Task
  readonly values: Readonly<Record<string, unknown>>
  /** What it answered; negative: its errno. 0 as long as it is under way. */
  readonly result: number
}

export interface ArgumentType<T> {
  readonly kind: string
  decode(low: number, high: number, task: Task): T
  /** `decode` may answer a number instead: the errno that the call then has. */
  readonly mayFail: boolean
  /** As strace(1) prints it; null for an argument that it leaves out. */
  show(value: T, call: ShownCall): string | null
  /** The text depends on what the call did. */
  readonly after?: boolean
  /** A call with such an argument belongs to the class. */
  readonly traced?: TraceClass
}

const TWO_32 = 0x1_0000_0000
const PATH_MAX = 4096

const decimal = (value: number): string => String(value)
export const showAddress = (value: number): string => (value === 0 ? 'NULL' : `0x${value.toString(16)}`)
export const showHex = (value: number): string => (value === 0 ? '0' : `0x${value.toString(16)}`)
export const asSigned32 = (low: number): number => low
export const asUnsigned32 = (low: number): number => low >>> 0
export const asUnsigned64 = (low: number, high: number): number => (high >>> 0) * TWO_32 + (low >>> 0)
const asSigned64 = (low: number, high: number): number => high * TWO_32 + (low >>> 0)

/** A type of numbers; `more` says what is not usual about it. */
export const numeric = (
  kind: string,
  decode: (low: number, high: number) => number,
  show: ArgumentType<number>['show'],
  more: Pick<ArgumentType<number>, 'after' | 'traced'> = {},
): ArgumentType<number> => ({ kind, decode, mayFail: false, show, ...more })

export const Int = numeric('int', asSigned32, decimal)
export const Uint = numeric('unsigned int', asUnsigned32, decimal)
export const Fd = numeric('fd', asSigned32, decimal, { traced: 'desc' })
export const DirFd = numeric('dirfd', asSigned32, (value) => (value === -100 ? 'AT_FDCWD' : String(value)), {
  traced: 'desc',
})
export const Size = numeric('size', asUnsigned64, decimal)
export const HexSize = numeric('size', asUnsigned32, showHex)
export const Offset = numeric('offset', asSigned64, decimal)
/** Of mmap(2). */
export const HexOffset = numeric('offset', asSigned64, showHex)
/** Permission bits. */
export const showMode = (value: number): string => (value === 0 ? '000' : `0${value.toString(8).padStart(2, '0')}`)
/** An argument that is there for other machines. */
export const Omitted = numeric('unused', asUnsigned64, () => null)
export const Mode = numeric('mode', asUnsigned32, showMode)
export const Flags = numeric('flags', asUnsigned32, showHex)
/** A user or group; -1 is nobody in particular. */
export const Id = numeric('id', asUnsigned32, (value) => (value === 0xffffffff ? '-1' : String(value)))
export const Address = numeric('address', asUnsigned64, showAddress)
/** Address of a structure that the call reads or writes, and that strace does not look into. */
export const Pointer = numeric('pointer', asUnsigned64, showAddress)
/** exit and exit_group. */
export const NoReturn = numeric('no return', asSigned32, () => '?')

function showBytes({ task }: ShownCall, address: number, count: number, hex = false, shown = SHOWN_BYTES): string {
  if (address === 0) return 'NULL'
  const length = Math.min(count, shown)
  const bytes = new Uint8Array(Math.max(0, length))
  if (length < 0 || task.memory.copyIn(address, bytes) < 0) return showAddress(address)
  return quote(bytes, { cut: count > length, hex })
}

/** A buffer that the call fills; its size is the argument `count`. What was filled is shown: `result` bytes. */
export const OutBuffer = (count: string, hex = false): ArgumentType<number> =>
  numeric(
    `out buffer of ${count}`,
    asUnsigned64,
    (value, call) => (call.result < 0 ? showAddress(value) : showBytes(call, value, call.result, hex)),
    { after: true },
  )

/** A buffer that the call fills with a C string, of `result` bytes with its NUL. */
export const OutString = numeric(
  'out string',
  asUnsigned64,
  (value, call) => (call.result <= 0 ? showAddress(value) : showBytes(call, value, call.result - 1, false, PATH_MAX)),
  { after: true, traced: 'file' },
)

/** A buffer that the call reads; its size is the argument `count`. */
export const InBuffer = (count: string): ArgumentType<number> =>
  numeric(`buffer of ${count}`, asUnsigned64, (value, call) => showBytes(call, value, Number(call.values[count] ?? 0)))

const showPath = (value: string): string => quote(bytesOfPath(value))

/** A C string with a path; -EFAULT and -ENAMETOOLONG end the call. */
export const Path: ArgumentType<string> = {
  kind: 'path',
  // The cast is `mayFail`'s: a number never reaches the handler.
  decode: (low, high, task) => task.memory.readString(asUnsigned64(low, high), PATH_MAX) as string,
  mayFail: true,
  show: showPath,
  traced: 'file',
}

/** A C string that is no path, of at most `most` bytes: `tooLong` is the errno of a longer one. */
export const Name = (most: number, tooLong: ErrnoNumber): ArgumentType<string> => ({
  kind: 'name',
  decode(low, high, task) {
    const text = task.memory.readString(asUnsigned64(low, high), most + 1)
    return (text === -E.NAMETOOLONG ? err(tooLong) : text) as string
  },
  mayFail: true,
  show: showPath,
})

/** A path that may be NULL. */
export const OptionalPath: ArgumentType<string | null> = {
  kind: 'path or NULL',
  decode: (low, high, task) => ((low | high) === 0 ? null : Path.decode(low, high, task)),
  mayFail: true,
  show: (value) => (value === null ? 'NULL' : showPath(value)),
  traced: 'file',
}
