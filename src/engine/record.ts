// The task record: a guest thread's registers and control words in shared memory, byte offsets from its start.
// It is the truth about a task whenever no block of guest code is in progress. Registers are little-endian.

import type { Ref } from '../x86/ir.js'
import { WORD } from '../x86/words.js'

export const RECORD_SIZE = 4096

/** rax rcx rdx rbx rsp rbp rsi rdi r8 … r15, i64 each, in encoding order. */
export const GPR = 0x000
export const RIP = 0x080
/** Lazy arithmetic flags, see x86/flags.ts: sign-extended result i64 and auxiliary bits i32. */
export const FLAG_RESULT = 0x088
export const FLAG_AUX = 0x090
/** RFLAGS bits outside CF PF AF ZF SF OF (DF, ID, AC, …), i32. */
export const FLAG_OTHER = 0x094
/** Always zero: what an absent base or index register reads. i64. */
export const ZERO = 0x098
export const FS_BASE = 0x0a0
export const GS_BASE = 0x0a8
/** Non-zero asks the task to come to its hub at the next safepoint. i32, written by any thread. */
export const POLL = 0x0b0
/** Address of this vCPU's translation array. i32. */
export const TRANSLATION = 0x0b4
/** Bytes of host stack left for nested guest calls. i32. */
export const STACK_BUDGET = 0x0b8
/** Why the engine came back: EXIT of engine/host.ts. i32. */
export const EXIT_REASON = 0x0bc
/** Details of a fault: signal number, si_code, address. */
export const FAULT_SIGNAL = 0x0c0
export const FAULT_CODE = 0x0c4
export const FAULT_ADDRESS = 0x0c8
/** x86 exception vector and error code, for ucontext (REG_TRAPNO, REG_ERR). i32 each. */
export const FAULT_TRAP = 0x0d0
export const FAULT_ERROR = 0x0d4
/** Memory site of the access that left a region (index into the region's site table). i32. */
export const SITE = 0x0d8
export const MXCSR = 0x0dc
/** Address-space id and code-cache key of the task. i32. */
export const ASID = 0x0e0
/** Guest instructions executed (counted per block by the interpreter under --stats). i64. */
export const INSTRUCTIONS = 0x0e8
/** Byte address of the block hash table of the engine that runs the task. i32. */
export const BLOCK_HASH = 0x0e4
/** Hits in way 1 of the translation array; every so many the page is moved to way 0. i32. */
export const SECOND_WAY_HITS = 0x0f0
/** Exceptions raised by the float operations of the instruction in progress; 0 between instructions. i32. */
export const FP_RAISED = WORD.fpRaised
/** ASID << 16 and, in bit 15, whether the task runs careful code (fp-mode.ts): the high half of its keys in the code cache. i32. */
export const CODE_KEY = 0x0f8
/** Non-zero once an instruction has looked at MXCSR's exception flags. i32. */
export const FP_OBSERVED = 0x0fc
/** ymm0 … ymm15, 32 bytes each; the low half is xmm. */
export const VECTOR = 0x100
export const VECTOR_STRIDE = 32
/** x87: eight registers of 16 bytes (10 used), then control, status, tag words (i32 each; a tag is 3 for empty, else 0). */
export const X87 = 0x300
export const X87_STRIDE = 16
export const X87_CONTROL = 0x380
export const X87_STATUS = 0x384
export const X87_TAG = 0x388
/** What the x87 helper hands to the instruction that called it: RFLAGS bits i32, a value of up to ten bytes, and the status
 *  and tag words that hold once the value is stored, i32 each. */
export const X87_FLAGS = 0x38c
export const X87_RESULT = 0x390
export const X87_NEXT_STATUS = 0x3b0
export const X87_NEXT_TAG = 0x3b4
/** A page-crossing access in progress: host addresses of both parts and bytes in the first. i32 each. */
export const CROSS_FIRST = 0x3a0
export const CROSS_SECOND = 0x3a4
export const CROSS_LENGTH = 0x3a8
/** Scratch for helpers of 64 bytes (two lines' worth of a crossing vector access). */
export const SCRATCH = 0x3c0
/** From here on the record belongs to the processor layer (task state machine, signal words). */
export const PROCESSOR_FIELDS = 0x400

/** Where a register of a known number is. */
export const recordOffset = ({ bank, index, high }: Extract<Ref, { index: number }>): number =>
  bank === 'vector'
    ? VECTOR + index * VECTOR_STRIDE + (high ? VECTOR_STRIDE / 2 : 0)
    : bank === 'mmx'
      ? X87 + index * X87_STRIDE
      : GPR + index * 8 + (high ? 1 : 0)

// Above the processor's fields: what is seldom touched. Segment selectors are at 0x7e0 (x86/words.ts).
/** The last access asked for a safepoint: the instruction is to run again. i32. */
export const RETRIED = 0x7f0
/** Address of the task's last page fault (cr2 as signal frames tell it). i64. */
export const FAULT_CR2 = 0x7f8
/** The last x87 instruction's address and that of its memory operand (i64), and its opcode (11 bits, i32). */
export const X87_INSTRUCTION = WORD.x87Instruction
export const X87_OPERAND = WORD.x87Operand
export const X87_OPCODE = WORD.x87Opcode
