// fork(2), vfork(2), clone(2), execve(2), wait4(2), waitid(2): making processes and learning of their ends.
import { E, err } from '../src/abi/errno.js'
import { AT } from '../src/abi/fcntl.js'
import { CLONE, CLONE_ARGS, CLONE_ARGS_SIZE_VER0, CSIGNAL } from '../src/abi/sched.js'
import { SIG, SIGINFO_SIZE } from '../src/abi/signal.js'
import { CONTINUED_STATUS, P, W } from '../src/abi/wait.js'
import { readUnsigned } from '../src/abi/word.js'
import { StorageFile } from '../src/processor/files.js'
import { BLOCK, type Outcome, REDIRECT } from '../src/processor/kernel.js'
import { type CloneRequest, childInfo } from '../src/processor/lifecycle.js'
import { openProgram, type ProgramRequest } from '../src/processor/loader.js'
import { type Process, unshareFiles } from '../src/processor/process.js'
import { writeInfo } from '../src/processor/signal-frame.js'
import type { Task } from '../src/processor/task.js'
import { DirFd, Int, Path, Size } from './arguments.js'
import { CloneArguments, CloneChildTid, CloneFlags, CloneParentTid, CloneStack, CloneTls } from './commands.js'
import { full, partial, syscall } from './define.js'
import { ExecFlags, IdType, WaitOptions } from './flags.js'
import { placeAt } from './places.js'
import { OutSiginfo } from './signal-arguments.js'
import { Arguments, ChildRusage, Environment, OutRusage, WaitStatus } from './structures.js'
import { inherit, usedNsec, writeUsage } from './usage.js'

/** The child's pid; with CLONE_VFORK the parent waits until the child has its own space or is gone. */
function cloneTask(task: Task, request: CloneRequest): Outcome {
  const { wait } = task
  if (wait.active) return wait.woken ? wait.progress : BLOCK
  const tid = task.kernel.lifecycle.clone(task, request)
  if (tid < 0 || (request.flags & CLONE.VFORK) === 0) return tid
  wait.progress = tid
  wait.uninterruptible = true
  return BLOCK
}

const PLAIN: CloneRequest = { flags: 0, exitSignal: SIG.CHLD, stack: 0, tls: 0, parentTid: 0, childTid: 0 }

export const fork = syscall({
  number: 57,
  name: 'fork',
  returns: Int,
  support: full,
  args: {},
  run: (task) => cloneTask(task, PLAIN),
})

export const vfork = syscall({
  number: 58,
  name: 'vfork',
  returns: Int,
  support: full,
  args: {},
  run: (task) => cloneTask(task, { ...PLAIN, flags: CLONE.VM | CLONE.VFORK }),
})

export const clone = syscall({
  number: 56,
  name: 'clone',
  returns: Int,
  support: partial('no namespaces, no pidfd'),
  args: { flags: CloneFlags, stack: CloneStack, parentTid: CloneParentTid, childTid: CloneChildTid, tls: CloneTls },
  run: (task, { flags, stack, parentTid, childTid, tls }) =>
    cloneTask(task, { flags: flags & ~CSIGNAL, exitSignal: flags & CSIGNAL, stack, tls, parentTid, childTid }),
})

export const clone3 = syscall({
  number: 435,
  name: 'clone3',
  returns: Int,
  support: partial('no namespaces, no pidfd, no chosen tids'),
  args: { args: CloneArguments, size: Size },
  run(task, { args, size }) {
    if (size < CLONE_ARGS_SIZE_VER0) return err(E.INVAL)
    if (size > 4096) return err(E['2BIG'])
    const { memory } = task
    if (memory.load(args, size) < 0) return err(E.FAULT)
    const field = (offset: number): number => (offset + 8 <= size ? readUnsigned(memory.scratch, offset) : 0)
    const flags = field(CLONE_ARGS.FLAGS)
    if (flags >= 2 ** 32 || field(CLONE_ARGS.SET_TID_SIZE) !== 0) return err(E.INVAL)
    const stack = field(CLONE_ARGS.STACK)
    const stackSize = field(CLONE_ARGS.STACK_SIZE)
    if ((stack === 0) !== (stackSize === 0)) return err(E.INVAL)
    return cloneTask(task, {
      flags: flags | 0,
      exitSignal: field(CLONE_ARGS.EXIT_SIGNAL),
      stack: stack === 0 ? 0 : stack + stackSize,
      tls: field(CLONE_ARGS.TLS),
      parentTid: field(CLONE_ARGS.PARENT_TID),
      childTid: field(CLONE_ARGS.CHILD_TID),
    })
  },
})

/** MAX_ARG_STRLEN: one string of a program's. */
const STRING_MAX = 32 * 4096
/** Pointers of argv or envp: more cannot fit on any stack. */
const STRINGS_MAX = 1 << 20

