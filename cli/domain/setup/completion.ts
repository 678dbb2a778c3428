/**
 * A shell's completion script, written from the commands themselves: it knows all words beforehand, so
 * pressing Tab never starts Node.
 */
export interface CommandWords {
  /** `dlq ls` */
  readonly name: string
  /** Long names without dashes. */
  readonly flags: readonly string[]
}

export type Shell = 'bash' | 'zsh'

/** The script for `shell`, to be sourced; zsh reads bash's through its own bashcompinit. */
export function completionScript(
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
    // A command may be followed by its arguments: the longest known beginning counts.
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
