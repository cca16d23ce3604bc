import { Prng, testSeed } from '../lib/prng.js'
import { PAGE_SIZE } from '../lib/translation-array.js'
import { EXEC, FAULT, READ, RETRY, WRITE } from './excache.js'
import { geometry, type Policy } from './layout.js'
import { Machine, type Shape } from './model.cases.js'

const seed = testSeed()
const steps = Number(process.env.EXCACHE_STEPS ?? 6000)

const PAGES = [
  ...Array.from({ length: 24 }, (_, i) => 0x400 + i),
  ...Array.from({ length: 6 }, (_, i) => 0x1400 + i * 0x1000),
  ...Array.from({ length: 12 }, (_, i) => 2 ** 35 - 14 + i),
  0x1_0000_0400,
  0x2_0000_0401,
]

const shapes: Shape[] = [
  { size: 16 * PAGE_SIZE, ways: 1, policy: 'fifo', vcpus: 1 },
  { size: 16 * PAGE_SIZE, ways: 1, policy: 'lru', vcpus: 2, limboFrames: 8 },
  { size: PAGE_SIZE, ways: 1, policy: 'fifo', vcpus: 1, limboFrames: 4 },
  { size: 16 * PAGE_SIZE, ways: 16, policy: 'lru', vcpus: 3 },
  { size: 64 * PAGE_SIZE, ways: 4, policy: 'fifo', vcpus: 2 },
  { size: 64 * PAGE_SIZE, ways: 4, policy: 'lru', vcpus: 1 },
  { size: 1024 * PAGE_SIZE, ways: 8, policy: 'lru', vcpus: 2 },
]

