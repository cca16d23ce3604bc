// Arguments of the calls that are many in one (fcntl, ioctl, prctl, futex, clone), as strace(1) shows them: what one means, and whether there is
// one at all, depends on the command. A command whose argument is more than a number is a row of its call's table.
import { F, F_LOCK, FD_CLOEXEC, FLOCK_SIZE, SEEK } from '../src/abi/fcntl.js'
import { FUTEX, FUTEX_CMD_MASK } from '../src/abi/futex.js'
import { IOCTL, TERMIOS, TERMIOS_SIZE, WINSIZE_SIZE } from '../src/abi/ioctl.js'
import { PR, TASK_COMM_LENGTH } from '../src/abi/prctl.js'
import { CLONE, CLONE_ARGS, CSIGNAL } from '../src/abi/sched.js'
import { signalName } from '../src/abi/signal.js'
import { BAUD, CBAUD, CFLAG, CHARACTER_SIZE, CSIZE, IFLAG, LFLAG, OFLAG } from '../src/abi/termios.js'
import { TIMESPEC_SIZE } from '../src/abi/time.js'
import { readSigned, readUnsigned } from '../src/abi/word.js'
import {
  type ArgumentType,
  asSigned32,
  asUnsigned32,
  asUnsigned64,
  numeric,
  type ShownCall,
  showAddress,
  showHex,
} from './arguments.js'
import { showBits, showChoice, showOpenFlags } from './flags.js'
import { quote } from './quote.js'
import { bytesAt, showAt, showTimespec } from './structures.js'

/** How the argument of one command is shown. `after`: it is what the call left there. */
interface Shown {
  readonly after?: boolean
  show(value: number, call: ShownCall): string | null
}
type Commands = Readonly<Record<number, Shown>>

const nothing: Shown = { show: () => null }
const reads = (size: number, show: (view: DataView, call: ShownCall) => string): Shown => ({
  show: (value, call) => showAt(call, value, size, show),
})
const fills = (size: number, show: (view: DataView, call: ShownCall) => string): Shown => ({
  after: true,
  show: (value, call) => (call.result < 0 ? showAddress(value) : showAt(call, value, size, show)),
})

/** The argument of the command that the argument `command` names; `other` shows the commands that are no row. */
const argumentOf = (
  command: string,
  commands: Commands,
  other: Shown['show'],
  keyOf = (value: number) => value,
): ArgumentType<number> =>
  numeric(
    `depends on ${command}`,
    asUnsigned64,
    (value, call) => (commands[keyOf(Number(call.values[command]))]?.show ?? other)(value, call),
    { after: true },
  )

// fcntl(2)

const showLock = (view: DataView, withPid: boolean): string =>
  `{l_type=${showChoice(view.getInt16(0, true), 'F_', F_LOCK)}, l_whence=${showChoice(view.getInt16(2, true), 'SEEK_', SEEK)}, ` +
  `l_start=${readSigned(view, 8)}, l_len=${readSigned(view, 16)}${withPid ? `, l_pid=${view.getInt32(24, true)}` : ''}}`
const setsLock = reads(FLOCK_SIZE, (view) => showLock(view, false))
const getsLock = fills(FLOCK_SIZE, (view) => showLock(view, true))
const descriptorFlags = (value: number): string => showBits(value, 'FD_', { CLOEXEC: FD_CLOEXEC })

const FCNTL: Commands = {
  [F.GETFD]: nothing,
  [F.SETFD]: { show: descriptorFlags },
  [F.GETFL]: nothing,
  [F.SETFL]: { show: showOpenFlags },
  [F.GETLK]: getsLock,
  [F.SETLK]: setsLock,
  [F.SETLKW]: setsLock,
  [F.OFD_GETLK]: getsLock,
  [F.OFD_SETLK]: setsLock,
  [F.OFD_SETLKW]: setsLock,
  [F.GETOWN]: nothing,
  [F.GETSIG]: nothing,
  [F.GETLEASE]: nothing,
  [F.GETPIPE_SZ]: nothing,
  [F.GET_SEALS]: nothing,
}
export const FcntlCommand = numeric('F_ number', asSigned32, (value) => showChoice(value, 'F_', F))
export const FcntlArgument = argumentOf('command', FCNTL, String)
export const FcntlResult = numeric('int', asSigned32, (result, { values }) => {
  if (values.command === F.GETFL) return `${showHex(result)} (flags ${showOpenFlags(result)})`
  if (values.command === F.GETFD && result !== 0) return `${showHex(result)} (flags ${descriptorFlags(result)})`
  return String(result)
})

// ioctl(2)

