// The calls of the portable host that take paths: how a path is found, and what Node makes there.
import type nodeFs from 'node:fs'
import { isatty } from 'node:tty'
import { E } from '../abi/errno.js'
import { AT, O } from '../abi/fcntl.js'
import { type FileStatus, S } from '../abi/stat.js'
import { UTIME_NOW, UTIME_OMIT } from '../abi/time.js'
import { textOfPath } from '../lib/path-text.js'
import type { Path } from './host.js'
import { openFlagsToMachine } from './open-flags.js'
import { attempt } from './portable-attempt.js'
import { PortableDescriptors } from './portable-descriptors.js'
import { DiskDescriptor, DiskFile, type FileSystem, fillStatus, forNode, identityOf, Place } from './portable-disk.js'
import { Inherited, type MainThread } from './portable-inherited.js'
import { type NameRules, Names } from './portable-names.js'

/** A descriptor as a path: no guest can write a NUL. */
const DESCRIPTOR_NAME = /^\/\0fd\/(\d+)$/
/** Of the flags of open(2), those that Node's openSync takes. */
const PASSED = O.ACCMODE | O.CREAT | O.EXCL | O.TRUNC | O.APPEND | O.NOCTTY | O.NONBLOCK | O.DSYNC | O.NOFOLLOW
const TMPFILE_BIT = 0o20000000

const text = (path: Path): string => (typeof path === 'string' ? path : textOfPath(path))

export class PortablePaths extends PortableDescriptors {
  readonly #names: Names

  constructor(fs: FileSystem, main: MainThread | null, names: NameRules) {
    super(fs, main)
    this.#names = new Names(fs, names)
  }

