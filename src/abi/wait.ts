// wait4(2) and waitid(2): options, id types and the status word (linux/wait.h, bits/waitstatus.h).
// A status is made by `exitStatus(code)`, `signalStatus(signal, dumped)`, `stopStatus(signal)` or `CONTINUED_STATUS`.

export const W = {
  NOHANG: 1,
  UNTRACED: 2,
  STOPPED: 2,
  EXITED: 4,
  CONTINUED: 8,
  NOWAIT: 0x1000000,
  /** Linux only: children of this thread, all children, clone children. */
  NOTHREAD: 0x20000000,
  ALL: 0x40000000,
  CLONE: 0x80000000,
} as const

/** Id types of waitid(2). */
export const P = { ALL: 0, PID: 1, PGID: 2, PIDFD: 3 } as const

export const exitStatus = (code: number): number => (code & 0xff) << 8
export const signalStatus = (signal: number, dumped: boolean): number => (signal & 0x7f) | (dumped ? 0x80 : 0)
export const stopStatus = (signal: number): number => (signal << 8) | 0x7f
export const CONTINUED_STATUS = 0xffff

export const isExited = (status: number): boolean => (status & 0x7f) === 0
export const exitCodeOf = (status: number): number => (status >> 8) & 0xff
export const isSignaled = (status: number): boolean => (status & 0x7f) !== 0 && (status & 0x7f) !== 0x7f
export const termSignalOf = (status: number): number => status & 0x7f
export const isStopped = (status: number): boolean => (status & 0xff) === 0x7f
