// Build step: writes the hub module beside the compiled engine, so that a run need not make it. `node dist/src/engine/build.js`.

import { writeFileSync } from 'node:fs'
import { buildInterpreter } from './interpreter.js'

const bytes = buildInterpreter()
writeFileSync(new URL('./interpreter.wasm', import.meta.url), bytes)
console.log(`interpreter.wasm: ${bytes.length} bytes`)
