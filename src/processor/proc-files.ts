// What is under /proc/PID of a guest's process: a row a name. The host's /proc knows only the processes of the machine below, so that everything of a
// process is written here from the kernel's own tables, in the formats of proc(5). What does not depend on the process (`host`) is the host's own.
// Leaves out what only a tracer or the kernel's developers read (stack, syscall, pagemap, …): those names are not there.
import { AUX } from '../abi/auxv.js'
import { O } from '../abi/fcntl.js'
import { MAP, PROT } from '../abi/mman.js'
import { RLIM_NLIMITS, RLIMIT } from '../abi/resource.js'
import { NSIG, SIG_DFL, SIG_IGN } from '../abi/signal.js'
import { majorOf, minorOf, newFileStatus } from '../abi/stat.js'
import { CLOCK_TICKS } from '../abi/time.js'
import { bytesOfPath } from '../lib/path-text.js'
import { PAGE, type Vma } from '../wire/layout.js'
import { type Description, HostFile, StorageFile } from './files.js'
import { MemoryFile } from './memory-file.js'
import { isLocked, sizeOf } from './memory-limits.js'
import type { Process } from './process.js'
import type { PendingSignals } from './signals.js'
import { deviceAndInode } from './storage.js'
import type { Task } from './task.js'
import { STATE } from './task-state.js'

/** Text, or bytes as they are. */
type Content = string | Uint8Array

export interface ProcFile {
  readonly kind: 'file'
  readonly mode: number
  read(task: Task): Content
  /** 0 or an errno; absent: whoever may open it for writing cannot write. */
  write?(task: Task, text: string): number
  /** It has an end, of size 0, for lseek(2); the others have none (seq_lseek, fs/seq_file.c). */
  readonly hasEnd?: boolean
}

export interface ProcLink {
  readonly kind: 'link'
  /** What readlink(2) says. */
  text(task: Task): string
}

/** The host's own file of this name. */
export interface ProcHost {
  readonly kind: 'host'
}

export interface ProcDirectory {
  readonly kind: 'directory'
  /** Names that are numbers: descriptors or threads. */
  numbers(task: Task): readonly number[]
}

export type ProcRow = ProcFile | ProcLink | ProcHost | ProcDirectory

const file = (read: (task: Task) => Content, mode = 0o444): ProcFile => ({ kind: 'file', mode, read })
const withEnd = (row: ProcFile): ProcFile => ({ ...row, hasEnd: true })
const link = (text: (task: Task) => string): ProcLink => ({ kind: 'link', text })
const host: ProcHost = { kind: 'host' }

const KIB = 1024
const kib = (bytes: number): number => Math.floor(bytes / KIB)

// Memory

const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, '0')
const isWritable = ({ prot }: Vma): boolean => (prot & PROT.WRITE) !== 0
const isStack = ({ flags }: Vma): boolean => (flags & MAP.GROWSDOWN) !== 0
const isPrivate = ({ flags }: Vma): boolean => (flags & MAP.SHARED) === 0

function nameOf({ space }: Process, vma: Vma): string {
  if (vma.path !== '' || vma.file !== '') return vma.path
  if (isStack(vma) && (vma.flags & MAP.STACK) !== 0) return '[stack]'
  if (vma.start < space.kernelBrk() && vma.end > space.brkStart) return '[heap]'
  return vma.object !== 0 ? '/dev/zero (deleted)' : ''
}

function mapLine(process: Process, vma: Vma): string {
  const { start, end, prot, offset } = vma
  const [device, inode] = deviceAndInode(vma.file)
  const rights = [
    prot & PROT.READ ? 'r' : '-',
    prot & PROT.WRITE ? 'w' : '-',
    prot & PROT.EXEC ? 'x' : '-',
    isPrivate(vma) ? 'p' : 's',
  ].join('')
  const head = `${hex(start, 8)}-${hex(end, 8)} ${rights} ${hex(offset, 8)} ${hex(majorOf(device), 2)}:${hex(minorOf(device), 2)} ${inode} `
  const name = nameOf(process, vma)
  return name === '' ? head : `${head.padEnd(73)}${name.replaceAll('\n', '\\012')}`
}

const maps = ({ process }: Task): string => process.space.vmas.map((vma) => `${mapLine(process, vma)}\n`).join('')

/** Bytes of a mapping that have a line in the ExCache. */
const residentOf = ({ kernel, process }: Task, { start, end }: { start: number; end: number }): number =>
  kernel.cache.linesOf(process.space.asid, start / PAGE, end / PAGE) * PAGE

