/**
 * Rejects as rows of a DuckDB table: columns of the reject, then the fields of the event as far as
 * its bytes can be read. Conditions select rows, and patches compute new values of fields. Fields
 * without an assignment are never read back from SQL, so that they keep every bit.
 */
import { type AvroNode, type RecordNode, unwrapOptional } from '../avro/schema.ts'
import { deriveRawColumns } from '../events/raw-columns.ts'
import { CcsError } from '../kernel/errors.ts'
import { quoteName, quoteText } from '../kernel/sql-text.ts'
import { toBindError } from '../models/bind-models.ts'
import type { UnvalidatedEvent } from './lenient-reader.ts'
import { type Assignment, listEntryFields, parenthesize, type SqlFragment } from './parse-patch.ts'
import type { RejectEntry } from './read-rejects.ts'

/** An empty DuckDB of its own, without access to files or network. */
export interface SqlRunner {
  run(sql: string, values?: readonly string[]): Promise<unknown>
  all(
    sql: string,
    values?: readonly string[],
  ): Promise<{ readonly rows: readonly Readonly<Record<string, unknown>>[] }>
}

/** What the expressions gave for a row. */
export type RowResult =
  | { readonly isChosen: false }
  /** Values of the assigned columns, in the shapes of docs/json-output.md. */
  | { readonly isChosen: true; readonly values: Readonly<Record<string, unknown>> }
  /** The expressions failed on this row. */
  | { readonly isChosen: true; readonly problem: string }

/** The user's condition and assignments. */
export interface RowExpressions {
  readonly where?: SqlFragment
  readonly patch: readonly Assignment[]
}

const META: readonly (readonly [name: string, type: string])[] = [
  ['partition', 'INTEGER'],
  ['offset', 'BIGINT'],
  ['reason', 'VARCHAR'],
  ['message', 'VARCHAR'],
  ['kind', 'VARCHAR'],
  ['fingerprint', 'VARCHAR'],
  ['schema_id', 'INTEGER'],
  ['first_seen', 'TIMESTAMP'],
  ['origin', 'VARCHAR'],
  ['model', 'VARCHAR'],
  ['source_topic', 'VARCHAR'],
  ['source_partition', 'INTEGER'],
  ['source_offset', 'BIGINT'],
  ['size', 'INTEGER'],
]

/** Evaluates the same expressions for any number of batches. */
export class RejectTable {
  readonly #sql: SqlRunner
  readonly #expressions: RowExpressions
  readonly #record: RecordNode
  readonly #eventTypes: ReadonlyMap<string, string>
  /** Name → type, in order; a field of the event hides a reject's column of the same name. */
  readonly #columns: ReadonlyMap<string, string>

