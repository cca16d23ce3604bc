// What the engine and the modules that are built for it agree on. Here it is apart from the building, which a short run does not need.

/** Handlers that are not instructions, in table order before the forms'. */
export const SPECIAL = ['block', 'goto', 'region', 'stale', 'undefined'] as const
export const HANDLER_OF = Object.fromEntries(SPECIAL.map((name, index) => [name, index])) as Record<
  (typeof SPECIAL)[number],
  number
>

/** Places at the end of the helper table for regions that others call directly. */
export const DIRECT_REGIONS = 512
export const MEMORY_PAGES_MAXIMUM = 65536
/** Bytes of what a region stores for one way out: {general mask, vector mask, rip}. */
export const SITE_SIZE = 16
