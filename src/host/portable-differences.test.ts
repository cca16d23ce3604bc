// Each row of the list differs from Linux as it says, and answers its errno; what is not in the list is in host.cases.ts, which both hosts pass.
import { spawnSync } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AT, F, FLOCK_SIZE, O, SEEK } from '../abi/fcntl.js'
import { RLIMIT } from '../abi/resource.js'
import { newFileStatus, S } from '../abi/stat.js'
import type { Host } from './host.js'
import { linuxHost } from './linux.js'
import { portableHost } from './portable.js'
import { PORTABLE_DIFFERENCES, type PortableDifference } from './portable-differences.js'

interface Place {
  readonly directory: string
  /** A regular file open for reading and writing, of the host. */
  readonly fd: number
  /** The same as lego would have inherited it, at byte 3, with O_APPEND. */
  readonly inherited: number
}

const AF_UNIX = 1
const SOCK_STREAM = 1
const RENAME_NOREPLACE = 1
const LOCK_EX = 2
const O_TMPFILE = 0o20200000

const ADDRESS = new Uint8Array(16)
const empty = new Uint8Array(64)

/** A socket where there are some, else what is there. */
const socketOf = (host: Host, { fd }: Place): number => {
  const socket = host.socket(AF_UNIX, SOCK_STREAM, 0)
  return socket < 0 ? fd : socket
}

/** What a host answers that shows a row. */
const SHOWS: Readonly<Record<keyof typeof PORTABLE_DIFFERENCES, (host: Host, place: Place) => number>> = {
  sockets: (host) => Math.min(0, host.socket(AF_UNIX, SOCK_STREAM, 0)),
  'inherited sockets': (host, place) => host.getsockname(socketOf(host, place), ADDRESS, Int32Array.of(16)),
  inotify: (host) => Math.min(0, host.inotifyInit(0)),
  'extended attributes': (host, { fd }) => Math.min(0, host.listxattr(fd, empty)),
  fallocate: (host, { fd }) => host.fallocate(fd, 0, 0, 4096),
  flock: (host, { fd }) => host.flock(fd, LOCK_EX),
  adjtimex: (host) => Math.min(0, host.adjtimex(new Uint8Array(208))),
  splice: (host, { fd }) => {
    const pair = new Int32Array(2)
    host.pipe2(pair, O.NONBLOCK)
    return Math.min(0, host.splice(fd, 0, pair[1]!, -1, 1, 0))
  },
  'memory files of the host': (host) => Math.min(0, host.memfdCreate('name', 0)),
  mknod: (host, { directory }) => host.mknodat(AT.FDCWD, `${directory}/fifo-${host.name}`, S.IFIFO | 0o600, 0),
  'named FIFOs': (host, { directory }) =>
    Math.min(0, host.openat(AT.FDCWD, `${directory}/fifo`, O.RDONLY | O.NONBLOCK, 0)),
  'rename flags': (host, { directory }) => {
    writeFileSync(`${directory}/from`, '')
    return host.renameat2(AT.FDCWD, `${directory}/from`, AT.FDCWD, `${directory}/to-${host.name}`, RENAME_NOREPLACE)
  },
  'files without a name': (host, { directory }) =>
    Math.min(0, host.openat(AT.FDCWD, directory, O_TMPFILE | O.RDWR, 0o600)),
  'position of inherited files': (host, { inherited }) => host.lseek(inherited, 0, SEEK.CUR),
  'access mode of inherited files': (host, { inherited }) => host.fcntl(inherited, F.GETFL, 0) & O.APPEND,
  'names of inherited files': (host, { directory, inherited }) =>
    Number(host.describe(inherited) === `${directory}/file`),
  'precision of times': (host, { directory }) => {
    const status = newFileStatus()
    host.utimensat(AT.FDCWD, `${directory}/file`, 1e9, 0, 1e9, 123456789, 0)
    host.fstatat(AT.FDCWD, `${directory}/file`, 0, status)
    expect(Math.abs(status.mtimeNsec - 123456789)).toBeLessThan(1000)
    return status.mtimeNsec
  },
  // The superuser has some natively; others show nothing.
  'other ids': (host) => (host.geteuid() === 0 ? host.capabilities()[0] : host.name === 'linux' ? 1 : 0),
  // A group may be led by the test itself: what matters is that another process is not asked for.
  'process group': (host) => (host.name === 'portable' ? Number(host.getpgrp() === process.pid) : -1),
  'locks of programs outside': (host, { fd }) => host.fcntl(fd, F.OFD_SETLK, new Uint8Array(FLOCK_SIZE)),
  limits: (host) => Math.min(0, host.getrlimit(RLIMIT.CORE, new Float64Array(2))),
}

const rows: readonly (readonly [string, PortableDifference])[] = Object.entries(PORTABLE_DIFFERENCES)
const testOnLinux = process.platform === 'linux' ? test : test.skip

testOnLinux.each(rows)('%s', (name, { errno }) => {
  const directory = mkdtempSync(join(tmpdir(), 'differences-'))
  writeFileSync(join(directory, 'file'), 'content')
  spawnSync('mkfifo', [join(directory, 'fifo')])
  const inherited = openSync(join(directory, 'file'), 'a+')
  try {
    const [native, portable] = [linuxHost(), portableHost()].map((host) => {
      const fd = host.openat(AT.FDCWD, join(directory, 'file'), O.RDWR, 0)
      const shown = SHOWS[name as keyof typeof SHOWS](host, { directory, fd, inherited })
      host.close(fd)
      return shown
    })
    expect(portable).not.toBe(native)
    if (errno !== 0) expect(portable).toBe(-errno)
  } finally {
    closeSync(inherited)
    rmSync(directory, { recursive: true })
  }
})

test('a call that is always refused is in one row, and answers its errno', () => {
  const host = portableHost() as unknown as Record<string, () => number>
  const calls = rows.flatMap(([, { calls = [], errno }]) => calls.map((call) => [call, errno] as const))
  expect(new Set(calls.map(([call]) => call)).size).toBe(calls.length)
  for (const [call, errno] of calls) expect([call, host[call]!()]).toEqual([call, -errno])
})
