import { F_LOCK } from '../abi/fcntl.js'
import { conflicting, type Lockable, type RecordLock, releaseLocks, setLock } from './record-locks.js'

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
function seen(file: Lockable): string {
  return Array.from({ length: 10 }, (_, at) => {
    const found = conflicting(file, lock(two, WRLCK, at, at + 1))
    return found === null ? '.' : found.type === RDLCK ? 'r' : 'w'
  }).join('')
}

const someFile = (): Lockable => ({ namer: {}, key: 'k' })

test('unlocking the middle leaves both ends', () => {
  const file = someFile()
  setLock(file, lock(one, WRLCK, 1, 9))
  setLock(file, lock(one, UNLCK, 3, 5))
  expect(seen(file)).toBe('.ww..wwww.')
})

test('a lock of another type replaces only its own range', () => {
  const file = someFile()
  setLock(file, lock(one, RDLCK, 0, Infinity))
  setLock(file, lock(one, WRLCK, 2, 4))
  expect(seen(file)).toBe('rrwwrrrrrr')
})

test('neighbours of the same type become one lock', () => {
  const file = someFile()
  setLock(file, lock(one, RDLCK, 0, 2))
  setLock(file, lock(one, RDLCK, 2, 4))
  expect(conflicting(file, lock(two, WRLCK, 0, 1))).toMatchObject({ start: 0, end: 4 })
})

test('read locks share, and an owner never conflicts with itself', () => {
  const file = someFile()
  setLock(file, lock(one, RDLCK, 0, 5))
  expect(conflicting(file, lock(two, RDLCK, 0, 5))).toBeNull()
  expect(conflicting(file, lock(one, WRLCK, 0, 5))).toBeNull()
})

test('releasing an owner leaves the others', () => {
  const file = someFile()
  setLock(file, lock(one, RDLCK, 0, 5))
  setLock(file, lock(two, RDLCK, 0, 5))
  releaseLocks(file, one)
  expect(seen(file)).toBe('..........')
  expect(conflicting(file, lock(one, WRLCK, 0, 1))).not.toBeNull()
})

describe('towards programs outside', () => {
  /** What they see on bytes 0 to 9; a write lock on byte `taken` is refused. */
  function machine(taken = -1) {
    const seen = '..........'.split('')
    const outside = {
      lock(type: number, { start, end }: { start: number; end: number }) {
        if (type === WRLCK && start <= taken && taken < end) return -11
        seen.fill(type === UNLCK ? '.' : type === RDLCK ? 'r' : 'w', start, Math.min(end, 10))
        return 0
      },
      conflicting: () => null,
    }
    return { file: { ...someFile(), outside }, seen: () => seen.join('') }
  }

  test('the machine has the strongest of its locks', () => {
    const { file, seen } = machine()
    setLock(file, lock(one, RDLCK, 0, 6))
    setLock(file, lock(two, RDLCK, 4, 8))
    setLock(file, lock(two, WRLCK, 7, 9))
    expect(seen()).toBe('rrrrrrrww.')
    setLock(file, lock(one, UNLCK, 0, 5))
    expect(seen()).toBe('....rrrww.')
    releaseLocks(file, two)
    expect(seen()).toBe('.....r....')
  })

  test('what is refused in part is not taken at all', () => {
    const { file, seen } = machine(5)
    setLock(file, lock(one, RDLCK, 2, 4))
    expect(setLock(file, lock(one, WRLCK, 0, 9))).toBe(-11)
    expect(seen()).toBe('..rr......')
    expect(conflicting(file, lock(two, WRLCK, 0, 10))).toMatchObject({ start: 2, end: 4, type: RDLCK })
  })
})
