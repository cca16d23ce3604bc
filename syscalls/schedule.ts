// sched_setscheduler(2), sched_setaffinity(2), setpriority(2), ioprio_set(2) and their relatives. What is set is remembered and told; time slices here are
// equal all the same.
import { E, err } from '../src/abi/errno.js'
import { RLIMIT } from '../src/abi/resource.js'
import { IOPRIO_WHO, PRIO, SCHED, SCHED_ATTR, SCHED_ATTR_SIZE } from '../src/abi/sched.js'
import { writeTime } from '../src/abi/time.js'
import { writeWord } from '../src/abi/word.js'
import { CAP, hasCapability } from '../src/processor/credentials.js'
import type { Process } from '../src/processor/process.js'
import type { Task } from '../src/processor/task.js'
import { Flags, Int, Pointer, Uint } from './arguments.js'
import { full, partial, syscall } from './define.js'
import { IoPriorityOf, Policy, PolicyResult, PriorityOf } from './flags.js'
import { Cpus, OutInt, OutTimespec, SchedParam } from './structures.js'

const TOLD = partial('remembered and told; time slices here are equal all the same')

/** The process of a thread id; 0: the caller's. */
function processOf(task: Task, pid: number): Process | number {
  if (pid < 0) return err(E.INVAL)
  return pid === 0 ? task.process : (task.kernel.tasks.get(pid)?.process ?? err(E.SRCH))
}

const mayChange = ({ process }: Task, target: Process): boolean => {
  const { euid } = process.credentials
  return (
    hasCapability(process.credentials, CAP.SYS_NICE) ||
    euid === target.credentials.euid ||
    euid === target.credentials.uid
  )
}

const isRealTime = (policy: number): boolean => policy === SCHED.FIFO || policy === SCHED.RR
const POLICIES = new Set<number>([SCHED.NORMAL, SCHED.FIFO, SCHED.RR, SCHED.BATCH, SCHED.IDLE])

/** An errno, or 0: __sched_setscheduler's checks (kernel/sched/syscalls.c). */
function setPolicy(task: Task, pid: number, policy: number, priority: number, resets: boolean): number {
  const target = processOf(task, pid)
  if (typeof target === 'number') return target
  if (!POLICIES.has(policy)) return err(E.INVAL)
  if (priority < 0 || priority > 99 || isRealTime(policy) !== priority > 0) return err(E.INVAL)
  const privileged = hasCapability(task.process.credentials, CAP.SYS_NICE)
  if (!privileged) {
    const limit = target.limits[RLIMIT.RTPRIO]!.current
    const { scheduling } = target
    if (isRealTime(policy) && (limit === 0 || (priority > scheduling.priority && priority > limit))) return err(E.PERM)
    if (!mayChange(task, target) || (scheduling.resetOnFork && !resets)) return err(E.PERM)
  }
  Object.assign(target.scheduling, { policy, priority, resetOnFork: resets })
  return 0
}

export const sched_setparam = syscall({
  number: 142,
  name: 'sched_setparam',
  returns: Int,
  support: TOLD,
  args: { pid: Int, parameter: SchedParam },
  run(task, { pid, parameter }) {
    if (pid < 0 || parameter === 0) return err(E.INVAL)
    if (task.memory.load(parameter, 4) < 0) return err(E.FAULT)
    const priority = task.memory.scratch.getInt32(0, true)
    const target = processOf(task, pid)
    if (typeof target === 'number') return target
    return setPolicy(task, pid, target.scheduling.policy, priority, target.scheduling.resetOnFork)
  },
})

export const sched_getparam = syscall({
  number: 143,
  name: 'sched_getparam',
  returns: Int,
  support: full,
  args: { pid: Int, parameter: OutInt },
  run(task, { pid, parameter }) {
    if (pid < 0 || parameter === 0) return err(E.INVAL)
    const target = processOf(task, pid)
    return typeof target === 'number' ? target : task.memory.writeU32(parameter, target.scheduling.priority)
  },
})

export const sched_setscheduler = syscall({
  number: 144,
  name: 'sched_setscheduler',
  returns: Int,
  support: TOLD,
  args: { pid: Int, policy: Policy, parameter: SchedParam },
  run(task, { pid, policy, parameter }) {
    if (policy < 0 || pid < 0 || parameter === 0) return err(E.INVAL)
    if (task.memory.load(parameter, 4) < 0) return err(E.FAULT)
    const priority = task.memory.scratch.getInt32(0, true)
    return setPolicy(task, pid, policy & ~SCHED.RESET_ON_FORK, priority, (policy & SCHED.RESET_ON_FORK) !== 0)
  },
})

