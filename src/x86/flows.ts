// Where control goes after each form, read off the effects that its semantics record. A start has it prepared (cli/prepared-rows.ts).

import { CANONICAL } from './flags.js'
import type { Form, Size } from './form.js'
import { i32, i64 } from './ir.js'
import { type Environment, record } from './semantics.js'

/** `next`: falls through; `branch`: falls through or goes to the relative target; `call`: comes back to the next instruction. */
export type Flow = 'next' | 'branch' | 'jump' | 'call' | 'ret' | 'raise'

const PROBE: Environment = {
  register: (_place, bank) => ({ bank, index: 0, high: false }),
  place: () => i32(0),
  scale: () => i32(0),
  immediate: (type) => (type === 'i64' ? i64(0) : i32(0)),
  address: () => i64(0),
  offset: () => i64(0),
  next: () => i64(0),
  here: () => i64(0),
  target: () => i64(0),
  addressMask: () => i64(-1),
  segmentBase: () => i64(0),
  flags: () => CANONICAL,
  memory: false,
  baseIsStack: false,
  lock: false,
  repeat: 'none',
  careful: false,
}

function recorded(form: Form, width: Size): Flow {
  const last = record(form, width, { ...PROBE, memory: !form.register }).at(-1)
  switch (last?.kind) {
    case 'branch':
    case 'jump':
    case 'ret':
      return last.kind
    case 'callTo':
      return 'call'
    case 'raise':
      return last.condition === undefined ? 'raise' : 'next'
    default:
      return 'next'
  }
}

export interface Flows {
  /** With an operand size of 16 bits: a call of those does not come back to the next instruction. */
  readonly small: Flow
  readonly other: Flow
}

export function flowsOf(form: Form): Flows {
  const other = form.widths.find((width) => width !== 16)
  return { small: recorded(form, 16), other: recorded(form, other ?? 16) }
}
