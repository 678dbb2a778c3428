import { Args } from '@oclif/core'
import { openLake } from '../../app/lake.ts'
import { CcsCommand, targetFlag } from '../../command.ts'
import { formatBytes } from '../../domain/kernel/units.ts'
import {
  type LakePartition,
  type LakeTable,
  listPartitions,
  listTables,
  requireTable,
} from '../../domain/lake/list.ts'

/** What `--json` prints. */
export interface LakeLsResult {
  /** The directory that readers glob, e.g. with `<lake>/silver/events/<partition>/<file>`. */
  readonly lake: string
  /** null: nothing was committed yet. */
  readonly serial: number | null
  readonly tables: readonly LakeTable[]
  /** Of the table given on the command line; absent without one. */
  readonly partitions?: readonly LakePartition[]
}

export default class LakeLs extends CcsCommand<LakeLsResult> {
  static override summary = 'List the tables of the lake, or the partitions of one.'
  static override examples = [
    '<%= config.bin %> lake ls',
    '<%= config.bin %> lake ls silver.events --json',
  ]
  static override args = {
    table: Args.string({ description: 'Such as silver.events: list its partitions.' }),
  }

  static override flags = { target: targetFlag }

  async run(): Promise<LakeLsResult> {
    const { args, flags } = await this.parse(LakeLs)
    const opened = await openLake(await this.loadProject(flags))
    try {
      const manifest = await opened.manifest()
      const lake = `${opened.root}/lake`
      const tables = manifest ? listTables(manifest) : []
      const result = { lake, serial: manifest?.serial ?? null, tables }
      if (args.table === undefined) {
        this.#printTables(tables)
        return result
      }
      requireTable(manifest, args.table)
      const partitions = manifest ? listPartitions(manifest, args.table) : []
      this.printTable(
        [{ key: 'partition' }, { key: 'files' }, { key: 'rows' }, { key: 'size', align: 'right' }],
        partitions.map((one) => ({ ...one, size: formatBytes(one.bytes) })),
      )
      return { ...result, partitions }
    } finally {
      await opened.close()
    }
  }

  #printTables(tables: readonly LakeTable[]): void {
    if (tables.length === 0) {
      this.print('The lake is empty: nothing was committed yet.')
      return
    }
    const keys = ['table', 'partitions', 'first', 'last', 'files', 'rows']
    this.printTable(
      [...keys.map((key) => ({ key })), { key: 'size', align: 'right' }],
      tables.map((one) => ({
        ...one,
        first: partitionValue(one.first),
        last: partitionValue(one.last),
        size: formatBytes(one.bytes),
      })),
    )
  }
}

/** `2026-11-22` of `event_date=2026-11-22`, to save width. */
function partitionValue(partition: string): string {
  return partition.slice(partition.indexOf('=') + 1)
}
