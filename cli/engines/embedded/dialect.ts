/**
 * Prints what the embedded engine runs for a model. Stream models are views over the uncommitted
 * rows; the one that deduplicates reads first arrivals, which the dedupe index determines. Window
 * and session models store partial rows and are computed from them.
 */
import type { CompiledModel, DialectInput, Statement } from '../../domain/dialects/dialect.ts'
import { compileModel, type PrintSql } from './compile.ts'
import { finalSql, partialSql, runsSql } from './gold/gold-sql.ts'

/** Statements for `ccs compile`; whatever DuckDB parses, binds and can merge is supported. */
export async function compileEmbedded(
  input: DialectInput,
  printSql: PrintSql,
): Promise<CompiledModel> {
  const { model } = input
  const { sql, freshSql, gold } = await compileModel(input, input.project.macros, printSql)
  const statements: Statement[] = []
  if (freshSql) statements.push(viewStatement(`fresh_${model.name}`, freshSql))
  if (gold) {
    const state = `state.${model.name.replace('.', '_')}`
    statements.push(
      { what: 'insert', sql: `CREATE TABLE ${state} AS\n${partialSql(gold)}` },
      viewStatement(model.name, finalSql(gold, `SELECT * FROM (${runsSql(gold, [state])})`)),
    )
  } else statements.push(viewStatement(model.name, sql))
  return { statements, notes: [], faults: [] }
}

function viewStatement(name: string, sql: string): Statement {
  return { what: 'view', sql: `CREATE VIEW ${name} AS\n${sql}` }
}
