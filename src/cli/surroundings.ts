// What the surroundings of a run do not give: memory, descriptors, threads, a current directory. It is one line; anything else is a bug and keeps its stack.
//   worker.on('error', endWithoutThem)
import { writeSync } from 'node:fs'

/** The machine itself could not be put together. */
export const NOT_STARTED = 125
const CODES: ReadonlySet<string | undefined> = new Set(['ERR_WORKER_INIT_FAILED', 'EMFILE', 'ENFILE', 'ENOMEM'])

export function isRefusal({ code, message }: Error & { code?: string }): boolean {
  return CODES.has(code) || message.endsWith(', uv_cwd') || message.endsWith('could not allocate memory')
}

/** For a thread that could not be started. */
export function endWithoutThem(error: Error): void {
  if (!isRefusal(error)) throw error
  writeSync(2, `lego: ${error.message}\n`)
  process.exit(NOT_STARTED)
}
