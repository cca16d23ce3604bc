// Address spaces and kernel copies over a real ExCache and memory manager, with caches down to a few lines.
import { E } from '../abi/errno.js'
import { MAP, MREMAP, PROT } from '../abi/mman.js'
import { Prng, testSeed } from '../lib/prng.js'
import type { AddressSpace } from './address-space.js'
import { Segments } from './guest-memory.js'
import { makeMachine, type Shape } from './machine.cases.js'

const SHAPES: readonly Shape[] = [
  { lines: 1024, ways: 8 },
  { lines: 16, ways: 4 },
  { lines: 16, ways: 1 },
]
const ANONYMOUS = MAP.PRIVATE | MAP.ANONYMOUS
const RW = PROT.READ | PROT.WRITE
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

describe.each(SHAPES)('with $lines lines in $ways ways', (shape) => {
  const { kernel, forgotten } = makeMachine(shape)
  const { spaces } = kernel
  const map = (space: AddressSpace, length: number, change: { prot?: number; flags?: number; address?: number } = {}) =>
    spaces.map(space, {
      address: 0,
      length,
      prot: RW,
      flags: ANONYMOUS,
      offset: 0,
      object: 0,
      file: '',
      path: '',
      maxProt: 0,
      ...change,
    })

  test('what is written across many pages is read back, more than the cache holds', () => {
    const seed = testSeed()
    const space = spaces.create()
    const length = 200 * 4096
    const address = map(space, length)
    const data = new Uint8Array(length - 10)
    new Prng(seed).fill(data)
    expect(space.memory.copyOut(address + 5, data)).toBe(0)
    const back = new Uint8Array(data.length)
    expect(space.memory.copyIn(address + 5, back)).toBe(0)
    expect({ seed, equal: Buffer.compare(back, data) }).toEqual({ seed, equal: 0 })
  })

  test('segments cover a buffer in pieces, each good until it is released', () => {
    const space = spaces.create()
    const length = 60 * 4096
    const address = map(space, length) + 123
    const total = length - 200
    const out = new Segments()
    for (let done = 0; done < total; ) {
      const got = space.memory.segments(address + done, total - done, 1, out)
      expect(got).toBeGreaterThan(0)
      for (let index = 0, at = done; index < out.count; index++) {
        for (let i = 0; i < out.pairs[2 * index + 1]!; i++, at++) kernel.bytes[out.pairs[2 * index]! + i] = at % 251
      }
      space.memory.release(out)
      done += got
    }
    const back = new Uint8Array(total)
    space.memory.copyIn(address, back)
    expect(back.every((byte, at) => byte === at % 251)).toBe(true)
  })

  test('unmapped memory and missing permissions are EFAULT, a buffer that ends there is short', () => {
    const space = spaces.create()
    const address = map(space, 8192)
    expect(spaces.protect(space, address, 4096, PROT.READ)).toBe(0)
    expect(space.memory.copyOut(address, bytes('x'))).toBe(-E.FAULT)
    expect(space.memory.copyIn(address, new Uint8Array(10))).toBe(0)
    expect(spaces.unmap(space, address + 4096, 4096)).toBe(0)
    expect(space.memory.copyIn(address + 4090, new Uint8Array(10))).toBe(-E.FAULT)
    const out = new Segments()
    expect(space.memory.segments(address + 4000, 500, 0, out)).toBe(96)
    expect(space.memory.segments(address + 4096, 1, 0, new Segments())).toBe(-E.FAULT)
    expect(space.memory.copyIn(2 ** 63, new Uint8Array(1))).toBe(-E.FAULT)
  })

  test('a mapping over another starts with zeros, and the engine forgets the old code', () => {
    const space = spaces.create()
    const address = map(space, 3 * 4096)
    space.memory.copyOut(address + 4096, bytes('old'))
    forgotten.length = 0
    expect(map(space, 4096, { address: address + 4096, flags: ANONYMOUS | MAP.FIXED })).toBe(address + 4096)
    expect(space.memory.readU32(address + 4096)).toBe(0)
    expect(forgotten).toEqual([[space.asid, (address + 4096) / 4096, 1]])
  })

  test('a forked space sees what was there, and neither sees what the other writes', () => {
    const parent = spaces.create()
    const address = map(parent, 40 * 4096)
    for (let page = 0; page < 40; page++) parent.memory.writeU32(address + page * 4096, page + 1)
    const child = spaces.fork(parent)
    if (typeof child === 'number') throw new Error(`fork: ${child}`)
    for (let page = 0; page < 40; page += 2) parent.memory.writeU32(address + page * 4096, 1000)
    for (let page = 1; page < 40; page += 2) child.memory.writeU32(address + page * 4096, 2000)
    for (let page = 0; page < 40; page++) {
      expect(parent.memory.readU32(address + page * 4096)).toBe(page % 2 === 0 ? 1000 : page + 1)
      expect(child.memory.readU32(address + page * 4096)).toBe(page % 2 === 0 ? page + 1 : 2000)
    }
    spaces.release(parent)
    expect(child.memory.readU32(address)).toBe(1)
  })

  test('shared memory is one for parent and child', () => {
    const parent = spaces.create()
    const address = map(parent, 4096, { flags: MAP.SHARED | MAP.ANONYMOUS })
    const child = spaces.fork(parent)
    if (typeof child === 'number') throw new Error(`fork: ${child}`)
    child.memory.writeU32(address + 8, 77)
    expect(parent.memory.readU32(address + 8)).toBe(77)
  })

  test('mremap moves contents, and a grown place reads zeros behind them', () => {
    const space = spaces.create()
    const address = map(space, 4 * 4096)
    map(space, 4096, { address: address + 4 * 4096, flags: ANONYMOUS | MAP.FIXED })
    space.memory.copyOut(address + 4000, bytes('across the edge of a page'.repeat(10)))
    const moved = spaces.remap(space, address, 4 * 4096, 8 * 4096, MREMAP.MAYMOVE, 0)
    expect(moved).not.toBe(address)
    const back = new Uint8Array(250)
    expect(space.memory.copyIn(moved + 4000, back)).toBe(0)
    expect(new TextDecoder().decode(back)).toBe('across the edge of a page'.repeat(10))
    expect(space.memory.readU64(moved + 6 * 4096)).toBe(0)
    expect(space.memory.copyIn(address, back)).toBe(-E.FAULT)
  })

  test('the stack grows down to its limit and no further', () => {
    const space = spaces.create()
    space.stackLimit = 64 * 4096
    const top = 0x7ffffffff000
    map(space, 4096, { address: top - 4096, flags: ANONYMOUS | MAP.FIXED | MAP.GROWSDOWN })
    expect(space.memory.writeU32(top - 40 * 4096, 1)).toBe(0)
    expect(space.memory.writeU32(top - 64 * 4096, 1)).toBe(0)
    expect(space.memory.writeU32(top - 65 * 4096, 1)).toBe(-E.FAULT)
  })

  test('a shrunk heap that grows again reads zeros', () => {
    const space = spaces.create()
    spaces.startBrk(space, 0x500000)
    expect(spaces.brk(space, 0x504000)).toBe(0x504000)
    space.memory.writeU32(0x503000, 9)
    expect(spaces.brk(space, 0x502000)).toBe(0x502000)
    expect(space.memory.copyIn(0x503000, new Uint8Array(1))).toBe(-E.FAULT)
    expect(spaces.brk(space, 0x504000)).toBe(0x504000)
    expect(space.memory.readU32(0x503000)).toBe(0)
  })

  test('a C string ends at its NUL, also across pages, and never beyond the mapping', () => {
    const space = spaces.create()
    const address = map(space, 8192)
    space.memory.copyOut(address + 4090, bytes('hello world\0'))
    expect(space.memory.readString(address + 4090)).toBe('hello world')
    expect(space.memory.readString(address + 4090, 5)).toBe(-E.NAMETOOLONG)
    space.memory.copyOut(address + 8190, bytes('xx'))
    expect(space.memory.readString(address + 8190)).toBe(-E.FAULT)
  })
})
