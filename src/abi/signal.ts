// Signals (asm/signal.h, asm-generic/siginfo.h): numbers, default actions, SA_ flags, si_codes, struct sigaction and siginfo.
// A signal set is two 32-bit words (low: signals 1-32). Frames on the stack are in sigframe.ts.

export const SIG = {
  HUP: 1,
  INT: 2,
  QUIT: 3,
  ILL: 4,
  TRAP: 5,
  ABRT: 6,
  BUS: 7,
  FPE: 8,
  KILL: 9,
  USR1: 10,
  SEGV: 11,
  USR2: 12,
  PIPE: 13,
  ALRM: 14,
  TERM: 15,
  STKFLT: 16,
  CHLD: 17,
  CONT: 18,
  STOP: 19,
  TSTP: 20,
  TTIN: 21,
  TTOU: 22,
  URG: 23,
  XCPU: 24,
  XFSZ: 25,
  VTALRM: 26,
  PROF: 27,
  WINCH: 28,
  IO: 29,
  PWR: 30,
  SYS: 31,
} as const

/** Number of signals; SIGRTMIN of the kernel is 32 (the C library keeps the first two). */
export const NSIG = 64
export const SIGRTMIN = 32
export const SIGRTMAX = 64

export type DefaultAction = 'terminate' | 'core' | 'ignore' | 'stop' | 'continue'

/** signal(7). A signal that is not here terminates. */
const ACTIONS: Readonly<Record<Exclude<DefaultAction, 'terminate'>, readonly number[]>> = {
  core: [SIG.QUIT, SIG.ILL, SIG.TRAP, SIG.ABRT, SIG.BUS, SIG.FPE, SIG.SEGV, SIG.XCPU, SIG.XFSZ, SIG.SYS],
  ignore: [SIG.CHLD, SIG.URG, SIG.WINCH],
  stop: [SIG.STOP, SIG.TSTP, SIG.TTIN, SIG.TTOU],
  continue: [SIG.CONT],
}

const actionOfSignal: DefaultAction[] = Array.from({ length: NSIG + 1 }, () => 'terminate')
for (const [action, signals] of Object.entries(ACTIONS)) {
  for (const signal of signals) actionOfSignal[signal] = action as DefaultAction
}

export const defaultAction = (signal: number): DefaultAction => actionOfSignal[signal] ?? 'terminate'

const nameOfSignal = new Map<number, string>(Object.entries(SIG).map(([name, signal]) => [signal, `SIG${name}`]))

/** 'SIGSEGV', 'SIGRT_3' (as strace prints them), or the number. */
export function signalName(signal: number): string {
  if (signal >= SIGRTMIN && signal <= SIGRTMAX) return `SIGRT_${signal - SIGRTMIN}`
  return nameOfSignal.get(signal) ?? String(signal)
}

/** sa_handler values. */
export const SIG_DFL = 0
export const SIG_IGN = 1

/** In the order in which strace prints them. */
export const SA = {
  RESTORER: 0x4000000,
  NOCLDSTOP: 1,
  NOCLDWAIT: 2,
  SIGINFO: 4,
  ONSTACK: 0x8000000,
  RESTART: 0x10000000,
  NODEFER: 0x40000000,
  RESETHAND: 0x80000000,
} as const

/** How rt_sigprocmask(2) changes the mask. */
export const SIG_HOW = {
  BLOCK: 0,
  UNBLOCK: 1,
  SETMASK: 2,
} as const

export const SS = {
  ONSTACK: 1,
  DISABLE: 2,
  AUTODISARM: 0x80000000,
} as const

export const MINSIGSTKSZ = 2048

/** struct sigaction of the kernel (not glibc's). */
export const SIGACTION_SIZE = 32
export const SIGACTION = { HANDLER: 0, FLAGS: 8, RESTORER: 16, MASK: 24 } as const
/** Size of the kernel's sigset_t, which rt_ calls insist on. */
export const SIGSET_SIZE = 8

/** stack_t of sigaltstack(2). */
export const STACK_SIZE = 24
export const STACK = { SP: 0, FLAGS: 8, SIZE: 16 } as const

/** si_code: who sent it. Positive codes are the kernel's, by signal. */
export const SI = {
  USER: 0,
  KERNEL: 128,
  QUEUE: -1,
  TIMER: -2,
  MESGQ: -3,
  ASYNCIO: -4,
  SIGIO: -5,
  TKILL: -6,
} as const

