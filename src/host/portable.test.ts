import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { E } from '../abi/errno.js'
import { AT, O, SEEK } from '../abi/fcntl.js'
import { EPOLL, EPOLL_CTL, POLL } from '../abi/poll.js'
import { hostCases } from './host.cases.js'
import { portableHost } from './portable.js'
import { LINK, newLink, wake } from './portable-link.js'

hostCases('portable', portableHost())

const host = portableHost()
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

function pipe(): readonly [reader: number, writer: number] {
  const pair = new Int32Array(2)
  expect(host.pipe2(pair, O.NONBLOCK)).toBe(0)
  return [pair[0]!, pair[1]!]
}

function eventsOf(fd: number, wanted: number): number {
  const pollfds = Int32Array.of(fd, wanted)
  host.ppoll(pollfds, 1, 0)
  return pollfds[1]! >>> 16
}

test('what Node cannot do is refused with the errno of a Linux that cannot', () => {
  expect(host.socket(1, 1, 0)).toBe(-E.AFNOSUPPORT)
  expect(host.flock(0, 2)).toBe(-E.NOLCK)
  expect(host.getxattr(0, 'user.a', new Uint8Array(1))).toBe(-E.OPNOTSUPP)
  expect(host.inotifyInit(0)).toBe(-E.NOSYS)
})

test('a pipe fills, empties and ends', () => {
  const [reader, writer] = pipe()
  const buffer = new Uint8Array(8)
  expect(host.read(reader, buffer)).toBe(-E.AGAIN)
  expect(eventsOf(reader, POLL.IN)).toBe(0)
  expect(host.write(writer, bytes('abc'))).toBe(3)
  expect(eventsOf(reader, POLL.IN)).toBe(POLL.IN)
  expect(host.read(reader, buffer)).toBe(3)
  let written = 0
  for (
    let count = host.write(writer, new Uint8Array(4000));
    count > 0;
    count = host.write(writer, new Uint8Array(4000))
  )
    written += count
  expect(written).toBe(64000)
  expect(eventsOf(writer, POLL.OUT)).toBe(0)
  expect(host.write(writer, new Uint8Array(5000))).toBe(65536 - written)
  const all = new Uint8Array(70000)
  expect(host.read(reader, all)).toBe(65536)
  expect(host.close(writer)).toBe(0)
  expect(host.read(reader, buffer)).toBe(0)
  expect(eventsOf(reader, POLL.IN)).toBe(POLL.HUP)
  host.close(reader)
})

test('bytes come out of a pipe as they went in, past the end of its ring', () => {
  const [reader, writer] = pipe()
  const buffer = new Uint8Array(30000)
  let next = 0
  let expected = 0
  for (let round = 0; round < 20; round++) {
    const piece = Uint8Array.from({ length: 29000 + round }, () => next++ & 0xff)
    expect(host.write(writer, piece)).toBe(piece.length)
    expect(host.read(reader, buffer)).toBe(piece.length)
    for (let at = 0; at < piece.length; at++) if (buffer[at] !== (expected++ & 0xff)) throw new Error(`round ${round}`)
  }
  host.close(reader)
  expect(eventsOf(writer, POLL.OUT)).toBe(POLL.OUT | POLL.ERR)
  expect(host.write(writer, bytes('x'))).toBe(-E.PIPE)
  host.close(writer)
})

test('a duplicate keeps a pipe open', () => {
  const [reader, writer] = pipe()
  const other = host.dup(writer)
  host.close(writer)
  expect(host.write(other, bytes('x'))).toBe(1)
  host.close(other)
  expect(host.read(reader, new Uint8Array(2))).toBe(1)
  expect(host.read(reader, new Uint8Array(2))).toBe(0)
  host.close(reader)
})

test('epoll tells levels again and edges once', () => {
  const [reader, writer] = pipe()
  const epoll = host.epollCreate(0)
  const out = new Int32Array(8)
  host.write(writer, bytes('x'))
  expect(host.epollCtl(epoll, EPOLL_CTL.ADD, reader, EPOLL.IN, 7)).toBe(0)
  expect(host.epollCtl(epoll, EPOLL_CTL.ADD, reader, EPOLL.IN, 8)).toBe(-E.EXIST)
  expect(host.epollWait(epoll, out, 4)).toBe(1)
  expect([out[0], out[1]]).toEqual([EPOLL.IN, 7])
  expect(host.epollWait(epoll, out, 4)).toBe(1)
  expect(host.epollCtl(epoll, EPOLL_CTL.MOD, reader, EPOLL.IN | EPOLL.ET, 9)).toBe(0)
  expect(host.epollWait(epoll, out, 4)).toBe(1)
  expect(host.epollWait(epoll, out, 4)).toBe(0)
  host.write(writer, bytes('y'))
  expect(host.epollWait(epoll, out, 4)).toBe(1)
  expect(host.epollCtl(epoll, EPOLL_CTL.MOD, reader, EPOLL.IN | EPOLL.ONESHOT, 9)).toBe(0)
  expect(host.epollWait(epoll, out, 4)).toBe(1)
  expect(host.epollWait(epoll, out, 4)).toBe(0)
  expect(host.epollCtl(epoll, EPOLL_CTL.DEL, reader, 0, 0)).toBe(0)
  expect(host.epollCtl(epoll, EPOLL_CTL.DEL, reader, 0, 0)).toBe(-E.NOENT)
  for (const fd of [reader, writer, epoll]) host.close(fd)
})

test('another thread ends a sleep, also when it was quicker', () => {
  const link = newLink()
  const sleeper = portableHost({ main: { link, ask: () => {} } })
  wake(link)
  expect(sleeper.ppoll(new Int32Array(2), 0, -1)).toBe(-E.INTR)
  expect(sleeper.ppoll(new Int32Array(2), 0, 1e6)).toBe(0)
  expect(Atomics.load(link.words, LINK.WAKES)).toBe(1)
})

test('a file that was unlinked or renamed is opened again by its descriptor', () => {
  const directory = mkdtempSync(join(tmpdir(), 'portable-'))
  const open = (name: string, flags: number): number => host.openat(AT.FDCWD, join(directory, name), flags, 0o600)
  const gone = open('gone', O.RDWR | O.CREAT)
  host.write(gone, bytes('one'))
  expect(host.unlinkat(AT.FDCWD, join(directory, 'gone'), 0)).toBe(0)
  const again = host.openat(AT.FDCWD, host.nameOf(gone), O.WRONLY | O.APPEND, 0)
  host.close(gone)
  expect(host.write(again, bytes('two'))).toBe(3)
  expect(host.lseek(again, 0, SEEK.END)).toBe(6)
  expect(host.close(again)).toBe(0)
  const moved = open('old', O.WRONLY | O.CREAT)
  expect(host.renameat2(AT.FDCWD, join(directory, 'old'), AT.FDCWD, join(directory, 'new'), 0)).toBe(0)
  // Another file has its name now.
  host.close(open('old', O.WRONLY | O.CREAT))
  const reader = host.openat(AT.FDCWD, host.nameOf(moved), O.RDONLY, 0)
  host.write(moved, bytes('here'))
  expect(host.read(reader, new Uint8Array(8))).toBe(4)
  for (const fd of [moved, reader]) host.close(fd)
  rmSync(directory, { recursive: true })
})
