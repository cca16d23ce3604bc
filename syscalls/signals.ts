// sigaction(2), sigprocmask(2), sigreturn(2), sigaltstack(2), sigsuspend(2), sigpending(2), kill(2), tgkill(2), pause(2), sigtimedwait(2).
import { E, err } from '../src/abi/errno.js'
import { O } from '../src/abi/fcntl.js'
import { RLIMIT } from '../src/abi/resource.js'
import {
  hasSignal,
  MINSIGSTKSZ,
  NSIG,
  SFD,
  SI,
  SIG,
  SIG_DFL,
  SIG_HOW,
  SIGACTION,
  SIGACTION_SIZE,
  SIGINFO,
  SIGINFO_SIZE,
  SIGSET_SIZE,
  SS,
  STACK,
  STACK_SIZE,
  UNBLOCKABLE_LOW,
} from '../src/abi/signal.js'
import { isNanoseconds, readFraction, readSeconds, TIMESPEC_SIZE } from '../src/abi/time.js'
import { readUnsigned, writeWord } from '../src/abi/word.js'
import { newEvent } from '../src/processor/event-file.js'
import { BLOCK, type Outcome, REDIRECT } from '../src/processor/kernel.js'
import type { Process } from '../src/processor/process.js'
import { SignalFile } from '../src/processor/signal-file.js'
import { altStackFlagsNow, onAltStack, popFrame, writeInfo } from '../src/processor/signal-frame.js'
import {
  forceSignal,
  maySignal,
  type SignalInfo,
  sendToProcess,
  sendToTask,
  setAction,
  showSignals,
  signalInfo,
} from '../src/processor/signals.js'
import { RSP, type Task } from '../src/processor/task.js'
import { Fd, Int, Size } from './arguments.js'
import { full, syscall } from './define.js'
import { MaskChange, Signal, SignalfdFlags } from './flags.js'
import { install } from './install.js'
import {
  OutSigaction,
  OutSiginfo,
  OutSignalStack,
  OutSigset,
  RestoredMask,
  Sigaction,
  Siginfo,
  SignalStack,
  Sigset,
} from './signal-arguments.js'
import { Timespec } from './structures.js'

export const rt_sigaction = syscall({
  number: 13,
  name: 'rt_sigaction',
  returns: Int,
  support: full,
  args: { signal: Signal, action: Sigaction, old: OutSigaction, size: Size },
  run(task, { signal, action, old, size }) {
    if (size !== SIGSET_SIZE) return err(E.INVAL)
    const { memory, process } = task
    const { scratch } = memory
    if (action !== 0 && memory.load(action, SIGACTION_SIZE) < 0) return err(E.FAULT)
    if (signal < 1 || signal > NSIG) return err(E.INVAL)
    const before = process.actions[signal]!
    if (action !== 0) {
      if (signal === SIG.KILL || signal === SIG.STOP) return err(E.INVAL)
      setAction(process, signal, {
        handler: readUnsigned(scratch, SIGACTION.HANDLER),
        flags: scratch.getInt32(SIGACTION.FLAGS, true),
        restorer: readUnsigned(scratch, SIGACTION.RESTORER),
        maskLow: scratch.getInt32(SIGACTION.MASK, true) & ~UNBLOCKABLE_LOW,
        maskHigh: scratch.getInt32(SIGACTION.MASK + 4, true),
      })
    }
    if (old === 0) return 0
    writeWord(scratch, SIGACTION.HANDLER, before.handler)
    writeWord(scratch, SIGACTION.FLAGS, before.flags >>> 0)
    writeWord(scratch, SIGACTION.RESTORER, before.restorer)
    scratch.setInt32(SIGACTION.MASK, before.maskLow, true)
    scratch.setInt32(SIGACTION.MASK + 4, before.maskHigh, true)
    return memory.store(old, SIGACTION_SIZE)
  },
})

export const rt_sigprocmask = syscall({
  number: 14,
  name: 'rt_sigprocmask',
  returns: Int,
  support: full,
  args: { how: MaskChange, set: Sigset, old: OutSigset, size: Size },
  run(task, { how, set, old, size }) {
    if (size !== SIGSET_SIZE) return err(E.INVAL)
    const { memory } = task
    const { scratch } = memory
    const beforeLow = task.maskLow
    const beforeHigh = task.maskHigh
    if (set !== 0) {
      if (memory.load(set, SIGSET_SIZE) < 0) return err(E.FAULT)
      const low = scratch.getInt32(0, true) & ~UNBLOCKABLE_LOW
      const high = scratch.getInt32(4, true)
      if (how === SIG_HOW.BLOCK) {
        task.maskLow |= low
        task.maskHigh |= high
      } else if (how === SIG_HOW.UNBLOCK) {
        task.maskLow &= ~low
        task.maskHigh &= ~high
      } else if (how === SIG_HOW.SETMASK) {
        task.maskLow = low
        task.maskHigh = high
      } else return err(E.INVAL)
    }
    if (old === 0) return 0
    scratch.setInt32(0, beforeLow, true)
    scratch.setInt32(4, beforeHigh, true)
    return memory.store(old, SIGSET_SIZE)
  },
})

