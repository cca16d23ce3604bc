// Arguments that are numbers with names: bits (`O_WRONLY|O_CREAT`) and choices (`SEEK_END`). The names are the keys of the tables in src/abi, and
// their order is that of the text. A new one is one line: bits or choice, the prefix, the table.
import { ACCESS, AT, CLOSE_RANGE, FADV, FALLOC, LOCK, O, RENAME, SEEK, XATTR } from '../src/abi/fcntl.js'
import { MADV, MAP, MCL, MFD, MLOCK_ONFAULT, MREMAP, MS, PROT } from '../src/abi/mman.js'
import { EFD, EPOLL_CLOEXEC, EPOLL_CTL, IN, IN_EVENT, TFD } from '../src/abi/poll.js'
import { ARCH } from '../src/abi/prctl.js'
import { GRND } from '../src/abi/random.js'
import { RLIMIT, RUSAGE } from '../src/abi/resource.js'
import { IOPRIO_WHO, MEMBARRIER, PRIO, SCHED } from '../src/abi/sched.js'
import { SFD, SIG_HOW, signalName } from '../src/abi/signal.js'
import { majorOf, minorOf, S } from '../src/abi/stat.js'
import { STATX } from '../src/abi/statx.js'
import { CLOCK, ITIMER, TIMER_ABSTIME } from '../src/abi/time.js'
import { RWF, SPLICE } from '../src/abi/uio.js'
import { P, W } from '../src/abi/wait.js'
import {
  type ArgumentType,
  asSigned32,
  asUnsigned32,
  asUnsigned64,
  numeric,
  showAddress,
  showHex,
  showMode,
} from './arguments.js'

type Names = Readonly<Record<string, number>>

/** Bits that are a number among them, such as the access mode of open(2). */
interface Field {
  readonly mask: number
  readonly names: Names
}

const pick = <T extends Names>(names: T, ...keys: (keyof T & string)[]): Names =>
  Object.fromEntries(keys.map((key) => [key, names[key]!]))
const omit = (names: Names, ...keys: string[]): Names =>
  Object.fromEntries(Object.entries(names).filter(([key]) => !keys.includes(key)))

/** A number that has no name: its hex, and in a comment whose name it lacks. */
const unnamed = (value: number, what: string): string => `${showHex(value)} /* ${what} */`

const nameIn = (names: Names, value: number): string | undefined =>
  Object.keys(names).find((key) => names[key]! >>> 0 === value >>> 0)

/** `A|B|0x40`: a name of several bits stands before those of its parts. */
export function showBits(value: number, prefix: string, names: Names, field?: Field): string {
  const parts: string[] = []
  let rest = value >>> 0
  const inField = field === undefined ? undefined : nameIn(field.names, rest & field.mask)
  if (inField !== undefined) {
    parts.push(`${prefix}${inField}`)
    rest = (rest & ~field!.mask) >>> 0
  }
  for (const [name, bit] of Object.entries(names)) {
    if (bit === 0 || (rest & bit) >>> 0 !== bit >>> 0) continue
    parts.push(`${prefix}${name}`)
    rest = (rest & ~bit) >>> 0
  }
  if (rest !== 0) parts.push(parts.length === 0 ? unnamed(rest, `${prefix}???`) : showHex(rest))
  return parts.join('|') || '0'
}

export function showChoice(value: number, prefix: string, names: Names): string {
  const name = nameIn(names, value)
  return name === undefined ? unnamed(value >>> 0, `${prefix}???`) : `${prefix}${name}`
}

const bits = (prefix: string, names: Names, field?: Field): ArgumentType<number> =>
  numeric(`${prefix} bits`, asUnsigned32, (value) => showBits(value, prefix, names, field))

const choice = (prefix: string, names: Names): ArgumentType<number> =>
  numeric(`${prefix} number`, asSigned32, (value) => showChoice(value, prefix, names))

// Files

const ACCESS_MODE: Field = { mask: O.ACCMODE, names: pick(O, 'RDONLY', 'WRONLY', 'RDWR') }
const OPEN = omit(O, 'RDONLY', 'WRONLY', 'RDWR', 'ACCMODE')
const FILE_TYPE: Field = {
  mask: S.IFMT,
  names: pick(S, 'IFSOCK', 'IFLNK', 'IFREG', 'IFBLK', 'IFDIR', 'IFCHR', 'IFIFO'),
}

