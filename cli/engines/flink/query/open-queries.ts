/** Opens the queries of a target: its models compiled, and where the rows of each come from. */

import type { SchemaRegistry } from '../../../domain/avro/schema-registry.ts'
import { addPrefix, type Target } from '../../../domain/config/target.ts'
import { toCompileProject, toDialectInputs } from '../../../domain/dialects/compile.ts'
import type { Clock } from '../../../domain/kernel/clock.ts'
import type { TopicReader } from '../../../domain/log/topic-reader.ts'
import type { Logic } from '../../../domain/models/logic.ts'
import type { QueryService } from '../../../domain/query/query-service.ts'
import { compileModel } from '../compile/dialect.ts'
import { followDeployment } from './deployed-topics.ts'
import { type CompiledTable, type PlannedTable, planTables } from './plan-tables.ts'
import { serveTopicQueries, TopicQueries, type TopicQueriesOptions } from './query-service.ts'
import { TargetTables } from './target-tables.ts'

/** A target whose engine fills topics. */
export interface OpenQueriesOptions {
  readonly target: Pick<Target, 'excluded' | 'prefix'>
  /** Opened with `isDescribed`. */
  readonly logic: Logic
  readonly timezone: string
  /** Closed with the queries. */
  readonly reader: TopicReader
  readonly registry: Pick<SchemaRegistry, 'byId'>
  /** The engine's part of the deployment record; undefined: nothing is deployed. */
  readonly loadRecord: () => Promise<string | undefined>
  readonly limits: TopicQueriesOptions['limits']
  readonly clock: Clock
}

/** Asks no server before the first query. */
export async function openTopicQueries(options: OpenQueriesOptions): Promise<QueryService> {
  const { logic, timezone, registry, limits, clock } = options
  const reader = followTarget(options)
  const planned = planTarget(options)
  const tables = await TargetTables.open({
    tables: planned,
    columns: logic.columns,
    macrosSql: logic.macrosSql,
    memoryLimitBytes: limits.memoryLimitBytes,
    ...{ timezone, reader, registry },
  })
  const queries = new TopicQueries({ tables, planned, macros: logic.macros, limits, clock })
  return serveTopicQueries(queries, { from: reader.place, close: () => reader.close() })
}

/** The topics of the job in force, by the names that their models give them. */
export function followTarget(
  options: Pick<OpenQueriesOptions, 'target' | 'reader' | 'loadRecord' | 'clock'>,
): TopicReader {
  const { target, reader, loadRecord, clock } = options
  return followDeployment(reader, {
    loadRecord,
    nameOf: (model) => addPrefix(target, model),
    elapsedMs: () => clock.elapsedMs(),
  })
}

/** The project's models, and where the rows of each come from. */
export function planTarget({
  target,
  logic,
  timezone,
}: Pick<OpenQueriesOptions, 'target' | 'logic' | 'timezone'>): readonly PlannedTable[] {
  const reads = new Map(logic.graph.map((one) => [one.model.name, one.reads]))
  const models = toDialectInputs(toCompileProject(logic, timezone)).map(
    (input): CompiledTable => ({
      input,
      compiled: compileModel(input),
      reads: reads.get(input.model.name) ?? [],
    }),
  )
  const { excluded = [] } = target
  const findTopic = (name: string) =>
    excluded.includes(name) ? undefined : addPrefix(target, name)
  return planTables({ models, macros: logic.macros, findTopic })
}
