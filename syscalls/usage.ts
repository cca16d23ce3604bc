// What a process has used, as struct rusage and struct tms tell it: CPU time, all of it as the program's own, and memory. No rows here.
import { newResourceUsage, RUSAGE_SIZE, writeResourceUsage } from '../src/abi/resource.js'
import type { Process } from '../src/processor/process.js'
import type { Task } from '../src/processor/task.js'

const PAGE = 4096
const PAGES_END = 2 ** 35
const usage = newResourceUsage()

/** Nanoseconds of a process itself, or of the children that it has waited for, with theirs. */
export const usedNsec = ({ kernel }: Task, process: Process, ofChildren: boolean): number =>
  ofChildren ? process.cpuTime.childrenNsec : kernel.scheduler.cpuNsec(process)

/** Writes a struct rusage; 0 or an errno. */
export function writeUsage(task: Task, address: number, nsec: number, rssBytes: number): number {
  const { scratch } = task.memory
  const sec = Math.floor(nsec / 1e9)
  Object.assign(usage, { userSec: sec, userUsec: Math.floor((nsec - sec * 1e9) / 1000), maxRssKib: rssBytes / 1024 })
  writeResourceUsage(scratch, 0, usage)
  return task.memory.store(address, RUSAGE_SIZE)
}

/** Bytes that have lines in the ExCache. */
export const residentBytes = ({ kernel, space }: Task): number => kernel.cache.linesOf(space.asid, 0, PAGES_END) * PAGE

/** A child's end has been told to its parent, which answers for its time from now on. */
export function inherit(parent: Process, { cpuTime }: Process): void {
  parent.cpuTime.childrenNsec += cpuTime.consumedNsec + cpuTime.childrenNsec
}
