/**
 * Reads events of Bronze as records of the log: the same fields, encoded by the newest version of
 * the schema, at the same offsets and append times. Only for a Bronze that has all fields of the
 * event as they are; otherwise the records would not be the same events.
 */
import { compileEncoder } from '../../domain/avro/encoder.ts'
import {
  type AvroField,
  type AvroNode,
  parseRecordSchema,
  unwrapOptional,
} from '../../domain/avro/schema.ts'
import type { RegisteredSchema } from '../../domain/avro/schema-registry.ts'
import { CcsError } from '../../domain/kernel/errors.ts'
import { quoteName, quoteText } from '../../domain/kernel/sql-text.ts'
import type { LakeFile, Manifest } from '../../domain/lake/manifest.ts'
import { RecordBatch } from '../../domain/log/record-batch.ts'
import type { RecordRange, RestoredRecord } from '../../domain/log/restored-record.ts'
import { asNode, asNodes, asText, asTexts, parseSelect } from '../../domain/sql/ast.ts'
import type { DuckConnection } from '../duckdb/duckdb.ts'
import { serializeSql } from '../duckdb/sql-ast.ts'
import { withDuck } from '../duckdb/with-duck.ts'

/** Where Bronze is. */
export interface BronzePlace {
  /** Undefined before the first commit. */
  readonly manifest: Manifest | undefined
  readonly lake: {
    locate(manifest: Manifest): Promise<ReadonlyMap<string, string>>
    /** undefined for an intact file. */
    check(file: LakeFile, path: string): Promise<string | undefined>
  }
  /** All versions of the event's schema, oldest first. */
  readonly rawSchemas: readonly RegisteredSchema[]
  /** The data directory. */
  readonly root: string
}

/** Reads records of a range of offsets, by offset, in batches. */
export type ReadBronze = (range: RecordRange) => AsyncIterable<readonly RestoredRecord[]>

/**
 * Runs `use` with a reader of Bronze's rows as records. `why` says, as half a sentence, why it
 * finds none, or not those of damaged files; null: it finds all.
 */
export async function withBronzeRecords<T>(
  { manifest, lake, rawSchemas, root }: BronzePlace,
  use: (read: ReadBronze, why: string | null) => Promise<T>,
): Promise<T> {
  const model = manifest?.models.find(({ name }) => name.startsWith('bronze.'))
  const schema = rawSchemas.at(-1)
  if (!manifest || !model || !schema) return use(readNothing, 'nothing was committed yet')
  const places = await lake.locate(manifest)
  const paths: string[] = []
  const damaged: string[] = []
  for (const file of manifest.files.filter(({ table }) => table === model.name)) {
    const path = places.get(file.name)
    const isIntact = path !== undefined && (await lake.check(file, path)) === undefined
    if (isIntact) paths.push(path)
    else damaged.push(file.name)
  }
  const why = damaged.length === 0 ? null : `damaged in the lake: ${damaged.join(', ')}`
  const settings = { memoryLimitBytes: 512 * 1024 ** 2, tempDirectory: `${root}/spill` }
  return withDuck(settings, async (duck) => {
    const opened = await openBronze({ duck, paths, sql: model.text, schema })
    return typeof opened === 'string' ? use(readNothing, opened) : use(opened, why)
  })
}

async function* readNothing(): AsyncGenerator<readonly RestoredRecord[]> {}

interface BronzeSource {
  readonly duck: DuckConnection
  readonly paths: readonly string[]
  /** The model as it was deployed. */
  readonly sql: string
  readonly schema: RegisteredSchema
}

type Row = Record<string, unknown>

const OFFSETS_PER_QUERY = 20_000

