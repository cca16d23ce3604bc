// The worker of one more vCPU: an engine over the processor's memory. Started by run.ts when the guest has threads; ends with the process.
import { randomFillSync } from 'node:crypto'
import { workerData } from 'node:worker_threads'
import { Engine } from '../engine/engine.js'
import { RemoteVcpu } from '../processor/remote-vcpu.js'
import { tellStarted } from './descriptor-reserve.js'
import type { GuestInput } from './guest-thread.js'
import { cpuOf } from './run-options.js'
import { wakeHome } from './wake-home.js'

export interface VcpuInput extends GuestInput {
  readonly vcpu: number
}

const { options, cache, memory, vcpu, portable } = workerData as VcpuInput
const words = new Int32Array(memory.buffer)
tellStarted(words)
const hot = options.hot === null ? {} : { hotThreshold: options.hot }

new RemoteVcpu({
  memory,
  cache,
  vcpu,
  makeEngine: (parts) => new Engine({ ...parts, tier: options.engine, cpu: cpuOf(options), ...hot }),
  wakeHome: () => wakeHome(words, portable),
  entropy: (into) => void randomFillSync(into),
  monotonicNsec() {
    const [sec, nsec] = process.hrtime()
    return sec * 1e9 + nsec
  },
}).run()
