// What a storage manager exports: a root directory of the host and mounts over it. Guest paths here are absolute and canonical: '/', '/a/b'.
// `parseMount('SRC:DST[:ro]')` reads the command line's form.

export interface Mount {
  /** Host directory. */
  readonly source: string
  /** Guest path that it appears at; '/' for the root. */
  readonly target: string
  readonly readOnly: boolean
}

/** Null when the text is not SRC:DST or SRC:DST:ro with an absolute DST. */
export function parseMount(text: string): Mount | null {
  const parts = text.split(':')
  const readOnly = parts.length === 3 && parts[2] === 'ro'
  if (!(parts.length === 2 || readOnly)) return null
  const [source, target] = parts
  if (!source || !target?.startsWith('/')) return null
  return { source, target: normalise(target), readOnly }
}

/** Components of a path, without the empty ones and '.'. */
export function componentsOf(path: string): string[] {
  return path.split('/').filter((part) => part !== '' && part !== '.')
}

/** Canonical form by text alone: '..' takes a component away. For paths without symbolic links. */
export function normalise(path: string): string {
  const parts: string[] = []
  for (const part of componentsOf(path)) {
    if (part === '..') parts.pop()
    else parts.push(part)
  }
  return `/${parts.join('/')}`
}

/** `name` inside the canonical directory `directory`. */
export function join(directory: string, name: string): string {
  return directory === '/' ? `/${name}` : `${directory}/${name}`
}

/** The deepest of the mounts that a canonical path is on. */
export function mountOf(mounts: readonly Mount[], path: string): Mount {
  let best = mounts[0]!
  for (const mount of mounts) {
    const { target } = mount
    const holds = target === '/' || path === target || path.startsWith(`${target}/`)
    if (holds && target.length >= best.target.length) best = mount
  }
  return best
}
