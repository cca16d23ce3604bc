// Birth and death: clone, execve, exit, and what a parent learns of it. All on the home vCPU. A child starts from a copy of its parent's record, so that
// nothing of the parent's host stack matters.
import { E, err } from '../abi/errno.js'
import { FUTEX_OWNER_DIED, FUTEX_TID_MASK, FUTEX_WAITERS, ROBUST_LIST_LIMIT } from '../abi/futex.js'
import { RLIMIT } from '../abi/resource.js'
import { CLONE } from '../abi/sched.js'
import { CLD, SA, SI, SIG, SIG_IGN } from '../abi/signal.js'
import {
  CONTINUED_STATUS,
  exitCodeOf,
  exitStatus,
  isExited,
  isSignaled,
  isStopped,
  signalStatus,
  stopStatus,
  termSignalOf,
} from '../abi/wait.js'
import { ASID, FS_BASE, POLL, RECORD_SIZE } from '../engine/record.js'
import { initialiseState } from '../engine/state-image.js'
import { CpuTime } from './cpu-time.js'
import { afterExec, CAP, hasCapability } from './credentials.js'
import type { Kernel } from './kernel.js'
import { TASKS_MAX } from './layout.js'
import { isFailure, type LoadedProgram, type LoadFailure, loadProgram, type ProgramRequest } from './loader.js'
import { newAlarm, newScheduling, type Process, unshareFiles } from './process.js'
import { actionsAfterExec, copyActions, PendingSignals, sendToProcess, signalInfo } from './signals.js'
import { RAX, RSP, Task } from './task.js'
import { STATE, TASK_TID } from './task-state.js'

export interface CloneRequest {
  /** CLONE_ flags without the signal. */
  readonly flags: number
  readonly exitSignal: number
  /** 0: the parent's. */
  readonly stack: number
  readonly tls: number
  readonly parentTid: number
  readonly childTid: number
}

/** Signals that dump core, for WCOREDUMP: nothing is dumped here, as with a core limit of 0. */
const DUMPED = false

/** kernel.pid_max of most machines, and where ids begin again (kernel/pid.c, RESERVED_PIDS). */
const PID_END = 4 << 20
const PID_AGAIN = 300
/** The parent of orphans without a subreaper. */
const INIT_PID = 1
/** Those that nobody has waited for count too: kernel.threads-max of a small machine. */
const PROCESSES_MAX = 1 << 15

export class Lifecycle {
  readonly #kernel: Kernel
  readonly #freeRecords: number[] = []
  #nextPid: number

  constructor(kernel: Kernel, firstPid: number) {
    this.#kernel = kernel
    this.#nextPid = firstPid
    for (let slot = TASKS_MAX - 1; slot >= 0; slot--)
      this.#freeRecords.push(kernel.map.recordsBase + slot * RECORD_SIZE)
  }

  #newPid(): number {
    const { tasks, processes } = this.#kernel
    const next = (pid: number): number => (pid + 1 < PID_END ? pid + 1 : PID_AGAIN)
    while (tasks.has(this.#nextPid) || processes.has(this.#nextPid)) this.#nextPid = next(this.#nextPid)
    const pid = this.#nextPid
    this.#nextPid = next(pid)
    return pid
  }

  /** A task in state runnable with a zeroed record; undefined when there is no record left. */
  #newTask(tid: number, process: Process): Task | undefined {
    const record = this.#freeRecords.pop()
    if (record === undefined) return undefined
    const kernel = this.#kernel
    kernel.words.fill(0, record >> 2, (record + RECORD_SIZE) >> 2)
    const task = new Task(kernel, tid, record, process)
    kernel.words[(record + TASK_TID) >> 2] = tid
    kernel.tasks.set(tid, task)
    process.tasks.add(task)
    return task
  }

  /** The first process, or a failure to load it. */
  start(process: Process, program: LoadedProgram): Task {
    const task = this.#newTask(process.pid, process)!
    this.#kernel.processes.set(process.pid, process)
    this.#nextPid = Math.max(this.#nextPid, process.pid + 1)
    this.#enterProgram(task, program)
    this.#kernel.scheduler.add(task)
    return task
  }

