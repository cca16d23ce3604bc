import { readDirents, writeDirent } from './dirent.js'
import { E, err, errnoName, isErrno } from './errno.js'
import { newResourceUsage, readLimit, readResourceUsage, writeLimit, writeResourceUsage } from './resource.js'
import { defaultAction, firstSignal, hasSignal, highBit, lowBit, SIG, signalName } from './signal.js'
import { majorOf, makeDevice, minorOf, newFileStatus, S, STAT, writeStat } from './stat.js'
import { readStatx, writeStatx } from './statx.js'
import { exitCodeOf, exitStatus, isExited, isSignaled, isStopped, signalStatus, stopStatus } from './wait.js'
import { readSigned, readUnsigned, writeWord } from './word.js'

const scratch = (): DataView => new DataView(new ArrayBuffer(512))

test.each([0, 1, -1, 2 ** 32, -(2 ** 32), 2 ** 53 - 1, -(2 ** 53) + 1, 0x7fff_ffff_f000, -4096, 0xffffffff])(
  'the word %p is stored as 64-bit two’s complement',
  (value) => {
    const view = scratch()
    writeWord(view, 8, value)
    expect(view.getBigInt64(8, true)).toBe(BigInt(value))
    expect(readSigned(view, 8)).toBe(value)
    if (value >= 0) expect(readUnsigned(view, 8)).toBe(value)
  },
)

test('errors are negative numbers with names', () => {
  expect(err(E.NOENT)).toBe(-2)
  expect(isErrno(err(E.NOENT))).toBe(true)
  expect([isErrno(0), isErrno(-4096), isErrno(-4095)]).toEqual([false, false, true])
  expect([errnoName(-2), errnoName(7), errnoName(4000)]).toEqual(['ENOENT', 'E2BIG', 'E4000'])
})

test('a status record survives statx and fills struct stat', () => {
  const status = {
    ...newFileStatus(),
    dev: makeDevice(259, 70000),
    ino: 2 ** 40 + 5,
    mode: S.IFREG | 0o4755,
    size: 2 ** 33,
  }
  Object.assign(status, { nlink: 3, uid: 1, gid: 2, blksize: 4096, blocks: 9, mtimeSec: -5, mtimeNsec: 7, btimeSec: 1 })
  const view = scratch()
  writeStatx(view, 16, status)
  const copy = newFileStatus()
  readStatx(view, 16, copy)
  expect(copy).toEqual(status)
  writeStat(view, 16, status)
  expect(view.getBigUint64(16 + STAT.INO, true)).toBe(2n ** 40n + 5n)
  expect(view.getBigInt64(16 + STAT.MTIME, true)).toBe(-5n)
  expect(view.getUint32(16 + STAT.MODE, true)).toBe(0o104755)
  expect([majorOf(status.dev), minorOf(status.dev)]).toEqual([259, 70000])
})

test('directory records are multiples of eight and stop at the end of the buffer', () => {
  const buffer = new Uint8Array(64).fill(0xff)
  const view = new DataView(buffer.buffer)
  const name = new TextEncoder().encode('abcdefgh')
  expect(writeDirent(view, 0, 64, 12, 1, 8, name)).toBe(32)
  expect(writeDirent(view, 32, 64, 13, 2, 4, name.subarray(0, 1))).toBe(24)
  expect(writeDirent(view, 56, 64, 14, 3, 4, name)).toBe(0)
  const entries = readDirents(buffer, 56)
  expect(entries.map(({ ino, cookie, type, name }) => [ino, cookie, type, Buffer.from(name).toString()])).toEqual([
    [12, 1, 8, 'abcdefgh'],
    [13, 2, 4, 'a'],
  ])
})

test('signal sets are two words, and the lowest signal comes first', () => {
  for (let signal = 1; signal <= 64; signal++) {
    expect(firstSignal(lowBit(signal), highBit(signal))).toBe(signal)
    expect(hasSignal(lowBit(signal), highBit(signal), signal)).toBe(true)
    expect(hasSignal(~lowBit(signal), ~highBit(signal), signal)).toBe(false)
  }
  expect(firstSignal(0, 0)).toBe(0)
  expect(firstSignal(lowBit(SIG.SEGV) | lowBit(SIG.HUP), highBit(64))).toBe(1)
  expect([signalName(11), signalName(34), signalName(0)]).toEqual(['SIGSEGV', 'SIGRT_2', '0'])
  expect([SIG.SEGV, SIG.TERM, SIG.CHLD, SIG.TSTP, SIG.CONT, 40].map(defaultAction)).toEqual([
    'core',
    'terminate',
    'ignore',
    'stop',
    'continue',
    'terminate',
  ])
})

test('a wait status tells exit, death and stop apart', () => {
  const table = [exitStatus(300), signalStatus(SIG.SEGV, true), stopStatus(SIG.TSTP)]
  expect(table).toEqual([44 << 8, 139, 0x147f])
  expect(table.map(isExited)).toEqual([true, false, false])
  expect(table.map(isSignaled)).toEqual([false, true, false])
  expect(table.map(isStopped)).toEqual([false, false, true])
  expect(exitCodeOf(exitStatus(7))).toBe(7)
})

test('limits and usage survive their structures', () => {
  const view = scratch()
  writeLimit(view, 0, Infinity)
  writeLimit(view, 8, 8 * 2 ** 20)
  expect(view.getBigUint64(0, true)).toBe(2n ** 64n - 1n)
  expect([readLimit(view, 0), readLimit(view, 8)]).toEqual([Infinity, 8388608])
  const usage = { ...newResourceUsage(), maxRssKib: 77, involuntarySwitches: 5 }
  writeResourceUsage(view, 0, usage)
  const copy = newResourceUsage()
  readResourceUsage(view, 0, copy)
  expect(copy).toEqual(usage)
})