  private constructor(
    sql: SqlRunner,
    record: RecordNode,
    schema: string,
    expressions: RowExpressions,
  ) {
    this.#sql = sql
    this.#record = record
    this.#expressions = expressions
    const names = new Set(record.fields.map(({ name }) => name))
    this.#eventTypes = new Map(
      deriveRawColumns(schema)
        .rawColumns.slice(0, record.fields.length)
        .map(({ name, type }) => [name, type]),
    )
    this.#columns = new Map([...META.filter(([name]) => !names.has(name)), ...this.#eventTypes])
  }

  /** Throws CCS_QUERY_INVALID, with the place, for expressions that DuckDB can't bind. */
  static async open(
    sql: SqlRunner,
    record: RecordNode,
    schema: string,
    expressions: RowExpressions,
  ): Promise<RejectTable> {
    const table = new RejectTable(sql, record, schema, expressions)
    const columns = [...table.#columns].map(([name, type]) => `${quoteName(name)} ${type}`)
    await sql.run(`CREATE TABLE rejects ("_n" INTEGER, ${columns.join(', ')})`)
    await table.#check()
    return table
  }

  /**
   * Returns one result per row, in order. `event` undefined: unreadable, all its fields are NULL.
   */
  async evaluate(
    rows: readonly { readonly entry: RejectEntry; readonly event: UnvalidatedEvent | undefined }[],
  ): Promise<readonly RowResult[]> {
    const { where, patch } = this.#expressions
    if (!where && patch.length === 0) return rows.map(() => ({ isChosen: true, values: {} }))
    await this.#load(rows)
    const answers = new Map<number, RowResult>()
    const take = (found: readonly Readonly<Record<string, unknown>>[]) => {
      for (const { _n: index, ...values } of found)
        answers.set(Number(index), { isChosen: true, values })
    }
    try {
      take((await this.#sql.all(this.#select('TRUE'))).rows)
    } catch {
      // The expressions fail on some row: each row is evaluated alone, so that the others succeed.
      for (const index of rows.keys()) {
        try {
          take((await this.#sql.all(this.#select(`"_n" = ${index}`))).rows)
        } catch (error) {
          answers.set(index, { isChosen: true, problem: describeProblem(error) })
        }
      }
    }
    return rows.map((_, index) => answers.get(index) ?? { isChosen: false })
  }

  /** Binds each expression alone, so that DuckDB's error has its place. */
  async #check(): Promise<void> {
    const { where, patch } = this.#expressions
    if (where)
      await this.#bind(where, `SELECT CAST(${parenthesize(where)} AS BOOLEAN) FROM rejects`)
    for (const column of new Set(patch.map((one) => one.column)))
      for (const one of patch.filter((other) => other.column === column)) {
        const sql = this.#renderAssignment(column, [one])
        await this.#bind(one.expression, `SELECT ${sql} FROM rejects`)
      }
  }

  async #bind(text: SqlFragment, sql: string): Promise<void> {
    try {
      await this.#sql.all(`EXPLAIN ${sql}`)
    } catch (cause) {
      throw toExpressionError(text, sql, cause)
    }
  }

  #select(condition: string): string {
    const { where, patch } = this.#expressions
    const columns = [...new Set(patch.map(({ column }) => column))]
    const values = columns.map((column) => {
      const own = patch.filter((one) => one.column === column)
      return `, ${this.#renderAssignment(column, own)} AS ${quoteName(column)}`
    })
    const chosen = where ? `AND CAST(${parenthesize(where)} AS BOOLEAN)` : ''
    return `SELECT "_n"${values.join('')} FROM rejects WHERE ${condition} ${chosen}`
  }

  /** Renders the SQL of a column's new value, cast to the column's type. */
  #renderAssignment(column: string, patch: readonly Assignment[]): string {
    const type = this.#eventTypes.get(column) ?? 'VARCHAR'
    const [first] = patch
    if (first && first.entryField === undefined)
      return `CAST(${parenthesize(first.expression)} AS ${type})`
    const field = this.#record.fields.find(({ name }) => name === column)
    const names = field ? listEntryFields(field) : []
    const values = names.map((name) => {
      const own = patch.find(({ entryField }) => entryField === name)
      return `${quoteName(name)} := ${own ? parenthesize(own.expression) : quoteName(name)}`
    })
    // The entry's fields hide fields of the event with the same names.
    return `CAST((SELECT coalesce(list(struct_pack(${values.join(', ')}) ORDER BY "_at"), [])
      FROM (SELECT "_one".*, "_at" FROM (SELECT unnest(${quoteName(column)}) AS "_one",
        generate_subscripts(${quoteName(column)}, 1) AS "_at"))) AS ${type})`
  }

  async #load(
    rows: readonly { readonly entry: RejectEntry; readonly event: UnvalidatedEvent | undefined }[],
  ): Promise<void> {
    const records = rows.map(({ entry, event }, index) => {
      const fields = this.#record.fields.map(({ name, type }) => [
        name,
        event ? toSqlValue(type, event[name]) : null,
      ])
      return { _n: index, ...toMetaColumns(entry), ...Object.fromEntries(fields) }
    })
    const shape = JSON.stringify([Object.fromEntries([['_n', 'INTEGER'], ...this.#columns])])
    const names = [...this.#columns.keys()].map((name) => `r.${quoteName(name)}`)
    await this.#sql.run('DELETE FROM rejects')
    await this.#sql.run(
      `INSERT INTO rejects SELECT r."_n", ${names.join(', ')}
        FROM (SELECT unnest(from_json($1::VARCHAR, ${quoteText(shape)})) AS r)`,
      [JSON.stringify(records)],
    )
  }
}

function toMetaColumns({ reject, partition, offset, group }: RejectEntry): Record<string, unknown> {
  return {
    ...{ partition, offset, ...group },
    message: reject?.message ?? null,
    schema_id: reject?.schema_id ?? null,
    first_seen: reject ? formatTime(reject.first_seen) : null,
    origin: reject?.origin ?? null,
    model: reject?.model ?? null,
    source_topic: reject?.topic ?? null,
    source_partition: reject?.partition ?? null,
    source_offset: reject?.offset ?? null,
    size: reject?.bytes.length ?? null,
  }
}

/**
 * Converts a value to JSON that DuckDB reads as the column's type; null if the type can't hold it.
 */
export function toSqlValue(given: AvroNode, value: unknown): unknown {
  if (value === null || value === undefined) return null
  const { node } = unwrapOptional(given)
  if (node.kind === 'long' && node.logical === 'timestamp-millis') return formatTime(value)
  if (typeof value === 'bigint') return value.toString()
  if (typeof value === 'number') return Number.isFinite(value) ? value : null
  if (node.kind === 'array' && Array.isArray(value))
    return value.map((one) => toSqlValue(node.items, one))
  if (node.kind === 'record')
    return Object.fromEntries(
      // A record's value is an object.
      node.fields.map(({ name, type }) => [
        name,
        toSqlValue(type, (value as Record<string, unknown>)[name]),
      ]),
    )
  return value
}

/** Only years 0 to 9999: DuckDB reads no others as ISO 8601. */
function formatTime(value: unknown): string | null {
  const ms = typeof value === 'number' ? value : Number.NaN
  return ms >= -62_167_219_200_000 && ms < 253_402_300_800_000 ? new Date(ms).toISOString() : null
}

function describeProblem(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error)
  return (text.split('\n')[0] ?? '').replace(/^[A-Za-z ]+ Error:\s*/, '').trim()
}

/** Converts DuckDB's error into one with its place in the user's text. */
function toExpressionError(text: SqlFragment, sql: string, cause: unknown): CcsError {
  // toBindError expects one line before the expression; the statement may have more.
  const before = sql.slice(0, sql.indexOf(parenthesize(text))).split('\n').length
  const shown = sql.split('\n').slice(before).join('\n')
  const found = toBindError(
    { file: text.file, sql: shown, sqlLine: text.line },
    shift(cause, before),
  )
  const { location } = found
  const line = location?.line ?? text.line
  const own = text.whole.split('\n')[line - 1]
  return new CcsError('CCS_QUERY_INVALID', found.message, {
    hint: /^(Candidate|Did you mean)/.test(found.hint ?? '') ? (found.hint ?? '') : COLUMNS,
    cause,
    location: {
      file: text.file,
      line: own === undefined ? text.line : line,
      column: own === undefined ? text.column : (location?.column ?? text.column),
      text: own ?? text.whole,
    },
  })
}

const COLUMNS =
  'Columns are the fields of an event (schemas/events.raw.avsc) and those of docs/dlq.md.'

/** Moves the line number of an error, as if only one line preceded the expression. */
function shift(cause: unknown, before: number): Error {
  const message = cause instanceof Error ? cause.message : String(cause)
  return new Error(
    message.replace(/^LINE (\d+):/m, (_, line) => {
      return `LINE ${Math.max(1, Number(line) - (before - 1))}:`
    }),
  )
}
