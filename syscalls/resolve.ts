// The restrictions of openat2(2) on how a path is resolved: component by component, links read and followed here. No rows here.
//   const place = resolvePlace(task, cwd, path, RESOLVE.BENEATH, follow); if (typeof place === 'number') return place
// What another program renames meanwhile is not noticed.
import { E, err } from '../src/abi/errno.js'
import { PATH_MAX, RESOLVE } from '../src/abi/fcntl.js'
import { newFileStatus, S } from '../src/abi/stat.js'
import { textOfPath } from '../src/lib/path-text.js'
import type { Task } from '../src/processor/task.js'
import type { Place } from './places.js'

const LINKS_MAX = 40
const status = newFileStatus()
const target = new Uint8Array(PATH_MAX)
/** Links of /proc that lead to the thing itself (proc(5)). */
const MAGIC = /^\/proc\/(?:self|thread-self|\d+)(?:\/task\/\d+)?\/(?:exe|cwd|root|fd\/\d+|ns\/\w+)$/

const componentsOf = (path: string): string[] => path.split('/').filter((name) => name !== '' && name !== '.')
const join = (directory: string, name: string): string => (directory === '/' ? `/${name}` : `${directory}/${name}`)

/** Where `path` leads, with every link in it resolved but a last one that is not followed; or an errno. */
export function resolvePlace(
  task: Task,
  start: string,
  path: string,
  resolve: number,
  follow: boolean,
): Place | number {
  const { storage } = task.kernel
  const scoped = (resolve & (RESOLVE.BENEATH | RESOLVE.IN_ROOT)) !== 0
  const root = scoped ? start : '/'
  if (path.startsWith('/') && (resolve & RESOLVE.BENEATH) !== 0) return err(E.XDEV)
  let here = path.startsWith('/') ? root : start
  if (storage.stat('/', here, true, status) < 0) return err(E.NOENT)
  const device = status.dev
  const pending = componentsOf(path).reverse()
  const mustBeDirectory = path.endsWith('/') || path.endsWith('/.')
  let links = 0
  while (pending.length > 0) {
    const name = pending.pop()!
    const last = pending.length === 0
    if (name === '..') {
      if (here === root && (resolve & RESOLVE.BENEATH) !== 0) return err(E.XDEV)
      if (here !== root) here = here.slice(0, here.lastIndexOf('/')) || '/'
    } else {
      const next = join(here, name)
      const found = storage.stat('/', next, false, status)
      // A last component may be made by the open.
      if (found < 0) {
        if (found === -E.NOENT && last) return { cwd: '/', path: mustBeDirectory ? `${next}/` : next }
        return found
      }
      if ((status.mode & S.IFMT) === S.IFLNK && (!last || follow || mustBeDirectory)) {
        const magic = MAGIC.test(next)
        if ((resolve & RESOLVE.NO_SYMLINKS) !== 0 || ++links > LINKS_MAX) return err(E.LOOP)
        // Scoped look-ups refuse them too (nd_jump_link, fs/namei.c).
        if (magic && (resolve & RESOLVE.NO_MAGICLINKS) !== 0) return err(E.LOOP)
        if (magic && scoped) return err(E.XDEV)
        const length = storage.readlink('/', next, target)
        if (length < 0) return length
        const text = textOfPath(target.subarray(0, length))
        if (text.startsWith('/')) {
          if ((resolve & RESOLVE.BENEATH) !== 0) return err(E.XDEV)
          // The kernel has not looked at the root's mount yet when a relative path comes to one (nd_jump_root, fs/namei.c).
          if ((resolve & RESOLVE.NO_XDEV) !== 0 && !path.startsWith('/')) return err(E.XDEV)
          here = root
        }
        pending.push(...componentsOf(text).reverse())
        continue
      }
      if (!last && (status.mode & S.IFMT) !== S.IFDIR && (status.mode & S.IFMT) !== S.IFLNK) return err(E.NOTDIR)
      here = next
    }
    if ((resolve & RESOLVE.NO_XDEV) !== 0 && storage.stat('/', here, false, status) >= 0 && status.dev !== device)
      return err(E.XDEV)
  }
  return { cwd: '/', path: mustBeDirectory ? `${here}/` : here }
}
