// Clocks, struct timespec, timeval, itimerval and tms (linux/time.h, linux/time_types.h).
// Seconds and the rest stay two numbers. Leaves out timex and the 32-bit types.

import { readSigned, writeWord } from './word.js'

export const CLOCK = {
  REALTIME: 0,
  MONOTONIC: 1,
  PROCESS_CPUTIME_ID: 2,
  THREAD_CPUTIME_ID: 3,
  MONOTONIC_RAW: 4,
  REALTIME_COARSE: 5,
  MONOTONIC_COARSE: 6,
  BOOTTIME: 7,
  REALTIME_ALARM: 8,
  BOOTTIME_ALARM: 9,
  TAI: 11,
} as const

export const TIMER_ABSTIME = 1
export const ITIMER = { REAL: 0, VIRTUAL: 1, PROF: 2 } as const

/** Nanosecond fields of utimensat(2) that are not times. */
export const UTIME_NOW = 0x3fffffff
export const UTIME_OMIT = 0x3ffffffe

export const TIMESPEC_SIZE = 16
export const TIMEVAL_SIZE = 16
export const ITIMERVAL_SIZE = 32
export const ITIMERSPEC_SIZE = 32
/** struct tms: utime, stime, cutime, cstime as i64 ticks of which `CLOCK_TICKS` make a second. */
export const TMS_SIZE = 32
export const CLOCK_TICKS = 100

/** struct timespec and struct timeval have the same shape: i64 seconds, i64 nano- or microseconds. */
export function writeTime(view: DataView, at: number, sec: number, fraction: number): void {
  writeWord(view, at, sec)
  writeWord(view, at + 8, fraction)
}

export const readSeconds = (view: DataView, at: number): number => readSigned(view, at)
export const readFraction = (view: DataView, at: number): number => readSigned(view, at + 8)

/** True when `nsec` is a legal nanosecond field. */
export const isNanoseconds = (nsec: number): boolean => nsec >= 0 && nsec < 1e9
