export const memoryCommand = { async run(_argv: readonly string[]): Promise<number> { return 1 } }
