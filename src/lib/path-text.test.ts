import fc from 'fast-check'
import { bytesOfPath, hasEscapes, textOfPath } from './path-text.js'

test('any bytes survive', () => {
  fc.assert(fc.property(fc.uint8Array(), (bytes) => expect([...bytesOfPath(textOfPath(bytes))]).toEqual([...bytes])))
})

test('UTF-8 is the text it says, whatever else is around it', () => {
  const bytes = new Uint8Array([...new TextEncoder().encode('é€😀/'), 0xff, ...new TextEncoder().encode('ü')])
  expect(textOfPath(bytes)).toBe('é€😀/\udcffü')
  expect(textOfPath(new TextEncoder().encode('é😀'))).toBe('é😀')
})

test('characters beyond the first plane are not taken for escapes', () => {
  expect(hasEscapes('😀')).toBe(false)
  expect(hasEscapes('a\udcff')).toBe(true)
})
