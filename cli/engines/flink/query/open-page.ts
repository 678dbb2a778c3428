/** Opens what answers the page's metrics: the parts of topics that they need, planned by DuckDB. */
import { ModelFinder } from '../../../adapters/duckdb/find-models.ts'
import { CcsError } from '../../../domain/kernel/errors.ts'
import type { Metric } from '../../../domain/live/metric.ts'
import type { Logic } from '../../../domain/models/logic.ts'
import { followTarget, type OpenQueriesOptions, planTarget } from './open-queries.ts'
import { PageQueries } from './page-queries.ts'
import { planPage, type TopicNeeds } from './plan-page.ts'
import type { PlannedTable } from './plan-tables.ts'
import { PLAN_SETTINGS } from './scan-bounds.ts'
import { TargetTables, type TargetTablesOptions } from './target-tables.ts'
import { TopicWindow } from './topic-window.ts'

/** A target whose engine fills topics, and the metrics of its page. */
export interface OpenPageOptions extends OpenQueriesOptions {
  readonly metrics: readonly Metric[]
  /** More records of a topic are not read; absent: 3 million. */
  readonly recordsMax?: number
}

/** Their columns take some 300 MB, and they are read in a minute. */
const RECORDS_MAX = 3_000_000
/** Of plans over empty tables. */
const PLAN_BYTES = 256 * 1024 * 1024

/** Asks no server before the first metric. */
export async function openPageQueries(options: OpenPageOptions) {
  const { logic, timezone, registry, limits, clock, recordsMax = RECORDS_MAX } = options
  const reader = followTarget(options)
  const planned = planTarget(options)
  const reads = planned.map(({ model, reads: own, source }) => {
    return [model.name, source.from === 'sql' ? own : []] as const
  })
  const finder = new ModelFinder({
    ...{ reads: new Map(reads), views: new Set<string>(), macros: logic.macros },
  })
  const about = {
    ...{ columns: logic.columns, macrosSql: logic.macrosSql, timezone, reader, registry },
  } satisfies Partial<TargetTablesOptions>
  const empty = await TargetTables.open({
    ...{ ...about, tables: planned, memoryLimitBytes: PLAN_BYTES, settings: PLAN_SETTINGS },
  })
  const { connection } = empty
  const closeEmpty = async () => empty.close()
  try {
    const { metrics, names } = await findModels(options.metrics, (sql) =>
      finder.find(connection, sql),
    )
    const plan = () =>
      planPage({
        ...{ connection, metrics, planned, columns: logic.columns, nowMs: clock.nowMs() },
      })
    const needed = planned.filter(({ model }) => names.has(model.name))
    const needs = await plan()
    const windows = openWindows(needed, needs, { reader, recordsMax })
    const tables = await TargetTables.open({
      ...{ ...about, tables: needed, windows, memoryLimitBytes: limits.memoryLimitBytes },
      loaded: chooseColumns(needed, needs, logic),
    })
    const queries = new PageQueries({
      ...{ tables, windows, plan, finder, limits, recordsMax, clock, from: reader.place },
      ids: new Map(metrics.map(({ id, sql }) => [sql, id])),
    })
    return {
      queries,
      close: async () => {
        await queries.close()
        await closeEmpty()
        await reader.close()
      },
    }
  } catch (error) {
    await closeEmpty()
    throw error
  }
}

/** The metrics that are allowed SELECTs, and all models that they read. */
async function findModels(
  metrics: readonly Metric[],
  find: (sql: string) => Promise<{ readonly all: ReadonlySet<string> }>,
) {
  const names = new Set<string>()
  const allowed: Metric[] = []
  for (const metric of metrics)
    try {
      for (const name of (await find(metric.sql)).all) names.add(name)
      allowed.push(metric)
    } catch (error) {
      // Who asks for the metric gets the same error.
      if (!(error instanceof CcsError)) throw error
    }
  return { metrics: allowed, names }
}

type Needs = ReadonlyMap<string, TopicNeeds>

function openWindows(
  tables: readonly PlannedTable[],
  needs: Needs,
  about: Pick<ConstructorParameters<typeof TopicWindow>[0], 'reader' | 'recordsMax'>,
): ReadonlyMap<string, TopicWindow> {
  const windows = new Map<string, TopicWindow>()
  for (const { model, source } of tables) {
    if ((source.from !== 'topic' && source.from !== 'sessions') || !needs.has(model.name)) continue
    const { topic } = source
    const table = `topics.${model.name}`
    const last = source.from === 'sessions' && {
      last: { end: source.open.span.end, tables: [table, `${table}_stage`] },
    }
    windows.set(model.name, new TopicWindow({ ...about, model: model.name, topic, ...last }))
  }
  return windows
}

/** Columns that a metric reads, or that the SQL of a model between names. */
function chooseColumns(
  tables: readonly PlannedTable[],
  needs: Needs,
  { columns, macrosSql }: Logic,
) {
  const between = tables.filter(({ source }) => source.from === 'sql')
  const named = between.length === 0 ? '' : macrosSql
  const words = new Set([...between.map(({ model }) => model.sql), named].join(' ').match(/\w+/g))
  return new Map(
    tables.map(({ model: { name } }) => {
      const isRead = (column: string) => needs.get(name)?.columns.has(column) || words.has(column)
      const all = columns.get(name) ?? []
      const some = all.filter((one) => isRead(one.name))
      return [name, some.length > 0 ? some : all] as const
    }),
  )
}
