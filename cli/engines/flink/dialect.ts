/**
 * What Flink runs for a model: a view with the logic, a Kafka table, an INSERT between them. Event time and
 * the watermark are made where the topic is read, and pass through every view, since Flink loses them in
 * an expression. Windows are grouped by their start alone: Flink then corrects rows when late events come,
 * instead of dropping those; what is too late by the model's own lateness is left out by `late_ms`.
 */
import {
  type CompiledModel,
  clauses,
  type Dialect,
  type DialectInput,
  flatName,
  type Statement,
} from '../../core/dialect.ts'
import { type Fault, Printer, quoted } from '../../core/sql-print.ts'
import { type Expr, type Item, sameExpr } from '../../core/sql-tree.ts'
import type { Column } from '../../core/sql-types.ts'
import { sinkTable, sourceTable } from './ddl.ts'
import { epochMs, intervalText, speech } from './speech.ts'

const ROWTIME_SOURCE = 'raw.events'

/** Prints a model for Flink SQL 2.3. */
export const compileFlink: Dialect = (input) => {
  const faults: Fault[] = []
  const notes: string[] = []
  const job = new FlinkModel(input, faults, notes)
  const statements = job.statements()
  return { statements, notes, faults } satisfies CompiledModel
}

class FlinkModel {
  readonly #input: DialectInput
  readonly #faults: Fault[]
  readonly #notes: string[]

  constructor(input: DialectInput, faults: Fault[], notes: string[]) {
    this.#input = input
    this.#faults = faults
    this.#notes = notes
  }

  statements(): readonly Statement[] {
    const { model, columns, select, project } = this.#input
    for (const part of select.others)
      this.#fault(
        part.at,
        `A stream can't be given ${part.what}.`,
        'Leave it to the query that reads the model.',
      )
    const name = flatName(model.name)
    const source =
      select.from.is === 'table' && select.from.name === ROWTIME_SOURCE
        ? sourceTable(
            this.#input.columnsOf(ROWTIME_SOURCE),
            project,
            this.#printer(this.#input.columnsOf(ROWTIME_SOURCE)),
          )
        : []
    const view: Statement = {
      what: 'view',
      sql: `CREATE TEMPORARY VIEW ${quoted(name)} AS\n${this.#select()}`,
    }
    if (model.kind === 'view') return [...source, view]
    const names = columns.map((one) => quoted(one.name)).join(', ')
    const topic = quoted(`${name}_topic`)
    const insert = {
      what: 'insert',
      sql: `INSERT INTO ${topic} (${names})\nSELECT ${names} FROM ${quoted(name)}`,
    }
    return [...source, view, { what: 'sink', sql: sinkTable(this.#input, this.#faults) }, insert]
  }

  #select(): string {
    switch (this.#input.model.kind) {
      case 'window':
        return this.#window()
      case 'session':
        return this.#session()
      default:
        return this.#plain()
    }
  }

  /** Kinds stream and view: one SELECT, with deduplication and unnesting where there is any. */
  #plain(): string {
    const { model, select, project } = this.#input
    const { from, columns, where, unnested } = this.#from()
    const printer = this.#printer(columns, unnested)
    const time = project.time
    const isRaw = select.from.is === 'table' && select.from.name === ROWTIME_SOURCE
    const items = select.items.map((item) => {
      const isRowtime = item.name === time?.column && model.watermarkMs !== undefined
      if (isRowtime) return quoted(item.name)
      if (isRaw && item.name === 'late_ms') return `${this.#lateMs()} AS ${quoted(item.name)}`
      return printedItem(item, printer)
    })
    const hasTime = this.#input.columns.some((one) => one.name === time?.column)
    if (isRaw && time !== undefined && !hasTime) items.push(quoted(time.column))
    const isGrouped = select.groupBy.length > 0
    return clauses({
      items,
      from,
      where: [...where, ...(select.where === undefined ? [] : [printer.print(select.where)])],
      ...(isGrouped ? { groupBy: select.groupBy.map((one) => printer.print(one)) } : {}),
    })
  }