  /** The path that `dirfd` and `path` name, or a negative errno. `making`: its last name is to be made. */
  #resolve(dirfd: number, path: Path, making = false): string | number {
    const name = text(path)
    if (name === '') return -E.NOENT
    const descriptor = DESCRIPTOR_NAME.exec(name)?.[1]
    if (descriptor !== undefined) return this.pathOf(Number(descriptor))
    let whole = name
    let from = 0
    if (!name.startsWith('/') && dirfd !== AT.FDCWD) {
      const directory = this.pathOf(dirfd)
      if (typeof directory === 'number') return directory
      from = directory.endsWith('/') ? directory.length : directory.length + 1
      whole = directory.endsWith('/') ? `${directory}${name}` : `${directory}/${name}`
    }
    if (making) this.#names.forget()
    // What is relative to the working directory is the command line's, in the machine's own spelling.
    const problem = name.startsWith('/') || dirfd !== AT.FDCWD ? this.#names.problem(whole, from, making) : 0
    return problem < 0 ? problem : whole
  }

  #onPath(dirfd: number, path: Path, action: (resolved: string | Buffer) => unknown): number {
    const resolved = this.#resolve(dirfd, path)
    return typeof resolved === 'number' ? resolved : attempt(() => action(forNode(resolved)))
  }

  #making(dirfd: number, path: Path, action: (resolved: string | Buffer) => unknown): number {
    const resolved = this.#resolve(dirfd, path, true)
    return typeof resolved === 'number' ? resolved : attempt(() => action(forNode(resolved)))
  }

  /** Without links and in the machine's spelling, as a Linux path. */
  #canonical(path: string): string {
    const real = textOfPath(this.fs.realpathSync.native(forNode(path), 'buffer'))
    return process.platform === 'win32' ? real.replace(/^[a-z]:/i, '').replaceAll('\\', '/') : real
  }

  openat(dirfd: number, path: Path, flags: number, mode: number): number {
    const inherited = DESCRIPTOR_NAME.exec(text(path))?.[1]
    const known = inherited === undefined ? undefined : this.find(Number(inherited))
    if (known !== undefined && !(known instanceof DiskDescriptor)) {
      return known instanceof Inherited && known.isSocket ? -E.NXIO : this.add(known)
    }
    if (known instanceof DiskFile && known.found() < 0) {
      const again = known.again(flags)
      return again === undefined ? known.found() : this.add(again)
    }
    if ((flags & TMPFILE_BIT) !== 0) return -E.OPNOTSUPP
    const resolved = this.#resolve(dirfd, path, (flags & O.CREAT) !== 0)
    return typeof resolved === 'number' ? resolved : attempt(() => this.#open(resolved, flags, mode))
  }

  #open(resolved: string, flags: number, mode: number): number {
    const creates = (flags & O.CREAT) !== 0
    const follows = (flags & O.NOFOLLOW) === 0 && (!creates || (flags & O.EXCL) === 0)
    let path = resolved
    let status = this.fs.lstatSync(forNode(path), { bigint: true, throwIfNoEntry: !creates })
    if (status?.isSymbolicLink() && follows) {
      status = this.fs.statSync(forNode(path), { bigint: true, throwIfNoEntry: !creates })
      if (status !== undefined) path = this.#canonical(path)
    }
    if (status === undefined) return this.#openFile(path, flags, mode)
    if (creates && (flags & O.EXCL) !== 0) return -E.EXIST
    const kind = Number(status.mode) & S.IFMT
    if ((flags & O.DIRECTORY) !== 0 && kind !== S.IFDIR) return -E.NOTDIR
    if ((flags & O.PATH) !== 0) return this.#openPlace(path, status, flags)
    if (kind === S.IFLNK) return -E.LOOP
    if (kind === S.IFDIR) {
      if (creates || (flags & O.ACCMODE) !== O.RDONLY) return -E.ISDIR
      this.fs.accessSync(forNode(path), this.fs.constants.R_OK)
      return this.#openPlace(path, status, flags)
    }
    if (kind === S.IFCHR) return this.#openDevice(path, flags)
    // A FIFO cannot be polled, and a socket is not opened: as a device that is not there (open(2)).
    return kind === S.IFREG ? this.#openFile(path, flags, mode) : -E.NXIO
  }

  #openPlace(path: string, status: nodeFs.BigIntStats, flags: number): number {
    const canonical = status.isDirectory() ? this.#canonical(path) : path
    return this.add(new Place(this.fs, canonical, identityOf(status), flags))
  }

  #openFile(path: string, flags: number, mode: number): number {
    const nodeFd = this.fs.openSync(forNode(path), openFlagsToMachine(flags & PASSED), mode)
    const status = this.fs.fstatSync(nodeFd, { bigint: true })
    const created = (flags & O.CREAT) !== 0 && (flags & O.NOFOLLOW) === 0 ? this.#canonical(path) : path
    return this.add(
      new DiskFile(this.fs, nodeFd, { path: created, identity: identityOf(status), flags, seeks: status.isFile() }),
    )
  }

  /** A terminal is the one that lego was started on: Node reads no other without blocking. */
  #openDevice(path: string, flags: number): number {
    if (path !== '/dev/tty') {
      const nodeFd = this.fs.openSync(forNode(path), openFlagsToMachine(flags & PASSED))
      const status = this.fs.fstatSync(nodeFd, { bigint: true })
      if (!isatty(nodeFd)) {
        const identity = identityOf(status)
        return this.add(new DiskFile(this.fs, nodeFd, { path, identity, flags, seeks: false }))
      }
      this.fs.closeSync(nodeFd)
    }
    for (let fd = 0; fd <= 2; fd++) {
      const own = this.find(fd)
      if (own instanceof Inherited && own.isTerminal) return this.add(own)
    }
    return -E.NXIO
  }

  fstatat(dirfd: number, path: Path, flags: number, out: FileStatus): number {
    if (path.length === 0 && flags & AT.EMPTY_PATH) return this.fstat(dirfd, out)
    const descriptor = DESCRIPTOR_NAME.exec(text(path))?.[1]
    if (descriptor !== undefined) return this.fstat(Number(descriptor), out)
    const call = flags & AT.SYMLINK_NOFOLLOW ? this.fs.lstatSync : this.fs.statSync
    return this.#onPath(dirfd, path, (resolved) => fillStatus(call(resolved, { bigint: true }), out))
  }

  readlinkat(dirfd: number, path: Path, buffer: Uint8Array): number {
    return this.#onPath(dirfd, path, (resolved) => {
      const target = this.fs.readlinkSync(resolved, 'buffer').subarray(0, buffer.length)
      buffer.set(target)
      return target.length
    })
  }

  mkdirat(dirfd: number, path: Path, mode: number): number {
    return this.#making(dirfd, path, (resolved) => this.fs.mkdirSync(resolved, mode))
  }

  /** Of what is no directory Node makes regular files alone; EPERM says that the file system has no others (mknod(2)). */
  mknodat(dirfd: number, path: Path, mode: number, _dev: number): number {
    return this.#making(dirfd, path, (resolved) => {
      if (this.fs.lstatSync(resolved, { throwIfNoEntry: false }) !== undefined) return -E.EXIST
      const kind = mode & S.IFMT
      if (kind !== 0 && kind !== S.IFREG) return -E.PERM
      this.fs.closeSync(this.fs.openSync(resolved, 'wx', mode & 0o7777))
      return 0
    })
  }

  unlinkat(dirfd: number, path: Path, flags: number): number {
    const result = this.#onPath(dirfd, path, (resolved) => {
      this.#names.forget()
      if (flags & AT.REMOVEDIR) this.fs.rmdirSync(resolved)
      // macOS says EPERM.
      else if (this.fs.lstatSync(resolved).isDirectory()) return -E.ISDIR
      else this.fs.unlinkSync(resolved)
    })
    return result
  }

  renameat2(oldDirfd: number, oldPath: Path, newDirfd: number, newPath: Path, flags: number): number {
    if (flags !== 0) return -E.INVAL
    const source = this.#resolve(oldDirfd, oldPath)
    if (typeof source === 'number') return source
    let target = this.#resolve(newDirfd, newPath, true)
    // The same file in another spelling is renamed; another file would be lost.
    if (target === -E.EXIST) target = this.#respelt(source, newDirfd, newPath)
    if (typeof target === 'number') return target
    const to = target
    const moved = attempt(() => this.fs.renameSync(forNode(source), forNode(to)))
    if (moved === 0) this.#follow(source, to)
    return moved
  }

  #respelt(source: string, dirfd: number, path: Path): string | number {
    const directory = dirfd === AT.FDCWD ? '' : this.pathOf(dirfd)
    if (typeof directory === 'number') return directory
    const target = text(path).startsWith('/') ? text(path) : `${directory}/${text(path)}`
    const [from, to] = [source, target].map((name) =>
      this.fs.lstatSync(forNode(name), { bigint: true, throwIfNoEntry: false }),
    )
    return from !== undefined && to !== undefined && identityOf(from) === identityOf(to) ? target : -E.EXIST
  }

  /** What is open at or below a path that was renamed is found at its new place. */
  #follow(from: string, to: string): void {
    this.#names.forget()
    const directory = from.slice(0, from.lastIndexOf('/')) || '/'
    const above = attemptText(() => this.#canonical(directory), directory)
    const old = `${above === '/' ? '' : above}/${from.slice(from.lastIndexOf('/') + 1)}`
    const now = attemptText(() => this.#canonical(to), to)
    for (const descriptor of this.table.values()) {
      if (!(descriptor instanceof DiskDescriptor)) continue
      for (const before of new Set([from, old])) {
        if (descriptor.path === before) descriptor.path = now
        else if (descriptor.path.startsWith(`${before}/`)) descriptor.path = now + descriptor.path.slice(before.length)
      }
    }
  }

  linkat(oldDirfd: number, oldPath: Path, newDirfd: number, newPath: Path, flags: number): number {
    if (flags & ~AT.SYMLINK_FOLLOW) return -E.INVAL
    const target = this.#resolve(newDirfd, newPath, true)
    if (typeof target === 'number') return target
    return this.#onPath(oldDirfd, oldPath, (source) => {
      const isLink = this.fs.lstatSync(source).isSymbolicLink()
      // link(2) of macOS follows links: a file system without links to links says EPERM.
      if (isLink && flags === 0 && process.platform === 'darwin') return -E.PERM
      this.fs.linkSync(isLink && flags !== 0 ? this.fs.realpathSync.native(source) : source, forNode(target))
      return 0
    })
  }

  symlinkat(target: Path, dirfd: number, path: Path): number {
    return this.#making(dirfd, path, (resolved) => this.fs.symlinkSync(forNode(text(target)), resolved))
  }

  fchmodat(dirfd: number, path: Path, mode: number, flags: number): number {
    if (flags !== 0) return -E.OPNOTSUPP
    return this.#onPath(dirfd, path, (resolved) => {
      // A descriptor that names a link: links have no mode (fchmodat(2)).
      if (DESCRIPTOR_NAME.test(text(path)) && this.fs.lstatSync(resolved).isSymbolicLink()) return -E.OPNOTSUPP
      return this.changeMode(resolved, mode)
    })
  }

  fchownat(dirfd: number, path: Path, uid: number, gid: number, flags: number): number {
    if (path.length === 0 && flags & AT.EMPTY_PATH) return this.fchown(dirfd, uid, gid)
    if (process.platform === 'win32') return -E.PERM
    const call = flags & AT.SYMLINK_NOFOLLOW ? this.fs.lchownSync : this.fs.chownSync
    return this.#onPath(dirfd, path, (resolved) => call(resolved, uid, gid))
  }

  utimensat(
    dirfd: number,
    path: Path,
    atimeSec: number,
    atimeNsec: number,
    mtimeSec: number,
    mtimeNsec: number,
    flags: number,
  ): number {
    // Node's times are floating-point seconds, exact to a quarter of a microsecond; one of the two cannot be left alone: it is read first.
    const times = (old: nodeFs.Stats): readonly [number, number] => [
      secondsOf(atimeSec, atimeNsec, old.atimeMs),
      secondsOf(mtimeSec, mtimeNsec, old.mtimeMs),
    ]
    const { fstatSync, lstatSync, statSync, futimesSync, lutimesSync, utimesSync } = this.fs
    const onLink = (resolved: string | Buffer): void => lutimesSync(resolved, ...times(lstatSync(resolved)))
    if (path.length === 0 && (flags & AT.EMPTY_PATH) !== 0)
      return this.onDisk(dirfd, (nodeFd) => futimesSync(nodeFd, ...times(fstatSync(nodeFd))), onLink)
    if ((flags & AT.SYMLINK_NOFOLLOW) !== 0) return this.#onPath(dirfd, path, onLink)
    return this.#onPath(dirfd, path, (resolved) => utimesSync(resolved, ...times(statSync(resolved))))
  }

  faccessat(dirfd: number, path: Path, mode: number, flags: number): number {
    if (flags & ~AT.EACCESS) return -E.INVAL
    return this.#onPath(dirfd, path, (resolved) => this.fs.accessSync(resolved, mode))
  }
}

/** A text, or another where the machine has none. */
function attemptText(action: () => string, otherwise: string): string {
  try {
    return action()
  } catch {
    return otherwise
  }
}

function secondsOf(sec: number, nsec: number, oldMilliseconds: number): number {
  if (nsec === UTIME_OMIT) return oldMilliseconds / 1000
  return nsec === UTIME_NOW ? Date.now() / 1000 : sec + nsec / 1e9
}
