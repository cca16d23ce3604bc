// inotify_init(2), inotify_add_watch(2), inotify_rm_watch(2): the host's instance, watching the files behind the guest's names.
import { E, err } from '../src/abi/errno.js'
import { AT, O } from '../src/abi/fcntl.js'
import { IN } from '../src/abi/poll.js'
import { S } from '../src/abi/stat.js'
import { HostFile } from '../src/processor/files.js'
import type { Task } from '../src/processor/task.js'
import { Fd, Int, Path } from './arguments.js'
import { full, partial, syscall } from './define.js'
import { InotifyFlags, InotifyMask } from './flags.js'
import { install } from './install.js'
import { placeAt } from './places.js'

class InotifyFile extends HostFile {
  override get anonymousName(): string {
    return 'inotify'
  }
}

function make(task: Task, flags: number): number {
  if ((flags & ~(IN.NONBLOCK | IN.CLOEXEC)) !== 0) return err(E.INVAL)
  const { host, window } = task.kernel
  const hostFd = host.inotifyInit(IN.NONBLOCK | IN.CLOEXEC)
  if (hostFd < 0) return hostFd
  const options = { flags: O.RDONLY | (flags & IN.NONBLOCK), mode: 0, nonblocking: true, owned: true }
  return install(task, new InotifyFile(host, window, hostFd, options), (flags & IN.CLOEXEC) !== 0)
}

export const inotify_init = syscall({
  number: 253,
  name: 'inotify_init',
  returns: Fd,
  support: full,
  args: {},
  run: (task) => make(task, 0),
})

export const inotify_init1 = syscall({
  number: 294,
  name: 'inotify_init1',
  returns: Fd,
  support: full,
  args: { flags: InotifyFlags },
  run: (task, { flags }) => make(task, flags),
})

export const inotify_add_watch = syscall({
  number: 254,
  name: 'inotify_add_watch',
  returns: Int,
  support: partial('opens and closes are those of the storage manager, which keeps descriptors longer'),
  args: { fd: Fd, path: Path, mask: InotifyMask },
  run(task, { fd, path, mask }) {
    const { storage, host } = task.kernel
    if ((mask & IN.ALL_BITS) === 0) return err(E.INVAL)
    const file = task.process.files.get(fd)
    if (file === undefined || (file.flags & O.PATH) !== 0) return err(E.BADF)
    if ((mask & IN.MASK_ADD) !== 0 && (mask & IN.MASK_CREATE) !== 0) return err(E.INVAL)
    if (!(file instanceof InotifyFile)) return err(E.INVAL)
    const place = placeAt(task, AT.FDCWD, path)
    if (typeof place === 'number') return place
    const follow = (mask & IN.DONT_FOLLOW) === 0 ? 0 : O.NOFOLLOW
    const opened = storage.open(place.cwd, place.path, O.PATH | follow, 0)
    if (typeof opened === 'number') return opened
    const isDirectory = (opened.status.mode & S.IFMT) === S.IFDIR
    if (opened.kind === 'device') {
      const watch = (mask & IN.ONLYDIR) !== 0 ? err(E.NOTDIR) : add(task, file, opened.fd, mask)
      host.close(opened.fd)
      return watch
    }
    const hostFd = storage.anyDescriptor(opened.handle)
    const watch =
      hostFd < 0
        ? hostFd
        : (mask & IN.ONLYDIR) !== 0 && !isDirectory
          ? err(E.NOTDIR)
          : add(task, file, hostFd, mask & ~IN.DONT_FOLLOW)
    storage.release(opened.handle)
    return watch
  },
})

const add = ({ kernel }: Task, file: HostFile, hostFd: number, mask: number): number =>
  kernel.host.inotifyAddWatch(file.fd, kernel.host.nameOf(hostFd), mask)

export const inotify_rm_watch = syscall({
  number: 255,
  name: 'inotify_rm_watch',
  returns: Int,
  support: full,
  args: { fd: Fd, watch: Int },
  run(task, { fd, watch }) {
    const file = task.process.files.get(fd)
    if (file === undefined || (file.flags & O.PATH) !== 0) return err(E.BADF)
    return file instanceof InotifyFile ? task.kernel.host.inotifyRmWatch(file.fd, watch) : err(E.INVAL)
  },
})
