// How an open file becomes a descriptor of the process. No rows here.
//   return install(task, new TimerFile(…), (flags & TFD.CLOEXEC) !== 0)
import { RLIMIT } from '../src/abi/resource.js'
import type { Description } from '../src/processor/files.js'
import type { Task } from '../src/processor/task.js'

export const limitOf = (task: Task): number => task.process.limits[RLIMIT.NOFILE]!.current

/** Adds a new description, opened by the process; closes it when there is no room. */
export function install(task: Task, file: Description, closeOnExec: boolean): number {
  const { files, credentials } = task.process
  file.openedBy = credentials
  const fd = files.add(file, closeOnExec, limitOf(task))
  if (fd < 0) file.close()
  return fd
}
