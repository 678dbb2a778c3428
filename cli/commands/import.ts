import { Args, Flags } from '@oclif/core'
import { openImport } from '../app/import.ts'
import { recordCommand } from '../app/store.ts'
import { CcsCommand } from '../command.ts'
import { describeDays } from '../domain/ingest/event-days.ts'
import { type ImportResult, importFiles } from '../domain/ingest/import.ts'
import type { ImportPhase } from '../domain/ingest/import-file.ts'
import { describeRepeatedOrders } from '../domain/ingest/repeated-orders.ts'
import { DLQ_TOPIC, RAW_TOPIC } from '../domain/log/topics.ts'

export default class Import extends CcsCommand<ImportResult> {
  static override summary = 'Import files of events: CSV, NDJSON (both also gzipped) or Parquet.'
  static override description =
    'A mapping file says which column or path fills which field of an event. Invalid rows go to ' +
    'events.dlq with file, line and bytes. The events of all files reach the log in the order of ' +
    'their time. A file that was imported before adds nothing; an import that was stopped ' +
    'continues where it was. At its end it names orders that came again with other contents.'
  static override examples = [
    '<%= config.bin %> import 2019-Oct.csv.gz --mapping examples/import/rees46.yml --dry-run',
    '<%= config.bin %> import export/*.ndjson --mapping examples/import/ga4.yml',
  ]
  static override strict = false
  static override args = {
    file: Args.string({ required: true, description: 'Files, in any order.' }),
  }
  static override flags = {
    mapping: Flags.string({
      char: 'm',
      required: true,
      helpValue: 'FILE',
      summary: 'Mapping file: which column fills which field; see docs/import.md.',
    }),
    topic: Flags.string({ default: RAW_TOPIC, summary: 'Topic for the events.' }),
    partition: Flags.integer({
      default: 1,
      min: 1,
      max: 1023,
      summary: 'Partition of the topic and of events.dlq that only imports write to.',
    }),
    'dry-run': Flags.boolean({ summary: 'Read and validate all rows, write nothing.' }),
    again: Flags.boolean({ summary: 'Import files again that were imported before.' }),
  }

  async run(): Promise<ImportResult> {
    const { argv, flags } = await this.parse(Import)
    const project = await this.loadProject(flags)
    const signal = this.abortOnSignal()
    const open = await openImport(project, flags.mapping)
    try {
      let shown: ImportPhase | undefined
      let progress: ReturnType<typeof this.progress> | undefined
      const importAll = () =>
        importFiles(open.ports, open.contract, {
          files: argv.map(String),
          mapping: open.mapping,
          mappingHash: open.mappingHash,
          topic: flags.topic,
          dlqTopic: DLQ_TOPIC,
          partition: flags.partition,
          isDryRun: flags['dry-run'],
          includesImported: flags.again,
          signal,
          onProgress: (phase, done, total) => {
            progress = phase === shown && progress ? progress : this.progress(phase)
            shown = phase
            progress.update(done, total)
          },
        })
      const isDryRun = flags['dry-run']
      const result = await (isDryRun ? importAll() : recordCommand(project, this, importAll))
      progress?.end()
      this.#show(result)
      return result
    } finally {
      await open.close()
    }
  }

  #show(result: ImportResult): void {
    this.printTable(
      [
        { key: 'file', align: 'left' },
        { key: 'rows' },
        { key: 'accepted' },
        ...(result.merged > 0 ? [{ key: 'merged' } as const] : []),
        { key: 'rejected' },
        { key: 'leftOut', title: 'left out' },
        { key: 'importedBefore', title: 'before' },
      ],
      [...result.files, ...(result.files.length > 1 ? [{ file: 'all', ...result }] : [])].map(
        ({ file, rows, accepted, merged, rejected, leftOut, importedBefore }) => ({
          file,
          rows,
          accepted,
          merged,
          rejected,
          leftOut,
          importedBefore,
        }),
      ),
    )
    const reasons = Object.entries(result.reasons)
    if (reasons.length > 0) {
      this.print()
      this.print(`Rejected: ${reasons.map(([reason, rows]) => `${reason} ${rows}`).join(', ')}`)
      for (const { origin, reason, message } of result.examples)
        this.print(`  ${origin}  ${reason}: ${message}`)
      if (result.rejected > result.examples.length && !result.isDryRun)
        this.note('All of them: ccs dlq ls')
    }
    if (result.isDryRun) this.note('A dry run: nothing was written.')
    for (const line of describeDays(result.days)) this.note(line)
    for (const line of describeRepeatedOrders(result.repeatedOrders)) this.note(line)
    if (result.isStopped)
      this.note(
        result.accepted + result.rejected === 0
          ? 'Stopped; nothing was written.'
          : 'Stopped; the same command continues from here.',
      )
    else if (result.rows > 0 && result.importedBefore === result.rows)
      this.note('Everything was imported before; to import it again: --again')
  }
}
