/**
 * Checks all models with DuckDB's binder over an empty raw.events. Wrong names and types are all
 * reported at once, each with its place in the model's file.
 */
import { CcsError, type Location, throwAll } from '../kernel/errors.ts'
import { quoteText } from '../kernel/sql-text.ts'
import { locate } from '../sql/ast.ts'
import { type SortedModel, toSelectSource } from './graph.ts'
import type { Model } from './model.ts'

/** The models of a project and what they are bound against. */
export interface BindProject {
  /** In topological order. */
  readonly models: readonly SortedModel[]
  readonly macrosSql: string
  readonly timezone: string
  readonly rawColumns: readonly DuckColumn[]
}

/** A column with the name of its DuckDB type. */
export interface DuckColumn {
  readonly name: string
  /** As DuckDB writes it. */
  readonly type: string
}

/** An empty DuckDB that only the binder uses. */
export interface BindDatabase {
  run(sql: string): Promise<unknown>
  /** Absent: models are only checked, which takes half the time. */
  readonly describe?: (sql: string) => Promise<readonly DuckColumn[]>
}

/**
 * Returns the columns of raw.events and, if the database can describe them, of each model. Throws
 * CCS_MODEL_INVALID with all faults. A model that others read becomes an empty table: through a
 * view, the binder would resolve it down to raw.events again for each reader.
 */
export async function bindModels(
  project: BindProject,
  database: BindDatabase,
): Promise<Map<string, readonly DuckColumn[]>> {
  const raw = project.rawColumns.map((one) => `"${one.name}" ${one.type}`).join(', ')
  await database.run(project.macrosSql)
  await database.run(`SET VARIABLE shop_timezone = ${quoteText(project.timezone)}`)
  await database.run('SET VARIABLE now_ms = 0')
  for (const schema of ['raw', 'bronze', 'silver', 'gold'])
    await database.run(`CREATE SCHEMA ${schema}`)
  await database.run(`CREATE TABLE raw.events (${raw})`)
  const columns = new Map([['raw.events', project.rawColumns]])
  const faults: CcsError[] = []
  const broken = new Set<string>()
  const read = new Set(project.models.flatMap((one) => one.reads))
  const statements = project.models.map((one) => createStatement(one, read.has(one.model.name)))
  if (!database.describe && (await bindAllAtOnce(statements, database))) return columns
  for (const [index, { model, reads }] of project.models.entries()) {
    if (reads.some((name) => broken.has(name))) {
      broken.add(model.name)
      continue
    }
    try {
      await database.run(statements[index] ?? '')
      const found = await database.describe?.(`DESCRIBE ${model.name}`)
      if (found) columns.set(model.name, found)
    } catch (cause) {
      broken.add(model.name)
      faults.push(toBindError(model, cause))
    }
  }
  throwAll(faults)
  return columns
}

function createStatement({ model }: SortedModel, isRead: boolean): string {
  return isRead
    ? `CREATE TABLE ${model.name} AS\n${model.sql}\nWITH NO DATA`
    : `CREATE VIEW ${model.name} AS\n${model.sql}\n`
}

/** Binds all models together, the fast path. False, with all rolled back, if one is faulty. */
async function bindAllAtOnce(
  statements: readonly string[],
  database: BindDatabase,
): Promise<boolean> {
  await database.run('BEGIN')
  try {
    for (let at = 0; at < statements.length; at += BATCH_STATEMENTS)
      await database.run(statements.slice(at, at + BATCH_STATEMENTS).join(';\n'))
    await database.run('COMMIT')
    return true
  } catch {
    // The models are then bound one by one to find the faulty ones.
    await database.run('ROLLBACK')
    return false
  }
}

const BATCH_STATEMENTS = 100

/** A SELECT in a file: a model, or a metric of the live page. */
export type SelectText = Pick<Model, 'file' | 'sql' | 'sqlLine'>

/** Turns DuckDB's error, which marks the place by a caret, into one with a place in the file. */
export function toBindError(model: SelectText, cause: unknown): CcsError {
  const text = cause instanceof Error ? cause.message : String(cause)
  const [head = '', ...rest] = text.split('\n')
  const isHint = (line: string): boolean => /^(Candidate|Did you mean|Try)/i.test(line.trim())
  const message = head.replace(/^[A-Za-z ]+ Error:\s*/, '').trim()
  const hint = rest.find(isHint)?.trim()
  return new CcsError('CCS_MODEL_INVALID', message.replace(/[.!]*$/, '.'), {
    location: locateCaret(model, rest),
    hint: hint ?? 'Check the names in this line against the models it reads.',
    cause,
  })
}

/** Reads `LINE 3: SELECT nope` and the `^` below; line 1 is the CREATE VIEW before the SELECT. */
function locateCaret(model: SelectText, lines: readonly string[]): Location {
  const index = lines.findIndex((one) => /^LINE \d+:/.test(one))
  const shown = lines[index] ?? ''
  const label = /^LINE (\d+): /.exec(shown)
  if (label === null) return locate(toSelectSource(model), undefined)
  const row = Number(label[1]) - 2
  const line = model.sql.split('\n')[row] ?? ''
  const caret = (lines[index + 1] ?? '').indexOf('^') - label[0].length
  const excerpt = shown.slice(label[0].length).replace(/^\.\.\.|\.\.\.$/g, '')
  const shift = shown.startsWith('...', label[0].length) ? 3 : 0
  const start = Math.max(0, line.indexOf(excerpt))
  return {
    file: model.file,
    line: model.sqlLine + row,
    column: start + Math.max(0, caret - shift) + 1,
    text: line,
  }
}