export const sched_getscheduler = syscall({
  number: 145,
  name: 'sched_getscheduler',
  returns: PolicyResult,
  support: full,
  args: { pid: Int },
  run(task, { pid }) {
    const target = processOf(task, pid)
    if (typeof target === 'number') return target
    return target.scheduling.policy | (target.scheduling.resetOnFork ? SCHED.RESET_ON_FORK : 0)
  },
})

const knownPolicy = (policy: number): boolean => POLICIES.has(policy) || policy === SCHED.DEADLINE

export const sched_get_priority_max = syscall({
  number: 146,
  name: 'sched_get_priority_max',
  returns: Int,
  support: full,
  args: { policy: Policy },
  run: (_task, { policy }) => (isRealTime(policy) ? 99 : knownPolicy(policy) ? 0 : err(E.INVAL)),
})

export const sched_get_priority_min = syscall({
  number: 147,
  name: 'sched_get_priority_min',
  returns: Int,
  support: full,
  args: { policy: Policy },
  run: (_task, { policy }) => (isRealTime(policy) ? 1 : knownPolicy(policy) ? 0 : err(E.INVAL)),
})

/** A tick of 10 ms is the time slice here; first-in first-out ones have none. */
const SLICE_NSEC = 10_000_000

export const sched_rr_get_interval = syscall({
  number: 148,
  name: 'sched_rr_get_interval',
  returns: Int,
  support: partial('10 ms, which is the tick here'),
  args: { pid: Int, interval: OutTimespec },
  run(task, { pid, interval }) {
    const target = processOf(task, pid)
    if (typeof target === 'number') return target
    writeTime(task.memory.scratch, 0, 0, target.scheduling.policy === SCHED.FIFO ? 0 : SLICE_NSEC)
    return task.memory.store(interval, 16)
  },
})

export const sched_setattr = syscall({
  number: 314,
  name: 'sched_setattr',
  returns: Int,
  support: partial('no SCHED_DEADLINE, no utilisation clamps: EINVAL; time slices here are equal all the same'),
  args: { pid: Int, attributes: Pointer, flags: Flags },
  run(task, { pid, attributes, flags }) {
    if (attributes === 0 || pid < 0 || flags !== 0) return err(E.INVAL)
    const { memory } = task
    const size = memory.readU32(attributes)
    if (size < 0) return size
    if (size !== 0 && (size < 48 || size > 4096)) return err(E['2BIG'])
    if (memory.load(attributes, Math.min(size === 0 ? 48 : size, SCHED_ATTR_SIZE)) < 0) return err(E.FAULT)
    const { scratch } = memory
    const policy = scratch.getInt32(SCHED_ATTR.POLICY, true)
    const how = scratch.getInt32(SCHED_ATTR.FLAGS, true)
    const nice = scratch.getInt32(SCHED_ATTR.NICE, true)
    if (policy < 0 || (how & ~1) !== 0) return err(E.INVAL)
    const set = setPolicy(task, pid, policy, scratch.getInt32(SCHED_ATTR.PRIORITY, true), (how & 1) !== 0)
    if (set < 0) return set
    const target = processOf(task, pid) as Process
    if (policy === SCHED.NORMAL || policy === SCHED.BATCH) target.scheduling.nice = Math.max(-20, Math.min(19, nice))
    return 0
  },
})

export const sched_getattr = syscall({
  number: 315,
  name: 'sched_getattr',
  returns: Int,
  support: full,
  args: { pid: Int, attributes: Pointer, size: Uint, flags: Flags },
  run(task, { pid, attributes, size, flags }) {
    if (attributes === 0 || pid < 0 || size > 4096 || size < 48 || flags !== 0) return err(E.INVAL)
    const target = processOf(task, pid)
    if (typeof target === 'number') return target
    const { scratch } = task.memory
    const { policy, nice, priority, resetOnFork } = target.scheduling
    for (let word = 0; word < SCHED_ATTR_SIZE; word += 8) writeWord(scratch, word, 0)
    const length = Math.min(size, SCHED_ATTR_SIZE)
    scratch.setUint32(SCHED_ATTR.SIZE, length, true)
    scratch.setInt32(SCHED_ATTR.POLICY, policy, true)
    scratch.setInt32(SCHED_ATTR.FLAGS, resetOnFork ? 1 : 0, true)
    if (!isRealTime(policy)) scratch.setInt32(SCHED_ATTR.NICE, nice, true)
    scratch.setInt32(SCHED_ATTR.PRIORITY, priority, true)
    return task.memory.store(attributes, length)
  },
})

