// prctl(2) and arch_prctl(2) operations (linux/prctl.h, asm/prctl.h).
// Only what ordinary programs call.

export const PR = {
  SET_PDEATHSIG: 1,
  GET_PDEATHSIG: 2,
  GET_DUMPABLE: 3,
  SET_DUMPABLE: 4,
  GET_KEEPCAPS: 7,
  SET_KEEPCAPS: 8,
  SET_NAME: 0xf,
  GET_NAME: 0x10,
  GET_SECCOMP: 0x15,
  SET_SECCOMP: 0x16,
  CAPBSET_READ: 0x17,
  CAPBSET_DROP: 0x18,
  GET_SECUREBITS: 0x1b,
  SET_SECUREBITS: 0x1c,
  SET_TIMERSLACK: 0x1d,
  GET_TIMERSLACK: 0x1e,
  SET_MM: 0x23,
  SET_CHILD_SUBREAPER: 0x24,
  GET_CHILD_SUBREAPER: 0x25,
  SET_NO_NEW_PRIVS: 0x26,
  GET_NO_NEW_PRIVS: 0x27,
  GET_TID_ADDRESS: 0x28,
  GET_TIMING: 0xd,
  GET_TSC: 0x19,
  SET_TSC: 0x1a,
  SET_THP_DISABLE: 0x29,
  GET_THP_DISABLE: 0x2a,
  CAP_AMBIENT: 0x2f,
  SET_VMA: 0x53564d41,
} as const

export const ARCH = {
  SET_GS: 0x1001,
  SET_FS: 0x1002,
  GET_FS: 0x1003,
  GET_GS: 0x1004,
  GET_CPUID: 0x1011,
  SET_CPUID: 0x1012,
} as const

/** Length of a task's name with its NUL (TASK_COMM_LEN). */
export const TASK_COMM_LENGTH = 16
