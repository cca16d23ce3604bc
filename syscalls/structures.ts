// Arguments that are addresses of structures and arrays: how strace(1) shows what the call reads there, or, after it, what it left. The layouts
// are those of src/abi. `reads(…)` is shown as it was before the call, `fills(…)` as it is after one that did not fail.
import { DIRENT } from '../src/abi/dirent.js'
import { EPOLL, EPOLL_EVENT_SIZE, POLL, POLLFD, POLLFD_SIZE } from '../src/abi/poll.js'
import { ARCH } from '../src/abi/prctl.js'
import { RLIMIT_SIZE, RUSAGE_SIZE, readLimit } from '../src/abi/resource.js'
import { signalName } from '../src/abi/signal.js'
import { STAT, STAT_SIZE } from '../src/abi/stat.js'
import { FS_MAGIC, newFileSystemStatus, readStatfs, ST, STATFS_SIZE } from '../src/abi/statfs.js'
import { STATX_FIELD, STATX_SIZE } from '../src/abi/statx.js'
import { newSystemInfo, readSystemInfo, SYSINFO_SIZE } from '../src/abi/sysinfo.js'
import { ITIMERVAL_SIZE, TIMESPEC_SIZE, TIMEVAL_SIZE, TMS_SIZE, UTIME_NOW, UTIME_OMIT } from '../src/abi/time.js'
import { IOVEC_SIZE, readIovecBase, readIovecLength } from '../src/abi/uio.js'
import { readSystemName, UTSNAME_SIZE } from '../src/abi/utsname.js'
import { CONTINUED_STATUS, exitCodeOf, isExited, isStopped, termSignalOf } from '../src/abi/wait.js'
import { readSigned, readUnsigned } from '../src/abi/word.js'
import type { Task } from '../src/processor/task.js'
import { type ArgumentType, asUnsigned64, numeric, type ShownCall, showAddress, showHex } from './arguments.js'
import { isDevice, showBits, showDevice, showFileMode, showOpenFlags, showStatxMask } from './flags.js'
import { quote, SHOWN_BYTES } from './quote.js'

/** Elements of an array that are shown. */
const SHOWN_ELEMENTS = 32
/** No structure is longer. */
const SIZE_MAX = 4096

type Show = (view: DataView, call: ShownCall, address: number) => string

/** The bytes there, or null where they cannot be read. */
export function bytesAt(task: Task, address: number, size: number): DataView | null {
  const bytes = new Uint8Array(size)
  return size <= SIZE_MAX && task.memory.copyIn(address, bytes) >= 0 ? new DataView(bytes.buffer) : null
}

/** What a structure at an address looks like; the address when it cannot be read. */
export function showAt(call: ShownCall, address: number, size: number, show: Show): string {
  const view = address === 0 ? null : bytesAt(call.task, address, size)
  return view === null ? showAddress(address) : show(view, call, address)
}

export const reads = (kind: string, size: number, show: Show): ArgumentType<number> =>
  numeric(kind, asUnsigned64, (address, call) => showAt(call, address, size, show))

/** `when` says whether a call with this result has filled it. */
export const fills = (kind: string, size: number, show: Show, when = (result: number) => result >= 0) =>
  numeric(
    `out ${kind}`,
    asUnsigned64,
    (address, call) => (when(call.result) ? showAt(call, address, size, show) : showAddress(address)),
    { after: true },
  )

/** `[a, b, ...]`: `count` elements of `size` bytes. */
export function showArray(call: ShownCall, address: number, count: number, size: number, show: Show): string {
  if (address === 0 || !(count >= 0)) return showAddress(address)
  const parts: string[] = []
  for (let index = 0; index < Math.min(count, SHOWN_ELEMENTS); index++) {
    const view = bytesAt(call.task, address + index * size, size)
    if (view === null && index === 0) return showAddress(address)
    parts.push(view === null ? `... /* ${showAddress(address + index * size)} */` : show(view, call, address))
    if (view === null) break
  }
  return `[${parts.join(', ')}${count > SHOWN_ELEMENTS ? ', ...' : ''}]`
}

const signed = (view: DataView): number => view.getInt32(0, true)
const showInt: Show = (view) => String(signed(view))

