// The interpreter, compiled on V8's own threads while this one goes on.
import { closeSync, openSync } from 'node:fs'
import { INTERPRETER_FILE } from '../engine/interpreter-file.js'
import { startFile } from './start-files.js'

/** Undefined where there is no such file: the engine then makes one. */
export async function compiledHub(): Promise<WebAssembly.Module | undefined> {
  try {
    const fd = openSync(INTERPRETER_FILE, 'r')
    const bytes = startFile(fd)
    closeSync(fd)
    return await WebAssembly.compile(bytes)
  } catch {
    return undefined
  }
}
