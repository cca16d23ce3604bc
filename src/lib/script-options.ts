// Options of the project's own scripts (bench, fuzz): `scriptOptions(usage, { seed: { type: 'string' } })`. `--help` prints the usage and
// ends; an option that does not exist says so and ends with status 2. The `lego` command line has its own parser.

import { parseArgs } from 'node:util'

type Option = { readonly type: 'string'; readonly default?: string }
type Values<T> = { readonly [K in keyof T]: T[K] extends { readonly default: string } ? string : string | undefined }

/** @param args the process's own by default */
export function scriptOptions<T extends Record<string, Option>>(
  usage: string,
  options: T,
  args: readonly string[] = process.argv.slice(2),
): Values<T> {
  try {
    const { values } = parseArgs({ args: [...args], options: { ...options, help: { type: 'boolean', short: 'h' } } })
    if (!('help' in values && values.help)) return values as unknown as Values<T>
    console.log(usage)
    return process.exit(0)
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\n${usage}`)
    return process.exit(2)
  }
}
