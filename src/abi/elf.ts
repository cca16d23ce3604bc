// ELF-64 facts for x86-64 (elf.h, linux/elf.h; System V ABI): identification, types, machines, program headers, dynamic tags.
// Leaves out sections, symbols and most relocations: the program's own loader does those.

/** '\x7fELF' read little-endian. */
export const ELF_MAGIC = 0x464c457f

export const EI = {
  CLASS: 4,
  DATA: 5,
  VERSION: 6,
  OSABI: 7,
  ABIVERSION: 8,
  NIDENT: 16,
} as const

export const ELFCLASS = {
  '32': 1,
  '64': 2,
} as const

export const ELFDATA = {
  '2LSB': 1,
  '2MSB': 2,
} as const

export const ET = {
  NONE: 0,
  REL: 1,
  EXEC: 2,
  DYN: 3,
  CORE: 4,
} as const

export const EM = {
  '386': 3,
  ARM: 40,
  X86_64: 62,
  AARCH64: 183,
  RISCV: 243,
} as const

export const PT = {
  NULL: 0,
  LOAD: 1,
  DYNAMIC: 2,
  INTERP: 3,
  NOTE: 4,
  SHLIB: 5,
  PHDR: 6,
  TLS: 7,
  GNU_EH_FRAME: 0x6474e550,
  GNU_STACK: 0x6474e551,
  GNU_RELRO: 0x6474e552,
  GNU_PROPERTY: 0x6474e553,
} as const

export const PF = {
  X: 1,
  W: 2,
  R: 4,
} as const

export const DT = {
  NULL: 0,
  RELA: 7,
  RELASZ: 8,
  RELAENT: 9,
} as const

export const R_X86_64 = {
  RELATIVE: 8,
  IRELATIVE: 37,
} as const

export const EHDR_SIZE = 64
export const PHDR_SIZE = 56
/** Offsets in Elf64_Ehdr. */
export const EHDR = {
  TYPE: 16,
  MACHINE: 18,
  VERSION: 20,
  ENTRY: 24,
  PHOFF: 32,
  SHOFF: 40,
  FLAGS: 48,
  EHSIZE: 52,
  PHENTSIZE: 54,
  PHNUM: 56,
} as const
/** Offsets in Elf64_Phdr. */
export const PHDR = { TYPE: 0, FLAGS: 4, OFFSET: 8, VADDR: 16, PADDR: 24, FILESZ: 32, MEMSZ: 40, ALIGN: 48 } as const
