// ioctl(2) requests (asm-generic/ioctls.h, linux/sockios.h), struct termios as TCGETS has it, and struct winsize.
// Use `IOCTL.TCGETS`; `writeTermios` fills what a fresh Linux tty has. Leaves out the termios2 calls.

export const IOCTL = {
  TCGETS: 0x5401,
  TCSETS: 0x5402,
  TCSETSW: 0x5403,
  TCSETSF: 0x5404,
  TCSBRK: 0x5409,
  TCXONC: 0x540a,
  TCFLSH: 0x540b,
  TIOCEXCL: 0x540c,
  TIOCNXCL: 0x540d,
  TIOCSCTTY: 0x540e,
  TIOCGPGRP: 0x540f,
  TIOCSPGRP: 0x5410,
  TIOCOUTQ: 0x5411,
  TIOCSTI: 0x5412,
  TIOCGWINSZ: 0x5413,
  TIOCSWINSZ: 0x5414,
  TIOCMGET: 0x5415,
  FIONREAD: 0x541b,
  TIOCNOTTY: 0x5422,
  TIOCSETD: 0x5423,
  TIOCGETD: 0x5424,
  TIOCGSID: 0x5429,
  TIOCGPTN: 0x80045430,
  TIOCSPTLCK: 0x40045431,
  TIOCGPTPEER: 0x5441,
  FIONCLEX: 0x5450,
  FIOCLEX: 0x5451,
  FIOASYNC: 0x5452,
  FIONBIO: 0x5421,
  FIOQSIZE: 0x5460,
  SIOCATMARK: 0x8905,
  SIOCGIFCONF: 0x8912,
  SIOCGIFFLAGS: 0x8913,
} as const

/** struct termios of the kernel: iflag, oflag, cflag, lflag u32; line u8; 19 control characters. (glibc's is longer.) */
export const TERMIOS_SIZE = 36
export const TERMIOS = { IFLAG: 0, OFLAG: 4, CFLAG: 8, LFLAG: 12, LINE: 16, CC: 17 } as const

/** struct winsize: rows, columns, width and height in pixels, u16 each. */
export const WINSIZE_SIZE = 8

/** What a new tty has (INIT_TERMIOS, linux/tty.h): ICRNL|IXON, OPOST|ONLCR, B38400|CS8|CREAD|HUPCL, ISIG … IEXTEN. */
const INITIAL = { iflag: 0x500, oflag: 0x5, cflag: 0x4bf, lflag: 0x8a3b }
/** VINTR, VQUIT, VERASE, VKILL, VEOF, VTIME, VMIN, VSWTC, VSTART, VSTOP, VSUSP, VEOL, VREPRINT, VDISCARD, VWERASE, VLNEXT. */
const INITIAL_CC = [3, 28, 127, 21, 4, 0, 1, 0, 17, 19, 26, 0, 18, 15, 23, 22]

export function writeTermios(view: DataView, at: number): void {
  view.setUint32(at + TERMIOS.IFLAG, INITIAL.iflag, true)
  view.setUint32(at + TERMIOS.OFLAG, INITIAL.oflag, true)
  view.setUint32(at + TERMIOS.CFLAG, INITIAL.cflag, true)
  view.setUint32(at + TERMIOS.LFLAG, INITIAL.lflag, true)
  for (let i = TERMIOS.LINE; i < TERMIOS_SIZE; i++) view.setUint8(at + i, INITIAL_CC[i - TERMIOS.CC] ?? 0)
}

export function writeWinsize(view: DataView, at: number, rows: number, columns: number): void {
  view.setUint16(at, rows, true)
  view.setUint16(at + 2, columns, true)
  view.setUint32(at + 4, 0, true)
}