/** struct sched_param. */
export const SchedParam = reads('sched_param', 4, (view) => `[${signed(view)}]`)
export const OutInt = fills('int', 4, (view) => `[${signed(view)}]`)
/** pipe(2), socketpair(2). */
export const OutFds: ArgumentType<number> = {
  ...fills('fd pair', 8, (view) => `[${signed(view)}, ${view.getInt32(4, true)}]`),
  traced: 'desc',
}
/** A file offset that is read and then moved on. */
export const InOffset = reads('offset', 8, (view) => `[${readSigned(view, 0)}]`)
/** arch_prctl(2): where a base is stored, or the base itself. */
export const ArchAddress = numeric(
  'depends on operation',
  asUnsigned64,
  (address, call) => {
    const { operation } = call.values
    if (operation !== ARCH.GET_FS && operation !== ARCH.GET_GS) return showHex(address)
    return call.result < 0
      ? showHex(address)
      : showAt(call, address, 8, (view) => `[${showHex(readUnsigned(view, 0))}]`)
  },
  { after: true },
)
/** Ids, as many as the call answers. */
export const OutIds = numeric(
  'out ids',
  asUnsigned64,
  (address, call) => (call.result < 0 ? showAddress(address) : showArray(call, address, call.result, 4, showInt)),
  { after: true },
)

// Time

const showFraction = (view: DataView, at: number, unit: string): string =>
  `{tv_sec=${readSigned(view, at)}, tv_${unit}=${readSigned(view, at + 8)}}`
export const showTimespec: Show = (view) => showFraction(view, 0, 'nsec')
const showTimeval: Show = (view) => showFraction(view, 0, 'usec')
const showInterval: Show = (view) =>
  `{it_interval=${showFraction(view, 0, 'usec')}, it_value=${showFraction(view, TIMEVAL_SIZE, 'usec')}}`

const showIntervalSpec: Show = (view) =>
  `{it_interval=${showFraction(view, 0, 'nsec')}, it_value=${showFraction(view, TIMESPEC_SIZE, 'nsec')}}`
export const Itimerspec = reads('itimerspec', 2 * TIMESPEC_SIZE, showIntervalSpec)
export const OutItimerspec = fills('itimerspec', 2 * TIMESPEC_SIZE, showIntervalSpec)
export const Timespec = reads('timespec', TIMESPEC_SIZE, showTimespec)
export const OutTimespec = fills('timespec', TIMESPEC_SIZE, showTimespec)
export const Timeval = reads('timeval', TIMEVAL_SIZE, showTimeval)
export const OutTimeval = fills('timeval', TIMEVAL_SIZE, showTimeval)
export const Itimerval = reads('itimerval', ITIMERVAL_SIZE, showInterval)
export const OutItimerval = fills('itimerval', ITIMERVAL_SIZE, showInterval)
/** What is left of a sleep that was interrupted; nothing is written otherwise. */
export const Remaining = fills('timespec', TIMESPEC_SIZE, showTimespec, (result) => result === -4)
export const OutTms = fills('tms', TMS_SIZE, (view) => {
  const fields = ['tms_utime', 'tms_stime', 'tms_cutime', 'tms_cstime']
  return `{${fields.map((name, index) => `${name}=${readSigned(view, 8 * index)}`).join(', ')}}`
})

/** A time of day in UTC, as strace's comments have it; empty beyond the years that Date knows. */
export function showDate(sec: number, nsec: number): string {
  const date = new Date(sec * 1000)
  if (sec === 0 || Number.isNaN(date.getTime())) return ''
  const fraction = nsec === 0 ? '' : `.${String(nsec).padStart(9, '0')}`
  return `${date.toISOString().slice(0, 19)}${fraction}+0000`
}

function showFileTime(view: DataView, unit: 'nsec' | 'usec'): string {
  const sec = readSigned(view, 0)
  const rest = readSigned(view, 8)
  if (unit === 'nsec' && rest === UTIME_NOW) return 'UTIME_NOW'
  if (unit === 'nsec' && rest === UTIME_OMIT) return 'UTIME_OMIT'
  const date = showDate(sec, unit === 'nsec' ? rest : rest * 1000)
  return `${showFraction(view, 0, unit)}${date === '' ? '' : ` /* ${date} */`}`
}

const fileTimes = (unit: 'nsec' | 'usec') =>
  numeric(`two times in ${unit}`, asUnsigned64, (address, call) =>
    showArray(call, address, 2, TIMESPEC_SIZE, (view) => showFileTime(view, unit)),
  )
export const FileTimes = fileTimes('nsec')
export const FileTimevals = fileTimes('usec')

/** time(2). */
export const OutTime = fills('time', 8, (view) => {
  const sec = readSigned(view, 0)
  return `[${sec}${showDate(sec, 0) === '' ? '' : ` /* ${showDate(sec, 0)} */`}]`
})
export const TimeResult = numeric('seconds', asUnsigned64, (sec) => `${sec} (${showDate(sec, 0)})`)

