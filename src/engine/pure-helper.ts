// Helpers that are expressions: the IR that would be too much code to repeat at every instruction, as a function of the hub.
//   pureHelper('aesEncrypt', ['v128', 'v128'], 'v128', (state, key) => …)

import { unreachable } from '../lib/assert.js'
import { Code } from '../wasm/encoder.js'
import type { Type } from '../wasm/opcodes.js'
import type { Node } from '../x86/ir.js'
import type { Helper } from './helpers.js'
import { Lowering, type Target } from './lower.js'

const TASK = 0
const none = (): never => unreachable('an expression has only its parameters')

/** What lowering asks of a tier, for code that has neither registers nor memory. */
const target = (code: Code): Target => ({
  code,
  task: TASK,
  translation: none,
  callHelper: none,
  leave: none,
  getRegister: none,
  setRegister: (_ref, _width, value) => value(),
  getFlag: none,
  setFlags: none,
  field: none,
  beforeSync: none,
  afterSync: none,
  transfer: none,
})

/** `compute` gets the parameters (the task not among them) and gives the result. */
export function pureHelper(
  name: string,
  params: readonly Type[],
  result: Type,
  compute: (...params: Node[]) => Node,
): Helper {
  const build = (): Code => {
    const code = new Code(1 + params.length)
    const value = compute(...params.map((type, n): Node => ({ kind: 'local', type, index: 1 + n })))
    // The one update of an instruction, whose value stays on the stack.
    const ref = { bank: 'vector', index: 0, high: false } as const
    new Lowering(target(code)).instruction([{ kind: 'set', ref, width: 128, value }])
    return code
  }
  return { name, params: ['i32', ...params], results: [result], build }
}
