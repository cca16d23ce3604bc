// clone(2), clone3(2) and scheduling numbers (linux/sched.h).
// The low byte of the clone flags is the signal sent to the parent when the child ends.

export const CLONE = {
  VM: 0x100,
  FS: 0x200,
  FILES: 0x400,
  SIGHAND: 0x800,
  PIDFD: 0x1000,
  PTRACE: 0x2000,
  VFORK: 0x4000,
  PARENT: 0x8000,
  THREAD: 0x10000,
  NEWNS: 0x20000,
  SYSVSEM: 0x40000,
  SETTLS: 0x80000,
  PARENT_SETTID: 0x100000,
  CHILD_CLEARTID: 0x200000,
  DETACHED: 0x400000,
  UNTRACED: 0x800000,
  CHILD_SETTID: 0x1000000,
  NEWCGROUP: 0x2000000,
  NEWUTS: 0x4000000,
  NEWIPC: 0x8000000,
  NEWUSER: 0x10000000,
  NEWPID: 0x20000000,
  NEWNET: 0x40000000,
  IO: 0x80000000,
} as const

/** Low byte of the flags of clone(2). */
export const CSIGNAL = 0xff

/** Flags of clone3(2) beyond 32 bits: bits of the high word. */
export const CLONE_CLEAR_SIGHAND_HIGH = 0x1
export const CLONE_INTO_CGROUP_HIGH = 0x2

/** struct clone_args (u64 each); its size in the first version is 64. */
export const CLONE_ARGS = {
  FLAGS: 0,
  PIDFD: 8,
  CHILD_TID: 16,
  PARENT_TID: 24,
  EXIT_SIGNAL: 32,
  STACK: 40,
  STACK_SIZE: 48,
  TLS: 56,
  SET_TID: 64,
  SET_TID_SIZE: 72,
  CGROUP: 80,
} as const
export const CLONE_ARGS_SIZE_VER0 = 64
export const CLONE_ARGS_SIZE_VER2 = 88

export const SCHED = {
  NORMAL: 0,
  FIFO: 1,
  RR: 2,
  BATCH: 3,
  IDLE: 5,
  DEADLINE: 6,
  RESET_ON_FORK: 0x40000000,
} as const

/** Commands of membarrier(2) (linux/membarrier.h); QUERY answers their set. */
export const MEMBARRIER = {
  QUERY: 0,
  GLOBAL: 1,
  GLOBAL_EXPEDITED: 2,
  REGISTER_GLOBAL_EXPEDITED: 4,
  PRIVATE_EXPEDITED: 8,
  REGISTER_PRIVATE_EXPEDITED: 0x10,
  PRIVATE_EXPEDITED_SYNC_CORE: 0x20,
  REGISTER_PRIVATE_EXPEDITED_SYNC_CORE: 0x40,
  GET_REGISTRATIONS: 0x200,
} as const

/** struct sched_attr (linux/sched/types.h). */
export const SCHED_ATTR_SIZE = 56
export const SCHED_ATTR = { SIZE: 0, POLICY: 4, FLAGS: 8, NICE: 16, PRIORITY: 20 } as const
export const PRIO = { PROCESS: 0, PGRP: 1, USER: 2 } as const
export const IOPRIO_WHO = { PROCESS: 1, PGRP: 2, USER: 3 } as const