// Files

export const OutStat = fills('stat', STAT_SIZE, (view) => {
  const mode = view.getUint32(STAT.MODE, true)
  const size = isDevice(mode)
    ? `st_rdev=${showDevice(view.getUint32(STAT.RDEV, true))}`
    : `st_size=${readSigned(view, STAT.SIZE)}`
  return `{st_mode=${showFileMode(mode)}, ${size}, ...}`
})

export const OutStatx = fills('statx', STATX_SIZE, (view) => {
  const mask = showStatxMask(view.getUint32(STATX_FIELD.MASK, true))
  const attributes = showHex(readUnsigned(view, STATX_FIELD.ATTRIBUTES))
  const mode = showFileMode(view.getUint16(STATX_FIELD.MODE, true))
  return `{stx_mask=${mask}, stx_attributes=${attributes}, stx_mode=${mode}, stx_size=${readSigned(view, STATX_FIELD.SIZE)}, ...}`
})

const fileSystem = newFileSystemStatus()
export const OutStatfs = fills('statfs', STATFS_SIZE, (view) => {
  readStatfs(view, 0, fileSystem)
  const { type, bsize, blocks, bfree, bavail, files, ffree, fsidLow, fsidHigh, namelen, frsize, flags } = fileSystem
  const magic = Object.entries(FS_MAGIC).find(([, number]) => number === type)?.[0]
  return (
    `{f_type=${magic ?? showHex(type)}, f_bsize=${bsize}, f_blocks=${blocks}, f_bfree=${bfree}, ` +
    `f_bavail=${bavail}, f_files=${files}, f_ffree=${ffree}, f_fsid={val=[${showHex(fsidLow)}, ${showHex(fsidHigh)}]}, ` +
    `f_namelen=${namelen}, f_frsize=${frsize}, f_flags=${showBits(flags, 'ST_', ST)}}`
  )
})

/** getdents64(2): how many entries there are. */
export const OutDirents = numeric(
  'out directory entries',
  asUnsigned64,
  (address, call) => {
    if (call.result < 0) return showAddress(address)
    let entries = 0
    for (let at = 0; at < call.result; entries++) {
      const view = bytesAt(call.task, address + at + DIRENT.RECLEN, 2)
      const length = view === null ? 0 : view.getUint16(0, true)
      if (length === 0) break
      at += length
    }
    return `${showAddress(address)} /* ${entries} ${entries === 1 ? 'entry' : 'entries'} */`
  },
  { after: true },
)

/** struct iovec: what is written is all of it, what was read the first `result` bytes. */
function showIovecs(call: ShownCall, address: number, count: number, bytes: number): string {
  let left = bytes
  return showArray(call, address, count, IOVEC_SIZE, (view) => {
    const base = readIovecBase(view, 0)
    const length = readIovecLength(view, 0)
    const filled = Math.min(length, left)
    left -= filled
    const part = bytesAt(call.task, base, Math.min(filled, SHOWN_BYTES))
    const text = part === null ? showAddress(base) : quote(new Uint8Array(part.buffer), { cut: filled > SHOWN_BYTES })
    return `{iov_base=${text}, iov_len=${length}}`
  })
}

export const Iovecs = (count: string) =>
  numeric(`iovecs of ${count}`, asUnsigned64, (address, call) =>
    showIovecs(call, address, Number(call.values[count]), Infinity),
  )
export const OutIovecs = (count: string) =>
  numeric(
    `out iovecs of ${count}`,
    asUnsigned64,
    (address, call) =>
      call.result < 0 ? showAddress(address) : showIovecs(call, address, Number(call.values[count]), call.result),
    { after: true },
  )

export const OpenHow = reads('open_how', 24, (view) => {
  const mode = readUnsigned(view, 8)
  const shown = mode === 0 ? '' : `mode=0${mode.toString(8)}, `
  return `{flags=${showOpenFlags(readUnsigned(view, 0))}, ${shown}resolve=${showHex(readUnsigned(view, 16))}}`
})

// Waiting for descriptors

const fdOf = (view: DataView): number => view.getInt32(POLLFD.FD, true)
const events = (view: DataView, at: number): string => showBits(view.getUint16(at, true), 'POLL', POLL)

/** What is left of a time-out, behind an answer. */
const showLeft = (call: ShownCall, address: number, show: Show): string =>
  address === 0 ? '' : `, left ${showAt(call, address, TIMESPEC_SIZE, show)}`

