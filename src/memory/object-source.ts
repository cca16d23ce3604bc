// Objects seen as files, for private mappings of them (a memfd mapped MAP_PRIVATE): what was never written privately comes from the object's pages, as it
// otherwise comes from a file. `withObjects(source, objects)` answers for both.
import type { FileHandle } from '../wire/layout.js'
import { OBJECT_PREFIX, PAGE } from '../wire/layout.js'
import type { Frames } from './frames.js'
import type { MemoryObject } from './objects.js'
import type { PageSource } from './page-source.js'

/** What the source needs of the objects, which are made after it. */
export interface ObjectHolder {
  get(id: number): MemoryObject | undefined
  release(object: MemoryObject): void
}

export function withObjects(source: PageSource, frames: Frames, holder: () => ObjectHolder): PageSource {
  const objectOf = ({ key }: FileHandle): MemoryObject | undefined =>
    key.startsWith(OBJECT_PREFIX) ? holder().get(Number(key.slice(OBJECT_PREFIX.length))) : undefined
  return {
    read(file, offset, into) {
      const object = objectOf(file)
      if (object === undefined) return source.read(file, offset, into)
      const length = Math.max(0, Math.min(into.length, object.size - offset))
      for (let at = 0; at < length; ) {
        const inPage = (offset + at) % PAGE
        const part = Math.min(length - at, PAGE - inPage)
        const frame = object.table.get((offset + at - inPage) / PAGE)
        if (frame === 0) into.fill(0, at, at + part)
        else into.set(frames.bytes(frame).subarray(inPage, inPage + part), at)
        at += part
      }
      return length
    },
    // Private pages never go back to what they came from.
    write: (file, offset, from) => source.write(file, offset, from),
    size: (file) => objectOf(file)?.size ?? source.size(file),
    retain(file) {
      const object = objectOf(file)
      if (object === undefined) source.retain(file)
      else object.references++
    },
    release(file) {
      const object = objectOf(file)
      if (object === undefined) source.release(file)
      else holder().release(object)
    },
  }
}
