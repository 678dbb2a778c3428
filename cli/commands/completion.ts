import { Args } from '@oclif/core'
import { CcsCommand } from '../command.ts'
import { renderCompletion, type Shell } from '../domain/setup/completion.ts'

export interface CompletionResult {
  readonly shell: Shell
  readonly script: string
}

const SHELLS: readonly Shell[] = ['bash', 'zsh']

export default class Completion extends CcsCommand<CompletionResult> {
  static override summary = 'Print a script that completes commands and flags in your shell.'
  static override examples = [
    {
      description: 'Now, and in every new shell:',
      command: `source <(<%= config.bin %> completion bash)
echo 'source <(<%= config.bin %> completion bash)' >> ~/.bashrc`,
    },
  ]
  static override args = {
    shell: Args.custom<Shell>({ options: [...SHELLS] })({
      required: true,
      description: 'The shell to print the script for.',
    }),
  }

  async run(): Promise<CompletionResult> {
    const { args } = await this.parse(Completion)
    const commands = this.config.commands
      .filter((command) => !command.hidden)
      .map(({ id, flags }) => ({
        name: id.replaceAll(':', ' '),
        flags: [...Object.keys(flags), 'help'],
      }))
    const script = renderCompletion(args.shell, this.config.bin, commands)
    this.printLines(script.trimEnd().split('\n'))
    return { shell: args.shell, script }
  }
}
