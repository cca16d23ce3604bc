// `lego completion bash|zsh|fish`: a script that completes commands, options and their values in that shell, from the commands' own options.
// What follows the program is the program's: files are offered there.
import { Argument, Command } from 'commander'
import type { Command as LegoCommand, OptionHelp } from './commands.js'
import { parseArguments } from './parse-arguments.js'

export const SHELLS = ['bash', 'zsh', 'fish'] as const
export type Shell = (typeof SHELLS)[number]

export interface Completed {
  readonly name: string
  readonly summary: string
  readonly options: readonly OptionHelp[]
}

/** What a value is, where that is not just any word. */
const isDirectory = ({ value }: OptionHelp): boolean => /^dir$/i.test(value ?? '')
const isFile = ({ value }: OptionHelp): boolean => /^(file|path)/i.test(value ?? '')

const words = (all: readonly string[]): string => all.join(' ')
const namesOf = (options: readonly OptionHelp[]): readonly string[] => [
  ...options.flatMap(({ names }) => names),
  '--help',
]

function bash(commands: readonly Completed[]): string {
  const values = commands.flatMap(({ name, options }) =>
    options
      .filter(({ value }) => value !== undefined)
      .map((option) => {
        const reply =
          option.choices.length > 0
            ? `-W '${words(option.choices)}'`
            : isDirectory(option)
              ? '-d'
              : isFile(option)
                ? '-f'
                : `-W ''`
        return `    ${option.names.map((flag) => `${name}:${flag}`).join('|')}) COMPREPLY=($(compgen ${reply} -- "$word")); return ;;`
      }),
  )
  const takers = commands.flatMap(({ name, options }) =>
    options.filter(({ value }) => value !== undefined).flatMap(({ names }) => names.map((flag) => `${name}:${flag}`)),
  )
  const names = commands.map(
    ({ name, options }) => `    ${name}) COMPREPLY=($(compgen -W '${words(namesOf(options))}' -- "$word")) ;;`,
  )
  return `# Completion of lego for bash. In ~/.bashrc: source <(lego completion bash)
_lego() {
  local word=\${COMP_WORDS[COMP_CWORD]} command=\${COMP_WORDS[1]} at
  COMPREPLY=()
  if ((COMP_CWORD == 1)); then
    COMPREPLY=($(compgen -W '${words(commands.map(({ name }) => name))} --help --version' -- "$word"))
    return
  fi
  # Behind the program everything is the program's.
  for ((at = 2; at < COMP_CWORD; at++)); do
    case $command:\${COMP_WORDS[at]} in
      ${takers.join('|')}) ((at++)) ;;
      *:-*) ;;
      *) COMPREPLY=($(compgen -f -- "$word")); return ;;
    esac
  done
  case $command:\${COMP_WORDS[COMP_CWORD-1]} in
${values.join('\n')}
  esac
  if [[ $word != -* ]]; then
    if [[ $command == completion ]]; then COMPREPLY=($(compgen -W '${words(SHELLS)}' -- "$word"))
    else COMPREPLY=($(compgen -f -- "$word")); fi
    return
  fi
  case $command in
${names.join('\n')}
  esac
}
complete -o filenames -F _lego lego
`
}

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`

function zsh(commands: readonly Completed[]): string {
  const plain = (text: string): string => text.replace(/[[\]:\\]/g, '\\$&')
  const action = (option: OptionHelp): string =>
    option.choices.length > 0
      ? `(${words(option.choices)})`
      : isDirectory(option)
        ? '_files -/'
        : isFile(option)
          ? '_files'
          : ''
  const specs = ({ options }: Completed): string[] =>
    options.flatMap((option) =>
      option.names.map((flag) => {
        const value = option.value === undefined ? '' : `:${plain(option.value)}:${action(option)}`
        return quoted(`*${flag}[${plain(option.help)}]${value}`)
      }),
    )
  const cases = commands.map((command) => {
    const rest =
      command.name === 'completion' ? `'1:shell:(${words(SHELLS)})'` : `'1:program:_files' '*::argument:_files'`
    const all = [...specs(command), `'(-)--help[say more]'`, rest]
    return `    ${command.name})\n      _arguments -S \\\n        ${all.join(' \\\n        ')} ;;`
  })
  return `#compdef lego
# Completion of lego for zsh. In ~/.zshrc, behind compinit: source <(lego completion zsh)
_lego() {
  local -a commands
  commands=(
${commands.map(({ name, summary }) => `    ${quoted(`${name}:${plain(summary)}`)}`).join('\n')}
  )
  if ((CURRENT == 2)); then
    _describe command commands
    return
  fi
  shift words
  ((CURRENT--))
  case $words[1] in
${cases.join('\n')}
  esac
}
if [[ $funcstack[1] == _lego ]]; then _lego "$@"; else compdef _lego lego; fi
`
}

function fish(commands: readonly Completed[]): string {
  const lines = commands.flatMap(({ name, summary, options }) => [
    `complete -c lego -n __fish_use_subcommand -a ${name} -d ${quoted(summary)}`,
    ...[...options, { names: ['--help'], value: undefined, choices: [], help: 'say more' }].map((option) => {
      const flags = option.names.map((flag) => (flag.startsWith('--') ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`))
      const values = isDirectory(option)
        ? " -a '(__fish_complete_directories)'"
        : option.choices.length > 0
          ? ` -a ${quoted(words(option.choices))}`
          : ''
      const takes = option.value === undefined ? '' : isFile(option) ? ' -r' : ` -x${values}`
      return `complete -c lego -n '__fish_seen_subcommand_from ${name}' ${words(flags)}${takes} -d ${quoted(option.help)}`
    }),
  ])
  return `# Completion of lego for fish. lego completion fish > ~/.config/fish/completions/lego.fish
complete -c lego -n __fish_use_subcommand -f
${lines.join('\n')}
complete -c lego -n '__fish_seen_subcommand_from completion' -f -a ${quoted(words(SHELLS))}
`
}

const scripts: Readonly<Record<Shell, (commands: readonly Completed[]) => string>> = { bash, zsh, fish }

export const completionScript = (shell: Shell, commands: readonly Completed[]): string => scripts[shell](commands)

export const completionCommand = {
  name: 'completion',

  async run(argv: readonly string[], commands: readonly LegoCommand[]): Promise<number> {
    let chosen: Shell | undefined
    const command = new Command('lego completion')
      .description('Print a script that completes the commands of lego, their options and values.')
      .addArgument(new Argument('<shell>', 'whose script').choices(SHELLS))
      .addHelpText(
        'after',
        '\nExamples:\n  source <(lego completion bash)        in ~/.bashrc\n  source <(lego completion zsh)         in ~/.zshrc, behind compinit\n  lego completion fish > ~/.config/fish/completions/lego.fish',
      )
      .exitOverride()
      .action((shell: Shell) => {
        chosen = shell
      })
    const ended = parseArguments(command, argv)
    if (ended !== undefined) return ended
    const completed = await Promise.all(
      commands.map(async ({ name, summary, options }) => ({ name, summary, options: await options() })),
    )
    process.stdout.write(completionScript(chosen!, completed))
    return 0
  },
} as const
