// What builds code, and what it reads the instructions' meaning from: half of lego, and nothing that a short run needs. A script of its own, which is
// loaded with the first region (cached-start.ts).
export { buildInterpreter } from '../engine/interpreter.js'
export { planRegion } from '../engine/regions/compile.js'
export { rowOf } from '../x86/rows.js'
