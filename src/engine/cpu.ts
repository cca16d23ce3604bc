// What cpuid says of a CPU model (x86/features.ts): the features' bits, and the leaves around them.
// Leaves: SDM vol. 2A and APM vol. 3, CPUID. The vendor is AMD's, whose leaves are the plainest to answer.

import { type CpuModel, FEATURES } from '../x86/features.js'
import { XSAVE_AVX_OFFSET, XSAVE_AVX_SIZE, XSAVE_SIZE } from './xsave.js'

export type Leaf = readonly [eax: number, ebx: number, ecx: number, edx: number]

const text = (value: string): number[] => {
  const words: number[] = []
  for (let at = 0; at < value.length; at += 4) {
    words.push([0, 1, 2, 3].reduce((word, n) => word | (value.charCodeAt(at + n) << (8 * n)), 0))
  }
  return words
}
const VENDOR_NAME = 'AuthenticAMD'
const BRAND_NAME = 'Lego processor component'
const VENDOR = text(VENDOR_NAME) as [number, number, number]
const BRAND = text(BRAND_NAME.padEnd(48, '\0'))
const brand = (part: number): Leaf => BRAND.slice(part * 4, part * 4 + 4) as unknown as Leaf

/** Family 25 (Zen 3) model 33 for what has AVX2, family 15 (K8) model 0 below: libraries choose code by it. */
const SIGNATURE = { zen3: 0x00a20f10, k8: 0x00000f00 }
const NONE: Leaf = [0, 0, 0, 0]
const EXTENDED = 0x80000000
/** XCR0: x87, SSE and AVX state. */
const STATES = { legacy: 3, avx: 7 }

/** XCR0 of a model (SDM vol. 1, 13.3); 0 without XSAVE. */
export const xcr0Of = (cpu: CpuModel): number => (cpu.has('avx') ? STATES.avx : cpu.has('osxsave') ? STATES.legacy : 0)

const key = (leaf: number, subleaf: number) => (leaf >>> 0) * 16 + subleaf

/** HWCAP2_FSGSBASE (asm/hwcap2.h). */
const HWCAP2_FSGSBASE = 2

/** What the kernel tells programs of a CPU: AT_HWCAP, AT_HWCAP2, and the state components that signal frames have. */
export type CpuFacts = {
  readonly hwcap: number
  readonly hwcap2: number
  readonly states: number
  /** Lines of /proc/cpuinfo, by what stands before the colon. */
  cpuinfo(): Readonly<Record<string, string>>
}

export const factsOf = (cpu: CpuModel): CpuFacts => ({
  hwcap: cpuidOf(cpu)(1, 0)[3] >>> 0,
  hwcap2: cpu.has('fsgsbase') ? HWCAP2_FSGSBASE : 0,
  states: xcr0Of(cpu),
  cpuinfo: () => cpuinfoOf(cpu),
})

/** Where the kernel's names differ (asm/cpufeatures.h); '' is not shown. */
const FLAG_NAMES: Readonly<Record<string, string>> = {
  sse3: 'pni',
  osxsave: '',
  sha: 'sha_ni',
  lahf: 'lahf_lm',
  lzcnt: 'abm',
  prefetchw: '3dnowprefetch',
}

function cpuinfoOf(cpu: CpuModel): Record<string, string> {
  const leaf = cpuidOf(cpu)
  const signature = leaf(1, 0)[0]
  const flags = FEATURES.filter(({ name }) => cpu.has(name)).map(({ name }) => FLAG_NAMES[name] ?? name)
  return {
    vendor_id: VENDOR_NAME,
    'cpu family': String(((signature >> 8) & 15) + ((signature >> 20) & 255)),
    model: String(((signature >> 4) & 15) | ((signature >> 12) & 0xf0)),
    'model name': BRAND_NAME,
    stepping: String(signature & 15),
    'cpuid level': String(leaf(0, 0)[0]),
    flags: flags.filter((name) => name !== '').join(' '),
  }
}

/** The answer for a leaf and subleaf; a leaf beyond the highest answers zeros, as on AMD. */
export function cpuidOf(cpu: CpuModel): (leaf: number, subleaf: number) => Leaf {
  const signature = cpu.has('avx2') ? SIGNATURE.zen3 : SIGNATURE.k8
  const states = xcr0Of(cpu)
  const size = states === STATES.avx ? XSAVE_SIZE : XSAVE_AVX_OFFSET
  const leaves = new Map<number, readonly number[]>([
    [key(0, 0), [states === 0 ? 7 : 0xd, VENDOR[0], VENDOR[2], VENDOR[1]]],
    // clflush lines of 64 bytes, one logical processor.
    [key(1, 0), [signature, (8 << 8) | (1 << 16), 0, 0]],
    [key(7, 0), NONE],
    ...(states === 0
      ? []
      : ([
          [key(0xd, 0), [states, size, size, 0]],
          [key(0xd, 1), [0, size, 0, 0]],
        ] as const)),
    ...(states === STATES.avx ? ([[key(0xd, 2), [XSAVE_AVX_SIZE, XSAVE_AVX_OFFSET, 0, 0]]] as const) : []),
    [key(EXTENDED, 0), [EXTENDED + 8, VENDOR[0], VENDOR[2], VENDOR[1]]],
    [key(EXTENDED + 1, 0), [signature, 0, 0, 0]],
    [key(EXTENDED + 2, 0), brand(0)],
    [key(EXTENDED + 3, 0), brand(1)],
    [key(EXTENDED + 4, 0), brand(2)],
    // L1: 32 KiB, 8-way, 64-byte lines; L2: 512 KiB.
    [key(EXTENDED + 5, 0), [0, 0, 0x20080140, 0x20080140]],
    [key(EXTENDED + 6, 0), [0, 0, 0x02006140, 0]],
    // 48 bits of virtual, 40 of physical address.
    [key(EXTENDED + 8, 0), [0x3028, 0, 0, 0]],
  ])
  for (const { name, leaf, subleaf, register, bit } of FEATURES) {
    const at = key(leaf, subleaf)
    const before = leaves.get(at)
    if (!cpu.has(name) || before === undefined) continue
    leaves.set(
      at,
      before.map((word, n) => (n === register ? word | (1 << bit) : word)),
    )
  }
  const hasSubleaves = (leaf: number) => leaf === 7 || leaf === 0xd
  return (leaf, subleaf) => (leaves.get(key(leaf, hasSubleaves(leaf) ? subleaf >>> 0 : 0)) ?? NONE) as Leaf
}
