// getpid(2), getuid(2), setpgid(2), setsid(2) and their relatives: who a process is.
import { E, err } from '../src/abi/errno.js'
import type { Task } from '../src/processor/task.js'
import { Int } from './arguments.js'
import { full, syscall } from './define.js'
import { OutIds } from './structures.js'

const question = (number: number, name: string, answer: (task: Task) => number) =>
  syscall({ number, name, returns: Int, support: full, args: {}, run: answer })

export const getpid = question(39, 'getpid', ({ process }) => process.pid)
export const gettid = question(186, 'gettid', ({ tid }) => tid)
export const getppid = question(110, 'getppid', ({ process }) => process.parent?.pid ?? process.outsideParent)
export const getuid = question(102, 'getuid', ({ process }) => process.credentials.uid)
export const getgid = question(104, 'getgid', ({ process }) => process.credentials.gid)
export const geteuid = question(107, 'geteuid', ({ process }) => process.credentials.euid)
export const getegid = question(108, 'getegid', ({ process }) => process.credentials.egid)
export const getpgrp = question(111, 'getpgrp', ({ process }) => process.pgid)

export const getpgid = syscall({
  number: 121,
  name: 'getpgid',
  returns: Int,
  support: full,
  args: { pid: Int },
  run: (task, { pid }) => (pid === 0 ? task.process : task.kernel.processes.get(pid))?.pgid ?? err(E.SRCH),
})

export const getsid = syscall({
  number: 124,
  name: 'getsid',
  returns: Int,
  support: full,
  args: { pid: Int },
  run: (task, { pid }) => (pid === 0 ? task.process : task.kernel.processes.get(pid))?.sid ?? err(E.SRCH),
})

export const setpgid = syscall({
  number: 109,
  name: 'setpgid',
  returns: Int,
  support: full,
  args: { pid: Int, pgid: Int },
  run(task, { pid, pgid }) {
    if (pgid < 0 || (pgid === 0 && pid < 0)) return err(E.INVAL)
    const { process, kernel } = task
    const target = pid === 0 ? process : kernel.processes.get(pid)
    if (target === undefined || (target !== process && target.parent !== process)) return err(E.SRCH)
    if (target.sid !== process.sid) return err(E.PERM)
    if (target !== process && target.hasExecuted) return err(E.ACCES)
    if (target.sid === target.pid) return err(E.PERM)
    const group = pgid === 0 ? target.pid : pgid
    const exists = [...kernel.processes.values()].some((other) => other.pgid === group && other.sid === process.sid)
    if (group !== target.pid && !exists) return err(E.PERM)
    target.pgid = group
    return 0
  },
})

export const setsid = syscall({
  number: 112,
  name: 'setsid',
  returns: Int,
  support: full,
  args: {},
  run({ process, kernel }) {
    if ([...kernel.processes.values()].some(({ pgid }) => pgid === process.pid)) return err(E.PERM)
    process.pgid = process.pid
    process.sid = process.pid
    return process.pid
  },
})

export const getgroups = syscall({
  number: 115,
  name: 'getgroups',
  returns: Int,
  support: full,
  args: { size: Int, list: OutIds },
  run({ process, memory }, { size, list }) {
    const { groups } = process.credentials
    if (size < 0 || (size > 0 && size < groups.length)) return err(E.INVAL)
    if (size === 0) return groups.length
    groups.forEach((group, index) => {
      memory.scratch.setUint32(4 * index, group, true)
    })
    return memory.store(list, 4 * groups.length) < 0 ? err(E.FAULT) : groups.length
  },
})
