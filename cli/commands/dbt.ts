import { openDbtRun } from '../app/dbt.ts'
import { CcsCommand } from '../command.ts'
import { EXIT } from '../domain/kernel/errors.ts'
import { formatDuration } from '../domain/kernel/units.ts'
import { readDbtTask, splitDbtArgs } from '../domain/marts/dbt-args.ts'
import type { DbtFailure } from '../domain/marts/dbt-results.ts'
import type { DbtResult } from '../domain/marts/run-dbt.ts'

const SHOWN_MAX = 10

export default class Dbt extends CcsCommand<DbtResult> {
  static override summary = 'Run dbt over the lake: ccs dbt build builds the daily marts.'
  static override description =
    `Everything after "dbt" is passed to dbt: build, test, run, docs, ls, show … with its flags.
` +
    'ccs installs dbt into .ccs/venv (Python 3.10 or newer), with the versions and hashes of ' +
    'dbt/requirements.lock; CCS_VENV names another place. dbt reads a snapshot of committed ' +
    'Silver and builds only what changed since the last successful build, or everything with ' +
    '--full-refresh. A complete build that succeeds is published at once for the page, ccs ' +
    'reconcile and ccs query --marts; after a failed one, the last good marts stay. --target is ' +
    'a flag of dbt: redshift and postgres build the marts on such a server, from its own tables ' +
    'of Silver. CCS_TARGET names a target of ccs.yml.'
  static override usage = ['dbt COMMAND [FLAGS OF DBT]']
  static override examples = [
    '<%= config.bin %> dbt build',
    '<%= config.bin %> dbt build --full-refresh',
    '<%= config.bin %> dbt build --target redshift',
    '<%= config.bin %> dbt test --select fct_orders',
    '<%= config.bin %> dbt docs',
    '<%= config.bin %> dbt ls --resource-type model',
    '<%= config.bin %> dbt -- build --help',
  ]
  // Flags of dbt are dbt's to check.
  static override strict = false

  async run(): Promise<DbtResult> {
    const { own, dbt } = splitDbtArgs(this.argv)
    const { flags } = await this.parse(Dbt, [...own])
    const task = readDbtTask(dbt)
    // --target is one of dbt's own flags.
    const project = await this.loadProject({ ...flags, target: process.env.CCS_TARGET })
    const signal = this.abortOnSignal()
    let shown = ''
    const progress = { line: this.progress('') }
    const result = await openDbtRun(project, task, {
      owner: `ccs dbt ${task.command}`,
      env: process.env,
      signal,
      onNotice: (text) => this.note(text),
      onProgress: (what, done, total) => {
        const label = what.startsWith('Installing') ? what : 'dbt'
        if (label !== shown) progress.line = this.progress(label)
        shown = label
        progress.line.update(done, total)
      },
      onLine: (line) => this.print(line),
    })
    progress.line.end()
    if (task.runsNodes) this.#tell(result)
    if (!result.ok) this.exitWith(EXIT.checkFailed)
    return result
  }

  #tell(result: DbtResult): void {
    const { passed, warned, failed, skipped } = result.nodes
    for (const warning of result.warnings.slice(0, SHOWN_MAX)) this.#show('yellow', warning)
    for (const failure of result.failures.slice(0, SHOWN_MAX)) this.#show('red', failure)
    const more = result.failures.length - SHOWN_MAX
    if (more > 0) this.print(`… and ${more} more.`)
    const counts = [
      `${passed} passed`,
      ...(warned > 0 ? [`${warned} warned`] : []),
      `${failed} failed`,
      ...(skipped > 0 ? [`${skipped} skipped because of that`] : []),
    ]
    const took = formatDuration(Math.round(result.seconds * 10) * 100)
    this.print(`${this.paint('bold', `dbt ${result.command}`)}: ${counts.join(', ')} in ${took}.`)
    if (result.published)
      this.print(
        `Published ${result.marts?.models.length ?? 0} tables, as of commit ${result.serial}.`,
      )
    else if (!result.ok && result.serial !== null)
      this.print(
        result.marts?.builtMs
          ? `The marts of ${new Date(result.marts.builtMs).toISOString()} stay visible.`
          : 'No marts are published yet.',
      )
  }

  #show(style: 'red' | 'yellow', failure: DbtFailure): void {
    this.print(this.paint(style, failure.message))
    const places = [failure.file, failure.compiled].filter((one) => one !== null)
    if (places.length > 0) this.print(`  ${places.join('  ')}`)
    this.print(`  ${this.paint('cyan', failure.next)}`)
  }
}
