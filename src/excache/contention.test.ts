// Two worker threads over one small cache, from the compiled sources: `npm test` builds them first.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { makeOptions } from './model.cases.js'

const compiled = join(__dirname, '../../dist/src/excache/excache.js')
const PAGES = 48
const ROUNDS = 20000

/**
 * Each vCPU counts in its own word of every page. A stale fetch, a lost write-back or a frame reused too early loses
 * counts. The manager is one shared array; a fetch takes a while, so that the vCPUs meet at PENDING lines.
 */
const source = `
const { workerData, parentPort } = require('node:worker_threads')
const { options, store, vcpu, pages, rounds, compiled } = workerData
import('file://' + compiled).then(({ ExCache, READ, WRITE, RETRY }) => {
  const bytes = new Uint8Array(options.memory.buffer)
  const words = new Int32Array(options.memory.buffer)
  const manager = new Uint8Array(store)
  let state = vcpu + 1
  const random = (below) => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff
    return (state >> 8) % below
  }
  let wanted = false
  const cache = new ExCache(options, {
    resolve(asid, page, access, out) {
      out.kind = 'fetch'
      out.prot = 3
      out.object = page >= 24 ? 5 : 0
      out.page = page
    },
    fetch(space, page, into) {
      for (let spin = random(300); spin > 0; spin--) Atomics.load(words, 0)
      bytes.set(manager.subarray(page * 4096, page * 4096 + 4096), into)
      return 0
    },
    writeBack(space, page, from) { manager.set(bytes.subarray(from, from + 4096), page * 4096) },
    onCodeWrite() { return true },
  }, () => { wanted = true })
  cache.leaveBlocked(vcpu)
  const counts = new Array(pages).fill(0)
  let held = []
  for (let round = 0; round < rounds; round++) {
    const hosts = []
    const chosen = Array.from({ length: 1 + random(3) }, () => random(pages))
    for (const page of chosen) {
      const host = cache.refill(vcpu, 1, page * 4096 + vcpu * 4, WRITE)
      if (host === RETRY) break
      if (host < 0) throw new Error('fault')
      hosts.push(host)
    }
    if (hosts.length < chosen.length) {
      held = []
      cache.safepoint(vcpu)
      round--
      continue
    }
    hosts.forEach((host, i) => { words[host >>> 2] += 1; counts[chosen[i]]++; held.push([host, chosen[i]]) })
    const [host, page] = held[random(held.length)]
    words[host >>> 2] += 1
    counts[page]++
    if (random(8) === 0 || wanted) {
      held = []
      wanted = false
      cache.safepoint(vcpu)
    }
    if (random(500) === 0) {
      held = []
      cache.enterBlocked(vcpu)
      Atomics.wait(words, 0, 0, 0.1)
      cache.leaveBlocked(vcpu)
    }
  }
  cache.enterBlocked(vcpu)
  parentPort.postMessage({ counts, counters: cache.counters() })
})`

test.each([
  { size: 16 * 4096, ways: 1, policy: 'fifo', vcpus: 2 },
  { size: 8 * 4096, ways: 4, policy: 'lru', vcpus: 2, limboFrames: 8 },
] as const)(
  'two threads lose no write in a small cache: %j',
  async (shape) => {
    if (!existsSync(compiled)) throw new Error('run npm run build first')
    const options = makeOptions(shape)
    const store = new SharedArrayBuffer(PAGES * 4096)
    const run = (vcpu: number) =>
      new Promise<{ counts: number[]; counters: Record<string, number> }>((resolve, reject) => {
        const workerData = { options, store, vcpu, pages: PAGES, rounds: ROUNDS, compiled }
        const worker = new Worker(source, { eval: true, workerData })
        worker.on('message', resolve)
        worker.on('error', reject)
      })
    const results = await Promise.all([run(0), run(1)])
    const { ExCache, READ } = await import('./excache.js')
    const manager = new Uint8Array(store)
    const bytes = new Uint8Array(options.memory.buffer)
    const words = new Int32Array(options.memory.buffer)
    const cache = new ExCache(
      options,
      {
        resolve(_asid, page, _access, out) {
          Object.assign(out, { kind: 'fetch', prot: 3, object: page >= 24 ? 5 : 0, page })
        },
        fetch(_space, page, into) {
          bytes.set(manager.subarray(page * 4096, page * 4096 + 4096), into)
          return 0
        },
        writeBack: (_space, page, from) => manager.set(bytes.subarray(from, from + 4096), page * 4096),
        onCodeWrite: () => true,
      },
      () => {},
    )
    for (let page = 0; page < PAGES; page++) {
      cache.safepoint(0)
      const host = cache.translate(0, 1, page * 4096, READ)
      expect([0, 1].map((vcpu) => words[host / 4 + vcpu])).toEqual(results.map(({ counts }) => counts[page]))
    }
    expect(results[0]!.counters.evictions).toBeGreaterThan(1000)
  },
  60000,
)
