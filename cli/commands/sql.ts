import { Flags } from '@oclif/core'
import { openLastingQueries, openSqlInput } from '../app/query.ts'
import { CcsCommand, targetFlag } from '../command.ts'
import { createRowFormatter } from '../domain/console/streaming-table.ts'
import { type ShellOutput, SqlShell } from '../domain/query/sql-shell.ts'

export default class Sql extends CcsCommand<void> {
  static override summary = 'Ask SELECT after SELECT: a shell on a terminal, a script from stdin.'
  static override description =
    'A statement ends with a semicolon and may take several lines. \\d lists models and columns, \\json and \\table choose the form of answers, \\? explains the rest. Ctrl-C calls a query off, Ctrl-D leaves. Who answers is as in ccs query. What was typed is kept in .ccs/sql-history. A script ends at its first fault, with its exit code; --json prints a document a line.'
  static override examples = [
    '<%= config.bin %> sql',
    '<%= config.bin %> sql --target staging',
    'echo "SELECT count(*) AS orders FROM silver.orders;" | <%= config.bin %> sql --json',
  ]
  static override flags = {
    target: targetFlag,
    from: Flags.option({ options: ['start', 'end'] as const })({
      default: 'end',
      summary: 'Of EMIT CHANGES: begin with what is there, or with what comes.',
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
      table: async (columns, rows) => this.printTable(columns, rows),
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
