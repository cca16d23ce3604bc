// futex(2), set_tid_address(2), set_robust_list(2), rseq(2), sched_yield(2), sched_getaffinity(2): what thread libraries need.
import { E, err } from '../src/abi/errno.js'
import { FUTEX, FUTEX_BITSET_MATCH_ANY, FUTEX_CMD_MASK, FUTEX_OP, ROBUST_LIST_HEAD_SIZE } from '../src/abi/futex.js'
import { CLOCK, isNanoseconds, readFraction, readSeconds, TIMESPEC_SIZE } from '../src/abi/time.js'
import { TASK_SIZE } from '../src/processor/address-space.js'
import { BLOCK, type Outcome } from '../src/processor/kernel.js'
import type { Task } from '../src/processor/task.js'
import { Address, Flags, HexSize, Int, Pointer, Size, Uint } from './arguments.js'
import { FutexAddress2, FutexOperation, FutexTimeout, FutexValue, FutexValue3 } from './commands.js'
import { full, partial, refusedCall, syscall } from './define.js'
import { OutCpus, OutInt } from './structures.js'

const pair = new Float64Array(2)

/** Sets the deadline from a timespec: relative, or absolute on CLOCK_REALTIME or CLOCK_MONOTONIC. 0 or an errno. */
function setDeadline(task: Task, timeout: number, absolute: boolean, realtime: boolean): number {
  const { memory, wait, kernel } = task
  wait.deadlineNsec = Infinity
  if (timeout === 0) return 0
  if (memory.load(timeout, TIMESPEC_SIZE) < 0) return err(E.FAULT)
  const sec = readSeconds(memory.scratch, 0)
  const nsec = readFraction(memory.scratch, 0)
  if (sec < 0 || !isNanoseconds(nsec)) return err(E.INVAL)
  const now = kernel.clock.monotonicNsec()
  if (!absolute) wait.deadlineNsec = now + sec * 1e9 + nsec
  else if (!realtime) wait.deadlineNsec = sec * 1e9 + nsec
  else {
    kernel.clock.read(CLOCK.REALTIME, pair)
    wait.deadlineNsec = now + (sec - pair[0]!) * 1e9 + (nsec - pair[1]!)
  }
  return 0
}

function wait(
  task: Task,
  address: number,
  value: number,
  shared: boolean,
  bits: number,
  prepare: () => number,
): Outcome {
  const { futexes, clock } = task.kernel
  if (task.wait.active) {
    if (task.wait.woken) return 0
    if (clock.monotonicNsec() < task.wait.deadlineNsec) return BLOCK
    futexes.leave(task)
    return err(E.TIMEDOUT)
  }
  if (bits === 0) return err(E.INVAL)
  const current = task.memory.readU32(address)
  if (current < 0) return err(E.FAULT)
  const refused = prepare()
  if (refused < 0) return refused
  if (current !== value) return err(E.AGAIN)
  // With a time it is interrupted even where handlers restart calls (ERESTART_RESTARTBLOCK, kernel/futex/waitwake.c).
  if (task.wait.deadlineNsec !== Infinity) task.wait.restarts = false
  futexes.wait(task, address, shared, bits)
  task.wait.cancel = () => {
    futexes.leave(task)
    return null
  }
  return BLOCK
}

const OPERATIONS: Readonly<Record<number, (old: number, operand: number) => number>> = {
  [FUTEX_OP.SET]: (_old, operand) => operand,
  [FUTEX_OP.ADD]: (old, operand) => old + operand,
  [FUTEX_OP.OR]: (old, operand) => old | operand,
  [FUTEX_OP.ANDN]: (old, operand) => old & ~operand,
  [FUTEX_OP.XOR]: (old, operand) => old ^ operand,
}
const COMPARISONS: Readonly<Record<number, (old: number, operand: number) => boolean>> = {
  [FUTEX_OP.CMP_EQ]: (old, operand) => old === operand,
  [FUTEX_OP.CMP_NE]: (old, operand) => old !== operand,
  [FUTEX_OP.CMP_LT]: (old, operand) => old < operand,
  [FUTEX_OP.CMP_LE]: (old, operand) => old <= operand,
  [FUTEX_OP.CMP_GT]: (old, operand) => old > operand,
  [FUTEX_OP.CMP_GE]: (old, operand) => old >= operand,
}

/** futex(2), FUTEX_WAKE_OP: wakes at one word, changes another and perhaps wakes there. */
function wakeOp(
  task: Task,
  address: number,
  address2: number,
  shared: boolean,
  count: number,
  count2: number,
  encoded: number,
): number {
  const argument = (encoded << 8) >> 20
  const operand = ((encoded >>> 28) & FUTEX_OP.OPARG_SHIFT) !== 0 ? 1 << (argument & 31) : argument
  const operation = OPERATIONS[(encoded >>> 28) & 7]
  const comparison = COMPARISONS[(encoded >>> 24) & 15]
  if (operation === undefined || comparison === undefined) return err(E.NOSYS)
  const old = task.memory.updateU32(address2, (value) => operation(value, operand))
  if (old < 0) return err(E.FAULT)
  const { futexes } = task.kernel
  let woken = futexes.wake(task, address, shared, count, -1)
  if (comparison(old | 0, (encoded << 20) >> 20)) woken += futexes.wake(task, address2, shared, count2, -1)
  return woken
}

