// Arguments that have to do with signals, as strace(1) shows them: sets (`[INT TERM]`, `~[KILL]`), actions, stacks, and what came with a signal.
import {
  BUS,
  CLD,
  FPE,
  hasSignal,
  ILL,
  NSIG,
  SA,
  SEGV,
  SI,
  SIG,
  SIG_DFL,
  SIG_IGN,
  SIGACTION,
  SIGACTION_SIZE,
  SIGINFO,
  SIGINFO_SIZE,
  SIGRTMIN,
  SIGSET_SIZE,
  SS,
  STACK,
  STACK_SIZE,
  signalName,
  TRAP,
} from '../src/abi/signal.js'
import { readUnsigned } from '../src/abi/word.js'
import type { SignalInfo } from '../src/processor/signals.js'
import { type ArgumentType, numeric, showAddress } from './arguments.js'
import { showBits, showChoice } from './flags.js'
import { fills, reads, showAt } from './structures.js'

const shortName = (signal: number): string => (signal === SIGRTMIN ? 'RTMIN' : signalName(signal).replace(/^SIG/, ''))

/** From this many members a set is shown by what it lacks (strace's sprintsigmask). */
const MANY = Math.floor((NSIG * 2) / 3)

export function showSet(low: number, high: number): string {
  const all = Array.from({ length: NSIG }, (_, index) => index + 1)
  const members = all.filter((signal) => hasSignal(low, high, signal))
  if (members.length < MANY) return `[${members.map(shortName).join(' ')}]`
  return `~[${all
    .filter((signal) => !members.includes(signal))
    .map(shortName)
    .join(' ')}]`
}

const showSetAt = (view: DataView, at = 0): string => showSet(view.getInt32(at, true), view.getInt32(at + 4, true))

const asSignal = (type: ArgumentType<number>): ArgumentType<number> => ({ ...type, traced: 'signal' })

/** A set that a call which is not about signals takes too (ppoll). */
export const PlainSigset = reads('sigset', SIGSET_SIZE, (view) => showSetAt(view))
/** pselect6(2): the address of a set, and its size. */
export const SelectMask = reads('sigset and its size', 16, (view, call) => {
  const set = showAt(call, readUnsigned(view, 0), SIGSET_SIZE, (bits) => showSetAt(bits))
  return `{sigmask=${set}, sigsetsize=${readUnsigned(view, 8)}}`
})
export const Sigset = asSignal(PlainSigset)
export const OutSigset = asSignal(fills('sigset', SIGSET_SIZE, (view) => showSetAt(view)))

function showAction(view: DataView): string {
  const handler = readUnsigned(view, SIGACTION.HANDLER)
  const shown = handler === SIG_DFL ? 'SIG_DFL' : handler === SIG_IGN ? 'SIG_IGN' : showAddress(handler)
  const flags = view.getUint32(SIGACTION.FLAGS, true)
  const restorer =
    (flags & SA.RESTORER) === 0 ? '' : `, sa_restorer=${showAddress(readUnsigned(view, SIGACTION.RESTORER))}`
  return `{sa_handler=${shown}, sa_mask=${showSetAt(view, SIGACTION.MASK)}, sa_flags=${showBits(flags, 'SA_', SA)}${restorer}}`
}
export const Sigaction = asSignal(reads('sigaction', SIGACTION_SIZE, showAction))
export const OutSigaction = asSignal(fills('sigaction', SIGACTION_SIZE, showAction))

const showStack = (view: DataView): string =>
  `{ss_sp=${showAddress(readUnsigned(view, STACK.SP))}, ss_flags=${showBits(view.getUint32(STACK.FLAGS, true), 'SS_', SS)}, ` +
  `ss_size=${readUnsigned(view, STACK.SIZE)}}`
export const SignalStack = asSignal(reads('stack_t', STACK_SIZE, showStack))
export const OutSignalStack = asSignal(fills('stack_t', STACK_SIZE, showStack))

/** Names of positive codes, by signal. */
const CODES: Readonly<Record<number, readonly [string, Readonly<Record<string, number>>]>> = {
  [SIG.ILL]: ['ILL_', ILL],
  [SIG.FPE]: ['FPE_', FPE],
  [SIG.SEGV]: ['SEGV_', SEGV],
  [SIG.BUS]: ['BUS_', BUS],
  [SIG.TRAP]: ['TRAP_', TRAP],
  [SIG.CHLD]: ['CLD_', CLD],
}

function showCode(signal: number, code: number): string {
  const own = CODES[signal]
  if (own !== undefined && code > 0 && code < SI.KERNEL) return showChoice(code, ...own)
  return showChoice(code, 'SI_', SI)
}

/** `{si_signo=SIGCHLD, si_code=CLD_EXITED, …}` */
export function showSignalInfo(info: Omit<SignalInfo, 'errno' | 'timer'>): string {
  const { signal, code, pid, uid, address, status, valueLow, valueHigh } = info
  const head = `si_signo=${signalName(signal)}, si_code=${showCode(signal, code)}`
  if (code === SI.KERNEL) return `{${head}}`
  if (CODES[signal] !== undefined && code > 0) {
    if (signal !== SIG.CHLD) return `{${head}, si_addr=${address === 0n ? 'NULL' : `0x${address.toString(16)}`}}`
    const ended = code === CLD.EXITED ? String(status) : signalName(status)
    return `{${head}, si_pid=${pid}, si_uid=${uid}, si_status=${ended}, si_utime=0, si_stime=0}`
  }
  const value = code === SI.QUEUE ? `, si_int=${valueLow}, si_ptr=${showPointer(valueLow, valueHigh)}` : ''
  return `{${head}, si_pid=${pid}, si_uid=${uid}${value}}`
}

const showPointer = (low: number, high: number): string => showAddress((high >>> 0) * 0x1_0000_0000 + (low >>> 0))

/** siginfo of waitid(2) and rt_sigtimedwait(2). */
function showInfoAt(view: DataView): string {
  const signal = view.getInt32(SIGINFO.SIGNO, true)
  if (signal === 0) return '{}'
  return showSignalInfo({
    signal,
    code: view.getInt32(SIGINFO.CODE, true),
    pid: view.getInt32(SIGINFO.PID, true),
    uid: view.getUint32(SIGINFO.UID, true),
    address: view.getBigUint64(SIGINFO.ADDR, true),
    status: view.getInt32(SIGINFO.STATUS, true),
    valueLow: view.getInt32(SIGINFO.VALUE, true),
    valueHigh: view.getInt32(SIGINFO.VALUE + 4, true),
  })
}
export const OutSiginfo = fills('siginfo', SIGINFO_SIZE, showInfoAt)
/** rt_sigqueueinfo(2). */
export const Siginfo = reads('siginfo', SIGINFO_SIZE, showInfoAt)

/** Not an argument: rt_sigreturn(2) goes back to this mask. */
export const RestoredMask: ArgumentType<number> = numeric(
  'mask on the stack',
  () => 0,
  (_, { task }) => `{mask=${showSet(task.maskLow, task.maskHigh)}}`,
  { after: true, traced: 'signal' },
)