export const showOpenFlags = (value: number): string => showBits(value, 'O_', OPEN, ACCESS_MODE)

/** st_mode: `S_IFREG|S_ISUID|0755`. */
export function showFileMode(mode: number): string {
  const type = mode & S.IFMT
  if (type === 0) return showMode(mode)
  const special = mode & (S.ISUID | S.ISGID | S.ISVTX)
  return `${showBits(type | special, 'S_', pick(S, 'ISUID', 'ISGID', 'ISVTX'), FILE_TYPE)}|${showMode(mode & 0o777)}`
}

export const showDevice = (device: number): string =>
  `makedev(${showHex(majorOf(device))}, ${showHex(minorOf(device))})`

export const isDevice = (mode: number): boolean => (mode & S.IFMT) === S.IFCHR || (mode & S.IFMT) === S.IFBLK

export const OpenFlags = numeric('O_ bits', asUnsigned32, showOpenFlags)
/** Of calls that make descriptors by other means than open(2): no access mode. */
export const DescriptorFlags = bits('O_', OPEN)
/** Shown only when the call may make a file. */
export const CreationMode = numeric('mode', asUnsigned32, (value, { values }) =>
  (Number(values.flags) & (O.CREAT | (O.TMPFILE & ~O.DIRECTORY))) === 0 ? null : showMode(value),
)
export const FileMode = numeric('mode', asUnsigned32, showFileMode)
export const Device = numeric('device', asUnsigned32, (value, { values }) =>
  isDevice(Number(values.mode)) ? showDevice(value) : null,
)
export const AccessMode = numeric('?_OK bits', asUnsigned32, (value) =>
  value === ACCESS.F_OK
    ? 'F_OK'
    : value > 7
      ? unnamed(value, '?_OK')
      : showBits(value, '', pick(ACCESS, 'R_OK', 'W_OK', 'X_OK')),
)
export const StatFlags = bits('AT_', pick(AT, 'SYMLINK_NOFOLLOW', 'NO_AUTOMOUNT', 'EMPTY_PATH'))
export const AccessFlags = bits('AT_', pick(AT, 'SYMLINK_NOFOLLOW', 'EACCESS', 'EMPTY_PATH'))
export const UnlinkFlags = bits('AT_', pick(AT, 'REMOVEDIR'))
export const ExecFlags = bits('AT_', pick(AT, 'SYMLINK_NOFOLLOW', 'EMPTY_PATH', 'EXECVE_CHECK'))
export const LinkFlags = bits('AT_', pick(AT, 'SYMLINK_FOLLOW', 'EMPTY_PATH'))
export const StatxFlags = bits(
  'AT_',
  pick(AT, 'STATX_FORCE_SYNC', 'STATX_DONT_SYNC', 'SYMLINK_NOFOLLOW', 'NO_AUTOMOUNT', 'EMPTY_PATH'),
  { mask: AT.STATX_FORCE_SYNC | AT.STATX_DONT_SYNC, names: { STATX_SYNC_AS_STAT: 0 } },
)
const STATX_ALL: Names = {
  ALL: STATX.BASIC_STATS | STATX.BTIME,
  ...pick(STATX, 'BASIC_STATS'),
  ...omit(STATX, 'BASIC_STATS'),
}
export const showStatxMask = (value: number): string => showBits(value, 'STATX_', STATX_ALL)
export const StatxMask = numeric('STATX_ bits', asUnsigned32, showStatxMask)
export const RenameFlags = bits('RENAME_', RENAME)
export const FallocateMode = bits('FALLOC_', FALLOC)
export const XattrFlags = bits('XATTR_', XATTR)
export const CloseRangeFlags = bits('CLOSE_RANGE_', CLOSE_RANGE)
export const LockOperation = bits('LOCK_', LOCK)
export const Whence = choice('SEEK_', SEEK)
export const FileAdvice = choice('POSIX_FADV_', FADV)
export const TransferFlags = bits('RWF_', RWF)
export const EventfdFlags = bits('EFD_', EFD)
export const SpliceFlags = bits('SPLICE_F_', SPLICE)
export const InotifyFlags = bits('IN_', pick(IN, 'NONBLOCK', 'CLOEXEC'))
export const InotifyMask = bits('IN_', { ...IN_EVENT, ...omit(IN, 'ALL_BITS', 'NONBLOCK', 'CLOEXEC') })
export const EpollFlags = bits('EPOLL_', { CLOEXEC: EPOLL_CLOEXEC })
export const EpollOperation = choice('EPOLL_CTL_', EPOLL_CTL)