function smapsOf(task: Task, vma: Vma): string {
  const resident = kib(residentOf(task, vma))
  const anonymous = vma.file === '' && isPrivate(vma) ? resident : 0
  const dirty = isWritable(vma) && isPrivate(vma) ? resident : 0
  const rows: readonly (readonly [string, number])[] = [
    ['Size', kib(vma.end - vma.start)],
    ['KernelPageSize', 4],
    ['MMUPageSize', 4],
    ['Rss', resident],
    ['Pss', resident],
    ['Shared_Clean', 0],
    ['Shared_Dirty', 0],
    ['Private_Clean', resident - dirty],
    ['Private_Dirty', dirty],
    ['Referenced', resident],
    ['Anonymous', anonymous],
    ['Swap', 0],
    ['SwapPss', 0],
    ['Locked', isLocked(vma) ? resident : 0],
  ]
  const lines = rows.map(([name, value]) => `${`${name}:`.padEnd(16)}${String(value).padStart(8)} kB\n`)
  return `${mapLine(task.process, vma)}\n${lines.join('')}`
}

const everything = { start: 0, end: 2 ** 47 }

function statm(task: Task): string {
  const { vmas } = task.process.space
  const text = vmas.filter((vma) => (vma.prot & PROT.EXEC) !== 0 && vma.file !== '')
  const data = vmas.filter((vma) => isWritable(vma) && isPrivate(vma))
  const counts = [sizeOf(vmas), residentOf(task, everything), 0, sizeOf(text), 0, sizeOf(data), 0]
  return `${counts.map((bytes) => bytes / PAGE).join(' ')}\n`
}

/** What the program's strings and auxiliary vector are now. */
function memoryOf({ process }: Task, start: number, end: number): Uint8Array {
  const bytes = new Uint8Array(Math.max(0, end - start))
  return process.space.memory.copyIn(start, bytes) < 0 ? new Uint8Array(0) : bytes
}

function auxv(task: Task): Uint8Array {
  const { auxStart } = task.process.space
  const { memory } = task
  let end = auxStart
  while (memory.readU64(end) > AUX.NULL) end += 16
  return memoryOf(task, auxStart, end + 16)
}

// The process as a whole

/** The letter of its state; a process that reads about itself runs. */
function stateOf({ process, state }: Task): readonly [letter: string, word: string] {
  if (process.status >= 0) return ['Z', 'zombie']
  if (process.stopped) return ['T', 'stopped']
  return state === STATE.blocked ? ['S', 'sleeping'] : ['R', 'running']
}

const parentOf = ({ parent, outsideParent }: Process): number => parent?.pid ?? outsideParent
const secondsToTicks = (nsec: number): number => Math.floor((nsec / 1e9) * CLOCK_TICKS)

function signalSet(process: Process, matches: (handler: number) => boolean): readonly [low: number, high: number] {
  let low = 0
  let high = 0
  for (let signal = 1; signal <= NSIG; signal++) {
    if (!matches(process.actions[signal]!.handler)) continue
    if (signal <= 32) low |= 1 << (signal - 1)
    else high |= 1 << (signal - 33)
  }
  return [low, high]
}

const ignored = (handler: number): boolean => handler === SIG_IGN
const caught = (handler: number): boolean => handler !== SIG_IGN && handler !== SIG_DFL
const set = (low: number, high: number): string => hex(high >>> 0, 8) + hex(low >>> 0, 8)
const setOf = ({ low, high }: PendingSignals): string => set(low, high)

/** proc_pid_stat(5): 52 fields. What nobody counts here is 0. */
function stat(task: Task): string {
  const { process, kernel } = task
  const { space } = process
  const cpu = secondsToTicks(kernel.scheduler.cpuNsec(process))
  const [ignoredLow] = signalSet(process, ignored)
  const [caughtLow] = signalSet(process, caught)
  const code = space.vmas.find(({ prot, file: key }) => (prot & PROT.EXEC) !== 0 && key !== '')
  const stack = space.vmas.find(isStack)
  const { nice, policy, priority } = process.scheduling
  const terminal = kernel.host.isatty(0) ? terminalOf(kernel.host.fstat.bind(kernel.host)) : 0
  const fields: readonly (string | number)[] = [
    process.pid,
    `(${task.name})`,
    stateOf(task)[0],
    parentOf(process),
    process.pgid,
    process.sid,
    terminal,
    terminal === 0 ? -1 : kernel.foregroundGroup,
    4194304,
    0,
    0,
    0,
    0,
    cpu,
    0,
    0,
    0,
    priority > 0 ? -1 - priority : 20 + nice,
    nice,
    process.tasks.size,
    0,
    secondsToTicks(process.startNsec),
    sizeOf(space.vmas),
    residentOf(task, everything) / PAGE,
    '18446744073709551615',
    code?.start ?? 0,
    code?.end ?? 0,
    stack === undefined ? 0 : stack.end - PAGE,
    0,
    0,
    (task.pending.low | process.pending.low) >>> 0,
    task.maskLow >>> 0,
    ignoredLow >>> 0,
    caughtLow >>> 0,
    0,
    0,
    0,
    process.exitSignal,
    Math.max(0, task.vcpu),
    priority,
    policy,
    0,
    0,
    0,
    0,
    0,
    space.brkStart,
    space.argStart,
    space.argEnd,
    space.argEnd,
    space.envEnd,
    Math.max(0, process.status),
  ]
  return `${fields.join(' ')}\n`
}

