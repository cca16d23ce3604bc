// The storage manager: a stateless file server over directories of the host. Paths count only at look-up; everything else names a file by handle and
// offset, and descriptors are a cache (handles.ts). Confinement is in walk.ts.
//   new StorageManager({ host, root: 'some/dir', mounts: [{ source, target: '/data', readOnly: true }] })
// Results are Linux's: >= 0 or a negative errno. `cwd` is a canonical guest path, as `directory()` gives it.
import { E, err, errnoName } from '../abi/errno.js'
import { AT, type ByteRange, type FileLock, O, RENAME } from '../abi/fcntl.js'
import { type FileStatus, newFileStatus, S } from '../abi/stat.js'
import type { FileSystemStatus } from '../abi/statfs.js'
import type { Host } from '../host/host.js'
import type { FileHandle } from '../wire/layout.js'
import { Directories } from './directories.js'
import { Handles, keyOf, type OpenFile } from './handles.js'
import { componentsOf, type Mount, mountOf, normalise } from './mounts.js'
import { RangeLocks } from './range-locks.js'
import { type Last, type Root, Walk } from './walk.js'

export interface StorageOptions {
  readonly host: Host
  /** Host directory that is the guest's '/'; without it, the host's own. */
  readonly root?: string
  readonly mounts?: readonly Mount[]
  readonly readOnly?: boolean
}

/** A file to be used by handle (one reference, see `release`), or a device or FIFO whose host descriptor now belongs to the caller. */
export type Opened =
  | { readonly kind: 'file'; readonly handle: FileHandle; readonly status: FileStatus }
  | { readonly kind: 'device'; readonly fd: number; readonly status: FileStatus; readonly path: string }

/** What is to be opened: a name in a directory, and what the guest calls it. */
interface Place {
  readonly dirfd: number
  readonly name: string
  readonly path: string
  readonly mount: Mount
}

/** Where an append ended. */
export interface AppendEnd {
  end: number
}

const WRITING = O.WRONLY | O.RDWR | O.CREAT | O.TRUNC
/** O_NONBLOCK: opening a FIFO must not block the vCPU; it means nothing for files. */
const ALWAYS = O.CLOEXEC | O.NOCTTY | O.NONBLOCK
/** O_APPEND is the caller's: `append`. */
const PASSED =
  O.ACCMODE | O.CREAT | O.EXCL | O.TRUNC | O.DIRECTORY | O.NOFOLLOW | O.NOATIME | O.SYNC | O.PATH | O.TMPFILE

export class StorageManager {
  #host: Host
  #confined: boolean
  #walk: Walk
  #otherWalk: Walk
  #handles: Handles
  readonly #locks: RangeLocks
  #directories: Directories
  #status = newFileStatus()
  /** Where the host had the sources of the mounts at the start. */
  readonly #exports: readonly { readonly source: string; readonly target: string }[]
  readonly #mounts: readonly Mount[]

