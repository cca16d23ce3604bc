// Every pair of states: only the steps of the table are taken.
import { STATE, STEPS, type StateName, setState, stateOf } from './task-state.js'

const names = Object.keys(STATE) as StateName[]
const RECORD = 4096

describe.each(names)('from %s', (from) => {
  test.each(names)('to %s only when the table says so', (to) => {
    const words = new Int32Array(4096)
    const force = words.fill(STATE[from])
    expect(stateOf(force, RECORD)).toBe(STATE[from])
    if (STEPS[from].includes(to)) {
      setState(words, RECORD, STATE[to])
      expect(stateOf(words, RECORD)).toBe(STATE[to])
    } else expect(() => setState(words, RECORD, STATE[to])).toThrow(`from ${from} to ${to}`)
  })
})

test('every state but free can be reached, and can be left', () => {
  for (const name of names) {
    expect(names.some((from) => STEPS[from].includes(name))).toBe(true)
    expect(STEPS[name].length).toBeGreaterThan(0)
  }
})
