/**
 * What ksqlDB runs for a model: streams and tables, each over a topic with its key, partitions, retention
 * and timestamp written out. There are no sub-queries, so what SQL nests becomes a stream of its own. The
 * key of every topic is a column that the value holds too (`_key…`), since connectors read values.
 */
import {
  type CompiledModel,
  clauses,
  type Dialect,
  type DialectInput,
  flatName,
  type Statement,
  withOptions,
} from '../../core/dialect.ts'
import { type Fault, Printer, quoted } from '../../core/sql-print.ts'
import { type Expr, type Item, type Select, sameExpr } from '../../core/sql-tree.ts'
import { type Column, shownType, typeName } from '../../core/sql-types.ts'
import { durationText, speech } from './speech.ts'

const RAW = 'raw.events'
const KEY = '_key'
const DAY_MS = 86_400_000
/** What Kafka says of a record, by the names that raw.events gives it; ksqlDB has no watermark to be late by. */
const PSEUDO: Readonly<Record<string, string>> = {
  topic: "'events.valid'",
  partition: 'ROWPARTITION',
  offset: 'ROWOFFSET',
  ingest_time: 'FROM_UNIXTIME(ROWTIME)',
  late_ms: 'CAST(NULL AS BIGINT)',
}

/** Prints a model for ksqlDB (0.29, Confluent Platform 7.6 and later). */
export const compileKsqldb: Dialect = (input) => {
  const faults: Fault[] = []
  const notes: string[] = []
  const statements = new KsqldbModel(input, faults, notes).statements()
  return { statements, notes, faults } satisfies CompiledModel
}

class KsqldbModel {
  readonly #input: DialectInput
  readonly #faults: Fault[]
  readonly #notes: string[]
  readonly #name: string

  constructor(input: DialectInput, faults: Fault[], notes: string[]) {
    this.#input = input
    this.#faults = faults
    this.#notes = notes
    this.#name = flatName(input.model.name)
  }

