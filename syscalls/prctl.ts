// prctl(2), arch_prctl(2), personality(2): switches of a process. Each operation is a row.
import { E, err } from '../src/abi/errno.js'
import { ARCH, PR, TASK_COMM_LENGTH } from '../src/abi/prctl.js'
import { NSIG } from '../src/abi/signal.js'
import { hasCapability } from '../src/processor/credentials.js'
import type { Switches } from '../src/processor/process.js'
import { R8, R10, RDX, type Task } from '../src/processor/task.js'
import { Int, Uint } from './arguments.js'
import { PrctlArgument, PrctlOperation } from './commands.js'
import { partial, syscall } from './define.js'
import { ArchOperation } from './flags.js'
import { ArchAddress } from './structures.js'

type Operation = (task: Task, argument: number, others: readonly number[]) => number

const isZero = (value: number): boolean => value === 0
/** Arguments beyond those of an operation must be zero where the kernel says so. */
const exactly =
  (count: 0 | 1, operation: Operation): Operation =>
  (task, argument, others) =>
    others.every(isZero) && (count === 1 || argument === 0) ? operation(task, argument, others) : err(E.INVAL)

const setSwitch =
  (name: keyof Switches): Operation =>
  ({ process }, value) => {
    process.switches[name] = value === 0 ? 0 : 1
    return 0
  }

const DEFAULT_SLACK_NSEC = 50_000
/** PR_TSC_ENABLE. */
const TSC_ENABLED = 1
/** Capabilities that Linux 6 knows are 0 to 40. */
const CAPABILITY_MAX = 40

const AMBIENT = { IS_SET: 1, RAISE: 2, LOWER: 3, CLEAR_ALL: 4 } as const

const OPERATIONS: Readonly<Record<number, Operation>> = {
  [PR.SET_NAME]: (task, address) => {
    const name = task.memory.readString(address, TASK_COMM_LENGTH)
    if (typeof name === 'number' && name !== -E.NAMETOOLONG) return name
    const bytes = new Uint8Array(TASK_COMM_LENGTH - 1)
    if (typeof name === 'number') task.memory.copyIn(address, bytes)
    task.name = typeof name === 'string' ? name : new TextDecoder().decode(bytes)
    return 0
  },
  [PR.GET_NAME]: (task, address) => {
    const bytes = new Uint8Array(TASK_COMM_LENGTH)
    new TextEncoder().encodeInto(task.name, bytes.subarray(0, TASK_COMM_LENGTH - 1))
    return task.memory.copyOut(address, bytes)
  },
  [PR.GET_DUMPABLE]: ({ process }) => process.switches.dumpable,
  [PR.SET_DUMPABLE]: (task, value, others) =>
    value === 0 || value === 1 ? setSwitch('dumpable')(task, value, others) : err(E.INVAL),
  [PR.GET_PDEATHSIG]: ({ process, memory }, address) => memory.writeU32(address, process.switches.parentDeathSignal),
  [PR.SET_PDEATHSIG]: ({ process }, signal) => {
    if (signal > NSIG) return err(E.INVAL)
    process.switches.parentDeathSignal = signal
    return 0
  },
  [PR.GET_NO_NEW_PRIVS]: exactly(0, ({ process }) => process.switches.noNewPrivileges),
  [PR.SET_NO_NEW_PRIVS]: exactly(1, (task, value, others) =>
    value === 1 ? setSwitch('noNewPrivileges')(task, value, others) : err(E.INVAL),
  ),
  [PR.GET_SECCOMP]: () => 0,
  [PR.GET_TIMERSLACK]: ({ process }) => process.switches.timerSlackNsec,
  [PR.SET_TIMERSLACK]: ({ process }, nsec) => {
    process.switches.timerSlackNsec = nsec === 0 || nsec >= 2 ** 63 ? DEFAULT_SLACK_NSEC : nsec
    return 0
  },
  [PR.SET_CHILD_SUBREAPER]: setSwitch('subreaper'),
  [PR.GET_CHILD_SUBREAPER]: ({ process, memory }, address) => memory.writeU32(address, process.switches.subreaper),
  [PR.SET_THP_DISABLE]: exactly(1, setSwitch('noHugePages')),
  [PR.GET_THP_DISABLE]: exactly(0, ({ process }) => process.switches.noHugePages),
  [PR.GET_KEEPCAPS]: () => 0,
  [PR.SET_KEEPCAPS]: (_task, value) => (value === 0 ? 0 : value === 1 ? err(E.PERM) : err(E.INVAL)),
  [PR.GET_SECUREBITS]: () => 0,
  [PR.CAPBSET_READ]: ({ process }, capability) =>
    capability > CAPABILITY_MAX ? err(E.INVAL) : hasCapability({ ...process.credentials, euid: 0 }, capability) ? 1 : 0,
  // Nothing is inheritable here, and so nothing ambient (cap_prctl, security/commoncap.c).
  [PR.CAP_AMBIENT]: (_task, operation, [capability, third, fourth]) => {
    if (third !== 0 || fourth !== 0) return err(E.INVAL)
    if (operation === AMBIENT.CLEAR_ALL) return capability === 0 ? 0 : err(E.INVAL)
    if (capability! > CAPABILITY_MAX) return err(E.INVAL)
    if (operation === AMBIENT.RAISE) return err(E.PERM)
    return operation === AMBIENT.IS_SET || operation === AMBIENT.LOWER ? 0 : err(E.INVAL)
  },
  [PR.GET_TSC]: ({ memory }, address) => memory.writeU32(address, TSC_ENABLED),
  [PR.GET_TIMING]: () => 0,
  [PR.GET_TID_ADDRESS]: (task, address) => task.memory.writeU64(address, task.clearChildTid),
}

