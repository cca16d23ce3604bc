// Assertions for what only a bug can break; `assert(condition, 'what was expected')` narrows types.
// Errors that a guest or a peer can cause are values or typed errors elsewhere, never assertions.

export class AssertionError extends Error {
  override readonly name = 'AssertionError'
}

export function assert(condition: unknown, expectation: string): asserts condition {
  if (!condition) throw new AssertionError(expectation)
}

/** For the branch that cannot happen. */
export function unreachable(expectation: string): never {
  throw new AssertionError(expectation)
}
