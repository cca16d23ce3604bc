// Linux errno numbers (asm-generic/errno-base.h, errno.h) without their E: `E.NOENT` is 2.
// Errors travel as negative numbers: return `err(E.NOENT)`, test with `isErrno(result)`, print with `errnoName`.
// The messages of strerror(3) are in errno-messages.ts.

export const E = {
  PERM: 1,
  NOENT: 2,
  SRCH: 3,
  INTR: 4,
  IO: 5,
  NXIO: 6,
  '2BIG': 7,
  NOEXEC: 8,
  BADF: 9,
  CHILD: 10,
  AGAIN: 11,
  NOMEM: 12,
  ACCES: 13,
  FAULT: 14,
  NOTBLK: 15,
  BUSY: 16,
  EXIST: 17,
  XDEV: 18,
  NODEV: 19,
  NOTDIR: 20,
  ISDIR: 21,
  INVAL: 22,
  NFILE: 23,
  MFILE: 24,
  NOTTY: 25,
  TXTBSY: 26,
  FBIG: 27,
  NOSPC: 28,
  SPIPE: 29,
  ROFS: 30,
  MLINK: 31,
  PIPE: 32,
  DOM: 33,
  RANGE: 34,
  DEADLK: 35,
  NAMETOOLONG: 36,
  NOLCK: 37,
  NOSYS: 38,
  NOTEMPTY: 39,
  LOOP: 40,
  NOMSG: 42,
  IDRM: 43,
  CHRNG: 44,
  L2NSYNC: 45,
  L3HLT: 46,
  L3RST: 47,
  LNRNG: 48,
  UNATCH: 49,
  NOCSI: 50,
  L2HLT: 51,
  BADE: 52,
  BADR: 53,
  XFULL: 54,
  NOANO: 55,
  BADRQC: 56,
  BADSLT: 57,
  BFONT: 59,
  NOSTR: 60,
  NODATA: 61,
  TIME: 62,
  NOSR: 63,
  NONET: 64,
  NOPKG: 65,
  REMOTE: 66,
  NOLINK: 67,
  ADV: 68,
  SRMNT: 69,
  COMM: 70,
  PROTO: 71,
  MULTIHOP: 72,
  DOTDOT: 73,
  BADMSG: 74,
  OVERFLOW: 75,
  NOTUNIQ: 76,
  BADFD: 77,
  REMCHG: 78,
  LIBACC: 79,
  LIBBAD: 80,
  LIBSCN: 81,
  LIBMAX: 82,
  LIBEXEC: 83,
  ILSEQ: 84,
  RESTART: 85,
  STRPIPE: 86,
  USERS: 87,
  NOTSOCK: 88,
  DESTADDRREQ: 89,
  MSGSIZE: 90,
  PROTOTYPE: 91,
  NOPROTOOPT: 92,
  PROTONOSUPPORT: 93,
  SOCKTNOSUPPORT: 94,
  OPNOTSUPP: 95,
  PFNOSUPPORT: 96,
  AFNOSUPPORT: 97,
  ADDRINUSE: 98,
  ADDRNOTAVAIL: 99,
  NETDOWN: 100,
  NETUNREACH: 101,
  NETRESET: 102,
  CONNABORTED: 103,
  CONNRESET: 104,
  NOBUFS: 105,
  ISCONN: 106,
  NOTCONN: 107,
  SHUTDOWN: 108,
  TOOMANYREFS: 109,
  TIMEDOUT: 110,
  CONNREFUSED: 111,
  HOSTDOWN: 112,
  HOSTUNREACH: 113,
  ALREADY: 114,
  INPROGRESS: 115,
  STALE: 116,
  UCLEAN: 117,
  NOTNAM: 118,
  NAVAIL: 119,
  ISNAM: 120,
  REMOTEIO: 121,
  DQUOT: 122,
  NOMEDIUM: 123,
  MEDIUMTYPE: 124,
  CANCELED: 125,
  NOKEY: 126,
  KEYEXPIRED: 127,
  KEYREVOKED: 128,
  KEYREJECTED: 129,
  OWNERDEAD: 130,
  NOTRECOVERABLE: 131,
  RFKILL: 132,
  HWPOISON: 133,
  // Kernel-internal (include/linux/errno.h): never reach the guest, they tell the signal code what to do with the call.
  RESTARTSYS: 512,
  RESTARTNOINTR: 513,
  RESTARTNOHAND: 514,
  RESTART_RESTARTBLOCK: 516,
} as const

/** A name of the table above, and one of its numbers (positive). */
export type ErrnoName = keyof typeof E
export type ErrnoNumber = (typeof E)[ErrnoName]

/** A negative number that is an error: what a failing call returns. */
export type Errno = number & { readonly __errno: 'negative errno' }

/** EWOULDBLOCK, EDEADLOCK and ENOTSUP are the same numbers under other names. */
export const EWOULDBLOCK = E.AGAIN

const MAX_ERRNO = 4095 // include/linux/err.h

const nameOfNumber = new Map<number, string>(Object.entries(E).map(([name, number]) => [number, `E${name}`]))

/** The value that reports an error: `return err(E.NOENT)`. */
export function err(errno: ErrnoNumber): Errno {
  return -errno as Errno
}

/** True for results in the kernel's error range, -4095..-1. */
export function isErrno(result: number): result is Errno {
  return result < 0 && result >= -MAX_ERRNO
}

/** 'ENOENT' for 2 and for -2; 'E1234' for numbers without a name. */
export function errnoName(errno: number): string {
  const number = Math.abs(errno)
  return nameOfNumber.get(number) ?? `E${number}`
}

/** Number of an errno name as Node's fs reports it ('ENOENT'); undefined when Linux has no such name. */
export function errnoByName(name: string): ErrnoNumber | undefined {
  if (name === 'EWOULDBLOCK') return E.AGAIN
  if (name === 'ENOTSUP') return E.OPNOTSUPP
  return (E as Record<string, ErrnoNumber>)[name.slice(1)]
}