describe(`against a map of pages, seed ${seed} (LEGO_SEED)`, () => {
  test.each(shapes)('random programs see their own memory: %j', (shape) => {
    const prng = new Prng(seed)
    const random = (below: number) => prng.below(below)
    const pick = <T>(list: T[]): T => list[random(list.length)]!
    const machine = new Machine(shape)
    const living = (): number[] => [...machine.mappings.keys()]
    let nextAsid = 1
    const randomMapping = () =>
      random(5) === 0
        ? { prot: pick([1, 3, 7]), object: 1 + random(2), page: random(6) }
        : { prot: pick([1, 3, 3, 3, 7]), object: 0, page: 0 }
    const newSpace = (): void => {
      const asid = nextAsid++
      for (const page of PAGES) if (random(4) > 0) machine.map(asid, page, randomMapping())
    }
    newSpace()
    newSpace()

    const instruction = (): void => {
      const asid = pick(living())
      const vcpu = random(shape.vcpus)
      const pages = machine.mappings.get(asid)!
      const accesses = Array.from({ length: 1 + random(4) }, () => ({
        address: pick(PAGES) * PAGE_SIZE + random(PAGE_SIZE),
        access: random(2) === 0 ? READ : WRITE,
      }))
      const allowed = accesses.every(({ address, access }) => {
        const prot = pages.get(Math.floor(address / PAGE_SIZE))?.prot ?? 0
        return access === READ ? prot !== 0 : (prot & 2) !== 0
      })
      const outcome = machine.instruction(vcpu, asid, accesses)
      if ((outcome !== FAULT) !== allowed) throw new Error(`allowed: ${allowed}, outcome: ${outcome}`)
      if (outcome === FAULT) return
      for (const held of machine.held[vcpu]!.slice(-accesses.length))
        machine.touch(held, random(PAGE_SIZE), random(256))
    }
    const actions: { weight: number; run: () => void }[] = [
      { weight: 200, run: instruction },
      { weight: 20, run: () => machine.safepoint(random(shape.vcpus)) },
      {
        weight: 40, // generated code using a tag it has had for a while
        run: () => {
          const held = machine.held[random(shape.vcpus)]!
          if (held.length > 0) machine.touch(pick(held), random(PAGE_SIZE), random(256))
        },
      },
      {
        weight: 6,
        run: () => {
          const vcpu = random(shape.vcpus)
          machine.safepoint(vcpu)
          machine.vcpus[vcpu]!.enterBlocked(vcpu)
          if (random(2) === 0) instruction()
          machine.safepoint(vcpu)
          machine.vcpus[vcpu]!.leaveBlocked(vcpu)
        },
      },
      { weight: 4, run: () => machine.unmap(pick(living()), pick(PAGES), 1 + random(5)) },
      { weight: 6, run: () => machine.map(pick(living()), pick(PAGES), randomMapping()) },
      { weight: 6, run: () => machine.protect(pick(living()), pick(PAGES), 1 + random(5), pick([0, 1, 3, 3, 7])) },
      {
        weight: 5,
        run: () => {
          if (living().length < 8) machine.fork(pick(living()), nextAsid++)
        },
      },
      { weight: 1, run: () => living().length < 8 && newSpace() },
      { weight: 4, run: () => living().length > 2 && machine.exit(pick(living())) },
      {
        weight: 2,
        run: () => {
          machine.stopAll()
          if (random(2) === 0) machine.vcpus[0]!.flush(pick(living()))
          else machine.vcpus[0]!.flushObject(1 + random(2))
        },
      },
      {
        weight: 3,
        run: () => {
          const asid = pick(living())
          const [from, to] = [pick(PAGES), pick(PAGES)]
          if (from !== to && machine.mappings.get(asid)!.has(from)) machine.move(asid, from, to)
        },
      },
      {
        weight: 3,
        run: () => {
          const asid = pick(living())
          const page = pick(PAGES)
          const mapping = machine.mappings.get(asid)!.get(page)
          if (mapping && mapping.prot & 4) machine.markCode(random(shape.vcpus), asid, page)
        },
      },
      { weight: 1, run: () => machine.checkAll() },
    ]
    const total = actions.reduce((sum, { weight }) => sum + weight, 0)
    for (let step = 0; step < steps; step++) {
      let draw = random(total)
      let next = 0
      while (draw >= actions[next]!.weight) draw -= actions[next++]!.weight
      actions[next]!.run()
    }
    machine.checkAll()
    const counters = machine.vcpus[0]!.counters()
    expect(counters.settled).toBeGreaterThan(0)
    // One line is gone before a child can copy it; a big cache need not evict.
    if (shape.size > PAGE_SIZE) expect(counters.copied).toBeGreaterThan(0)
    expect(counters.codeWrites).toBe(machine.codeWrites)
    if (shape.size <= 64 * PAGE_SIZE) expect(counters.evictions).toBeGreaterThan(0)
  })
})

const anonymous = { prot: 3, object: 0, page: 0 }

function machineWith(shape: Partial<Shape>, pages: number[]): Machine {
  const machine = new Machine({ size: 16 * PAGE_SIZE, ways: 1, policy: 'fifo', vcpus: 1, ...shape })
  for (const page of pages) machine.map(1, page, { ...anonymous })
  return machine
}

function poke(machine: Machine, asid: number, page: number, value: number): void {
  machine.instruction(0, asid, [{ address: page * PAGE_SIZE, access: WRITE }])
  machine.touch(machine.held[0]!.at(-1)!, 0, value)
}

function peek(machine: Machine, asid: number, page: number): number {
  machine.instruction(0, asid, [{ address: page * PAGE_SIZE, access: READ }])
  const held = machine.held[0]!.at(-1)!
  machine.touch(held, 0, 0)
  return machine.bytes[held.host]!
}

test.each<Policy>(['fifo', 'lru'])(
  'an instruction that touches four lines of one set proceeds with one way (%s)',
  (policy) => {
    const pages = [16, 32, 48, 64, 80, 96]
    const machine = machineWith({ policy, limboFrames: 4 }, pages)
    for (let round = 0; round < 30; round++) {
      const accesses = [0, 1, 2, 3].map((i) => ({ address: pages[(round + i) % 6]! * PAGE_SIZE, access: WRITE }))
      expect(machine.instruction(0, 1, accesses)).toBeLessThanOrEqual(2)
      for (const held of machine.held[0]!.slice(-4)) machine.touch(held, round, round + 1)
    }
    machine.checkAll()
  },
)