/** What is asked of poll(2). */
export const Pollfds = (count: string): ArgumentType<number> =>
  numeric(
    `pollfds of ${count}`,
    asUnsigned64,
    (address, call) =>
      showArray(call, address, Number(call.values[count]), POLLFD_SIZE, (view) =>
        fdOf(view) < 0 ? `{fd=${fdOf(view)}}` : `{fd=${fdOf(view)}, events=${events(view, POLLFD.EVENTS)}}`,
      ),
    { traced: 'desc' },
  )

/** What poll(2) answers: the descriptors with events, behind their number. */
export const PollResult = (fds: string, count: string, timespec = ''): ArgumentType<number> =>
  numeric('number of ready descriptors', asUnsigned64, (result, call) => {
    if (result === 0) return '0 (Timeout)'
    const ready: string[] = []
    for (let index = 0; index < Math.min(Number(call.values[count]), 1024); index++) {
      const view = bytesAt(call.task, Number(call.values[fds]) + index * POLLFD_SIZE, POLLFD_SIZE)
      if (view === null || view.getUint16(POLLFD.REVENTS, true) === 0) continue
      ready.push(`{fd=${fdOf(view)}, revents=${events(view, POLLFD.REVENTS)}}`)
    }
    const left = timespec === '' ? '' : showLeft(call, Number(call.values[timespec]), showTimespec)
    return `${result} ([${ready.join(', ')}]${left})`
  })

/** The members of an fd_set. */
function membersOf(call: ShownCall, address: number): string | null {
  const count = Math.min(Math.max(0, Number(call.values.nfds)), 1024)
  const view = address === 0 ? null : bytesAt(call.task, address, Math.ceil(count / 64) * 8)
  if (view === null) return null
  const members = Array.from({ length: count }, (_, fd) => fd).filter(
    (fd) => ((view.getUint8(fd >> 3) >> (fd & 7)) & 1) !== 0,
  )
  return `[${members.join(' ')}]`
}

export const FdSet: ArgumentType<number> = numeric(
  'fd_set',
  asUnsigned64,
  (address, call) => membersOf(call, address) ?? showAddress(address),
  { traced: 'desc' },
)

/** What select(2) answers: the members that are left in each set. */
const selectResult = (show: Show) =>
  numeric('number of ready descriptors', asUnsigned64, (result, call) => {
    if (result === 0) return '0 (Timeout)'
    const sets = [
      ['in', 'reads'],
      ['out', 'writes'],
      ['except', 'exceptions'],
    ] as const
    const left = sets.flatMap(([word, name]) => {
      const members = membersOf(call, Number(call.values[name]))
      return members === null || members === '[]' ? [] : [`${word} ${members}`]
    })
    return `${result} (${left.join(', ')}${showLeft(call, Number(call.values.timeout), show)})`
  })
export const SelectResult = selectResult(showTimeval)
export const PselectResult = selectResult(showTimespec)

const showEpollEvent: Show = (view) => {
  const low = view.getUint32(4, true)
  const high = view.getUint32(8, true)
  const all = high * 0x1_0000_0000 + low
  return `{events=${showBits(view.getUint32(0, true), 'EPOLL', EPOLL)}, data={u32=${low}, u64=${all}}}`
}
export const EpollEvent = reads('epoll_event', EPOLL_EVENT_SIZE, showEpollEvent)
export const OutEpollEvents = numeric(
  'out epoll_events',
  asUnsigned64,
  (address, call) =>
    call.result < 0 ? showAddress(address) : showArray(call, address, call.result, EPOLL_EVENT_SIZE, showEpollEvent),
  { after: true },
)

// Processes and the machine

/** `8192*1024`, as strace shows limits that are whole KiB. */
const showLimit = (limit: number): string =>
  limit === Infinity ? 'RLIM64_INFINITY' : limit > 1024 && limit % 1024 === 0 ? `${limit / 1024}*1024` : String(limit)
const showLimits: Show = (view) =>
  `{rlim_cur=${showLimit(readLimit(view, 0))}, rlim_max=${showLimit(readLimit(view, 8))}}`
export const Rlimit = reads('rlimit', RLIMIT_SIZE, showLimits)
export const OutRlimit = fills('rlimit', RLIMIT_SIZE, showLimits)

const showUsage: Show = (view) =>
  `{ru_utime=${showFraction(view, 0, 'usec')}, ru_stime=${showFraction(view, 16, 'usec')}, ...}`
