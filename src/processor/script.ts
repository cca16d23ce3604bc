// The `#!` line of a script, read as fs/binfmt_script.c does: one interpreter, at most one argument, which is the rest of the line.
// Only the first 256 bytes of the file count (BINPRM_BUF_SIZE).

const BUFFER_SIZE = 256
const HASH = 0x23
const BANG = 0x21
const NEWLINE = 10

export interface ScriptLine {
  /** Empty: the line names none. */
  readonly interpreter: Uint8Array
  readonly argument: Uint8Array | null
}

const isBlank = (byte: number | undefined): boolean => byte === 0x20 || byte === 0x09

/** Null when the file does not start with `#!`. */
export function parseScript(head: Uint8Array): ScriptLine | null {
  if (head[0] !== HASH || head[1] !== BANG) return null
  const limit = Math.min(head.length, BUFFER_SIZE)
  const newline = head.subarray(0, limit).indexOf(NEWLINE)
  let end = newline < 0 ? limit : newline
  const nul = head.subarray(0, end).indexOf(0)
  if (nul >= 0) end = nul
  let start = 2
  while (start < end && isBlank(head[start])) start++
  while (end > start && isBlank(head[end - 1])) end--
  let wordEnd = start
  while (wordEnd < end && !isBlank(head[wordEnd])) wordEnd++
  // A name that the buffer may have cut off is not trusted (ENOEXEC).
  if (newline < 0 && head.length > BUFFER_SIZE && wordEnd === limit)
    return { interpreter: new Uint8Array(0), argument: null }
  let rest = wordEnd
  while (rest < end && isBlank(head[rest])) rest++
  return { interpreter: head.slice(start, wordEnd), argument: rest < end ? head.slice(rest, end) : null }
}
