// A direct guest call of a region, in shared memory: what it is linked to. {block i32, direct i32, target i64}.

export const CALL_SITE_SIZE = 16
/** Place of the callee's region in the helper table, 0 when it has none (yet). */
export const CALL_SITE_DIRECT = 4
/** Guest address of the callee. */
export const CALL_SITE_TARGET = 8
