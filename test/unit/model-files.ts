/** The project's own models and macros, and DuckDB's parser, for tests about models. */
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type Duck, type DuckConnection, openDuck } from '../../cli/adapters/duckdb/duckdb.ts'
import {
  fingerprintModels,
  type GraphModel,
  type Meaning,
  sortModels,
} from '../../cli/domain/models/graph.ts'
import type { Model } from '../../cli/domain/models/model.ts'
import type { ParseSql } from '../../cli/domain/sql/ast.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** Every model file of the project, by its path from the root. */
export function modelFiles(): { file: string; text: string }[] {
  return ['bronze', 'silver', 'gold'].flatMap((layer) =>
    readdirSync(`${ROOT}/sql/${layer}`)
      .filter((name) => name.endsWith('.sql'))
      .sort()
      .map((name) => projectFile(`sql/${layer}/${name}`)),
  )
}

export function projectFile(file: string): { file: string; text: string } {
  return { file, text: readFileSync(`${ROOT}/${file}`, 'utf8') }
}

export interface TestDuck {
  readonly duck: Duck
  readonly connection: DuckConnection
  parseSql(sql: string): Promise<string>
  printSql(json: string): Promise<string>
  close(): void
}

export async function openTestDuck(): Promise<TestDuck> {
  const duck = await openDuck({ threads: 1 })
  const connection = await duck.connect()
  const one = async (sql: string, value: string): Promise<string> => {
    const { rows } = await connection.all(sql, [value])
    return String(rows[0]?.result)
  }
  return {
    duck,
    connection,
    parseSql: (sql) =>
      one('SELECT CAST(json_serialize_sql($1::VARCHAR) AS VARCHAR) AS result', sql),
    printSql: (json) => one('SELECT json_deserialize_sql($1::JSON) AS result', json),
    close: () => {
      connection.close()
      duck.close()
    },
  }
}

/** Models in topological order, each with its fingerprint. */
export async function buildGraph(
  models: readonly Model[],
  input: Meaning & { readonly sources: readonly string[]; readonly parseSql: ParseSql },
): Promise<readonly GraphModel[]> {
  return [...fingerprintModels(await sortModels(models, input), input)]
}
