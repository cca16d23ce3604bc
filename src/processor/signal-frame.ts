// The frame of a signal handler on x86-64, as arch/x86/kernel/signal_64.c makes it, and the way back from it (rt_sigreturn).
//   pushFrame(task, info, action) < 0: the stack is not there, the task dies of SIGSEGV
// Offsets are abi/sigframe.ts. The floating-point state is an XSAVE area where the CPU has XSAVE, else the 512 bytes of FXSAVE.

import {
  RED_ZONE_SIZE,
  RT_SIGFRAME,
  RT_SIGFRAME_SIZE,
  SIGCONTEXT,
  SIGCONTEXT_REGISTERS,
  UC,
  UCONTEXT,
  USER_CS,
  USER_DS,
} from '../abi/sigframe.js'
import { SA, SIG, SIGINFO, SS, STACK, UNBLOCKABLE_LOW } from '../abi/signal.js'
import { readUnsigned, writeWord } from '../abi/word.js'
import { readFlags, writeFlags } from '../engine/flags-word.js'
import { FAULT_CR2, FAULT_ERROR, FAULT_TRAP, GPR, RIP } from '../engine/record.js'
import { initialiseState } from '../engine/state-image.js'
import { loadState, stateSizeOf, storeState } from './signal-state.js'
import type { Action, SignalInfo } from './signals.js'
import { RAX, RDI, RDX, RSI, RSP, type Task } from './task.js'

/** Flags a program may set through a frame (FIX_EFLAGS): AC OF DF TF SF ZF AF PF CF RF. */
const RESTORED_FLAGS = 0x50dd5
/** A handler starts without DF, TF and RF. */
const CLEARED_FLAGS = 0x10500
const FAULTS = new Set<number>([SIG.SEGV, SIG.BUS, SIG.ILL, SIG.FPE, SIG.TRAP])

export function onAltStack(task: Task, sp: number): boolean {
  return sp > task.altStackAddress && sp - task.altStackAddress <= task.altStackSize
}

function copyWords(from: DataView, at: number, to: DataView, toAt: number, count: number): void {
  for (let word = 0; word < count; word++) to.setInt32(toAt + 4 * word, from.getInt32(at + 4 * word, true), true)
}

/** Enters the handler: 0, or negative when its stack cannot be written. */
export function pushFrame(task: Task, info: SignalInfo, action: Action): number {
  const { memory } = task
  const view = memory.scratch
  const record = task.kernel.view
  const sp = task.register(RSP)
  let top = sp - RED_ZONE_SIZE
  if ((action.flags & SA.ONSTACK) !== 0 && task.altStackSize > 0 && !onAltStack(task, sp)) {
    top = task.altStackAddress + task.altStackSize
  }
  const { states } = task.kernel.cpu
  const stateSize = stateSizeOf(states)
  const fpstate = top - stateSize - ((top - stateSize) % 64)
  const below = fpstate - RT_SIGFRAME_SIZE
  const frame = below - (below % 16) - 8
  if (frame < 0) return -1
  if (storeState(task, fpstate) < 0) return -1

  for (let word = 0; word < RT_SIGFRAME_SIZE; word += 4) view.setInt32(word, 0, true)
  writeWord(view, RT_SIGFRAME.PRETCODE, action.restorer)
  const context = RT_SIGFRAME.UCONTEXT
  view.setUint32(
    context + UCONTEXT.FLAGS,
    UC.SIGCONTEXT_SS | UC.STRICT_RESTORE_SS | (states === 0 ? 0 : UC.FP_XSTATE),
    true,
  )
  writeWord(view, context + UCONTEXT.STACK + STACK.SP, task.altStackAddress)
  view.setInt32(context + UCONTEXT.STACK + STACK.FLAGS, altStackFlagsNow(task, sp), true)
  writeWord(view, context + UCONTEXT.STACK + STACK.SIZE, task.altStackSize)
  const machine = context + UCONTEXT.MCONTEXT
  SIGCONTEXT_REGISTERS.forEach((offset, register) => {
    copyWords(record, task.record + GPR + 8 * register, view, machine + offset, 2)
  })
  copyWords(record, task.record + RIP, view, machine + SIGCONTEXT.RIP, 2)
  writeWord(view, machine + SIGCONTEXT.EFLAGS, readFlags(record, task.record))
  view.setUint16(machine + SIGCONTEXT.CS, USER_CS, true)
  view.setUint16(machine + SIGCONTEXT.SS, USER_DS, true)
  const maskLow = task.hasSavedMask ? task.savedMaskLow : task.maskLow
  const maskHigh = task.hasSavedMask ? task.savedMaskHigh : task.maskHigh
  view.setInt32(machine + SIGCONTEXT.OLDMASK, maskLow, true)
  view.setInt32(machine + SIGCONTEXT.OLDMASK + 4, maskHigh, true)
  // The last fault's details, as thread_struct keeps them.
  view.setInt32(machine + SIGCONTEXT.TRAPNO, record.getInt32(task.record + FAULT_TRAP, true), true)
  view.setInt32(machine + SIGCONTEXT.ERR, record.getInt32(task.record + FAULT_ERROR, true), true)
  copyWords(record, task.record + FAULT_CR2, view, machine + SIGCONTEXT.CR2, 2)
  writeWord(view, machine + SIGCONTEXT.FPSTATE, fpstate)
  view.setInt32(context + UCONTEXT.SIGMASK, maskLow, true)
  view.setInt32(context + UCONTEXT.SIGMASK + 4, maskHigh, true)
  writeInfo(view, RT_SIGFRAME.SIGINFO, info)
  if (memory.store(frame, RT_SIGFRAME_SIZE) < 0) return -1

  task.hasSavedMask = false
  if ((task.altStackFlags & SS.AUTODISARM) !== 0) {
    task.altStackSize = 0
    task.altStackFlags = SS.DISABLE
  }
  task.setRegister(RAX, 0)
  task.setRegister(RDI, info.signal)
  task.setRegister(RSI, frame + RT_SIGFRAME.SIGINFO)
  task.setRegister(RDX, frame + RT_SIGFRAME.UCONTEXT)
  task.setRegister(RSP, frame)
  task.rip = action.handler
  // fpu__clear_user_states: the handler starts as a new program does.
  initialiseState(record, task.record)
  writeFlags(record, task.record, readFlags(record, task.record) & ~CLEARED_FLAGS)
  return 0
}

