// struct new_utsname of uname(2) (linux/utsname.h): six fields of 65 bytes.
// Leaves out the older, shorter layouts.

import { writeText } from './word.js'

export interface SystemName {
  sysname: string
  nodename: string
  release: string
  version: string
  machine: string
  domainname: string
}

const FIELD_SIZE = 65
const FIELDS = ['sysname', 'nodename', 'release', 'version', 'machine', 'domainname'] as const
export const UTSNAME_SIZE = FIELD_SIZE * FIELDS.length

export function writeSystemName(view: DataView, at: number, name: SystemName): void {
  FIELDS.forEach((field, index) => {
    writeText(view, at + index * FIELD_SIZE, FIELD_SIZE, name[field])
  })
}

export function readSystemName(bytes: Uint8Array): SystemName {
  const text = (index: number): string => {
    const field = bytes.slice(index * FIELD_SIZE, (index + 1) * FIELD_SIZE)
    const end = field.indexOf(0)
    return new TextDecoder().decode(end < 0 ? field : field.subarray(0, end))
  }
  return {
    sysname: text(0),
    nodename: text(1),
    release: text(2),
    version: text(3),
    machine: text(4),
    domainname: text(5),
  }
}
