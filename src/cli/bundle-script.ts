// How V8 sees the scripts that cached-start.ts runs. bundle.ts makes them so, and checks their code caches with it.

/** `bundled`: what every run of a guest needs (bundled.ts); `code-builders`: what one that runs long needs besides (code-builders.ts). */
export type ScriptName = 'bundled' | 'code-builders'

/** The cache keeps this name, wherever the package is then installed. */
export const nameForV8 = (name: ScriptName): string => `dist/start/cli/${name}.js`

/** A script is one function: it is run as it is, since a text put together again would be copied. */
export const wrapped = (bundle: string): string => `(function (module, require, __filename, preparedHub) {${bundle}\n})`