  /** Throws when a root or mount source cannot be opened: that is the command line's error. */
  constructor(options: StorageOptions) {
    const { host } = options
    this.#host = host
    const root: Mount = { source: options.root ?? '/', target: '/', readOnly: options.readOnly ?? false }
    this.#confined = options.root !== undefined || root.readOnly || (options.mounts ?? []).length > 0
    this.#mounts = [root, ...(options.mounts ?? [])]
    const roots = this.#mounts.map((mount): Root => {
      const fd = host.openat(AT.FDCWD, mount.source, O.PATH | O.DIRECTORY | O.CLOEXEC, 0)
      if (fd < 0) throw new Error(`cannot export ${mount.source}: ${errnoName(fd)}`)
      return { mount, fd, components: componentsOf(mount.target) }
    })
    this.#exports = roots.map(({ fd, mount }) => ({ source: this.#hostPath(fd) ?? mount.source, target: mount.target }))
    this.#walk = new Walk(host, roots, this.#confined)
    this.#otherWalk = new Walk(host, roots, this.#confined)
    this.#directories = new Directories(host)
    this.#handles = new Handles(host, (handle) => this.#lookUp(handle))
    this.#locks = new RangeLocks(host, this.#handles)
  }

  /** open(2). */
  open(cwd: string, path: string, flags: number, mode: number): Opened | number {
    const follow = (flags & O.NOFOLLOW) === 0 && (flags & (O.CREAT | O.EXCL)) !== (O.CREAT | O.EXCL)
    const last = (flags & O.CREAT) !== 0 && DIRECTORY_NAME.test(path) ? 'name' : follow ? 'follow' : 'nofollow'
    return this.#at(cwd, path, last, (walk) => {
      let hostFlags = (flags & PASSED) | walk.openFlags | ALWAYS
      if (walk.mustBeDirectory && (flags & O.CREAT) === 0) hostFlags |= O.DIRECTORY
      else if (walk.mustBeDirectory && this.#confined)
        return err((flags & O.EXCL) !== 0 && walk.dots !== '' ? E.EXIST : E.ISDIR)
      return this.#openAt(walk, hostFlags, mode)
    })
  }

  /** Opens what a handle names for the flags of another open(2): its permissions and its mount decide. */
  reopen(handle: FileHandle, flags: number): Opened | number {
    return this.#withFd(handle, (fd) => {
      const found = this.#host.fstat(fd, this.#status)
      if (found < 0) return found
      const kind = this.#status.mode & S.IFMT
      const isPath = (flags & O.PATH) !== 0
      if (kind === S.IFLNK && !isPath) return err(E.LOOP)
      if (kind === S.IFDIR && !isPath && (flags & O.CREAT) !== 0) return err(E.ISDIR)
      const place: Place = {
        dirfd: AT.FDCWD,
        name: this.#host.nameOf(fd),
        path: handle.path,
        mount: this.#mountOf(handle),
      }
      const given = O.ACCMODE | O.TRUNC | O.DIRECTORY | O.NOATIME | O.SYNC | O.PATH
      return this.#openAt(place, (flags & given) | ALWAYS, 0)
    })
  }

  handleAt(fd: number, path: string): FileHandle | number {
    const again = this.#host.openat(AT.FDCWD, this.#host.nameOf(fd), O.PATH | O.CLOEXEC, 0)
    if (again < 0) return again
    const found = this.#host.fstat(again, this.#status)
    if (found < 0) {
      this.#host.close(again)
      return found
    }
    const at = path === '' ? this.#host.describe(fd) : path
    const { handle } = this.#handles.add(keyOf(this.#status), at, again, O.PATH)
    this.#handles.retain(handle)
    return { key: handle.key, path: at }
  }

  isReadOnly(path: string): boolean {
    return this.#mountOf({ path }).readOnly
  }

  #openAt(place: Place, flags: number, mode: number): Opened | number {
    let hostFlags = flags
    if ((flags & O.PATH) !== 0) hostFlags &= O.PATH | O.DIRECTORY | O.NOFOLLOW | O.CLOEXEC
    else if (place.mount.readOnly && (flags & WRITING) !== 0) {
      const refused = this.#refuseWriting(place, flags)
      if (refused !== 0) return refused
      hostFlags &= ~O.CREAT
    }
    const fd = this.#host.openat(place.dirfd, place.name, hostFlags, mode)
    return fd < 0 ? fd : this.#opened(place, fd, hostFlags)
  }

  /**
   * 0 when a read-only mount lets it pass: FIFOs and devices, and O_CREAT of a file that is there and only read. Everything else that is wrong
   * comes before EROFS (do_open, do_dentry_open, fs/open.c).
   */
  #refuseWriting({ dirfd, name }: Place, flags: number): number {
    const found = this.#host.fstatat(dirfd, name, (flags & O.NOFOLLOW) !== 0 ? AT.SYMLINK_NOFOLLOW : 0, this.#status)
    const creates = (flags & O.CREAT) !== 0
    if (found < 0) return creates && found === -E.NOENT ? err(E.ROFS) : found
    if (creates && (flags & O.EXCL) !== 0) return err(E.EXIST)
    const kind = this.#status.mode & S.IFMT
    if (kind === S.IFDIR && creates) return err(E.ISDIR)
    if ((flags & O.TMPFILE) === O.TMPFILE) return err(kind === S.IFDIR ? E.ROFS : E.NOTDIR)
    const writes = (flags & (O.ACCMODE | O.TRUNC)) !== 0
    if (!writes || (kind !== S.IFREG && kind !== S.IFDIR)) return 0
    const write = (flags & O.ACCMODE) === O.RDONLY ? O.RDWR : 0
    const fd = this.#host.openat(dirfd, name, (flags & ~(O.CREAT | O.TRUNC)) | write, 0)
    if (fd < 0) return fd
    this.#host.close(fd)
    return err(E.ROFS)
  }

  #opened(place: Place, fd: number, hostFlags: number): Opened | number {
    const status = newFileStatus()
    const result = this.#host.fstat(fd, status)
    if (result < 0) {
      this.#host.close(fd)
      return result
    }
    const kind = status.mode & S.IFMT
    if (kind !== S.IFREG && kind !== S.IFDIR && (hostFlags & O.PATH) === 0) {
      return { kind: 'device', fd, status, path: place.path }
    }
    const path = kind === S.IFDIR ? this.#directoryPath(place, fd) : place.path
    const file = this.#handles.add(keyOf(status), path, fd, hostFlags)
    file.references++
    // Opened under another name than before: the handle says this one.
    const handle = file.handle.path === path ? file.handle : { key: file.handle.key, path }
    return { kind: 'file', handle, status }
  }

  /** Canonical path of a directory; the host knows it where it resolved the path. */
  #directoryPath({ path }: Place, fd: number): string {
    return this.#confined ? path : (this.#hostPath(fd) ?? path)
  }

  /** Where the host says that a descriptor is. */
  #hostPath(fd: number): string | null {
    return this.#host.describe(fd) || null
  }

  #lookUp(handle: FileHandle): OpenFile | number {
    return this.#at('/', handle.path, 'follow', (walk) => {
      const flags = O.RDONLY | walk.openFlags | ALWAYS
      const fd = this.#host.openat(walk.dirfd, walk.name, flags, 0)
      if (fd < 0) return err(E.STALE)
      if (this.#host.fstat(fd, this.#status) < 0 || keyOf(this.#status) !== handle.key) {
        this.#host.close(fd)
        return err(E.STALE)
      }
      return this.#handles.add(handle.key, handle.path, fd, flags)
    })
  }

  /** For chdir(2) and as the `cwd` of later calls: the canonical path of a directory one may enter. */
  directory(cwd: string, path: string): string | number {
    return this.#at(cwd, path, 'follow', (walk) => {
      const fd = this.#host.openat(walk.dirfd, walk.name, O.PATH | O.DIRECTORY | O.CLOEXEC | walk.openFlags, 0)
      if (fd < 0) return fd
      const allowed = this.#host.faccessat(fd, '.', 1, 0)
      const canonical = this.#directoryPath(walk, fd)
      this.#host.close(fd)
      return allowed < 0 ? allowed : canonical
    })
  }

  /** The canonical path of an open file or directory (which may be the `cwd` of later calls), also after it was renamed. */
  pathOf(handle: FileHandle): string | number {
    const fd = this.#handles.anyFd(handle)
    if (fd < 0) return fd
    const hostPath = this.#hostPath(fd)
    if (hostPath === null) return handle.path
    return this.#confined ? this.#guestPath(hostPath, handle.path) : hostPath
  }

  /** Where a guest sees a place of the host; the path that it knew before where that is still right, or where it sees it no more. */
  #guestPath(hostPath: string, before: string): string {
    const seen = this.#exports
      .filter(({ source }) => hostPath === source || hostPath.startsWith(source === '/' ? '/' : `${source}/`))
      .map(({ source, target }) => normalise(`${target}/${hostPath.slice(source.length)}`))
    return seen.includes(before) ? before : (seen.at(-1) ?? before)
  }

  // By handle

  read(handle: FileHandle, offset: number, into: Uint8Array): number {
    const fd = this.#handles.fd(handle, 'readFd')
    return fd < 0 ? fd : this.#host.pread(fd, into, offset)
  }

  write(handle: FileHandle, offset: number, from: Uint8Array): number {
    const fd = this.#toWrite(handle, 'writeFd')
    return fd < 0 ? fd : this.#host.pwrite(fd, from, offset)
  }

  /** Writes at the end of the file, atomically; `out.end` is where the data then ends. */
  append(handle: FileHandle, from: Uint8Array, out: AppendEnd): number {
    const fd = this.#toWrite(handle, 'appendFd')
    if (fd < 0) return fd
    const written = this.#host.write(fd, from)
    if (written >= 0) out.end = this.#host.lseek(fd, 0, 1)
    return written
  }

  size(handle: FileHandle): number {
    const result = this.statHandle(handle, this.#status)
    return result < 0 ? result : this.#status.size
  }

  statHandle(handle: FileHandle, out: FileStatus): number {
    return this.#withFd(handle, (fd) => this.#host.fstat(fd, out))
  }

  /** The host descriptor of a file for calls this class does not have (flock, fallocate, xattr); it stays the cache's. */
  descriptor(handle: FileHandle, writing: boolean): number {
    return writing ? this.#toWrite(handle, 'writeFd') : this.#handles.fd(handle, 'readFd')
  }

  /** One that names the file and may be O_PATH; it stays the cache's. */
  anyDescriptor(handle: FileHandle): number {
    return this.#handles.anyFd(handle)
  }

  /** Whether the file's attributes may change; its mount may be read-only. */
  mayChange(handle: FileHandle): number {
    return this.#changing(handle, () => 0)
  }

  accessHandle(handle: FileHandle, mode: number, flags: number): number {
    return this.#withFd(handle, (fd) => this.#accessOf(fd, this.#mountOf(handle), mode, flags))
  }

  linkHandle(handle: FileHandle, cwd: string, path: string): number {
    return this.#at(cwd, path, 'name', (walk) =>
      this.#making(walk, false, this.#mountOf(handle), () =>
        this.#withFd(handle, (fd) =>
          this.#host.linkat(AT.FDCWD, this.#host.nameOf(fd), walk.dirfd, walk.name, AT.SYMLINK_FOLLOW),
        ),
      ),
    )
  }

  truncateHandle(handle: FileHandle, length: number): number {
    const fd = this.#toWrite(handle, 'writeFd')
    return fd < 0 ? fd : this.#host.ftruncate(fd, length)
  }

  /** struct linux_dirent64 records from position `offset` on (0 reads anew, else a d_off of ours); 0 at the end. */
  getdents(handle: FileHandle, offset: number, into: Uint8Array): number {
    const fd = this.#handles.fd(handle, 'readFd')
    return fd < 0 ? fd : this.#directories.read(handle.key, fd, offset, into)
  }

  lockRange(handle: FileHandle, type: number, range: ByteRange): number {
    return this.#locks.lock(handle, type, range)
  }

  lockedRange(handle: FileHandle, type: number, range: ByteRange): FileLock | null | number {
    return this.#locks.conflicting(handle, type, range)
  }

  fsync(handle: FileHandle): number {
    return this.#withFd(handle, (fd) => this.#host.fsync(fd))
  }

  fdatasync(handle: FileHandle): number {
    return this.#withFd(handle, (fd) => this.#host.fdatasync(fd))
  }

  chmodHandle(handle: FileHandle, mode: number): number {
    return this.#changing(handle, (fd) => this.#host.fchmodat(AT.FDCWD, this.#host.nameOf(fd), mode, 0))
  }

  chownHandle(handle: FileHandle, uid: number, gid: number): number {
    return this.#changing(handle, (fd) => this.#host.fchownat(AT.FDCWD, this.#host.nameOf(fd), uid, gid, 0))
  }

  utimensHandle(handle: FileHandle, atimeSec: number, atimeNsec: number, mtimeSec: number, mtimeNsec: number): number {
    return this.#changing(handle, (fd) =>
      this.#host.utimensat(fd, '', atimeSec, atimeNsec, mtimeSec, mtimeNsec, AT.EMPTY_PATH),
    )
  }

  statfsHandle(handle: FileHandle, out: FileSystemStatus): number {
    return this.#withFd(handle, (fd) => this.#host.fstatfs(fd, out))
  }

  retain(handle: FileHandle): number {
    return this.#handles.retain(handle)
  }

  release(handle: FileHandle): void {
    if (this.#handles.release(handle)) this.#directories.forget(handle.key)
  }

  get openHandles(): number {
    return this.#handles.count
  }

  #withFd<T>(handle: FileHandle, call: (fd: number) => T): T | number {
    const fd = this.#handles.anyFd(handle)
    return fd < 0 ? fd : call(fd)
  }

  #changing(handle: FileHandle, call: (fd: number) => number): number {
    return this.#withFd(handle, (fd) => (this.#mountOf(handle).readOnly ? err(E.ROFS) : call(fd)))
  }

  /** Read-only is the mount's that the file was opened on, not the file's. */
  #toWrite(handle: FileHandle, purpose: 'writeFd' | 'appendFd'): number {
    return this.#mountOf(handle).readOnly ? err(E.ROFS) : this.#handles.fd(handle, purpose)
  }

  #mountOf({ path }: { readonly path: string }): Mount {
    return this.#mounts.length === 1 ? this.#mounts[0]! : mountOf(this.#mounts, path)
  }

  // By path

  stat(cwd: string, path: string, follow: boolean, out: FileStatus): number {
    return this.#at(cwd, path, follow ? 'follow' : 'nofollow', (walk) =>
      this.#host.fstatat(walk.dirfd, walk.name, this.#confined || !follow ? AT.SYMLINK_NOFOLLOW : 0, out),
    )
  }

  readlink(cwd: string, path: string, into: Uint8Array): number {
    return this.#at(cwd, path, 'nofollow', (walk) => this.#host.readlinkat(walk.dirfd, walk.name, into))
  }

  access(cwd: string, path: string, mode: number, flags: number): number {
    return this.#onFile(cwd, path, (flags & AT.SYMLINK_NOFOLLOW) === 0, false, (walk, _name, fd) =>
      this.#accessOf(fd, walk.mount, mode, flags),
    )
  }

  /** A read-only mount has FIFOs and devices that can be written to (do_faccessat, fs/open.c). */
  #accessOf(fd: number, mount: Mount, mode: number, flags: number): number {
    const result = this.#host.faccessat(AT.FDCWD, this.#host.nameOf(fd), mode, flags & AT.EACCESS)
    if (result < 0 || (mode & W_OK) === 0 || !mount.readOnly) return result
    const found = this.#host.fstat(fd, this.#status)
    return found < 0 ? found : IS_SPECIAL.has(this.#status.mode & S.IFMT) ? 0 : err(E.ROFS)
  }

  statfs(cwd: string, path: string, out: FileSystemStatus): number {
    return this.#onFile(cwd, path, true, false, (_walk, _name, fd) => this.#host.fstatfs(fd, out))
  }

  chmod(cwd: string, path: string, mode: number): number {
    return this.#onFile(cwd, path, true, true, (_walk, name) => this.#host.fchmodat(AT.FDCWD, name, mode, 0))
  }

  chown(cwd: string, path: string, uid: number, gid: number, follow: boolean): number {
    return this.#changingAt(cwd, path, follow ? 'follow' : 'nofollow', (walk) => {
      const flags = this.#confined || !follow ? AT.SYMLINK_NOFOLLOW : 0
      return this.#host.fchownat(walk.dirfd, walk.name, uid, gid, flags)
    })
  }

  utimens(
    cwd: string,
    path: string,
    atimeSec: number,
    atimeNsec: number,
    mtimeSec: number,
    mtimeNsec: number,
    follow: boolean,
  ): number {
    return this.#changingAt(cwd, path, follow ? 'follow' : 'nofollow', (walk) => {
      const flags = this.#confined || !follow ? AT.SYMLINK_NOFOLLOW : 0
      return this.#host.utimensat(walk.dirfd, walk.name, atimeSec, atimeNsec, mtimeSec, mtimeNsec, flags)
    })
  }

  truncate(cwd: string, path: string, length: number): number {
    return this.#at(cwd, path, 'follow', (walk) => {
      const found = this.#host.fstatat(walk.dirfd, walk.name, this.#confined ? AT.SYMLINK_NOFOLLOW : 0, this.#status)
      if (found < 0) return found
      const kind = this.#status.mode & S.IFMT
      if (kind !== S.IFREG) return err(kind === S.IFDIR ? E.ISDIR : E.INVAL)
      if (walk.mount.readOnly) return err(E.ROFS)
      const fd = this.#host.openat(walk.dirfd, walk.name, O.WRONLY | ALWAYS | walk.openFlags, 0)
      if (fd < 0) return fd
      const result = this.#host.ftruncate(fd, length)
      this.#host.close(fd)
      return result
    })
  }

  mkdir(cwd: string, path: string, mode: number): number {
    return this.#makingAt(cwd, path, true, (walk) => this.#host.mkdirat(walk.dirfd, walk.name, mode))
  }

  mknod(cwd: string, path: string, mode: number, device: number): number {
    // A disk or the host's memory would be a way out of the export: EPERM, as in a user namespace (mknod(2)).
    const kind = mode & S.IFMT
    if (this.#confined && (kind === S.IFBLK || kind === S.IFCHR)) return err(E.PERM)
    return this.#makingAt(cwd, path, false, (walk) => this.#host.mknodat(walk.dirfd, walk.name, mode, device))
  }

  symlink(target: string, cwd: string, path: string): number {
    return this.#makingAt(cwd, path, false, (walk) => this.#host.symlinkat(target, walk.dirfd, walk.name))
  }

  unlink(cwd: string, path: string): number {
    return this.#at(cwd, path, 'name', (walk) => {
      if (walk.dots !== '') return err(E.ISDIR)
      if (walk.mount.readOnly) return err(E.ROFS)
      const kind = this.#confined && walk.mustBeDirectory ? this.#kindOf(walk) : 0
      if (kind !== 0) return kind < 0 ? kind : err(kind === S.IFDIR ? E.ISDIR : E.NOTDIR)
      return this.#host.unlinkat(walk.dirfd, walk.name, 0)
    })
  }

  rmdir(cwd: string, path: string): number {
    return this.#at(cwd, path, 'name', (walk) => {
      if (walk.dots !== '') return err(walk.dots === '.' ? E.INVAL : walk.dots === '..' ? E.NOTEMPTY : E.BUSY)
      if (walk.isMountPoint) return err(E.BUSY)
      return walk.mount.readOnly ? err(E.ROFS) : this.#host.unlinkat(walk.dirfd, walk.name, AT.REMOVEDIR)
    })
  }

  /** renameat2(2). */
  rename(oldCwd: string, oldPath: string, newCwd: string, newPath: string, flags: number): number {
    return this.#between(oldCwd, oldPath, newCwd, newPath, 'name', (from, to) => {
      const refused = this.#confined ? this.#refuseRename(from, to, flags) : 0
      return refused < 0 ? refused : this.#host.renameat2(from.dirfd, from.name, to.dirfd, to.name, flags)
    })
  }

  /** What do_renameat2 (fs/namei.c) finds before it looks at the file system, in its order. A link before a slash is not followed. */
  #refuseRename(from: Walk, to: Walk, flags: number): number {
    const exists = err((flags & RENAME.NOREPLACE) !== 0 ? E.EXIST : E.BUSY)
    const named = from.dots === '' && to.dots === ''
    if (named && (from.isMountPoint || to.isMountPoint)) return to.isMountPoint ? exists : err(E.BUSY)
    if (from.mount !== to.mount) return err(E.XDEV)
    if (!named) return from.dots !== '' ? err(E.BUSY) : exists
    if (to.mount.readOnly) return err(E.ROFS)
    if (!from.mustBeDirectory && !to.mustBeDirectory) return 0
    const old = this.#kindOf(from)
    if (old < 0) return old
    const replaced = this.#kindOf(to)
    const exchanges = (flags & RENAME.EXCHANGE) !== 0
    if (replaced >= 0 && (flags & RENAME.NOREPLACE) !== 0) return err(E.EXIST)
    if (exchanges && to.mustBeDirectory && replaced !== S.IFDIR) return replaced < 0 ? replaced : err(E.NOTDIR)
    return old !== S.IFDIR && (from.mustBeDirectory || !exchanges) ? err(E.NOTDIR) : 0
  }

  /** linkat(2); `follow` is AT_SYMLINK_FOLLOW. */
  link(oldCwd: string, oldPath: string, newCwd: string, newPath: string, follow: boolean): number {
    const flags = follow && !this.#confined ? AT.SYMLINK_FOLLOW : 0
    return this.#between(oldCwd, oldPath, newCwd, newPath, follow ? 'follow' : 'nofollow', (from, to) => {
      const found = this.#confined ? this.#kindOf(from) : 0
      if (found < 0) return found
      return this.#making(to, false, from.mount, () =>
        this.#host.linkat(from.dirfd, from.name, to.dirfd, to.name, flags),
      )
    })
  }

  /** Only a directory can be made by a name that ends in a slash: what is there is EEXIST (filename_create, fs/namei.c). */
  #nameOfSlash(walk: Walk): number {
    if (!this.#confined || !walk.mustBeDirectory) return 0
    const found = this.#kindOf(walk)
    return found < 0 ? found : err(E.EXIST)
  }

  /** Kind of what a confined walk found (S_IFMT), or a negative errno. */
  #kindOf(walk: Walk): number {
    const found = this.#host.fstatat(walk.dirfd, walk.name, AT.SYMLINK_NOFOLLOW, this.#status)
    return found < 0 ? found : this.#status.mode & S.IFMT
  }

  #at<T>(cwd: string, path: string, last: Last, use: (walk: Walk) => T): T | number {
    const walk = this.#walk
    const result = walk.resolve(cwd, path, last)
    const value = result < 0 ? result : use(walk)
    walk.done()
    return value
  }

  #changingAt(cwd: string, path: string, last: Last, use: (walk: Walk) => number): number {
    return this.#at(cwd, path, last, (walk) => {
      if (!walk.mount.readOnly) return use(walk)
      const found = this.#host.fstatat(walk.dirfd, walk.name, AT.SYMLINK_NOFOLLOW, this.#status)
      return found < 0 ? found : err(E.ROFS)
    })
  }

  /** For calls that make a name: one that exists is EEXIST, also on a read-only mount. */
  #makingAt(cwd: string, path: string, directory: boolean, use: (walk: Walk) => number): number {
    return this.#at(cwd, path, 'name', (walk) => this.#making(walk, directory, walk.mount, () => use(walk)))
  }

  /** A name for something that is on the mount `of` (filename_create and do_linkat, fs/namei.c). */
  #making(walk: Walk, directory: boolean, of: Mount, use: () => number): number {
    if (walk.name === '.') return err(E.EXIST)
    const refused = directory ? 0 : this.#nameOfSlash(walk)
    if (refused < 0) return refused
    if (!walk.mount.readOnly && walk.mount === of) return use()
    const found = this.#kindOf(walk)
    if (found !== -E.NOENT) return found < 0 ? found : err(E.EXIST)
    return err(walk.mount.readOnly ? E.ROFS : E.XDEV)
  }

  /** Calls that the host can only make on a name are made on the descriptor's, so that no link can come in between. */
  #onFile(
    cwd: string,
    path: string,
    follow: boolean,
    changing: boolean,
    use: (walk: Walk, name: string, fd: number) => number,
  ): number {
    return this.#at(cwd, path, follow ? 'follow' : 'nofollow', (walk) => {
      const nofollow = follow && !this.#confined ? 0 : O.NOFOLLOW
      const directory = walk.mustBeDirectory ? O.DIRECTORY : 0
      const fd = this.#host.openat(walk.dirfd, walk.name, O.PATH | O.CLOEXEC | nofollow | directory, 0)
      if (fd < 0) return fd
      const result = changing && walk.mount.readOnly ? err(E.ROFS) : use(walk, this.#host.nameOf(fd), fd)
      this.#host.close(fd)
      return result
    })
  }

  #between(
    oldCwd: string,
    oldPath: string,
    newCwd: string,
    newPath: string,
    last: Last,
    use: (from: Walk, to: Walk) => number,
  ): number {
    return this.#at(oldCwd, oldPath, last, (from) => {
      const to = this.#otherWalk
      const result = to.resolve(newCwd, newPath, 'name')
      const value = result < 0 ? result : use(from, to)
      to.done()
      return value
    })
  }
}

const W_OK = 2
/** Kinds of files that are written to without a change of their file system. */
const IS_SPECIAL: ReadonlySet<number> = new Set([S.IFIFO, S.IFCHR, S.IFBLK, S.IFSOCK])

/** A path that only a directory has. */
const DIRECTORY_NAME = /(?:^|\/)\.?$/
