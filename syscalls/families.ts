// The families of system calls: a file of rows each. A start of `lego run` loads a family when one of its calls is made (cli/prepared-families.ts).
import * as attributes from './attributes.js'
import * as credentials from './credentials.js'
import type { Syscall } from './define.js'
import * as descriptors from './descriptors.js'
import * as directory from './directory.js'
import * as epoll from './epoll.js'
import * as exit from './exit.js'
import * as fcntl from './fcntl.js'
import * as ids from './ids.js'
import * as inotify from './inotify.js'
import * as links from './links.js'
import * as memory from './memory.js'
import * as memoryAdvice from './memory-advice.js'
import * as open from './open.js'
import * as otherMemory from './other-memory.js'
import * as poll from './poll.js'
import * as prctl from './prctl.js'
import * as privileged from './privileged.js'
import * as process from './process.js'
import * as readWrite from './read-write.js'
import * as schedule from './schedule.js'
import * as signals from './signals.js'
import * as splice from './splice.js'
import * as stat from './stat.js'
import * as sync from './sync.js'
import * as system from './system.js'
import * as terminal from './terminal.js'
import * as threads from './threads.js'
import * as time from './time.js'
import * as timers from './timers.js'
import * as xattr from './xattr.js'

export interface Family {
  /** Of its file. */
  readonly name: string
  readonly rows: () => Readonly<Record<string, Syscall>>
}

export const FAMILIES: readonly Family[] = [
  { name: 'read-write', rows: () => readWrite },
  { name: 'descriptors', rows: () => descriptors },
  { name: 'fcntl', rows: () => fcntl },
  { name: 'memory', rows: () => memory },
  { name: 'memory-advice', rows: () => memoryAdvice },
  { name: 'exit', rows: () => exit },
  { name: 'signals', rows: () => signals },
  { name: 'process', rows: () => process },
  { name: 'other-memory', rows: () => otherMemory },
  { name: 'ids', rows: () => ids },
  { name: 'credentials', rows: () => credentials },
  { name: 'threads', rows: () => threads },
  { name: 'schedule', rows: () => schedule },
  { name: 'prctl', rows: () => prctl },
  { name: 'time', rows: () => time },
  { name: 'timers', rows: () => timers },
  { name: 'system', rows: () => system },
  { name: 'open', rows: () => open },
  { name: 'stat', rows: () => stat },
  { name: 'directory', rows: () => directory },
  { name: 'links', rows: () => links },
  { name: 'attributes', rows: () => attributes },
  { name: 'sync', rows: () => sync },
  { name: 'poll', rows: () => poll },
  { name: 'epoll', rows: () => epoll },
  { name: 'inotify', rows: () => inotify },
  { name: 'splice', rows: () => splice },
  { name: 'privileged', rows: () => privileged },
  { name: 'terminal', rows: () => terminal },
  { name: 'xattr', rows: () => xattr },
]

/** Which of FAMILIES has the call of a number. */
export const indices: ReadonlyMap<number, number> = new Map(
  FAMILIES.flatMap(({ rows }, index) => Object.values(rows()).map(({ number }) => [number, index])),
)

export const familyOf = (number: number): number | undefined => indices.get(number)
