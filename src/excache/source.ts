// What the ExCache asks of the processor: which memory backs a page, and moving lines to and from its owner. Calls
// are made with the ExCache's lock held, except fetch and onCodeWrite; the others must not call the ExCache back.

/** Answer of `LineSource.resolve`; one object per ExCache, overwritten by each call. */
export class Resolution {
  /** zero: never backed; fetch: the memory manager has the bytes (or answers zeros). */
  kind: 'fault' | 'zero' | 'fetch' = 'fault'
  /** 0: private memory of the address space, and `page` is ignored. */
  object = 0
  /** Page of the object. */
  page = 0
  /** R 1, W 2, X 4. */
  prot = 0
  /** Linux signal number and si_code of a fault. */
  signal = 0
  code = 0
}

export type LineSource = {
  /** Cheap and local: the mirror of the vma list. A disallowed access is kind 'fault', with signal and code. */
  resolve(asid: number, page: number, access: number, out: Resolution): void
  /**
   * Brings a page to host offset `into` of the memory; a page never written back is zeros. `space` is an asid or
   * -(object id). Not under the lock. Returns 0, or non-zero with signal and code in `out` (SIGBUS past a file's end).
   */
  fetch(space: number, page: number, into: number, out: Resolution): number
  /** Takes the 4 KiB at host offset `from`, synchronously; may concern any space, also another vCPU's. */
  writeBack(space: number, page: number, from: number): void
  /**
   * A write is about to reach a line marked CODE: drop what was translated from it. Not under the lock; the mark is
   * already gone. True makes the access a RETRY, since the code that is running may be what was dropped. False: there
   * was nothing (marks of evicted lines are remembered inexactly), and the write goes on.
   */
  onCodeWrite(asid: number, page: number, space: number): boolean
}
