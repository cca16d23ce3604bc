import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { E } from '../abi/errno.js'
import { AT, F, FD_CLOEXEC, LOCK, O } from '../abi/fcntl.js'
import { IOCTL } from '../abi/ioctl.js'
import { MFD } from '../abi/mman.js'
import { EFD, POLL } from '../abi/poll.js'
import { RLIMIT } from '../abi/resource.js'
import { SIG } from '../abi/signal.js'
import { AF, MSG, SHUT, SO, SOCK, SOL } from '../abi/socket.js'
import { newFileSystemStatus } from '../abi/statfs.js'
import { hostCases } from './host.cases.js'
import type { Host } from './host.js'
import { linuxHost } from './linux.js'

const onLinux = process.platform === 'linux' ? describe : describe.skip

onLinux('native calls', () => {
  const host: Host = linuxHost()
  hostCases('linux', host)

  test('a pipe carries bytes, and ppoll tells when', () => {
    const ends = new Int32Array(2)
    expect(host.pipe2(ends, O.CLOEXEC)).toBe(0)
    const [reader, writer] = [ends[0]!, ends[1]!]
    const pollfds = Int32Array.of(reader, POLL.IN, writer, POLL.OUT)
    expect(host.ppoll(pollfds, 1, 0)).toBe(0)
    expect(host.ppoll(pollfds, 2, -1)).toBe(1)
    expect(pollfds[3]! >>> 16).toBe(POLL.OUT)
    expect(host.write(writer, Uint8Array.of(1, 2, 3))).toBe(3)
    expect(host.ppoll(pollfds, 1, 1e9)).toBe(1)
    expect(pollfds[1]! >>> 16).toBe(POLL.IN)
    const count = new Uint8Array(4)
    expect(host.ioctl(reader, IOCTL.FIONREAD, count)).toBe(0)
    expect(count[0]).toBe(3)
    expect(host.fcntl(reader, F.GETFD, 0)).toBe(FD_CLOEXEC)
    const copy = host.dup(reader)
    expect(host.fcntl(copy, F.GETFD, 0)).toBe(0)
    expect(host.dup3(copy, copy, 0)).toBe(-E.INVAL)
    expect(host.lseek(reader, 0, 0)).toBe(-E.SPIPE)
    expect(host.isatty(reader)).toBe(false)
    expect(host.ioctl(reader, IOCTL.TCGETS, new Uint8Array(60))).toBe(-E.NOTTY)
    for (const fd of [reader, writer, copy]) expect(host.close(fd)).toBe(0)
  })

  test('an eventfd wakes ppoll', () => {
    const fd = host.eventfd(0, EFD.NONBLOCK | EFD.CLOEXEC)
    const word = new Uint8Array(8)
    expect(host.read(fd, word)).toBe(-E.AGAIN)
    expect(host.write(fd, Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0))).toBe(8)
    expect(host.ppoll(Int32Array.of(fd, POLL.IN), 1, -1)).toBe(1)
    expect(host.read(fd, word)).toBe(8)
    expect(word[0]).toBe(1)
    host.close(fd)
  })

  test('a socket pair talks both ways', () => {
    const ends = new Int32Array(2)
    expect(host.socketpair(AF.UNIX, SOCK.STREAM | SOCK.CLOEXEC, 0, ends)).toBe(0)
    const [left, right] = [ends[0]!, ends[1]!]
    expect(host.sendto(left, Uint8Array.of(7, 8), MSG.NOSIGNAL, null)).toBe(2)
    const buffer = new Uint8Array(8)
    const length = new Int32Array(1)
    expect(host.recvfrom(right, buffer, MSG.DONTWAIT, new Uint8Array(0), length)).toBe(2)
    expect(buffer[1]).toBe(8)
    expect(host.recvfrom(right, buffer, MSG.DONTWAIT, new Uint8Array(0), length)).toBe(-E.AGAIN)
    expect(host.getsockopt(left, SOL.SOCKET, SO.TYPE, buffer.subarray(0, 4), length)).toBe(0)
    expect([length[0], buffer[0]]).toEqual([4, SOCK.STREAM])
    expect(host.shutdown(right, SHUT.WR)).toBe(0)
    expect(host.recvfrom(left, buffer, 0, new Uint8Array(0), length)).toBe(0)
    host.close(left)
    host.close(right)
  })

  test('a listener accepts a connection to its address', () => {
    const family = Uint8Array.of(AF.UNIX, 0)
    const listener = host.socket(AF.UNIX, SOCK.STREAM, 0)
    // Only the family: the kernel chooses an abstract name (unix(7), autobind).
    expect(host.bind(listener, family)).toBe(0)
    expect(host.listen(listener, 4)).toBe(0)
    const address = new Uint8Array(110)
    const length = new Int32Array(1)
    expect(host.getsockname(listener, address, length)).toBe(0)
    const client = host.socket(AF.UNIX, SOCK.STREAM, 0)
    expect(host.connect(client, address.subarray(0, length[0]))).toBe(0)
    const server = host.accept4(listener, address, length, SOCK.CLOEXEC)
    expect(server).toBeGreaterThan(2)
    expect(host.write(client, Uint8Array.of(5))).toBe(1)
    const byte = new Uint8Array(1)
    expect(host.read(server, byte)).toBe(1)
    expect(byte[0]).toBe(5)
    for (const fd of [listener, client, server]) host.close(fd)
  })

  test('a memory file holds data, locks and attributes as far as its file system does', () => {
    const fd = host.memfdCreate('test', MFD.CLOEXEC)
    expect(host.fallocate(fd, 0, 0, 8192)).toBe(0)
    expect(host.flock(fd, LOCK.EX | LOCK.NB)).toBe(0)
    const status = newFileSystemStatus()
    expect(host.fstatfs(fd, status)).toBe(0)
    expect(status).toMatchObject({ type: 0x01021994, bsize: 4096, namelen: 255 })
    const other = host.memfdCreate('other', 0)
    host.pwrite(fd, Uint8Array.of(1, 2, 3, 4), 4096)
    expect(host.copyFileRange(fd, 4096, other, 0, 4)).toBe(4)
    const copied = new Uint8Array(4)
    expect(host.pread(other, copied, 0)).toBe(4)
    expect([...copied]).toEqual([1, 2, 3, 4])
    expect(host.getxattr(fd, 'user.none', new Uint8Array(0))).toBeLessThan(0)
    host.close(fd)
    host.close(other)
  })

  test('limits and the CPU mask are read', () => {
    const limit = new Float64Array(2)
    expect(host.getrlimit(RLIMIT.NOFILE, limit)).toBe(0)
    expect(limit[1]).toBeGreaterThanOrEqual(limit[0]!)
    expect(host.getrlimit(99, limit)).toBe(-E.INVAL)
    const mask = new Uint8Array(128)
    expect(host.schedGetaffinity(mask)).toBeGreaterThanOrEqual(0)
    expect(mask.some((byte) => byte !== 0)).toBe(true)
    const before = host.umask(0o27)
    expect(host.umask(before)).toBe(0o27)
  })

  test('a bad directory descriptor and an empty path are errors, not crashes', () => {
    expect(host.openat(9999, 'x', O.RDONLY, 0)).toBe(-E.BADF)
    expect(host.openat(AT.FDCWD, '', O.RDONLY, 0)).toBe(-E.NOENT)
    expect(host.pread(0x7fffffff, new Uint8Array(0), 0)).toBe(-E.BADF)
  })

  // Needs the built tree: a process of its own has no loader for TypeScript. `npm test` builds first.
  const built = join(__dirname, '../../dist/src/host/linux.js')
  const whenBuilt = existsSync(built) ? test.each : test.skip.each
  whenBuilt([
    ['SIGSEGV', SIG.SEGV],
    ['SIGPIPE', SIG.PIPE],
    ['SIGTERM', SIG.TERM],
    ['SIGKILL', SIG.KILL],
    ['SIGABRT', SIG.ABRT],
    ['SIGINT', SIG.INT],
  ] as const)('dieBySignal ends the process by %s', (name, signal) => {
    const script = `import(${JSON.stringify(built)}).then(({ linuxHost }) => { linuxHost().dieBySignal(${signal}); console.log('alive') })`
    const result = spawnSync(process.execPath, ['-e', script], { encoding: 'utf8' })
    expect({ signal: result.signal, stdout: result.stdout }).toEqual({ signal: name, stdout: '' })
  })
})
