// A comparison as JUnit XML, which CI servers read: a test suite for the command, a test case for each thing compared.
import type { Difference } from './compare-differences.js'

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }

/** Without the control characters that XML 1.0 has no way to write. */
function escaped(text: string): string {
  const printable = Array.from(text, (character) => {
    const code = character.codePointAt(0)!
    return code < 32 && code !== 9 && code !== 10 ? '\ufffd' : character
  }).join('')
  return printable.replace(/[&<>"]/g, (character) => ENTITIES[character]!)
}

/** `compared`: everything that was looked at; what of it differs is a failure. */
export function junitReport(command: string, compared: readonly string[], found: readonly Difference[]): string {
  const cases = [...new Set([...compared, ...found.map(({ what }) => what)])].map((name) => {
    const difference = found.find(({ what }) => what === name)
    const attributes = `classname="${escaped(command)}" name="${escaped(name)}"`
    if (difference === undefined) return `    <testcase ${attributes}/>`
    const text = escaped(difference.lines.join('\n'))
    return `    <testcase ${attributes}>\n      <failure message="${escaped(name)} differs">${text}</failure>\n    </testcase>`
  })
  return `<?xml version="1.0" encoding="UTF-8"?>
<testsuites>
  <testsuite name="lego compare" tests="${cases.length}" failures="${found.length}">
${cases.join('\n')}
  </testsuite>
</testsuites>
`
}
