// What is in the bundle with the code cache (cached-start.ts): a whole `lego run`, and the guest's part of it for the worker of `--host portable`.
export { runGuest } from './guest-run.js'

export const start = (): Promise<unknown> => import('./main.js')
