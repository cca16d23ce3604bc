// What the paths of a guest's /proc name: its own processes and CPU in place of the host's. Paths under /proc/PID, /proc/self, /dev/fd and the like
// come to nodes made of proc-files.ts or to open files, everything else is another storage's. Only where the guest's /proc is the host's proc file system.
//   const found = tree.find(cwd, path, follow)

import { DT, readDirents } from '../abi/dirent.js'
import { E, err } from '../abi/errno.js'
import { O } from '../abi/fcntl.js'
import { type FileStatus, newFileStatus, S } from '../abi/stat.js'
import { newFileSystemStatus } from '../abi/statfs.js'
import { textOfPath } from '../lib/path-text.js'
import type { FileHandle } from '../wire/layout.js'
import { handleOf } from './files.js'
import type { Kernel } from './kernel.js'
import { describe, descriptorInfo, PROC_NAMES, type ProcFile, type ProcRow, procRow } from './proc-files.js'
import type { Storage } from './storage.js'
import type { Task } from './task.js'

const PROC_SUPER_MAGIC = 0x9fa0
const LINKS_MAX = 40

export interface Entry {
  readonly name: string
  readonly type: number
}

/** What a path under /proc names. */
export type Node =
  | { readonly kind: 'file'; readonly path: string; readonly mode: number; readonly task: Task; readonly row: ProcFile }
  | {
      readonly kind: 'directory'
      readonly path: string
      readonly mode: number
      readonly task: Task
      list(): readonly Entry[]
    }
  | { readonly kind: 'link'; readonly path: string; readonly mode: number; readonly task: Task; readonly text: string }

/** A file that a process has open (one reference, the caller's): a link of fd/, followed, is the file itself, wherever its name leads meanwhile. */
interface OpenedFile {
  readonly kind: 'opened'
  readonly handle: FileHandle
}

/** What a path comes to: a node here, an open file, the other storage's path, or an errno. */
export type Found = Node | OpenedFile | { readonly kind: 'other'; readonly cwd: string; readonly path: string } | number

const DEVICE_LINKS: Readonly<Record<string, string>> = {
  '/dev/fd': '/proc/self/fd',
  '/dev/stdin': '/proc/self/fd/0',
  '/dev/stdout': '/proc/self/fd/1',
  '/dev/stderr': '/proc/self/fd/2',
}

const MUST_BE_DIRECTORY = /\/\.?$/

/** Paths of a process; the others are the host's too. */
export const isOfProcess = (path: string): boolean => /^\/proc\/\d/.test(path)

const isNumber = (name: string): boolean => /^(?:0|[1-9]\d*)$/.test(name)

export class ProcTree {
  readonly #storage: Storage
  readonly #kernel: () => Kernel
  readonly #status = newFileStatus()
  /** Device of the host's proc file system where the guest's /proc is; -1: it is another one. Null: nobody has asked. */
  #device: number | null = null
  /** The host's own process in there. */
  #hostPid = ''

  constructor(storage: Storage, kernel: () => Kernel) {
    this.#storage = storage
    this.#kernel = kernel
  }

  /** The task whose system call this is. */
  get caller(): Task | null {
    const { scheduler, vcpus } = this.#kernel()
    return vcpus.serving === 0 ? scheduler.current : (vcpus.tasks[vcpus.serving] ?? null)
  }

  get #hasProc(): boolean {
    if (this.#device === null) this.#device = this.#findDevice()
    return this.#device >= 0
  }

