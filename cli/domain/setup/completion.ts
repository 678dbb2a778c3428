/**
 * Writes a shell's completion script. It contains all words, so pressing Tab never starts Node.
 */
/** A command and its flags. */
export interface CommandWords {
  /** e.g. `dlq ls` */
  readonly name: string
  /** Long flag names without dashes. */
  readonly flags: readonly string[]
}

/** Shells that completion scripts are written for. */
export type Shell = 'bash' | 'zsh'

/** The script for `shell`, to be sourced; zsh runs bash's through its own bashcompinit. */
export function renderCompletion(
  shell: Shell,
  bin: string,
  commands: readonly CommandWords[],
): string {
  const sorted = [...commands].sort((a, b) => a.name.localeCompare(b.name))
  const cases = sorted.map(
    ({ name, flags }) => `    '${name}') words='${flags.map((flag) => `--${flag}`).join(' ')}' ;;`,
  )
  const topics = new Map<string, string[]>([['', []]])
  for (const { name } of sorted) {
    const [first = '', second] = name.split(' ')
    const top = topics.get('')
    if (top && !top.includes(first)) top.push(first)
    if (second !== undefined) topics.set(first, [...(topics.get(first) ?? []), second])
  }
  const nexts = [...topics].map(([topic, words]) => `    '${topic}') words='${words.join(' ')}' ;;`)
  const start = shell === 'zsh' ? ['autoload -U +X bashcompinit && bashcompinit'] : []
  return [
    `# ${shell} completion of ${bin}. Use: source <(${bin} completion ${shell})`,
    ...start,
    `_${bin}() {`,
    `  local current="\${COMP_WORDS[COMP_CWORD]}" path='' words='' word`,
    '  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do',
    '    case "$word" in -*) ;; *) path="${path:+$path }$word" ;; esac',
    '  done',
    '  if [[ "$current" == -* ]]; then',
    '    case "$path" in',
    // Arguments may follow a command, so the longest matching beginning counts.
    ...cases.map((line) => line.replace("')", "'*)")).reverse(),
    '    esac',
    '  else',
    '    case "$path" in',
    ...nexts,
    '    esac',
    '  fi',
    '  COMPREPLY=($(compgen -W "$words" -- "$current"))',
    '  [[ ${#COMPREPLY[@]} -gt 0 ]] || COMPREPLY=($(compgen -f -- "$current"))',
    '}',
    `complete -F _${bin} ${bin}`,
    '',
  ].join('\n')
}