export const rt_sigreturn = syscall({
  number: 15,
  name: 'rt_sigreturn',
  returns: Int,
  support: full,
  args: { frame: RestoredMask },
  run(task) {
    if (popFrame(task) < 0) {
      task.process.actions[SIG.SEGV]!.handler = SIG_DFL
      forceSignal(task, signalInfo(SIG.SEGV, SI.KERNEL))
    }
    return REDIRECT
  },
})

/** do_sigaltstack(), kernel/signal.c. */
function useAltStack(task: Task, address: number, size: number, flags: number): number {
  const mode = flags & ~SS.AUTODISARM
  if (mode !== SS.DISABLE && mode !== SS.ONSTACK && mode !== 0) return err(E.INVAL)
  // What is so already is not looked at again, small or not.
  if (address === task.altStackAddress && size === task.altStackSize && flags === task.altStackFlags) return 0
  if (mode !== SS.DISABLE && size < MINSIGSTKSZ) return err(E.NOMEM)
  task.altStackAddress = mode === SS.DISABLE ? 0 : address
  task.altStackSize = mode === SS.DISABLE ? 0 : size
  task.altStackFlags = flags
  return 0
}

export const sigaltstack = syscall({
  number: 131,
  name: 'sigaltstack',
  returns: Int,
  support: full,
  args: { stack: SignalStack, old: OutSignalStack },
  run(task, { stack, old }) {
    const { memory } = task
    const { scratch } = memory
    const sp = task.register(RSP)
    const before = { address: task.altStackAddress, size: task.altStackSize, flags: altStackFlagsNow(task, sp) }
    if (stack !== 0) {
      if (memory.load(stack, STACK_SIZE) < 0) return err(E.FAULT)
      if (task.altStackSize > 0 && onAltStack(task, sp)) return err(E.PERM)
      const flags = scratch.getInt32(STACK.FLAGS, true)
      const address = readUnsigned(scratch, STACK.SP)
      const size = readUnsigned(scratch, STACK.SIZE)
      const failed = useAltStack(task, address, size, flags)
      if (failed < 0) return failed
    }
    if (old === 0) return 0
    writeWord(scratch, STACK.SP, before.address)
    writeWord(scratch, STACK.FLAGS, before.flags >>> 0)
    writeWord(scratch, STACK.SIZE, before.size)
    return memory.store(old, STACK_SIZE)
  },
})

/** Waits for a signal with a handler; the mask goes back when the handler has been entered. */
export const rt_sigsuspend = syscall({
  number: 130,
  name: 'rt_sigsuspend',
  returns: Int,
  support: full,
  args: { mask: Sigset, size: Size },
  run(task, { mask, size }) {
    if (task.wait.active) return BLOCK
    if (size !== SIGSET_SIZE) return err(E.INVAL)
    if (task.memory.load(mask, SIGSET_SIZE) < 0) return err(E.FAULT)
    task.savedMaskLow = task.maskLow
    task.savedMaskHigh = task.maskHigh
    task.hasSavedMask = true
    task.maskLow = task.memory.scratch.getInt32(0, true) & ~UNBLOCKABLE_LOW
    task.maskHigh = task.memory.scratch.getInt32(4, true)
    task.wait.restarts = false
    return BLOCK
  },
})

export const pause = syscall({
  number: 34,
  name: 'pause',
  returns: Int,
  support: full,
  args: {},
  run(task) {
    task.wait.restarts = false
    return BLOCK
  },
})

export const rt_sigpending = syscall({
  number: 127,
  name: 'rt_sigpending',
  returns: Int,
  support: full,
  args: { set: OutSigset, size: Size },
  run(task, { set, size }) {
    if (size > SIGSET_SIZE) return err(E.INVAL)
    const { scratch } = task.memory
    scratch.setInt32(0, (task.pending.low | task.process.pending.low) & task.maskLow, true)
    scratch.setInt32(4, (task.pending.high | task.process.pending.high) & task.maskHigh, true)
    return task.memory.store(set, size)
  },
})

