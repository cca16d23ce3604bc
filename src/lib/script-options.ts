// Options of the project's own scripts (bench, fuzz): `scriptOptions(usage, { seed: { type: 'string' } })`. `--help` prints the usage and
// ends; an option that does not exist says so and ends with status 2. The `lego` command line has its own parser.

import { type ParseArgsConfig, parseArgs } from 'node:util'

type Options = NonNullable<ParseArgsConfig['options']>

export function scriptOptions<T extends Options>(usage: string, options: T) {
  try {
    const { values } = parseArgs({ options: { ...options, help: { type: 'boolean', short: 'h' } } })
    if (!('help' in values && values.help)) return values
    console.log(usage)
    return process.exit(0)
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\n${usage}`)
    return process.exit(2)
  }
}
