// The descriptors that lego itself was started with, on the portable host. Pipes, sockets and the terminal are read by the main thread
// (portable-input.ts), because Node cannot poll; files and devices are read here.
// The terminal's termios is kept here: what the machine's terminal is then set to is one of Node's two modes, and tcgetattr(3) tells which.
import type fs from 'node:fs'
import { E } from '../abi/errno.js'
import { O } from '../abi/fcntl.js'
import { IOCTL, TERMIOS, TERMIOS_SIZE, WINSIZE_SIZE, writeTermios, writeWinsize } from '../abi/ioctl.js'
import { POLL } from '../abi/poll.js'
import { type FileStatus, S } from '../abi/stat.js'
import { IFLAG, LFLAG, OFLAG } from '../abi/termios.js'
import { attempt } from './portable-attempt.js'
import { Descriptor } from './portable-descriptor.js'
import { type FileSystem, fillStatus } from './portable-disk.js'
import { LINK, type PortableLink, type PortableRequest } from './portable-link.js'

/** How long a write waits for a reader that made the description non-blocking. */
const RETRY_MS = 2
const WRITABLE = POLL.OUT | POLL.WRNORM
const READABLE = POLL.IN | POLL.RDNORM

export interface MainThread {
  readonly link: PortableLink
  ask(request: PortableRequest): void
}

export class Inherited extends Descriptor {
  readonly fd: number
  readonly isTerminal: boolean
  readonly #fs: FileSystem
  readonly #main: MainThread | null
  readonly #kind: number
  readonly #pause = new Int32Array(new SharedArrayBuffer(4))

  constructor(system: FileSystem, fd: number, status: fs.Stats, isTerminal: boolean, main: MainThread | null) {
    // Node cannot ask for the access mode: what these descriptors are usually opened for.
    super(isTerminal ? O.RDWR : fd === 0 ? O.RDONLY : fd <= 2 ? O.WRONLY : O.RDWR)
    this.#fs = system
    this.fd = fd
    this.isTerminal = isTerminal
    this.#kind = status.mode & S.IFMT
    // Windows gives pipes and consoles no type.
    const streams = isTerminal || this.#kind === S.IFIFO || this.#kind === S.IFSOCK || this.#kind === 0
    this.#main = streams && (isTerminal || fd === 0) ? main : null
  }

  get isSocket(): boolean {
    return this.#kind === S.IFSOCK
  }

