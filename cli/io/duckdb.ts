/**
 * DuckDB in process, as small as the rest of ccs needs it: open, connect, run, read rows as plain JSON
 * values, prepare, interrupt. The one file that imports DuckDB's packages, and only when it is asked to.
 */
import { createRequire } from 'node:module'
import type * as Api from '@duckdb/node-api'
import type Bindings from '@duckdb/node-bindings'

export interface DuckOptions {
  /** Worker threads of the instance; DuckDB's own default (one a core) when absent. */
  readonly threads?: number
  readonly memoryLimitBytes?: number
  /** Where queries that outgrow the memory limit may spill; nowhere when absent. */
  readonly tempDirectory?: string
  /** A database file; in memory when absent. */
  readonly path?: string
  readonly readOnly?: boolean
  /** Further settings by DuckDB's own names. */
  readonly config?: Readonly<Record<string, string>>
}

/** A parameter. Whole numbers and bigints bind as BIGINT (RangeError beyond 64 bits), others as DOUBLE. */
export type DuckValue = string | number | bigint | boolean | null

export interface Rows {
  readonly columns: { readonly name: string; readonly type: string }[]
  readonly rows: Record<string, unknown>[]
}

/** Low-level handles for code that fills DuckDB's vectors itself (engines/embedded/raw-rows.ts). */
export interface DuckHandles {
  readonly bindings: typeof Bindings
  readonly connection: Bindings.Connection
}

export type DuckApi = typeof Api
export type DuckApiType = Api.DuckDBType
export type DuckApiValue = Api.DuckDBValue
export type DuckBindings = typeof Bindings
export type DuckAppender = Bindings.Appender
export type DuckChunk = Bindings.DataChunk
export type DuckVector = Bindings.Vector

/**
 * Opens an instance. Errors of `run` and `all` are DuckDB's own: who knows which model or query it was
 * says so to the user.
 */
export async function openDuck(options: DuckOptions = {}): Promise<Duck> {
  const api = loaded<typeof Api>('@duckdb/node-api')
  const config: Record<string, string> = { ...options.config }
  // A "checkpoint" of tables in memory only compresses them: half of all CPU of a table that is soon dropped.
  if (options.path === undefined) config.checkpoint_threshold ??= '1TB'
  if (options.threads !== undefined) config.threads = String(options.threads)
  if (options.memoryLimitBytes !== undefined) config.memory_limit = `${options.memoryLimitBytes}B`
  config.temp_directory = options.tempDirectory ?? ''
  if (options.readOnly) config.access_mode = 'READ_ONLY'
  const instance = await api.DuckDBInstance.create(options.path ?? ':memory:', config)
  return new Duck(api, instance, config.memory_limit)
}

export class Duck {
  readonly #api: typeof Api
  readonly #instance: Api.DuckDBInstance
  readonly #memoryLimit: string | undefined

  constructor(api: typeof Api, instance: Api.DuckDBInstance, memoryLimit: string | undefined) {
    this.#api = api
    this.#instance = instance
    this.#memoryLimit = memoryLimit
  }

