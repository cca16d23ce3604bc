// The instruction table: every family's rows in one list. Adding an instruction is adding a row to its family file in
// forms/; grep the mnemonic there.

import { arithmetic } from './forms/arithmetic.js'
import { control } from './forms/control.js'
import { conditional } from './forms/conditional.js'
import { move } from './forms/move.js'
import { multiplication } from './forms/multiply.js'
import { shift } from './forms/shift.js'
import type { Form } from './form.js'

export const FORMS: readonly Form[] = [...arithmetic, ...control, ...move, ...conditional, ...shift, ...multiplication]
FORMS.forEach((form, id) => {
  form.id = id
})
