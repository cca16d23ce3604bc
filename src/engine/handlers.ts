// Which handler of the hub runs a decoded instruction: the variants of the instruction forms, numbered. The hub module carries the number of
// each form's first handler, so that a start need not count through the table: `const handlers = handlersOf(hub); handlers.of(decoded)`.

import { assert, unreachable } from '../lib/assert.js'
import type { Form, Size } from '../x86/form.js'
import { allForms, FORM_COUNT } from '../x86/table.js'
import { SPECIAL } from './hub-layout.js'

export type Variant = {
  readonly form: Form
  readonly width: Size
  readonly memory: boolean
  readonly lock: boolean
  readonly repeat: 'none' | 'f3' | 'f2'
}

type Repeat = Variant['repeat']

/** Calls back with the variants of a form that need handlers of their own, in their order. Nothing is allocated: it is a tenth of a short run. */
function eachVariant(form: Form, visit: (width: Size, memory: boolean, lock: boolean, repeat: Repeat) => void): void {
  const absolute = form.operands.some(({ kind }) => kind === 'O')
  for (const width of form.widths) {
    for (let memory = 0; memory < 2; memory++) {
      if (memory === 0 ? absolute || (form.modrm && !form.register) : !absolute && !(form.modrm && form.memory))
        continue
      for (let lock = 0; lock < (form.options.lock && memory === 1 ? 2 : 1); lock++) {
        visit(width, memory === 1, lock === 1, 'none')
        if (form.options.repeat === undefined) continue
        visit(width, memory === 1, lock === 1, 'f3')
        visit(width, memory === 1, lock === 1, 'f2')
      }
    }
  }
}

const key = (width: Size, memory: boolean, lock: boolean, repeat: Repeat): number =>
  (((28 - Math.clz32(width)) * 2 + (memory ? 1 : 0)) * 2 + (lock ? 1 : 0)) * 3 +
  (repeat === 'none' ? 0 : repeat === 'f3' ? 1 : 2)
const KEYS = 72

/** The custom section of the hub: an i32 a form. */
export const FIRST_HANDLERS = 'lego.first-handlers'

/** Of all forms, in the order of their handlers, and the number of each form's first. */
export function allVariants(): { readonly variants: readonly Variant[]; readonly first: Int32Array<ArrayBuffer> } {
  const variants: Variant[] = []
  const first = new Int32Array(FORM_COUNT)
  for (const form of allForms()) {
    first[form.id] = SPECIAL.length + variants.length
    eachVariant(form, (width, memory, lock, repeat) => variants.push({ form, width, memory, lock, repeat }))
  }
  return { variants, first }
}

export class Handlers {
  readonly #first: Int32Array
  /** By form and variant; those of a form are filled in when it is first met. */
  readonly #handlers = new Int32Array(FORM_COUNT * KEYS)
  readonly #met = new Uint8Array(FORM_COUNT)

  constructor(first: Int32Array) {
    assert(first.length === FORM_COUNT, 'the hub was built from another table of forms')
    this.#first = first
  }

  /** Handler index of a decoded instruction. */
  of(form: Form, width: Size, memory: boolean, lock: boolean, repeat: Repeat): number {
    if (this.#met[form.id] === 0) this.#fill(form)
    const variant = key(width, memory, lock, form.options.repeat === undefined ? 'none' : repeat)
    const index = this.#handlers[form.id * KEYS + variant] as number
    if (index === 0) unreachable(`no handler for ${form.encoding} ${form.mnemonic}`)
    return index
  }

  #fill(form: Form): void {
    let handler = this.#first[form.id] as number
    eachVariant(form, (width, memory, lock, repeat) => {
      this.#handlers[form.id * KEYS + key(width, memory, lock, repeat)] = handler++
    })
    this.#met[form.id] = 1
  }
}

export function handlersOf(hub: WebAssembly.Module): Handlers {
  const [section] = WebAssembly.Module.customSections(hub, FIRST_HANDLERS)
  assert(section !== undefined, 'the hub says what its handlers are')
  return new Handlers(new Int32Array(section))
}