export const OutRusage = fills('rusage', RUSAGE_SIZE, showUsage)
/** Of a child that was waited for. */
export const ChildRusage = fills('rusage', RUSAGE_SIZE, showUsage, (result) => result > 0)

function showStatus(status: number): string {
  if (status === CONTINUED_STATUS) return '{WIFCONTINUED(s)}'
  if (isExited(status)) return `{WIFEXITED(s) && WEXITSTATUS(s) == ${exitCodeOf(status)}}`
  if (isStopped(status)) return `{WIFSTOPPED(s) && WSTOPSIG(s) == ${signalName(exitCodeOf(status))}}`
  const dumped = (status & 0x80) === 0 ? '' : ' && WCOREDUMP(s)'
  return `{WIFSIGNALED(s) && WTERMSIG(s) == ${signalName(termSignalOf(status))}${dumped}}`
}
export const WaitStatus = fills(
  'wait status',
  4,
  (view) => `[${showStatus(view.getUint32(0, true))}]`,
  (result) => result > 0,
)

export const OutUtsname = fills('utsname', UTSNAME_SIZE, (view) => {
  const { sysname, nodename } = readSystemName(new Uint8Array(view.buffer))
  return `{sysname=${JSON.stringify(sysname)}, nodename=${JSON.stringify(nodename)}, ...}`
})

const machine = newSystemInfo()
export const OutSysinfo = fills('sysinfo', SYSINFO_SIZE, (view) => {
  readSystemInfo(view, 0, machine)
  const { uptimeSec, loads, totalRam, freeRam, sharedRam, bufferRam, totalSwap, freeSwap, procs } = machine
  return (
    `{uptime=${uptimeSec}, loads=[${loads.join(', ')}], totalram=${totalRam}, freeram=${freeRam}, sharedram=${sharedRam}, ` +
    `bufferram=${bufferRam}, totalswap=${totalSwap}, freeswap=${freeSwap}, procs=${procs}, totalhigh=0, freehigh=0, mem_unit=1}`
  )
})

const showCpus = (view: DataView): string => {
  const cpus = Array.from({ length: view.byteLength * 8 }, (_, cpu) => cpu)
  return `[${cpus.filter((cpu) => ((view.getUint8(cpu >> 3) >> (cpu & 7)) & 1) !== 0).join(' ')}]`
}
/** CPUs of `size` bytes. */
export const Cpus = numeric('CPU set', asUnsigned64, (address, call) =>
  showAt(call, address, Number(call.values.size), showCpus),
)
/** mincore(2): a byte for each page of `length`. */
export const OutResidency = numeric(
  'out bytes for pages',
  asUnsigned64,
  (address, call) =>
    call.result < 0
      ? showAddress(address)
      : showArray(call, address, Math.ceil(Number(call.values.length) / 4096), 1, (view) =>
          String(view.getUint8(0) & 1),
        ),
  { after: true },
)

/** CPUs, as many bytes of them as the call answers. */
export const OutCpus = numeric(
  'out CPU set',
  asUnsigned64,
  (address, call) => {
    const view = call.result <= 0 ? null : bytesAt(call.task, address, call.result)
    return view === null ? showAddress(address) : showCpus(view)
  },
  { after: true },
)

/** The strings of a program: `["ls", "-l"]`. */
export const Arguments = numeric('strings', asUnsigned64, (address, { task }) => {
  const parts: string[] = []
  for (let at = address; at !== 0; at += 8) {
    const pointer = task.memory.readU64(at)
    if (pointer < 0) return showAddress(address)
    if (pointer === 0) return `[${parts.join(', ')}]`
    if (parts.length === SHOWN_ELEMENTS) return `[${parts.join(', ')}, ...]`
    const bytes = task.memory.readBytes(pointer, 32 * SIZE_MAX)
    parts.push(
      typeof bytes === 'number'
        ? showAddress(pointer)
        : quote(bytes.subarray(0, SHOWN_BYTES), { cut: bytes.length > SHOWN_BYTES }),
    )
  }
  return 'NULL'
})

/** The environment of a program: only how much there is of it. */
export const Environment = numeric('strings', asUnsigned64, (address, { task }) => {
  if (address === 0) return 'NULL'
  for (let count = 0; ; count++) {
    const pointer = task.memory.readU64(address + 8 * count)
    if (pointer < 0) return showAddress(address)
    if (pointer === 0) return `${showAddress(address)} /* ${count} var${count === 1 ? '' : 's'} */`
  }
})
