// process_vm_readv(2) and process_vm_writev(2): between the memories of two of the guest's processes.
import { E, err } from '../src/abi/errno.js'
import { IOV_MAX, IOVEC_SIZE, readIovecBase, readIovecLength } from '../src/abi/uio.js'
import type { Process } from '../src/processor/process.js'
import type { Task } from '../src/processor/task.js'
import { Int, Pointer, Size } from './arguments.js'
import { full, syscall } from './define.js'

interface Piece {
  readonly address: number
  readonly length: number
}

function readPieces({ memory }: Task, address: number, count: number): Piece[] | number {
  if (count > IOV_MAX) return err(E.INVAL)
  if (memory.load(address, count * IOVEC_SIZE) < 0) return err(E.FAULT)
  const pieces = Array.from({ length: count }, (_, index) => ({
    address: readIovecBase(memory.scratch, index * IOVEC_SIZE),
    length: readIovecLength(memory.scratch, index * IOVEC_SIZE),
  }))
  return pieces.some(({ length }) => length >= 2 ** 63) ? err(E.INVAL) : pieces
}

const STEP = 4096

/** What PTRACE_MODE_ATTACH asks (ptrace(2)): the same ids, or the superuser. */
function mayTouch({ process }: Task, { credentials }: Process): boolean {
  const { euid, uid } = process.credentials
  if (euid === 0) return true
  const { uid: real, euid: effective, suid } = credentials
  return uid === real && uid === effective && uid === suid
}

function transfer(
  task: Task,
  pid: number,
  local: number,
  localCount: number,
  remote: number,
  remoteCount: number,
  flags: number,
  writes: boolean,
): number {
  if (flags !== 0) return err(E.INVAL)
  const here = readPieces(task, local, localCount)
  if (typeof here === 'number') return here
  const there = readPieces(task, remote, remoteCount)
  if (typeof there === 'number') return there
  const total = here.reduce((sum, { length }) => sum + length, 0)
  if (total === 0 || there.every(({ length }) => length === 0)) return 0
  const target = task.kernel.tasks.get(pid)?.process
  if (target === undefined) return err(E.SRCH)
  if (!mayTouch(task, target)) return err(E.PERM)
  const theirs = target.space.memory
  const buffer = new Uint8Array(STEP)
  let done = 0
  let [index, within] = [0, 0]
  for (const { address, length } of there) {
    for (let at = 0; at < length && index < here.length; ) {
      const mine = here[index]!
      const from = address + at
      // Page by page: what a hole stops is short by whole pages.
      const part = Math.min(length - at, mine.length - within, STEP - (from % STEP))
      if (part === 0) {
        index++
        within = 0
        continue
      }
      const failed = writes
        ? Math.min(task.memory.copyIn(mine.address + within, buffer, part), 0) || theirs.copyOut(from, buffer, part)
        : Math.min(theirs.copyIn(from, buffer, part), 0) || task.memory.copyOut(mine.address + within, buffer, part)
      if (failed < 0) return done > 0 ? done : err(E.FAULT)
      done += part
      at += part
      within += part
    }
  }
  return done
}

export const process_vm_readv = syscall({
  number: 310,
  name: 'process_vm_readv',
  returns: Size,
  support: full,
  args: { pid: Int, local: Pointer, localCount: Size, remote: Pointer, remoteCount: Size, flags: Size },
  run: (task, { pid, local, localCount, remote, remoteCount, flags }) =>
    transfer(task, pid, local, localCount, remote, remoteCount, flags, false),
})

export const process_vm_writev = syscall({
  number: 311,
  name: 'process_vm_writev',
  returns: Size,
  support: full,
  args: { pid: Int, local: Pointer, localCount: Size, remote: Pointer, remoteCount: Size, flags: Size },
  run: (task, { pid, local, localCount, remote, remoteCount, flags }) =>
    transfer(task, pid, local, localCount, remote, remoteCount, flags, true),
})
