/**
 * Compares the rows of a rebuild with those that it would replace. Fewer rows are expected only of
 * a model that was changed, or where the gate or a model now rejects more records.
 */
import type { Reject } from '../../domain/gate/reject.ts'
import { CcsError, EXIT } from '../../domain/kernel/errors.ts'
import { formatCount } from '../../domain/kernel/units.ts'
import type { Manifest } from '../../domain/lake/manifest.ts'
import type { GraphModel } from '../../domain/models/graph.ts'

/** How to judge fewer rows. */
export interface RowLossOptions {
  /** The models that made the new rows. */
  readonly models: readonly Pick<GraphModel, 'model' | 'fingerprint'>[]
  readonly mayLoseRows: boolean
}

/**
 * Throws CCS_PLAN_CHANGES for a record that the commit has read and never rejected, and that is of
 * a schema version which the project no longer keeps: a rebuild would reject all such records.
 * `fresh`: rejects that events.dlq does not have.
 */
export function refuseLostVersions(base: Manifest, fresh: readonly Reject[]): void {
  // Of what a retention removed from events.dlq, nothing says that it was rejected before.
  if (base.pruned) return
  const ends = new Map(base.positions.map((one) => [`${one.topic}-${one.partition}`, one]))
  const lost = fresh.find(
    ({ reason, topic, partition, offset }) =>
      reason === 'unknown_schema_id' &&
      offset < (ends.get(`${topic}-${partition}`)?.nextOffset ?? 0),
  )
  if (lost === undefined) return
  const { topic, partition, offset, schemaId } = lost
  throw new CcsError(
    'CCS_PLAN_CHANGES',
    `Nothing was changed, as rows can't be made again: record ${partition}:${offset} of ${topic} ` +
      `was written with schema id ${schemaId}, which no version in schemas/history/${topic}/ has.`,
    {
      exit: EXIT.usage,
      hint:
        `Put the version of id ${schemaId} back into that folder, from your version control. To ` +
        'reject such records from now on, add --allow-destructive.',
    },
  )
}

/**
 * Says of each table how many rows fewer it has; Gold is computed from these tables. Throws
 * CCS_PLAN_CHANGES if nothing explains that and it is not allowed.
 */
export function compareRows(
  base: Manifest,
  built: Manifest,
  { models, mayLoseRows }: RowLossOptions,
): readonly string[] {
  const before = new Map(base.models.map(({ name, fingerprint }) => [name, fingerprint]))
  const stored = models.filter(({ model }) => model.layer !== 'gold')
  const fewer = stored.flatMap(({ model: { name }, fingerprint }) => {
    const [old, now] = [countRows(base, name), countRows(built, name)]
    const isSame = before.get(name) === fingerprint
    return now < old ? [{ isSame, text: describe(name, now, old) }] : []
  })
  const { records } = base.counts
  const lost = records > built.counts.records
  const isExplained = built.counts.dlq > base.counts.dlq
  const unexpected = fewer.filter(({ isSame }) => isSame && !isExplained)
  const all = [
    ...(lost ? [describe('records read', built.counts.records, records)] : []),
    ...fewer.map(({ text }) => text),
  ]
  if (mayLoseRows || (!lost && unexpected.length === 0)) return all
  throw new CcsError(
    'CCS_PLAN_CHANGES',
    `Nothing was changed, as the rebuild has fewer rows than there are: ${all.join('; ')}.`,
    {
      exit: EXIT.usage,
      hint:
        'Is the log whole? ccs audit. To put back what Bronze has: ccs log repair. To accept the ' +
        'loss, add --allow-destructive.',
    },
  )
}

function countRows({ files }: Manifest, table: string): number {
  return files.reduce((sum, file) => sum + (file.table === table ? file.rows : 0), 0)
}

function describe(what: string, now: number, before: number): string {
  const fewer = formatCount(before - now)
  return `${what}: ${formatCount(now)} instead of ${formatCount(before)}, ${fewer} fewer`
}