  /** Registers of a new program: all zero but rip and rsp (asm/elf.h, ELF_PLAT_INIT). */
  #enterProgram(task: Task, program: LoadedProgram): void {
    const { words } = this.#kernel
    const state = task.state
    const poll = words[(task.record + POLL) >> 2]!
    words.fill(0, task.record >> 2, (task.record + TASK_TID) >> 2)
    words[(task.record + TASK_TID - 4) >> 2] = state
    words[(task.record + POLL) >> 2] = poll
    task.process.space = program.space
    task.process.executable = program.path
    task.process.executableKey = program.key
    task.name = program.name.slice(0, 15)
    words[(task.record + ASID) >> 2] = program.space.asid
    initialiseState(this.#kernel.view, task.record)
    task.rip = program.entry
    task.setRegister(RSP, program.sp)
  }

  /** execve(2): an errno, or 0 with the record at the new program's entry. */
  exec(task: Task, program: Omit<ProgramRequest, 'cwd' | 'credentials' | 'random' | 'limits'>): number | LoadFailure {
    const kernel = this.#kernel
    const { process } = task
    const random = new Uint8Array(16)
    kernel.entropy(random)
    const loaded = loadProgram(kernel, {
      ...program,
      cwd: process.fs.cwd,
      credentials: afterExec(process.credentials),
      random,
      limits: process.limits,
    })
    if (isFailure(loaded)) return loaded
    for (const other of [...process.tasks]) if (other !== task) this.#endTask(other)
    this.#leaveSpace(task)
    this.#enterProgram(task, loaded)
    unshareFiles(process)
    process.files.closeForExec()
    process.actions = actionsAfterExec(process.actions)
    process.argv = program.argv
    process.credentials = afterExec(process.credentials)
    process.switches.dumpable = loaded.isReadable ? 1 : 0
    deleteTimers(process)
    process.hasExecuted = true
    task.altStackAddress = 0
    task.altStackSize = 0
    task.clearChildTid = 0
    task.robustList = 0
    this.#releaseVforkParent(process)
    return 0
  }

