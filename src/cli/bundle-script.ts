// What cached-start.ts runs, as V8 sees it: the source around the bundle's text, and its name.
// bundle.ts checks the code cache with it.

/** The cache keeps this name, wherever the package is then installed. */
export const BUNDLE_NAME = 'dist/start/cli/guest.js'

export const wrapped = (bundle: string): string => `(function (module, require, __filename) {${bundle}\n})`
