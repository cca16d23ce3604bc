// 64-bit fields of Linux structures as plain numbers: exact between -2^53 and 2^53, two 32-bit halves in memory, little-endian.
// Values beyond that (a whole register, an infinite limit) are written and read as halves by the caller.

const TWO_32 = 4294967296

/** Writes an i64 or u64; negative numbers come out in two's complement. */
export function writeWord(view: DataView, at: number, value: number): void {
  view.setUint32(at, value >>> 0, true)
  view.setInt32(at + 4, Math.floor(value / TWO_32) | 0, true)
}

/** Reads an i64. */
export function readSigned(view: DataView, at: number): number {
  return view.getInt32(at + 4, true) * TWO_32 + view.getUint32(at, true)
}

/** Reads a u64. */
export function readUnsigned(view: DataView, at: number): number {
  return view.getUint32(at + 4, true) * TWO_32 + view.getUint32(at, true)
}

/** Writes text as UTF-8, cut to `size` - 1 bytes, with zeros behind it. */
export function writeText(view: DataView, at: number, size: number, text: string): void {
  const bytes = new TextEncoder().encode(text)
  for (let i = 0; i < size; i++) view.setUint8(at + i, i < size - 1 ? (bytes[i] ?? 0) : 0)
}
