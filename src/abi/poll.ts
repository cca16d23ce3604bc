// poll(2), epoll(7), eventfd(2) and timerfd numbers, struct pollfd and struct epoll_event (asm-generic/poll.h, linux/eventpoll.h).
// struct epoll_event is packed on x86-64: events u32 at 0, data u64 at 4.

export const POLL = {
  IN: 1,
  PRI: 2,
  OUT: 4,
  ERR: 8,
  HUP: 0x10,
  NVAL: 0x20,
  RDNORM: 0x40,
  RDBAND: 0x80,
  WRNORM: 0x100,
  WRBAND: 0x200,
  MSG: 0x400,
  REMOVE: 0x1000,
  RDHUP: 0x2000,
} as const

/** struct pollfd: fd i32 at 0, events i16 at 4, revents i16 at 6. */
export const POLLFD_SIZE = 8
export const POLLFD = { FD: 0, EVENTS: 4, REVENTS: 6 } as const

export const EPOLL = {
  IN: 1,
  PRI: 2,
  OUT: 4,
  ERR: 8,
  HUP: 0x10,
  RDNORM: 0x40,
  RDBAND: 0x80,
  WRNORM: 0x100,
  WRBAND: 0x200,
  MSG: 0x400,
  RDHUP: 0x2000,
  EXCLUSIVE: 0x10000000,
  WAKEUP: 0x20000000,
  ONESHOT: 0x40000000,
  ET: 0x80000000,
} as const

export const EPOLL_CTL = {
  ADD: 1,
  DEL: 2,
  MOD: 3,
} as const

export const EPOLL_EVENT_SIZE = 12
export const EPOLL_CLOEXEC = 0o2000000

export const EFD = {
  SEMAPHORE: 1,
  NONBLOCK: 0o4000,
  CLOEXEC: 0o2000000,
} as const

export const TFD = {
  NONBLOCK: 0o4000,
  CLOEXEC: 0o2000000,
  TIMER_ABSTIME: 1,
  TIMER_CANCEL_ON_SET: 2,
} as const

/** Events of inotify(7), and what an event may say besides. */
export const IN_EVENT = {
  ACCESS: 1,
  MODIFY: 2,
  ATTRIB: 4,
  CLOSE_WRITE: 8,
  CLOSE_NOWRITE: 0x10,
  OPEN: 0x20,
  MOVED_FROM: 0x40,
  MOVED_TO: 0x80,
  CREATE: 0x100,
  DELETE: 0x200,
  DELETE_SELF: 0x400,
  MOVE_SELF: 0x800,
  UNMOUNT: 0x2000,
  Q_OVERFLOW: 0x4000,
  IGNORED: 0x8000,
  EXCL_UNLINK: 0x4000000,
  ISDIR: 0x40000000,
  ONESHOT: 0x80000000,
} as const

/** Flags of inotify_init1(2), and what inotify_add_watch(2) takes beside events. */
export const IN = {
  ONLYDIR: 0x1000000,
  DONT_FOLLOW: 0x2000000,
  MASK_CREATE: 0x10000000,
  MASK_ADD: 0x20000000,
  /** Everything that a mask may have (ALL_INOTIFY_BITS). */
  ALL_BITS: 0xf7006fff | 0,
  NONBLOCK: 0o4000,
  CLOEXEC: 0o2000000,
} as const
