// The mappings of a native process as /proc/PID/maps tells them (proc_pid_maps(5)), looked up by address.

export type Mapping = {
  readonly start: number
  readonly end: number
  readonly readable: boolean
  readonly writable: boolean
  readonly executable: boolean
  readonly stack: boolean
}

const LINE = /^([0-9a-f]+)-([0-9a-f]+) (r|-)(w|-)(x|-)[ps] \S+ \S+ \S+ *(.*)$/

/** In order of addresses; those above the user's half are left out. */
export function parseMappings(text: string): readonly Mapping[] {
  return text.split('\n').flatMap((line) => {
    const [, start = '', end = '', r, w, x, name] = LINE.exec(line) ?? []
    // Addresses of more than 12 digits are the kernel's.
    if (start === '' || start.length > 12) return []
    return [
      {
        start: Number.parseInt(start, 16),
        end: Number.parseInt(end, 16),
        readable: r === 'r',
        writable: w === 'w',
        executable: x === 'x',
        stack: name === '[stack]',
      },
    ]
  })
}

/** The mapping of an address, or the stack that grows to it; undefined when there is none. */
export function mappingAt(
  mappings: readonly Mapping[],
  address: number,
  stackBytes: number,
): (Mapping & { readonly grows: boolean }) | undefined {
  let low = 0
  let high = mappings.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((mappings[middle] as Mapping).end <= address) low = middle + 1
    else high = middle
  }
  const found = mappings[low]
  if (found === undefined) return undefined
  if (found.start <= address) return { ...found, grows: false }
  return found.stack && found.end - address <= stackBytes ? { ...found, grows: true } : undefined
}