/** The strings of a NULL-terminated array of pointers, or an errno. */
function readStrings(task: Task, address: number): Uint8Array[] | number {
  const strings: Uint8Array[] = []
  if (address === 0) return strings
  for (let at = address; strings.length < STRINGS_MAX; at += 8) {
    const pointer = task.memory.readU64(at)
    if (pointer < 0) return pointer
    if (pointer === 0) return strings
    const bytes = task.memory.readBytes(pointer, STRING_MAX)
    if (typeof bytes === 'number') return bytes === -E.NAMETOOLONG ? err(E['2BIG']) : bytes
    strings.push(bytes)
  }
  return err(E['2BIG'])
}

type Named = Pick<ProgramRequest, 'path' | 'source' | 'isUnreachable'>

/** The file comes first, then the arguments; a mere check needs both (do_execveat_common, fs/exec.c). */
function execute(task: Task, program: Named, argv: number, envp: number, onlyChecks: boolean): Outcome {
  const { kernel, process } = task
  const opened = openProgram(kernel, { ...program, cwd: process.fs.cwd })
  if ('errno' in opened) return opened.errno
  const args = readStrings(task, argv)
  const environment = typeof args === 'number' ? args : readStrings(task, envp)
  if (typeof args === 'number' || typeof environment === 'number' || onlyChecks) {
    kernel.storage.release(opened.handle)
    return typeof environment === 'number' ? environment : 0
  }
  // Since Linux 5.18 a program without arguments gets an empty first one.
  if (args.length === 0) args.push(new Uint8Array(0))
  const result = kernel.lifecycle.exec(task, { ...program, opened, argv: args, envp: environment })
  if (typeof result === 'number') return REDIRECT
  if (!result.fatal) return result.errno
  // fs/exec.c, bprm_execve: there is nothing left to return to.
  kernel.lifecycle.killBySignal(process, SIG.SEGV)
  return REDIRECT
}

const PROGRAMS =
  'static programs and scripts; one that may be executed but not read is EACCES unless lego runs as root, and one that only a program of the host writes to is no ETXTBSY'

export const execve = syscall({
  number: 59,
  name: 'execve',
  returns: Int,
  support: partial(PROGRAMS),
  args: { path: Path, argv: Arguments, envp: Environment },
  run: (task, { path, argv, envp }) => execute(task, { path }, argv, envp, false),
})

/** What execveat(2) names, by the names of alloc_bprm (fs/exec.c), or an errno. */
function programAt(task: Task, dirfd: number, path: string, flags: number): Named | number {
  const { files, fs } = task.process
  const isEmpty = path === ''
  if (isEmpty && (flags & AT.EMPTY_PATH) === 0) return err(E.NOENT)
  if ((flags & ~(AT.EMPTY_PATH | AT.SYMLINK_NOFOLLOW | AT.EXECVE_CHECK)) !== 0) return err(E.INVAL)
  const follow = (flags & AT.SYMLINK_NOFOLLOW) === 0
  if (dirfd === AT.FDCWD || path.startsWith('/'))
    return { path, source: { cwd: fs.cwd, path: isEmpty ? '.' : path, follow } }
  const isUnreachable = files.closeOnExec(dirfd)
  if (!isEmpty) {
    const place = placeAt(task, dirfd, path)
    if (typeof place === 'number') return place
    return { path: `/dev/fd/${dirfd}/${path}`, source: { ...place, follow }, isUnreachable }
  }
  const file = files.get(dirfd)
  if (file === undefined) return err(E.BADF)
  if (!(file instanceof StorageFile)) return err(E.ACCES)
  return { path: `/dev/fd/${dirfd}`, source: { handle: file.handle }, isUnreachable }
}

export const execveat = syscall({
  number: 322,
  name: 'execveat',
  returns: Int,
  support: partial(`${PROGRAMS}; EACCES for a memfd`),
  args: { dirfd: DirFd, path: Path, argv: Arguments, envp: Environment, flags: ExecFlags },
  run(task, { dirfd, path, argv, envp, flags }) {
    const program = programAt(task, dirfd, path, flags)
    return typeof program === 'number' ? program : execute(task, program, argv, envp, (flags & AT.EXECVE_CHECK) !== 0)
  },
})

const matches = (child: Process, parent: Process, pid: number): boolean =>
  pid === -1 ? true : pid === 0 ? child.pgid === parent.pgid : pid > 0 ? child.pid === pid : child.pgid === -pid

/** The first child with news of the wanted kinds; 0: there are children, without news; or -ECHILD. */
function findChild(parent: Process, pid: number, options: number): Process | number {
  let any = false
  for (const child of parent.children) {
    if (!matches(child, parent, pid)) continue
    any = true
    if (child.status >= 0 && (options & W.EXITED) !== 0) return child
    const isContinue = child.stopStatus === CONTINUED_STATUS
    if (child.status < 0 && child.stopStatus >= 0 && (options & (isContinue ? W.CONTINUED : W.STOPPED)) !== 0)
      return child
  }
  return any ? 0 : err(E.CHILD)
}

