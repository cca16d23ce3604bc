// Which `Host` a run is on: `chooseHost('linux', …)` makes native calls through koffi, 'portable' uses Node alone, in a worker;
// the main thread's side of that one is portable-main.ts.
import type { Host } from '../host/host.js'
import { linuxHost } from '../host/linux.js'
import type { PortableLink } from '../host/portable-link.js'
import type { HostName, PortableMessage } from './run-options.js'

/** What the main thread gives the portable host. */
export interface PortableSetting {
  readonly link: PortableLink
  readonly umask: number
}

/** Throws a line for the user where it cannot be had. */
export class NoHost extends Error {}

export async function chooseHost(
  name: HostName,
  setting: PortableSetting | null,
  tell: (message: PortableMessage) => void,
): Promise<Host> {
  if (name === 'linux') return nativeHost()
  const { portableHost } = await import('../host/portable.js')
  if (setting === null) return portableHost()
  const { link, umask } = setting
  return portableHost({
    main: { link, ask: (ask) => tell({ ask }) },
    umask,
    die: (die) => tell({ die }),
  })
}

/** koffi is an optional package: its native part may be missing. */
export function nativeHost(): Host {
  try {
    return linuxHost()
  } catch (error) {
    const reason = (error as Error).message.split('\n', 1)[0]
    throw new NoHost(`native calls cannot be made here (${reason}); --host portable does without them`)
  }
}