export const rt_sigtimedwait = syscall({
  number: 128,
  name: 'rt_sigtimedwait',
  returns: Signal,
  support: full,
  args: { set: Sigset, info: OutSiginfo, timeout: Timespec, size: Size },
  run(task, { set, info, timeout, size }): Outcome {
    if (size !== SIGSET_SIZE) return err(E.INVAL)
    const { memory, wait } = task
    const { scratch } = memory
    if (memory.load(set, SIGSET_SIZE) < 0) return err(E.FAULT)
    const low = scratch.getInt32(0, true) & ~UNBLOCKABLE_LOW
    const high = scratch.getInt32(4, true)
    let waitNsec = Infinity
    if (!wait.active && timeout !== 0) {
      if (memory.load(timeout, TIMESPEC_SIZE) < 0) return err(E.FAULT)
      if (readSeconds(scratch, 0) < 0 || !isNanoseconds(readFraction(scratch, 0))) return err(E.INVAL)
      waitNsec = readSeconds(scratch, 0) * 1e9 + readFraction(scratch, 0)
    }
    // They are normally blocked, and so do not wake the task by themselves: it looks again at each one sent.
    for (const pending of [task.pending, task.process.pending]) {
      for (let signal = 1; signal <= NSIG; signal++) {
        if (!hasSignal(pending.low & low, pending.high & high, signal)) continue
        const taken = pending.take(signal)
        showSignals(task.process)
        if (info === 0) return signal
        for (let at = 0; at < SIGINFO_SIZE; at += 4) scratch.setInt32(at, 0, true)
        writeInfo(scratch, 0, taken)
        const result = memory.store(info, SIGINFO_SIZE)
        return result < 0 ? result : signal
      }
    }
    const now = task.kernel.clock.monotonicNsec()
    if (!wait.active) {
      wait.deadlineNsec = now + waitNsec
      wait.restarts = false
      wait.signalsLow = low
      wait.signalsHigh = high
    }
    return wait.deadlineNsec <= now ? err(E.AGAIN) : BLOCK
  },
})

const fromUser = (task: Task, signal: number, code: number): SignalInfo =>
  signalInfo(signal, code, { pid: task.process.pid, uid: task.process.credentials.uid })

function killProcess(task: Task, target: Process, signal: number): number {
  if (!maySignal(task.process, target, signal)) return err(E.PERM)
  if (signal !== 0) sendToProcess(target, fromUser(task, signal, SI.USER))
  return 0
}

export const kill = syscall({
  number: 62,
  name: 'kill',
  returns: Int,
  support: full,
  args: { pid: Int, signal: Signal },
  run(task, { pid, signal }) {
    if (signal < 0 || signal > NSIG) return err(E.INVAL)
    const { processes } = task.kernel
    if (pid > 0) {
      const target = processes.get(pid)
      return target === undefined ? err(E.SRCH) : killProcess(task, target, signal)
    }
    const group = pid === 0 ? task.process.pgid : -pid
    const targets = [...processes.values()].filter((target) =>
      pid === -1 ? target !== task.process : target.pgid === group,
    )
    if (targets.length === 0) return err(E.SRCH)
    let result: number = err(E.PERM)
    for (const target of targets) if (killProcess(task, target, signal) === 0) result = 0
    return result
  },
})

function killThread(task: Task, tgid: number | null, tid: number, signal: number): number {
  if (signal < 0 || signal > NSIG || tid <= 0) return err(E.INVAL)
  const target = task.kernel.tasks.get(tid)
  if (target === undefined || (tgid !== null && target.process.pid !== tgid)) return err(E.SRCH)
  if (!maySignal(task.process, target.process, signal)) return err(E.PERM)
  if (signal !== 0) sendToTask(target, fromUser(task, signal, SI.TKILL))
  return 0
}

export const tkill = syscall({
  number: 200,
  name: 'tkill',
  returns: Int,
  support: full,
  args: { tid: Int, signal: Signal },
  run: (task, { tid, signal }) => killThread(task, null, tid, signal),
})

export const tgkill = syscall({
  number: 234,
  name: 'tgkill',
  returns: Int,
  support: full,
  args: { tgid: Int, tid: Int, signal: Signal },
  run: (task, { tgid, tid, signal }) => (tgid <= 0 ? err(E.INVAL) : killThread(task, tgid, tid, signal)),
})

