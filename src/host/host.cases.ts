// What every `Host` must do, run by linux.test.ts and portable.test.ts: `hostCases('linux', linuxHost())`.
// Works in a fresh directory that is removed afterwards. What only native calls can do is in linux.test.ts.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DIRENT, readDirents } from '../abi/dirent.js'
import { E } from '../abi/errno.js'
import { ACCESS, AT, F, O, SEEK } from '../abi/fcntl.js'
import { newResourceUsage, RUSAGE } from '../abi/resource.js'
import { newFileStatus, S } from '../abi/stat.js'
import { newSystemInfo } from '../abi/sysinfo.js'
import { CLOCK, UTIME_OMIT } from '../abi/time.js'
import type { Host, SharedMemory } from './host.js'

/** A shared memory as WebAssembly makes it: lib.dom is not among the types of this project. */
function newSharedMemory(pages: number): SharedMemory & { grow(pages: number): number } {
  const { WebAssembly } = globalThis as unknown as {
    WebAssembly: {
      Memory: new (options: {
        initial: number
        maximum: number
        shared: boolean
      }) => SharedMemory & { grow(pages: number): number }
    }
  }
  return new WebAssembly.Memory({ initial: pages, maximum: pages * 4, shared: true })
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const text = (view: Uint8Array): string => Buffer.from(view).toString()

export function hostCases(name: string, host: Host): void {
  describe(`host ${name}`, () => {
    let directory = ''
    let dirfd = -1

    beforeEach(() => {
      directory = mkdtempSync(join(tmpdir(), 'host-'))
      dirfd = host.openat(AT.FDCWD, directory, O.RDONLY | O.DIRECTORY, 0)
      expect(dirfd).toBeGreaterThan(2)
    })

    afterEach(() => {
      expect(host.close(dirfd)).toBe(0)
      rmSync(directory, { recursive: true })
    })

    function create(file: string, content: string): number {
      const fd = host.openat(dirfd, file, O.RDWR | O.CREAT | O.EXCL, 0o640)
      expect(fd).toBeGreaterThan(2)
      expect(host.write(fd, bytes(content))).toBe(content.length)
      return fd
    }

    test('reads back what it wrote, at the position and elsewhere', () => {
      const fd = create('file', 'hello world')
      const buffer = new Uint8Array(5)
      expect(host.read(fd, buffer)).toBe(0)
      expect(host.lseek(fd, 6, SEEK.SET)).toBe(6)
      expect(host.read(fd, buffer)).toBe(5)
      expect(text(buffer)).toBe('world')
      expect(host.lseek(fd, 0, SEEK.CUR)).toBe(11)
      expect(host.pread(fd, buffer, 0)).toBe(5)
      expect(text(buffer)).toBe('hello')
      expect(host.pwrite(fd, bytes('HE'), 0)).toBe(2)
      expect(host.pread(fd, buffer, 0)).toBe(5)
      expect(text(buffer)).toBe('HEllo')
      expect(host.lseek(fd, 0, SEEK.CUR)).toBe(11)
      expect(host.lseek(fd, -1, SEEK.END)).toBe(10)
      expect(host.lseek(fd, -1, SEEK.SET)).toBe(-E.INVAL)
      expect(host.close(fd)).toBe(0)
      expect(host.close(fd)).toBe(-E.BADF)
    })

    test('an O_APPEND descriptor writes at the end wherever its position is', () => {
      host.close(create('log', 'one'))
      const fd = host.openat(dirfd, 'log', O.RDWR | O.APPEND, 0)
      expect(host.write(fd, bytes('two'))).toBe(3)
      expect(host.lseek(fd, 0, SEEK.SET)).toBe(0)
      expect(host.write(fd, bytes('!'))).toBe(1)
      const buffer = new Uint8Array(16)
      expect(host.pread(fd, buffer, 0)).toBe(7)
      expect(text(buffer.subarray(0, 7))).toBe('onetwo!')
      expect(host.fcntl(fd, F.GETFL, 0) & (O.APPEND | O.ACCMODE)).toBe(O.APPEND | O.RDWR)
      host.close(fd)
    })

    test('several buffers move in one call', () => {
      const fd = create('vector', '')
      expect(host.writev(fd, [bytes('abc'), new Uint8Array(0), bytes('defg')], -1)).toBe(7)
      expect(host.writev(fd, [bytes('X'), bytes('Y')], 1)).toBe(2)
      const first = new Uint8Array(2)
      const second = new Uint8Array(8)
      expect(host.readv(fd, [first, second], 0)).toBe(7)
      expect(text(first) + text(second.subarray(0, 5))).toBe('aXYdefg')
      host.close(fd)
    })

    test('reads and writes straight in shared wasm memory, also after it has grown', () => {
      const memory = newSharedMemory(2)
      const window = host.window(memory)
      const fd = create('memory', '')
      new Uint8Array(memory.buffer).set(bytes('straight'), 70000)
      expect(window.write(fd, 70000, 8)).toBe(8)
      expect(window.pread(fd, 16, 4, 2)).toBe(4)
      expect(text(new Uint8Array(memory.buffer).slice(16, 20))).toBe('raig')
      memory.grow(3)
      expect(window.pwrite(fd, 70000, 8, 8)).toBe(8)
      const grown = 4 * 65536 + 5
      expect(host.lseek(fd, 8, SEEK.SET)).toBe(8)
      expect(window.read(fd, grown, 100)).toBe(8)
      expect(text(new Uint8Array(memory.buffer).slice(grown, grown + 8))).toBe('straight')
      const segments = Float64Array.of(100, 3, grown, 2)
      expect(window.readv(fd, segments, 2, 0)).toBe(5)
      expect(text(new Uint8Array(memory.buffer).slice(100, 103))).toBe('str')
      expect(window.writev(fd, segments, 2, 0)).toBe(5)
      expect(window.read(-1, 0, 1)).toBe(-E.BADF)
      expect(window.getrandom(0, 64)).toBe(64)
      expect(new Uint8Array(memory.buffer).slice(0, 64).some((byte) => byte !== 0)).toBe(true)
      const view = new Uint8Array(memory.buffer, 65536, 4)
      expect(host.pread(fd, view, 0)).toBe(4)
      expect(text(view.slice())).toBe('stra')
      host.close(fd)
    })

    test('status tells size, type and mode of files, directories and links', () => {
      const fd = create('file', 'twelve bytes')
      const status = newFileStatus()
      expect(host.fstat(fd, status)).toBe(0)
      expect(status).toMatchObject({ size: 12, nlink: 1, uid: host.getuid(), gid: host.getgid() })
      expect(status.mode & S.IFMT).toBe(S.IFREG)
      const { ino, mtimeSec } = status
      expect(Math.abs(mtimeSec - Date.now() / 1000)).toBeLessThan(60)
      expect(host.symlinkat('file', dirfd, 'link')).toBe(0)
      expect(host.fstatat(dirfd, 'link', 0, status)).toBe(0)
      expect(status.ino).toBe(ino)
      expect(host.fstatat(dirfd, 'link', AT.SYMLINK_NOFOLLOW, status)).toBe(0)
      expect(status.mode & S.IFMT).toBe(S.IFLNK)
      expect(host.fstatat(dirfd, '', AT.EMPTY_PATH, status)).toBe(0)
      expect(status.mode & S.IFMT).toBe(S.IFDIR)
      expect(host.fstatat(dirfd, 'none', 0, status)).toBe(-E.NOENT)
      expect(host.fstatat(dirfd, 'file/x', 0, status)).toBe(-E.NOTDIR)
      const target = new Uint8Array(64)
      expect(host.readlinkat(dirfd, 'link', target)).toBe(4)
      expect(text(target.subarray(0, 4))).toBe('file')
      expect(host.readlinkat(dirfd, 'file', target)).toBe(-E.INVAL)
      host.close(fd)
    })

    test('paths may be bytes', () => {
      host.close(create('plain', ''))
      expect(host.faccessat(dirfd, bytes('plain'), ACCESS.R_OK, 0)).toBe(0)
      expect(host.faccessat(dirfd, bytes('plainer'), ACCESS.R_OK, 0)).toBe(-E.NOENT)
      expect(host.faccessat(dirfd, '', ACCESS.F_OK, 0)).toBe(-E.NOENT)
    })

    test('a directory is listed whole through a small buffer, and again after rewinding', () => {
      const names = Array.from({ length: 40 }, (_, index) => `name-${index}`)
      for (const file of names) host.close(create(file, ''))
      expect(host.mkdirat(dirfd, 'sub', 0o755)).toBe(0)
      const buffer = new Uint8Array(256)
      for (let round = 0; round < 2; round++) {
        const seen: string[] = []
        for (;;) {
          const length = host.getdents64(dirfd, buffer)
          expect(length).toBeGreaterThanOrEqual(0)
          if (length === 0) break
          for (const entry of readDirents(buffer, length)) {
            seen.push(text(entry.name))
            if (text(entry.name) === 'sub') expect(entry.type).toBe(4)
          }
        }
        expect(seen.sort()).toEqual(['.', '..', 'sub', ...names].sort())
        expect(host.lseek(dirfd, 0, SEEK.SET)).toBe(0)
      }
      expect(host.getdents64(dirfd, new Uint8Array(DIRENT.NAME))).toBe(-E.INVAL)
    })

    test('names are made, renamed, linked and removed', () => {
      host.close(create('a', 'x'))
      expect(host.mkdirat(dirfd, 'd', 0o700)).toBe(0)
      expect(host.mkdirat(dirfd, 'd', 0o700)).toBe(-E.EXIST)
      expect(host.renameat2(dirfd, 'a', dirfd, 'd/b', 0)).toBe(0)
      expect(host.linkat(dirfd, 'd/b', dirfd, 'c', 0)).toBe(0)
      const status = newFileStatus()
      expect(host.fstatat(dirfd, 'c', 0, status)).toBe(0)
      expect(status.nlink).toBe(2)
      expect(host.unlinkat(dirfd, 'd', AT.REMOVEDIR)).toBe(-E.NOTEMPTY)
      expect(host.unlinkat(dirfd, 'd/b', 0)).toBe(0)
      expect(host.unlinkat(dirfd, 'd', AT.REMOVEDIR)).toBe(0)
      expect(host.unlinkat(dirfd, 'd', AT.REMOVEDIR)).toBe(-E.NOENT)
      expect(host.openat(dirfd, 'c', O.RDONLY | O.DIRECTORY, 0)).toBe(-E.NOTDIR)
      expect(host.symlinkat('c', dirfd, 's')).toBe(0)
      expect(host.openat(dirfd, 's', O.RDONLY | O.NOFOLLOW, 0)).toBe(-E.LOOP)
    })

    test('mode, length and times change', () => {
      const fd = create('file', '0123456789')
      const status = newFileStatus()
      expect(host.fchmod(fd, 0o600)).toBe(0)
      expect(host.ftruncate(fd, 4)).toBe(0)
      expect(host.utimensat(dirfd, 'file', 1000, 0, 2000, 0, 0)).toBe(0)
      expect(host.utimensat(fd, '', 0, UTIME_OMIT, 3000, 0, AT.EMPTY_PATH)).toBe(0)
      expect(host.fstat(fd, status)).toBe(0)
      expect(status).toMatchObject({ size: 4, mode: S.IFREG | 0o600, atimeSec: 1000, mtimeSec: 3000 })
      expect(host.fchmodat(dirfd, 'file', 0o644, 0)).toBe(0)
      expect(host.fsync(fd)).toBe(0)
      expect(host.fdatasync(fd)).toBe(0)
      host.fstat(fd, status)
      expect(status.mode & 0o777).toBe(0o644)
      expect(host.fchownat(dirfd, 'file', host.getuid(), host.getgid(), 0)).toBe(0)
      host.close(fd)
    })

    test('clocks run forward', () => {
      const earlier = new Float64Array(2)
      const later = new Float64Array(2)
      for (const clock of [CLOCK.REALTIME, CLOCK.MONOTONIC, CLOCK.PROCESS_CPUTIME_ID]) {
        expect(host.clockGettime(clock, earlier)).toBe(0)
        expect(host.nanosleep(2e6)).toBe(0)
        expect(host.clockGettime(clock, later)).toBe(0)
        expect(later[0]! * 1e9 + later[1]!).toBeGreaterThanOrEqual(earlier[0]! * 1e9 + earlier[1]!)
      }
      expect(host.clockGettime(CLOCK.REALTIME, later)).toBe(0)
      expect(Math.abs(later[0]! - Date.now() / 1000)).toBeLessThan(60)
      expect(host.clockGettime(999, later)).toBe(-E.INVAL)
      expect(host.clockGetres(CLOCK.MONOTONIC, later)).toBe(0)
    })

    test('the process and the machine have names and numbers', () => {
      expect(host.getpid()).toBe(process.pid)
      expect(host.getppid()).toBe(process.ppid)
      expect(host.geteuid()).toBe(process.geteuid?.())
      // Node adds the effective group to the supplementary ones.
      expect(process.getgroups?.()).toEqual(expect.arrayContaining(host.getgroups()))
      expect(host.kill(process.pid, 0)).toBe(0)
      expect(host.kill(0x7ffffff0, 0)).toBe(-E.SRCH)
      const name = { sysname: '', nodename: '', release: '', version: '', machine: '', domainname: '' }
      expect(host.uname(name)).toBe(0)
      expect(name.sysname).toBe('Linux')
      expect(name.release).toMatch(/^\d+\.\d+/)
      const info = newSystemInfo()
      expect(host.sysinfo(info)).toBe(0)
      expect(info.totalRam).toBeGreaterThan(info.freeRam)
      const usage = newResourceUsage()
      expect(host.getrusage(RUSAGE.SELF, usage)).toBe(0)
      expect(usage.maxRssKib).toBeGreaterThan(1000)
      expect(host.getcwd()).toBe(process.cwd())
    })
  })
}