/** A text instead says why its rows can't stand for the records. */
async function openBronze(source: BronzeSource): Promise<ReadBronze | string> {
  const { duck, paths, sql, schema } = source
  if (paths.length === 0) return 'Bronze has no rows'
  const record = parseRecordSchema(schema.schema)
  const plain = await listPlainColumns(duck, sql)
  const names = [...record.fields.map(({ name }) => name), ...PLACE_COLUMNS]
  const lacking = names.filter((name) => !plain.has(name))
  if (lacking.length > 0) return `Bronze does not have ${lacking.join(', ')} as in the event`
  const fields = record.fields.map((field) => planField(field))
  const unknown = fields.flatMap((field) => (typeof field === 'string' ? [field] : []))
  if (unknown.length > 0) return `no record can be made of the type of ${unknown.join(', ')}`
  const plans = fields.filter((field) => typeof field !== 'string')
  const encode = compileEncoder<Row>(schema.schema, schema.id)
  const batch = new RecordBatch()
  const toRecord = (row: Row): RestoredRecord => {
    const value = Object.fromEntries(plans.map(({ name, read }) => [name, read(row[name])]))
    const bytes = Uint8Array.from(batch.encodeOne((into) => encode(into, value)))
    return { offset: Number(row['ccs offset']), appendMs: Number(row['ccs append']), bytes }
  }
  const select = `SELECT ${plans.map((one) => `${one.sql} AS ${quoteName(one.name)}`).join(', ')},
      "offset" AS "ccs offset", epoch_ms(ingest_time) AS "ccs append"
    FROM read_parquet([${paths.map(quoteText).join(', ')}],
      hive_partitioning = false, union_by_name = true)`
  return async function* read({ topic, partition, from, to }) {
    for (let at = from; at < to; at += OFFSETS_PER_QUERY) {
      const end = Math.min(to, at + OFFSETS_PER_QUERY)
      const { rows } = await duck.all(`${select} WHERE topic = ${quoteText(topic)}
        AND partition = ${partition} AND "offset" >= ${at} AND "offset" < ${end}
        ORDER BY "offset"`)
      if (rows.length > 0) yield rows.map(toRecord)
    }
  }
}

const PLACE_COLUMNS = ['topic', 'partition', 'offset', 'ingest_time']

/** Columns that the SELECT passes on as they are; none of a text that is not one SELECT. */
async function listPlainColumns(duck: DuckConnection, sql: string): Promise<ReadonlySet<string>> {
  const parse = (text: string) => serializeSql(duck, text)
  const ast = await parseSelect({ file: 'bronze', line: 1, sql }, parse).catch((error: unknown) => {
    if (error instanceof CcsError) return undefined
    throw error
  })
  const items = asNodes(asNode(ast?.node).select_list)
  const plain = items.flatMap((item) => {
    const name = item.class === 'COLUMN_REF' ? asTexts(item.column_names).at(-1) : undefined
    const alias = asText(item.alias)
    return name !== undefined && (alias === '' || alias === name) ? [name] : []
  })
  return new Set(plain)
}

interface FieldPlan {
  readonly name: string
  /** The column in a form that survives the way through JSON values. */
  readonly sql: string
  /** The value for the encoder. */
  readonly read: (value: unknown) => unknown
}

/** A text instead: the field's name, as its type is not supported. */
function planField({ name, type }: AvroField): FieldPlan | string {
  const column = quoteName(name)
  const { node } = unwrapOptional(type)
  if (node.kind === 'array') {
    const { items } = node
    if (items.kind !== 'record' || !items.fields.every((one) => isPlainType(one.type))) return name
    const read = items.fields.map((one) => ({ name: one.name, value: readValue(one.type) }))
    const toItem = (item: Row) =>
      Object.fromEntries(read.map((one) => [one.name, one.value(item[one.name])]))
    return { name, sql: column, read: (list) => ((list ?? []) as readonly Row[]).map(toItem) }
  }
  if (node.kind === 'long' && node.logical?.startsWith('timestamp-')) {
    const isMillis = node.logical === 'timestamp-millis'
    const sql = `${isMillis ? 'epoch_ms' : 'epoch_us'}(${column})`
    return { name, sql, read: toWhole }
  }
  if (node.kind === 'int' && node.logical === 'date')
    return { name, sql: `datediff('day', DATE '1970-01-01', ${column})`, read: toWhole }
  if (node.kind === 'bytes')
    return { name, sql: `hex(${column})`, read: (hex) => hex && Buffer.from(String(hex), 'hex') }
  return isPlainType(type) ? { name, sql: column, read: readValue(type) } : name
}

function isPlainType(type: AvroNode): boolean {
  const { node } = unwrapOptional(type)
  const isPlain = ['boolean', 'int', 'long', 'string', 'float', 'double', 'enum']
  return isPlain.includes(node.kind) && !('logical' in node && isTime(node.logical))
}

function isTime(logical: string | undefined): boolean {
  return logical === 'date' || logical?.startsWith('timestamp-') === true
}

function readValue(type: AvroNode): (value: unknown) => unknown {
  const { kind } = unwrapOptional(type).node
  return kind === 'long' || kind === 'int' ? toWhole : (value) => value
}

/** Whole numbers beyond 2^53 come as text. */
function toWhole(value: unknown): unknown {
  return typeof value === 'string' ? BigInt(value) : value
}
