// A Storage in front of another: what it is asked about the guest's /proc (proc-tree.ts) is answered here, and everything else goes on.

import { DT, writeDirent } from '../abi/dirent.js'
import { E, type ErrnoNumber, err } from '../abi/errno.js'
import { AT, O } from '../abi/fcntl.js'
import { type FileStatus, newFileStatus, S } from '../abi/stat.js'
import { bytesOfPath, textOfPath } from '../lib/path-text.js'
import type { FileHandle } from '../wire/layout.js'
import type { Credentials } from './credentials.js'
import type { Kernel } from './kernel.js'
import { bytesOf } from './proc-files.js'
import { type Entry, type Found, inodeOf, isOfProcess, type Node, ProcTree } from './proc-tree.js'
import type { Opened, Storage } from './storage.js'

/** No mapping can have a file of /proc: an errno, or 0 for other files. Only those of processes say so at once (proc_reg_mmap, fs/proc/inode.c). */
export const refusedProcMapping = ({ key, path }: FileHandle): number =>
  !key.startsWith('proc:') ? 0 : isOfProcess(path) ? err(E.NODEV) : err(E.IO)

interface OpenNode {
  readonly node: Node
  references: number
  /** The host's node that has its attributes, once somebody has asked for them. */
  twin: FileHandle | null
  content: Uint8Array
}

/** Of a node, in the host's /proc: another process's directory, whose descriptors and threads are others. */
function hostPathOf({ kind, path }: Node): string {
  if (kind === 'link') return path.includes('/fd/') ? '/proc/self/fd/0' : '/proc/self'
  return path.replace(/^\/proc\/\d+(?:\/task\/\d+)?/, '/proc/self/').replace(/fdinfo\/\d+$/, 'limits')
}

const X_OK = 1
const W_OK = 2
const R_OK = 4
const EVERYTHING = 7

/** access(2), by mode and owner (generic_permission, fs/namei.c). */
function permits({ mode, uid, gid }: FileStatus, wanted: number, who: Credentials, effective: boolean): boolean {
  const user = effective ? who.fsuid : who.uid
  const isIn = (effective ? who.fsgid : who.gid) === gid || who.groups.includes(gid)
  // The superuser may do everything but execute what nobody may.
  const superuser = (mode & S.IFMT) === S.IFDIR || (mode & 0o111) !== 0 ? EVERYTHING : EVERYTHING & ~X_OK
  const allowed = user === 0 ? superuser : user === uid ? mode >> 6 : isIn ? mode >> 3 : mode
  return (wanted & ~allowed & EVERYTHING) === 0
}

