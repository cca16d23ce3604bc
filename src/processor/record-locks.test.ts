import { F_LOCK } from '../abi/fcntl.js'
import { conflicting, type RecordLock, releaseLocks, setLock } from './record-locks.js'
import type { Storage } from './storage.js'

const one = { name: 'one' }
const two = { name: 'two' }
const { RDLCK, WRLCK, UNLCK } = F_LOCK

const lock = (owner: object, type: number, start: number, end: number): RecordLock => ({
  owner,
  pid: 1,
  type,
  start,
  end,
})

/** What `two` finds when it asks for a write lock on each byte of 0..9. */
function seen(storage: Storage): string {
  return Array.from({ length: 10 }, (_, at) => {
    const found = conflicting(storage, 'k', lock(two, WRLCK, at, at + 1))
    return found === null ? '.' : found.type === RDLCK ? 'r' : 'w'
  }).join('')
}

const storage = (): Storage => ({}) as Storage

test('unlocking the middle leaves both ends', () => {
  const s = storage()
  setLock(s, 'k', lock(one, WRLCK, 1, 9))
  setLock(s, 'k', lock(one, UNLCK, 3, 5))
  expect(seen(s)).toBe('.ww..wwww.')
})

test('a lock of another type replaces only its own range', () => {
  const s = storage()
  setLock(s, 'k', lock(one, RDLCK, 0, Infinity))
  setLock(s, 'k', lock(one, WRLCK, 2, 4))
  expect(seen(s)).toBe('rrwwrrrrrr')
})

test('neighbours of the same type become one lock', () => {
  const s = storage()
  setLock(s, 'k', lock(one, RDLCK, 0, 2))
  setLock(s, 'k', lock(one, RDLCK, 2, 4))
  expect(conflicting(s, 'k', lock(two, WRLCK, 0, 1))).toMatchObject({ start: 0, end: 4 })
})

test('read locks share, and an owner never conflicts with itself', () => {
  const s = storage()
  setLock(s, 'k', lock(one, RDLCK, 0, 5))
  expect(conflicting(s, 'k', lock(two, RDLCK, 0, 5))).toBeNull()
  expect(conflicting(s, 'k', lock(one, WRLCK, 0, 5))).toBeNull()
})

test('releasing an owner leaves the others', () => {
  const s = storage()
  setLock(s, 'k', lock(one, RDLCK, 0, 5))
  setLock(s, 'k', lock(two, RDLCK, 0, 5))
  releaseLocks(s, 'k', one)
  expect(seen(s)).toBe('..........')
  expect(conflicting(s, 'k', lock(one, WRLCK, 0, 1))).not.toBeNull()
})
