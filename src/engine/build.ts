// Build step: writes the hub module beside the compiled engine, so that a run need not make it. `node dist/src/engine/build.js`.

import { writeFileSync } from 'node:fs'
import { buildInterpreter } from './interpreter.js'
import { INTERPRETER_FILE } from './interpreter-file.js'

const bytes = buildInterpreter()
writeFileSync(INTERPRETER_FILE, bytes)
console.log(`interpreter.wasm: ${bytes.length} bytes`)