/** The CPUs of a process are the vCPUs: a mask must have one of them. */
export const sched_setaffinity = syscall({
  number: 203,
  name: 'sched_setaffinity',
  returns: Int,
  support: partial('accepted where it names all CPUs; a task cannot be kept to some of them: EINVAL'),
  args: { pid: Int, size: Uint, mask: Cpus },
  run(task, { pid, size, mask }) {
    const bytes = new Uint8Array(Math.min(size, 128))
    if (task.memory.copyIn(mask, bytes) < 0) return err(E.FAULT)
    const target = processOf(task, pid)
    if (typeof target === 'number') return target
    if (!mayChange(task, target)) return err(E.PERM)
    for (let cpu = 0; cpu < task.kernel.vcpus.count; cpu++)
      if (((bytes[cpu >> 3] ?? 0) & (1 << (cpu & 7))) === 0) return err(E.INVAL)
    return 0
  },
})

/** Processes that setpriority(2) and ioprio_set(2) mean. */
function named(task: Task, kind: 'process' | 'group' | 'user', who: number): Process[] {
  const { process, kernel } = task
  if (kind === 'process') {
    const found = who === 0 ? process : kernel.tasks.get(who)?.process
    return found === undefined ? [] : [found]
  }
  const all = [...kernel.processes.values()].filter(({ status }) => status < 0)
  if (kind === 'group') return all.filter(({ pgid }) => pgid === (who === 0 ? process.pgid : who))
  const uid = who === 0 ? process.credentials.uid : who
  return all.filter(({ credentials }) => credentials.uid === uid)
}

const PRIORITY_KINDS = { [PRIO.PROCESS]: 'process', [PRIO.PGRP]: 'group', [PRIO.USER]: 'user' } as const
const IO_KINDS = { [IOPRIO_WHO.PROCESS]: 'process', [IOPRIO_WHO.PGRP]: 'group', [IOPRIO_WHO.USER]: 'user' } as const

export const getpriority = syscall({
  number: 140,
  name: 'getpriority',
  returns: Int,
  support: full,
  args: { which: PriorityOf, who: Int },
  run(task, { which, who }) {
    const kind = PRIORITY_KINDS[which as keyof typeof PRIORITY_KINDS]
    if (kind === undefined) return err(E.INVAL)
    const found = named(task, kind, who)
    // 20 - nice: negative results would be errors (setpriority(2)).
    return found.length === 0 ? err(E.SRCH) : 20 - Math.min(...found.map(({ scheduling }) => scheduling.nice))
  },
})

export const setpriority = syscall({
  number: 141,
  name: 'setpriority',
  returns: Int,
  support: TOLD,
  args: { which: PriorityOf, who: Int, nice: Int },
  run(task, { which, who, nice }) {
    const kind = PRIORITY_KINDS[which as keyof typeof PRIORITY_KINDS]
    if (kind === undefined) return err(E.INVAL)
    const wanted = Math.max(-20, Math.min(19, nice))
    const privileged = hasCapability(task.process.credentials, CAP.SYS_NICE)
    let result: number = err(E.SRCH)
    for (const target of named(task, kind, who)) {
      const lowest = 20 - target.limits[RLIMIT.NICE]!.current
      if (!mayChange(task, target)) result = err(E.PERM)
      else if (!privileged && wanted < target.scheduling.nice && wanted < lowest) result = err(E.ACCES)
      else {
        target.scheduling.nice = wanted
        if (result === -E.SRCH) result = 0
      }
    }
    return result
  },
})

/** An I/O priority is a class from bit 13 on, and a level 0 to 7 (ioprio_set(2)). */
const IO_CLASS_SHIFT = 13
const IO = { NONE: 0, REAL_TIME: 1, BEST_EFFORT: 2, IDLE: 3 } as const

export const ioprio_set = syscall({
  number: 251,
  name: 'ioprio_set',
  returns: Int,
  support: partial('remembered and told'),
  args: { which: IoPriorityOf, who: Int, priority: Int },
  run(task, { which, who, priority }) {
    const kind = IO_KINDS[which as keyof typeof IO_KINDS]
    const ioClass = priority >> IO_CLASS_SHIFT
    const level = priority & 7
    if (ioClass < IO.NONE || ioClass > IO.IDLE || (ioClass === IO.NONE && level !== 0)) return err(E.INVAL)
    if (ioClass === IO.REAL_TIME && task.process.credentials.euid !== 0) return err(E.PERM)
    if (kind === undefined) return err(E.INVAL)
    const found = named(task, kind, who)
    if (found.length === 0) return err(E.SRCH)
    for (const target of found) {
      if (!mayChange(task, target)) return err(E.PERM)
      target.scheduling.ioPriority = priority
    }
    return 0
  },
})

export const ioprio_get = syscall({
  number: 252,
  name: 'ioprio_get',
  returns: Int,
  support: full,
  args: { which: IoPriorityOf, who: Int },
  run(task, { which, who }) {
    const kind = IO_KINDS[which as keyof typeof IO_KINDS]
    if (kind === undefined) return err(E.INVAL)
    const found = named(task, kind, who)
    return found.length === 0 ? err(E.SRCH) : found[0]!.scheduling.ioPriority
  },
})