  #from(): {
    from: string
    columns: readonly Column[]
    where: readonly string[]
    unnested: readonly Unnested[]
  } {
    const { select, columnsOf, model } = { ...this.#input, columnsOf: this.#input.columnsOf }
    const { from } = select
    if (from.is === 'table') {
      const columns = columnsOf(from.name)
      const table = tableName(from.name)
      if (select.qualify === undefined) return { from: table, columns, where: [], unnested: [] }
      return {
        from: this.#firstOnly(table, select.qualify),
        columns,
        where: ['`_n` = 1'],
        unnested: [],
      }
    }
    if (from.is === 'select' && from.select.from.is === 'table') return this.#unnest(from.select)
    const what = from.is === 'other' ? from.what : 'a nested SELECT'
    const at = from.is === 'other' ? from.at : undefined
    this.#fault(
      at,
      `${model.name} can't read from ${what} in a stream.`,
      'Make it a model of its own and read that.',
    )
    return { from: '', columns: [], where: [], unnested: [] }
  }

  /** Keeps the first row of each key, as PROCTIME orders them: the one form that stays insert-only. */
  #firstOnly(table: string, qualify: Expr): string {
    const { model } = this.#input
    const isFirst =
      qualify.is === 'binary' &&
      qualify.op === '=' &&
      qualify.left.is === 'window' &&
      qualify.left.name === 'row_number' &&
      qualify.right.is === 'literal' &&
      qualify.right.text === '1'
    if (!isFirst || model.dedupe === undefined || qualify.left.is !== 'window') {
      this.#fault(
        qualify.at,
        'Only the first row of a key can be kept of a stream.',
        'Write QUALIFY row_number() OVER (PARTITION BY key ORDER BY …) = 1 and "dedupe: key" in the header.',
      )
      return table
    }
    const printer = this.#printer(this.#input.columnsOf(this.#input.model.name))
    const keys = qualify.left.partition.map((one) => printer.print(one)).join(', ')
    return `(\n  SELECT *, ROW_NUMBER() OVER (PARTITION BY ${keys} ORDER BY PROCTIME()) AS \`_n\`\n  FROM ${table}\n)`
  }

  /** SELECT *, unnest(range(1, len(list) + 1)) AS line: the list's elements with their ordinal. */
  #unnest(inner: DialectInput['select']): {
    from: string
    columns: readonly Column[]
    where: readonly string[]
    unnested: readonly Unnested[]
  } {
    const table = inner.from.is === 'table' ? inner.from.name : ''
    const columns = this.#input.columnsOf(table)
    const printer = this.#printer(columns)
    const found = inner.items.flatMap((item) => unnestOf(item))
    const [one] = found
    const list = columns.find((column) => column.name === one?.list)
    const isStar = inner.items.some((item) => item.expr.is === 'star')
    if (
      one === undefined ||
      found.length !== 1 ||
      !isStar ||
      list?.type.is !== 'LIST' ||
      list.type.of.is !== 'STRUCT'
    ) {
      this.#fault(
        inner.items[1]?.expr.at,
        'This nested SELECT is no unnesting that engines share.',
        'Write SELECT *, unnest(range(1, len(list) + 1)) AS line FROM model, and list[line].field outside.',
      )
      return { from: '', columns, where: [], unnested: [] }
    }
    const alias = `_${one.list}`
    const fields = list.type.of.fields.map((field) => quoted(`${alias}_${field.name}`))
    const unnested = list.type.of.fields.map((field) => ({
      expr: elementField(one, field.name),
      sql: quoted(`${alias}_${field.name}`),
    }))
    const from = `${tableName(table)}\nCROSS JOIN UNNEST(${quoted(one.list)}) WITH ORDINALITY AS ${quoted(alias)} (${[...fields, quoted(one.ordinal)].join(', ')})`
    return {
      from,
      columns: [...columns, { name: one.ordinal, type: { is: 'BIGINT' } }],
      where: inner.where === undefined ? [] : [printer.print(inner.where)],
      unnested,
    }
  }

  #window(): string {
    const { model, select, columnsOf } = { ...this.#input, columnsOf: this.#input.columnsOf }
    if (select.from.is !== 'table' || model.window === undefined) {
      this.#fault(undefined, 'A model of kind window reads one model.', 'Name one model in FROM.')
      return ''
    }
    const columns = columnsOf(select.from.name)
    const time = quoted(model.time ?? 'event_time')
    const table = tableName(select.from.name)
    const bucket = select.groupBy.find((one) => one.is === 'call' && one.name === 'time_bucket')
    const isBucketed = model.window.unit === 'ms'
    if (isBucketed && bucket === undefined)
      this.#fault(
        select.groupBy[0]?.at,
        'A window of hours or minutes is grouped by time_bucket().',
        'Group by time_bucket(INTERVAL …, time).',
      )
    const substitutes =
      isBucketed && bucket !== undefined ? [{ expr: bucket, sql: '`window_start`' }] : []
    const printer = this.#printer(columns, substitutes)
    const from =
      model.window.unit === 'ms'
        ? `TABLE(TUMBLE(TABLE ${table}, DESCRIPTOR(${time}), ${intervalText(model.window.sizeMs)}))`
        : table
    const end = isBucketed ? epochMs('`window_end`') : this.#shopDayEndMs(time)
    const late = this.#notLate(columns, `${model.latenessMs ?? 0} + ${end} - ${epochMs(time)}`)
    return clauses({
      items: select.items.map((item) => printedItem(item, printer)),
      from,
      where: [...(select.where === undefined ? [] : [printer.print(select.where)]), ...late],
      groupBy: select.groupBy.map((one) => printer.print(one)),
    })
  }

  /** Runs longer than the cap are cut at midnights UTC, by grouping such windows by the day too. */
  #session(): string {
    const { model, select, columnsOf } = { ...this.#input, columnsOf: this.#input.columnsOf }
    if (select.from.is !== 'sessions' || model.session === undefined) {
      this.#fault(
        undefined,
        'A model of kind session reads session_rows(…).',
        "Write FROM session_rows('model', pause, cap).",
      )
      return ''
    }
    const { pauseMs, capMs } = model.session
    const columns: readonly Column[] = [
      ...columnsOf(select.from.name),
      { name: 'session_start', type: { is: 'TIMESTAMP' } },
    ]
    const time = quoted(model.time ?? 'event_time')
    const start: Expr = { is: 'column', path: ['session_start'], at: undefined }
    const printer = this.#printer(columns, [{ expr: start, sql: `MIN(${time})` }])
    const keys = select.groupBy
      .filter((one) => !sameExpr(one, start))
      .map((one) => printer.print(one))
    const lengthMs = `${epochMs('`window_end`')} - ${epochMs('`window_start`')}`
    const cut = `CASE WHEN ${lengthMs} > ${capMs + pauseMs} THEN CAST(${time} AS DATE) END`
    this.#notes.push(
      'A session shows once no event can change it any more: pause and lateness after its end.',
    )
    return clauses({
      items: select.items.map((item) => printedItem(item, printer)),
      from: `TABLE(SESSION(TABLE ${tableName(select.from.name)} PARTITION BY ${keys.join(', ')}, DESCRIPTOR(${time}), ${intervalText(pauseMs)}))`,
      where: [
        ...(select.where === undefined ? [] : [printer.print(select.where)]),
        ...this.#notLate(columns, String(pauseMs + (model.latenessMs ?? 0))),
      ],
      groupBy: [...keys, '`window_start`', '`window_end`', cut],
    })
  }

  #notLate(columns: readonly Column[], limit: string): string[] {
    return columns.some((one) => one.name === 'late_ms') ? [`\`late_ms\` < ${limit}`] : []
  }

  #shopDayEndMs(time: string): string {
    const { timezone } = this.#input.project
    const local = `CONVERT_TZ(DATE_FORMAT(${time}, 'yyyy-MM-dd HH:mm:ss'), 'UTC', '${timezone}')`
    const next = `DATE_FORMAT(CAST(TO_DATE(SUBSTRING(${local}, 1, 10)) + INTERVAL '1' DAY AS TIMESTAMP(3)), 'yyyy-MM-dd HH:mm:ss')`
    return `UNIX_TIMESTAMP(CONVERT_TZ(${next}, '${timezone}', 'UTC')) * 1000`
  }

  /** How far behind the declared watermark an event came; the one that Flink keeps lags by the sessions' lateness. */
  #lateMs(): string {
    const time = quoted(this.#input.project.time?.column ?? 'event_time')
    const behind = `${epochMs(`CURRENT_WATERMARK(${time})`)} + ${this.#input.project.sessionLatenessMs} - ${epochMs(time)}`
    return `CASE WHEN CURRENT_WATERMARK(${time}) IS NULL THEN CAST(0 AS BIGINT) ELSE GREATEST(${behind}, CAST(0 AS BIGINT)) END`
  }

  #printer(columns: readonly Column[], substitutes: readonly Unnested[] = []): Printer {
    const { select, project } = this.#input
    return new Printer({
      speech,
      columns,
      substitutes,
      aliases: new Map(select.items.map((one) => [one.name, one.expr])),
      timezone: project.timezone,
      itemsMax: project.itemsMax,
      faults: this.#faults,
    })
  }

  #fault(at: number | undefined, message: string, hint: string): void {
    this.#faults.push({ at, message, hint })
  }
}

