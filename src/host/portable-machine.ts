// What Node knows of clocks, the machine and this process, as the records of src/abi. Each function fills its record and answers 0 or a negative errno.
import os from 'node:os'
import { E } from '../abi/errno.js'
import type { ResourceUsage } from '../abi/resource.js'
import type { SystemInfo } from '../abi/sysinfo.js'
import { CLOCK } from '../abi/time.js'
import type { SystemName } from '../abi/utsname.js'

/** What a program of Linux is told of a machine that is none: it looks for features by this number. */
const RELEASE_ELSEWHERE = '6.1.0'

export function readClock(clock: number, out: Float64Array): number {
  if (clock === CLOCK.REALTIME || clock === CLOCK.REALTIME_COARSE) {
    const milliseconds = Date.now()
    out[0] = Math.floor(milliseconds / 1000)
    out[1] = (milliseconds % 1000) * 1e6
    return 0
  }
  if (clock === CLOCK.PROCESS_CPUTIME_ID || clock === CLOCK.THREAD_CPUTIME_ID) {
    const { user, system } = process.cpuUsage()
    out[0] = Math.floor((user + system) / 1e6)
    out[1] = ((user + system) % 1e6) * 1000
    return 0
  }
  if (clock < 0 || clock > CLOCK.TAI) return -E.INVAL
  const [sec, nsec] = process.hrtime()
  out[0] = sec
  out[1] = nsec
  return 0
}

export function readResources(out: SystemInfo): number {
  out.uptimeSec = Math.floor(os.uptime())
  os.loadavg().forEach((load, index) => {
    out.loads[index] = Math.round(load * 65536)
  })
  out.totalRam = os.totalmem()
  out.freeRam = os.freemem()
  out.sharedRam = out.bufferRam = out.totalSwap = out.freeSwap = out.procs = 0
  return 0
}

export function readSystem(out: SystemName): number {
  const isLinux = process.platform === 'linux'
  out.sysname = 'Linux'
  out.nodename = os.hostname()
  out.release = isLinux ? os.release() : RELEASE_ELSEWHERE
  out.version = os.version()
  out.machine = isLinux ? os.machine() : 'x86_64'
  out.domainname = '(none)'
  return 0
}

export function readUsage(out: ResourceUsage): number {
  const usage = process.resourceUsage()
  out.userSec = Math.floor(usage.userCPUTime / 1e6)
  out.userUsec = usage.userCPUTime % 1e6
  out.systemSec = Math.floor(usage.systemCPUTime / 1e6)
  out.systemUsec = usage.systemCPUTime % 1e6
  out.maxRssKib = usage.maxRSS
  out.minorFaults = usage.minorPageFault
  out.majorFaults = usage.majorPageFault
  out.inBlocks = usage.fsRead
  out.outBlocks = usage.fsWrite
  out.voluntarySwitches = usage.voluntaryContextSwitches
  out.involuntarySwitches = usage.involuntaryContextSwitches
  return 0
}
