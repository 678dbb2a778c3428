import { Flags } from '@oclif/core'
import { openLastingQueries, openSqlInput } from '../app/query.ts'
import { CcsCommand, targetFlag } from '../command.ts'
import { createRowFormatter } from '../domain/console/streaming-table.ts'
import { type ShellOutput, SqlShell } from '../domain/query/sql-shell.ts'

export default class Sql extends CcsCommand<void> {
  static override summary = 'Run SELECT after SELECT: a shell on a terminal, a script from stdin.'
  static override description =
    'A statement ends with a semicolon and may take several lines. \\d lists models and columns, ' +
    '\\json and \\table choose the output format, \\? explains the rest. Ctrl-C cancels a query, ' +
    'Ctrl-D ends the shell. Queries are answered as for ccs query. Lines that were typed are ' +
    'kept in .ccs/sql-history. A script ends at its first error, with its exit code; --json ' +
    'prints one document per line.'
  static override examples = [
    '<%= config.bin %> sql',
    '<%= config.bin %> sql --target staging',
    'echo "SELECT count(*) AS orders FROM silver.orders;" | <%= config.bin %> sql --json',
  ]
  static override flags = {
    target: targetFlag,
    from: Flags.option({ options: ['start', 'end'] as const })({
      default: 'end',
      summary: 'For EMIT CHANGES: start with the existing rows, or only with new ones.',
    }),
  }

  async run(): Promise<void> {
    const { flags } = await this.parse(Sql)
    const project = await this.loadProject(flags)
    this.streamJson()
    const stop = this.abortOnSignal()
    const asking = await openLastingQueries(project)
    let interrupt = () => {}
    const input = await openSqlInput(project, () => interrupt())
    const shell = new SqlShell({
      service: asking,
      output: this.#output(stop),
      isInteractive: input.isTerminal,
      isJson: this.jsonEnabled(),
      isFromStart: flags.from === 'start',
    })
    const { name } = project.target
    const prompt = () =>
      input.prompt(shell.isContinued ? `${'->'.padStart(name.length + 1)} ` : `${name}> `)
    interrupt = () => {
      if (shell.interrupt()) return
      input.clear()
      prompt()
    }
    const leave = () => {
      shell.quit()
      void input.close()
    }
    stop.addEventListener('abort', leave)
    try {
      if (input.isTerminal) this.note('\\? for help, \\q to leave.')
      prompt()
      for await (const line of input.lines) {
        if (stop.aborted || !(await shell.handleLine(line))) break
        prompt()
      }
      if (!stop.aborted) await shell.end()
    } finally {
      await input.close()
      await asking.close()
    }
  }

  #output(stop: AbortSignal): ShellOutput {
    const line = (text: string) => this.printWithBackpressure(text, stop)
    return {
      line,
      table: async (columns, rows) => this.printRows(columns, rows),
      stream: (columns) => {
        const paint = (style: Parameters<Sql['paint']>[0], text: string) => this.paint(style, text)
        const lines = createRowFormatter(columns, { width: this.width, paint })
        return async (row) => {
          for (const text of lines(row)) await line(text)
        }
      },
      document: (document) => this.printDocument(document, stop),
      note: (text) => this.note(text),
      fault: (error) => this.printError(error),
    }
  }
}
