// The frame that the kernel pushes for a signal handler on x86-64: struct rt_sigframe with ucontext, sigcontext_64 and siginfo
// (asm/sigframe.h, asm/ucontext.h, asm/sigcontext.h). Offsets only: the signal code fills it. Leaves out the x32 and 32-bit frames.

/** struct sigcontext_64: u64 each unless said; offsets from its start. */
export const SIGCONTEXT = {
  R8: 0,
  R9: 8,
  R10: 16,
  R11: 24,
  R12: 32,
  R13: 40,
  R14: 48,
  R15: 56,
  RDI: 64,
  RSI: 72,
  RBP: 80,
  RBX: 88,
  RDX: 96,
  RAX: 104,
  RCX: 112,
  RSP: 120,
  RIP: 128,
  EFLAGS: 136,
  /** u16 each. */
  CS: 144,
  GS: 146,
  FS: 148,
  SS: 150,
  ERR: 152,
  TRAPNO: 160,
  OLDMASK: 168,
  CR2: 176,
  /** Address of the floating-point state, 0 for none. */
  FPSTATE: 184,
} as const
export const SIGCONTEXT_SIZE = 256

/** Offsets of the sixteen registers in the processor's order (rax rcx rdx rbx rsp rbp rsi rdi r8 … r15). */
export const SIGCONTEXT_REGISTERS: readonly number[] = [104, 112, 96, 88, 120, 80, 72, 64, 0, 8, 16, 24, 32, 40, 48, 56]

/** struct ucontext of the kernel: its signal mask is 8 bytes, so that it is shorter than glibc's. */
export const UCONTEXT = { FLAGS: 0, LINK: 8, STACK: 16, MCONTEXT: 40, SIGMASK: 296 } as const
export const UCONTEXT_SIZE = 304

/** uc_flags: the state at fpstate is XSAVE's; ss is saved; restore ss strictly. */
export const UC = { FP_XSTATE: 1, SIGCONTEXT_SS: 2, STRICT_RESTORE_SS: 4 } as const

/** struct rt_sigframe. On entry of the handler rsp is its address, with (rsp + 8) a multiple of 16. */
export const RT_SIGFRAME = { PRETCODE: 0, UCONTEXT: 8, SIGINFO: 312 } as const
export const RT_SIGFRAME_SIZE = 440

/** The red zone below rsp that a frame must leave alone. */
export const RED_ZONE_SIZE = 128

/** struct _fpstate is the FXSAVE image, 512 bytes; bytes 464-511 belong to software (struct _fpx_sw_bytes, magic first). */
export const FPSTATE_SIZE = 512
export const FPSTATE = {
  CWD: 0,
  SWD: 2,
  TWD: 4,
  FOP: 6,
  RIP: 8,
  RDP: 16,
  MXCSR: 24,
  MXCSR_MASK: 28,
  ST: 32,
  XMM: 160,
  SOFTWARE: 464,
} as const
export const FP_XSTATE_MAGIC1 = 0x46505853
/** After the XSAVE area. */
export const FP_XSTATE_MAGIC2 = 0x46505845
export const FP_XSTATE_MAGIC2_SIZE = 4
/** struct _fpx_sw_bytes: u32 magic1, u32 extended_size (with magic2), u64 xfeatures, u32 xstate_size. */
export const SOFTWARE = { MAGIC1: 464, EXTENDED_SIZE: 468, XFEATURES: 472, XSTATE_SIZE: 480 } as const

/** Exception numbers for TRAPNO (SDM volume 3, 6.3.1). */
export const TRAP_NUMBER = {
  DIVIDE: 0,
  DEBUG: 1,
  BREAKPOINT: 3,
  INVALID_OPCODE: 6,
  GENERAL_PROTECTION: 13,
  PAGE_FAULT: 14,
  FPU: 16,
  ALIGNMENT: 17,
  SIMD: 19,
} as const

/** Bits of ERR for a page fault (SDM volume 3, 4.7). */
export const PAGE_FAULT = { PRESENT: 1, WRITE: 2, USER: 4, FETCH: 16 } as const

/** Selectors a 64-bit user program has. */
export const USER_CS = 0x33
export const USER_DS = 0x2b
