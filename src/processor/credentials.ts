// Who a process acts for (credentials(7)). A guest's ids are the host's ids: the thread that makes the guest's calls takes the ids of the process it makes
// them for, so that the host's own permissions decide. Only where lego runs as the superuser can they be other users' ids than the one that started it.
import type { Host } from '../host/host.js'

export interface UserIds {
  readonly uid: number
  readonly euid: number
  readonly suid: number
  readonly fsuid: number
}

export interface GroupIds {
  readonly gid: number
  readonly egid: number
  readonly sgid: number
  readonly fsgid: number
}

/** Never changed, only replaced: with new ids, and for each process and program (prepare_creds, kernel/cred.c). */
export interface Credentials extends UserIds, GroupIds {
  readonly groups: readonly number[]
  /** Capabilities of the superuser here: bits 0 to 31, and from 32 on. */
  readonly superLow: number
  readonly superHigh: number
}

export const CAP = {
  DAC_READ_SEARCH: 2,
  SETGID: 6,
  SETUID: 7,
  IPC_LOCK: 14,
  SYS_ADMIN: 21,
  SYS_NICE: 23,
  SYS_RESOURCE: 24,
} as const

/** What lego itself was started with. */
export function hostCredentials(host: Host): Credentials {
  const [uid, euid, gid, egid] = [host.getuid(), host.geteuid(), host.getgid(), host.getegid()]
  const [superLow, superHigh] = host.capabilities()
  return {
    ...{ uid, euid, suid: euid, fsuid: euid },
    ...{ gid, egid, sgid: egid, fsgid: egid },
    groups: host.getgroups(),
    superLow,
    superHigh,
  }
}

/** Whether an effective set has a capability: all that lego has, for an effective superuser; none for others (capabilities(7), without file ones). */
export function hasCapability({ euid, superLow, superHigh }: Credentials, capability: number): boolean {
  if (euid !== 0) return false
  return ((capability < 32 ? superLow >>> capability : superHigh >>> (capability - 32)) & 1) !== 0
}

/** After execve(2): the saved ids follow. */
export const afterExec = (credentials: Credentials): Credentials => ({
  ...credentials,
  suid: credentials.euid,
  fsuid: credentials.euid,
  sgid: credentials.egid,
  fsgid: credentials.egid,
})

/** The ids of the thread that makes the host's calls. */
export class Identity {
  readonly #host: Host
  /** Those of the first process as it starts, which are the host's. */
  #own: Credentials | null = null
  #assumed: Credentials | null = null
  #isOwn = true

  constructor(host: Host) {
    this.#host = host
  }

  /** Before a call for a process. Costs one comparison while nobody has changed ids. */
  assume(credentials: Credentials): void {
    if (credentials === this.#assumed) return
    if (this.#own === null || this.#assumed === null) {
      this.#own = credentials
      this.#assumed = credentials
      return
    }
    const before = this.#assumed
    this.#assumed = credentials
    const { uid, fsuid, gid, fsgid, groups } = credentials
    const sameIds = before.uid === uid && before.fsuid === fsuid && before.gid === gid && before.fsgid === fsgid
    if (sameIds && before.groups === groups) return
    // Without the right to change them, ids only move among those that the host has anyway.
    if (this.#isOwn && this.#host.geteuid() !== 0) return
    this.#isOwn = false
    this.#host.assumeIds(uid, fsuid, gid, fsgid, groups)
  }

  /** A call with the ids, and so all the rights, that lego was started with: for what the kernel itself does in a process's name. */
  asOurselves<T>(call: () => T): T {
    const guest = this.#assumed
    if (guest === null || this.#own === null || this.#isOwn) return call()
    this.assume(this.#own)
    const result = call()
    this.assume(guest)
    return result
  }
}