export function altStackFlagsNow(task: Task, sp: number): number {
  if (task.altStackSize === 0) return SS.DISABLE
  return (onAltStack(task, sp) ? SS.ONSTACK : 0) | (task.altStackFlags & SS.AUTODISARM)
}

export function writeInfo(view: DataView, at: number, info: SignalInfo): void {
  view.setInt32(at + SIGINFO.SIGNO, info.signal, true)
  view.setInt32(at + SIGINFO.ERRNO, info.errno, true)
  view.setInt32(at + SIGINFO.CODE, info.code, true)
  if (FAULTS.has(info.signal) && info.code > 0) {
    view.setBigUint64(at + SIGINFO.ADDR, info.address, true)
    return
  }
  view.setInt32(at + SIGINFO.PID, info.pid, true)
  view.setUint32(at + SIGINFO.UID, info.uid, true)
  if (info.signal === SIG.CHLD) view.setInt32(at + SIGINFO.STATUS, info.status, true)
  else {
    view.setInt32(at + SIGINFO.VALUE, info.valueLow, true)
    view.setInt32(at + SIGINFO.VALUE + 4, info.valueHigh, true)
  }
}

/** rt_sigreturn: the record is as the frame says. Negative: there is no frame, the task dies of SIGSEGV. */
export function popFrame(task: Task): number {
  const { memory } = task
  const record = task.kernel.view
  // The handler's `ret` has taken PRETCODE.
  const frame = task.register(RSP) - 8
  if (memory.load(frame, RT_SIGFRAME_SIZE) < 0) return -1
  const view = memory.scratch
  const context = RT_SIGFRAME.UCONTEXT
  const machine = context + UCONTEXT.MCONTEXT
  SIGCONTEXT_REGISTERS.forEach((offset, register) => {
    copyWords(view, machine + offset, record, task.record + GPR + 8 * register, 2)
  })
  copyWords(view, machine + SIGCONTEXT.RIP, record, task.record + RIP, 2)
  const flags = view.getInt32(machine + SIGCONTEXT.EFLAGS, true)
  const kept = readFlags(record, task.record) & ~RESTORED_FLAGS
  writeFlags(record, task.record, kept | (flags & RESTORED_FLAGS))
  task.maskLow = view.getInt32(context + UCONTEXT.SIGMASK, true) & ~UNBLOCKABLE_LOW
  task.maskHigh = view.getInt32(context + UCONTEXT.SIGMASK + 4, true)
  task.altStackAddress = readUnsigned(view, context + UCONTEXT.STACK + STACK.SP)
  task.altStackSize = readUnsigned(view, context + UCONTEXT.STACK + STACK.SIZE)
  const fpstate = readUnsigned(view, machine + SIGCONTEXT.FPSTATE)
  if (fpstate === 0) return 0
  return loadState(task, fpstate)
}
