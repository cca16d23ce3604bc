// Bytes as strace(1) shows strings: in quotes, C escapes, what is not printable in octal, three dots where it was cut.
//   quote(bytes)  "a\n\0"    quote(bytes, { hex: true })  "\x61\x0a\x00"

/** Bytes of a string that are shown (strace -s). */
export const SHOWN_BYTES = 32

const ESCAPES: Readonly<Record<number, string>> = {
  9: '\\t',
  10: '\\n',
  11: '\\v',
  12: '\\f',
  13: '\\r',
  34: '\\"',
  92: '\\\\',
}

const isOctalDigit = (byte: number | undefined): boolean => byte !== undefined && byte >= 48 && byte <= 55

/** An octal escape is as short as what follows allows. */
function escaped(byte: number, next: number | undefined): string {
  const known = ESCAPES[byte]
  if (known !== undefined) return known
  if (byte >= 32 && byte < 127) return String.fromCharCode(byte)
  const octal = byte.toString(8)
  return `\\${isOctalDigit(next) ? octal.padStart(3, '0') : octal}`
}

const inHex = (byte: number): string => `\\x${byte.toString(16).padStart(2, '0')}`

/** `cut`: there is more than these bytes. */
export function quote(bytes: Uint8Array, { cut = false, hex = false } = {}): string {
  const text = Array.from(bytes, (byte, at) => (hex ? inHex(byte) : escaped(byte, bytes[at + 1]))).join('')
  return `"${text}"${cut ? '...' : ''}`
}