function showTermios(view: DataView): string {
  const cflag = view.getUint32(TERMIOS.CFLAG, true)
  const size = showBits(cflag & ~CBAUD, '', CFLAG, { mask: CSIZE, names: CHARACTER_SIZE })
  return (
    `{c_iflag=${showBits(view.getUint32(TERMIOS.IFLAG, true), '', IFLAG)}, ` +
    `c_oflag=NL0|CR0|TAB0|BS0|VT0|FF0|${showBits(view.getUint32(TERMIOS.OFLAG, true), '', OFLAG)}, ` +
    `c_cflag=${showChoice(cflag & CBAUD, '', BAUD)}|${size}, ` +
    `c_lflag=${showBits(view.getUint32(TERMIOS.LFLAG, true), '', LFLAG)}, ...}`
  )
}
const showWinsize = (view: DataView): string => {
  const fields = ['ws_row', 'ws_col', 'ws_xpixel', 'ws_ypixel']
  return `{${fields.map((name, index) => `${name}=${view.getUint16(2 * index, true)}`).join(', ')}}`
}
const getsInt = fills(4, (view) => `[${view.getInt32(0, true)}]`)
const setsInt = reads(4, (view) => `[${view.getInt32(0, true)}]`)

const IOCTLS: Commands = {
  [IOCTL.TCGETS]: fills(TERMIOS_SIZE, showTermios),
  [IOCTL.TCSETS]: reads(TERMIOS_SIZE, showTermios),
  [IOCTL.TCSETSW]: reads(TERMIOS_SIZE, showTermios),
  [IOCTL.TCSETSF]: reads(TERMIOS_SIZE, showTermios),
  [IOCTL.TIOCGWINSZ]: fills(WINSIZE_SIZE, showWinsize),
  [IOCTL.TIOCSWINSZ]: reads(WINSIZE_SIZE, showWinsize),
  [IOCTL.TIOCGPGRP]: getsInt,
  [IOCTL.TIOCSPGRP]: setsInt,
  [IOCTL.TIOCGSID]: getsInt,
  [IOCTL.TIOCOUTQ]: getsInt,
  [IOCTL.FIONREAD]: getsInt,
  [IOCTL.FIONBIO]: setsInt,
  [IOCTL.FIOCLEX]: nothing,
  [IOCTL.FIONCLEX]: nothing,
}
/** A request without a name, by its parts (asm-generic/ioctl.h). */
function showRequest(request: number): string {
  const name = Object.entries(IOCTL).find(([, number]) => number === request)?.[0]
  if (name !== undefined) return name
  const directions = ['_IOC_NONE', '_IOC_WRITE', '_IOC_READ', '_IOC_READ|_IOC_WRITE']
  const size = (request >>> 16) & 0x3fff
  return `_IOC(${directions[request >>> 30]}, ${showHex((request >>> 8) & 0xff)}, ${showHex(request & 0xff)}, ${showHex(size)})`
}
export const IoctlRequest = numeric('request', asUnsigned32, showRequest)
export const IoctlArgument = argumentOf('request', IOCTLS, (value) => showHex(value))

// prctl(2)

function showName(value: number, { task }: ShownCall): string {
  const view = bytesAt(task, value, TASK_COMM_LENGTH)
  if (view === null) return showAddress(value)
  const bytes = new Uint8Array(view.buffer)
  const end = bytes.indexOf(0)
  return quote(bytes.subarray(0, end < 0 ? TASK_COMM_LENGTH - 1 : end), { cut: end < 0 })
}
const PRCTL: Commands = {
  [PR.SET_NAME]: { show: showName },
  [PR.GET_NAME]: { after: true, show: (value, call) => (call.result < 0 ? showAddress(value) : showName(value, call)) },
  [PR.GET_DUMPABLE]: nothing,
  [PR.GET_KEEPCAPS]: nothing,
  [PR.GET_SECCOMP]: nothing,
  [PR.GET_TIMERSLACK]: nothing,
  [PR.SET_DUMPABLE]: { show: String },
}
export const PrctlOperation = numeric('PR_ number', asSigned32, (value) => showChoice(value, 'PR_', PR))
export const PrctlArgument = argumentOf('operation', PRCTL, showHex)

// futex(2)

const { PRIVATE_FLAG, CLOCK_REALTIME, ...FUTEX_COMMANDS } = FUTEX
/** Of the arguments after the value, those that a command has (futex(2)); commands without a row have them all. */
const FUTEX_ARGUMENTS: Readonly<Record<number, readonly string[]>> = {
  [FUTEX.WAIT]: ['value', 'timeout'],
  [FUTEX.WAKE]: ['value'],
  [FUTEX.REQUEUE]: ['value', 'timeout', 'address2'],
  [FUTEX.CMP_REQUEUE]: ['value', 'timeout', 'address2', 'value3'],
  [FUTEX.WAIT_BITSET]: ['value', 'timeout', 'value3'],
  [FUTEX.WAKE_BITSET]: ['value', 'value3'],
  [FUTEX.LOCK_PI]: ['timeout'],
  [FUTEX.UNLOCK_PI]: [],
  [FUTEX.TRYLOCK_PI]: [],
}
/** Commands whose fourth argument is a count. */
const FUTEX_COUNTS: readonly number[] = [FUTEX.REQUEUE, FUTEX.CMP_REQUEUE, FUTEX.WAKE_OP, FUTEX.CMP_REQUEUE_PI]
const commandOf = ({ values }: ShownCall): number => Number(values.operation) & FUTEX_CMD_MASK