  /** The task's use of its space ends: robust futexes, clear_child_tid, then the space itself. */
  #leaveSpace(task: Task): void {
    this.#clearTid(task)
    this.#kernel.spaces.release(task.process.space)
  }

  #clearTid(task: Task): void {
    this.#walkRobustList(task)
    const address = task.clearChildTid
    task.clearChildTid = 0
    if (address === 0) return
    task.memory.writeU32(address, 0)
    this.#kernel.futexes.wake(task, address, true, 1, -1)
  }

  /** kernel/futex: exit_robust_list. The guest's list may be anything. */
  #walkRobustList(task: Task): void {
    const head = task.robustList
    task.robustList = 0
    if (head === 0) return
    const { memory } = task
    const offset = memory.readU64(head + 8)
    if (offset < 0) return
    // A negative offset: from the list entry back to the word.
    const signed = offset >= 2 ** 63 ? offset - 2 ** 64 : offset
    let entry = memory.readU64(head)
    for (let count = 0; entry > 0 && entry !== head && count < ROBUST_LIST_LIMIT; count++) {
      const word = entry - (entry % 2) + signed
      const value = memory.readU32(word)
      if (value >= 0 && (value & FUTEX_TID_MASK) === task.tid) {
        if (word % 4 === 0) memory.updateU32(word, (now) => (now & FUTEX_WAITERS) | FUTEX_OWNER_DIED)
        if ((value & FUTEX_WAITERS) !== 0) this.#kernel.futexes.wake(task, word, true, 1, -1)
      }
      entry = memory.readU64(entry - (entry % 2))
    }
  }

  /** clone(2): the child's tid in the parent, or a negative errno. The child's rax is 0. */
  clone(task: Task, request: CloneRequest): number {
    const kernel = this.#kernel
    const { flags } = request
    const refused = refusedFlags(flags)
    if (refused < 0) return refused
    if (this.#isFull(task.process)) return err(E.AGAIN)
    const tid = this.#newPid()
    const isThread = (flags & CLONE.THREAD) !== 0
    const process = isThread ? task.process : this.#forkProcess(task, tid, request)
    if (typeof process === 'number') return process
    const child = this.#newTask(tid, process)!
    const state = child.state
    kernel.words.copyWithin(child.record >> 2, task.record >> 2, (task.record + TASK_TID) >> 2)
    kernel.words[(child.record + TASK_TID - 4) >> 2] = state
    kernel.words[(child.record + POLL) >> 2] = 0
    kernel.words[(child.record + ASID) >> 2] = process.space.asid
    child.setRegister(RAX, 0)
    if (request.stack !== 0) child.setRegister(RSP, request.stack)
    if ((flags & CLONE.SETTLS) !== 0) child.setWord(FS_BASE, request.tls)
    child.name = task.name
    child.maskLow = task.maskLow
    child.maskHigh = task.maskHigh
    // sigaltstack(2): a new thread has none; a forked or vforked process keeps its parent's.
    if ((flags & CLONE.VM) === 0 || (flags & CLONE.VFORK) !== 0) {
      child.altStackAddress = task.altStackAddress
      child.altStackSize = task.altStackSize
      child.altStackFlags = task.altStackFlags
    }
    if ((flags & CLONE.CHILD_CLEARTID) !== 0) child.clearChildTid = request.childTid
    if ((flags & CLONE.CHILD_SETTID) !== 0) child.memory.writeU32(request.childTid, tid)
    if ((flags & CLONE.PARENT_SETTID) !== 0) task.memory.writeU32(request.parentTid, tid)
    kernel.scheduler.add(child)
    return tid
  }

  /** No room for a task, or RLIMIT_NPROC has no more for this user (kernel/fork.c, copy_process). */
  #isFull({ credentials, limits }: Process): boolean {
    const { tasks, processes } = this.#kernel
    if (this.#freeRecords.length === 0 || processes.size >= PROCESSES_MAX) return true
    const limit = limits[RLIMIT.NPROC]!.current
    if (tasks.size + processes.size < limit || credentials.uid === 0) return false
    if (hasCapability(credentials, CAP.SYS_RESOURCE) || hasCapability(credentials, CAP.SYS_ADMIN)) return false
    let count = 0
    for (const { process } of tasks.values()) if (process.credentials.uid === credentials.uid) count++
    for (const { status, credentials: other } of processes.values())
      if (status >= 0 && other.uid === credentials.uid) count++
    return count >= limit
  }

  #forkProcess(task: Task, pid: number, { flags, exitSignal }: CloneRequest): Process | number {
    const kernel = this.#kernel
    const parent = task.process
    let space = parent.space
    if ((flags & CLONE.VM) !== 0) space.users++
    else {
      const copy = kernel.spaces.fork(space)
      if (typeof copy === 'number') return copy
      space = copy
    }
    const files = (flags & CLONE.FILES) !== 0 ? parent.files : parent.files.fork()
    if (files === parent.files) files.users++
    const child: Process = {
      pid,
      parent: (flags & CLONE.PARENT) !== 0 ? parent.parent : parent,
      outsideParent: parent.outsideParent,
      pgid: parent.pgid,
      sid: parent.sid,
      space,
      files,
      fs: (flags & CLONE.FS) !== 0 ? parent.fs : { ...parent.fs },
      actions: (flags & CLONE.SIGHAND) !== 0 ? parent.actions : copyActions(parent.actions),
      credentials: { ...parent.credentials },
      limits: parent.limits.map((limit) => ({ ...limit })),
      pending: new PendingSignals(),
      tasks: new Set(),
      children: new Set(),
      childWaiters: new Set(),
      exitSignal,
      status: -1,
      stopStatus: -1,
      stopped: false,
      vforkParent: (flags & CLONE.VFORK) !== 0 ? task : null,
      alarm: newAlarm(),
      cpuTime: new CpuTime(),
      timers: new Map(),
      // fork(2): the child has neither of these.
      switches: { ...parent.switches, subreaper: 0, parentDeathSignal: 0 },
      scheduling: parent.scheduling.resetOnFork
        ? { ...newScheduling(), nice: Math.max(0, parent.scheduling.nice) }
        : { ...parent.scheduling },
      startNsec: kernel.clock.monotonicNsec(),
      oomScoreAdjustment: parent.oomScoreAdjustment,
      hasExecuted: false,
      executable: parent.executable,
      executableKey: parent.executableKey,
      argv: parent.argv,
    }
    child.parent?.children.add(child)
    kernel.processes.set(pid, child)
    return child
  }

  #releaseVforkParent(process: Process): void {
    const waiting = process.vforkParent
    if (waiting === null) return
    process.vforkParent = null
    waiting.wait.woken = true
    this.#kernel.scheduler.wake(waiting)
  }

  /** exit(2) of one task; the last one ends its process. */
  exitTask(task: Task, code: number): void {
    if (task.process.tasks.size === 1) this.exitProcess(task.process, exitStatus(code))
    else {
      this.#kernel.observer?.exit(task, exitStatus(code))
      this.#clearTid(task)
      this.#endTask(task)
    }
  }

  /** exit_group(2), or death by a signal. `status` is wait4's. */
  exitProcess(process: Process, status: number): void {
    if (process.status >= 0) return
    const kernel = this.#kernel
    const [first] = process.tasks
    for (const task of process.tasks) kernel.observer?.exit(task, status)
    for (const task of process.tasks) this.#clearTid(task)
    for (const task of [...process.tasks]) this.#endTask(task)
    this.#releaseVforkParent(process)
    kernel.spaces.release(process.space)
    process.files.release()
    process.status = status
    process.alarm.nextNsec = Infinity
    deleteTimers(process)
    this.#orphan(process)
    this.#wakeOrphanedGroup(process, process.parent, process)
    if (process === kernel.init) {
      kernel.finalStatus = status
      kernel.scheduler.finish()
      return
    }
    if (first !== undefined) this.#tellParent(process)
  }

  killBySignal(process: Process, signal: number): void {
    this.exitProcess(process, signalStatus(signal, DUMPED))
  }

  #endTask(task: Task): void {
    this.#kernel.futexes.leave(task)
    task.wait.clear()
    task.process.tasks.delete(task)
    task.process.childWaiters.delete(task)
    this.#kernel.tasks.delete(task.tid)
    this.#kernel.scheduler.remove(task)
    task.enter(STATE.dead)
    task.enter(STATE.free)
    this.#freeRecords.push(task.record)
  }

  /** Children go to the nearest subreaper (prctl(2)), or to the machine's init, which is no process here: it reaps at once (find_new_reaper, kernel/exit.c). */
  #orphan(process: Process): void {
    let reaper = process.parent
    while (reaper !== null && (reaper.switches.subreaper === 0 || reaper.status >= 0)) reaper = reaper.parent
    for (const child of process.children) {
      const { parentDeathSignal } = child.switches
      if (parentDeathSignal !== 0) sendToProcess(child, signalInfo(parentDeathSignal, SI.USER, { pid: process.pid }))
      child.parent = reaper
      child.outsideParent = INIT_PID
      child.exitSignal = SIG.CHLD
      reaper?.children.add(child)
      if (child.status >= 0) this.#tellParent(child)
      this.#wakeOrphanedGroup(child, process, null)
    }
    process.children.clear()
  }

  /**
   * Stopped jobs that nobody is left to continue get SIGHUP and SIGCONT: when the end of `ending` takes the last link between the group of `member`
   * and another of its session (kill_orphaned_pgrp, kernel/exit.c).
   */
  #wakeOrphanedGroup(member: Process, ending: Process | null, ignored: Process | null): void {
    const { pgid, sid } = member
    if (ending === null || ending.pgid === pgid || ending.sid !== sid) return
    const group = this.#groupOf(member)
    if (group.some((one) => one !== ignored && isLink(one)) || !group.some(({ stopped }) => stopped)) return
    for (const signal of [SIG.HUP, SIG.CONT]) for (const one of group) sendToProcess(one, signalInfo(signal, SI.KERNEL))
  }

  #groupOf({ pgid }: Process): Process[] {
    return [...this.#kernel.processes.values()].filter((one) => one.pgid === pgid && one.status < 0)
  }

  /** A terminal stops nobody whom nobody would continue (is_current_pgrp_orphaned, kernel/exit.c). */
  isOrphaned(process: Process): boolean {
    return !this.#groupOf(process).some(isLink)
  }

  #tellParent(process: Process): void {
    const { parent } = process
    if (parent === null) {
      this.reap(process)
      return
    }
    const action = parent.actions[SIG.CHLD]!
    if (process.exitSignal !== 0) sendToProcess(parent, childInfo(process, process.exitSignal))
    const ignores = action.handler === SIG_IGN || (action.flags & SA.NOCLDWAIT) !== 0
    if (process.exitSignal === SIG.CHLD && ignores) this.reap(process)
    this.wakeChildWaiters(parent)
  }

  wakeChildWaiters(parent: Process): void {
    for (const waiter of parent.childWaiters) this.#kernel.scheduler.wake(waiter)
  }

  /** The zombie goes. */
  reap(process: Process): void {
    process.parent?.children.delete(process)
    this.#kernel.processes.delete(process.pid)
  }

  stopProcess(process: Process, signal: number): void {
    process.stopped = true
    for (const task of process.tasks) this.#kernel.scheduler.stop(task)
    this.#reportStop(process, stopStatus(signal))
  }

  continueProcess(process: Process): void {
    process.stopped = false
    for (const task of process.tasks) this.#kernel.scheduler.resume(task)
    this.#reportStop(process, CONTINUED_STATUS)
  }

  #reportStop(process: Process, status: number): void {
    process.stopStatus = status
    const { parent } = process
    if (parent === null) return
    if ((parent.actions[SIG.CHLD]!.flags & SA.NOCLDSTOP) === 0) sendToProcess(parent, childInfo(process, SIG.CHLD))
    this.wakeChildWaiters(parent)
  }
}

