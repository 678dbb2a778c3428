import { Args } from '@oclif/core'
import { openSinks } from '../../app/sinks.ts'
import { CcsCommand, targetFlag } from '../../command.ts'
import { findSink, readSinkOffsets, type SinkOffset } from '../../domain/connectors/sinks.ts'
import { formatCount } from '../../domain/kernel/units.ts'

/** What `--json` prints. */
export interface SinkOffsetsResult {
  readonly target: string
  readonly name: string
  readonly partitions: readonly SinkOffset[]
}

export default class SinkOffsets extends CcsCommand<SinkOffsetsResult> {
  static override summary = 'Show how far a connector has read each partition.'
  static override description =
    'The lag also counts transaction markers: for a topic written by ccs gate, 1 per partition ' +
    'remains when everything was read.'
  static override examples = ['<%= config.bin %> sink offsets bronze-iceberg --target kafka']
  static override args = {
    name: Args.string({
      required: true,
      description: 'The connector, with or without the target’s prefix.',
    }),
  }
  static override flags = { target: targetFlag }

  async run(): Promise<SinkOffsetsResult> {
    const { args, flags } = await this.parse(SinkOffsets)
    const project = await this.loadProject(flags)
    const open = await openSinks(project)
    try {
      const sink = await findSink(open.connect, args.name, project.target.prefix)
      const partitions = await readSinkOffsets(open.connect, sink, open.log)
      if (partitions.length === 0) this.print(`${sink.name} has committed nothing yet.`)
      else
        this.printTable(
          [
            { key: 'topic' },
            { key: 'partition', align: 'right' },
            { key: 'committed', align: 'right' },
            { key: 'end', align: 'right' },
            { key: 'lag', align: 'right' },
          ],
          partitions.map((one) => ({
            ...one,
            committed: shown(one.committed),
            end: shown(one.end),
            lag: shown(one.lag),
          })),
        )
      return { target: project.target.name, name: sink.name, partitions }
    } finally {
      await open.close()
    }
  }
}

function shown(count: number | null): string {
  return count === null ? '–' : formatCount(count)
}
