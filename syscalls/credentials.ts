// setuid(2), setgroups(2), capget(2) and their relatives: whose rights a process has. processor/credentials.ts says how they are the host's.
import { E, err } from '../src/abi/errno.js'
import { CAP, type Credentials, type GroupIds, hasCapability, type UserIds } from '../src/processor/credentials.js'
import type { Task } from '../src/processor/task.js'
import { Int, Pointer } from './arguments.js'
import { full, partial, syscall } from './define.js'
import { OutInt } from './structures.js'

const UNCHANGED = -1

/** Real, effective and saved id, and the one for files. */
interface Ids {
  readonly real: number
  readonly effective: number
  readonly saved: number
  readonly files: number
}

/** Users and groups follow the same rules. */
interface Kind {
  readonly capability: number
  get(credentials: Credentials): Ids
  make(ids: Ids): UserIds | GroupIds
}

const USERS: Kind = {
  capability: CAP.SETUID,
  get: ({ uid, euid, suid, fsuid }) => ({ real: uid, effective: euid, saved: suid, files: fsuid }),
  make: ({ real, effective, saved, files }) => ({ uid: real, euid: effective, suid: saved, fsuid: files }),
}
const GROUPS: Kind = {
  capability: CAP.SETGID,
  get: ({ gid, egid, sgid, fsgid }) => ({ real: gid, effective: egid, saved: sgid, files: fsgid }),
  make: ({ real, effective, saved, files }) => ({ gid: real, egid: effective, sgid: saved, fsgid: files }),
}

function put({ process }: Task, kind: Kind, ids: Ids): number {
  const before = kind.get(process.credentials)
  // Nobody may look into a program that acts for another now (commit_creds, kernel/cred.c; fs.suid_dumpable is 0).
  if (ids.effective !== before.effective || ids.files !== before.files) process.switches.dumpable = 0
  process.credentials = { ...process.credentials, ...kind.make(ids) }
  return 0
}

const isPrivileged = ({ process }: Task, { capability }: Kind): boolean =>
  hasCapability(process.credentials, capability)

function setOne(task: Task, kind: Kind, id: number): number {
  if (id === UNCHANGED) return err(E.INVAL)
  const ids = kind.get(task.process.credentials)
  if (isPrivileged(task, kind)) return put(task, kind, { real: id, effective: id, saved: id, files: id })
  if (id !== ids.real && id !== ids.saved) return err(E.PERM)
  return put(task, kind, { ...ids, effective: id, files: id })
}

function setTwo(task: Task, kind: Kind, real: number, effective: number): number {
  const ids = kind.get(task.process.credentials)
  if (!isPrivileged(task, kind)) {
    if (real !== UNCHANGED && real !== ids.real && real !== ids.effective) return err(E.PERM)
    if (effective !== UNCHANGED && ![ids.real, ids.effective, ids.saved].includes(effective)) return err(E.PERM)
  }
  const newReal = real === UNCHANGED ? ids.real : real
  const newEffective = effective === UNCHANGED ? ids.effective : effective
  const saves = real !== UNCHANGED || (effective !== UNCHANGED && effective !== ids.real)
  return put(task, kind, {
    real: newReal,
    effective: newEffective,
    saved: saves ? newEffective : ids.saved,
    files: newEffective,
  })
}

function setThree(task: Task, kind: Kind, real: number, effective: number, saved: number): number {
  const ids = kind.get(task.process.credentials)
  const known = [UNCHANGED, ids.real, ids.effective, ids.saved]
  if (!isPrivileged(task, kind) && ![real, effective, saved].every((id) => known.includes(id))) return err(E.PERM)
  const newEffective = effective === UNCHANGED ? ids.effective : effective
  const isSame = (id: number, before: number): boolean => id === UNCHANGED || id === before
  const keeps = isSame(effective, ids.effective) && (effective === UNCHANGED || effective === ids.files)
  // What changes nothing makes no new credentials, unlike the other calls (__sys_setresuid, kernel/sys.c).
  if (keeps && isSame(real, ids.real) && isSame(saved, ids.saved)) return 0
  return put(task, kind, {
    real: real === UNCHANGED ? ids.real : real,
    effective: newEffective,
    saved: saved === UNCHANGED ? ids.saved : saved,
    files: newEffective,
  })
}

/** setfsuid(2) always answers the id of before. */
function setForFiles(task: Task, kind: Kind, id: number): number {
  const ids = kind.get(task.process.credentials)
  const known = [ids.real, ids.effective, ids.saved, ids.files]
  // As in __sys_setfsuid, nothing is nothing.
  if (id === ids.files) return id
  if (id !== UNCHANGED && (known.includes(id) || isPrivileged(task, kind))) put(task, kind, { ...ids, files: id })
  return ids.files
}

const triple = ({ memory }: Task, addresses: readonly number[], { real, effective, saved }: Ids): number => {
  for (const [index, id] of [real, effective, saved].entries())
    if (memory.writeU32(addresses[index]!, id) < 0) return err(E.FAULT)
  return 0
}

export const setuid = syscall({
  number: 105,
  name: 'setuid',
  returns: Int,
  support: full,
  args: { uid: Int },
  run: (task, { uid }) => setOne(task, USERS, uid),
})

export const setgid = syscall({
  number: 106,
  name: 'setgid',
  returns: Int,
  support: full,
  args: { gid: Int },
  run: (task, { gid }) => setOne(task, GROUPS, gid),
})

export const setreuid = syscall({
  number: 113,
  name: 'setreuid',
  returns: Int,
  support: full,
  args: { real: Int, effective: Int },
  run: (task, { real, effective }) => setTwo(task, USERS, real, effective),
})

