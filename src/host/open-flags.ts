// Flags of open(2) between our numbering (x86-64 Linux, src/abi/fcntl.ts) and the machine's: O_DIRECTORY and others differ on AArch64 and macOS.
// Flags that Node's constants do not name (O_CLOEXEC, O_PATH) have one number on every Linux and pass unchanged.
import { constants } from 'node:fs'
import { O } from '../abi/fcntl.js'

const NAMES = [
  'CREAT',
  'EXCL',
  'NOCTTY',
  'TRUNC',
  'APPEND',
  'NONBLOCK',
  'DSYNC',
  'DIRECT',
  'DIRECTORY',
  'NOFOLLOW',
  'NOATIME',
] as const

const machineConstants: Readonly<Record<string, number | undefined>> = { ...constants }
/** Pairs that differ on this machine; empty on x86-64 Linux. */
const DIFFERENT = NAMES.map((name) => ({
  ours: O[name] as number,
  machine: machineConstants[`O_${name}`] ?? 0,
})).filter(({ ours, machine }) => ours !== machine)
const OUR_MASK = DIFFERENT.reduce((mask, { ours }) => mask | ours, 0)
const MACHINE_MASK = DIFFERENT.reduce((mask, { machine }) => mask | machine, 0)

export function openFlagsToMachine(flags: number): number {
  let result = flags & ~OUR_MASK
  for (const { ours, machine } of DIFFERENT) if (flags & ours) result |= machine
  return result
}

export function openFlagsFromMachine(flags: number): number {
  let result = flags & ~MACHINE_MASK
  for (const { ours, machine } of DIFFERENT) if (machine !== 0 && (flags & machine) === machine) result |= ours
  return result
}
