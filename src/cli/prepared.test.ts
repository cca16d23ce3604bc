// What a start has instead of the instruction table and the families of system calls says the same.
import { FAMILIES, familyOf } from '../../syscalls/families.js'
import { flowsOf } from '../x86/flows.js'
import { parse } from '../x86/form.js'
import { rowOf } from '../x86/rows.js'
import { allForms, formsByOpcode } from '../x86/table.js'
import { preparedFamilies } from './prepared-families.js'
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

test('prepared families have the calls that they have', () => {
  const prepared = evaluated(preparedFamilies(), '{ FAMILIES, familyOf }') as {
    FAMILIES: typeof FAMILIES
    familyOf: typeof familyOf
  }
  expect(prepared.FAMILIES.map(({ name }) => name)).toEqual(FAMILIES.map(({ name }) => name))
  for (let number = 0; number < 512; number++) expect(prepared.familyOf(number)).toBe(familyOf(number))
})
