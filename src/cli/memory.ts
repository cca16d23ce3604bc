// `lego memory --listen unix:PATH`: a memory component as a process of its own, until a signal ends it.
import { Command } from 'commander'
import { serveMemory } from '../memory/server.js'
import { parseMount } from '../storage/mounts.js'
import { StorageManager } from '../storage/storage-manager.js'
import { nativeHost } from './choose-host.js'
import { parseArguments, USAGE } from './parse-arguments.js'
import { parseSize } from './run-options.js'

const FAILED = 1

interface Options {
  listen: string
  limit?: string
  root?: string
  mount: string[]
}

function serve(options: Options): number {
  const limitBytes = options.limit === undefined ? undefined : parseSize(options.limit)
  const mounts = options.mount.map((text) => parseMount(text))
  const problem = !options.listen.startsWith('unix:')
    ? `--listen ${options.listen}: not unix:PATH`
    : limitBytes !== undefined && !(limitBytes > 0)
      ? `--limit ${options.limit}: not a size such as 64M`
      : mounts.includes(null)
        ? '--mount: not SRC:DST or SRC:DST:ro with an absolute DST'
        : null
  if (problem !== null) {
    process.stderr.write(`lego memory: ${problem}\n`)
    return USAGE
  }
  try {
    const host = nativeHost()
    const storage = new StorageManager({
      host,
      mounts: mounts.filter((mount) => mount !== null),
      ...(options.root === undefined ? {} : { root: options.root }),
    })
    serveMemory({
      host,
      listen: options.listen,
      source: storage,
      ...(limitBytes === undefined ? {} : { limitBytes }),
      onReady: () => void host.write(2, new TextEncoder().encode(`lego memory: listening on ${options.listen}\n`)),
    })
  } catch (error) {
    process.stderr.write(`lego memory: ${(error as Error).message}\n`)
    return FAILED
  }
}

export const memoryCommand = {
  name: 'memory',
  parser(): Command {
    return new Command('lego memory')
      .description('Be a memory component: processors on this host connect with lego run --memory unix:PATH.')
      .requiredOption('--listen <unix:PATH>', 'the socket to listen on')
      .option('--limit <size>', 'physical memory, such as 512M; more is ENOMEM')
      .option('--root <dir>', "the guests' /, as given to lego run")
      .option('--mount <src:dst>', 'as given to lego run', (text, all: string[]) => [...all, text], [])
      .addHelpText(
        'after',
        '\nExample:\n  lego memory --listen unix:/run/user/1000/lego.sock\n\nIt ends with SIGINT or SIGTERM.',
      )
      .exitOverride()
  },

  async run(argv: readonly string[]): Promise<number> {
    let status = USAGE
    const command = this.parser().action((options: Options) => {
      status = serve(options)
    })
    return parseArguments(command, argv) ?? status
  },
} as const
