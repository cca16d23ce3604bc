// The forms of the instruction table's rows, by their places in it. A start of `lego run` has the rows prepared, without their semantics
// (cli/prepared-rows.ts).

import { type Form, opcodeOf, parse } from './form.js'
import { ROW_COUNT, rowOf } from './rows.js'

/** The maps of VEX come after those without. */
export const VEX_MAPS = 4

export const FORM_COUNT = ROW_COUNT

const forms: (Form | undefined)[] = new Array(FORM_COUNT)

export function formOf(id: number): Form {
  forms[id] ??= parse(id, rowOf(id))
  return forms[id]
}

/** All of them, parsed: a run does not need that. */
export const allForms = (): readonly Form[] => Array.from(forms, (_, id) => formOf(id))

/** The forms of each opcode, by `(map + (VEX ? VEX_MAPS : 0)) * 256 + opcode`. */
export function formsByOpcode(): readonly (readonly number[] | undefined)[] {
  const byOpcode: number[][] = new Array(2 * VEX_MAPS * 256)
  for (let id = 0; id < ROW_COUNT; id++) {
    const { encoding } = rowOf(id)
    const { map, opcode, plusRegister } = opcodeOf(encoding)
    const first = (map + (encoding.startsWith('VEX ') ? VEX_MAPS : 0)) * 256 + opcode
    for (let slot = first; slot < first + (plusRegister ? 8 : 1); slot++) {
      const known = byOpcode[slot]
      if (known === undefined) byOpcode[slot] = [id]
      else known.push(id)
    }
  }
  return byOpcode
}
