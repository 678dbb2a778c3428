import { expect, test } from 'vitest'
import { ENGINE_NAMES, ENGINES } from '../../../cli/domain/config/engines.ts'
import type { CompileResult } from '../../../cli/domain/dialects/compile.ts'
import { printStatements, toUnsupportedError } from '../../../cli/domain/dialects/dialect.ts'
import { openTestDuck, projectFile } from '../model-files.ts'
import { compileTest, projectModels } from './compile-bench.ts'

/** The content of a golden file: the statements, or why there are none. */
function goldenText({ model, compiled }: CompileResult): string {
  if (compiled.faults.length === 0) return printStatements(compiled)
  return compiled.faults
    .map((fault) => toUnsupportedError(model, fault))
    .map(
      (one) =>
        `-- ${one.location?.file}:${one.location?.line}:${one.location?.column} ${one.message} ${one.hint}\n`,
    )
    .join('')
}

test.each(ENGINE_NAMES)('the SQL of %s for each model equals its golden file', async (engine) => {
  const results = await compileTest(projectModels(), engine)
  expect(results).toHaveLength(projectModels().length)
  for (const result of results)
    await expect(goldenText(result)).toMatchFileSnapshot(
      `../golden/${ENGINES[engine].column}/${result.model.name}.sql`,
    )
})

test('every statement of the local engine runs in DuckDB', async () => {
  const results = await compileTest(projectModels(), 'embedded')
  const duck = await openTestDuck()
  try {
    await duck.connection.run(projectFile('sql/macros.sql').text)
    await duck.connection.run(
      "SET VARIABLE shop_timezone = 'Europe/Berlin'; SET VARIABLE now_ms = 0",
    )
    for (const schema of ['raw', 'bronze', 'fresh_bronze', 'silver', 'gold', 'state'])
      await duck.connection.run(`CREATE SCHEMA ${schema}`)
    const { deriveRawColumns } = await import('../../../cli/domain/events/raw-columns.ts')
    const { rawColumns } = deriveRawColumns(projectFile('schemas/events.raw.avsc').text)
    const columns = rawColumns.map((one) => `"${one.name}" ${one.type}`).join(', ')
    await duck.connection.run(`CREATE TABLE raw.events (${columns})`)
    await duck.connection.run('CREATE VIEW raw.fresh_events AS SELECT *, 0 AS seq FROM raw.events')
    for (const { model, compiled } of results) {
      for (const { sql } of compiled.statements) await duck.connection.run(sql)
      const { rows } = await duck.connection.all(`SELECT count(*) AS n FROM ${model.name}`)
      expect(rows[0]?.n).toBe(model.name === 'gold.right_now' ? 1 : 0)
    }
  } finally {
    duck.close()
  }
})
