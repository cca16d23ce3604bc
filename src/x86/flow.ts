// Where control goes after an instruction.

import { type Flow, type Flows, flowsOf } from './flows.js'
import type { Form, Size } from './form.js'

const known = new Map<Form, Flows>()

export function flowOf(form: Form, width: Size): Flow {
  if (!form.options.ends) return 'next'
  let flows = known.get(form)
  if (flows === undefined) {
    flows = flowsOf(form)
    known.set(form, flows)
  }
  return width === 16 ? flows.small : flows.other
}
