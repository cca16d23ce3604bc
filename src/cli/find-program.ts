// Which file a program's name means, as execvp(3): a name without a slash is looked for in the PATH of the guest's environment.
// With --root the search is inside the root.
import { accessSync, constants, statSync } from 'node:fs'
import { join } from 'node:path'
import type { RunOptions } from './run-options.js'

export function findProgram({ program, env, root }: RunOptions): string {
  if (program.includes('/')) return program
  const path = env.find((entry) => entry.startsWith('PATH='))?.slice('PATH='.length) ?? '/usr/bin:/bin'
  const found = path
    .split(':')
    .map((directory) => `${directory || '.'}/${program}`)
    .find((candidate) => isProgram(root === null ? candidate : join(root, candidate)))
  return found ?? program
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}
