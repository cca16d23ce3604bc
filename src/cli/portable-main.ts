// The main thread's part of `--host portable`: reads stdin when the guest waits for it, sets the terminal, tells its size, and ends the process by a signal.
//   const portable = new PortableMain(raise); worker gets portable.setting; portable.receive(message)
import { constants } from 'node:os'
import { isatty, type ReadStream, type WriteStream } from 'node:tty'
import { IFLAG, LFLAG } from '../abi/termios.js'
import { LINK, newLink, type PortableRequest, wake } from '../host/portable-link.js'
import type { PortableSetting } from './choose-host.js'

/** What a terminal starts with (INIT_TERMIOS, linux/tty.h). */
const IFLAG_START = IFLAG.ICRNL | IFLAG.IXON
const LFLAG_START = LFLAG.ISIG | LFLAG.ICANON | LFLAG.ECHO | LFLAG.IEXTEN

const CARRIAGE_RETURN = 13
const NEWLINE = 10
/** Characters that a raw terminal of Node's passes on and a Linux one turns into signals (VINTR, VQUIT, VSUSP). */
const SIGNALS_OF: Readonly<Record<number, number>> = {
  3: constants.signals.SIGINT,
  26: constants.signals.SIGTSTP,
  28: constants.signals.SIGQUIT,
}

export class PortableMain {
  readonly setting: PortableSetting = { link: newLink(), umask: process.umask(0) }
  readonly #raise: (signal: number) => void
  #reads = false

  constructor(raise: (signal: number) => void) {
    this.#raise = raise
    const { words } = this.setting.link
    Atomics.store(words, LINK.IFLAG, IFLAG_START)
    Atomics.store(words, LINK.LFLAG, LFLAG_START)
    const terminal = [1, 2].find((fd) => isatty(fd))
    if (terminal === undefined) return
    const stream = (terminal === 1 ? process.stdout : process.stderr) as WriteStream
    const measure = (): void => {
      Atomics.store(words, LINK.ROWS, stream.rows)
      Atomics.store(words, LINK.COLUMNS, stream.columns)
    }
    measure()
    stream.on('resize', measure)
  }

  wake(): void {
    wake(this.setting.link)
  }

  request(request: PortableRequest): void {
    if (request === 'input') this.#read()
    else if (isatty(0)) (process.stdin as ReadStream).setRawMode(request === 'raw')
  }

  /** One piece of input; the host's thread has taken the one before. */
  #read(): void {
    const { stdin } = process
    const { link } = this.setting
    if (Atomics.load(link.words, LINK.LENGTH) > 0) {
      // It looked just before the piece came, and asked after.
      Atomics.store(link.words, LINK.ASKED, 0)
      wake(link)
      return
    }
    if (!this.#reads) {
      this.#reads = true
      stdin.on('data', (piece: Buffer) => this.#deliver(piece))
      stdin.on('end', () => this.#end())
      stdin.on('error', () => this.#end())
    }
    stdin.resume()
  }

  #end(): void {
    const { link } = this.setting
    Atomics.store(link.words, LINK.ENDED, 1)
    wake(link)
  }

  #deliver(piece: Buffer): void {
    const { link } = this.setting
    const bytes = isatty(0) ? this.#discipline(piece) : piece
    // Only what the terminal made a signal of: nothing to read yet.
    if (bytes.length === 0) return
    process.stdin.pause()
    link.input.set(bytes)
    Atomics.store(link.words, LINK.START, 0)
    Atomics.store(link.words, LINK.LENGTH, bytes.length)
    Atomics.store(link.words, LINK.ASKED, 0)
    wake(link)
  }

  /** What Linux does with input and Node's raw mode has switched off, although the guest did not. */
  #discipline(piece: Buffer): Buffer {
    const { words } = this.setting.link
    const lflag = Atomics.load(words, LINK.LFLAG)
    if ((lflag & LFLAG.ICANON) !== 0) return piece
    const bytes: number[] = []
    for (const byte of piece) {
      const signal = (lflag & LFLAG.ISIG) !== 0 ? SIGNALS_OF[byte] : undefined
      const isReturn = byte === CARRIAGE_RETURN && (Atomics.load(words, LINK.IFLAG) & IFLAG.ICRNL) !== 0
      if (signal !== undefined) this.#raise(signal)
      else bytes.push(isReturn ? NEWLINE : byte)
    }
    return Buffer.from(bytes)
  }

  /** The terminal as it was; stdin keeps nobody waiting. */
  finish(): void {
    if (!this.#reads && !isatty(0)) return
    if (isatty(0)) (process.stdin as ReadStream).setRawMode(false)
    process.stdin.pause()
    process.stdin.destroy()
  }

  /** The signal's default action, also where Node or we have a handler. A machine without such signals: the status that a shell gives it. */
  die(signal: number): void {
    this.finish()
    const name = Object.entries(constants.signals).find(([, number]) => number === signal)?.[0] as
      | NodeJS.Signals
      | undefined
    if (process.platform === 'win32' || name === undefined) process.exit(128 + signal)
    if (name !== 'SIGKILL' && name !== 'SIGSTOP') {
      // libuv gives the signal its default action back when the last listener goes.
      process.on(name, () => {})
      process.removeAllListeners(name)
    }
    process.kill(process.pid, name)
  }
}
