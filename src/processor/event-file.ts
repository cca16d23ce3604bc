// Descriptors whose events the kernel here makes: timerfd and signalfd. An eventfd of the host stands for them where the host polls, and says what
// fstat(2) and lseek(2) say of such files.
//   class TimerFile extends EventFile { … this.setReady(true) … }
import { E, err } from '../abi/errno.js'
import { EFD, POLL } from '../abi/poll.js'
import type { FileStatus } from '../abi/stat.js'
import type { Host } from '../host/host.js'
import { Description } from './files.js'
import type { Segments } from './guest-memory.js'

const counter = new Uint8Array(8)
const ONE = Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0)

export abstract class EventFile extends Description {
  readonly pollFd: number
  readonly fills = false
  readonly #host: Host
  readonly #bytes: Uint8Array
  #isReady = false

  /** `pollFd` from `Host.eventfd`, which this owns from now on. */
  constructor(host: Host, bytes: Uint8Array, pollFd: number, flags: number) {
    super(flags)
    this.#host = host
    this.#bytes = bytes
    this.pollFd = pollFd
  }

  override get pollMask(): number {
    return POLL.IN | POLL.RDNORM
  }

  override get seeks(): boolean {
    return this.#host.lseek(this.pollFd, 0, 0) >= 0
  }

  override get hostFd(): number {
    return this.pollFd
  }

  /** Where lseek(2) does nothing and succeeds (noop_llseek). */
  override get hasPositions(): boolean {
    return false
  }

  /** A record of these, or nothing, is read (read(2) of timerfd_create(2) and signalfd(2)). */
  protected abstract readonly recordSize: number

  override moveNothing(): number {
    return err(E.INVAL)
  }

  override moveUnusable(writing: boolean, count: number): number {
    if (writing || count < this.recordSize) return err(E.INVAL)
    return this.isReadyFor(POLL.IN) ? err(E.FAULT) : err(E.AGAIN)
  }

  override isReadyFor(events: number): boolean {
    return this.#isReady && (events & POLL.IN) !== 0
  }

  protected setReady(ready: boolean): void {
    if (ready === this.#isReady) return
    this.#isReady = ready
    if (ready) this.#host.write(this.pollFd, ONE)
    else this.#host.read(this.pollFd, counter)
  }

  /** Into the caller's buffer; the caller knows that there is room. */
  protected deliver(from: Uint8Array, into: Segments): number {
    let done = 0
    for (let index = 0; index < into.count && done < from.length; index++) {
      const part = Math.min(from.length - done, into.pairs[2 * index + 1]!)
      this.#bytes.set(from.subarray(done, done + part), into.pairs[2 * index]!)
      done += part
    }
    return done
  }

  write(): number {
    return err(E.INVAL)
  }

  seek(offset: number, whence: number): number {
    return this.#host.lseek(this.pollFd, offset, whence)
  }

  status(out: FileStatus): number {
    return this.#host.fstat(this.pollFd, out)
  }

  close(): void {
    this.#host.close(this.pollFd)
  }
}

/** For a new EventFile. */
export const newEvent = (host: Host): number => host.eventfd(0, EFD.NONBLOCK | EFD.CLOEXEC)
