// Where control goes after an instruction, read off the effects its semantics record.

import { CANONICAL } from './flags.js'
import type { Form } from './form.js'
import { i32, i64 } from './ir.js'
import { type Environment, Sem } from './semantics.js'

/** `next`: falls through; `branch`: falls through or goes to the relative target; `call`: comes back to the next instruction. */
export type Flow = 'next' | 'branch' | 'jump' | 'call' | 'ret' | 'raise'

const PROBE: Environment = {
  register: (_place, bank) => (bank === 'vector' ? { bank, index: 0 } : { bank, index: 0, high: false }),
  immediate: (type) => (type === 'i64' ? i64(0) : i32(0)),
  address: () => i64(0),
  offset: () => i64(0),
  next: () => i64(0),
  target: () => i64(0),
  flags: () => CANONICAL,
  memory: false,
  baseIsStack: false,
  lock: false,
  repeat: 'none',
}

const known = new Map<Form, Flow>()

export function flowOf(form: Form): Flow {
  if (!form.options.ends) return 'next'
  const cached = known.get(form)
  if (cached !== undefined) return cached
  const sem = new Sem(form, form.widths[0] ?? 64, { ...PROBE, memory: !form.register })
  form.semantics(sem)
  const last = sem.finish().at(-1)
  const flow: Flow =
    last?.kind === 'branch' || last?.kind === 'jump' || last?.kind === 'ret'
      ? last.kind
      : last?.kind === 'callTo'
        ? 'call'
        : last?.kind === 'raise' && last.condition === undefined
          ? 'raise'
          : 'next'
  known.set(form, flow)
  return flow
}
