// The instruction table as a start wants it: what the decoder needs of each row, as text that is read when the row is first met. What the rows mean
// is loaded when code is built. bundle.ts puts these in the place of imports.
import { flowsOf } from '../x86/flows.js'
import { ROW_COUNT, rowOf } from '../x86/rows.js'
import { allForms, formsByOpcode } from '../x86/table.js'

const parsed = (value: unknown): string => `JSON.parse(${JSON.stringify(JSON.stringify(value))})`

/** Instead of table.ts's import of rows.ts. */
export function preparedRows(): string {
  const lines = Array.from({ length: ROW_COUNT }, (_, id) => {
    const { encoding, mnemonic, operands, options, derived } = rowOf(id)
    return JSON.stringify([encoding, mnemonic, operands, options, derived])
  })
  return `import { codeBuilders } from '../cli/cached-start.js'
const LINES = ${JSON.stringify(lines.join('\n'))}.split('\\n')
const ROW_COUNT = LINES.length
function rowOf(id) {
  const [encoding, mnemonic, operands, options, derived] = JSON.parse(LINES[id])
  return { encoding, mnemonic, operands, options, derived, semantics: (s) => codeBuilders().rowOf(id).semantics(s) }
}`
}

/** Instead of flow.ts's import of flows.ts. */
export function preparedFlows(): string {
  const ending = allForms().filter(({ options }) => options.ends)
  const flows = Object.fromEntries(ending.map((form) => [form.id, flowsOf(form)]))
  return `const FLOWS = ${parsed(flows)}
const flowsOf = ({ id }) => FLOWS[id]`
}

/** Instead of what decoder.ts makes when it is loaded. */
export const preparedOpcodes = (): string =>
  `const byOpcode = ${parsed(Object.fromEntries(Object.entries(formsByOpcode())))}`
