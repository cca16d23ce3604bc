import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { needing } from '../../fixtures/requirements.js'
import { E } from '../abi/errno.js'
import { MAP, MREMAP, PROT } from '../abi/mman.js'
import { Prng, testSeed } from '../lib/prng.js'
import { applyChange, type LayoutChange, PAGE, type Vma } from '../wire/layout.js'
import { MemoryManager } from './memory-manager.js'

const WINDOW = 0x10000000
const PAGES = 48
const SEQUENCES = 20
const STEPS = 100
const TOP = 0x7fff00000000

const noFiles = { read: () => -E.IO, write: () => -E.IO, size: () => -E.IO, retain: () => 0, release: () => 0 }
const nothing = { offset: 0, object: 0, file: '', path: '', maxProt: 0 }

interface Step {
  readonly op: 'map' | 'protect' | 'unmap' | 'remap'
  readonly address: number
  readonly length: number
  /** prot of map and protect; the new length of remap. */
  readonly third: number
  readonly flags: number
  readonly target: number
}

function randomStep(random: Prng): Step {
  const address = WINDOW + random.below(PAGES - 12) * PAGE + (random.chance(0.03) ? 8 : 0)
  const length = random.chance(0.03) ? 0 : (1 + random.below(11)) * PAGE - (random.chance(0.2) ? 100 : 0)
  const prot = random.pick([PROT.READ | PROT.WRITE, PROT.READ | PROT.WRITE, PROT.READ, PROT.NONE])
  const op = random.pick(['map', 'map', 'protect', 'unmap', 'remap', 'remap'] as const)
  const base = { op, address, length, third: prot, flags: 0, target: 0 }
  if (op === 'map') {
    const type = random.chance(0.2) ? MAP.SHARED : MAP.PRIVATE
    return { ...base, flags: MAP.ANONYMOUS | type | random.pick([0, MAP.FIXED, MAP.FIXED_NOREPLACE]) }
  }
  if (op !== 'remap') return base
  const target = WINDOW + random.below(PAGES - 12) * PAGE
  const flags = random.pick([0, MREMAP.MAYMOVE, MREMAP.MAYMOVE | MREMAP.FIXED, MREMAP.FIXED])
  // Length 0 makes aliases whose bytes a first byte per page cannot tell apart.
  return { ...base, length: Math.max(length, 1), third: (1 + random.below(11)) * PAGE, flags, target }
}

function inputLine({ op, address, length, third, flags, target }: Step): string {
  const last = op === 'remap' ? BigInt(flags) * 2n ** 48n + BigInt(target) : BigInt(flags)
  return [op, ...[address, length, third].map((value) => value.toString(16)), last.toString(16)].join(' ')
}

/** The same in a memory manager; the protections are read from a mirror. */
class Replay {
  readonly mirror: Vma[] = []
  #memory = new MemoryManager({ source: noFiles })
  #mark = 0

  constructor() {
    this.#memory.createSpace({ asid: 1, mmapTop: TOP })
  }

  step(step: Step): string {
    const change = this.#call(step)
    applyChange(this.mirror, change)
    const { result } = change
    this.#mark = (this.#mark + 1) & 0xff
    const placed = result > 0
    const outside = placed && (result < WINDOW || result >= WINDOW + PAGES * PAGE)
    const length = step.op === 'remap' ? step.third : step.length
    if (outside) applyChange(this.mirror, this.#memory.unmap({ asid: 1, address: result, length }))
    else if (placed && step.op === 'map' && (step.third & PROT.WRITE) !== 0) {
      const bytes = new Uint8Array(Math.ceil(length / PAGE) * PAGE).fill(this.#mark)
      this.#memory.writeBack({ asid: 1, page: result / PAGE, bytes })
    }
    expect(this.mirror).toEqual(this.#memory.layout({ asid: 1 }).vmas)
    return `${outside ? 'outside' : result} ${this.#pages()}`
  }

  #call({ op, address, length, third, flags, target }: Step): LayoutChange {
    const memory = this.#memory
    if (op === 'map') return memory.map({ asid: 1, address, length, prot: third, flags, ...nothing })
    if (op === 'protect') return memory.protect({ asid: 1, address, length, prot: third })
    if (op === 'unmap') return memory.unmap({ asid: 1, address, length })
    return memory.remap({
      asid: 1,
      oldAddress: address,
      oldLength: length,
      newLength: third,
      flags,
      newAddress: target,
    })
  }

  #pages(): string {
    let protection = ''
    let bytes = ''
    const into = new Uint8Array(PAGE)
    for (let page = WINDOW / PAGE; page < WINDOW / PAGE + PAGES; page++) {
      const vma = this.mirror.find(({ start, end }) => start <= page * PAGE && end > page * PAGE)
      protection += vma === undefined ? '.' : vma.prot
      const result = this.#memory.fetch({ asid: 1, page, count: 1, into })
      bytes += result < 0 ? 'xx' : into[0]!.toString(16).padStart(2, '0')
    }
    return `${protection} ${bytes}`
  }
}

// The truth is a C program on the host's kernel.
needing('compiler')('random layout calls answer, protect and keep bytes as on the host kernel', () => {
  const seed = testSeed()
  const random = new Prng(seed)
  const directory = mkdtempSync(join(tmpdir(), 'lego-oracle-'))
  try {
    const binary = join(directory, 'oracle')
    const compiled = spawnSync('gcc', ['-O1', '-o', binary, join(__dirname, 'native/layout-oracle.c')])
    expect(compiled.stderr.toString()).toBe('')
    let compared = 0
    for (let sequence = 0; sequence < SEQUENCES; sequence++) {
      const steps = Array.from({ length: STEPS }, () => randomStep(random))
      const native = spawnSync(binary, { input: steps.map(inputLine).join('\n') })
        .stdout.toString()
        .trim()
        .split('\n')
      expect(native).toHaveLength(steps.length)
      compared += compare(steps, native, `seed ${seed} sequence ${sequence}`)
    }
    expect(compared).toBeGreaterThan((SEQUENCES * STEPS) / 3)
  } finally {
    rmSync(directory, { recursive: true })
  }
})

/**
 * How many steps were compared. A sequence ends at a remap that only one side answers with EFAULT: the kernel merges fewer vmas than we do (not those
 * whose pages were touched before they moved), and since 6.17 moves several at once.
 */
function compare(steps: readonly Step[], native: readonly string[], name: string): number {
  const replay = new Replay()
  for (const [index, step] of steps.entries()) {
    const ours = replay.step(step)
    const theirs = native[index]!
    const isFault = (line: string): boolean => line.startsWith(`-${E.FAULT} `)
    if (step.op === 'remap' && isFault(ours) !== isFault(theirs)) return index
    const context = `${name} step ${index}: ${inputLine(step)}\n`
    expect(context + ours).toBe(context + theirs)
  }
  return steps.length
}
