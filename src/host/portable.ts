// The `Host` on Node's API alone, for machines where no native call may be made: `portableHost()`.
// Files are Node's, reached by path (portable-paths.ts, portable-disk.ts); pipes, eventfd, epoll and poll are done here, within this process
// (portable-descriptors.ts). What Node cannot do is refused: portable-differences.ts lists it. Blocking is Atomics.wait on the link to the main thread
// (portable-link.ts).
import { randomFillSync } from 'node:crypto'
import nodeFs from 'node:fs'
import os from 'node:os'
import { E } from '../abi/errno.js'
import { type ResourceUsage, RLIMIT } from '../abi/resource.js'
import type { SystemInfo } from '../abi/sysinfo.js'
import { CLOCK } from '../abi/time.js'
import type { SystemName } from '../abi/utsname.js'
import type { Host, MemoryWindow, SharedMemory } from './host.js'
import { attempt } from './portable-attempt.js'
import { type RefusedCall, refusals } from './portable-differences.js'
import type { FileSystem } from './portable-disk.js'
import type { MainThread } from './portable-inherited.js'
import { readClock, readResources, readSystem, readUsage } from './portable-machine.js'
import { type NameRules, rulesOf } from './portable-names.js'
import { PortablePaths } from './portable-paths.js'
import { PortableWindow } from './portable-window.js'

export interface PortableOptions {
  /** Who reads stdin and sets the terminal; without it reads of stdin block. */
  readonly main?: MainThread
  /** The mask that lego was started with; the process's own is 0 then, as a worker thread cannot change it. */
  readonly umask?: number
  /** Ends this process by a signal: only the main thread can. */
  readonly die?: (signal: number) => void
  /** For tests: another machine's files and rules for names. */
  readonly fs?: FileSystem
  readonly names?: NameRules
}

/** What the machine's limits are Node cannot ask; descriptors are limited by the processor itself. */
const DESCRIPTORS = { current: 1024, maximum: 1048576 } as const
const DEATH_WAIT_NSEC = 1e9

export function portableHost(options: PortableOptions = {}): Host {
  return Object.assign(new PortableHost(options), refusals())
}

class PortableHost extends PortablePaths implements Omit<Host, RefusedCall> {
  readonly name = 'portable'
  readonly #die: ((signal: number) => void) | undefined
  #umask: number | undefined

  constructor({ main, umask, die, fs = nodeFs, names = rulesOf(process.platform) }: PortableOptions) {
    super(fs, main ?? null, names)
    this.#umask = umask
    this.#die = die
  }

  window(memory: SharedMemory): MemoryWindow {
    return new PortableWindow(this, memory)
  }

  getpid(): number {
    return process.pid
  }

  getppid(): number {
    return process.ppid
  }

  /** Node does not say: the program that was started leads its group. */
  getpgrp(): number {
    return process.pid
  }

  getuid(): number {
    return process.getuid?.() ?? 0
  }

  geteuid(): number {
    return process.geteuid?.() ?? 0
  }

  getgid(): number {
    return process.getgid?.() ?? 0
  }

  getegid(): number {
    return process.getegid?.() ?? 0
  }

  /** None: a thread of Node's cannot take on other ids, so the superuser's guest may not either. */
  capabilities(): readonly [low: number, high: number] {
    return [0, 0]
  }

  assumeIds(): void {}

  getgroups(): number[] {
    return process.getgroups?.() ?? []
  }

  umask(mask: number): number {
    const before = this.#umask
    if (before === undefined) return attempt(() => process.umask(mask))
    this.#umask = mask
    return before
  }

  kill(pid: number, signal: number): number {
    return attempt(() => process.kill(pid, signal))
  }

  dieBySignal(signal: number): number {
    if (this.#die === undefined) return this.kill(process.pid, signal)
    this.#die(signal)
    return this.nanosleep(DEATH_WAIT_NSEC)
  }

  /** Only Node could. */
  exit(): void {}

  clockGettime(clock: number, out: Float64Array): number {
    return readClock(clock, out)
  }

  clockGetres(clock: number, out: Float64Array): number {
    const result = this.clockGettime(clock, out)
    if (result < 0) return result
    out[0] = 0
    out[1] = clock === CLOCK.REALTIME || clock === CLOCK.REALTIME_COARSE ? 1e6 : 1
    return 0
  }

  nanosleep(nsec: number): number {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, nsec / 1e6)
    return 0
  }

  getpriority(): number {
    return os.getPriority()
  }

  schedYield(): number {
    return 0
  }

  getrandom(buffer: Uint8Array): number {
    randomFillSync(buffer)
    return buffer.length
  }

  getcwd(): string {
    return process.cwd()
  }

  schedGetaffinity(mask: Uint8Array): number {
    const count = Math.min(os.availableParallelism(), 8 * mask.length)
    for (let cpu = 0; cpu < count; cpu++) mask[cpu >>> 3]! |= 1 << (cpu & 7)
    return 0
  }

  getrlimit(resource: number, out: Float64Array): number {
    if (resource !== RLIMIT.NOFILE) return -E.NOSYS
    out[0] = DESCRIPTORS.current
    out[1] = DESCRIPTORS.maximum
    return 0
  }

  keepDescriptors(): void {}

  sysinfo(out: SystemInfo): number {
    return readResources(out)
  }

  uname(out: SystemName): number {
    return readSystem(out)
  }

  getrusage(_who: number, out: ResourceUsage): number {
    return readUsage(out)
  }
}
