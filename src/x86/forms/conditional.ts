// Instructions under a condition code other than jumps: cmovcc and setcc.

import { select } from '../expr.js'
import { form, type Row } from '../form.js'
import { CONDITION_NAMES } from './control.js'

export const conditional: readonly Row[] = CONDITION_NAMES.flatMap((name, code) => {
  const low = code.toString(16).toUpperCase()
  return [
    // The source is read, and a 32-bit destination's upper half cleared, whatever the condition (SDM vol. 2A, CMOVcc).
    form(`0F 4${low} /r`, `cmov${name}`, 'Gv Ev', (s) => {
      const value = s.read(1)
      s.write(0, select(s.condition(code), value, s.read(0)))
    }),
    form(`0F 9${low} /r`, `set${name}`, 'Eb', (s) => s.write(0, s.condition(code))),
  ]
})
