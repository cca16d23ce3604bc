// Byte offsets of the task record's control words that semantics name: one table, so that this layer need not know the
// record. Whoever lays out the record takes these offsets from here.

export const WORD = {
  /** RFLAGS bits outside CF PF AF ZF SF OF, i32. */
  flagOther: 0x094,
  fsBase: 0x0a0,
  gsBase: 0x0a8,
  mxcsr: 0x0dc,
  /** Exceptions that the float operations of the instruction in progress have raised, at their places in MXCSR; 0 between instructions. */
  fpRaised: 0x0f4,
  /** Selectors of es, cs, ss, ds, fs, gs, u16 each; cs and ss never change and have no place. */
  selectors: 0x7e0,
  /** The x87 tag word (SDM vol. 1, 8.1.7): two bits a register, 3 for empty, else 0. */
  x87Tag: 0x388,
  x87Control: 0x380,
  x87Status: 0x384,
  /** What the x87 helper hands back: RFLAGS bits, a value of up to ten bytes, status and tag words for after its store. */
  x87Flags: 0x38c,
  x87Result: 0x390,
  x87NextStatus: 0x3b0,
  x87NextTag: 0x3b4,
  /** The last x87 instruction's address and that of its memory operand (i64), and its opcode (SDM vol. 1, 8.1.8 and 8.1.9). */
  x87Instruction: 0x800,
  x87Operand: 0x808,
  x87Opcode: 0x810,
  /** What other helpers hand back, in the same place: access rights and limit of a segment; a random number. */
  rights: 0x390,
  limit: 0x394,
  random: 0x390,
} as const
