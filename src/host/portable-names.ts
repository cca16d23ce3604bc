// Names as Linux looks them up, on machines that look them up otherwise: macOS and Windows find `readme` when README is there, and Windows reads
// `\` and `:` in a name as something else. `names.problem(path, from, making)` is 0 or the errno that Linux's own rules would lead to.
// The exact name is what the directory lists. Links inside a path are the machine's, and what they lead to is not looked at.
import type fs from 'node:fs'
import { E } from '../abi/errno.js'
import { textOfPath } from '../lib/path-text.js'

export type Disk = Pick<typeof fs, 'lstatSync' | 'readdirSync' | 'statSync'>

const LISTINGS_KEPT = 256
/** Windows: characters that no name has, and names that are devices or lose their end (Naming Files, Paths, and Namespaces). */
const NOT_ON_WINDOWS = /[\\:*?"<>|\p{Cc}]|[. ]$|^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/iu

export interface NameRules {
  /** Listings decide, as the machine may find other spellings. */
  readonly exact: boolean
  readonly windows: boolean
}

export const rulesOf = (platform: NodeJS.Platform): NameRules => ({
  exact: platform === 'darwin' || platform === 'win32',
  windows: platform === 'win32',
})

export class Names {
  readonly #disk: Disk
  readonly #rules: NameRules
  readonly #listings = new Map<string, { readonly changed: bigint; readonly names: ReadonlySet<string> }>()

  constructor(disk: Disk, rules: NameRules) {
    this.#disk = disk
    this.#rules = rules
  }

  /** Components of `path` from index `from` on; `making`: the last one is to be made. A name that is there in another spelling is in the way: EEXIST. */
  problem(path: string, from: number, making: boolean): number {
    const { exact, windows } = this.#rules
    if (!exact && !windows) return 0
    let start = from
    while (start < path.length) {
      const slash = path.indexOf('/', start)
      const end = slash < 0 ? path.length : slash
      const name = path.slice(start, end)
      const isLast = !/[^/]/.test(path.slice(end))
      if (name !== '' && name !== '.' && name !== '..') {
        if (windows && NOT_ON_WINDOWS.test(name)) return making && isLast ? -E.INVAL : -E.NOENT
        const directory = path.slice(0, start) || '.'
        if (exact && this.#isSpeltOtherwise(directory, name)) return making && isLast ? -E.EXIST : -E.NOENT
      }
      start = end + 1
    }
    return 0
  }

  /** The machine finds the name, but the directory does not list it. */
  #isSpeltOtherwise(directory: string, name: string): boolean {
    if (this.#list(directory)?.has(name) !== false) return false
    if (this.#disk.lstatSync(`${directory}/${name}`, { throwIfNoEntry: false }) === undefined) return false
    // Or the listing is older than the name.
    this.#listings.delete(directory)
    return this.#list(directory)?.has(name) === false
  }

  /** Undefined for what cannot be listed: then the machine's look-up counts. */
  #list(directory: string): ReadonlySet<string> | undefined {
    try {
      const { mtimeNs: changed } = this.#disk.statSync(directory, { bigint: true })
      const known = this.#listings.get(directory)
      if (known?.changed === changed) return known.names
      const names = new Set(this.#disk.readdirSync(directory, { encoding: 'buffer' }).map(textOfPath))
      if (this.#listings.size >= LISTINGS_KEPT) this.#listings.clear()
      this.#listings.set(directory, { changed, names })
      return names
    } catch {
      return undefined
    }
  }

  /** Names were made or removed: within one tick of the machine's clock a listing's time does not show it. */
  forget(): void {
    this.#listings.clear()
  }
}
