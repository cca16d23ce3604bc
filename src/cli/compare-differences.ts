// What differs between two observations, and how to show it to a person: the lines (or, for what is not text, the bytes)
// around the first place where they part. Leaves out a minimal diff: everything from first to last difference is shown.

import type { LeftFile, Observation } from './compare-observe.js'

export interface Difference {
  /** `stdout`, `stderr`, `end`, or `file NAME`. */
  readonly what: string
  /** For a person; `-` is native, `+` is lego. */
  readonly lines: readonly string[]
}

const linesShown_max = 10
const lineLength_max = 200

const isText = (bytes: Buffer): boolean => !bytes.includes(0) && Buffer.from(bytes.toString('utf8')).equals(bytes)

/** Length of the common beginning. */
function commonPrefix<Item>(a: ArrayLike<Item>, b: ArrayLike<Item>): number {
  let length = 0
  while (length < a.length && length < b.length && a[length] === b[length]) length++
  return length
}

function textDifference(native: string, lego: string): readonly string[] {
  const [a, b] = [native.split('\n'), lego.split('\n')]
  const start = commonPrefix(a, b)
  const tail = Math.min(commonPrefix([...a].reverse(), [...b].reverse()), a.length - start, b.length - start)
  const show = (sign: string, all: readonly string[]): string[] => {
    const part = all.slice(start, all.length - tail)
    const shown = part.slice(0, linesShown_max).map((line) => `  ${sign} ${line.slice(0, lineLength_max)}`)
    return part.length > linesShown_max ? [...shown, `  ${sign} and ${part.length - linesShown_max} lines more`] : shown
  }
  return [`from line ${start + 1}:`, ...show('-', a), ...show('+', b)]
}

function bytesDifference(native: Buffer, lego: Buffer): readonly string[] {
  const at = commonPrefix(native, lego)
  const show = (bytes: Buffer): string =>
    bytes
      .subarray(at, at + 16)
      .toString('hex')
      .replace(/../g, '$& ')
      .trimEnd() || 'ends'
  return [`from byte ${at} (${native.length} and ${lego.length} bytes):`, `  - ${show(native)}`, `  + ${show(lego)}`]
}

function contentDifference(what: string, native: Buffer, lego: Buffer): Difference[] {
  if (native.equals(lego)) return []
  const text = isText(native) && isText(lego)
  return [{ what, lines: text ? textDifference(native.toString(), lego.toString()) : bytesDifference(native, lego) }]
}

function fileDifference(name: string, native: LeftFile | undefined, lego: LeftFile | undefined): Difference[] {
  const what = `file ${name}`
  if (!native) return [{ what, lines: ['only lego left it'] }]
  if (!lego) return [{ what, lines: ['only the native run left it'] }]
  if (native.mode !== lego.mode)
    return [{ what, lines: [`mode ${native.mode.toString(8)} natively, ${lego.mode.toString(8)} under lego`] }]
  return contentDifference(what, native.content, lego.content)
}

/** lego's own report of a guest killed by a fault; natively that is the shell's business. */
export function withoutCrashReport(stderr: string): string {
  return stderr.replace(/^lego: .*\n(?:[ \t].*\n)*/gm, '')
}

export function differences(native: Observation, lego: Observation): readonly Difference[] {
  const legoStderr =
    lego.signal === null ? lego.stderr : Buffer.from(withoutCrashReport(lego.stderr.toString('latin1')), 'latin1')
  const names = [...new Set([...native.files.keys(), ...lego.files.keys()])].sort()
  return [
    ...contentDifference('stdout', native.stdout, lego.stdout),
    ...contentDifference('stderr', native.stderr, legoStderr),
    ...(native.end === lego.end ? [] : [{ what: 'end', lines: [`  - ${native.end}`, `  + ${lego.end}`] }]),
    ...names.flatMap((name) => fileDifference(name, native.files.get(name), lego.files.get(name))),
  ]
}
