// Parses the arguments of a command other than `run` with commander, whose errors end here.
//   const ended = parseArguments(command, argv); if (ended !== undefined) return ended

import { type Command, CommanderError } from 'commander'

/** Exit status of a wrong use of the command line. */
export const USAGE = 2

/** The exit status when that was all there is to do: help was printed (0), or the use was wrong; the command's action has run otherwise. */
export function parseArguments(command: Command, argv: readonly string[]): number | undefined {
  try {
    command.parse(argv as string[], { from: 'user' })
    return undefined
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    return error.exitCode === 0 ? 0 : USAGE
  }
}