test('touching anonymous memory for the first time sends no message, and coming back after eviction fetches', () => {
  const machine = machineWith({}, [1, 17, 33, 49])
  for (const page of [1, 17, 33, 49]) poke(machine, 1, page, page)
  expect(machine.messages).toBe(0)
  for (let i = 0; i < 40; i++) {
    machine.map(1, 65 + 16 * i, { ...anonymous })
    poke(machine, 1, 65 + 16 * i, 1)
  }
  expect(peek(machine, 1, 17)).toBe(17)
  expect(machine.vcpus[0]!.counters()).toMatchObject({ zeroFills: 44, fetches: 1 })
})

test('only dirty lines are written back', () => {
  const machine = machineWith({}, [1, 2, 3])
  peek(machine, 1, 1)
  peek(machine, 1, 2)
  poke(machine, 1, 3, 9)
  machine.vcpus[0]!.flush(1)
  machine.vcpus[0]!.flush(1)
  expect(machine.vcpus[0]!.counters().writeBacks).toBe(1)
  poke(machine, 1, 3, 10)
  machine.vcpus[0]!.flush(1)
  expect(machine.vcpus[0]!.counters().writeBacks).toBe(2)
})

test('the least recently used line goes under lru, the oldest under fifo', () => {
  for (const policy of ['fifo', 'lru'] as const) {
    const machine = machineWith({ policy, size: 2 * PAGE_SIZE, ways: 2 }, [1, 2, 3])
    const cache = machine.vcpus[0]!
    for (const page of [1, 2, 1, 3]) cache.translate(0, 1, page * PAGE_SIZE, READ)
    const before = cache.counters()
    cache.translate(0, 1, 1 * PAGE_SIZE, READ)
    expect(cache.counters().resurrected - before.resurrected).toBe(policy === 'lru' ? 0 : 1)
  }
})

test('a fork sends and copies nothing until somebody needs it', () => {
  const machine = machineWith({ size: 64 * PAGE_SIZE }, [1, 2, 3, 4])
  for (const page of [1, 2, 3, 4]) poke(machine, 1, page, page)
  machine.fork(1, 2)
  expect(machine.messages).toBe(0)
  expect(peek(machine, 2, 1)).toBe(1)
  poke(machine, 2, 2, 20)
  expect(machine.messages).toBe(0)
  expect(machine.vcpus[0]!.counters().copied).toBe(2)
  poke(machine, 1, 3, 30)
  expect(machine.vcpus[0]!.counters().settled).toBe(1)
  expect([1, 2, 3, 4].map((page) => peek(machine, 2, page))).toEqual([1, 20, 3, 4])
  expect([1, 2, 3, 4].map((page) => peek(machine, 1, page))).toEqual([1, 2, 30, 4])
})

test('a grandchild sees its grandparent, also when both ancestors are gone', () => {
  const machine = machineWith({ size: 64 * PAGE_SIZE }, [1, 2])
  poke(machine, 1, 1, 1)
  poke(machine, 1, 2, 2)
  machine.fork(1, 2)
  machine.fork(2, 3)
  poke(machine, 1, 1, 100)
  machine.exit(2)
  machine.exit(1)
  expect([peek(machine, 3, 1), peek(machine, 3, 2)]).toEqual([1, 2])
})

test('more forks than there are heir slots', () => {
  const machine = machineWith({ size: 64 * PAGE_SIZE }, [1])
  for (let child = 2; child < 80; child++) {
    poke(machine, 1, 1, child)
    machine.fork(1, child)
  }
  for (let child = 2; child < 80; child++) expect(peek(machine, child, 1)).toBe(child)
})

