import { Flags } from '@oclif/core'
import { openLake } from '../../app/lake.ts'
import { recordCommand } from '../../app/store.ts'
import { CcsCommand, targetFlag } from '../../command.ts'
import { formatBytes, formatCount } from '../../domain/kernel/units.ts'
import type { CompactResult } from '../../domain/lake/compact.ts'
import { requireTable } from '../../domain/lake/list.ts'

export default class LakeCompact extends CcsCommand<CompactResult> {
  static override summary = 'Merge small Parquet files of the lake into larger ones.'
  static override description =
    'Rows stay the same, and readers are not disturbed. Files of 4 MiB or 50,000 rows stay as ' +
    'they are. Smaller files of similar size are merged when there are many of them: more than 8 ' +
    'on a day that is over, more than 64 on a day that is still written to. A running engine ' +
    'compacts by itself.'
  static override examples = [
    '<%= config.bin %> lake compact',
    '<%= config.bin %> lake compact --table silver.events',
  ]
  static override flags = {
    target: targetFlag,
    table: Flags.string({ summary: 'Only this table.', helpValue: 'silver.events' }),
    'files-max': Flags.integer({
      summary:
        'Merge a day that is over when it has more small files of similar size than this; 1: all.',
      min: 1,
      default: 8,
    }),
  }

  async run(): Promise<CompactResult> {
    const { flags } = await this.parse(LakeCompact)
    const signal = this.abortOnSignal()
    const project = await this.loadProject(flags)
    const opened = await openLake(project)
    try {
      if (flags.table !== undefined) requireTable(await opened.manifest(), flags.table)
      const progress = this.progress('compacting')
      const options = {
        filesMax: flags['files-max'],
        ...(flags.table === undefined ? {} : { table: flags.table }),
      }
      const result = await recordCommand(project, this, () =>
        opened.compact(options, {
          signal,
          onProgress: (done, total) => progress.update(done, total),
        }),
      )
      progress.end()
      const { partitions, filesBefore, filesAfter, rows, bytesBefore, bytesAfter } = result
      this.print(
        partitions === 0
          ? 'Nothing to do: no partition has too many small files.'
          : `${formatCount(filesBefore)} files of ${formatCount(partitions)} partitions ` +
              `became ${formatCount(filesAfter)}: ${formatCount(rows)} rows, ` +
              `${formatBytes(bytesBefore)} → ${formatBytes(bytesAfter)}.`,
      )
      return result
    } finally {
      await opened.close()
    }
  }
}