export const futex = syscall({
  number: 202,
  name: 'futex',
  returns: Int,
  support: partial('no priority inheritance'),
  args: {
    address: Pointer,
    operation: FutexOperation,
    value: FutexValue,
    timeout: FutexTimeout,
    address2: FutexAddress2,
    value3: FutexValue3,
  },
  run(task, { address, operation, value, timeout, address2, value3 }): Outcome {
    const command = operation & FUTEX_CMD_MASK
    const shared = (operation & FUTEX.PRIVATE_FLAG) === 0
    const realtime = (operation & FUTEX.CLOCK_REALTIME) !== 0
    if (address % 4 !== 0) return err(E.INVAL)
    const { futexes } = task.kernel
    const count2 = timeout | 0
    if (command === FUTEX.WAIT) {
      return wait(task, address, value, shared, -1, () => setDeadline(task, timeout, false, false))
    }
    if (command === FUTEX.WAIT_BITSET) {
      return wait(task, address, value, shared, value3 | 0, () => setDeadline(task, timeout, true, realtime))
    }
    if (command === FUTEX.WAKE || command === FUTEX.WAKE_BITSET) {
      if (command === FUTEX.WAKE_BITSET && value3 === 0) return err(E.INVAL)
      // A shared one is found by its page, a private one by its address alone (get_futex_key, kernel/futex/core.c).
      if (shared ? task.memory.translate(address, 0) < 0 : address >= TASK_SIZE) return err(E.FAULT)
      return futexes.wake(
        task,
        address,
        shared,
        value | 0,
        command === FUTEX.WAKE ? FUTEX_BITSET_MATCH_ANY | 0 : value3 | 0,
      )
    }
    if (command === FUTEX.REQUEUE || command === FUTEX.CMP_REQUEUE) {
      if (command === FUTEX.CMP_REQUEUE) {
        const current = task.memory.readU32(address)
        if (current < 0) return err(E.FAULT)
        if (current !== value3) return err(E.AGAIN)
      }
      const [woken, moved] = futexes.requeue(task, address, address2, shared, value | 0, count2)
      return command === FUTEX.REQUEUE ? woken : woken + moved
    }
    if (command === FUTEX.WAKE_OP && address2 % 4 !== 0) return err(E.INVAL)
    if (command === FUTEX.WAKE_OP) return wakeOp(task, address, address2, shared, value | 0, count2, value3 | 0)
    return err(E.NOSYS)
  },
})

export const get_robust_list = syscall({
  number: 274,
  name: 'get_robust_list',
  returns: Int,
  support: full,
  args: { tid: Int, head: Pointer, size: Pointer },
  run(task, { tid, head, size }) {
    const target = tid === 0 ? task : task.kernel.tasks.get(tid)
    if (target === undefined) return err(E.SRCH)
    const written = task.memory.writeU64(size, ROBUST_LIST_HEAD_SIZE)
    return written < 0 ? written : task.memory.writeU64(head, target.robustList)
  },
})

export const set_tid_address = syscall({
  number: 218,
  name: 'set_tid_address',
  returns: Int,
  support: full,
  args: { address: Pointer },
  run(task, { address }) {
    task.clearChildTid = address
    return task.tid
  },
})

export const set_robust_list = syscall({
  number: 273,
  name: 'set_robust_list',
  returns: Int,
  support: full,
  args: { head: Pointer, size: Size },
  run(task, { head, size }) {
    if (size !== ROBUST_LIST_HEAD_SIZE) return err(E.INVAL)
    task.robustList = head
    return 0
  },
})

export const rseq = refusedCall(334, 'rseq', Int, E.NOSYS, 'C libraries then do without restartable sequences', {
  area: Address,
  size: HexSize,
  flags: Flags,
  signature: Flags,
})

export const sched_yield = syscall({
  number: 24,
  name: 'sched_yield',
  returns: Int,
  support: full,
  args: {},
  run(task) {
    // The scheduler looks around when the poll word is set, and lets another task run if there is one.
    task.poll()
    return 0
  },
})

export const sched_getaffinity = syscall({
  number: 204,
  name: 'sched_getaffinity',
  returns: Int,
  support: partial('all vCPUs'),
  args: { pid: Int, size: Uint, mask: OutCpus },
  run(task, { pid, size, mask }) {
    if (pid !== 0 && !task.kernel.tasks.has(pid)) return err(E.SRCH)
    if (size < 8 || size % 8 !== 0) return err(E.INVAL)
    return task.memory.writeU64(mask, 2 ** task.kernel.vcpus.count - 1) < 0 ? err(E.FAULT) : 8
  },
})

export const getcpu = syscall({
  number: 309,
  name: 'getcpu',
  returns: Int,
  support: full,
  args: { cpu: OutInt, node: OutInt, unused: Address },
  run(task, { cpu, node }) {
    if (cpu !== 0 && task.memory.writeU32(cpu, task.vcpu) < 0) return err(E.FAULT)
    return node !== 0 && task.memory.writeU32(node, 0) < 0 ? err(E.FAULT) : 0
  },
})