test('two mappings of one object reach one line', () => {
  const machine = machineWith({}, [])
  machine.map(1, 5, { prot: 3, object: 7, page: 2 })
  machine.map(1, 9, { prot: 1, object: 7, page: 2 })
  machine.map(2, 1000, { prot: 3, object: 7, page: 2 })
  poke(machine, 1, 5, 42)
  expect([peek(machine, 1, 9), peek(machine, 2, 1000)]).toEqual([42, 42])
  expect(machine.vcpus[0]!.translate(0, 1, 9 * PAGE_SIZE, WRITE)).toBe(FAULT)
  expect(machine.vcpus[0]!.fault).toMatchObject({ signal: 11, code: 2 })
  const hosts = [5, 9].map((page) => machine.vcpus[0]!.translate(0, 1, page * PAGE_SIZE, READ))
  expect(hosts[0]).toBe(hosts[1])
})

test('a write through any alias of a code page reports it first, on every vCPU', () => {
  const machine = machineWith({ vcpus: 2 }, [])
  machine.map(1, 5, { prot: 3, object: 7, page: 2 })
  machine.map(1, 9, { prot: 5, object: 7, page: 2 })
  for (const vcpu of [0, 1]) machine.instruction(vcpu, 1, [{ address: 5 * PAGE_SIZE, access: WRITE }])
  machine.markCode(0, 1, 9)
  expect(machine.access(1, 1, 5 * PAGE_SIZE, WRITE)).toBe(RETRY)
  expect(machine.codeWrites).toBe(1)
  expect(machine.access(1, 1, 5 * PAGE_SIZE, WRITE)).toBeGreaterThan(0)
})

test('a code page keeps its mark when its line was evicted', () => {
  const machine = machineWith({ size: PAGE_SIZE, limboFrames: 4 }, [2, 3, 4, 5, 6, 7])
  machine.map(1, 1, { prot: 7, object: 0, page: 0 })
  machine.markCode(0, 1, 1)
  for (const page of [2, 3, 4, 5, 6, 7]) poke(machine, 1, page, 1)
  machine.stopAll()
  for (const page of [2, 3, 4, 5, 6, 7]) poke(machine, 1, page, 1)
  expect(machine.instruction(0, 1, [{ address: PAGE_SIZE, access: WRITE }])).toBeGreaterThan(0)
  expect(machine.codeWrites).toBe(1)
})

test('addresses outside the user half fault as on Linux', () => {
  const cache = machineWith({}, [1]).vcpus[0]!
  for (const [address, code] of [
    [-1, 1],
    [2 ** 47, 128],
    [2 ** 64 - 4096, 1],
    [0, 1],
  ] as const) {
    expect(cache.translate(0, 1, address, READ)).toBe(FAULT)
    expect(cache.fault).toMatchObject({ signal: 11, code })
  }
  expect(cache.translate(0, 1, PAGE_SIZE, EXEC)).toBe(FAULT)
})

test('a frame is not reused while a running vCPU may hold its address', () => {
  const machine = machineWith({ vcpus: 2, size: PAGE_SIZE, limboFrames: 8 }, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])
  machine.instruction(1, 1, [{ address: PAGE_SIZE, access: WRITE }])
  const cache = machine.vcpus[0]!
  const outcomes = Array.from({ length: 11 }, (_, i) => {
    cache.safepoint(0)
    return cache.translate(0, 1, (i + 2) * PAGE_SIZE, WRITE)
  })
  expect(outcomes.slice(0, 8).every((host) => host > 0)).toBe(true)
  expect(outcomes.slice(8)).toEqual([RETRY, RETRY, RETRY])
  expect([...machine.wanted].sort()).toEqual([0, 1])
  machine.touch(machine.held[1]![0]!, 3, 33)
  cache.enterBlocked(1)
  cache.safepoint(0)
  expect(cache.translate(0, 1, 12 * PAGE_SIZE, READ)).toBeGreaterThan(0)
  expect(machine.manager.get('1:1')?.[3]).toBe(33)
})

test('the frame of an unmapped page rests too', () => {
  const machine = machineWith({ vcpus: 2, size: PAGE_SIZE }, [1, 2])
  const stale = machine.access(1, 1, PAGE_SIZE, WRITE)
  machine.vcpus[0]!.invalidate(1, 1, 1, { discard: true })
  const host = machine.access(0, 1, 2 * PAGE_SIZE, READ)
  machine.bytes[stale] = 77
  expect(machine.bytes[host]).toBe(0)
})

