// signalfd(2): a descriptor that gives pending signals of whoever reads it. `changed` follows what is pending, so that the descriptor polls as ready; it is
// for the task that looked last.
import { E, err } from '../abi/errno.js'
import { O } from '../abi/fcntl.js'
import { highBit, lowBit, NSIG, SIG, SIGNALFD_SIGINFO, SIGNALFD_SIGINFO_SIZE } from '../abi/signal.js'
import type { Host } from '../host/host.js'
import { EventFile } from './event-file.js'
import type { Segments } from './guest-memory.js'
import type { SignalInfo } from './signals.js'
import type { Task } from './task.js'

export class SignalFile extends EventFile {
  protected readonly recordSize = SIGNALFD_SIGINFO_SIZE
  maskLow = 0
  maskHigh = 0
  /** Whose signals it shows: the maker's until somebody else reads or polls it. */
  reader: Task

  constructor(host: Host, bytes: Uint8Array, pollFd: number, maker: Task) {
    super(host, bytes, pollFd, O.RDWR)
    this.reader = maker
    maker.kernel.signalFiles.add(this)
  }

  override isReadyFor(events: number): boolean {
    this.changed()
    return super.isReadyFor(events)
  }

  override get anonymousName(): string {
    return 'signalfd'
  }

  show(maskLow: number, maskHigh: number): void {
    this.maskLow = maskLow
    this.maskHigh = maskHigh
    this.changed()
  }

  changed(): void {
    const { pending, process } = this.reader
    const low = (pending.low | process.pending.low) & this.maskLow
    const high = (pending.high | process.pending.high) & this.maskHigh
    this.setReady((low | high) !== 0)
  }

  #take(): SignalInfo | null {
    for (const pending of [this.reader.pending, this.reader.process.pending]) {
      for (let signal = 1; signal <= NSIG; signal++) {
        const bits = (pending.low & this.maskLow & lowBit(signal)) | (pending.high & this.maskHigh & highBit(signal))
        if (bits !== 0) return pending.take(signal)
      }
    }
    return null
  }

  read(into: Segments): number {
    const room = Math.floor(into.bytes / SIGNALFD_SIGINFO_SIZE)
    if (room === 0) return err(E.INVAL)
    const taken: SignalInfo[] = []
    for (let info = this.#take(); info !== null; info = taken.length < room ? this.#take() : null) taken.push(info)
    this.changed()
    if (taken.length === 0) return err(E.AGAIN)
    const bytes = new Uint8Array(taken.length * SIGNALFD_SIGINFO_SIZE)
    const view = new DataView(bytes.buffer)
    for (const [index, info] of taken.entries()) writeSignal(view, index * SIGNALFD_SIGINFO_SIZE, info)
    return this.deliver(bytes, into)
  }

  override close(): void {
    this.reader.kernel.signalFiles.delete(this)
    super.close()
  }
}

/** fs/signalfd.c, signalfd_copyinfo. */
function writeSignal(view: DataView, at: number, info: SignalInfo): void {
  view.setUint32(at + SIGNALFD_SIGINFO.SIGNO, info.signal, true)
  view.setInt32(at + SIGNALFD_SIGINFO.ERRNO, info.errno, true)
  view.setInt32(at + SIGNALFD_SIGINFO.CODE, info.code, true)
  if (info.timer !== null) {
    view.setInt32(at + SIGNALFD_SIGINFO.TID, info.pid, true)
    view.setInt32(at + SIGNALFD_SIGINFO.OVERRUN, info.uid, true)
  } else {
    view.setInt32(at + SIGNALFD_SIGINFO.PID, info.pid, true)
    view.setUint32(at + SIGNALFD_SIGINFO.UID, info.uid, true)
  }
  if (info.signal === SIG.CHLD && info.code > 0) view.setInt32(at + SIGNALFD_SIGINFO.STATUS, info.status, true)
  else {
    view.setInt32(at + SIGNALFD_SIGINFO.INT, info.valueLow, true)
    view.setInt32(at + SIGNALFD_SIGINFO.PTR, info.valueLow, true)
    view.setInt32(at + SIGNALFD_SIGINFO.PTR + 4, info.valueHigh, true)
  }
}
