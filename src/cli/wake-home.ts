// Ends the home vCPU's sleep from another thread: by the eventfd that it polls, or on the portable host by the word that it waits for.
import { writeSync } from 'node:fs'
import { wake } from '../host/portable-link.js'
import { CONTROL, CONTROL_BASE } from '../processor/layout.js'
import type { PortableSetting } from './choose-host.js'

const ONE = new Uint8Array([1, 0, 0, 0, 0, 0, 0, 0])

export function wakeHome(words: Int32Array, portable: PortableSetting | null): void {
  if (portable !== null) {
    wake(portable.link)
    return
  }
  const eventfd = Atomics.load(words, (CONTROL_BASE >> 2) + CONTROL.EVENTFD)
  if (eventfd > 0) writeSync(eventfd, ONE)
}
