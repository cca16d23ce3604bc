// The worker that runs the guest under `--host portable`, whose main thread must serve its event loop meanwhile: portable-run.ts.
import { parentPort, workerData } from 'node:worker_threads'
import { runGuest } from './guest-run.js'
import { type GuestInput, STACK_BYTES } from './guest-thread.js'

void runGuest(workerData as GuestInput, {
  stackBytes: STACK_BYTES,
  hub: Promise.resolve(undefined),
  startVcpu: (vcpu) => parentPort?.postMessage(vcpu),
  startTicks: null,
  tell: (message) => parentPort?.postMessage(message),
  turn: null,
})
