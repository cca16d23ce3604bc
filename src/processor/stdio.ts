// The three descriptors a guest inherits. Pipes and terminals are opened once more with O_NONBLOCK through /proc/self/fd, because the flag on the
// inherited description would be seen by everyone who shares it; where that fails they are polled before each transfer.
import { AT, F, O } from '../abi/fcntl.js'
import { newFileStatus, S } from '../abi/stat.js'
import type { Host, MemoryWindow } from '../host/host.js'
import { type FileTable, HostFile } from './files.js'

const STDIO = [0, 1, 2] as const

export function openStdio(host: Host, window: MemoryWindow, files: FileTable): void {
  const status = newFileStatus()
  for (const fd of STDIO) {
    if (host.fstat(fd, status) < 0) continue
    const kind = status.mode & S.IFMT
    const known = host.fcntl(fd, F.GETFL, 0)
    const flags = known < 0 ? O.RDWR : known
    let own = -1
    if ((kind === S.IFIFO || kind === S.IFCHR) && (flags & O.NONBLOCK) === 0) {
      own = host.openat(AT.FDCWD, host.nameOf(fd), (flags & O.ACCMODE) | O.NONBLOCK | O.NOCTTY | O.CLOEXEC, 0)
    }
    const nonblocking = own >= 0 || (flags & O.NONBLOCK) !== 0
    const file = new HostFile(host, window, own >= 0 ? own : fd, {
      flags,
      mode: status.mode,
      nonblocking,
      owned: own >= 0,
    })
    files.put(fd, file, false)
  }
}