/** Waits for news; `report` writes them and gives the call's result. */
function waitForChild(task: Task, pid: number, options: number, report: (child: Process) => number): Outcome {
  const parent = task.process
  const found = findChild(parent, pid, options)
  if (typeof found !== 'number' || found < 0 || (options & W.NOHANG) !== 0) parent.childWaiters.delete(task)
  if (typeof found !== 'number') {
    const result = report(found)
    if ((options & W.NOWAIT) !== 0) return result
    if (found.status >= 0) {
      inherit(parent, found)
      task.kernel.lifecycle.reap(found)
    } else found.stopStatus = -1
    return result
  }
  if (found < 0 || (options & W.NOHANG) !== 0) return found
  parent.childWaiters.add(task)
  task.wait.cancel = () => {
    parent.childWaiters.delete(task)
    return null
  }
  return BLOCK
}

/** What wait4(2) tells of a child: its own time and its children's. */
const childNsec = (task: Task, child: Process): number => usedNsec(task, child, false) + usedNsec(task, child, true)

const statusOf = (child: Process): number => (child.status >= 0 ? child.status : child.stopStatus)

export const wait4 = syscall({
  number: 61,
  name: 'wait4',
  returns: Int,
  support: partial('of rusage, only CPU time'),
  args: { pid: Int, status: WaitStatus, options: WaitOptions, rusage: ChildRusage },
  run(task, { pid, status, options, rusage }) {
    if ((options & ~(W.NOHANG | W.UNTRACED | W.CONTINUED | W.NOTHREAD | W.ALL | W.CLONE)) !== 0) return err(E.INVAL)
    return waitForChild(task, pid, options | W.EXITED, (child) => {
      if (status !== 0 && task.memory.writeU32(status, statusOf(child)) < 0) return err(E.FAULT)
      if (rusage !== 0 && writeUsage(task, rusage, childNsec(task, child), 0) < 0) return err(E.FAULT)
      return child.pid
    })
  },
})

/** si_signo to si_status (kernel/exit.c). */
const WAITID_FIELDS = 28

export const waitid = syscall({
  number: 247,
  name: 'waitid',
  returns: Int,
  support: partial('no pidfd; of rusage, only CPU time'),
  args: { type: IdType, id: Int, info: OutSiginfo, options: WaitOptions, rusage: OutRusage },
  run(task, { type, id, info, options, rusage }) {
    if ((options & (W.EXITED | W.STOPPED | W.CONTINUED)) === 0) return err(E.INVAL)
    if (type !== P.ALL && type !== P.PID && type !== P.PGID) return err(E.INVAL)
    const pid = type === P.ALL ? -1 : type === P.PID ? id : id === 0 ? 0 : -id
    const { scratch } = task.memory
    const outcome = waitForChild(task, pid, options, (child) => {
      for (let at = 0; at < SIGINFO_SIZE; at += 4) scratch.setInt32(at, 0, true)
      writeInfo(scratch, 0, childInfo(child, SIG.CHLD))
      if (info !== 0 && task.memory.store(info, SIGINFO_SIZE) < 0) return err(E.FAULT)
      if (rusage !== 0 && writeUsage(task, rusage, childNsec(task, child), 0) < 0) return err(E.FAULT)
      return 0
    })
    if (outcome !== -E.CHILD || info === 0) return outcome
    // The fields of a child that is none are written all the same.
    for (let at = 0; at < WAITID_FIELDS; at += 4) scratch.setInt32(at, 0, true)
    return task.memory.store(info, WAITID_FIELDS) < 0 ? err(E.FAULT) : outcome
  },
})

export const unshare = syscall({
  number: 272,
  name: 'unshare',
  returns: Int,
  support: partial('descriptors and directories; namespaces are EPERM'),
  args: { flags: CloneFlags },
  run(task, { flags }) {
    const { process } = task
    if ((flags & ~UNSHARED) !== 0) return (flags & ~(UNSHARED | NAMESPACES)) !== 0 ? err(E.INVAL) : err(E.PERM)
    // Only a process with one thread has its memory and signals for itself (check_unshare_flags, kernel/fork.c).
    const needsOne = (flags & (CLONE.THREAD | CLONE.SIGHAND | CLONE.VM)) !== 0
    if (needsOne && process.tasks.size > 1) return err(E.INVAL)
    if ((flags & CLONE.FS) !== 0) process.fs = { ...process.fs }
    if ((flags & CLONE.FILES) !== 0) unshareFiles(process)
    return 0
  },
})

const UNSHARED = CLONE.FILES | CLONE.FS | CLONE.THREAD | CLONE.SIGHAND | CLONE.VM | CLONE.SYSVSEM
const NAMESPACES =
  CLONE.NEWNS | CLONE.NEWCGROUP | CLONE.NEWUTS | CLONE.NEWIPC | CLONE.NEWUSER | CLONE.NEWPID | CLONE.NEWNET
