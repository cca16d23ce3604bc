// uname(2), sysinfo(2), getrlimit(2), getrusage(2), getrandom(2): the machine and the limits of a process.
import { E, err } from '../src/abi/errno.js'
import { RLIM_NLIMITS, RLIMIT, RLIMIT_SIZE, RUSAGE, readLimit, writeLimit } from '../src/abi/resource.js'
import { newSystemInfo, SYSINFO_SIZE, writeSystemInfo } from '../src/abi/sysinfo.js'
import { UTSNAME_SIZE, writeSystemName } from '../src/abi/utsname.js'
import { CAP, hasCapability } from '../src/processor/credentials.js'
import type { Task } from '../src/processor/task.js'
import { Int, OutBuffer, Size } from './arguments.js'
import { full, partial, syscall } from './define.js'
import { RandomFlags, Resource, UsageOf } from './flags.js'
import { OutRlimit, OutRusage, OutSysinfo, OutUtsname, Rlimit } from './structures.js'
import { residentBytes, usedNsec, writeUsage } from './usage.js'

/** PER_LINUX32 of personality(2) asks for the name of a 32-bit machine (override_architecture, kernel/sys.c). */
const PERSONALITY_MASK = 0xff
const PER_LINUX32 = 8
const machineOf = ({ process }: Task): string =>
  (process.switches.personality & PERSONALITY_MASK) === PER_LINUX32 ? 'i686' : 'x86_64'

export const uname = syscall({
  number: 63,
  name: 'uname',
  returns: Int,
  support: full,
  args: { name: OutUtsname },
  run(task, { name }) {
    const system = { sysname: '', nodename: '', release: '', version: '', machine: '', domainname: '' }
    const result = task.kernel.host.uname(system)
    if (result < 0) return result
    writeSystemName(task.memory.scratch, 0, { ...system, machine: machineOf(task) })
    return task.memory.store(name, UTSNAME_SIZE)
  },
})

const info = newSystemInfo()

export const sysinfo = syscall({
  number: 99,
  name: 'sysinfo',
  returns: Int,
  support: partial("the host's memory"),
  args: { info: OutSysinfo },
  run(task, { info: address }) {
    const result = task.kernel.host.sysinfo(info)
    if (result < 0) return result
    writeSystemInfo(task.memory.scratch, 0, info)
    return task.memory.store(address, SYSINFO_SIZE)
  },
})

function limits(task: Task, pid: number, resource: number, fresh: number, old: number): number {
  if (fresh !== 0 && task.memory.load(fresh, RLIMIT_SIZE) < 0) return err(E.FAULT)
  if (resource < 0 || resource >= RLIM_NLIMITS) return err(E.INVAL)
  const process = pid === 0 ? task.process : task.kernel.processes.get(pid)
  if (process === undefined) return err(E.SRCH)
  const { memory } = task
  const limit = process.limits[resource]!
  const { current, maximum } = limit
  if (fresh !== 0) {
    const wanted = readLimit(memory.scratch, 0)
    const wantedMaximum = readLimit(memory.scratch, 8)
    if (wanted > wantedMaximum) return err(E.INVAL)
    if (wantedMaximum > maximum && !hasCapability(task.process.credentials, CAP.SYS_RESOURCE)) return err(E.PERM)
    limit.current = wanted
    limit.maximum = wantedMaximum
    // A space that is borrowed (vfork(2)) keeps its owner's limits; the program that is executed next gets these.
    if (process.space.users === 1 && resource === RLIMIT.STACK) process.space.stackLimit = wanted
    if (process.space.users === 1 && resource === RLIMIT.AS) process.space.sizeLimit = wanted
  }
  if (old === 0) return 0
  writeLimit(memory.scratch, 0, current)
  writeLimit(memory.scratch, 8, maximum)
  return memory.store(old, RLIMIT_SIZE)
}

const LIMITS = partial(
  'those of files, memory, descriptors, CPU time, processes and queued signals are kept to; the others only remembered',
)

export const getrlimit = syscall({
  number: 97,
  name: 'getrlimit',
  returns: Int,
  support: full,
  args: { resource: Resource, limit: OutRlimit },
  run: (task, { resource, limit }) =>
    limit === 0 && resource >= 0 && resource < RLIM_NLIMITS ? err(E.FAULT) : limits(task, 0, resource, 0, limit),
})

export const setrlimit = syscall({
  number: 160,
  name: 'setrlimit',
  returns: Int,
  support: LIMITS,
  args: { resource: Resource, limit: Rlimit },
  run: (task, { resource, limit }) => (limit === 0 ? err(E.FAULT) : limits(task, 0, resource, limit, 0)),
})

export const prlimit64 = syscall({
  number: 302,
  name: 'prlimit64',
  returns: Int,
  support: LIMITS,
  args: { pid: Int, resource: Resource, fresh: Rlimit, old: OutRlimit },
  run: (task, { pid, resource, fresh, old }) => limits(task, pid, resource, fresh, old),
})

export const getrusage = syscall({
  number: 98,
  name: 'getrusage',
  returns: Int,
  support: partial('CPU time, all as the program’s own, and resident memory'),
  args: { who: UsageOf, usage: OutRusage },
  run(task, { who, usage: address }) {
    if (who !== RUSAGE.SELF && who !== RUSAGE.CHILDREN && who !== RUSAGE.THREAD) return err(E.INVAL)
    const ofChildren = who === RUSAGE.CHILDREN
    return writeUsage(task, address, usedNsec(task, task.process, ofChildren), ofChildren ? 0 : residentBytes(task))
  },
})

const GRND_RANDOM = 2
const GRND_INSECURE = 4
const GETRANDOM_FLAGS = 7
const PAGE = 4096
const PIECE = 4096

export const getrandom = syscall({
  number: 318,
  name: 'getrandom',
  returns: Size,
  support: full,
  args: { buf: OutBuffer('count', true), count: Size, flags: RandomFlags },
  run(task, { buf, count, flags }) {
    if ((flags & ~GETRANDOM_FLAGS) !== 0) return err(E.INVAL)
    if ((flags & GRND_RANDOM) !== 0 && (flags & GRND_INSECURE) !== 0) return err(E.INVAL)
    const piece = new Uint8Array(Math.min(count, PIECE))
    // Interruptible after 256 bytes in Linux: a long call may be short there too.
    const length = Math.min(count, 1 << 20)
    for (let done = 0; done < length; ) {
      task.kernel.entropy(piece)
      // Up to the end of a page, so that a hole behind it ends the call with what there is.
      const part = Math.min(piece.length, length - done, PAGE - ((buf + done) % PAGE))
      const failed = task.memory.copyOut(buf + done, piece, part)
      if (failed < 0) return done > 0 ? done : failed
      done += part
    }
    return length
  },
})