// Memory

export const Protection = numeric('PROT_ bits', asUnsigned32, (value) =>
  value === PROT.NONE ? 'PROT_NONE' : showBits(value, 'PROT_', PROT),
)
export const MapFlags = bits('MAP_', omit(MAP, 'TYPE', 'HUGE_SHIFT', 'SHARED', 'PRIVATE', 'SHARED_VALIDATE'), {
  mask: MAP.TYPE,
  names: pick(MAP, 'SHARED', 'PRIVATE', 'SHARED_VALIDATE'),
})
/** Only with MREMAP_FIXED or MREMAP_DONTUNMAP. */
export const RemapAddress = numeric('address', asUnsigned64, (value, { values }) =>
  (Number(values.flags) & (MREMAP.FIXED | MREMAP.DONTUNMAP)) === 0 ? null : showAddress(value),
)
export const RemapFlags = bits('MREMAP_', MREMAP)
export const MemoryAdvice = choice('MADV_', MADV)
export const SyncFlags = bits('MS_', pick(MS, 'SYNC', 'ASYNC', 'INVALIDATE'))
export const LockAllFlags = bits('MCL_', MCL)
export const LockFlags = bits('MLOCK_', { ONFAULT: MLOCK_ONFAULT })
export const MemfdFlags = bits('MFD_', MFD)

// Processes, signals, clocks

const POLICIES: Names = { OTHER: SCHED.NORMAL, ...omit(SCHED, 'NORMAL', 'RESET_ON_FORK') }

export const Resource = choice('RLIMIT_', RLIMIT)
export const UsageOf = choice('RUSAGE_', RUSAGE)
export const ClockId = choice('CLOCK_', CLOCK)
export const TimerFlags = bits('TIMER_', { ABSTIME: TIMER_ABSTIME })
export const TimerfdFlags = bits('TFD_', omit(TFD, 'TIMER_ABSTIME'))
export const TimerfdTimeFlags = bits('TFD_', pick(TFD, 'TIMER_ABSTIME'))
export const SignalfdFlags = bits('SFD_', SFD)
export const IntervalTimerId = choice('ITIMER_', ITIMER)
export const WaitOptions = bits('', {
  WNOHANG: W.NOHANG,
  WSTOPPED: W.STOPPED,
  WEXITED: W.EXITED,
  WCONTINUED: W.CONTINUED,
  WNOWAIT: W.NOWAIT,
  __WCLONE: W.CLONE,
  __WALL: W.ALL,
  __WNOTHREAD: W.NOTHREAD,
})
export const IdType = choice('P_', P)
export const Policy = numeric('SCHED_ number', asSigned32, (value) =>
  (value & SCHED.RESET_ON_FORK) === 0
    ? showChoice(value, 'SCHED_', POLICIES)
    : `${showChoice(value & ~SCHED.RESET_ON_FORK, 'SCHED_', POLICIES)}|SCHED_RESET_ON_FORK`,
)
/** A policy behind its number. */
export const PolicyResult = numeric(
  'SCHED_ number',
  asSigned32,
  (value, call) => `${value} (${Policy.show(value, call)})`,
)
export const PriorityOf = choice('PRIO_', PRIO)
export const IoPriorityOf = choice('IOPRIO_WHO_', IOPRIO_WHO)
export const BarrierCommand = choice('MEMBARRIER_CMD_', MEMBARRIER)
export const MaskChange = choice('SIG_', SIG_HOW)
export const Signal = numeric('signal', asSigned32, (value) => (value === 0 ? '0' : signalName(value)), {
  traced: 'signal',
})
export const ArchOperation = choice('ARCH_', ARCH)
export const RandomFlags = bits('GRND_', GRND)
