/**
 * Reads the topics of a target's models into a DuckDB, and writes those of events as Parquet, up to
 * where they are accounted for: an audit then reads them like the files of a lake.
 */
import type { DuckConnection } from '../../../adapters/duckdb/duckdb.ts'
import { createCatalog, LAYERS } from '../../../adapters/duckdb/model-catalog.ts'
import type { SchemaRegistry } from '../../../domain/avro/schema-registry.ts'
import { quoteName, quoteText } from '../../../domain/kernel/sql-text.ts'
import type { TopicReader } from '../../../domain/log/topic-reader.ts'
import type { DuckColumn } from '../../../domain/models/bind-models.ts'
import type { GraphModel } from '../../../domain/models/graph.ts'
import { isUpserted } from '../compile/ddl.ts'
import { TopicTable } from '../query/topic-table.ts'

/** What is read, and where it goes. */
export interface LoadOptions {
  readonly served: DuckConnection
  readonly reader: TopicReader
  readonly registry: Pick<SchemaRegistry, 'byId'>
  readonly graph: readonly GraphModel[]
  readonly columns: ReadonlyMap<string, readonly DuckColumn[]>
  readonly macrosSql: string
  readonly timezone: string
  /** Full name of a model's topic; undefined: it has none. */
  readonly topicOf: (model: string) => string | undefined
  /** By partition of events.valid; undefined: all rows count. */
  readonly ends: ReadonlyMap<number, number> | undefined
  readonly scratchFile: (name: string) => string
  readonly onRead: () => void
}

/** Paths of the Parquet files by model. */
export type LoadedFiles = ReadonlyMap<string, readonly string[]>

/**
 * Afterwards `served` has each model under its name. CCS_KAFKA_TOPIC for a topic that is missing,
 * CCS_PLAN_CHANGES for a column that no record has.
 */
export async function loadTopics(options: LoadOptions): Promise<LoadedFiles> {
  const { served, graph, macrosSql: macros, timezone, ends, scratchFile, onRead } = options
  await createCatalog(served, 'memory', { macros, timezone })
  await served.run(`ATTACH ':memory:' AS topics`)
  for (const layer of LAYERS) await served.run(`CREATE SCHEMA topics.${layer}`)
  await served.run('USE memory; CREATE TABLE ends (partition INTEGER, stop BIGINT)')
  for (const [partition, end] of ends ?? [])
    await served.run(`INSERT INTO ends VALUES (${partition}, ${end})`)
  const files = new Map<string, readonly string[]>()
  for (const one of graph) {
    const { model } = one
    const topic = options.topicOf(model.name)
    if (topic === undefined) {
      await served.run(`CREATE VIEW ${model.name} AS ${model.sql}`)
      continue
    }
    await loadTopic(options, model.name, topic, isUpserted(model))
    onRead()
    const counted = ends === undefined ? '' : printCounted(one, options)
    await served.run(
      `CREATE VIEW ${model.name} AS SELECT * FROM topics.${model.name} AS t ${counted}`,
    )
    if (isUpserted(model)) continue
    const path = scratchFile(`topic-${model.name}`)
    await served.run(`COPY (FROM ${model.name}) TO ${quoteText(path)} (FORMAT parquet)`)
    files.set(model.name, [path])
  }
  return files
}

async function loadTopic(
  { served, reader, registry, columns }: LoadOptions,
  model: string,
  topic: string,
  isKeyed: boolean,
): Promise<void> {
  const table = new TopicTable({
    connection: served,
    ...{ reader, registry, model, topic, isKeyed },
    table: `topics.${model}`,
    columns: columns.get(model) ?? [],
  })
  try {
    await table.open()
    await table.refresh(new AbortController().signal)
  } finally {
    table.close()
  }
}

/** Condition on rows that came from events before the ends. */
function printCounted({ model, reads }: GraphModel, { graph, columns }: LoadOptions): string {
  if (isUpserted(model)) return ''
  const has = (names: readonly string[]) => {
    const own = columns.get(model.name)?.map(({ name }) => name) ?? []
    return names.length > 0 && names.every((one) => own.includes(one))
  }
  if (has(['partition', 'offset']))
    return 'WHERE EXISTS (FROM ends e WHERE e.partition = t.partition AND t."offset" < e.stop)'
  const source = graph.find((one) => one.model.name === reads[0])?.model
  if (source === undefined || !has(source.key)) return ''
  return `SEMI JOIN ${source.name} USING (${source.key.map(quoteName).join(', ')})`
}