export const FutexOperation = numeric('FUTEX_ number', asSigned32, (value) => {
  const suffix = (value & PRIVATE_FLAG) === 0 ? '' : '_PRIVATE'
  const clock = (value & CLOCK_REALTIME) === 0 ? '' : '|FUTEX_CLOCK_REALTIME'
  return `${showChoice(value & FUTEX_CMD_MASK, 'FUTEX_', FUTEX_COMMANDS)}${suffix}${clock}`
})
const futexArgument = (
  name: string,
  decode: (low: number, high: number) => number,
  show: (value: number, call: ShownCall) => string,
): ArgumentType<number> =>
  numeric(`depends on operation`, decode, (value, call) =>
    FUTEX_ARGUMENTS[commandOf(call)]?.includes(name) === false ? null : show(value, call),
  )
export const FutexValue = futexArgument('value', asUnsigned32, String)
export const FutexTimeout = futexArgument('timeout', asUnsigned64, (value, call) =>
  FUTEX_COUNTS.includes(commandOf(call)) ? String(value | 0) : showAt(call, value, TIMESPEC_SIZE, showTimespec),
)
export const FutexAddress2 = futexArgument('address2', asUnsigned64, showAddress)
export const FutexValue3 = futexArgument('value3', asUnsigned32, (value) =>
  value === 0xffffffff ? 'FUTEX_BITSET_MATCH_ANY' : showHex(value),
)

// clone(2), clone3(2): strace names the arguments, and shows those that the flags ask for.

const showCloneFlags = (flags: number, signal: number): string => {
  const bits = flags === 0 ? '' : showBits(flags, 'CLONE_', CLONE)
  return [bits, signal === 0 ? '' : signalName(signal)].filter(Boolean).join('|') || '0'
}
export const CloneFlags = numeric('CLONE_ bits', asUnsigned32, (value, { values }) => {
  const stack = showAddress(Number(values.stack))
  return `child_stack=${stack}, flags=${showCloneFlags((value & ~CSIGNAL) >>> 0, value & CSIGNAL)}`
})
/** Shown before the flags, by them. */
export const CloneStack = numeric('address', asUnsigned64, () => null)
const cloneArgument = (label: string, flags: number, show: (value: number) => string) =>
  numeric('address', asUnsigned64, (value, { values }) =>
    (Number(values.flags) & flags) === 0 ? null : `${label}=${show(value)}`,
  )
export const CloneParentTid: ArgumentType<number> = {
  ...numeric('address', asUnsigned64, (address, call) => {
    if ((Number(call.values.flags) & CLONE.PARENT_SETTID) === 0) return null
    return `parent_tid=${call.result <= 0 ? showAddress(address) : showAt(call, address, 4, (view) => `[${view.getInt32(0, true)}]`)}`
  }),
  after: true,
}
export const CloneChildTid = cloneArgument('child_tidptr', CLONE.CHILD_SETTID | CLONE.CHILD_CLEARTID, showAddress)
export const CloneTls = cloneArgument('tls', CLONE.SETTLS, showHex)

export const CloneArguments = numeric(
  'clone_args',
  asUnsigned64,
  (address, call) =>
    showAt(call, address, CLONE_ARGS.SET_TID, (view) => {
      const field = (offset: number): number => readUnsigned(view, offset)
      const flags = field(CLONE_ARGS.FLAGS)
      const parent = field(CLONE_ARGS.PARENT_TID)
      const signal = field(CLONE_ARGS.EXIT_SIGNAL)
      const parts = [
        `flags=${showBits(flags, 'CLONE_', CLONE)}`,
        (flags & (CLONE.CHILD_SETTID | CLONE.CHILD_CLEARTID)) === 0
          ? ''
          : `child_tid=${showHex(field(CLONE_ARGS.CHILD_TID))}`,
        (flags & CLONE.PARENT_SETTID) === 0 ? '' : `parent_tid=${showHex(parent)}`,
        `exit_signal=${signal === 0 ? '0' : signalName(signal)}`,
        `stack=${showAddress(field(CLONE_ARGS.STACK))}`,
        `stack_size=${showHex(field(CLONE_ARGS.STACK_SIZE))}`,
        (flags & CLONE.SETTLS) === 0 ? '' : `tls=${showHex(field(CLONE_ARGS.TLS))}`,
      ].filter(Boolean)
      const made =
        call.result > 0 && (flags & CLONE.PARENT_SETTID) !== 0
          ? ` => {parent_tid=${showAt(call, parent, 4, (tid) => `[${tid.getInt32(0, true)}]`)}}`
          : ''
      return `{${parts.join(', ')}}${made}`
    }),
  { after: true },
)