const standardInput = newFileStatus()
function terminalOf(fstat: (fd: number, out: typeof standardInput) => number): number {
  return fstat(0, standardInput) < 0 ? 0 : standardInput.rdev
}

function status(task: Task): string {
  const { process } = task
  const { uid, euid, suid, fsuid, gid, egid, sgid, fsgid, superLow, superHigh } = process.credentials
  const { space, files, switches } = process
  const stack = space.vmas.filter(isStack)
  const data = space.vmas.filter((vma) => isWritable(vma) && isPrivate(vma) && !isStack(vma))
  const text = space.vmas.filter((vma) => (vma.prot & PROT.EXEC) !== 0 && vma.file !== '')
  const [letter, word] = stateOf(task)
  const bounding = set(superLow, superHigh)
  const permitted = [uid, euid, suid].includes(0) ? bounding : set(0, 0)
  const size = (bytes: number): string => `${String(kib(bytes)).padStart(8)} kB`
  const rows: readonly (readonly [string, string | number])[] = [
    ['Name', task.name],
    ['Umask', process.fs.umask.toString(8).padStart(4, '0')],
    ['State', `${letter} (${word})`],
    ['Tgid', process.pid],
    ['Ngid', 0],
    ['Pid', task.tid],
    ['PPid', parentOf(process)],
    ['TracerPid', 0],
    ['Uid', `${uid}\t${euid}\t${suid}\t${fsuid}`],
    ['Gid', `${gid}\t${egid}\t${sgid}\t${fsgid}`],
    ['FDSize', files.capacity],
    ['Groups', `${process.credentials.groups.join(' ')} `],
    ['VmPeak', size(sizeOf(space.vmas))],
    ['VmSize', size(sizeOf(space.vmas))],
    ['VmLck', size(sizeOf(space.vmas.filter(isLocked)))],
    ['VmPin', size(0)],
    ['VmHWM', size(residentOf(task, everything))],
    ['VmRSS', size(residentOf(task, everything))],
    ['VmData', size(sizeOf(data))],
    ['VmStk', size(sizeOf(stack))],
    ['VmExe', size(sizeOf(text))],
    ['VmLib', size(0)],
    ['VmSwap', size(0)],
    ['CoreDumping', 0],
    ['THP_enabled', 1 - switches.noHugePages],
    ['Threads', process.tasks.size],
    ['SigQ', `${process.pending.count}/${process.limits[RLIMIT.SIGPENDING]!.current}`],
    ['SigPnd', setOf(task.pending)],
    ['ShdPnd', setOf(process.pending)],
    ['SigBlk', set(task.maskLow, task.maskHigh)],
    ['SigIgn', set(...signalSet(process, ignored))],
    ['SigCgt', set(...signalSet(process, caught))],
    ['CapInh', set(0, 0)],
    ['CapPrm', permitted],
    ['CapEff', euid === 0 ? bounding : set(0, 0)],
    ['CapBnd', bounding],
    ['CapAmb', set(0, 0)],
    ['NoNewPrivs', switches.noNewPrivileges],
    ['Seccomp', 0],
    ['Seccomp_filters', 0],
    ['Cpus_allowed', (2 ** task.kernel.vcpus.count - 1).toString(16)],
    ['Cpus_allowed_list', task.kernel.vcpus.count === 1 ? '0' : `0-${task.kernel.vcpus.count - 1}`],
    ['Mems_allowed_list', '0'],
    ['voluntary_ctxt_switches', 0],
    ['nonvoluntary_ctxt_switches', 0],
  ]
  return rows.map(([name, value]) => `${name}:\t${value}\n`).join('')
}

/** fs/proc/base.c, lnames: by resource number. */
const LIMIT_NAMES: readonly (readonly [string, string])[] = [
  ['Max cpu time', 'seconds'],
  ['Max file size', 'bytes'],
  ['Max data size', 'bytes'],
  ['Max stack size', 'bytes'],
  ['Max core file size', 'bytes'],
  ['Max resident set', 'bytes'],
  ['Max processes', 'processes'],
  ['Max open files', 'files'],
  ['Max locked memory', 'bytes'],
  ['Max address space', 'bytes'],
  ['Max file locks', 'locks'],
  ['Max pending signals', 'signals'],
  ['Max msgqueue size', 'bytes'],
  ['Max nice priority', ''],
  ['Max realtime priority', ''],
  ['Max realtime timeout', 'us'],
]

