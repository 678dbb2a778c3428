/**
 * DuckDB in this process, as far as ccs needs it: open, connect, run, read rows as plain JSON
 * values, prepare, interrupt. The only file that imports DuckDB's packages, when they are needed.
 */
import { createRequire } from 'node:module'
import type * as Api from '@duckdb/node-api'
import type Bindings from '@duckdb/node-bindings'
import { appendAll } from '../../domain/kernel/lists.ts'
import { readFirstTexts } from './duck-texts.ts'
import type { DuckOptions, RowStream, Rows } from './duck-types.ts'
import { formatIsoTime, toInteger } from './json-values.ts'

/** A parameter. Whole numbers bind as BIGINT (RangeError beyond 64 bits), others as DOUBLE. */
export type DuckValue = string | number | bigint | boolean | null

/** Low-level handles for code that fills DuckDB's vectors itself. */
export interface DuckHandles {
  readonly bindings: typeof Bindings
  readonly connection: Bindings.Connection
}

/** DuckDB's C API. */
export type DuckBindings = typeof Bindings
/** An appender of the C API. */
export type DuckAppender = Bindings.Appender
/** A chunk of rows of the C API. */
export type DuckChunk = Bindings.DataChunk
/** A column of a chunk. */
export type DuckVector = Bindings.Vector

/** Errors of `run` and `all` are DuckDB's own: the caller knows which model or query it was. */
export async function openDuck(options: DuckOptions = {}): Promise<Duck> {
  const bindings = loadBindings()
  const config: Record<string, string> = { ...options.config }
  // A "checkpoint" of in-memory tables only compresses them, at half of all CPU.
  if (options.path === undefined) config.checkpoint_threshold ??= '1TB'
  if (options.threads !== undefined) config.threads = String(options.threads)
  if (options.memoryLimitBytes !== undefined) config.memory_limit = `${options.memoryLimitBytes}B`
  config.temp_directory = options.tempDirectory ?? ''
  if (options.readOnly) config.access_mode = 'READ_ONLY'
  const settings = bindings.create_config()
  for (const [name, value] of Object.entries(config)) bindings.set_config(settings, name, value)
  const database = await bindings.open(options.path ?? ':memory:', settings)
  return new Duck(bindings, database, options.memoryLimitBytes)
}

/** An open instance. */
export class Duck {
  readonly #bindings: typeof Bindings
  readonly #database: Bindings.Database
  /** Undefined: DuckDB's own default, which is never set again. */
  #memoryLimitBytes: number | undefined

  constructor(
    bindings: typeof Bindings,
    database: Bindings.Database,
    memoryLimitBytes: number | undefined,
  ) {
    this.#bindings = bindings
    this.#database = database
    this.#memoryLimitBytes = memoryLimitBytes
  }

