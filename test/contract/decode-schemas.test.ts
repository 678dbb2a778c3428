/**
 * The Avro schemas of Silver and Gold equal the columns of the models' rows. After a change of a model:
 * vitest run <this file> -u, then keep the new schema in schemas/history.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Duck, type DuckConnection, openDuck } from '../../cli/adapters/duckdb/duckdb.ts'
import { canonicalizeSchema, parseRecordSchema } from '../../cli/domain/avro/schema.ts'
import { ColumnBuffers } from '../../cli/domain/gate/decoder/duckdb-columns.ts'
import type { Model } from '../../cli/domain/models/model.ts'
import { parseModel } from '../../cli/domain/models/parse-model.ts'
import { createTableSql } from '../../cli/engines/embedded/intake/raw-table.ts'
import { type RowColumn, renderRowSchema } from '../fixtures/row-schema.ts'

const ROOT = join(import.meta.dirname, '../..')
/** Models whose rows never leave the pipeline. */
const INTERNAL = ['silver.people', 'gold.right_now']

const models = ['bronze', 'silver', 'gold'].flatMap((layer) =>
  readdirSync(join(ROOT, 'sql', layer))
    .filter((name) => name.endsWith('.sql'))
    .map((name) => `sql/${layer}/${name}`)
    .map((file) => parseModel(file, readFileSync(join(ROOT, file), 'utf8'))),
)
const leaving = models.filter((one) => one.layer !== 'bronze' && !INTERNAL.includes(one.name))

let duck: Duck
let connection: DuckConnection

beforeAll(async () => {
  duck = await openDuck({ threads: 1 })
  connection = await duck.connect()
  const raw = parseRecordSchema(readFileSync(join(ROOT, 'schemas/events.raw.avsc'), 'utf8'))
  const { columns } = new ColumnBuffers(raw, 64)
  const plain = columns.map(({ name, type }) =>
    type === 'ENUM' ? `"${name}"::VARCHAR AS "${name}"` : `"${name}"`,
  )
  await connection.run(readFileSync(join(ROOT, 'sql/macros.sql'), 'utf8'))
  await connection.run(
    `SET VARIABLE shop_timezone = 'Europe/Berlin'; SET VARIABLE now_ms = 0::BIGINT`,
  )
  await connection.run(
    'CREATE SCHEMA raw; CREATE SCHEMA bronze; CREATE SCHEMA silver; CREATE SCHEMA gold',
  )
  await connection.run(createTableSql('raw.rows', columns))
  await connection.run(`CREATE VIEW raw.events AS SELECT ${plain.join(', ')} FROM raw.rows`)
  await createViews(models)
})

afterAll(() => {
  connection.close()
  duck.close()
})

/** Creates each model's view after those that it reads. */
async function createViews(waiting: readonly Model[]): Promise<void> {
  const blocked: Model[] = []
  let cause: unknown
  for (const model of waiting) {
    try {
      await connection.run(`CREATE VIEW ${model.name} AS ${model.sql}`)
    } catch (error) {
      cause = error
      blocked.push(model)
    }
  }
  if (blocked.length === waiting.length && blocked.length > 0) throw cause
  if (blocked.length > 0) await createViews(blocked)
}

async function describeModel(model: Model): Promise<readonly RowColumn[]> {
  const { rows } = await connection.all(`DESCRIBE ${model.name}`)
  return rows.map((row) => ({ name: String(row.column_name), type: String(row.column_type) }))
}

for (const model of leaving)
  test(`schemas/${model.name}.avsc is the schema of the model's rows`, async () => {
    const schema = renderRowSchema(model, await describeModel(model))
    expect(parseRecordSchema(schema).fields.length).toBeGreaterThan(0)
    await expect(schema).toMatchFileSnapshot(join(ROOT, 'schemas', `${model.name}.avsc`))
  })

test('every schema in schemas/ belongs to a topic or a model', () => {
  const names = readdirSync(join(ROOT, 'schemas')).filter((name) => name.endsWith('.avsc'))
  const known = ['events.dlq', 'events.raw', ...leaving.map((model) => model.name)]
  expect(names.sort()).toEqual(known.map((name) => `${name}.avsc`).sort())
})

test('the newest kept version of every schema equals the current one', () => {
  for (const model of leaving) {
    const dir = join(ROOT, 'schemas/history', model.name)
    expect(existsSync(dir), dir).toBe(true)
    const newest = readdirSync(dir).sort(
      (a, b) => Number.parseInt(b, 10) - Number.parseInt(a, 10),
    )[0]
    const kept = readFileSync(join(dir, newest ?? ''), 'utf8')
    const current = readFileSync(join(ROOT, 'schemas', `${model.name}.avsc`), 'utf8')
    expect(canonicalizeSchema(kept)).toBe(canonicalizeSchema(current))
  }
})
