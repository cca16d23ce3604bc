// Names on machines that look them up otherwise: this machine's files behind an fs that finds every spelling, as macOS and Windows do.
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { E } from '../abi/errno.js'
import { ACCESS, AT, O } from '../abi/fcntl.js'
import { newFileStatus } from '../abi/stat.js'
import { portableHost } from './portable.js'
import { Names, rulesOf } from './portable-names.js'

/** The spelling in which a path is there: the first listed name that is the same but for case, or the name itself. */
function asListed(path: string): string {
  let found = ''
  for (const name of path.split('/').slice(1)) {
    const names = fs.existsSync(`${found}/`) ? fs.readdirSync(`${found}/`) : []
    const same = names.includes(name) ? name : names.find((other) => other.toLowerCase() === name.toLowerCase())
    found += `/${same ?? name}`
  }
  return found
}

/** Node's fs on a file system that keeps the case of names and does not look at it. */
const folding = new Proxy(fs, {
  get(target, name) {
    const member: unknown = Reflect.get(target, name)
    if (typeof member !== 'function') return member
    if (name === 'realpathSync')
      return { native: (path: string) => Buffer.from(asListed(fs.realpathSync.native(asListed(path)))) }
    return (...args: unknown[]): unknown => {
      // A rename to another spelling of the same name changes the spelling; the others are about what is there.
      const paths = name === 'renameSync' && asListed(String(args[0])) === asListed(String(args[1])) ? 1 : args.length
      const listed = args.map((one, at) =>
        at < paths && at < 2 && typeof one === 'string' && one.startsWith('/') ? asListed(one) : one,
      )
      return (member as (...all: unknown[]) => unknown).apply(target, listed)
    }
  },
})

const mac = portableHost({ fs: folding, names: rulesOf('darwin') })
let directory = ''
let dirfd = -1

beforeEach(() => {
  directory = fs.mkdtempSync(join(fs.realpathSync(tmpdir()), 'names-'))
  dirfd = mac.openat(AT.FDCWD, directory, O.RDONLY | O.DIRECTORY, 0)
  expect(dirfd).toBeGreaterThan(2)
  fs.mkdirSync(join(directory, 'Dir'))
  fs.writeFileSync(join(directory, 'README'), 'text')
  fs.writeFileSync(join(directory, 'Dir', 'File'), '')
})
afterEach(() => {
  mac.close(dirfd)
  fs.rmSync(directory, { recursive: true })
})

test('the file system of this test finds every spelling', () => {
  expect(folding.readFileSync(join(directory, 'readme'), 'utf8')).toBe('text')
  expect(folding.existsSync(join(directory, 'dIR', 'fILE'))).toBe(true)
})

test('another spelling is not there, in any place of a path', () => {
  const status = newFileStatus()
  expect(mac.fstatat(dirfd, 'README', 0, status)).toBe(0)
  expect(mac.fstatat(dirfd, 'readme', 0, status)).toBe(-E.NOENT)
  expect(mac.fstatat(dirfd, 'none', 0, status)).toBe(-E.NOENT)
  expect(mac.openat(dirfd, 'Readme', O.RDONLY, 0)).toBe(-E.NOENT)
  expect(mac.openat(AT.FDCWD, `${directory}/dir/File`, O.RDONLY, 0)).toBe(-E.NOENT)
  expect(mac.faccessat(dirfd, 'Dir/file', ACCESS.F_OK, 0)).toBe(-E.NOENT)
  expect(mac.unlinkat(dirfd, 'readme', 0)).toBe(-E.NOENT)
  expect(mac.unlinkat(dirfd, 'dir', AT.REMOVEDIR)).toBe(-E.NOENT)
  expect(mac.renameat2(dirfd, 'readme', dirfd, 'other', 0)).toBe(-E.NOENT)
  expect(fs.readdirSync(directory).sort()).toEqual(['Dir', 'README'])
})

test('a name whose other spelling is there cannot be made', () => {
  expect(mac.openat(dirfd, 'readme', O.WRONLY | O.CREAT | O.TRUNC, 0o644)).toBe(-E.EXIST)
  expect(mac.mkdirat(dirfd, 'DIR', 0o755)).toBe(-E.EXIST)
  expect(mac.symlinkat('x', dirfd, 'rEADME')).toBe(-E.EXIST)
  expect(mac.linkat(dirfd, 'README', dirfd, 'readme', 0)).toBe(-E.EXIST)
  expect(mac.renameat2(dirfd, 'Dir/File', dirfd, 'readme', 0)).toBe(-E.EXIST)
  expect(fs.readFileSync(join(directory, 'README'), 'utf8')).toBe('text')
})

test('a file is renamed to another spelling of its own name, and found by that', () => {
  const status = newFileStatus()
  expect(mac.renameat2(dirfd, 'README', dirfd, 'ReadMe', 0)).toBe(0)
  expect(mac.fstatat(dirfd, 'ReadMe', 0, status)).toBe(0)
  expect(mac.fstatat(dirfd, 'README', 0, status)).toBe(-E.NOENT)
  expect(fs.readdirSync(directory).sort()).toEqual(['Dir', 'ReadMe'])
})

test('a name that was just made or removed is known at once', () => {
  const status = newFileStatus()
  for (let round = 0; round < 20; round++) {
    expect(mac.openat(dirfd, 'New', O.WRONLY | O.CREAT | O.EXCL, 0o644)).toBeGreaterThan(2)
    expect(mac.fstatat(dirfd, 'New', 0, status)).toBe(0)
    expect(mac.fstatat(dirfd, 'new', 0, status)).toBe(-E.NOENT)
    expect(mac.unlinkat(dirfd, 'New', 0)).toBe(0)
    expect(mac.openat(dirfd, 'new', O.WRONLY | O.CREAT | O.EXCL, 0o644)).toBeGreaterThan(2)
    expect(mac.unlinkat(dirfd, 'new', 0)).toBe(0)
  }
})

test('Windows has no such names', () => {
  const names = new Names(fs, rulesOf('win32'))
  for (const name of ['a\\b', '..\\..', 'c:', 'what?', 'a*', 'dot.', 'blank ', 'CON', 'nul.txt', 'a\nb']) {
    expect([name, names.problem(`/tmp/${name}`, 1, false)]).toEqual([name, -E.NOENT])
    expect([name, names.problem(`/tmp/${name}`, 1, true)]).toEqual([name, -E.INVAL])
  }
  for (const name of ['console', 'a.b', '.hidden', 'com', 'ö'])
    expect([name, names.problem(`/tmp/${name}`, 1, false)]).toEqual([name, 0])
})

test('Linux looks names up itself', () => {
  expect(new Names(fs, rulesOf('linux')).problem('/tmp/a\\b:c', 1, true)).toBe(0)
})
