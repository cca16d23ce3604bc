// Where a path argument points: the caller's directory and the path, as the storage manager wants them. No rows here.
//   const place = placeAt(task, dirfd, path); if (typeof place === 'number') return place
// What a path under /proc names, processor/proc-storage.ts knows.
import { E, err } from '../src/abi/errno.js'
import { AT } from '../src/abi/fcntl.js'
import { StorageFile } from '../src/processor/files.js'
import type { Task } from '../src/processor/task.js'

export interface Place {
  /** Canonical guest directory that a relative path starts from. */
  cwd: string
  path: string
}

/** The directory behind `dirfd`, or an errno. */
export function directoryOf(task: Task, dirfd: number): string | number {
  if (dirfd === AT.FDCWD) return task.process.fs.cwd
  const file = task.process.files.get(dirfd)
  if (file === undefined) return err(E.BADF)
  if (!(file instanceof StorageFile) || !file.isDirectory) return err(E.NOTDIR)
  return file.storage.pathOf(file.handle)
}

export function placeAt(task: Task, dirfd: number, path: string): Place | number {
  if (path.startsWith('/')) return { cwd: '/', path }
  // An empty name is looked at before the descriptor (getname(), fs/namei.c).
  if (path === '') return err(E.NOENT)
  const cwd = directoryOf(task, dirfd)
  return typeof cwd === 'number' ? cwd : { cwd, path }
}

const OWN = /^\/proc\/(?:self|thread-self|(\d+))\/fd\/(\d+)$/
const DEVICES = /^\/dev\/(?:fd\/(\d+)|(stdin|stdout|stderr))$/
const STANDARD = ['stdin', 'stdout', 'stderr']

/** Descriptor of the guest that a path names; -1 for another path. */
export function descriptorNamed(task: Task, path: string): number {
  const device = DEVICES.exec(path)
  if (device !== null) return device[1] === undefined ? STANDARD.indexOf(device[2]!) : Number(device[1])
  const own = OWN.exec(path)
  if (own === null || !isOwn(task, own[1])) return -1
  return Number(own[2])
}

const isOwn = (task: Task, pid: string | undefined): boolean => pid === undefined || Number(pid) === task.process.pid
