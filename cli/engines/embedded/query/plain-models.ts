/**
 * Runs the models as plain SQL over one batch of records: no state, no order of arrival, no
 * rewriting. It is the reference for every engine. Which rows came too late for a model can't be
 * known from a batch, so it is taken from the records' late_ms.
 */

import { type Duck, type DuckConnection, openDuck } from '../../../adapters/duckdb/duckdb.ts'
import { LAYERS, setNow } from '../../../adapters/duckdb/model-catalog.ts'
import { deriveRawColumns } from '../../../domain/events/raw-columns.ts'
import { quoteText } from '../../../domain/kernel/sql-text.ts'
import { printTooLateSql } from '../../../domain/models/finality.ts'
import type { GraphModel } from '../../../domain/models/graph.ts'
import type { QueryResult } from '../../../domain/sql/query-result.ts'

/** The project's logic. */
export interface PlainOptions {
  /** In topological order. */
  readonly graph: readonly GraphModel[]
  readonly macrosSql: string
  /** Current schema of events.raw, as Avro JSON. */
  readonly rawSchema: string
}

/** A record of raw.events by column name; times in ms since 1970. */
export type PlainRow = Readonly<Record<string, unknown>>

/** Their text is part of a statement, which DuckDB parses as a whole. */
const ROWS_A_STATEMENT = 10_000

/** A DuckDB of its own; each `load` replaces all records. */
export class PlainModels {
  readonly #duck: Duck
  readonly #connection: DuckConnection
  readonly #columns: readonly { readonly name: string; readonly type: string }[]

  private constructor(duck: Duck, connection: DuckConnection, rawSchema: string) {
    this.#duck = duck
    this.#connection = connection
    this.#columns = deriveRawColumns(rawSchema).rawColumns
  }

  static async open(options: PlainOptions): Promise<PlainModels> {
    const duck = await openDuck({ threads: 1 })
    const connection = await duck.connect()
    const plain = new PlainModels(duck, connection, options.rawSchema)
    await plain.#create(options)
    return plain
  }

  async #create({ graph, macrosSql }: PlainOptions): Promise<void> {
    const prepare = async (catalog: string) => {
      // Names are looked up in the selected catalog.
      await this.#connection.run(`USE ${catalog}`)
      for (const layer of LAYERS) await this.#connection.run(`CREATE SCHEMA ${layer}`)
      await this.#connection.run(macrosSql)
    }
    // Views are bound when they are created, and macros need their variables then.
    await setNow(this.#connection, 0)
    await this.#connection.run("SET VARIABLE shop_timezone = 'UTC'")
    await prepare('memory')
    const columns = this.#columns.map(({ name, type }) => `"${name}" ${type}`).join(', ')
    await this.#connection.run(`CREATE SCHEMA raw; CREATE TABLE raw.events (${columns})`)
    for (const { model, reads } of graph) {
      const late = printTooLateSql(model)
      const [source] = reads
      if (late === 'FALSE' || source === undefined) {
        await this.#connection.run(`CREATE VIEW ${model.name} AS ${model.sql}`)
        continue
      }
      // In a catalog of its own, the model's source lacks the rows that came too late for it.
      const catalog = `for_${model.name.replace('.', '_')}`
      await this.#connection.run(`ATTACH ':memory:' AS ${catalog}`)
      await prepare(catalog)
      await this.#connection.run(
        `CREATE VIEW ${source} AS SELECT * FROM memory.${source} WHERE NOT (${late});
         CREATE VIEW ${model.name} AS ${model.sql}; USE memory;
         CREATE VIEW ${model.name} AS SELECT * FROM ${catalog}.${model.name}`,
      )
    }
  }

  /** Names of a model's columns. */
  async columns(model: string): Promise<readonly string[]> {
    const { columns } = await this.#connection.all(`SELECT * FROM ${model} LIMIT 0`)
    return columns.map(({ name }) => name)
  }

  /** Replaces all records; `nowMs` is the clock of right_now(). */
  async load(
    rows: readonly PlainRow[],
    { nowMs, timezone }: { readonly nowMs: number; readonly timezone: string },
  ): Promise<void> {
    await setNow(this.#connection, nowMs)
    await this.#connection.run(`SET VARIABLE shop_timezone = ${quoteText(timezone)}`)
    await this.#connection.run('DELETE FROM raw.events')
    const times = this.#columns.filter(({ type }) => type === 'TIMESTAMP').map(({ name }) => name)
    const fields = this.#columns.map(({ name, type }) => `"${name}" ${type}`).join(', ')
    for (let at = 0; at < rows.length; at += ROWS_A_STATEMENT) {
      const some = rows.slice(at, at + ROWS_A_STATEMENT)
      const json = JSON.stringify(some, (key, value: unknown) =>
        times.includes(key) && typeof value === 'number' ? new Date(value).toISOString() : value,
      )
      await this.#connection.run(
        `INSERT INTO raw.events BY NAME
         SELECT unnest(${quoteText(json)}::JSON::STRUCT(${fields})[], max_depth := 2)`,
      )
    }
  }

  /** One SELECT over the records loaded last. */
  query(sql: string): Promise<QueryResult> {
    return this.#connection.all(sql)
  }

  close(): void {
    this.#connection.close()
    this.#duck.close()
  }
}
