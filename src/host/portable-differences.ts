// What a guest sees otherwise on the portable host than on Linux: the one list. `calls` are refused always, with `errno`: portable.ts takes them from
// here. The other rows are about parts of a call; errno 0: nothing is refused, but what is seen differs. A test checks that each row differs.
import { E } from '../abi/errno.js'
import type { Host } from './host.js'

type Call = Exclude<keyof Host, 'name' | 'window'>

export interface PortableDifference {
  readonly what: string
  readonly why: string
  readonly errno: number
  readonly calls?: readonly Call[]
}

export const PORTABLE_DIFFERENCES = {
  sockets: {
    what: 'there are no sockets, as in a kernel without networking',
    why: "Node's are asynchronous",
    errno: E.AFNOSUPPORT,
    calls: ['socket', 'socketpair'],
  },
  'inherited sockets': {
    what: 'a socket that lego was started with is read and written, and no more',
    why: "Node's sockets are asynchronous",
    errno: E.NOTSOCK,
    calls: [
      'bind',
      'listen',
      'accept4',
      'connect',
      'getsockname',
      'getpeername',
      'sendto',
      'recvfrom',
      'shutdown',
      'getsockopt',
      'setsockopt',
    ],
  },
  inotify: {
    what: 'there is no inotify, as in a kernel built without it',
    why: "Node's watchers tell less, and later",
    errno: E.NOSYS,
    calls: ['inotifyInit', 'inotifyAddWatch', 'inotifyRmWatch'],
  },
  'extended attributes': {
    what: 'no file has any, as on a file system without them',
    why: 'Node has no call',
    errno: E.OPNOTSUPP,
    calls: ['getxattr', 'setxattr', 'listxattr', 'removexattr'],
  },
  fallocate: {
    what: 'space is not set aside, nor given back; posix_fallocate(3) writes instead',
    why: 'Node has no call',
    errno: E.OPNOTSUPP,
    calls: ['fallocate'],
  },
  flock: {
    what: 'flock(2) of a file fails, as on a network file system without a lock manager',
    why: 'Node has no call, and other programs of the machine would not see the lock',
    errno: E.NOLCK,
    calls: ['flock'],
  },
  adjtimex: {
    what: 'the state of the clock cannot be read',
    why: 'Node has no call',
    errno: E.NOSYS,
    calls: ['adjtimex'],
  },
  splice: {
    what: 'splice(2) and tee(2) say that these files cannot; programs then copy',
    why: 'Node has no call',
    errno: E.INVAL,
    calls: ['splice', 'tee'],
  },
  'memory files of the host': {
    what: "the host has none; memfd_create(2) is the memory manager's and works",
    why: 'Node has no call',
    errno: E.NOSYS,
    calls: ['memfdCreate'],
  },
  mknod: {
    what: 'FIFOs, sockets and devices cannot be made by name, as on a file system without them',
    why: 'Node has no call',
    errno: E.PERM,
  },
  'named FIFOs': {
    what: 'a FIFO that is there cannot be opened',
    why: 'Node cannot poll it',
    errno: E.NXIO,
  },
  'rename flags': {
    what: 'RENAME_NOREPLACE and RENAME_EXCHANGE are unknown, as to an old file system',
    why: "Node's rename has no flags",
    errno: E.INVAL,
  },
  'files without a name': {
    what: 'O_TMPFILE is unknown, as to a file system without it',
    why: 'Node cannot give it a name later',
    errno: E.OPNOTSUPP,
  },
  'position of inherited files': {
    what: 'a file that lego was started with (`lego run … < FILE`) is read on from where it is, and cannot be positioned',
    why: 'Node has no lseek, so the position is not known',
    errno: E.SPIPE,
  },
  'access mode of inherited files': {
    what: 'fcntl(F_GETFL) says what stdin, stdout and stderr are usually opened for, and no O_APPEND',
    why: 'Node cannot ask',
    errno: 0,
  },
  'names of inherited files': {
    what: '/proc/self/fd does not say what path a file was opened by that lego was started with',
    why: 'Node cannot ask',
    errno: 0,
  },
  'precision of times': {
    what: 'times of files are set to within a microsecond',
    why: 'Node passes them as floating-point seconds',
    errno: 0,
  },
  'other ids': {
    what: 'a guest of the superuser has no capabilities: setuid(2) and its like to other ids are EPERM',
    why: "the ids of one thread cannot change in Node, and files' rights would not follow",
    errno: 0,
  },
  'process group': {
    what: 'the program that was started leads its process group',
    why: 'Node cannot ask for the group',
    errno: 0,
  },
  'locks of programs outside': {
    what: 'record locks of fcntl(2) are between the programs of one guest alone',
    why: 'Node cannot lock files',
    errno: E.NOSYS,
  },
  limits: {
    what: 'RLIMIT_NOFILE is 1024, all other limits are unlimited',
    why: 'Node cannot ask',
    errno: E.NOSYS,
  },
} as const satisfies Readonly<Record<string, PortableDifference>>

type Rows = (typeof PORTABLE_DIFFERENCES)[keyof typeof PORTABLE_DIFFERENCES]
export type RefusedCall = Extract<Rows, { calls: readonly Call[] }>['calls'][number]

/** A method for each call that is always refused. */
export function refusals(): Pick<Host, RefusedCall> {
  const rows: readonly PortableDifference[] = Object.values(PORTABLE_DIFFERENCES)
  const methods = rows.flatMap(({ calls = [], errno }) => calls.map((call) => [call, () => -errno] as const))
  return Object.fromEntries(methods) as unknown as Pick<Host, RefusedCall>
}
