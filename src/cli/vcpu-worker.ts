// The worker of one more vCPU: an engine over the processor's memory. Started by run.ts when the guest has threads; ends with the process.
import { randomFillSync } from 'node:crypto'
import { writeSync } from 'node:fs'
import { workerData } from 'node:worker_threads'
import { Engine } from '../engine/engine.js'
import { CONTROL, CONTROL_BASE } from '../processor/layout.js'
import { RemoteVcpu } from '../processor/remote-vcpu.js'
import type { WorkerInput } from './processor-worker.js'
import { cpuOf } from './run-options.js'

export interface VcpuInput extends WorkerInput {
  readonly vcpu: number
}

const ONE = new Uint8Array([1, 0, 0, 0, 0, 0, 0, 0])

const { options, cache, memory, vcpu } = workerData as VcpuInput
const words = new Int32Array(memory.buffer)
const hot = options.hot === null ? {} : { hotThreshold: options.hot }

new RemoteVcpu({
  memory,
  cache,
  vcpu,
  makeEngine: (parts) => new Engine({ ...parts, tier: options.engine, cpu: cpuOf(options), ...hot }),
  wakeHome: () => void writeSync(Atomics.load(words, (CONTROL_BASE >> 2) + CONTROL.EVENTFD), ONE),
  entropy: (into) => void randomFillSync(into),
  monotonicNsec() {
    const [sec, nsec] = process.hrtime()
    return sec * 1e9 + nsec
  },
}).run()