  statements(): readonly Statement[] {
    const { model, select } = this.#input
    for (const part of select.others)
      this.#fault(
        part.at,
        `ksqlDB can't run ${part.what}.`,
        'Leave it to the query that reads the model.',
      )
    if (model.kind === 'window') return this.#window()
    if (model.kind === 'session') return this.#session()
    return this.#stream()
  }

  /** Kinds stream and view: streams over streams. */
  #stream(): readonly Statement[] {
    const { select, project } = this.#input
    const { from } = select
    if (from.is === 'table' && from.name === RAW) return this.#source()
    if (from.is === 'select') return this.#unnested(from.select)
    if (from.is !== 'table') return this.#noSource(from.is === 'other' ? from.at : undefined)
    if (this.#readsTable(from.name)) {
      // Printed all the same, so that every fault of the model shows.
      for (const item of select.items) this.#printer([]).print(item.expr)
      this.#fault(
        from.at,
        `ksqlDB can't aggregate ${from.name}, whose rows are windows that still change.`,
        'Ask the model over ccs query, or leave this one to the marts.',
      )
      return []
    }
    const columns = this.#input.columnsOf(from.name)
    if (select.groupBy.length > 0) {
      this.#fault(
        select.groupBy[0]?.at,
        'ksqlDB groups a stream only in windows here.',
        'Make the model kind: window.',
      )
      return []
    }
    if (select.qualify !== undefined)
      return this.#firstOnly(flatName(from.name), columns, select.qualify)
    const printer = this.#printer(columns)
    const body = this.#body(
      select.items,
      printer,
      quoted(flatName(from.name)),
      this.#where(select, printer),
    )
    return [this.#createStream(this.#name, body, project.time?.column)]
  }

  #source(): readonly Statement[] {
    const { select, project } = this.#input
    const columns = this.#input.columnsOf(RAW)
    const kept = columns.filter((one) => PSEUDO[one.name] === undefined)
    const fields = [`${quoted(KEY)} STRING KEY`, ...kept.map((one) => this.#field(one))]
    const options = withOptions([
      ['KAFKA_TOPIC', 'events.valid'],
      ['KEY_FORMAT', 'KAFKA'],
      ['VALUE_FORMAT', 'AVRO'],
    ])
    const source = {
      what: 'source',
      sql: `CREATE STREAM \`events_valid\` (\n  ${fields.join(',\n  ')}\n) ${options}`,
    }
    const stands = columns.flatMap((one) => {
      const sql = PSEUDO[one.name]
      const expr: Expr = { is: 'column', path: [one.name], at: undefined }
      return sql === undefined ? [] : [{ expr, sql }]
    })
    const printer = this.#printer(columns, stands)
    const items = [...select.items]
    const { time } = project
    if (time !== undefined && !items.some((one) => one.name === time.column))
      items.push({ name: time.column, expr: time.expr })
    const body = this.#body(items, printer, '`events_valid`', this.#where(select, printer))
    this.#notes.push('late_ms is NULL: ksqlDB keeps no watermark that a query could read.')
    return [...SETTINGS, source, this.#createStream(this.#name, body, time?.column)]
  }

  /**
   * The first row of each key: a table counts rows a key, a stream over its topic passes those counted 1.
   * HAVING COUNT(*) = 1 would lose keys whose rows come in one batch.
   */
  #firstOnly(table: string, columns: readonly Column[], qualify: Expr): readonly Statement[] {
    const { model, select, project } = this.#input
    const isFirst = qualify.is === 'binary' && qualify.op === '=' && qualify.left.is === 'window'
    const [key] = isFirst && qualify.left.is === 'window' ? qualify.left.partition : []
    if (model.dedupe === undefined || key?.is !== 'column') {
      this.#fault(
        qualify.at,
        'ksqlDB can keep only the first row of one key column.',
        'Write QUALIFY row_number() OVER (PARTITION BY key ORDER BY …) = 1 and "dedupe: key" in the header.',
      )
      return []
    }
    const time = project.time?.column
    const carried =
      time === undefined || columns.some((one) => one.name === time)
        ? columns
        : [...columns, { name: time, type: { is: 'TIMESTAMP' } as const }]
    const seen = `${this.#name}_seen`
    const counted = `${this.#name}_counted`
    const items = [
      `${quoted(model.dedupe.key)} AS ${quoted(KEY)}`,
      ...carried.map(
        (one) => `EARLIEST_BY_OFFSET(${quoted(one.name)}, FALSE) AS ${quoted(one.name)}`,
      ),
      'COUNT(*) AS `_n`',
    ]
    const count = clauses({
      items,
      from: quoted(table),
      where: [],
      groupBy: [quoted(model.dedupe.key)],
      end: 'EMIT CHANGES',
    })
    const topic = `${model.name}.seen`
    const fields = [
      `${quoted(KEY)} STRING KEY`,
      ...carried.map((one) => this.#field(one)),
      '`_n` BIGINT',
    ]
    const declared = withOptions([
      ['KAFKA_TOPIC', topic],
      ['KEY_FORMAT', 'KAFKA'],
      ['VALUE_FORMAT', 'AVRO'],
      ...(time === undefined ? [] : ([['TIMESTAMP', quoted(time)]] as const)),
    ])
    const printer = this.#printer(carried)
    const own = select.items.map((one) =>
      one.name === time
        ? { ...one, expr: { is: 'column', path: [one.name], at: undefined } as const }
        : one,
    )
    const body = this.#body(own, printer, quoted(counted), [
      '`_n` = 1',
      ...this.#where(select, printer),
    ])
    this.#notes.push('Keys are remembered for ever: an unwindowed table has no horizon.')
    return [
      { what: 'setting', sql: "SET 'cache.max.bytes.buffering' = '0'" },
      {
        what: 'table',
        sql: `CREATE TABLE ${quoted(seen)} ${this.#with(topic, undefined)} AS\n${count}`,
      },
      {
        what: 'stream',
        sql: `CREATE STREAM ${quoted(counted)} (\n  ${fields.join(',\n  ')}\n) ${declared}`,
      },
      this.#createStream(this.#name, body, time),
    ]
  }

  /** SELECT *, unnest(range(1, len(list) + 1)) AS line, as EXPLODE in a stream of its own. */
  #unnested(inner: Select): readonly Statement[] {
    const { select, project } = this.#input
    if (inner.from.is !== 'table') return this.#noSource(undefined)
    const columns = this.#input.columnsOf(inner.from.name)
    const line = inner.items.find((one) => one.expr.is === 'call' && one.expr.name === 'unnest')
    const length = line === undefined ? undefined : lengthIn(line.expr)
    if (
      line === undefined ||
      length?.is !== 'column' ||
      !inner.items.some((one) => one.expr.is === 'star')
    ) {
      this.#fault(
        inner.items[1]?.expr.at,
        'This nested SELECT is no unnesting that engines share.',
        'Write SELECT *, unnest(range(1, len(list) + 1)) AS line FROM model, and list[line].field outside.',
      )
      return []
    }
    const printer = this.#printer(columns)
    const list = printer.print(length)
    const time = project.time?.column
    const lines = `${this.#name}_lines`
    const exploded = clauses({
      items: ['*', `EXPLODE(GENERATE_SERIES(1, ARRAY_LENGTH(${list}))) AS ${quoted(line.name)}`],
      from: quoted(flatName(inner.from.name)),
      // GENERATE_SERIES(1, 0) would count down.
      where: [`ARRAY_LENGTH(${list}) > 0`, ...this.#where(inner, printer)],
      end: 'EMIT CHANGES',
    })
    const outer = this.#printer([...columns, { name: line.name, type: { is: 'INTEGER' } }])
    const items = select.items.map((one) =>
      one.name === line.name && one.expr.is === 'column'
        ? {
            ...one,
            expr: {
              is: 'cast',
              to: { is: 'BIGINT' },
              of: one.expr,
              isTry: false,
              at: one.expr.at,
            } as const,
          }
        : one,
    )
    const body = this.#body(items, outer, quoted(lines), this.#where(select, outer))
    return [
      this.#createStream(lines, exploded, time, `${this.#input.model.name}.lines`),
      this.#createStream(this.#name, body, time),
    ]
  }

  #window(): readonly Statement[] {
    const { model, select, project } = this.#input
    const { from } = select
    if (from.is !== 'table' || model.window === undefined) return this.#noSource(undefined)
    const columns = this.#input.columnsOf(from.name)
    const bucket = select.groupBy.find((one) => one.is === 'call' && one.name === 'time_bucket')
    const { window } = model
    if (window.unit === 'ms' && bucket === undefined)
      this.#fault(
        select.groupBy[0]?.at,
        'A window of hours or minutes is grouped by time_bucket().',
        'Group by time_bucket(INTERVAL …, time).',
      )
    const groups = select.groupBy.filter((one) => one !== bucket)
    const input = this.#groupInput(groups, columns, flatName(from.name))
    const start = bucket === undefined ? [] : [{ expr: bucket, sql: 'FROM_UNIXTIME(WINDOWSTART)' }]
    const printer = this.#printer(columns, [...start, ...input.stands])
    const latenessMs = model.latenessMs ?? 0
    const clause =
      window.unit === 'ms'
        ? this.#windowClause(
            `TUMBLING (SIZE ${durationText(window.sizeMs)}`,
            window.sizeMs,
            latenessMs,
          )
        : undefined
    if (window.unit !== 'ms')
      this.#notes.push(
        "Days of the shop are an unwindowed table: events later than the model's lateness still count.",
      )
    const sql = clauses({
      items: [
        ...input.keys.map((key) => `${key} AS ${quoted(`${KEY}_${bare(key)}`)}`),
        ...this.#items(select.items, printer, input.keys),
      ],
      from: quoted(input.name),
      ...(clause === undefined ? {} : { window: clause }),
      where: input.isFiltered ? [] : this.#where(select, printer),
      groupBy: input.keys,
      end: 'EMIT CHANGES',
    })
    const table = {
      what: 'table',
      sql: `CREATE TABLE ${quoted(this.#name)} ${this.#with(model.name, undefined)} AS\n${sql}`,
    }
    return [
      ...input.statements.map((one) =>
        this.#createStream(one.name, one.body, project.time?.column, `${model.name}.input`),
      ),
      table,
    ]
  }

  /** GROUP BY takes columns: a stream before it makes those that are expressions, or one for all rows. */
  #groupInput(groups: readonly Expr[], columns: readonly Column[], table: string) {
    const { select } = this.#input
    const plain = groups.flatMap((one) =>
      one.is === 'column' ? [quoted(one.path.at(-1) ?? '')] : [],
    )
    if (groups.length > 0 && plain.length === groups.length)
      return { name: table, keys: plain, stands: [], statements: [], isFiltered: false }
    const printer = this.#printer(columns)
    const made = groups.flatMap((expr, index) => {
      if (expr.is === 'column') return []
      const item = select.items.find((one) => sameExpr(one.expr, expr))
      return [{ expr, name: quoted(item?.name ?? `_group_${index}`), sql: printer.print(expr) }]
    })
    const extra = groups.length === 0 ? [{ name: '`_all`', sql: '1' }] : made
    const name = `${this.#name}_input`
    const body = clauses({
      items: ['*', ...extra.map((one) => `${one.sql} AS ${one.name}`)],
      from: quoted(table),
      where: this.#where(select, printer),
      end: 'EMIT CHANGES',
    })
    const keys =
      groups.length === 0
        ? ['`_all`']
        : groups.map((expr) => made.find((one) => one.expr === expr)?.name ?? printer.print(expr))
    const stands = made.map((one) => ({ expr: one.expr, sql: one.name }))
    return { name, keys, stands, statements: [{ name, body }], isFiltered: true }
  }

  #session(): readonly Statement[] {
    const { model, select } = this.#input
    if (select.from.is !== 'sessions' || model.session === undefined)
      return this.#noSource(undefined)
    const { pauseMs } = model.session
    const start: Expr = { is: 'column', path: ['session_start'], at: undefined }
    const columns: readonly Column[] = [
      ...this.#input.columnsOf(select.from.name),
      { name: 'session_start', type: { is: 'TIMESTAMP' } },
    ]
    const printer = this.#printer(columns, [{ expr: start, sql: 'FROM_UNIXTIME(WINDOWSTART)' }])
    const keys = select.groupBy
      .filter((one) => !sameExpr(one, start))
      .map((one) => printer.print(one))
    this.#notes.push(
      `Runs longer than ${durationText(model.session.capMs)} are not cut: session windows have no cap.`,
    )
    const sql = clauses({
      items: [
        ...keys.map((key) => `${key} AS ${quoted(`${KEY}_${bare(key)}`)}`),
        ...this.#items(select.items, printer, keys),
      ],
      from: quoted(flatName(select.from.name)),
      window: this.#windowClause(
        `SESSION (${durationText(pauseMs)}`,
        pauseMs,
        model.latenessMs ?? 0,
      ),
      where: this.#where(select, printer),
      groupBy: keys,
      end: 'EMIT CHANGES',
    })
    return [
      {
        what: 'table',
        sql: `CREATE TABLE ${quoted(this.#name)} ${this.#with(model.name, undefined)} AS\n${sql}`,
      },
    ]
  }

  /** Retention is always written: with the default, closed windows vanish before they are read. */
  #windowClause(head: string, sizeMs: number, latenessMs: number): string {
    const retentionMs = Math.max(7 * DAY_MS, Math.ceil((sizeMs + latenessMs) / DAY_MS) * DAY_MS)
    return `${head}, RETENTION ${durationText(retentionMs)}, GRACE PERIOD ${durationText(latenessMs)})`
  }

  #body(items: readonly Item[], printer: Printer, from: string, where: readonly string[]): string {
    const isAll = items.some((one) => one.expr.is === 'star')
    const key = isAll ? [] : [quoted(KEY)]
    return clauses({
      items: [...key, ...this.#items(items, printer, [])],
      from,
      where,
      end: 'EMIT CHANGES',
    })
  }

  #items(items: readonly Item[], printer: Printer, keys: readonly string[]): string[] {
    return items.map((item) => {
      if (item.expr.is === 'star') return '*'
      const sql = printer.print(item.expr)
      if (keys.includes(sql)) return `AS_VALUE(${sql}) AS ${quoted(item.name)}`
      return sql === quoted(item.name) ? sql : `${sql} AS ${quoted(item.name)}`
    })
  }

  #createStream(name: string, body: string, time: string | undefined, topic?: string): Statement {
    const options = this.#with(topic ?? this.#input.model.name, time)
    return { what: 'stream', sql: `CREATE STREAM ${quoted(name)} ${options} AS\n${body}` }
  }

  #with(topic: string, time: string | undefined): string {
    return withOptions([
      ['KAFKA_TOPIC', topic],
      ['KEY_FORMAT', 'AVRO'],
      ['VALUE_FORMAT', 'AVRO'],
      ['PARTITIONS', '${CCS_PARTITIONS}'],
      ['RETENTION_MS', 7 * DAY_MS],
      ...(time === undefined ? [] : ([['TIMESTAMP', quoted(time)]] as const)),
    ]).replace("'${CCS_PARTITIONS}'", '${CCS_PARTITIONS}')
  }

  #where(select: Select, printer: Printer): string[] {
    return select.where === undefined ? [] : [printer.print(select.where)]
  }

  #field(column: Column): string {
    const type = typeName(column.type, 'ksqldb')
    if (type === undefined)
      this.#fault(
        undefined,
        `Column '${column.name}' is ${shownType(column.type)}, which ksqlDB lacks.`,
        'Cast it, for instance to BIGINT.',
      )
    return `${quoted(column.name)} ${type ?? 'STRING'}`
  }

  /** Whether a table is, or only passes on, an aggregation. */
  #readsTable(name: string): boolean {
    const kind = this.#input.project.modelOf(name)?.kind
    return kind === 'window' || kind === 'session'
  }

  #noSource(at: number | undefined): readonly Statement[] {
    this.#fault(
      at,
      `ksqlDB can't read what ${this.#input.model.name} has in FROM.`,
      'Make it a model of its own and read that.',
    )
    return []
  }

  #printer(
    columns: readonly Column[],
    substitutes: readonly { expr: Expr; sql: string }[] = [],
  ): Printer {
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

const SETTINGS: readonly Statement[] = [
  { what: 'setting', sql: "SET 'auto.offset.reset' = 'earliest'" },
]

/** `list` of unnest(range(1, len(list) + 1)). */
function lengthIn(expr: Expr): Expr | undefined {
  const range = expr.is === 'call' ? expr.args[0] : undefined
  const end = range?.is === 'call' && range.name === 'range' ? range.args[1] : undefined
  const length = end?.is === 'binary' && end.op === '+' ? end.left : undefined
  return length?.is === 'call' && length.name === 'len' ? length.args[0] : undefined
}

function bare(name: string): string {
  return name.replaceAll('`', '')
}
