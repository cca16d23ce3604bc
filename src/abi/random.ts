// getrandom(2) flags (linux/random.h).

export const GRND = { NONBLOCK: 1, RANDOM: 2, INSECURE: 4 } as const
