// koffi, which calls C: what is used of it. `loadKoffi()` throws where its native part is missing.
import { createRequire } from 'node:module'

export type NativeArgument = number | bigint | string | ArrayBufferView | null
export type NativeCall = (...args: NativeArgument[]) => number

export interface Koffi {
  load(path: string | null): { func(name: string, result: string, args: readonly string[]): NativeCall }
  errno(): number
  address(view: ArrayBufferView): bigint
  /** The bytes at an address of the host's. */
  view(address: number | bigint, length: number): ArrayBuffer
}

/** Its native part by itself, which is loaded in half the time; koffi knows where else it may be. */
export function loadKoffi(): Koffi {
  const load = createRequire(import.meta.url)
  const { platform, arch } = process
  try {
    return load(`@koromix/koffi-${platform}-${arch}/${platform}_${arch}/koffi.node`) as Koffi
  } catch {
    return load('koffi') as Koffi
  }
}
