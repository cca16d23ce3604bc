// What differs between native runs and one under lego, and how to show it to a person. What differs between the native runs themselves is masked:
// words and lines of texts (compare-pattern.ts), bytes of what is not text, the way a run ends, names of files.

import type { LeftFile, Observation } from './compare-observe.js'
import { align, type Hunk, type Item, isAllowed, patternOf, showItem } from './compare-pattern.js'

export interface Difference {
  /** `stdout`, `stderr`, `end`, or `file NAME`. */
  readonly what: string
  /** For a person; `-` is native, `+` is lego. */
  readonly lines: readonly string[]
}

const linesShown_max = 10
const lineLength_max = 200

const isText = (bytes: Buffer): boolean => !bytes.includes(0) && Buffer.from(bytes.toString('utf8')).equals(bytes)

const linesOf = (bytes: Buffer): string[] => bytes.toString().split('\n')

/** `at line 7:`, then what should be there and what is. */
function showHunk({ items, lines, at }: Hunk): string[] {
  const show = (sign: string, part: readonly string[]): string[] => {
    const shown = part.slice(0, linesShown_max).map((line) => `  ${sign} ${line.slice(0, lineLength_max)}`)
    return part.length > linesShown_max ? [...shown, `  ${sign} and ${part.length - linesShown_max} lines more`] : shown
  }
  return [`from line ${at + 1}:`, ...show('-', items.map(showItem)), ...show('+', lines)]
}

function textDifference(natives: readonly Buffer[], lego: Buffer): string[] {
  const hunks = align(patternOf(natives.map(linesOf)), linesOf(lego)).filter((hunk) => !isAllowed(hunk))
  const shown = hunks.slice(0, linesShown_max).flatMap(showHunk)
  return hunks.length > linesShown_max ? [...shown, `and in ${hunks.length - linesShown_max} places more`] : shown
}

/** Bytes are compared where the native runs agree; runs of different lengths agree nowhere. */
function bytesDifference([native, ...others]: readonly Buffer[], lego: Buffer): string[] {
  if (native === undefined || others.some(({ length }) => length !== native.length)) return []
  const isStable = (at: number): boolean => others.every((other) => other[at] === native[at])
  const length = Math.max(native.length, lego.length)
  for (let at = 0; at < length; at++) {
    if (native[at] === lego[at] || !isStable(at)) continue
    const show = (bytes: Buffer): string =>
      bytes
        .subarray(at, at + 16)
        .toString('hex')
        .replace(/../g, '$& ')
        .trimEnd() || 'ends'
    return [`from byte ${at} (${native.length} and ${lego.length} bytes):`, `  - ${show(native)}`, `  + ${show(lego)}`]
  }
  return []
}

function contentDifference(what: string, natives: readonly Buffer[], lego: Buffer): Difference[] {
  if (natives.some((native) => native.equals(lego))) return []
  const text = isText(lego) && natives.every(isText)
  const lines = text ? textDifference(natives, lego) : bytesDifference(natives, lego)
  return lines.length === 0 ? [] : [{ what, lines }]
}

const isPresent = (file: LeftFile | undefined): file is LeftFile => file !== undefined

function fileDifference(
  name: string,
  natives: readonly (LeftFile | undefined)[],
  lego: LeftFile | undefined,
): Difference[] {
  const what = `file ${name}`
  const left = natives.filter(isPresent)
  if (!lego) return left.length < natives.length ? [] : [{ what, lines: ['only the native run left it'] }]
  const modes = left.map(({ mode }) => mode)
  if (!modes.includes(lego.mode) && new Set(modes).size === 1)
    return [{ what, lines: [`mode ${modes[0]!.toString(8)} natively, ${lego.mode.toString(8)} under lego`] }]
  return contentDifference(
    what,
    left.map(({ content }) => content),
    lego.content,
  )
}

/** Files that lego alone left, but for those with a name like the ones that each native run gave a name of its own. */
function extraFiles(natives: readonly Observation[], lego: Observation): Difference[] {
  const own = natives.map(({ files }) =>
    [...files.keys()].filter((name) => !natives.every((other) => other.files.has(name))).sort(),
  )
  const allowed: readonly Item[] = patternOf(own)
  return [...lego.files.keys()]
    .filter((name) => !natives.some(({ files }) => files.has(name)))
    .filter((name) => !allowed.some((item) => align([item], [name]).every(isAllowed)))
    .map((name) => ({ what: `file ${name}`, lines: ['only lego left it'] }))
}

/** lego's own report of a guest killed by a fault; natively that is the shell's business. */
export function withoutCrashReport(stderr: string): string {
  return stderr.replace(/^lego: .*\n(?:[ \t].*\n)*/gm, '')
}

function endDifference(natives: readonly Observation[], lego: Observation): Difference[] {
  const ends = [...new Set(natives.map(({ end }) => end))]
  return ends.length > 1 || ends.includes(lego.end)
    ? []
    : [{ what: 'end', lines: [`  - ${ends[0]}`, `  + ${lego.end}`] }]
}

/** `natives`: one run or several of the same command. */
export function differences(natives: readonly Observation[], lego: Observation): readonly Difference[] {
  const legoStderr =
    lego.signal === null ? lego.stderr : Buffer.from(withoutCrashReport(lego.stderr.toString('latin1')), 'latin1')
  const names = [...new Set(natives.flatMap(({ files }) => [...files.keys()]))].sort()
  const stdout = natives.map((native) => native.stdout)
  const stderr = natives.map((native) => native.stderr)
  return [
    ...contentDifference('stdout', stdout, lego.stdout),
    ...contentDifference('stderr', stderr, legoStderr),
    ...endDifference(natives, lego),
    ...names.flatMap((name) =>
      fileDifference(
        name,
        natives.map(({ files }) => files.get(name)),
        lego.files.get(name),
      ),
    ),
    ...extraFiles(natives, lego),
  ]
}

/** Aspects in which the native runs differ among themselves, and which are therefore compared in part. */
export function unsteady(natives: readonly Observation[]): readonly string[] {
  const [first, ...others] = natives
  const found = others.flatMap((other) => differences([first!], other).map(({ what }) => what))
  return [...new Set(found)]
}
