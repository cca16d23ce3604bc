// struct sysinfo of sysinfo(2) (linux/sysinfo.h), 112 bytes.
// Sizes are bytes (mem_unit is 1); loads are fixed point with 16 fraction bits.

import { readSigned, readUnsigned, writeWord } from './word.js'

export interface SystemInfo {
  uptimeSec: number
  /** 1, 5 and 15 minutes. */
  loads: [number, number, number]
  totalRam: number
  freeRam: number
  sharedRam: number
  bufferRam: number
  totalSwap: number
  freeSwap: number
  procs: number
}

export const SYSINFO_SIZE = 112
const SYSINFO = {
  UPTIME: 0,
  LOADS: 8,
  TOTALRAM: 32,
  FREERAM: 40,
  SHAREDRAM: 48,
  BUFFERRAM: 56,
  TOTALSWAP: 64,
  FREESWAP: 72,
  PROCS: 80,
  TOTALHIGH: 88,
  FREEHIGH: 96,
  MEM_UNIT: 104,
} as const

export function newSystemInfo(): SystemInfo {
  return {
    uptimeSec: 0,
    loads: [0, 0, 0],
    totalRam: 0,
    freeRam: 0,
    sharedRam: 0,
    bufferRam: 0,
    totalSwap: 0,
    freeSwap: 0,
    procs: 0,
  }
}

export function writeSystemInfo(view: DataView, at: number, info: SystemInfo): void {
  writeWord(view, at + SYSINFO.UPTIME, info.uptimeSec)
  info.loads.forEach((load, index) => {
    writeWord(view, at + SYSINFO.LOADS + 8 * index, load)
  })
  writeWord(view, at + SYSINFO.TOTALRAM, info.totalRam)
  writeWord(view, at + SYSINFO.FREERAM, info.freeRam)
  writeWord(view, at + SYSINFO.SHAREDRAM, info.sharedRam)
  writeWord(view, at + SYSINFO.BUFFERRAM, info.bufferRam)
  writeWord(view, at + SYSINFO.TOTALSWAP, info.totalSwap)
  writeWord(view, at + SYSINFO.FREESWAP, info.freeSwap)
  writeWord(view, at + SYSINFO.PROCS, info.procs & 0xffff)
  writeWord(view, at + SYSINFO.TOTALHIGH, 0)
  writeWord(view, at + SYSINFO.FREEHIGH, 0)
  writeWord(view, at + SYSINFO.MEM_UNIT, 1)
}

export function readSystemInfo(view: DataView, at: number, out: SystemInfo): void {
  const unit = view.getUint32(at + SYSINFO.MEM_UNIT, true)
  out.uptimeSec = readSigned(view, at + SYSINFO.UPTIME)
  for (let i = 0; i < 3; i++) out.loads[i] = readUnsigned(view, at + SYSINFO.LOADS + 8 * i)
  out.totalRam = readUnsigned(view, at + SYSINFO.TOTALRAM) * unit
  out.freeRam = readUnsigned(view, at + SYSINFO.FREERAM) * unit
  out.sharedRam = readUnsigned(view, at + SYSINFO.SHAREDRAM) * unit
  out.bufferRam = readUnsigned(view, at + SYSINFO.BUFFERRAM) * unit
  out.totalSwap = readUnsigned(view, at + SYSINFO.TOTALSWAP) * unit
  out.freeSwap = readUnsigned(view, at + SYSINFO.FREESWAP) * unit
  out.procs = view.getUint16(at + SYSINFO.PROCS, true)
}
