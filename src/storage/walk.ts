// Path resolution. Confined (with a root or mounts): component by component with O_NOFOLLOW, symbolic links read and followed here, so that nothing,
// not even '..' or a link to '/', leaves the export. Unconfined (the export is the host's '/'): the host resolves, which is faster.
//   if (walk.resolve(cwd, path, 'follow') === 0) use(walk.dirfd, walk.name); finally walk.done()
import { E, err } from '../abi/errno.js'
import { AT, O, PATH_MAX } from '../abi/fcntl.js'
import { newFileStatus, S } from '../abi/stat.js'
import type { Host } from '../host/host.js'
import { textOfPath } from '../lib/path-text.js'
import { componentsOf, join, type Mount, normalise } from './mounts.js'

/** Kernel's MAXSYMLINKS: path_resolution(7). */
const LINKS_MAX = 40
const DIRECTORY = O.PATH | O.NOFOLLOW | O.DIRECTORY | O.CLOEXEC

export interface Root {
  readonly mount: Mount
  /** An O_PATH descriptor of the source. */
  readonly fd: number
  readonly components: readonly string[]
}

interface Step {
  fd: number
  path: string
  root: Root
  /** True when `done` closes it. */
  owned: boolean
}

/**
 * What becomes of the last component: a link there is followed, or it is found as it is; a slash after it makes it a directory all the same.
 * 'name' is for calls that make or take a name: nothing is followed, and what a slash means is theirs to say.
 */
export type Last = 'follow' | 'nofollow' | 'name'

export class Walk {
  #host: Host
  #roots: readonly Root[]
  #confined: boolean
  #steps: Step[] = []
  #link = new Uint8Array(PATH_MAX)
  #status = newFileStatus()

  /** The result: `name` in the directory `dirfd`; '.' for the directory itself. Unconfined: AT_FDCWD and the whole path. */
  dirfd = -1
  name = ''
  /** Canonical guest path of the result (unconfined: as written). */
  path = ''
  /** The mount it is on: renames and links stay within one. */
  mount: Mount
  /** The path ended in a slash or a dot: it must be a directory. Confined, it is one, unless the walk was for a name. */
  mustBeDirectory = false
  /** A confined walk for a name ended in one that is there already: '.', '..', or '/' for the root's. Otherwise ''. */
  dots: '' | '.' | '..' | '/' = ''
  /** The result is the root of this mount, if it is one. */
  isMountPoint = false

  /** `roots[0]` is '/'. */
  constructor(host: Host, roots: readonly Root[], confined: boolean) {
    this.#host = host
    this.#roots = roots
    this.#confined = confined
    this.mount = roots[0]!.mount
  }

  /** Flags to add when the result is opened: the links are resolved already. */
  get openFlags(): number {
    return this.#confined ? O.NOFOLLOW : 0
  }

  /** 0 or a negative errno. The last component need not exist; a symbolic link there is for `last` to say. */
  resolve(cwd: string, path: string, last: Last): number {
    if (path === '') return err(E.NOENT)
    if (path.length >= PATH_MAX) return err(E.NAMETOOLONG)
    this.mustBeDirectory = path.endsWith('/') || path.endsWith('/.') || path === '.'
    if (this.#confined) {
      this.dots = last === 'name' ? dotsOf(path) : ''
      return this.#walk(cwd, path, this.dots === '' ? last : 'follow')
    }
    this.dirfd = AT.FDCWD
    this.name = path.startsWith('/') ? path : join(cwd, path)
    this.path = normalise(this.name)
    this.mount = this.#roots[0]!.mount
    this.isMountPoint = this.path === '/'
    return 0
  }

  /** Closes what the walk opened. */
  done(): void {
    for (const step of this.#steps) if (step.owned) this.#host.close(step.fd)
    this.#steps.length = 0
  }

  #restart(): Step {
    this.done()
    const root = this.#roots[0]!
    const step = { fd: root.fd, path: '/', root, owned: false }
    this.#steps.push(step)
    return step
  }

