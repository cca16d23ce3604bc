// Where build.ts leaves the hub module. Apart from the engine, for those who want the file without the engine.

export const INTERPRETER_FILE = new URL('./interpreter.wasm', import.meta.url)
