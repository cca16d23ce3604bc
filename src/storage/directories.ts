// Listings of directories by position. The host's own positions are 63-bit hashes (ext4), which a number cannot hold, so a listing is read
// whole when it starts at 0 and the records get positions of ours: number of the listing × 2^28 + the offset in it.
// A few listings are kept a directory; an older one is read again and goes on at the same offset, as after any change in between.

import { DIRENT } from '../abi/dirent.js'
import { E, err } from '../abi/errno.js'
import type { Host } from '../host/host.js'

const LISTING_MAX = 2 ** 28
const LISTINGS_KEPT = 4
const CHUNK = 32768
const TWO_TO_32 = 0x1_0000_0000

interface Listing {
  readonly id: number
  /** struct linux_dirent64 records. */
  readonly records: Uint8Array
}

export class Directories {
  #host: Host
  #byKey = new Map<string, { last: number; listings: Listing[] }>()
  #chunk = new Uint8Array(CHUNK)

  constructor(host: Host) {
    this.#host = host
  }

  /** Copies whole records from `position` on; 0 at the end, -EINVAL when not even one fits. */
  read(key: string, fd: number, position: number, into: Uint8Array): number {
    const listing = this.#listing(key, fd, Math.floor(position / LISTING_MAX))
    if (typeof listing === 'number') return listing
    const { records } = listing
    const view = new DataView(records.buffer, records.byteOffset, records.length)
    const wanted = position % LISTING_MAX
    let from = 0
    while (from < wanted && from < records.length) from += view.getUint16(from + DIRENT.RECLEN, true)
    let to = from
    while (to < records.length) {
      const next = to + view.getUint16(to + DIRENT.RECLEN, true)
      if (next - from > into.length) break
      to = next
    }
    if (to === from && from < records.length) return err(E.INVAL)
    into.set(records.subarray(from, to))
    return to - from
  }

  forget(key: string): void {
    this.#byKey.delete(key)
  }

  /** The listing with that number, or a new one. */
  #listing(key: string, fd: number, id: number): Listing | number {
    let known = this.#byKey.get(key)
    const found = known?.listings.find((listing) => listing.id === id)
    if (known !== undefined && found !== undefined) {
      // The one used last goes to the end: the front is dropped first.
      known.listings.push(...known.listings.splice(known.listings.indexOf(found), 1))
      return found
    }
    const records = this.#readAll(fd)
    if (typeof records === 'number') return records
    if (known === undefined) {
      known = { last: 0, listings: [] }
      this.#byKey.set(key, known)
    }
    const listing = { id: id === 0 ? known.last + 1 : id, records }
    known.last = Math.max(known.last, listing.id)
    numberRecords(listing)
    known.listings.push(listing)
    if (known.listings.length > LISTINGS_KEPT) known.listings.shift()
    return listing
  }

  #readAll(fd: number): Uint8Array | number {
    const start = this.#host.lseek(fd, 0, 0)
    if (start < 0) return start
    const chunks: Uint8Array[] = []
    let total = 0
    for (;;) {
      const length = this.#host.getdents64(fd, this.#chunk)
      if (length < 0) return length
      if (length === 0) break
      chunks.push(this.#chunk.slice(0, length))
      total += length
      if (total >= LISTING_MAX) return err(E.OVERFLOW)
    }
    const records = new Uint8Array(total)
    let at = 0
    for (const chunk of chunks) {
      records.set(chunk, at)
      at += chunk.length
    }
    return records
  }
}

/** Gives each record the position of the one after it. */
function numberRecords({ id, records }: Listing): void {
  const view = new DataView(records.buffer)
  for (let at = 0; at < records.length; ) {
    const record = at
    at += view.getUint16(record + DIRENT.RECLEN, true)
    const position = id * LISTING_MAX + at
    view.setUint32(record + DIRENT.OFF, position % TWO_TO_32, true)
    view.setUint32(record + DIRENT.OFF + 4, Math.floor(position / TWO_TO_32), true)
  }
}
