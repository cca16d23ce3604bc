// How V8 sees the bundle that cached-start.ts runs. bundle.ts makes it so, and checks the code cache with it.

/** The cache keeps this name, wherever the package is then installed. */
export const BUNDLE_NAME = 'dist/start/cli/bundled.js'

/** The bundle is one function: it is run as it is, since a text put together again would be copied. */
export const wrapped = (bundle: string): string => `(function (module, require, __filename, preparedHub) {${bundle}\n})`