/** `storage` with the guest's /proc in front. */
export function procStorage(storage: Storage, kernel: () => Kernel): Storage {
  const tree = new ProcTree(storage, kernel)
  const opened = new Map<string, OpenNode>()
  const status = newFileStatus()
  let lastKey = 0

  const open: Storage['open'] = (cwd, path, flags, mode) => {
    const exclusive = (flags & (O.CREAT | O.EXCL)) === (O.CREAT | O.EXCL)
    const found = tree.find(cwd, path, (flags & O.NOFOLLOW) === 0 && !exclusive)
    if (typeof found !== 'number' && found.kind === 'other') {
      const other = storage.open(found.cwd, found.path, flags, mode)
      const node = typeof other === 'number' ? null : nodeOf(other)
      return node === null ? other : openNode(node, path, flags)
    }
    if (typeof found !== 'number' && found.kind === 'opened')
      return releasing(found.handle, () => storage.reopen(found.handle, flags))
    return typeof found === 'number' ? found : exclusive ? err(E.EXIST) : openNode(found, path, flags)
  }

  /** The node that the other storage has opened under a name of its own, a symbolic link's: it keeps the file only when there is none. */
  function nodeOf(other: Opened): Node | null {
    if (other.kind !== 'file' || !tree.isInside(other.status.dev)) return null
    const path = storage.pathOf(other.handle)
    const found: Found = typeof path === 'number' ? path : tree.findOfHost(path)
    if (typeof found === 'number' || found.kind === 'other' || found.kind === 'opened') return null
    storage.release(other.handle)
    return found
  }

  function statOther(cwd: string, path: string, follow: boolean, out: FileStatus): number {
    const found = storage.stat(cwd, path, follow, out)
    if (found < 0 || !tree.isInside(out.dev)) return found
    const opened = storage.open(cwd, path, O.PATH | (follow ? 0 : O.NOFOLLOW), 0)
    if (typeof opened === 'number') return found
    const node = nodeOf(opened)
    if (node !== null) tree.fill(node, out)
    else if (opened.kind === 'file') storage.release(opened.handle)
    return found
  }

  function openNode(found: Node, path: string, flags: number): Opened | number {
    const isPath = (flags & O.PATH) !== 0
    if (found.kind === 'link' && !isPath) return err(E.LOOP)
    const access = flags & O.ACCMODE
    const writes = access !== O.RDONLY
    if (found.kind === 'directory' && (writes || (flags & O.CREAT) !== 0) && !isPath) return err(E.ISDIR)
    if (found.kind !== 'directory' && ((flags & O.DIRECTORY) !== 0 || path.endsWith('/'))) return err(E.NOTDIR)
    if (!isPath) {
      const wanted = (access === O.WRONLY ? 0 : R_OK) | (writes || (flags & O.TRUNC) !== 0 ? W_OK : 0)
      const refused = accessOf(found, wanted, AT.EACCESS)
      if (refused < 0) return refused
    }
    const key = `proc:${++lastKey}`
    opened.set(key, { node: found, references: 1, twin: null, content: new Uint8Array(0) })
    const status = newFileStatus()
    tree.fill(found, status)
    return { kind: 'file', handle: { key, path: found.path }, status }
  }

  function releasing<T>(handle: FileHandle, use: () => T): T {
    const result = use()
    storage.release(handle)
    return result
  }

  /** A call on what a path names: on the path where it is the other storage's, else on the node or the open file that it comes to. */
  const named = <Rest extends unknown[], T>(
    follows: boolean | ((...rest: Rest) => boolean),
    other: (cwd: string, path: string, ...rest: Rest) => T | number,
    ofNode: (node: Node, ...rest: Rest) => T | number,
    ofHandle: (handle: FileHandle, ...rest: Rest) => T | number,
  ) => {
    return (cwd: string, path: string, ...rest: Rest): T | number => {
      const found = tree.find(cwd, path, typeof follows === 'boolean' ? follows : follows(...rest))
      if (typeof found === 'number') return found
      if (found.kind === 'other') return other(found.cwd, found.path, ...rest)
      if (found.kind === 'opened') return releasing(found.handle, () => ofHandle(found.handle, ...rest))
      return ofNode(found, ...rest)
    }
  }

  function accessOf(node: Node, mode: number, flags: number): number {
    const { caller } = tree
    tree.fill(node, status)
    if (caller === null) return 0
    // One's own descriptors are for oneself, whoever owns them (proc_fd_permission, fs/proc/fd.c).
    if (node.task.process === caller.process && node.kind === 'directory' && node.path.endsWith('/fd')) return 0
    return permits(status, mode, caller.process.credentials, (flags & AT.EACCESS) !== 0) ? 0 : err(E.ACCES)
  }

  function truncateNode(node: Node): number {
    return node.kind === 'directory' ? err(E.ISDIR) : accessOf(node, W_OK, AT.EACCESS)
  }

  const refuse = (errno: ErrnoNumber) => (): number => err(errno)

  const replaced: Partial<Storage> = {
    open,
    directory: named<[], string>(
      true,
      (cwd, path) => {
        const directory = storage.directory(cwd, path)
        const found: Found = typeof directory === 'number' ? directory : tree.findOfHost(directory)
        return typeof found !== 'number' && found.kind === 'directory' ? found.path : directory
      },
      (node) => (node.kind === 'directory' ? node.path : err(E.NOTDIR)),
      (handle) => {
        const path = storage.pathOf(handle)
        return typeof path === 'number' ? path : storage.directory('/', path)
      },
    ),
    stat: named(
      (follow) => follow,
      statOther,
      (node, _follow, out) => {
        tree.fill(node, out)
        return 0
      },
      (handle, _follow, out) => storage.statHandle(handle, out),
    ),
    readlink: named(
      false,
      storage.readlink,
      (node, into) => {
        if (node.kind !== 'link') return err(E.INVAL)
        const bytes = bytesOfPath(node.text).subarray(0, into.length)
        into.set(bytes)
        return bytes.length
      },
      refuse(E.INVAL),
    ),
    access: named(
      (_mode, flags) => (flags & AT.SYMLINK_NOFOLLOW) === 0,
      storage.access,
      accessOf,
      storage.accessHandle,
    ),
    statfs: named(true, storage.statfs, (_node, out) => storage.statfs('/', '/proc', out), storage.statfsHandle),
    chmod: named(true, storage.chmod, refuse(E.PERM), storage.chmodHandle),
    chown: named(
      (_uid, _gid, follow) => follow,
      storage.chown,
      refuse(E.PERM),
      (handle, uid, gid) => storage.chownHandle(handle, uid, gid),
    ),
    truncate: named(true, storage.truncate, truncateNode, (handle, length) => {
      const found = storage.statHandle(handle, status)
      const kind = status.mode & S.IFMT
      if (found < 0 || kind === S.IFREG) return found < 0 ? found : storage.truncateHandle(handle, length)
      return err(kind === S.IFDIR ? E.ISDIR : E.INVAL)
    }),
    utimens: named(
      (_atimeSec, _atimeNsec, _mtimeSec, _mtimeNsec, follow) => follow,
      storage.utimens,
      refuse(E.PERM),
      (handle, ...times) => storage.utimensHandle(handle, times[0], times[1], times[2], times[3]),
    ),
    link: named(
      (_cwd, _path, follow) => follow,
      storage.link,
      (node, cwd, path) => withTwin(node, (twin) => storage.linkHandle(twin, cwd, path)),
      (handle, cwd, path) => storage.linkHandle(handle, cwd, path),
    ),
  }

  /** Methods on handles: `ours` for a node that is open here. */
  const own = (handle: FileHandle): OpenNode | undefined => (opened.size === 0 ? undefined : opened.get(handle.key))

  /** What the host's own process has of a node's kind (one reference): watches, extended attributes and links are asked of it. */
  function openTwin(node: Node): FileHandle | number {
    const found = storage.open('/', hostPathOf(node), O.PATH | O.NOFOLLOW, 0)
    if (typeof found === 'number') return found
    // O_PATH never gives a device.
    return found.kind === 'device' ? err(E.NXIO) : found.handle
  }

  function withTwin(node: Node, use: (twin: FileHandle) => number): number {
    const twin = openTwin(node)
    return typeof twin === 'number' ? twin : releasing(twin, () => use(twin))
  }

  function twinOf(known: OpenNode): FileHandle | number {
    if (known.twin !== null) return known.twin
    const twin = openTwin(known.node)
    if (typeof twin !== 'number') known.twin = twin
    return twin
  }

  const ofTwin =
    <Rest extends unknown[]>(ask: (handle: FileHandle, ...rest: Rest) => number) =>
    (handle: FileHandle, ...rest: Rest): number => {
      const known = own(handle)
      const named = known === undefined ? handle : twinOf(known)
      return typeof named === 'number' ? named : ask(named, ...rest)
    }

  const onHandles: Partial<Storage> = {
    read(handle, offset, into) {
      const known = own(handle)
      if (known === undefined) return storage.read(handle, offset, into)
      if (known.node.kind !== 'file') return err(E.ISDIR)
      if (offset === 0) known.content = bytesOf(known.node.row.read(known.node.task))
      const part = known.content.subarray(offset, offset + into.length)
      into.set(part)
      return part.length
    },
    write(handle, offset, from) {
      const known = own(handle)
      if (known === undefined) return storage.write(handle, offset, from)
      if (known.node.kind !== 'file') return err(E.BADF)
      // Those that are no process's have a write of their own, which fails (proc_reg_write, fs/proc/inode.c).
      if (known.node.row.write === undefined) return isOfProcess(known.node.path) ? err(E.INVAL) : err(E.IO)
      const result = known.node.row.write(known.node.task, textOfPath(from))
      return result < 0 ? result : from.length
    },
    append(handle, from, out) {
      return own(handle) === undefined ? storage.append(handle, from, out) : onHandles.write!(handle, 0, from)
    },
    statHandle(handle, out) {
      const known = own(handle)
      if (known === undefined) return storage.statHandle(handle, out)
      tree.fill(known.node, out)
      return 0
    },
    size(handle) {
      const known = own(handle)
      if (known === undefined) return storage.size(handle)
      return known.node.kind === 'file' && known.node.row.hasEnd !== true ? err(E.INVAL) : 0
    },
    pathOf: (handle) => own(handle)?.node.path ?? storage.pathOf(handle),
    getdents(handle, offset, into) {
      const known = own(handle)
      if (known === undefined) return storage.getdents(handle, offset, into)
      if (known.node.kind !== 'directory') return err(E.NOTDIR)
      const entries: Entry[] = [{ name: '.', type: DT.DIR }, { name: '..', type: DT.DIR }, ...known.node.list()]
      const view = new DataView(into.buffer, into.byteOffset, into.byteLength)
      let length = 0
      for (let index = offset; index < entries.length; index++) {
        const { name, type } = entries[index]!
        const ino = inodeOf(`${known.node.path}/${name}`)
        const written = writeDirent(view, length, into.length, ino, index + 1, type, bytesOfPath(name))
        if (written === 0) return length === 0 ? err(E.INVAL) : length
        length += written
      }
      return length
    },
    reopen: (handle, flags) => (own(handle) === undefined ? storage.reopen(handle, flags) : err(E.ACCES)),
    retain(handle) {
      const known = own(handle)
      return known === undefined ? storage.retain(handle) : ++known.references
    },
    release(handle) {
      const known = own(handle)
      if (known === undefined) storage.release(handle)
      else if (--known.references === 0) {
        opened.delete(handle.key)
        if (known.twin !== null) storage.release(known.twin)
      }
    },
    descriptor: (handle, writing) => (own(handle) === undefined ? storage.descriptor(handle, writing) : err(E.ACCES)),
    anyDescriptor: ofTwin(storage.anyDescriptor),
    lockRange: (handle, ...lock) => (own(handle) === undefined ? storage.lockRange(handle, ...lock) : 0),
    lockedRange: (handle, ...lock) => (own(handle) === undefined ? storage.lockedRange(handle, ...lock) : null),
    accessHandle(handle, mode, flags) {
      const known = own(handle)
      return known === undefined ? storage.accessHandle(handle, mode, flags) : accessOf(known.node, mode, flags)
    },
    linkHandle: ofTwin(storage.linkHandle),
    mayChange: ofTwin(storage.mayChange),
    truncateHandle: (handle, length) => (own(handle) === undefined ? storage.truncateHandle(handle, length) : 0),
    fsync: (handle) => (own(handle) === undefined ? storage.fsync(handle) : err(E.INVAL)),
    fdatasync: (handle) => (own(handle) === undefined ? storage.fdatasync(handle) : err(E.INVAL)),
    chmodHandle: (handle, mode) => (own(handle) === undefined ? storage.chmodHandle(handle, mode) : err(E.PERM)),
    chownHandle: (handle, uid, gid) =>
      own(handle) === undefined ? storage.chownHandle(handle, uid, gid) : err(E.PERM),
    utimensHandle: (handle, ...times) =>
      own(handle) === undefined ? storage.utimensHandle(handle, ...times) : err(E.PERM),
    statfsHandle: (handle, out) =>
      own(handle) === undefined ? storage.statfsHandle(handle, out) : storage.statfs('/', '/proc', out),
  }
  return { ...storage, ...replaced, ...onHandles }
}
