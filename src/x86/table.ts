// The instruction table: every family's rows in one list. Adding an instruction is adding a row to its family file in
// forms/; grep the mnemonic there.

import { type Form, opcodeOf, parse, type Row, vexRow } from './form.js'
import { arithmetic } from './forms/arithmetic.js'
import { avx } from './forms/avx.js'
import { bits } from './forms/bit.js'
import { bmi } from './forms/bmi.js'
import { conditional } from './forms/conditional.js'
import { control } from './forms/control.js'
import { crypto } from './forms/crypto.js'
import { flag } from './forms/flag.js'
import { fma } from './forms/fma.js'
import { move } from './forms/move.js'
import { multiplication } from './forms/multiply.js'
import { segments } from './forms/segment.js'
import { shift } from './forms/shift.js'
import { sseConvert } from './forms/sse-convert.js'
import { sseFloat } from './forms/sse-float.js'
import { sseInteger } from './forms/sse-integer.js'
import { sseMove } from './forms/sse-move.js'
import { sseShuffle } from './forms/sse-shuffle.js'
import { sseString } from './forms/sse-string.js'
import { sse4 } from './forms/sse4.js'
import { strings } from './forms/string.js'
import { system } from './forms/system.js'
import { x87Forms } from './forms/x87.js'

/** The maps of VEX come after those without. */
export const VEX_MAPS = 4

const rows: readonly Row[] = [
  ...arithmetic,
  ...control,
  ...move,
  ...conditional,
  ...shift,
  ...multiplication,
  ...bits,
  ...bmi,
  ...strings,
  ...flag,
  ...system,
  ...segments,
  ...sseMove,
  ...sseFloat,
  ...sseInteger,
  ...sseShuffle,
  ...sseConvert,
  ...sse4,
  ...sseString,
  ...crypto,
  ...avx,
  ...fma,
  ...x87Forms,
]

/** A place in the table: a row, or the VEX form that a row's `vex` names, which comes after it. */
type Entry = { readonly row: Row; readonly derived: boolean; form: Form | undefined }

const entries: Entry[] = []
for (const row of rows) {
  entries.push({ row, derived: false, form: undefined })
  if (row.options.vex !== undefined) entries.push({ row, derived: true, form: undefined })
}

export const FORM_COUNT = entries.length

export function formOf(id: number): Form {
  const entry = entries[id] as Entry
  entry.form ??= parse(id, entry.derived ? vexRow(entry.row) : entry.row, entry.derived)
  return entry.form
}

/** All of them, parsed: a run does not need that. */
export const allForms = (): readonly Form[] => entries.map((_, id) => formOf(id))

/** The forms of each opcode, by `(map + (VEX ? VEX_MAPS : 0)) * 256 + opcode`. */
export function formsByOpcode(): readonly (readonly number[] | undefined)[] {
  const byOpcode: number[][] = new Array(2 * VEX_MAPS * 256)
  entries.forEach(({ row, derived }, id) => {
    const { map, opcode, plusRegister } = opcodeOf(row.encoding)
    const first = (map + (derived || row.encoding.startsWith('VEX ') ? VEX_MAPS : 0)) * 256 + opcode
    for (let slot = first; slot < first + (plusRegister ? 8 : 1); slot++) {
      const known = byOpcode[slot]
      if (known === undefined) byOpcode[slot] = [id]
      else known.push(id)
    }
  })
  return byOpcode
}
