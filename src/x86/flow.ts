// Where control goes after an instruction, read off the effects its semantics record.

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

/** By operand size: a call of 16 bits does not come back to the next instruction. */
const known = { 16: new Map<Form, Flow>(), other: new Map<Form, Flow>() }

export function flowOf(form: Form, width: Size): Flow {
  if (!form.options.ends) return 'next'
  const flows = known[width === 16 ? 16 : 'other']
  const cached = flows.get(form)
  if (cached !== undefined) return cached
  const last = record(form, width, { ...PROBE, memory: !form.register }).at(-1)
  const flow: Flow =
    last?.kind === 'branch' || last?.kind === 'jump' || last?.kind === 'ret'
      ? last.kind
      : last?.kind === 'callTo'
        ? 'call'
        : last?.kind === 'raise' && last.condition === undefined
          ? 'raise'
          : 'next'
  flows.set(form, flow)
  return flow
}