interface Unnested {
  readonly expr: Expr
  readonly sql: string
}

interface Unnesting {
  readonly list: string
  readonly ordinal: string
}

function unnestOf(item: Item): Unnesting[] {
  const { expr } = item
  if (expr.is !== 'call' || expr.name !== 'unnest') return []
  const [range] = expr.args
  const end = range?.is === 'call' && range.name === 'range' ? range.args[1] : undefined
  const length = end?.is === 'binary' && end.op === '+' ? end.left : undefined
  const list = length?.is === 'call' && length.name === 'len' ? length.args[0] : undefined
  return list?.is === 'column' ? [{ list: list.path.at(-1) ?? '', ordinal: item.name }] : []
}

/** `items[line].sku` as the model writes it. */
function elementField({ list, ordinal }: Unnesting, name: string): Expr {
  const of: Expr = { is: 'column', path: [list], at: undefined }
  const index: Expr = { is: 'column', path: [ordinal], at: undefined }
  return { is: 'field', of: { is: 'index', of, index, at: undefined }, name, at: undefined }
}

function printedItem(item: Item, printer: Printer): string {
  if (item.expr.is === 'star') {
    const { columns } = printer.context
    const { excluded } = item.expr
    if (excluded.length === 0) return '*'
    return columns
      .filter((one) => !excluded.includes(one.name))
      .map((one) => quoted(one.name))
      .join(',\n  ')
  }
  const sql = printer.print(item.expr)
  return sql === quoted(item.name) ? sql : `${sql} AS ${quoted(item.name)}`
}

function tableName(name: string): string {
  return quoted(name === ROWTIME_SOURCE ? 'events_valid' : flatName(name))
}
