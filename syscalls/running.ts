// Programs that run cannot be written to (exe_file_deny_write_access, linux/fs.h). No rows here.
//   if (writes && isRunning(task, place, follow)) return err(E.TXTBSY)
import { AT } from '../src/abi/fcntl.js'
import { newFileStatus, S } from '../src/abi/stat.js'
import { deviceAndInode } from '../src/processor/storage.js'
import type { Task } from '../src/processor/task.js'
import type { Place } from './places.js'

const W_OK = 2
const status = newFileStatus()

/** Whether a process of the guest runs what a path names, which could be written to otherwise: other errors come first. */
export function isRunning(task: Task, { cwd, path }: Place, follow: boolean): boolean {
  const { storage } = task.kernel
  if (storage.stat(cwd, path, follow, status) < 0 || (status.mode & S.IFMT) !== S.IFREG) return false
  return runs(task, [status.dev, status.ino]) && storage.access(cwd, path, W_OK, AT.EACCESS) >= 0
}

/** Whether a process of the guest runs the file with this device and inode. */
export function runs({ kernel }: Task, [device, inode]: readonly [number, number]): boolean {
  for (const { status, executableKey } of kernel.processes.values()) {
    const [itsDevice, itsInode] = deviceAndInode(executableKey)
    if (status < 0 && itsDevice === device && itsInode === inode) return true
  }
  return false
}
