// File names as text. Linux names are bytes; those that are no UTF-8 keep their odd bytes as lone surrogates (U+DC80 + byte - 0x80), so that a
// name goes through text unharmed: bytesOfPath(textOfPath(bytes)) has the same bytes.
const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const encoder = new TextEncoder()
const ESCAPED = /[\udc80-\udcff]/u
const ESCAPE_BASE = 0xdc00

export function textOfPath(bytes: Uint8Array): string {
  try {
    return strict.decode(bytes)
  } catch {
    return escaped(bytes)
  }
}

/** Piece by piece: the longest valid sequence at each place, else one escaped byte. */
function escaped(bytes: Uint8Array): string {
  let text = ''
  for (let at = 0; at < bytes.length; ) {
    const length = sequenceLength(bytes, at)
    text +=
      length === 0 ? String.fromCharCode(ESCAPE_BASE + bytes[at]!) : strict.decode(bytes.subarray(at, at + length))
    at += Math.max(1, length)
  }
  return text
}

/** Bytes of the valid UTF-8 character at `at`; 0 for none. */
function sequenceLength(bytes: Uint8Array, at: number): number {
  const first = bytes[at]!
  const length = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0
  if (length === 0 || at + length > bytes.length) return 0
  try {
    strict.decode(bytes.subarray(at, at + length))
    return length
  } catch {
    return 0
  }
}

/** True when the text has bytes that are no UTF-8. */
export const hasEscapes = (text: string): boolean => ESCAPED.test(text)

export function bytesOfPath(text: string): Uint8Array {
  if (!hasEscapes(text)) return encoder.encode(text)
  const bytes: number[] = []
  for (const character of text) {
    const code = character.charCodeAt(0)
    if (character.length === 1 && code >= 0xdc80 && code <= 0xdcff) bytes.push(code - ESCAPE_BASE)
    else bytes.push(...encoder.encode(character))
  }
  return Uint8Array.from(bytes)
}