export const setregid = syscall({
  number: 114,
  name: 'setregid',
  returns: Int,
  support: full,
  args: { real: Int, effective: Int },
  run: (task, { real, effective }) => setTwo(task, GROUPS, real, effective),
})

export const setresuid = syscall({
  number: 117,
  name: 'setresuid',
  returns: Int,
  support: full,
  args: { real: Int, effective: Int, saved: Int },
  run: (task, { real, effective, saved }) => setThree(task, USERS, real, effective, saved),
})

export const getresuid = syscall({
  number: 118,
  name: 'getresuid',
  returns: Int,
  support: full,
  args: { real: OutInt, effective: OutInt, saved: OutInt },
  run: (task, { real, effective, saved }) =>
    triple(task, [real, effective, saved], USERS.get(task.process.credentials)),
})

export const setresgid = syscall({
  number: 119,
  name: 'setresgid',
  returns: Int,
  support: full,
  args: { real: Int, effective: Int, saved: Int },
  run: (task, { real, effective, saved }) => setThree(task, GROUPS, real, effective, saved),
})

export const getresgid = syscall({
  number: 120,
  name: 'getresgid',
  returns: Int,
  support: full,
  args: { real: OutInt, effective: OutInt, saved: OutInt },
  run: (task, { real, effective, saved }) =>
    triple(task, [real, effective, saved], GROUPS.get(task.process.credentials)),
})

export const setfsuid = syscall({
  number: 122,
  name: 'setfsuid',
  returns: Int,
  support: full,
  args: { uid: Int },
  run: (task, { uid }) => setForFiles(task, USERS, uid),
})

export const setfsgid = syscall({
  number: 123,
  name: 'setfsgid',
  returns: Int,
  support: full,
  args: { gid: Int },
  run: (task, { gid }) => setForFiles(task, GROUPS, gid),
})

/** NGROUPS_MAX (linux/limits.h). */
const GROUPS_MAX = 65536

export const setgroups = syscall({
  number: 116,
  name: 'setgroups',
  returns: Int,
  support: full,
  args: { size: Int, list: Pointer },
  run(task, { size, list }) {
    if (!isPrivileged(task, GROUPS)) return err(E.PERM)
    if (size < 0 || size > GROUPS_MAX) return err(E.INVAL)
    const bytes = new Uint8Array(4 * size)
    if (task.memory.copyIn(list, bytes) < 0) return err(E.FAULT)
    const view = new DataView(bytes.buffer)
    // The kernel keeps them sorted (groups_sort).
    const groups = Array.from({ length: size }, (_, index) => view.getUint32(4 * index, true)).sort((a, b) => a - b)
    task.process.credentials = { ...task.process.credentials, groups }
    return 0
  },
})

/** Versions of the capability header, and how many 32-bit words each set then has. */
const VERSIONS: ReadonlyMap<number, number> = new Map([
  [0x19980330, 1],
  [0x20071026, 2],
  [0x20080522, 2],
])
const LATEST_VERSION = 0x20080522
/** effective, permitted, inheritable: u32 each. */
const DATA_SIZE = 12

/** The words of a header's version, and the pid; or an errno, with the latest version left in the header. */
function readHeader(task: Task, header: number): { readonly words: number; readonly pid: number } | number {
  const version = task.memory.readU32(header)
  if (version < 0) return version
  const words = VERSIONS.get(version)
  if (words !== undefined) {
    const pid = task.memory.readU32(header + 4)
    return pid < 0 ? pid : { words, pid: pid | 0 }
  }
  return task.memory.writeU32(header, LATEST_VERSION) < 0 ? err(E.FAULT) : err(E.INVAL)
}

/** Effective and permitted sets: low and high word each (none is inheritable). */
function setsOf({ uid, euid, suid, superLow, superHigh }: Credentials): readonly (readonly [number, number])[] {
  const effective = euid === 0 ? ([superLow, superHigh] as const) : ([0, 0] as const)
  const permitted = euid === 0 || uid === 0 || suid === 0 ? ([superLow, superHigh] as const) : ([0, 0] as const)
  return [effective, permitted, [0, 0]]
}

export const capget = syscall({
  number: 125,
  name: 'capget',
  returns: Int,
  support: partial('the sets follow the ids: all that lego has for the superuser, none for others'),
  args: { header: Pointer, data: Pointer },
  run(task, { header, data }) {
    const { memory, process, kernel } = task
    const found = readHeader(task, header)
    // Asking for the version alone is no error (cap_validate_magic).
    if (typeof found === 'number') return found === -E.INVAL && data === 0 ? 0 : found
    if (found.pid < 0) return err(E.INVAL)
    const target = found.pid === 0 ? process : kernel.tasks.get(found.pid)?.process
    if (target === undefined) return err(E.SRCH)
    if (data === 0) return 0
    for (const [index, set] of setsOf(target.credentials).entries())
      for (let word = 0; word < found.words; word++)
        memory.scratch.setInt32(word * DATA_SIZE + 4 * index, set[word]!, true)
    return memory.store(data, found.words * DATA_SIZE)
  },
})

export const capset = syscall({
  number: 126,
  name: 'capset',
  returns: Int,
  support: partial('only to the sets that there are: single capabilities cannot be dropped, EPERM'),
  args: { header: Pointer, data: Pointer },
  run(task, { header, data }) {
    const { memory, process } = task
    const found = readHeader(task, header)
    if (typeof found === 'number') return found
    if (found.pid !== 0 && found.pid !== task.tid) return err(E.PERM)
    if (memory.load(data, found.words * DATA_SIZE) < 0) return err(E.FAULT)
    const same = setsOf(process.credentials).every((set, index) =>
      [...Array(found.words).keys()].every(
        (word) => memory.scratch.getInt32(word * DATA_SIZE + 4 * index, true) === set[word],
      ),
    )
    return same ? 0 : err(E.PERM)
  },
})
