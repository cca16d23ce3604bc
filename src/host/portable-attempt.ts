// Node's exceptions as errnos: `attempt(() => fs.mkdirSync(path))` is 0, the call's number, or a negative errno.
import { E, errnoByName } from '../abi/errno.js'

/** What Node names otherwise than Linux: its own checks of arguments, and libuv's word for what Windows has no errno for. */
const OTHER_NAMES: Readonly<Record<string, number>> = {
  ERR_INVALID_ARG_VALUE: E.INVAL,
  ERR_OUT_OF_RANGE: E.INVAL,
  ERR_FS_FILE_TOO_LARGE: E.FBIG,
  EOF: 0,
  UNKNOWN: E.IO,
}

/** Runs an fs call: its number, or 0 for any other result; its exception becomes a negative errno. */
export function attempt(action: () => unknown): number {
  try {
    const result = action()
    return typeof result === 'number' ? result : 0
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === undefined) throw error
    return -(OTHER_NAMES[code] ?? errnoByName(code) ?? E.IO)
  }
}