  #findDevice(): number {
    const fileSystem = newFileSystemStatus()
    if (this.#storage.statfs('/', '/proc', fileSystem) < 0 || fileSystem.type !== PROC_SUPER_MAGIC) return -1
    const target = new Uint8Array(32)
    const length = this.#storage.readlink('/', '/proc/self', target)
    if (length < 0 || this.#storage.stat('/', '/proc', true, this.#status) < 0) return -1
    this.#hostPid = textOfPath(target.subarray(0, length))
    return this.#status.dev
  }

  /** Whether a file of this device is one of /proc. */
  isInside(device: number): boolean {
    return this.caller !== null && this.#hasProc && device === this.#device
  }

  /** What the host's path of a file of /proc is here: of its own process and threads, the caller's. */
  findOfHost(path: string): Found {
    if (!path.startsWith('/proc') || !this.#hasProc) return { kind: 'other', cwd: '/', path }
    const own = `/proc/${this.#hostPid}`
    if (path !== own && !path.startsWith(`${own}/`)) return this.find('/', path, true)
    const rest = path.slice(own.length)
    const inTask = rest.replace(/^\/task\/\d+/, '')
    return this.find('/', rest === inTask ? `/proc/self${rest}` : `/proc/thread-self${inTask}`, true)
  }

  find(cwd: string, path: string, follow: boolean): Found {
    const full = path.startsWith('/') ? path : `${cwd}/${path}`
    if (!full.startsWith('/proc') && !full.startsWith('/dev/')) return { kind: 'other', cwd, path }
    const caller = this.caller
    if (caller === null || !this.#hasProc) return { kind: 'other', cwd, path }
    return this.#walk(caller, full, follow, 0) ?? { kind: 'other', cwd, path }
  }

  /** null: not about processes. */
  #walk(caller: Task, full: string, follow: boolean, links: number): Found | null {
    if (links > LINKS_MAX) return err(E.LOOP)
    const device = Object.keys(DEVICE_LINKS).find((name) => full === name || full.startsWith(`${name}/`))
    if (device !== undefined) {
      if (full === device && !follow) return null
      return this.#walk(caller, DEVICE_LINKS[device]! + full.slice(device.length), follow, links + 1)
    }
    const parts = normal(full)
    if (parts[0] !== 'proc') return links === 0 ? null : { kind: 'other', cwd: '/', path: `/${parts.join('/')}` }
    if (parts.length === 1) return full.endsWith('/..') ? null : this.#rootOf(caller)
    const [, first, ...rest] = parts as [string, string, ...string[]]
    if (first === 'self' || first === 'thread-self') {
      const { pid } = caller.process
      const text = first === 'self' ? String(pid) : `${pid}/task/${caller.tid}`
      if (rest.length === 0 && !follow && !full.endsWith('/'))
        return { kind: 'link', path: `/proc/${first}`, mode: S.IFLNK | 0o777, task: caller, text }
      const end = MUST_BE_DIRECTORY.test(full) ? '/' : ''
      return this.#walk(caller, `/proc/${[text, ...rest].join('/')}${end}`, follow, links + 1)
    }
    if (first === 'cpuinfo') return rest.length > 0 ? err(E.NOTDIR) : this.#cpuinfo(caller)
    if (first === 'mounts' || first === 'net') return this.#ofHost(`/proc/${first}`, rest)
    if (!isNumber(first)) return null
    const process = this.#kernel().processes.get(Number(first))
    const [task] = process?.tasks ?? []
    if (task === undefined) return err(E.NOENT)
    if (rest[0] === 'task' && rest.length > 1) {
      const thread = [...task.process.tasks].find(({ tid }) => String(tid) === rest[1])
      if (thread === undefined) return err(E.NOENT)
      return this.#inProcess(caller, thread, `/proc/${first}/task/${rest[1]}`, rest.slice(2), follow, full, links)
    }
    return this.#inProcess(caller, task, `/proc/${first}`, rest, follow, full, links)
  }

  #ofHost(path: string, rest: readonly string[]): Found {
    return { kind: 'other', cwd: '/', path: [path, ...rest].join('/') }
  }

  #rootOf(task: Task): Node {
    const list = (): Entry[] => {
      const others = this.#entriesOf('/proc').filter(({ name }) => !isNumber(name))
      const processes = [...this.#kernel().processes.keys()].sort((a, b) => a - b)
      return [...others, ...processes.map((pid) => ({ name: String(pid), type: DT.DIR }))]
    }
    return { kind: 'directory', path: '/proc', mode: S.IFDIR | 0o555, task, list }
  }

  /** The host's, with what the guest's CPU is in place of the host's. */
  #cpuinfo(task: Task): Node {
    const read = ({ kernel }: Task): string => {
      const facts = kernel.cpu.cpuinfo()
      return this.#textOf('/proc/cpuinfo').replace(/^(.+?)(\t+: ).*$/gm, (line, name: string, colon: string) =>
        facts[name] === undefined ? line : name + colon + facts[name],
      )
    }
    const row: ProcFile = { kind: 'file', mode: 0o444, read }
    return { kind: 'file', path: '/proc/cpuinfo', mode: S.IFREG | row.mode, task, row }
  }

  /** A file of the other storage. */
  #textOf(path: string): string {
    const opened = this.#storage.open('/', path, O.RDONLY, 0)
    if (typeof opened === 'number' || opened.kind !== 'file') return ''
    const buffer = new Uint8Array(32768)
    let text = ''
    for (let length = 1, offset = 0; length > 0; offset += length) {
      length = Math.max(0, this.#storage.read(opened.handle, offset, buffer))
      text += textOfPath(buffer.subarray(0, length))
    }
    this.#storage.release(opened.handle)
    return text
  }

  /** The other storage's own listing. */
  #entriesOf(path: string): Entry[] {
    const opened = this.#storage.open('/', path, O.RDONLY | O.DIRECTORY, 0)
    if (typeof opened === 'number' || opened.kind !== 'file') return []
    const buffer = new Uint8Array(32768)
    const entries: Entry[] = []
    let offset = 0
    for (;;) {
      const length = this.#storage.getdents(opened.handle, offset, buffer)
      if (length <= 0) break
      for (const { name, type, cookie } of readDirents(buffer, length)) {
        entries.push({ name: textOfPath(name), type })
        offset = cookie
      }
    }
    this.#storage.release(opened.handle)
    return entries.filter(({ name }) => name !== '.' && name !== '..')
  }

  #inProcess(
    caller: Task,
    task: Task,
    path: string,
    rest: readonly string[],
    follow: boolean,
    full: string,
    links: number,
  ): Found {
    const [name, ...deeper] = rest
    const directory = (mode: number, list: () => readonly Entry[]): Node => ({
      kind: 'directory',
      path: name === undefined ? path : `${path}/${name}`,
      mode: S.IFDIR | mode,
      task,
      list,
    })
    if (name === undefined)
      return directory(0o555, () =>
        PROC_NAMES.filter((each) => each !== 'task' || !path.includes('/task/')).map((each) => ({
          name: each,
          type: typeOf(procRow(each)!),
        })),
      )
    const row = procRow(name)
    if (row === undefined) return err(E.NOENT)
    if (row.kind === 'host') return this.#ofHost(`/proc/self/${name}`, deeper)
    if (row.kind === 'link') {
      const text = row.text(task)
      if (deeper.length === 0 && !follow && !full.endsWith('/'))
        return { kind: 'link', path: `${path}/${name}`, mode: S.IFLNK | 0o777, task, text }
      const target = [text, ...deeper].join('/')
      return this.#walk(caller, target, follow, links + 1) ?? { kind: 'other', cwd: '/', path: target }
    }
    if (row.kind === 'file') {
      if (deeper.length > 0) return err(E.NOTDIR)
      return { kind: 'file', path: `${path}/${name}`, mode: S.IFREG | row.mode, task, row }
    }
    if (deeper.length === 0) {
      const type = name === 'fd' ? DT.LNK : name === 'task' ? DT.DIR : DT.REG
      return directory(name === 'fd' ? 0o500 : 0o555, () =>
        row.numbers(task).map((each) => ({ name: String(each), type })),
      )
    }
    const fd = Number(deeper[0])
    if (!isNumber(deeper[0]!) || !row.numbers(task).includes(fd)) return err(E.NOENT)
    if (name === 'fdinfo') {
      const info: ProcFile = { kind: 'file', mode: 0o444, read: (of) => descriptorInfo(of, fd) }
      return { kind: 'file', path: `${path}/fdinfo/${fd}`, mode: S.IFREG | 0o444, task, row: info }
    }
    return this.#descriptor(caller, task, `${path}/fd/${fd}`, fd, deeper.slice(1), follow, full, links)
  }

  #descriptor(
    caller: Task,
    task: Task,
    path: string,
    fd: number,
    rest: readonly string[],
    follow: boolean,
    full: string,
    links: number,
  ): Found {
    const description = task.process.files.get(fd)!
    const text = describe(task, description)
    if (rest.length === 0 && !follow && !MUST_BE_DIRECTORY.test(full)) {
      const access = description.flags & O.ACCMODE
      const mode = (access === O.WRONLY ? 0 : 0o500) | (access === O.RDONLY ? 0 : 0o300)
      return { kind: 'link', path, mode: S.IFLNK | mode, task, text }
    }
    if (rest.length > 0) {
      const target = [text, ...rest].join('/')
      return this.#walk(caller, target, follow, links + 1) ?? { kind: 'other', cwd: '/', path: target }
    }
    const handle = handleOf(this.#storage, description)
    if (typeof handle === 'number') return handle
    if (MUST_BE_DIRECTORY.test(full) && !this.#isDirectory(handle)) {
      this.#storage.release(handle)
      return err(E.NOTDIR)
    }
    return { kind: 'opened', handle }
  }

  #isDirectory(handle: FileHandle): boolean {
    return this.#storage.statHandle(handle, this.#status) >= 0 && (this.#status.mode & S.IFMT) === S.IFDIR
  }

  /** stat(2) of a node. */
  fill(node: Node, out: FileStatus): void {
    const { credentials, switches } = node.task.process
    // Who may not look into it does not own it, but for its directories that all may read (task_dump_owner, fs/proc/base.c).
    const isOwned = switches.dumpable !== 0 || node.mode === (S.IFDIR | 0o555)
    const uid = isOwned ? credentials.euid : 0
    const gid = isOwned ? credentials.egid : 0
    const ofProcess = isOfProcess(node.path)
    this.#storage.stat('/', ofProcess ? '/proc' : node.path, false, this.#status)
    if (!ofProcess) {
      Object.assign(out, this.#status)
      return
    }
    Object.assign(out, this.#status, { mode: node.mode, uid, gid, nlink: 1, size: 0, blocks: 0, rdev: 0 })
    if (node.kind === 'directory') out.nlink = 2
    // Since Linux 6.2 it counts them (proc_fd_getattr).
    if (node.kind === 'directory' && node.path.endsWith('/fd')) out.size = node.list().length
    if (node.kind === 'link') out.size = 64
    out.ino = inodeOf(node.path)
  }
}

const typeOf = (row: ProcRow): number => (row.kind === 'link' ? DT.LNK : row.kind === 'directory' ? DT.DIR : DT.REG)

/** A number for a path: FNV-1a, above the inodes that the host's proc file system gives out first. */
export function inodeOf(path: string): number {
  let hash = 0x811c9dc5
  for (let at = 0; at < path.length; at++) hash = Math.imul(hash ^ path.charCodeAt(at), 0x01000193)
  return 2 ** 32 + (hash >>> 0)
}

/** Components without dots; '..' goes up by name. */
function normal(path: string): string[] {
  const parts: string[] = []
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue
    if (part === '..') parts.pop()
    else parts.push(part)
  }
  return parts
}
