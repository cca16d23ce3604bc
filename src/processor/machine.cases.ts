// A processor without an engine for tests: real ExCache, memory manager and storage manager over a small shared memory.
import { linuxHost } from '../host/linux.js'
import { MemoryManager } from '../memory/memory-manager.js'
import { StorageManager } from '../storage/storage-manager.js'
import type { GuestEngine } from './guest-engine.js'
import { DEFAULT_OPTIONS, memoryMap } from './layout.js'
import { Processor } from './processor.js'

export interface Shape {
  readonly lines: number
  readonly ways: number
}

/** Pages that the engine was told to forget, as [asid, first, count]. */
export type Forgotten = (readonly [number, number, number])[]

export function makeMachine({ lines, ways }: Shape) {
  const host = linuxHost()
  const storage = new StorageManager({ host })
  const manager = new MemoryManager({ source: storage })
  const cache = { ...DEFAULT_OPTIONS, size: lines * 4096, ways, codeSize: 65536 }
  const { pages } = memoryMap(cache)
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true })
  const forgotten: Forgotten = []
  const engine: GuestEngine = {
    run: () => 0,
    invalidate(asid, first, count) {
      forgotten.push([asid, first, count])
      return false
    },
    dropSpace() {},
    dropAll() {},
  }
  const processor = new Processor({
    memory,
    cache,
    host,
    storage,
    manager,
    makeEngine: () => engine,
    dispatch: () => 0,
    deterministic: true,
    seed: 1,
  })
  return { processor, kernel: processor.kernel, manager, storage, forgotten }
}
