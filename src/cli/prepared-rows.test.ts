// What a start has instead of the instruction table says the same.
import { flowsOf } from '../x86/flows.js'
import { parse } from '../x86/form.js'
import { rowOf } from '../x86/rows.js'
import { allForms, formsByOpcode } from '../x86/table.js'
import { preparedFlows, preparedOpcodes, preparedRows } from './prepared-rows.js'

/** The value of `result` after the prepared text has run. */
const evaluated = (text: string, result: string): unknown =>
  new Function('codeBuilders', `${text.replace(/^import .*$/m, '')}\nreturn ${result}`)(() => ({ rowOf }))

test('prepared rows give the forms of the table', () => {
  const prepared = evaluated(preparedRows(), '{ ROW_COUNT, rowOf }') as { ROW_COUNT: number; rowOf: typeof rowOf }
  expect(prepared.ROW_COUNT).toBe(allForms().length)
  for (const form of allForms()) {
    const { semantics, ...other } = parse(form.id, prepared.rowOf(form.id))
    expect({ ...other, semantics: form.semantics }).toEqual(form)
    expect(semantics).toBeInstanceOf(Function)
  }
})

test('prepared flows are those that the semantics record', () => {
  const prepared = evaluated(preparedFlows(), 'flowsOf') as typeof flowsOf
  for (const form of allForms()) if (form.options.ends) expect(prepared(form)).toEqual(flowsOf(form))
})

test('prepared opcodes are those of the table', () => {
  const prepared = evaluated(preparedOpcodes(), 'byOpcode') as Record<number, readonly number[]>
  expect(prepared).toEqual(Object.fromEntries(Object.entries(formsByOpcode())))
})