/** Whether its parent, of the same session, may look after its group from another one. What is outside of the machine may. */
const isLink = ({ parent, outsideParent, pgid, sid }: Process): boolean =>
  parent === null ? outsideParent !== INIT_PID : parent.pgid !== pgid && parent.sid === sid

/** Timers of timer_create(2) end with their program. */
function deleteTimers(process: Process): void {
  for (const { timer } of process.timers.values()) timer.set(Infinity, 0)
  process.timers.clear()
}

/** siginfo of a change of a child, for SIGCHLD and waitid(2). */
export function childInfo(child: Process, signal: number): ReturnType<typeof signalInfo> {
  const status = child.status >= 0 ? child.status : child.stopStatus
  const [code, value] =
    status === CONTINUED_STATUS
      ? [CLD.CONTINUED, SIG.CONT]
      : isStopped(status)
        ? [CLD.STOPPED, exitCodeOf(status)]
        : isExited(status)
          ? [CLD.EXITED, exitCodeOf(status)]
          : [CLD.KILLED, isSignaled(status) ? termSignalOf(status) : 0]
  return signalInfo(signal, code, { pid: child.pid, uid: child.credentials.uid, status: value })
}

/** kernel/fork.c, copy_process: combinations that are errors, and what is not done here. */
function refusedFlags(flags: number): number {
  if ((flags & CLONE.THREAD) !== 0 && (flags & CLONE.SIGHAND) === 0) return err(E.INVAL)
  if ((flags & CLONE.SIGHAND) !== 0 && (flags & CLONE.VM) === 0) return err(E.INVAL)
  const namespaces =
    CLONE.NEWNS | CLONE.NEWCGROUP | CLONE.NEWUTS | CLONE.NEWIPC | CLONE.NEWUSER | CLONE.NEWPID | CLONE.NEWNET
  if ((flags & namespaces) !== 0) return err(E.PERM)
  if ((flags & CLONE.PIDFD) !== 0) return err(E.INVAL)
  return 0
}
