// The instruction table: every family's rows in one list, each followed by the VEX form that its `vex` names. Adding an instruction is adding a
// row to its family file in forms/; grep the mnemonic there. For their forms see table.ts.

import { type Row, vexRow } from './form.js'
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

const families: readonly Row[] = [
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

const rows: readonly Row[] = families.flatMap((row) => (row.options.vex === undefined ? [row] : [row, vexRow(row)]))

export const ROW_COUNT = rows.length

/** @param id its place in the table */
export const rowOf = (id: number): Row => rows[id]!