  #walk(cwd: string, path: string, lastIs: Last): number {
    let here = this.#restart()
    // Components still to go, the next one last.
    const pending = componentsOf(path).reverse()
    if (!path.startsWith('/')) pending.push(...componentsOf(cwd).reverse())
    let links = 0
    while (true) {
      const mount = this.#mountAhead(here.path, pending)
      if (mount !== null) {
        pending.length -= mount.components.length - componentsOf(here.path).length
        here = { fd: mount.fd, path: mount.mount.target, root: mount, owned: false }
        this.#steps.push(here)
        continue
      }
      const name = pending.pop()
      if (name === undefined) return this.#found(here, '.', here.path)
      if (name === '..') {
        here = this.#parent(here, pending)
        continue
      }
      const last = pending.length === 0 && !(this.mustBeDirectory && lastIs !== 'name')
      if (last && !(lastIs === 'follow' && this.#isLink(here.fd, name)))
        return this.#found(here, name, join(here.path, name))
      const fd = last ? err(E.NOTDIR) : this.#host.openat(here.fd, name, DIRECTORY, 0)
      if (fd >= 0) {
        here = { fd, path: join(here.path, name), root: here.root, owned: true }
        this.#steps.push(here)
        continue
      }
      if (fd !== -E.NOTDIR && fd !== -E.LOOP) return fd
      const length = this.#host.readlinkat(here.fd, name, this.#link)
      if (length < 0) return length === -E.INVAL ? err(E.NOTDIR) : length
      if (++links > LINKS_MAX) return err(E.LOOP)
      const target = textOfPath(this.#link.subarray(0, length))
      if (target === '') return err(E.NOENT)
      if (last && target.endsWith('/')) this.mustBeDirectory = true
      pending.push(...componentsOf(target).reverse())
      if (target.startsWith('/')) here = this.#restart()
    }
  }

  #isLink(fd: number, name: string): boolean {
    const result = this.#host.fstatat(fd, name, AT.SYMLINK_NOFOLLOW, this.#status)
    return result >= 0 && (this.#status.mode & S.IFMT) === S.IFLNK
  }

  /** The deepest mount that the next components lead to by name, existing directories or not. */
  #mountAhead(here: string, pending: readonly string[]): Root | null {
    if (this.#roots.length === 1) return null
    const depth = componentsOf(here).length
    let best: Root | null = null
    for (const root of this.#roots) {
      const { components, mount } = root
      const ahead = components.length - depth
      if (ahead <= 0 || ahead > pending.length || (best !== null && best.components.length >= components.length))
        continue
      if (here !== '/' && !mount.target.startsWith(`${here}/`)) continue
      const matches = components.slice(depth).every((name, index) => name === pending[pending.length - 1 - index])
      if (matches) best = root
    }
    return best
  }

  #parent(here: Step, pending: string[]): Step {
    if (here.path === '/') return here
    const above = here.path.slice(0, here.path.lastIndexOf('/')) || '/'
    const before = this.#steps.at(-2)
    if (before !== undefined && before.path === above && this.#steps.at(-1) === here) {
      this.#steps.pop()
      if (here.owned) this.#host.close(here.fd)
      return before
    }
    // Above a mount that was entered from afar: walk there from the root.
    pending.push(...componentsOf(above).reverse())
    return this.#restart()
  }

  #found(here: Step, name: string, path: string): number {
    this.dirfd = here.fd
    this.name = name
    this.path = path
    this.mount = here.root.mount
    this.isMountPoint = name === '.' && path === here.root.mount.target
    return 0
  }
}

/** The last component, where it is one of those that name what is there already. */
function dotsOf(path: string): Walk['dots'] {
  const end = path.length - (/\/+$/.exec(path)?.[0].length ?? 0)
  if (end === 0) return '/'
  const name = path.slice(path.lastIndexOf('/', end - 1) + 1, end)
  return name === '.' || name === '..' ? name : ''
}
