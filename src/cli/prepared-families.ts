// Which family has which system call, as a start wants it: the families themselves are loaded when they are met. bundle.ts puts this in the place of
// an import.
import { FAMILIES, indices } from '../../syscalls/families.js'

/** Instead of table.ts's import of families.ts. */
export function preparedFamilies(): string {
  const loaders = FAMILIES.map(({ name }) => `{ name: '${name}', rows: () => require('./${name}.js') }`)
  return `const FAMILIES = [${loaders.join(', ')}]
const INDICES = ${JSON.stringify(Object.fromEntries(indices))}
const familyOf = (number) => INDICES[number]`
}