  async connect(): Promise<DuckConnection> {
    const bindings = loaded<typeof Bindings>('@duckdb/node-bindings')
    const connection = await bindings.connect(instanceHandle(this.#instance))
    return new DuckConnection(this.#api, bindings, connection)
  }

  /**
   * Gives freed memory back to the system, of all threads and in both allocators that DuckDB uses. It does
   * that where its limit is set, to whatever value; its own idle workers would do it, if it had some.
   */
  async giveBack(connection: DuckConnection): Promise<void> {
    if (this.#memoryLimit) await connection.run(`SET memory_limit = '${this.#memoryLimit}'`)
  }

  /** Close connections first. */
  close(): void {
    this.#instance.closeSync()
  }
}

/**
 * A CommonJS package, whose type the caller knows. By require: import() would first parse all of its many
 * files for the names that they export, which takes three times as long as running them.
 */
function loaded<T>(name: '@duckdb/node-api' | '@duckdb/node-bindings'): T {
  return createRequire(import.meta.url)(name) as T
}

/** The instance's own handle, which connections for vector code are made of. */
function instanceHandle(instance: Api.DuckDBInstance): Bindings.Database {
  // The class keeps it in the property `db`, which its type hides.
  return (instance as unknown as { readonly db: Bindings.Database }).db
}

export class DuckConnection {
  readonly handles: DuckHandles
  readonly #api: typeof Api
  readonly #connection: Api.DuckDBConnection

  constructor(api: typeof Api, bindings: typeof Bindings, connection: Bindings.Connection) {
    this.#api = api
    this.#connection = new api.DuckDBConnection(connection)
    this.handles = { bindings, connection }
  }

  /** Runs one statement or several; returns the number of rows that the last one changed. */
  async run(sql: string, values?: readonly DuckValue[]): Promise<number> {
    return (await this.#query(sql, values)).rowsChanged
  }

  /** Rows of the last statement, their values as `plainValue` makes them. */
  async all(sql: string, values?: readonly DuckValue[]): Promise<Rows> {
    return readRows(this.#api, await this.#query(sql, values))
  }

  #query(sql: string, values?: readonly DuckValue[]): Promise<Api.DuckDBMaterializedResult> {
    if (values === undefined) return this.#connection.run(sql)
    const bound = parameters(this.#api, values)
    return this.#connection.run(sql, bound.values, bound.types)
  }

  /** One statement, planned once; parameters are $1, $2 … */
  async prepare(sql: string): Promise<DuckStatement> {
    return new DuckStatement(this.#api, await this.#connection.prepare(sql))
  }

  /** Rows into `catalog.schema.table` through the public API, column by column: slower than vectors, and safe for any value. */
  async appendColumns(
    table: string,
    types: readonly Api.DuckDBType[],
    columns: readonly (readonly Api.DuckDBValue[])[],
  ): Promise<void> {
    const chunk = this.#api.DuckDBDataChunk.create(types)
    chunk.setColumns(columns)
    const [name = '', schema, catalog] = table.split('.').reverse()
    const appender = await this.#connection.createAppender(name, schema, catalog)
    appender.appendDataChunk(chunk)
    appender.closeSync()
  }

  /** The public API's constructors of types and values, for `appendColumns`. */
  get api(): typeof Api {
    return this.#api
  }

  /** Makes the running statement fail soon; does nothing when none runs. */
  interrupt(): void {
    this.#connection.interrupt()
  }

  close(): void {
    this.#connection.closeSync()
  }
}

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
    const bound = parameters(this.#api, values)
    this.#statement.bind(bound.values, bound.types)
  }

  close(): void {
    this.#statement.destroySync()
  }
}

function parameters(
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
  const names = result.deduplicatedColumnNames()
  const columns = names.map((name, i) => ({ name, type: result.columnType(i).toString() }))
  const convert: Api.DuckDBValueConverter<unknown> = (value) => plainValue(api, value)
  return { columns, rows: await result.convertRowObjects(convert) }
}

/**
 * A value as JSON can carry it without loss: integers as numbers while they are safe, as text beyond;
 * DECIMAL as text with its scale; TIMESTAMP as ISO 8601 with Z (milliseconds, microseconds when there are
 * any); DATE as YYYY-MM-DD; BLOB as base64; LIST as array, STRUCT and MAP as objects; others as text.
 */
function plainValue(api: typeof Api, value: Api.DuckDBValue): unknown {
  switch (typeof value) {
    case 'bigint':
      return integer(value)
    case 'object':
      break
    default:
      return value
  }
  if (value === null) return null
  if (value instanceof api.DuckDBTimestampValue || value instanceof api.DuckDBTimestampTZValue)
    return isoTime(value.micros) ?? value.toString()
  if (value instanceof api.DuckDBTimestampMillisecondsValue)
    return isoTime(value.millis * 1000n) ?? value.toString()
  if (value instanceof api.DuckDBTimestampSecondsValue)
    return isoTime(value.seconds * 1_000_000n) ?? value.toString()
  if (value instanceof api.DuckDBBlobValue) return Buffer.from(value.bytes).toString('base64')
  if (value instanceof api.DuckDBListValue || value instanceof api.DuckDBArrayValue)
    return value.items.map((item) => plainValue(api, item))
  if (value instanceof api.DuckDBStructValue)
    return Object.fromEntries(
      Object.entries(value.entries).map(([k, v]) => [k, plainValue(api, v)]),
    )
  if (value instanceof api.DuckDBMapValue)
    return Object.fromEntries(value.entries.map((e) => [String(e.key), plainValue(api, e.value)]))
  return value.toString()
}

function integer(value: bigint): number | string {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value.toString()
}

function isoTime(micros: bigint): string | undefined {
  const rest = Number(((micros % 1000n) + 1000n) % 1000n)
  const millis = Number((micros - BigInt(rest)) / 1000n)
  if (!(Math.abs(millis) <= 8.64e15)) return undefined
  const iso = new Date(millis).toISOString()
  return rest === 0 ? iso : `${iso.slice(0, -1)}${String(rest).padStart(3, '0')}Z`
}
