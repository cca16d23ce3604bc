import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readDirents } from '../abi/dirent.js'
import { E } from '../abi/errno.js'
import { O } from '../abi/fcntl.js'
import { newFileStatus, S } from '../abi/stat.js'
import { linuxHost } from '../host/linux.js'
import { parseMount } from './mounts.js'
import { type Opened, StorageManager } from './storage-manager.js'

const host = linuxHost()
const status = newFileStatus()
let base: string
let root: string

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'lego-storage-'))
  root = join(base, 'root')
  mkdirSync(join(root, 'dir/inner'), { recursive: true })
  mkdirSync(join(base, 'outside'))
  writeFileSync(join(root, 'file'), 'inside')
  writeFileSync(join(base, 'secret'), 'outside')
  writeFileSync(join(base, 'outside/data'), 'mounted')
})
afterEach(() => rmSync(base, { recursive: true }))

function opened(result: Opened | number): Extract<Opened, { kind: 'file' }> {
  if (typeof result === 'number' || result.kind !== 'file') throw new Error(`not opened: ${result}`)
  return result
}

function contentOf(storage: StorageManager, path: string, cwd = '/'): string | number {
  const result = storage.open(cwd, path, O.RDONLY, 0)
  if (typeof result === 'number') return result
  const { handle } = opened(result)
  const into = new Uint8Array(100)
  const length = storage.read(handle, 0, into)
  storage.release(handle)
  return length < 0 ? length : new TextDecoder().decode(into.subarray(0, length))
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

describe('confinement', () => {
  test.each([
    ['../secret', -E.NOENT],
    ['/../../../../etc/passwd', -E.NOENT],
    ['dir/../../secret', -E.NOENT],
    ['dir/../../file', 'inside'],
    ['/../file', 'inside'],
    ['dir/./inner//../../file', 'inside'],
    ['file/', -E.NOTDIR],
    ['file/x', -E.NOTDIR],
    ['', -E.NOENT],
  ])('%j is %j', (path, expected) => {
    expect(contentOf(new StorageManager({ host, root }), path)).toBe(expected)
  })

  test.each([
    ['an absolute link', '/file', 'inside'],
    ['an absolute link to the outside', () => join(base, 'secret'), -E.NOENT],
    ['a relative link to the outside', '../secret', -E.NOENT],
    ['a deep relative link to the outside', 'dir/inner/../../../../secret', -E.NOENT],
    ['a link over the top and back', '../../../file', 'inside'],
    ['a link to itself', 'link', -E.LOOP],
    ['a link to nothing', 'nothing', -E.NOENT],
    ['a link with a trailing slash to a file', 'file/', -E.NOTDIR],
  ])('%s stays inside', (_name, target, expected) => {
    symlinkSync(typeof target === 'string' ? target : target(), join(root, 'link'))
    expect(contentOf(new StorageManager({ host, root }), 'link')).toBe(expected)
  })

  test('a link to a directory outside leads nowhere, in the middle of a path and as the working directory', () => {
    symlinkSync(join(base, 'outside'), join(root, 'dir/link'))
    symlinkSync('/dir', join(root, 'dir/inner/top'))
    const storage = new StorageManager({ host, root })
    expect(contentOf(storage, 'dir/link/data')).toBe(-E.NOENT)
    expect(storage.directory('/', 'dir/link')).toBe(-E.NOENT)
    expect(storage.directory('/dir', 'inner/top/inner/..')).toBe('/dir')
    expect(storage.directory('/dir', '../..')).toBe('/')
    expect(storage.directory('/', 'file')).toBe(-E.NOTDIR)
  })

  test('creating through a link to the outside does not', () => {
    symlinkSync(join(base, 'created'), join(root, 'link'))
    const storage = new StorageManager({ host, root })
    expect(storage.open('/', 'link', O.WRONLY | O.CREAT, 0o600)).toBe(-E.NOENT)
    expect(storage.open('/', 'link', O.WRONLY | O.CREAT | O.EXCL, 0o600)).toBe(-E.EXIST)
    expect(storage.open('/', 'link', O.RDONLY | O.NOFOLLOW, 0)).toBe(-E.LOOP)
    expect(storage.chmod('/', 'link', 0o777)).toBe(-E.NOENT)
    expect(storage.rename('/', 'file', '/', '../secret', 0)).toBe(0)
    expect(readFileSync(join(root, 'secret'), 'utf8')).toBe('inside')
    expect(readFileSync(join(base, 'secret'), 'utf8')).toBe('outside')
  })
})

test('no device is made where a guest is confined: it would be a way out', () => {
  const storage = new StorageManager({ host, root })
  expect(storage.mknod('/', 'disk', S.IFBLK | 0o600, 0xfe00)).toBe(-E.PERM)
  expect(storage.mknod('/', 'memory', S.IFCHR | 0o600, 0x101)).toBe(-E.PERM)
  expect(storage.mknod('/', 'fifo', S.IFIFO | 0o600, 0)).toBe(0)
})

describe('handles', () => {
  test('an unlinked file is read and written until it is released, then the handle is stale', () => {
    const storage = new StorageManager({ host, root })
    const { handle } = opened(storage.open('/', 'file', O.RDWR, 0))
    expect(storage.unlink('/', 'file')).toBe(0)
    expect(storage.write(handle, 2, bytes('XY'))).toBe(2)
    const into = new Uint8Array(10)
    expect(storage.read(handle, 0, into)).toBe(6)
    expect(new TextDecoder().decode(into.subarray(0, 6))).toBe('inXYde')
    storage.release(handle)
    expect(storage.openHandles).toBe(0)
    expect(storage.read(handle, 0, into)).toBe(-E.STALE)
  })

  test('a renamed file is the same handle, another file under the old name is not', () => {
    const storage = new StorageManager({ host, root })
    const first = opened(storage.open('/', 'file', O.RDONLY, 0))
    renameSync(join(root, 'file'), join(root, 'moved'))
    writeFileSync(join(root, 'file'), 'other')
    const moved = opened(storage.open('/', 'moved', O.RDONLY, 0))
    const other = opened(storage.open('/', 'file', O.RDONLY, 0))
    expect(moved.handle.key).toBe(first.handle.key)
    expect(other.handle.key).not.toBe(first.handle.key)
    expect(storage.openHandles).toBe(2)
  })

  test.each(['/', '/far/away'])('a renamed directory below %s is where it is now', (top) => {
    const mounts = [{ source: join(base, 'outside'), target: '/far/away', readOnly: false }]
    const storage = new StorageManager({ host, root, mounts })
    expect(storage.mkdir(top, 'first', 0o700)).toBe(0)
    const { handle } = opened(storage.open(top, 'first', O.RDONLY | O.DIRECTORY, 0))
    const below = (name: string): string => (top === '/' ? `/${name}` : `${top}/${name}`)
    expect(storage.pathOf(handle)).toBe(below('first'))
    expect(storage.rename(top, 'first', top, 'second', 0)).toBe(0)
    expect(storage.pathOf(handle)).toBe(below('second'))
    storage.release(handle)
  })

  test('another storage manager opens a handle again by its path', () => {
    const { handle } = opened(new StorageManager({ host, root }).open('/', 'file', O.RDONLY, 0))
    const other = new StorageManager({ host, root })
    expect(other.retain(handle)).toBe(0)
    expect(other.size(handle)).toBe(6)
    other.release(handle)
    expect(other.openHandles).toBe(0)
  })

  test('a handle opened for writing can be read by others who may, appended to, and truncated', () => {
    const storage = new StorageManager({ host, root })
    const { handle } = opened(storage.open('/', 'new', O.WRONLY | O.CREAT, 0o644))
    const end = { end: 0 }
    expect(storage.write(handle, 0, bytes('abc'))).toBe(3)
    expect(storage.append(handle, bytes('def'), end)).toBe(3)
    expect(end.end).toBe(6)
    expect(contentOf(storage, 'new')).toBe('abcdef')
    expect(storage.truncateHandle(handle, 2)).toBe(0)
    expect(storage.statHandle(handle, status)).toBe(0)
    expect(status.size).toBe(2)
  })

  function list(storage: StorageManager, handle: Parameters<StorageManager['getdents']>[0], room: number, from = 0) {
    const records = new Uint8Array(room)
    const length = storage.getdents(handle, from, records)
    return length < 0 ? length : readDirents(records, length)
  }

  test('a directory is listed by position, in steps of any size, and by two readers at once', () => {
    const storage = new StorageManager({ host, root })
    for (let file = 0; file < 40; file++) writeFileSync(join(root, `dir/file-${file}`), '')
    const { handle } = opened(storage.open('/', 'dir', O.RDONLY | O.DIRECTORY, 0))
    const names: string[] = []
    let position = 0
    for (;;) {
      const some = list(storage, handle, 64, position)
      if (typeof some === 'number') throw new Error(`getdents: ${some}`)
      if (some.length === 0) break
      names.push(...some.map(({ name }) => new TextDecoder().decode(name)))
      position = some.at(-1)!.cookie
      // Another reader, and a file that goes away, disturb nothing.
      storage.unlink('/', 'dir/file-7')
      list(storage, handle, 100)
    }
    expect(names).toHaveLength(43)
    expect(new Set(names).size).toBe(43)
    expect(list(storage, handle, 10)).toBe(-E.INVAL)
    expect(list(storage, handle, 100000)).toHaveLength(42)
  })
})

describe('mounts', () => {
  const mounted = (readOnly: boolean): StorageManager =>
    new StorageManager({ host, root, mounts: [{ source: join(base, 'outside'), target: '/far/away', readOnly }] })

  test.each([
    ['host:/guest', { source: 'host', target: '/guest', readOnly: false }],
    ['/a/b:/c/../d/:ro', { source: '/a/b', target: '/d', readOnly: true }],
    ['/a:relative', null],
    ['/a:/b:rw', null],
    ['/a', null],
  ])('%s is parsed', (text, expected) => {
    expect(parseMount(text)).toEqual(expected)
  })

  test('a mount shows its source, and .. leads back into the root', () => {
    const storage = mounted(false)
    expect(contentOf(storage, '/far/away/data')).toBe('mounted')
    expect(contentOf(storage, 'data', '/far/away')).toBe('mounted')
    expect(contentOf(storage, '/far/away/../../file')).toBe(-E.NOENT)
    mkdirSync(join(root, 'far'))
    expect(contentOf(storage, '/far/away/../../file')).toBe('inside')
    expect(storage.directory('/far/away', '..')).toBe('/far')
    expect(contentOf(storage, '/far/away/../../secret')).toBe(-E.NOENT)
    expect(storage.rename('/', '/file', '/', '/far/away/file', 0)).toBe(-E.XDEV)
    expect(storage.rmdir('/', '/far/away')).toBe(-E.BUSY)
  })

  test('everything that writes to a read-only mount is EROFS', () => {
    const storage = mounted(true)
    const cwd = '/far/away'
    const { handle } = opened(storage.open(cwd, 'data', O.RDONLY, 0))
    const changes: Record<string, number | Opened> = {
      openWrite: storage.open(cwd, 'data', O.WRONLY, 0),
      truncateOpen: storage.open(cwd, 'data', O.RDONLY | O.TRUNC, 0),
      create: storage.open(cwd, 'new', O.RDONLY | O.CREAT, 0o600),
      mkdir: storage.mkdir(cwd, 'new', 0o700),
      symlink: storage.symlink('x', cwd, 'new'),
      unlink: storage.unlink(cwd, 'data'),
      rename: storage.rename(cwd, 'data', cwd, 'new', 0),
      link: storage.link(cwd, 'data', cwd, 'new', false),
      chmod: storage.chmod(cwd, 'data', 0),
      chown: storage.chown(cwd, 'data', 0, 0, true),
      utimens: storage.utimens(cwd, 'data', 0, 0, 0, 0, true),
      truncate: storage.truncate(cwd, 'data', 0),
      write: storage.write(handle, 0, bytes('x')),
      append: storage.append(handle, bytes('x'), { end: 0 }),
      chmodHandle: storage.chmodHandle(handle, 0),
      mayChange: storage.mayChange(handle),
      truncateHandle: storage.truncateHandle(handle, 0),
      access: storage.access(cwd, 'data', 2, 0),
    }
    for (const [name, result] of Object.entries(changes)) expect([name, result]).toEqual([name, -E.ROFS])
    expect(storage.mkdir(cwd, 'data', 0o700)).toBe(-E.EXIST)
    expect(opened(storage.open(cwd, 'data', O.RDONLY | O.CREAT, 0)).handle.key).toBe(handle.key)
    expect(contentOf(storage, 'data', cwd)).toBe('mounted')
  })
})

describe.each([
  ['confined', true],
  ['on the host root', false],
])('names, %s', (_name, confined) => {
  let storage: StorageManager
  let cwd: string
  beforeEach(() => {
    storage = new StorageManager(confined ? { host, root } : { host })
    cwd = confined ? '/' : root
  })

  test('files are made, linked, renamed, removed', () => {
    expect(storage.mkdir(cwd, 'a', 0o755)).toBe(0)
    expect(storage.mkdir(cwd, 'a', 0o755)).toBe(-E.EXIST)
    expect(storage.symlink('../file', cwd, 'a/link')).toBe(0)
    expect(readlinkSync(join(root, 'a/link'))).toBe('../file')
    const target = new Uint8Array(20)
    expect(storage.readlink(cwd, 'a/link', target)).toBe(7)
    expect(contentOf(storage, 'a/link', cwd)).toBe('inside')
    expect(storage.link(cwd, 'file', cwd, 'a/hard', false)).toBe(0)
    expect(storage.rename(cwd, 'a/hard', cwd, 'renamed', 0)).toBe(0)
    expect(storage.stat(cwd, 'renamed', true, status)).toBe(0)
    expect(status.nlink).toBe(2)
    expect(storage.rmdir(cwd, 'a')).toBe(-E.NOTEMPTY)
    expect(storage.unlink(cwd, 'a')).toBe(-E.ISDIR)
    expect(storage.unlink(cwd, 'a/link')).toBe(0)
    expect(storage.rmdir(cwd, 'a')).toBe(0)
    expect(storage.rmdir(cwd, '.')).toBe(-E.INVAL)
    expect(storage.unlink(cwd, 'a')).toBe(-E.NOENT)
  })

  test('status is of the link or of its target', () => {
    symlinkSync('file', join(root, 'link'))
    expect(storage.stat(cwd, 'link', false, status)).toBe(0)
    expect(status.mode & S.IFMT).toBe(S.IFLNK)
    expect(storage.stat(cwd, 'link', true, status)).toBe(0)
    expect([status.mode & S.IFMT, status.size]).toEqual([S.IFREG, 6])
    expect(storage.stat(cwd, 'file/', true, status)).toBe(-E.NOTDIR)
    expect(storage.stat(cwd, 'dir/', false, status)).toBe(0)
  })

  test('modes and times are set, through links', () => {
    symlinkSync('file', join(root, 'link'))
    expect(storage.chmod(cwd, 'link', 0o640)).toBe(0)
    expect(storage.utimens(cwd, 'link', 1000, 5, 2000, 7, true)).toBe(0)
    const found = lstatSync(join(root, 'file'))
    expect([found.mode & 0o777, Math.floor(found.atimeMs), Math.floor(found.mtimeMs)]).toEqual([
      0o640, 1000000, 2000000,
    ])
    expect(storage.truncate(cwd, 'link', 3)).toBe(0)
    expect(contentOf(storage, 'file', cwd)).toBe('ins')
    expect(storage.access(cwd, 'link', 4, 0)).toBe(0)
    expect(storage.access(cwd, 'missing', 0, 0)).toBe(-E.NOENT)
  })

  test('a FIFO is a device whose descriptor the caller owns', () => {
    expect(storage.mknod(cwd, 'fifo', S.IFIFO | 0o600, 0)).toBe(0)
    const result = storage.open(cwd, 'fifo', O.RDONLY, 0)
    if (typeof result === 'number' || result.kind !== 'device') throw new Error(`no device: ${result}`)
    expect(result.status.mode & S.IFMT).toBe(S.IFIFO)
    expect(host.close(result.fd)).toBe(0)
    expect(storage.openHandles).toBe(0)
  })

  test('no descriptor stays open behind a call', () => {
    const free = (): number => {
      const fd = host.dup(0)
      host.close(fd)
      return fd
    }
    const before = free()
    symlinkSync('/dir/inner', join(root, 'link'))
    storage.stat(cwd, 'dir/inner/../inner/x', true, status)
    storage.stat(cwd, 'link/..', true, status)
    storage.directory(cwd, 'dir/inner')
    storage.open(cwd, 'dir/missing/x', O.RDONLY, 0)
    storage.rename(cwd, 'dir/inner', cwd, 'dir/other', 0)
    storage.access(cwd, 'dir', 0, 0)
    expect(free()).toBe(before)
  })
})
