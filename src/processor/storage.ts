// What the processor asks of a storage manager. Handles and offsets only; paths at look-up, with the caller's directory. Results are Linux's: >= 0 or a
// negative errno. src/storage implements it; the composition root brings the two together.
import type { ByteRange, FileLock } from '../abi/fcntl.js'
import type { FileStatus } from '../abi/stat.js'
import type { FileSystemStatus } from '../abi/statfs.js'
import type { FileHandle } from '../wire/layout.js'

/** A file to be used by handle (one reference, see `release`), or a device or FIFO whose host descriptor now belongs to the caller. */
export type Opened =
  | { readonly kind: 'file'; readonly handle: FileHandle; readonly status: FileStatus }
  | { readonly kind: 'device'; readonly fd: number; readonly status: FileStatus; readonly path: string }

export interface Storage {
  open(cwd: string, path: string, flags: number, mode: number): Opened | number
  /** The file behind a handle opened again, as its permissions and mount allow: open(2) of a link in /proc/self/fd. */
  reopen(handle: FileHandle, flags: number): Opened | number
  /** A handle (one reference) of what a descriptor of the host has open; `path` is where it was opened. */
  handleAt(fd: number, path: string): FileHandle | number
  /** Whether nothing may change at a canonical path. */
  isReadOnly(path: string): boolean
  directory(cwd: string, path: string): string | number
  /** Canonical path of an open file or directory, also after it was renamed. */
  pathOf(handle: FileHandle): string | number
  read(handle: FileHandle, offset: number, into: Uint8Array): number
  write(handle: FileHandle, offset: number, from: Uint8Array): number
  append(handle: FileHandle, from: Uint8Array, out: { end: number }): number
  size(handle: FileHandle): number
  statHandle(handle: FileHandle, out: FileStatus): number
  descriptor(handle: FileHandle, writing: boolean): number
  /** One that names the file, perhaps O_PATH. */
  anyDescriptor(handle: FileHandle): number
  /** 0, or -EROFS: for calls that change a file through a descriptor that only reads. */
  mayChange(handle: FileHandle): number
  accessHandle(handle: FileHandle, mode: number, flags: number): number
  /** A name for an open file, whatever names it has: linkat(2), AT_EMPTY_PATH. */
  linkHandle(handle: FileHandle, cwd: string, path: string): number
  truncateHandle(handle: FileHandle, length: number): number
  getdents(handle: FileHandle, offset: number, into: Uint8Array): number
  fsync(handle: FileHandle): number
  fdatasync(handle: FileHandle): number
  chmodHandle(handle: FileHandle, mode: number): number
  chownHandle(handle: FileHandle, uid: number, gid: number): number
  utimensHandle(handle: FileHandle, atimeSec: number, atimeNsec: number, mtimeSec: number, mtimeNsec: number): number
  statfsHandle(handle: FileHandle, out: FileSystemStatus): number
  /** The machine's record lock on bytes of a file, towards programs outside: F_LOCK. -EAGAIN: one of them stands against it. */
  lockRange(handle: FileHandle, type: number, range: ByteRange): number
  /** The lock of a program outside that stands against one of the machine's. */
  lockedRange(handle: FileHandle, type: number, range: ByteRange): FileLock | null | number
  retain(handle: FileHandle): number
  release(handle: FileHandle): void
  stat(cwd: string, path: string, follow: boolean, out: FileStatus): number
  readlink(cwd: string, path: string, into: Uint8Array): number
  access(cwd: string, path: string, mode: number, flags: number): number
  statfs(cwd: string, path: string, out: FileSystemStatus): number
  chmod(cwd: string, path: string, mode: number): number
  chown(cwd: string, path: string, uid: number, gid: number, follow: boolean): number
  utimens(
    cwd: string,
    path: string,
    atimeSec: number,
    atimeNsec: number,
    mtimeSec: number,
    mtimeNsec: number,
    follow: boolean,
  ): number
  truncate(cwd: string, path: string, length: number): number
  mkdir(cwd: string, path: string, mode: number): number
  mknod(cwd: string, path: string, mode: number, device: number): number
  symlink(target: string, cwd: string, path: string): number
  unlink(cwd: string, path: string): number
  rmdir(cwd: string, path: string): number
  rename(oldCwd: string, oldPath: string, newCwd: string, newPath: string, flags: number): number
  link(oldCwd: string, oldPath: string, newCwd: string, newPath: string, follow: boolean): number
}

/** What the key of a handle begins with; zeros for a file that is no storage manager's. */
export function deviceAndInode(key: string): readonly [device: number, inode: number] {
  const [device, inode] = key.split(':').map(Number)
  return Number.isFinite(device) && Number.isFinite(inode) ? [device!, inode!] : [0, 0]
}