/** What rt_sigqueueinfo(2) sends: the caller's siginfo; only to itself may a program speak as the kernel or as kill(2) do. */
function queued(task: Task, signal: number, address: number, toItself: boolean): SignalInfo | number {
  if (task.memory.load(address, SIGINFO_SIZE) < 0) return err(E.FAULT)
  const { scratch } = task.memory
  const code = scratch.getInt32(SIGINFO.CODE, true)
  if ((code >= 0 || code === SI.TKILL) && !toItself) return err(E.PERM)
  return signalInfo(signal, code, {
    errno: scratch.getInt32(SIGINFO.ERRNO, true),
    pid: scratch.getInt32(SIGINFO.PID, true),
    uid: scratch.getUint32(SIGINFO.UID, true),
    valueLow: scratch.getInt32(SIGINFO.VALUE, true),
    valueHigh: scratch.getInt32(SIGINFO.VALUE + 4, true),
    status: scratch.getInt32(SIGINFO.STATUS, true),
    address: scratch.getBigUint64(SIGINFO.ADDR, true),
  })
}

/** RLIMIT_SIGPENDING counts the queued signals of a user; here, of the process. */
function hasRoom({ pending, tasks, limits }: Process): boolean {
  let count = pending.count
  for (const task of tasks) count += task.pending.count
  return count < limits[RLIMIT.SIGPENDING]!.current
}

export const rt_sigqueueinfo = syscall({
  number: 129,
  name: 'rt_sigqueueinfo',
  returns: Int,
  support: full,
  args: { pid: Int, signal: Signal, info: Siginfo },
  run(task, { pid, signal, info: address }) {
    const info = queued(task, signal, address, pid === task.process.pid)
    if (typeof info === 'number') return info
    const target = task.kernel.processes.get(pid)
    if (pid <= 0 || target === undefined) return err(E.SRCH)
    if (signal < 0 || signal > NSIG) return err(E.INVAL)
    if (!maySignal(task.process, target, signal)) return err(E.PERM)
    if (signal >= 32 && !hasRoom(target)) return err(E.AGAIN)
    if (signal !== 0) sendToProcess(target, info)
    return 0
  },
})

export const rt_tgsigqueueinfo = syscall({
  number: 297,
  name: 'rt_tgsigqueueinfo',
  returns: Int,
  support: full,
  args: { tgid: Int, tid: Int, signal: Signal, info: Siginfo },
  run(task, { tgid, tid, signal, info: address }) {
    if (tgid <= 0 || tid <= 0) return task.memory.load(address, SIGINFO_SIZE) < 0 ? err(E.FAULT) : err(E.INVAL)
    const target = task.kernel.tasks.get(tid)
    const info = queued(task, signal, address, target?.process === task.process)
    if (typeof info === 'number') return info
    if (target === undefined || target.process.pid !== tgid) return err(E.SRCH)
    if (signal < 0 || signal > NSIG) return err(E.INVAL)
    if (!maySignal(task.process, target.process, signal)) return err(E.PERM)
    if (signal >= 32 && !hasRoom(target.process)) return err(E.AGAIN)
    if (signal !== 0) sendToTask(target, info)
    return 0
  },
})

function signalDescriptor(task: Task, fd: number, mask: number, size: number, flags: number): number {
  if (size !== SIGSET_SIZE) return err(E.INVAL)
  if (task.memory.load(mask, SIGSET_SIZE) < 0) return err(E.FAULT)
  if ((flags & ~(SFD.NONBLOCK | SFD.CLOEXEC)) !== 0) return err(E.INVAL)
  const maskLow = task.memory.scratch.getInt32(0, true) & ~UNBLOCKABLE_LOW
  const maskHigh = task.memory.scratch.getInt32(4, true)
  const { files } = task.process
  if (fd !== -1) {
    const known = files.get(fd)
    if (known === undefined || (known.flags & O.PATH) !== 0) return err(E.BADF)
    if (!(known instanceof SignalFile)) return err(E.INVAL)
    known.show(maskLow, maskHigh)
    return fd
  }
  const { host, bytes } = task.kernel
  const event = newEvent(host)
  if (event < 0) return event
  const file = new SignalFile(host, bytes, event, task)
  file.flags |= flags & SFD.NONBLOCK
  file.show(maskLow, maskHigh)
  return install(task, file, (flags & SFD.CLOEXEC) !== 0)
}

export const signalfd = syscall({
  number: 282,
  name: 'signalfd',
  returns: Fd,
  support: full,
  args: { fd: Fd, mask: Sigset, size: Size },
  run: (task, { fd, mask, size }) => signalDescriptor(task, fd, mask, size, 0),
})

export const signalfd4 = syscall({
  number: 289,
  name: 'signalfd4',
  returns: Fd,
  support: full,
  args: { fd: Fd, mask: Sigset, size: Size, flags: SignalfdFlags },
  run: (task, { fd, mask, size, flags }) => signalDescriptor(task, fd, mask, size, flags),
})