function limits({ process }: Task): string {
  const shown = (limit: number): string => (limit === Infinity ? 'unlimited' : String(limit))
  const line = (name: string, soft: string, hard: string, unit: string): string =>
    `${name.padEnd(25)} ${soft.padEnd(20)} ${hard.padEnd(20)} `.concat(unit === '' ? '\n' : `${unit.padEnd(10)}\n`)
  let text = line('Limit', 'Soft Limit', 'Hard Limit', 'Units')
  for (let resource = 0; resource < RLIM_NLIMITS; resource++) {
    const { current, maximum } = process.limits[resource]!
    const [name, unit] = LIMIT_NAMES[resource]!
    text += line(name, shown(current), shown(maximum), unit)
  }
  return text
}

// Descriptors

/** What a link of fd/ says. */
export function describe(task: Task, description: Description): string {
  if (description instanceof StorageFile) {
    const isDeleted = description.status(standardInput) >= 0 && standardInput.nlink === 0
    const path = description.storage.pathOf(description.handle)
    const name = typeof path === 'string' ? path : description.handle.path
    return isDeleted ? `${name.replace(/ \(deleted\)$/, '')} (deleted)` : name
  }
  if (description instanceof MemoryFile) return `/memfd:${description.name} (deleted)`
  if (description instanceof HostFile) return task.kernel.host.describe(description.fd)
  return `anon_inode:[${description.anonymousName}]`
}

export function descriptorInfo(task: Task, fd: number): string {
  const description = task.process.files.get(fd)
  if (description === undefined) return ''
  const flags = description.flags | (task.process.files.closeOnExec(fd) ? O.CLOEXEC : 0)
  const at = description.pollFd < 0 || description.seeks ? Math.max(0, description.seek(0, 1)) : 0
  description.status(standardInput)
  return `pos:\t${at}\nflags:\t0${flags.toString(8)}\nmnt_id:\t0\nino:\t${standardInput.ino}\n`
}

const setName = (task: Task, text: string): number => {
  task.name = text.replace(/\n$/, '').slice(0, 15)
  return 0
}

const TABLE: Readonly<Record<string, ProcRow>> = {
  auxv: withEnd(file(auxv, 0o400)),
  cgroup: host,
  cmdline: withEnd(file((task) => memoryOf(task, task.process.space.argStart, task.process.space.argEnd))),
  comm: { ...file(({ name }) => `${name}\n`, 0o644), write: setName },
  coredump_filter: withEnd(file(() => '00000033\n', 0o644)),
  cwd: link(({ process }) => process.fs.cwd),
  environ: withEnd(file((task) => memoryOf(task, task.process.space.argEnd, task.process.space.envEnd), 0o400)),
  exe: link(({ process }) => process.executable),
  fd: { kind: 'directory', numbers: ({ process }) => process.files.list() },
  fdinfo: { kind: 'directory', numbers: ({ process }) => process.files.list() },
  limits: file(limits),
  loginuid: host,
  maps: file(maps),
  mountinfo: host,
  mounts: host,
  mountstats: host,
  net: host,
  ns: host,
  oom_adj: withEnd(file(({ process }) => `${Math.round((process.oomScoreAdjustment * 17) / 1000)}\n`, 0o644)),
  oom_score: file(({ process }) => `${Math.max(0, 666 + Math.round((process.oomScoreAdjustment * 2) / 3))}\n`),
  oom_score_adj: {
    ...withEnd(file(({ process }) => `${process.oomScoreAdjustment}\n`, 0o644)),
    write: ({ process }, text) => {
      const value = Number(text.trim())
      if (!Number.isInteger(value) || text.trim() === '' || Math.abs(value) > 1000) return -22
      process.oomScoreAdjustment = value
      return 0
    },
  },
  personality: file(({ process }) => `${hex(process.switches.personality, 8)}\n`, 0o400),
  root: link(() => '/'),
  sessionid: host,
  setgroups: host,
  smaps: file((task) => task.process.space.vmas.map((vma) => smapsOf(task, vma)).join('')),
  stat: file(stat),
  statm: file(statm),
  status: file(status),
  task: { kind: 'directory', numbers: ({ process }) => [...process.tasks].map(({ tid }) => tid).sort((a, b) => a - b) },
  timerslack_ns: file(({ process }) => `${process.switches.timerSlackNsec}\n`, 0o666),
  uid_map: host,
  gid_map: host,
  wchan: file(() => '0'),
}

/** Names in /proc/PID, as a listing shows them. */
export const PROC_NAMES: readonly string[] = Object.keys(TABLE)
export const procRow = (name: string): ProcRow | undefined => (Object.hasOwn(TABLE, name) ? TABLE[name] : undefined)

export const bytesOf = (content: Content): Uint8Array => (typeof content === 'string' ? bytesOfPath(content) : content)
