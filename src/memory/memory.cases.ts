// What every memory manager must do, however it is reached: called by memory.test.ts for each transport.
// `make` gives a manager whose files are those of a storage manager over `directory`.
import { E } from '../abi/errno.js'
import { MAP, MREMAP, PROT } from '../abi/mman.js'
import { applyChange, type FileHandle, type LayoutChange, PAGE, type Vma } from '../wire/layout.js'
import type { MemoryMethods } from '../wire/memory-protocol.js'

export interface MemoryUnderTest {
  readonly memory: MemoryMethods
  /** Writes a file and gives its handle, referenced. */
  readonly file: (name: string, content: Uint8Array) => FileHandle
  readonly contentOf: (name: string) => Uint8Array
}

const TOP = 0x7f00_0000_0000
const RW = PROT.READ | PROT.WRITE
const ANONYMOUS = MAP.PRIVATE | MAP.ANONYMOUS
const nothing = { offset: 0, object: 0, file: '', path: '', maxProt: 0 }

export function memoryCases(make: () => MemoryUnderTest): void {
  let memory: MemoryMethods
  let test_: MemoryUnderTest
  let asid = 0

  beforeAll(() => {
    test_ = make()
    memory = test_.memory
  })
  beforeEach(() => {
    asid += 10
    expect(memory.createSpace({ asid, mmapTop: TOP })).toBe(0)
  })
  afterEach(() => {
    for (let used = asid; used < asid + 10; used++) memory.destroySpace({ asid: used })
    expect(memory.statistics()).toMatchObject({ spaces: 0, objects: 0, framesUsed: 0 })
  })

  const mapAnonymous = (address: number, pages: number, flags = ANONYMOUS, prot = RW): LayoutChange =>
    memory.map({ asid, address, length: pages * PAGE, prot, flags, ...nothing })
  const mapFile = (file: FileHandle, pages: number, flags: number, offset = 0): number =>
    memory.map({
      asid,
      address: 0,
      length: pages * PAGE,
      prot: RW,
      flags,
      ...nothing,
      file: file.key,
      path: file.path,
      offset,
    }).result
  const pageOf = (value: number, pages = 1): Uint8Array => new Uint8Array(pages * PAGE).fill(value)
  const store = (space: number, address: number, value: number, pages = 1): number =>
    memory.writeBack({ asid: space, page: address / PAGE, bytes: pageOf(value, pages) })
  const firstByte = (space: number, address: number): number => {
    const into = pageOf(0xee)
    const result = memory.fetch({ asid: space, page: address / PAGE, count: 1, into })
    return result < 0 ? result : into[0]!
  }
  const shape = (vmas: readonly Vma[]) => vmas.map(({ start, end, prot }) => [start, end, prot])

  test('mappings without an address go downwards from the top, and merge', () => {
    expect(mapAnonymous(0, 4).result).toBe(TOP - 4 * PAGE)
    const second = mapAnonymous(0, 2)
    expect(second.result).toBe(TOP - 6 * PAGE)
    expect(shape(second.vmas)).toEqual([[TOP - 6 * PAGE, TOP, RW]])
  })

  test('a free hint is taken, a used one is not', () => {
    expect(mapAnonymous(0x10000000, 1).result).toBe(0x10000000)
    expect(mapAnonymous(0x10000000, 1).result).toBe(TOP - PAGE)
  })

  test.each([
    ['a length of zero', { length: 0 }, E.INVAL],
    ['an unaligned offset', { offset: 100 }, E.INVAL],
    ['neither shared nor private', { flags: MAP.ANONYMOUS }, E.INVAL],
    ['an unaligned fixed address', { address: 0x10001, flags: ANONYMOUS | MAP.FIXED }, E.INVAL],
    ['a fixed address past the end', { address: 0x7fff_ffff_f000, flags: ANONYMOUS | MAP.FIXED }, E.NOMEM],
    ['more than there is', { length: 2 ** 48 }, E.NOMEM],
    ['page zero', { address: 0, flags: ANONYMOUS | MAP.FIXED }, E.PERM],
    ['writing to a file opened for reading', { maxProt: PROT.READ }, E.ACCES],
  ])('mmap refuses %s', (_name, change, errno) => {
    const request = { asid, address: 0, length: PAGE, prot: RW, flags: ANONYMOUS, ...nothing, ...change }
    expect(memory.map(request).result).toBe(-errno)
  })

  test('MAP_FIXED replaces, MAP_FIXED_NOREPLACE refuses', () => {
    mapAnonymous(0x20000, 4)
    store(asid, 0x21000, 9)
    expect(mapAnonymous(0x21000, 1, ANONYMOUS | MAP.FIXED_NOREPLACE).result).toBe(-E.EXIST)
    expect(firstByte(asid, 0x21000)).toBe(9)
    expect(mapAnonymous(0x21000, 1, ANONYMOUS | MAP.FIXED).result).toBe(0x21000)
    expect(firstByte(asid, 0x21000)).toBe(0)
  })

  test('unmapping the middle splits, and a mirror follows every change', () => {
    const mirror: Vma[] = []
    const changes = [
      mapAnonymous(0x20000, 16),
      memory.unmap({ asid, address: 0x24000, length: 2 * PAGE }),
      memory.protect({ asid, address: 0x28000, length: PAGE, prot: PROT.READ }),
      memory.protect({ asid, address: 0x28000, length: PAGE, prot: RW }),
      mapAnonymous(0x24000, 2, ANONYMOUS | MAP.FIXED),
      memory.unmap({ asid, address: 0x2f000, length: PAGE }),
    ]
    for (const change of changes) applyChange(mirror, change)
    expect(shape(mirror)).toEqual([[0x20000, 0x2f000, RW]])
    expect(mirror).toEqual(memory.layout({ asid }).vmas)
  })

  test('mprotect changes what comes before a hole and then answers ENOMEM', () => {
    mapAnonymous(0x20000, 2)
    const change = memory.protect({ asid, address: 0x20000, length: 4 * PAGE, prot: PROT.READ })
    expect(change.result).toBe(-E.NOMEM)
    expect(shape(change.vmas)).toEqual([[0x20000, 0x22000, PROT.READ]])
  })

  test('brk grows, shrinks, stays below its start and stops at a mapping', () => {
    expect(memory.startBrk({ asid, address: 0x50000123 })).toBe(0)
    expect(memory.brk({ asid, address: 0 }).result).toBe(0x50000123)
    expect(memory.brk({ asid, address: 0x50003456 }).result).toBe(0x50003456)
    store(asid, 0x50002000, 5)
    expect(memory.brk({ asid, address: 0x50001500 }).result).toBe(0x50001500)
    expect(firstByte(asid, 0x50002000)).toBe(-E.FAULT)
    mapAnonymous(0x50010000, 1)
    expect(memory.brk({ asid, address: 0x50010001 }).result).toBe(0x50001500)
    expect(memory.brk({ asid, address: 0x50003000 }).result).toBe(0x50003000)
    expect(firstByte(asid, 0x50002000)).toBe(0)
  })

  test('mremap grows in place, moves with its pages, shrinks', () => {
    const remap = (oldAddress: number, oldPages: number, newPages: number, flags: number, newAddress = 0): number =>
      memory.remap({ asid, oldAddress, oldLength: oldPages * PAGE, newLength: newPages * PAGE, flags, newAddress })
        .result
    mapAnonymous(0x20000, 2)
    store(asid, 0x21000, 3)
    expect(remap(0x20000, 2, 4, 0)).toBe(0x20000)
    mapAnonymous(0x24000, 1, ANONYMOUS | MAP.FIXED, PROT.READ)
    expect(remap(0x20000, 4, 8, 0)).toBe(-E.NOMEM)
    const moved = remap(0x20000, 4, 8, MREMAP.MAYMOVE)
    expect(moved).toBe(TOP - 8 * PAGE)
    expect(firstByte(asid, moved + PAGE)).toBe(3)
    expect(firstByte(asid, 0x21000)).toBe(-E.FAULT)
    expect(remap(moved, 8, 2, MREMAP.MAYMOVE | MREMAP.FIXED, 0x80000)).toBe(0x80000)
    expect(firstByte(asid, 0x81000)).toBe(3)
    expect(memory.layout({ asid }).vmas).toHaveLength(2)
    expect(remap(0x80000, 2, 2, MREMAP.FIXED, 0x90000)).toBe(-E.INVAL)
    expect(remap(0x90000, 2, 4, MREMAP.MAYMOVE)).toBe(-E.FAULT)
    expect(remap(0x80000, 3, 4, MREMAP.MAYMOVE)).toBe(-E.FAULT)
    expect(remap(0x80000, 2, 2, MREMAP.MAYMOVE | MREMAP.FIXED, 0x81000)).toBe(-E.INVAL)
  })

  test('pages written back are fetched again, absent ones are zeros with a clear bit', () => {
    mapAnonymous(0x20000, 8)
    store(asid, 0x21000, 7, 2)
    const into = pageOf(0xee, 10)
    expect(memory.fetch({ asid, page: 0x20, count: 10, into })).toBe(0b110)
    expect([0, 1, 2, 3, 9].map((page) => into[page * PAGE])).toEqual([0, 7, 7, 0, 0])
    expect(memory.present({ asid, page: 0x20, count: 8 })).toBe(0b110)
    expect(memory.discard({ asid, address: 0x21000, length: PAGE })).toBe(0)
    expect(memory.present({ asid, page: 0x20, count: 8 })).toBe(0b100)
    expect(firstByte(asid, 0x30000)).toBe(-E.FAULT)
    expect(store(asid, 0x30000, 1)).toBe(-E.FAULT)
  })

  test('after a fork each side writes its own pages', () => {
    mapAnonymous(0x20000, 4)
    store(asid, 0x20000, 1, 4)
    expect(memory.fork({ parent: asid, child: asid + 1 })).toBe(0)
    expect(memory.statistics().framesUsed).toBe(4)
    store(asid + 1, 0x20000, 2)
    store(asid, 0x21000, 3)
    expect([0x20000, 0x21000, 0x22000].map((at) => firstByte(asid, at))).toEqual([1, 3, 1])
    expect([0x20000, 0x21000, 0x22000].map((at) => firstByte(asid + 1, at))).toEqual([2, 1, 1])
    expect(memory.statistics().framesUsed).toBe(6)
    memory.fork({ parent: asid + 1, child: asid + 2 })
    memory.unmap({ asid, address: 0x20000, length: 4 * PAGE })
    memory.destroySpace({ asid: asid + 1 })
    expect([0x20000, 0x21000, 0x22000].map((at) => firstByte(asid + 2, at))).toEqual([2, 1, 1])
    expect(memory.statistics().framesUsed).toBe(4)
  })

  test('shared anonymous memory is one object for parent and child', () => {
    const change = mapAnonymous(0x20000, 2, MAP.SHARED | MAP.ANONYMOUS)
    const { object } = change.vmas[0]!
    expect(object).toBeGreaterThan(0)
    memory.fork({ parent: asid, child: asid + 1 })
    expect(memory.writeBackObject({ object, page: 1, bytes: pageOf(8) })).toBe(0)
    expect(firstByte(asid + 1, 0x21000)).toBe(8)
    const into = pageOf(0xee, 2)
    expect(memory.fetchObject({ object, page: 0, count: 2, into })).toBe(0b10)
    expect([into[0], into[PAGE]]).toEqual([0, 8])
    expect(memory.fetchObject({ object, page: 2, count: 1, into: pageOf(0) })).toBe(-E.IO)
    memory.destroySpace({ asid })
    expect(firstByte(asid + 1, 0x21000)).toBe(8)
  })

  test('an object outlives its mappings as long as it is held, and can be resized', () => {
    const object = memory.createObject({ size: 3 * PAGE })
    const request = { asid, address: 0x20000, length: 4 * PAGE, prot: RW, flags: MAP.SHARED, ...nothing, object }
    expect(memory.map({ ...request, offset: PAGE }).result).toBe(0x20000)
    store(asid, 0x20000, 6)
    expect(firstByte(asid, 0x22000)).toBe(-E.IO)
    memory.resizeObject({ object, size: PAGE + 100 })
    expect(firstByte(asid, 0x20000)).toBe(6)
    memory.resizeObject({ object, size: 4 * PAGE })
    const into = pageOf(0xee)
    memory.fetchObject({ object, page: 1, count: 1, into })
    expect([into[99], into[100]]).toEqual([6, 0])
    memory.unmap({ asid, address: 0x20000, length: 4 * PAGE })
    expect(memory.objectSize({ object })).toBe(4 * PAGE)
    expect(memory.releaseObject({ object })).toBe(0)
    expect(memory.objectSize({ object })).toBe(-E.BADF)
  })

  test('a file that cannot be reached is not mapped', () => {
    const { key, path } = test_.file('unreachable', pageOf(1))
    expect(mapFile({ key: `${key}0`, path: `${path}-under-another-name` }, 1, MAP.PRIVATE)).toBeLessThan(0)
  })

  test('a private mapping of an object starts from it, keeps its changes, and keeps the object', () => {
    const object = memory.createObject({ size: PAGE + 10 })
    expect(memory.writeBackObject({ object, page: 0, bytes: pageOf(3) })).toBe(0)
    const request = { asid, address: 0x20000, length: 3 * PAGE, prot: RW, flags: MAP.PRIVATE, ...nothing, object }
    expect(memory.map(request).result).toBe(0x20000)
    expect(memory.releaseObject({ object })).toBe(0)
    expect(firstByte(asid, 0x20000)).toBe(3)
    expect(firstByte(asid, 0x21000)).toBe(0)
    expect(firstByte(asid, 0x22000)).toBe(-E.IO)
    store(asid, 0x20000, 4)
    expect(firstByte(asid, 0x20000)).toBe(4)
    const into = pageOf(0xee)
    memory.fetchObject({ object, page: 0, count: 1, into })
    expect(into[0]).toBe(3)
    memory.unmap({ asid, address: 0x20000, length: 3 * PAGE })
    expect(memory.objectSize({ object })).toBe(-E.BADF)
  })

  test('private file pages come from the file, end in zeros, and changes stay private', () => {
    const file = test_.file('private', pageOf(0x41, 3).subarray(0, 2 * PAGE + 10))
    const address = mapFile(file, 4, MAP.PRIVATE)
    const into = pageOf(0xee, 4)
    expect(memory.fetch({ asid, page: address / PAGE, count: 4, into })).toBe(0b111)
    expect([into[2 * PAGE + 9], into[2 * PAGE + 10], into[3 * PAGE]]).toEqual([0x41, 0, 0])
    expect(firstByte(asid, address + 3 * PAGE)).toBe(-E.IO)
    store(asid, address + PAGE, 0x42)
    expect(memory.fetch({ asid, page: address / PAGE, count: 3, into: into.subarray(0, 3 * PAGE) })).toBe(0b111)
    expect([into[0], into[PAGE], into[2 * PAGE]]).toEqual([0x41, 0x42, 0x41])
    expect(test_.contentOf('private')[PAGE]).toBe(0x41)
    const other = mapFile(file, 1, MAP.PRIVATE, PAGE)
    expect(firstByte(asid, other)).toBe(0x41)
  })

  test('shared file pages go to the file, up to its end', () => {
    const file = test_.file('shared', pageOf(0x41, 2).subarray(0, PAGE + 10))
    const address = mapFile(file, 3, MAP.SHARED)
    expect(store(asid, address + PAGE, 0x43)).toBe(0)
    expect(store(asid, address + 2 * PAGE, 0x43)).toBe(-E.IO)
    const content = test_.contentOf('shared')
    expect(content).toHaveLength(PAGE + 10)
    expect([content[PAGE - 1], content[PAGE], content[PAGE + 9]]).toEqual([0x41, 0x43, 0x43])
    const [first, second] = [mapFile(file, 1, MAP.SHARED), mapFile(file, 1, MAP.SHARED)]
    const objects = memory.layout({ asid }).vmas.map((vma) => vma.object)
    expect(new Set(objects).size).toBe(1)
    expect(first).not.toBe(second)
  })

  test('a stack grows down to its limit and not into what is below', () => {
    mapAnonymous(0x1000_0000, 16, ANONYMOUS | MAP.GROWSDOWN | MAP.FIXED)
    const limit = 64 * PAGE
    expect(memory.grow({ asid, address: 0x0ffd_0123, limit }).result).toBe(0)
    expect(memory.layout({ asid }).vmas[0]!.start).toBe(0x0ffd_0000)
    expect(memory.grow({ asid, address: 0x0ffc_0000, limit }).result).toBe(-E.FAULT)
    mapAnonymous(0x0ff0_0000, 1, ANONYMOUS | MAP.FIXED)
    expect(memory.grow({ asid, address: 0x0ffc_f000, limit: 1e9 }).result).toBe(-E.FAULT)
  })

  test('unknown spaces are ESRCH, known ones are not made twice', () => {
    expect(memory.createSpace({ asid, mmapTop: TOP })).toBe(-E.EXIST)
    expect(memory.destroySpace({ asid: 999999 })).toBe(-E.SRCH)
    expect(memory.unmap({ asid: 999999, address: 0, length: PAGE }).result).toBe(-E.SRCH)
    expect(memory.fork({ parent: 999999, child: 999998 })).toBe(-E.SRCH)
  })
}