export const ILL = {
  ILLOPC: 1,
  ILLOPN: 2,
  ILLADR: 3,
  ILLTRP: 4,
  PRVOPC: 5,
  PRVREG: 6,
  COPROC: 7,
  BADSTK: 8,
} as const

export const FPE = {
  INTDIV: 1,
  INTOVF: 2,
  FLTDIV: 3,
  FLTOVF: 4,
  FLTUND: 5,
  FLTRES: 6,
  FLTINV: 7,
  FLTSUB: 8,
} as const

export const SEGV = {
  MAPERR: 1,
  ACCERR: 2,
  BNDERR: 3,
  PKUERR: 4,
} as const

export const BUS = {
  ADRALN: 1,
  ADRERR: 2,
  OBJERR: 3,
} as const

export const TRAP = {
  BRKPT: 1,
  TRACE: 2,
} as const

export const CLD = {
  EXITED: 1,
  KILLED: 2,
  DUMPED: 3,
  TRAPPED: 4,
  STOPPED: 5,
  CONTINUED: 6,
} as const

export const POLL_CODE = {
  IN: 1,
  OUT: 2,
  MSG: 3,
  ERR: 4,
  PRI: 5,
  HUP: 6,
} as const

/** struct signalfd_siginfo (linux/signalfd.h). */
export const SIGNALFD_SIGINFO_SIZE = 128
export const SIGNALFD_SIGINFO = {
  SIGNO: 0,
  ERRNO: 4,
  CODE: 8,
  PID: 12,
  UID: 16,
  TID: 24,
  OVERRUN: 32,
  STATUS: 40,
  INT: 44,
  PTR: 48,
} as const

export const SFD = { NONBLOCK: 0o4000, CLOEXEC: 0o2000000 } as const

/** struct sigevent (asm-generic/siginfo.h): value u64, signo i32, notify i32, tid i32. */
export const SIGEVENT_SIZE = 64
export const SIGEVENT = { VALUE: 0, SIGNO: 8, NOTIFY: 12, TID: 16 } as const
export const SIGEV = { SIGNAL: 0, NONE: 1, THREAD: 2, THREAD_ID: 4 } as const

/** struct siginfo: 128 bytes, a union from 16 on. */
export const SIGINFO_SIZE = 128
export const SIGINFO = {
  SIGNO: 0,
  ERRNO: 4,
  CODE: 8,
  /** kill, rt and SIGCHLD. */
  PID: 16,
  UID: 20,
  /** rt and timer: a u64. */
  VALUE: 24,
  TIMER_ID: 16,
  OVERRUN: 20,
  /** SIGCHLD. */
  STATUS: 24,
  UTIME: 32,
  STIME: 40,
  /** Faults: a u64. */
  ADDR: 16,
  ADDR_LSB: 24,
  /** SIGIO. */
  BAND: 16,
  FD: 24,
  /** SIGSYS. */
  CALL_ADDR: 16,
  SYSCALL: 24,
  ARCH: 28,
} as const

/** The bit of a signal in the low or high word of a set; 0 when it is in the other word. */
export const lowBit = (signal: number): number => (signal <= 32 ? 1 << (signal - 1) : 0)
export const highBit = (signal: number): number => (signal > 32 ? 1 << (signal - 33) : 0)
export const hasSignal = (low: number, high: number, signal: number): boolean =>
  (signal <= 32 ? (low >>> (signal - 1)) & 1 : (high >>> (signal - 33)) & 1) !== 0

/** The lowest signal of a set, 0 for the empty one. */
export function firstSignal(low: number, high: number): number {
  if (low !== 0) return 32 - Math.clz32(low & -low)
  return high === 0 ? 0 : 64 - Math.clz32(high & -high)
}

/** Signals that cannot be blocked, caught or ignored (both in the low word). */
export const UNBLOCKABLE_LOW = lowBit(SIG.KILL) | lowBit(SIG.STOP)
/** Faults the kernel delivers before any other pending signal (SYNCHRONOUS_MASK, kernel/signal.c). */
export const SYNCHRONOUS_LOW =
  lowBit(SIG.SEGV) | lowBit(SIG.BUS) | lowBit(SIG.ILL) | lowBit(SIG.TRAP) | lowBit(SIG.FPE) | lowBit(SIG.SYS)
