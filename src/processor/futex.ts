// The queues of futex(2). A queue's key is where the word is: (address space, address), or (object, offset) for words in shared mappings, so that every
// alias of a page meets in one queue. Waiting and comparing happen on one vCPU without a guest instruction between.
import { MAP } from '../abi/mman.js'
import { vmaIndex } from '../wire/layout.js'
import type { Task } from './task.js'

interface Waiter {
  readonly task: Task
  space: number
  address: number
  readonly bits: number
}

export class Futexes {
  readonly #queues = new Map<number, Map<number, Waiter[]>>()
  readonly #waiting = new Map<Task, Waiter>()
  /** The key that `locate` found. */
  #space = 0
  #address = 0

  #locate(task: Task, address: number, shared: boolean): void {
    this.#space = task.space.asid
    this.#address = address
    if (!shared) return
    const vma = task.space.vmas[vmaIndex(task.space.vmas, address)]
    if (vma === undefined || vma.start > address || vma.object === 0 || (vma.flags & MAP.SHARED) === 0) return
    this.#space = -vma.object
    this.#address = vma.offset + (address - vma.start)
  }

  #queue(make: boolean): Waiter[] | undefined {
    let addresses = this.#queues.get(this.#space)
    if (addresses === undefined) {
      if (!make) return undefined
      addresses = new Map()
      this.#queues.set(this.#space, addresses)
    }
    let queue = addresses.get(this.#address)
    if (queue === undefined && make) {
      queue = []
      addresses.set(this.#address, queue)
    }
    return queue
  }

  wait(task: Task, address: number, shared: boolean, bits: number): void {
    this.#locate(task, address, shared)
    const waiter = { task, space: this.#space, address: this.#address, bits }
    this.#queue(true)?.push(waiter)
    this.#waiting.set(task, waiter)
  }

  /** The task no longer waits: woken, timed out or interrupted. */
  leave(task: Task): void {
    const waiter = this.#waiting.get(task)
    if (waiter === undefined) return
    this.#waiting.delete(task)
    const addresses = this.#queues.get(waiter.space)
    const queue = addresses?.get(waiter.address)
    if (addresses === undefined || queue === undefined) return
    queue.splice(queue.indexOf(waiter), 1)
    if (queue.length > 0) return
    addresses.delete(waiter.address)
    if (addresses.size === 0) this.#queues.delete(waiter.space)
  }

  /** Wakes up to `count` waiters whose bits meet `bits`; returns their number. */
  wake(task: Task, address: number, shared: boolean, count: number, bits: number): number {
    this.#locate(task, address, shared)
    const queue = this.#queue(false)
    if (queue === undefined) return 0
    let woken = 0
    for (const waiter of [...queue]) {
      if (woken >= count) break
      if ((waiter.bits & bits) === 0) continue
      woken++
      this.leave(waiter.task)
      waiter.task.wait.woken = true
      waiter.task.kernel.scheduler.wake(waiter.task)
    }
    return woken
  }

  /** FUTEX_REQUEUE: wakes some, moves up to `move` others to the second word. Returns how many of both. */
  requeue(task: Task, from: number, to: number, shared: boolean, wakeCount: number, move: number): [number, number] {
    const woken = this.wake(task, from, shared, wakeCount, -1)
    this.#locate(task, from, shared)
    const movers = this.#queue(false)?.slice(0, move) ?? []
    for (const { task: mover, bits } of movers) {
      this.leave(mover)
      this.#locate(task, to, shared)
      const waiter = { task: mover, space: this.#space, address: this.#address, bits }
      this.#queue(true)?.push(waiter)
      this.#waiting.set(mover, waiter)
    }
    return [woken, movers.length]
  }
}
