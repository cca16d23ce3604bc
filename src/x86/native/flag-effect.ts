// What an instruction does to the arithmetic flags, from iced-x86 and its row: reads, writes, and what it leaves undefined.

import * as iced from 'iced-x86'
import { flagMask } from './machine.js'

const { RflagsBits } = iced
const BITS: readonly (readonly [iced.RflagsBits, string])[] = [
  [RflagsBits.CF, 'c'],
  [RflagsBits.PF, 'p'],
  [RflagsBits.AF, 'a'],
  [RflagsBits.ZF, 'z'],
  [RflagsBits.SF, 's'],
  [RflagsBits.OF, 'o'],
]
const toMask = (bits: number): number => flagMask(BITS.map(([bit, letter]) => (bits & bit ? letter : '')).join(''))
/** They write flags only for a count other than zero, as repeated instructions do. */
const CONDITIONAL = /^(sh|sal|sar|ro|rc)/

/** Masks of rflags. `writes` is what is surely defined afterwards. */
export type FlagEffect = { readonly reads: number; readonly writes: number; readonly leaves: number }

/** @param undefinedFlags of the row */
export function flagEffect(
  { rflagsRead, rflagsModified, rflagsUndefined }: iced.Instruction,
  mnemonic: string,
  repeated: boolean,
  undefinedFlags = '',
): FlagEffect {
  const leaves = toMask(rflagsUndefined) | flagMask(undefinedFlags)
  return {
    reads: toMask(rflagsRead),
    writes: repeated || CONDITIONAL.test(mnemonic) ? 0 : toMask(rflagsModified) & ~leaves,
    leaves,
  }
}
