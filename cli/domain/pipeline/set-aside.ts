/**
 * What the loop does if a model fails on what is in a record: the engine finds the records, starts
 * over from the last commit, and rejects them when it reads them again. So all that follows from
 * the order of arrival is as if the gate had rejected them at once, and after a crash it is the
 * same: what is in events.dlq stays set aside.
 */
import type { FailingRecord } from '../gate/failing-record.ts'
import { formatCount } from '../kernel/units.ts'
import type { Manifest } from '../lake/manifest.ts'
import type { PipelineParts } from './pipeline-ports.ts'

/**
 * How long records are searched one by one: some milliseconds per row, so that a model that fails
 * on a share of all records is searched to its end, too, but at least this long.
 */
const SEARCH_MS_MIN = 20_000
const SEARCH_MS_PER_ROW = 3

/**
 * Sets the records aside on which a model fails; returns the `dlqEnd` to go on from. Throws
 * `failure` if no record explains it.
 */
export async function setFailingAside(
  { engine, clock, restart }: Pick<PipelineParts, 'engine' | 'clock' | 'restart'>,
  failure: unknown,
  manifest: Manifest | undefined,
  onNotice: (text: string) => void,
): Promise<number> {
  const startMs = clock.elapsedMs()
  const searchMs = Math.max(SEARCH_MS_MIN, SEARCH_MS_PER_ROW * engine.uncommittedRows)
  const isOverdue = () => clock.elapsedMs() - startMs > searchMs
  const found = await engine.findFailing(failure, isOverdue)
  if (found.length === 0) throw failure
  const dlqEnd = await restart(manifest, found)
  for (const text of describeFailing(found)) onNotice(text)
  return dlqEnd
}

/** One sentence for each model. */
export function describeFailing(found: readonly FailingRecord[]): readonly string[] {
  const models = new Map<string, FailingRecord[]>()
  for (const one of found) {
    const records = models.get(one.model) ?? []
    models.set(one.model, records)
    records.push(one)
  }
  return [...models].map(([model, records]) => {
    const [first] = records
    const place = first && `${first.topic}-${first.partition}:${first.offset}`
    const count = records.length === 1 ? 'A record' : `${formatCount(records.length)} records`
    const which = records.length === 1 ? place : `first ${place}`
    return (
      `${count} (${which}) went to events.dlq, as ${first?.message ?? model} ` +
      'See: ccs dlq ls --reason model_failed'
    )
  })
}
