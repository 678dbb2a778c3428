/** The model that deduplicates, and where arrivals that the dedupe index forgot are looked up. */
import type { EmbeddedModel } from '../compile.ts'
import { EVENT_DAY } from './deduped-days.ts'

/** The model that deduplicates: a SELECT over first arrivals with the row number as last column. */
export interface DeduplicatingModel {
  readonly name: string
  readonly sql: string
  /** Column of the ids. */
  readonly key: string
  /** Where committed arrivals are; undefined: no stored model has them by day of event time. */
  readonly lookup: ArrivalFiles | undefined
}

/** Committed files in which earlier arrivals of an event are found. */
export interface ArrivalFiles {
  /** Their column of event ids. */
  readonly column: string
  /** Paths of the files of these partitions; CCS_LAKE_DAMAGED if one of them is damaged. */
  readonly find: (partitions: ReadonlySet<string>) => Promise<readonly string[]>
}

/** Column of event ids in raw.events, and so in a model that has each of its rows. */
export const EVENT_ID = 'event_id'

/**
 * The stored model whose rows are all arrivals: Bronze, which the deduplicating model reads. An
 * arrival that was dropped, as it repeats an order, still makes a later arrival of its event id a
 * duplicate; Silver does not have it. undefined: no model is partitioned by the day of event time.
 */
export function findArrivalModel(
  models: readonly EmbeddedModel[],
): { readonly name: string; readonly column: string } | undefined {
  const deduplicating = models.find(({ model }) => model.dedupe)
  if (!deduplicating) return undefined
  const { reads, model } = deduplicating
  const source = models.find((one) => reads.includes(one.model.name))?.model
  if (source?.partition === EVENT_DAY) return { name: source.name, column: EVENT_ID }
  if (model.partition !== EVENT_DAY) return undefined
  return { name: model.name, column: model.dedupe?.key ?? EVENT_ID }
}

/** `findFiles` gives the paths of a table's committed files in some partitions. */
export function describeDeduplicating(
  { model, sql }: EmbeddedModel,
  arrivals: ReturnType<typeof findArrivalModel>,
  findFiles: (table: string, partitions: ReadonlySet<string>) => Promise<readonly string[]>,
): DeduplicatingModel {
  const find = arrivals && ((days: ReadonlySet<string>) => findFiles(arrivals.name, days))
  return {
    ...{ name: model.name, sql, key: model.dedupe?.key ?? EVENT_ID },
    lookup: arrivals && find && { column: arrivals.column, find },
  }
}
