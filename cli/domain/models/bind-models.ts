/**
 * Lets DuckDB's binder read all models over an empty raw.events: names and types are right, or every fault is
 * reported at once with its place in the model's file.
 */
import { CcsError, EXIT, type Location, throwAll } from '../kernel/errors.ts'
import { locate } from '../sql/ast.ts'
import { type SortedModel, selectSource } from './graph.ts'
import type { Model } from './model.ts'

export interface BindProject {
  /** In topological order. */
  readonly models: readonly SortedModel[]
  readonly macrosSql: string
  readonly timezone: string
  readonly rawColumns: readonly DuckColumn[]
}

export interface DuckColumn {
  readonly name: string
  /** As DuckDB writes it. */
  readonly type: string
}

/** A DuckDB of one's own, empty. */
export interface BindDatabase {
  run(sql: string): Promise<unknown>
  /** Absent: the models are only checked, which is half the work. */
  readonly describe?: (sql: string) => Promise<readonly DuckColumn[]>
}

/**
 * Columns of raw.events and, as far as the bench describes them, of each model. Throws CCS_MODEL_INVALID with
 * all faults. A model that others read becomes an empty table: through a view the binder would go down to
 * raw.events again for each of its readers.
 */
export async function bindModels(
  project: BindProject,
  bench: BindDatabase,
): Promise<Map<string, readonly DuckColumn[]>> {
  const raw = project.rawColumns.map((one) => `"${one.name}" ${one.type}`).join(', ')
  await bench.run(project.macrosSql)
  await bench.run(`SET VARIABLE shop_timezone = '${project.timezone.replaceAll("'", "''")}'`)
  await bench.run('SET VARIABLE now_ms = 0')
  for (const schema of ['raw', 'bronze', 'silver', 'gold'])
    await bench.run(`CREATE SCHEMA ${schema}`)
  await bench.run(`CREATE TABLE raw.events (${raw})`)
  const columns = new Map([['raw.events', project.rawColumns]])
  const faults: CcsError[] = []
  const broken = new Set<string>()
  const read = new Set(project.models.flatMap((one) => one.reads))
  const statements = project.models.map((one) => createStatement(one, read.has(one.model.name)))
  if (!bench.describe && (await bindAllAtOnce(statements, bench))) return columns
  for (const [index, { model, reads }] of project.models.entries()) {
    if (reads.some((name) => broken.has(name))) {
      broken.add(model.name)
      continue
    }
    try {
      await bench.run(statements[index] ?? '')
      const found = await bench.describe?.(`DESCRIBE ${model.name}`)
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

/** All at once, which is what a sound project costs; false, and nothing is left, when one of them has a fault. */
async function bindAllAtOnce(statements: readonly string[], bench: BindDatabase): Promise<boolean> {
  await bench.run('BEGIN')
  try {
    for (let at = 0; at < statements.length; at += AT_ONCE)
      await bench.run(statements.slice(at, at + AT_ONCE).join(';\n'))
    await bench.run('COMMIT')
    return true
  } catch {
    // Which one and where is found out one by one.
    await bench.run('ROLLBACK')
    return false
  }
}

const AT_ONCE = 100

/** A SELECT in a file: a model or a figure. */
export type SelectText = Pick<Model, 'file' | 'sql' | 'sqlLine'>

/** DuckDB's refusal as an error in the SELECT's file. DuckDB shows the line and marks the place with a caret. */
export function toBindError(model: SelectText, cause: unknown): CcsError {
  const text = cause instanceof Error ? cause.message : String(cause)
  const [head = '', ...rest] = text.split('\n')
  const isHint = (line: string): boolean => /^(Candidate|Did you mean|Try)/i.test(line.trim())
  const message = head.replace(/^[A-Za-z ]+ Error:\s*/, '').trim()
  const hint = rest.find(isHint)?.trim()
  return new CcsError('CCS_MODEL_INVALID', message.replace(/[.!]*$/, '.'), {
    exit: EXIT.usage,
    location: locateCaret(model, rest),
    hint: hint ?? 'Check the names in this line against the models it reads.',
    cause,
  })
}

/** `LINE 3: SELECT nope` with `^` below it; line 1 of the statement is the CREATE VIEW before the SELECT. */
function locateCaret(model: SelectText, lines: readonly string[]): Location {
  const index = lines.findIndex((one) => /^LINE \d+:/.test(one))
  const shown = lines[index] ?? ''
  const label = /^LINE (\d+): /.exec(shown)
  if (label === null) return locate(selectSource(model), undefined)
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
