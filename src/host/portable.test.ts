import { E } from '../abi/errno.js'
import { hostCases } from './host.cases.js'
import { portableHost } from './portable.js'

hostCases('portable', portableHost())

test('what Node cannot do is refused', () => {
  const host = portableHost()
  expect(host.dup(0)).toBe(-E.NOSYS)
  expect(host.pipe2(new Int32Array(2), 0)).toBe(-E.NOSYS)
  expect(host.ppoll(new Int32Array(2), 1, 0)).toBe(-E.NOSYS)
})
