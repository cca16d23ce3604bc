// socket(2) numbers (bits/socket.h, asm-generic/socket.h, linux/in.h) and struct sockaddr and msghdr layouts.
// Leaves out the options few programs use and ancillary data but for SCM_RIGHTS.

export const AF = {
  UNSPEC: 0,
  UNIX: 1,
  INET: 2,
  INET6: 10,
  NETLINK: 16,
  PACKET: 17,
  VSOCK: 40,
} as const

export const SOCK = {
  STREAM: 1,
  DGRAM: 2,
  RAW: 3,
  RDM: 4,
  SEQPACKET: 5,
  NONBLOCK: 0o4000,
  CLOEXEC: 0o2000000,
} as const

export const SOL = {
  SOCKET: 1,
  TCP: 6,
  IP: 0,
  UDP: 17,
  IPV6: 41,
} as const

export const SO = {
  DEBUG: 1,
  REUSEADDR: 2,
  TYPE: 3,
  ERROR: 4,
  DONTROUTE: 5,
  BROADCAST: 6,
  SNDBUF: 7,
  RCVBUF: 8,
  KEEPALIVE: 9,
  OOBINLINE: 10,
  LINGER: 13,
  REUSEPORT: 15,
  PASSCRED: 16,
  PEERCRED: 17,
  RCVLOWAT: 18,
  SNDLOWAT: 19,
  RCVTIMEO: 20,
  SNDTIMEO: 21,
  ACCEPTCONN: 30,
  PROTOCOL: 38,
  DOMAIN: 39,
} as const

export const MSG = {
  OOB: 1,
  PEEK: 2,
  DONTROUTE: 4,
  CTRUNC: 8,
  TRUNC: 0x20,
  DONTWAIT: 0x40,
  EOR: 0x80,
  WAITALL: 0x100,
  NOSIGNAL: 0x4000,
  MORE: 0x8000,
  CMSG_CLOEXEC: 0x40000000,
} as const

export const SHUT = {
  RD: 0,
  WR: 1,
  RDWR: 2,
} as const

export const TCP = {
  NODELAY: 1,
  MAXSEG: 2,
  CORK: 3,
  KEEPIDLE: 4,
  KEEPINTVL: 5,
  KEEPCNT: 6,
  INFO: 11,
  QUICKACK: 12,
  USER_TIMEOUT: 18,
} as const

export const SCM = {
  RIGHTS: 1,
  CREDENTIALS: 2,
} as const

/** struct sockaddr_storage; sockaddr_un is 110 bytes, sockaddr_in 16, sockaddr_in6 28. */
export const SOCKADDR_MAX = 128
export const SOCKADDR_UN_SIZE = 110
export const SOCKADDR_UN_PATH = 2

/** struct msghdr: all u64 but the two u32 at NAMELEN and FLAGS. */
export const MSGHDR = { NAME: 0, NAMELEN: 8, IOV: 16, IOVLEN: 24, CONTROL: 32, CONTROLLEN: 40, FLAGS: 48 } as const
export const MSGHDR_SIZE = 56
