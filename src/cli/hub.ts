// The interpreter, compiled on V8's own threads while this one goes on.
import { INTERPRETER_FILE } from '../engine/interpreter-file.js'
import { startFile } from './start-files.js'

/** Undefined where there is no such file: the engine then makes one. */
export async function compiledHub(): Promise<WebAssembly.Module | undefined> {
  try {
    return await WebAssembly.compile(startFile(INTERPRETER_FILE))
  } catch {
    return undefined
  }
}