export const prctl = syscall({
  number: 157,
  name: 'prctl',
  returns: Int,
  support: partial('no capabilities, seccomp or memory maps to set, no speculation control: EINVAL or EPERM'),
  args: { operation: PrctlOperation, argument: PrctlArgument },
  // Most operations have one argument; those that want the others to be zero look for themselves.
  run: (task, { operation, argument }) =>
    OPERATIONS[operation]?.(task, argument, [task.register(RDX), task.register(R10), task.register(R8)]) ??
    err(E.INVAL),
})

const USER_END = 0x7ffffffff000

export const arch_prctl = syscall({
  number: 158,
  name: 'arch_prctl',
  returns: Int,
  support: partial('CPUID cannot be made to fault; nothing about features and shadow stacks'),
  args: { operation: ArchOperation, address: ArchAddress },
  run(task, { operation, address }) {
    if (operation === ARCH.SET_FS || operation === ARCH.SET_GS) {
      if (address >= USER_END) return err(E.PERM)
      if (operation === ARCH.SET_FS) task.fsBase = address
      else task.gsBase = address
      return 0
    }
    if (operation === ARCH.GET_FS) return task.memory.writeU64(address, task.fsBase)
    if (operation === ARCH.GET_GS) return task.memory.writeU64(address, task.gsBase)
    if (operation === ARCH.GET_CPUID) return 1
    // A CPU without the feature says ENODEV (arch/x86/kernel/process.c, set_cpuid_mode).
    return operation === ARCH.SET_CPUID ? err(E.NODEV) : err(E.INVAL)
  },
})

const PERSONALITY_QUERY = 0xffffffff

export const personality = syscall({
  number: 135,
  name: 'personality',
  returns: Int,
  support: partial('remembered and told; addresses are the same in every run as they are'),
  args: { persona: Uint },
  run({ process }, { persona }) {
    const { switches } = process
    const before = switches.personality
    if (persona !== PERSONALITY_QUERY) switches.personality = persona
    return before
  },
})