test('both ways of the array serve, and every alias goes when the line does', () => {
  const machine = machineWith({}, [])
  for (const page of [5, 9]) machine.map(1, page, { prot: 7, object: 7, page: 2 })
  machine.map(1, 5 + 4096, { ...anonymous })
  const addresses = [5, 9, 5 + 4096].map((page) => page * PAGE_SIZE)
  for (const address of addresses) machine.access(0, 1, address, WRITE)
  expect(addresses.every((address) => machine.probe(0, address, WRITE) > 0)).toBe(true)
  machine.markCode(0, 1, 5)
  expect(addresses.map((address) => machine.probe(0, address, WRITE) > 0)).toEqual([false, false, true])
  expect(addresses.every((address) => machine.probe(0, address, READ) > 0)).toBe(true)
  machine.vcpus[0]!.dropObject(7, { discard: true })
  expect(addresses.map((address) => machine.probe(0, address, READ) > 0)).toEqual([false, false, true])
})

test('reading a dirty code page does not make it writable', () => {
  const machine = machineWith({}, [])
  machine.map(1, 1, { prot: 7, object: 0, page: 0 })
  poke(machine, 1, 1, 5)
  machine.markCode(0, 1, 1)
  machine.vcpus[0]!.refill(0, 1, PAGE_SIZE, READ)
  expect(machine.probe(0, PAGE_SIZE, READ)).toBeGreaterThan(0)
  expect(machine.probe(0, PAGE_SIZE, WRITE)).toBe(0)
})

test('unmapping or protecting a shared page, or the end of its space, takes its translation and not its line', () => {
  const machine = machineWith({ vcpus: 2 }, [])
  const cache = machine.vcpus[0]!
  machine.map(1, 5, { prot: 3, object: 7, page: 2 })
  const endings = [
    () => cache.invalidate(1, 0, 100, { discard: true }),
    () => cache.invalidate(1, 0, 10000, { discard: true }),
    () => cache.protect(1, 5, 1, 0),
    () => {
      cache.dropSpace(1)
      machine.vcpus[1]!.bind(1, 1)
    },
  ]
  for (const end of endings) {
    machine.access(1, 1, 5 * PAGE_SIZE, WRITE)
    expect(machine.probe(1, 5 * PAGE_SIZE, WRITE)).toBeGreaterThan(0)
    end()
    expect(machine.probe(1, 5 * PAGE_SIZE, READ)).toBe(0)
  }
  expect(cache.counters().misses).toBe(1)
})

test('children and grandchildren copy clean lines without a message', () => {
  const machine = machineWith({ size: 64 * PAGE_SIZE }, [1, 2])
  poke(machine, 1, 1, 11)
  poke(machine, 1, 2, 12)
  machine.fork(1, 2)
  machine.fork(2, 3)
  machine.vcpus[0]!.flush(1)
  const before = machine.messages
  expect([peek(machine, 2, 1), peek(machine, 3, 1)]).toEqual([11, 11])
  machine.fork(2, 4)
  expect([peek(machine, 4, 2), peek(machine, 3, 2), peek(machine, 2, 2)]).toEqual([12, 12, 12])
  expect(machine.messages).toBe(before)
})

test.each([
  [65536, 0, /ways/],
  [65536, 1.5, /ways/],
  [5000, 1, /multiple of 4096/],
  [0, 1, /multiple of 4096/],
  [12 * 4096, 4, /nearest.*32K.*64K|power of two/],
  [8192, 4, /0\.50 sets/],
])('geometry(%d, %d) says what is wrong', (size, ways, message) => {
  expect(() => geometry(size, ways)).toThrow(message)
})

test('geometry of good sizes', () => {
  expect(geometry(65536, 1)).toEqual({ lines: 16, sets: 16, ways: 1 })
  expect(geometry(12 * 4096, 3)).toEqual({ lines: 12, sets: 4, ways: 3 })
})
