/** Runs something and adds to the history how it ended. */
import type { Clock } from '../kernel/clock.ts'
import { CcsError } from '../kernel/errors.ts'
import type { QueryService } from '../query/query-service.ts'
import { type HistoryEntry, type HistoryWriter, OWN_DOOR } from './history.ts'

/** Where to record, and by which clock. */
export interface Recorder {
  readonly history: HistoryWriter
  readonly clock: Clock
}

/** What is recorded besides how it ends. */
export type Recorded = Pick<HistoryEntry, 'what' | 'by' | 'text'>

/** `countRows`: the number of rows of the result; null: it has none. */
export async function recordRun<T>(
  { history, clock }: Recorder,
  about: Recorded,
  run: () => Promise<T>,
  countRows: (result: T) => number | null = () => null,
): Promise<T> {
  const startMs = clock.elapsedMs()
  const add = (outcome: string, rows: number | null) => {
    const ms = Math.round(clock.elapsedMs() - startMs)
    history.add({ at: new Date(clock.nowMs()).toISOString(), ...about, rows, ms, outcome })
  }
  try {
    const result = await run()
    add('ok', countRows(result))
    return result
  } catch (error) {
    add(error instanceof CcsError ? error.code : 'CCS_UNEXPECTED', null)
    throw error
  }
}

/** Records the queries that people ask a service. */
export function recordQueries(service: QueryService, recorder: Recorder): QueryService {
  return {
    query: (sql, options) => {
      const run = () => service.query(sql, options)
      return recordQuery(recorder, sql, options?.door, run, ({ rows }) =>
        Array.isArray(rows) ? rows.length : null,
      )
    },
    listTables: () => service.listTables(),
    close: async () => {
      await service.close()
      await recorder.history.flush()
    },
  }
}

/** Runs a query; it is recorded if it came by a door, and there is a recorder. */
export function recordQuery<T>(
  recorder: Recorder | undefined,
  sql: string,
  door: string | undefined,
  run: () => Promise<T>,
  countRows: (result: T) => number | null,
): Promise<T> {
  if (recorder === undefined || door === undefined || door === OWN_DOOR) return run()
  return recordRun(recorder, { what: 'query', by: door, text: sql }, run, countRows)
}