  get name(): string {
    if (this.isTerminal) return '/dev/tty'
    const { ino, rdev } = this.#fs.fstatSync(this.fd)
    if (this.#kind === S.IFIFO) return `pipe:[${ino}]`
    if (this.isSocket) return `socket:[${ino}]`
    const none = this.#fs.statSync('/dev/null', { throwIfNoEntry: false })
    // Node does not say what a descriptor was opened as.
    return this.#kind === S.IFCHR && rdev === none?.rdev ? '/dev/null' : `inherited:[${ino}]`
  }

  status(out: FileStatus): number {
    return attempt(() => fillStatus(this.#fs.fstatSync(this.fd, { bigint: true }), out))
  }

  override get events(): number {
    if (this.#main === null) return WRITABLE | READABLE
    const { words } = this.#main.link
    const hasEnded = Atomics.load(words, LINK.ENDED) !== 0
    const isReady = Atomics.load(words, LINK.LENGTH) > 0
    if (!isReady && !hasEnded && Atomics.exchange(words, LINK.ASKED, 1) === 0) this.#main.ask('input')
    // The end of a pipe is no input (pipe_poll, fs/pipe.c); that of a terminal or socket is.
    const ended = !hasEnded ? 0 : this.#kind === S.IFIFO ? POLL.HUP : READABLE
    return (this.writable ? WRITABLE : 0) | (isReady ? READABLE : 0) | ended
  }

  override read(buffer: Uint8Array): number {
    if (this.#main === null) {
      return attempt(() => this.#fs.readSync(this.fd, buffer, 0, buffer.length, null))
    }
    const { words, input } = this.#main.link
    const length = Atomics.load(words, LINK.LENGTH)
    if (length === 0) {
      if (Atomics.load(words, LINK.ENDED) !== 0) return 0
      return (this.events & (POLL.IN | POLL.HUP)) === 0 ? -E.AGAIN : this.read(buffer)
    }
    const start = Atomics.load(words, LINK.START)
    const count = Math.min(buffer.length, this.isTerminal ? this.#lineLength(start, length) : length)
    buffer.set(input.subarray(start, start + count))
    Atomics.store(words, LINK.START, start + count)
    Atomics.store(words, LINK.LENGTH, length - count)
    return count
  }

  /** A terminal gives a line at a time in canonical mode: termios(3). */
  #lineLength(start: number, length: number): number {
    const { words, input } = this.#main!.link
    if ((Atomics.load(words, LINK.LFLAG) & LFLAG.ICANON) === 0) return length
    const newline = input.subarray(start, start + length).indexOf(0x0a)
    return newline < 0 ? length : newline + 1
  }

  override write(buffer: Uint8Array): number {
    for (;;) {
      const result = attempt(() => this.#fs.writeSync(this.fd, buffer, 0, buffer.length, null))
      if (result !== -E.AGAIN) return result
      Atomics.wait(this.#pause, 0, 0, RETRY_MS)
    }
  }

  override pread(buffer: Uint8Array, offset: number): number {
    if (this.#kind !== S.IFREG) return this.#kind === S.IFCHR && !this.isTerminal ? this.read(buffer) : -E.SPIPE
    return attempt(() => this.#fs.readSync(this.fd, buffer, 0, buffer.length, offset))
  }

  override pwrite(buffer: Uint8Array, offset: number): number {
    if (this.#kind !== S.IFREG) return this.#kind === S.IFCHR && !this.isTerminal ? this.write(buffer) : -E.SPIPE
    return attempt(() => this.#fs.writeSync(this.fd, buffer, 0, buffer.length, offset))
  }

  override lseek(): number {
    return this.#kind === S.IFCHR && !this.isTerminal ? 0 : -E.SPIPE
  }

  override ioctl(request: number, argument: number | Uint8Array): number {
    if (request === IOCTL.FIONREAD && this.#main !== null && typeof argument !== 'number') {
      view(argument).setUint32(0, Atomics.load(this.#main.link.words, LINK.LENGTH), true)
      return 0
    }
    if (!this.isTerminal || this.#main === null) return -E.NOTTY
    return TERMINAL[request]?.(this.#main, argument) ?? -E.INVAL
  }

  close(): void {}
}

const view = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

type TerminalRequest = (main: MainThread, argument: number | Uint8Array) => number

const bytesOf = (argument: number | Uint8Array): Uint8Array =>
  typeof argument === 'number' ? new Uint8Array(TERMIOS_SIZE) : argument

/** The characters and speeds that programs set stay as they set them; the machine's are not asked. */
const current = new Uint8Array(TERMIOS_SIZE)
writeTermios(view(current), 0)

function setTermios(main: MainThread, argument: number | Uint8Array): number {
  current.set(bytesOf(argument))
  const words = view(current)
  // Node has two modes: lines with echo, or neither. tcsetattr(3) succeeds when any of the changes could be made, and tcgetattr tells which.
  const raw = (words.getUint32(TERMIOS.LFLAG, true) & LFLAG.ICANON) === 0
  const lflag = words.getUint32(TERMIOS.LFLAG, true)
  words.setUint32(TERMIOS.LFLAG, raw ? lflag & ~LFLAG.ECHO : lflag | LFLAG.ECHO | LFLAG.ISIG, true)
  if (!raw) words.setUint32(TERMIOS.IFLAG, words.getUint32(TERMIOS.IFLAG, true) | IFLAG.ICRNL, true)
  words.setUint32(TERMIOS.OFLAG, words.getUint32(TERMIOS.OFLAG, true) | OFLAG.OPOST | OFLAG.ONLCR, true)
  const shared = main.link.words
  Atomics.store(shared, LINK.IFLAG, words.getUint32(TERMIOS.IFLAG, true))
  Atomics.store(shared, LINK.LFLAG, words.getUint32(TERMIOS.LFLAG, true))
  main.ask(raw ? 'raw' : 'cooked')
  return 0
}

function flush({ link }: MainThread): number {
  Atomics.store(link.words, LINK.LENGTH, 0)
  return 0
}

/** ioctl_tty(2); others are EINVAL, as what a terminal does not know. */
const TERMINAL: Readonly<Record<number, TerminalRequest>> = {
  [IOCTL.TCGETS]: (_main, argument) => {
    bytesOf(argument).set(current)
    return 0
  },
  [IOCTL.TCSETS]: setTermios,
  [IOCTL.TCSETSW]: setTermios,
  [IOCTL.TCSETSF]: (main, argument) => {
    flush(main)
    return setTermios(main, argument)
  },
  [IOCTL.TCFLSH]: (main, queue) => (queue === 1 ? 0 : flush(main)),
  [IOCTL.TIOCGWINSZ]: ({ link: { words } }, argument) => {
    if (typeof argument === 'number' || argument.length < WINSIZE_SIZE) return -E.INVAL
    writeWinsize(view(argument), 0, Atomics.load(words, LINK.ROWS), Atomics.load(words, LINK.COLUMNS))
    return 0
  },
  [IOCTL.TIOCOUTQ]: (_main, argument) => {
    bytesOf(argument).fill(0, 0, 4)
    return 0
  },
}
