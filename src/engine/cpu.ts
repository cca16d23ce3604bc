// What cpuid says. It advertises exactly what the instruction table covers; `level` raises it as families are finished.
// Leaves: SDM vol. 2A CPUID; the vendor is AMD's, since libc's choice of string routines is gentlest there.

type Leaf = readonly [eax: number, ebx: number, ecx: number, edx: number]

/** Features of leaf 1. */
const EDX = { fpu: 0, tsc: 4, cx8: 8, cmov: 15, clflush: 19, fxsr: 24, sse: 25, sse2: 26 } as const
const ECX = { cx16: 13 } as const
const bits = (names: Readonly<Record<string, number>>): number =>
  Object.values(names).reduce((all, bit) => all | (1 << bit), 0)

const text = (value: string): number[] => {
  const words: number[] = []
  for (let at = 0; at < value.length; at += 4) {
    words.push([0, 1, 2, 3].reduce((word, n) => word | (value.charCodeAt(at + n) << (8 * n)), 0))
  }
  return words
}
const VENDOR = text('AuthenticAMD') as [number, number, number]
const BRAND = text('Lego processor component'.padEnd(48, '\0'))
const brand = (part: number): Leaf => BRAND.slice(part * 4, part * 4 + 4) as unknown as Leaf

const SYSCALL_AND_LONG_MODE = (1 << 11) | (1 << 20) | (1 << 29)
const LAHF = 1

const LEAVES: Readonly<Record<number, Leaf>> = {
  0: [1, VENDOR[0], VENDOR[2], VENDOR[1]],
  // Family 15 (K8) model 0; clflush lines of 64 bytes, one logical processor.
  1: [0x00000f00, (8 << 8) | (1 << 16), bits(ECX), bits(EDX)],
  2147483648: [0x80000008 | 0, VENDOR[0], VENDOR[2], VENDOR[1]],
  2147483649: [0x00000f00, 0, LAHF, SYSCALL_AND_LONG_MODE],
  2147483650: brand(0),
  2147483651: brand(1),
  2147483652: brand(2),
  // L1: 32 KiB, 8-way, 64-byte lines; L2: 512 KiB.
  2147483653: [0, 0, 0x20080140, 0x20080140],
  2147483654: [0, 0, 0x02006140, 0],
  // 48 bits of virtual, 40 of physical address.
  2147483656: [0x3028, 0, 0, 0],
}
const NONE: Leaf = [0, 0, 0, 0]

/** eax ebx ecx edx for a leaf; a leaf beyond the highest answers zeros, as on AMD. */
export const cpuid = (leaf: number): Leaf => LEAVES[leaf >>> 0] ?? NONE