  async connect(): Promise<DuckConnection> {
    return new DuckConnection(this.#bindings, await this.#bindings.connect(this.#database))
  }

  /**
   * Returns freed memory to the system. DuckDB does so, for all threads and both of its
   * allocators, whenever its memory limit is set. `limitBytes`: the limit from now on; it stays as
   * it is while DuckDB uses more than that and can't spill it.
   */
  async giveBack(connection: DuckConnection, limitBytes = this.#memoryLimitBytes): Promise<void> {
    if (this.#memoryLimitBytes === undefined) return
    try {
      await connection.run(`SET memory_limit = '${limitBytes}B'`)
      this.#memoryLimitBytes = limitBytes
    } catch (error) {
      if (limitBytes === this.#memoryLimitBytes) throw error
      await this.giveBack(connection)
    }
  }

  /** Close the connections first. */
  close(): void {
    this.#bindings.close_sync(this.#database)
  }
}

/** By require: import() would first parse the packages' files for exports, which takes longer. */
function loadBindings(): typeof Bindings {
  return createRequire(import.meta.url)('@duckdb/node-bindings') as typeof Bindings
}

/** The public API decodes texts with one decoder, which would drop U+FEFF at their beginning. */
function loadApi(): typeof Api {
  const decoder = globalThis.TextDecoder
  globalThis.TextDecoder = class extends decoder {
    constructor(encoding?: string, options?: ConstructorParameters<typeof decoder>[1]) {
      super(encoding, { ...options, ignoreBOM: true })
    }
  }
  try {
    return createRequire(import.meta.url)('@duckdb/node-api') as typeof Api
  } finally {
    globalThis.TextDecoder = decoder
  }
}

/**
 * Statements without parameters, and texts, use the bindings alone: loading the public API takes
 * longer than opening DuckDB. Everything else loads it when it is first needed.
 */
export class DuckConnection {
  readonly handles: DuckHandles
  #loaded: { readonly api: typeof Api; readonly connection: Api.DuckDBConnection } | undefined

  constructor(bindings: typeof Bindings, connection: Bindings.Connection) {
    this.handles = { bindings, connection }
  }

  get #public() {
    if (this.#loaded) return this.#loaded
    const api = loadApi()
    this.#loaded = { api, connection: new api.DuckDBConnection(this.handles.connection) }
    return this.#loaded
  }

  /** Runs one statement or several; returns the number of rows that the last one changed. */
  async run(sql: string, values?: readonly DuckValue[]): Promise<number> {
    if (values !== undefined) return (await this.#query(sql, values)).rowsChanged
    const { bindings, connection } = this.handles
    return bindings.rows_changed(await bindings.query(connection, sql))
  }

  /** The first column of a statement with text parameters; it must be of texts without NULL. */
  async texts(sql: string, values: readonly string[]): Promise<readonly string[]> {
    const { bindings, connection } = this.handles
    const statement = await bindings.prepare(connection, sql)
    try {
      for (const [index, value] of values.entries())
        bindings.bind_varchar(statement, index + 1, value)
      const result = await bindings.execute_prepared(statement)
      const found: string[] = []
      for (let at = 0; at < bindings.result_chunk_count(result); at++)
        appendAll(found, readFirstTexts(bindings, bindings.result_get_chunk(result, at)))
      return found
    } finally {
      bindings.destroy_prepare_sync(statement)
    }
  }

  /** Rows of the last statement, with values as `plainValue` converts them. */
  async all(sql: string, values?: readonly DuckValue[]): Promise<Rows> {
    return readRows(this.#public.api, await this.#query(sql, values))
  }

  /** The same rows as of `all`, computed as they are read; `see` gets each value, and may throw. */
  async stream(sql: string, see: (value: unknown) => void): Promise<RowStream> {
    const { api, connection } = this.#public
    const result = await connection.stream(sql)
    return { columns: readColumns(result), chunks: readChunks(api, result, see) }
  }

  #query(sql: string, values?: readonly DuckValue[]): Promise<Api.DuckDBMaterializedResult> {
    const { api, connection } = this.#public
    if (values === undefined) return connection.run(sql)
    const bound = toParameters(api, values)
    return connection.run(sql, bound.values, bound.types)
  }

  /** Plans one statement once; parameters are $1, $2, … */
  async prepare(sql: string): Promise<DuckStatement> {
    const { api, connection } = this.#public
    return new DuckStatement(api, await connection.prepare(sql))
  }

  /** Makes the running statement fail soon; does nothing if none runs. */
  interrupt(): void {
    this.handles.bindings.interrupt(this.handles.connection)
  }

  close(): void {
    // The API also closes the statements that it prepared.
    if (this.#loaded) this.#loaded.connection.closeSync()
    else this.handles.bindings.disconnect_sync(this.handles.connection)
  }
}

/** A statement that was planned once. */
export class DuckStatement {
  readonly #api: typeof Api
  readonly #statement: Api.DuckDBPreparedStatement

  constructor(api: typeof Api, statement: Api.DuckDBPreparedStatement) {
    this.#api = api
    this.#statement = statement
  }

  async run(values: readonly DuckValue[] = []): Promise<number> {
    this.#bind(values)
    return (await this.#statement.run()).rowsChanged
  }

  async all(values: readonly DuckValue[] = []): Promise<Rows> {
    this.#bind(values)
    return readRows(this.#api, await this.#statement.run())
  }

  #bind(values: readonly DuckValue[]): void {
    const bound = toParameters(this.#api, values)
    this.#statement.bind(bound.values, bound.types)
  }

  close(): void {
    this.#statement.destroySync()
  }
}

function toParameters(
  api: typeof Api,
  given: readonly DuckValue[],
): { values: Api.DuckDBValue[]; types: Api.DuckDBType[] } {
  const values = given.map((v) => (typeof v === 'number' && Number.isInteger(v) ? BigInt(v) : v))
  const types = values.map((v) => {
    if (typeof v === 'bigint') return api.BIGINT
    if (typeof v === 'number') return api.DOUBLE
    return typeof v === 'boolean' ? api.BOOLEAN : api.VARCHAR
  })
  return { values, types }
}

async function readRows(api: typeof Api, result: Api.DuckDBMaterializedResult): Promise<Rows> {
  const rows = await result.convertRows<unknown>((value) => toPlainValue(api, value))
  const columns = readColumns(result)
  return { columns, rows: rows.map((row) => toObject(columns, row)) }
}

function readColumns(result: Api.DuckDBResult): Rows['columns'] {
  const names = result.deduplicatedColumnNames()
  return names.map((name, i) => ({ name, type: result.columnType(i).toString() }))
}

async function* readChunks(
  api: typeof Api,
  result: Api.DuckDBResult,
  see: (value: unknown) => void,
) {
  const columns = readColumns(result)
  for (;;) {
    const chunk = await result.fetchChunk()
    if (!chunk || chunk.rowCount === 0) return
    const rows = chunk.convertRows<unknown>((value) => {
      const plain = toPlainValue(api, value)
      see(plain)
      return plain
    })
    yield rows.map((row) => toObject(columns, row))
  }
}

/** Not by assignment, which would lose a column named __proto__. */
function toObject(columns: Rows['columns'], row: readonly unknown[]): Record<string, unknown> {
  return Object.fromEntries(columns.map(({ name }, i) => [name, row[i]]))
}

/**
 * A value as JSON without loss: integers as numbers while they are safe, else as text; DECIMAL as
 * text; TIMESTAMP as ISO 8601 with Z (milliseconds, or microseconds if there are any); DATE as
 * YYYY-MM-DD; BLOB as base64; LIST as array, STRUCT and MAP as objects; others as text.
 */
function toPlainValue(api: typeof Api, value: Api.DuckDBValue): unknown {
  switch (typeof value) {
    case 'bigint':
      return toInteger(value)
    case 'object':
      break
    default:
      return value
  }
  if (value === null) return null
  if (value instanceof api.DuckDBTimestampValue || value instanceof api.DuckDBTimestampTZValue)
    return formatIsoTime(value.micros) ?? value.toString()
  if (value instanceof api.DuckDBTimestampMillisecondsValue)
    return formatIsoTime(value.millis * 1000n) ?? value.toString()
  if (value instanceof api.DuckDBTimestampSecondsValue)
    return formatIsoTime(value.seconds * 1_000_000n) ?? value.toString()
  if (value instanceof api.DuckDBBlobValue) return Buffer.from(value.bytes).toString('base64')
  if (value instanceof api.DuckDBListValue || value instanceof api.DuckDBArrayValue)
    return value.items.map((item) => toPlainValue(api, item))
  if (value instanceof api.DuckDBStructValue)
    return Object.fromEntries(
      Object.entries(value.entries).map(([k, v]) => [k, toPlainValue(api, v)]),
    )
  if (value instanceof api.DuckDBMapValue)
    return Object.fromEntries(value.entries.map((e) => [String(e.key), toPlainValue(api, e.value)]))
  return value.toString()
}
