/** Opens the queries of a target: its models compiled, and where the rows of each come from. */

import type { SchemaRegistry } from '../../../domain/avro/schema-registry.ts'
import { addPrefix, type Target } from '../../../domain/config/target.ts'
import { toCompileProject, toDialectInputs } from '../../../domain/dialects/compile.ts'
import type { Clock } from '../../../domain/kernel/clock.ts'
import type { TopicReader } from '../../../domain/log/topic-reader.ts'
import type { Logic } from '../../../domain/models/logic.ts'
import type { QueryService } from '../../../domain/query/query-service.ts'
import { compileModel } from '../compile/dialect.ts'
import { findDeployedTopics } from '../plan/record.ts'
import { type CompiledTable, planTables } from './plan-tables.ts'
import { serveTopicQueries, TopicQueries, type TopicQueriesOptions } from './query-service.ts'
import { TargetTables } from './target-tables.ts'

/** A target whose engine fills topics. */
export interface OpenQueriesOptions {
  readonly target: Pick<Target, 'excluded' | 'prefix'>
  /** The engine's part of the deployment record; absent before the first deployment. */
  readonly record?: string | undefined
  /** Opened with `isDescribed`. */
  readonly logic: Logic
  readonly timezone: string
  /** Closed with the queries. */
  readonly reader: TopicReader
  readonly registry: Pick<SchemaRegistry, 'byId'>
  readonly limits: TopicQueriesOptions['limits']
  readonly clock: Clock
}

/** Asks no server before the first query. */
export async function openTopicQueries(options: OpenQueriesOptions): Promise<QueryService> {
  const { logic, timezone, reader, registry, limits, clock } = options
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

function planTarget({ target, record, logic, timezone }: OpenQueriesOptions) {
  const reads = new Map(logic.graph.map((one) => [one.model.name, one.reads]))
  const models = toDialectInputs(toCompileProject(logic, timezone)).map(
    (input): CompiledTable => ({
      input,
      compiled: compileModel(input),
      reads: reads.get(input.model.name) ?? [],
    }),
  )
  const { excluded = [] } = target
  // Each version of the job has topics of its own: the record names those in force.
  const topics = findDeployedTopics(record)
  const findTopic = (name: string) =>
    excluded.includes(name) ? undefined : topics ? topics.get(name) : addPrefix(target, name)
  return planTables({ models, macros: logic.macros, findTopic })
}
