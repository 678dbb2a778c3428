/**
 * Bronze in ksqlDB: the events of events.valid as they arrived. An event's lateness is computed
 * once, on arrival, by the order of its partition, as in the embedded engine (docs/adr/0003): a
 * table with one row per partition keeps the newest event time, and each change of a row is one
 * event.
 */
import type { DialectJob } from '../../../domain/dialects/dialect-job.ts'
import { printWhere } from '../../../domain/dialects/dialect-job.ts'
import { quoteName } from '../../../domain/dialects/dialect-syntax.ts'
import { quoteText } from '../../../domain/kernel/sql-text.ts'
import { VALID_TOPIC } from '../../../domain/log/topics.ts'
import type { SelectItem } from '../../../domain/sql/tree.ts'
import type { Column } from '../../../domain/sql/types.ts'
import { KEY, type Relation } from '../plan/relation.ts'
import {
  declareStream,
  makeStream,
  makeTable,
  type Output,
  passColumns,
  printOutputs,
} from './ddl.ts'

/** The table of all events, which models of Bronze read. */
export const RAW = 'raw.events'

/** Kafka's properties of a record, by their column names in raw.events. */
const PSEUDO: readonly Output[] = [
  { name: 'partition', sql: 'ROWPARTITION', type: { is: 'INTEGER' } },
  { name: 'offset', sql: 'ROWOFFSET', type: { is: 'BIGINT' } },
  { name: 'ingest_time', sql: 'FROM_UNIXTIME(ROWTIME)', type: { is: 'TIMESTAMP' } },
]
const LATE = 'late_ms'
const TOPIC = 'topic'
/**
 * Key of Bronze's topic. Without a key, records would go to any partition, and a duplicate could
 * be processed before the first.
 */
const VISITOR: Column = { name: '_visitor', type: { is: 'VARCHAR' } }
const VISITOR_ID = 'anonymous_id'
/**
 * The partition's newest event time so far. A fast clock moves it no further than to when its event
 * was appended (docs/adr/0020).
 */
const NEWEST: Column = { name: '_newest_ms', type: { is: 'BIGINT' } }
/** When the event was appended, ms since 1970. */
const APPENDED: Column = { name: '_appended_ms', type: { is: 'BIGINT' } }
const SOURCE = 'events_valid'

/** Compiles a model that reads raw.events. */
export function compileArrival(job: DialectJob): readonly Relation[] {
  const all = job.input.findColumns(RAW)
  const pseudo = PSEUDO.filter((one) => all.some(({ name }) => name === one.name))
  const isPseudo = (name: string) =>
    name === LATE || name === TOPIC || pseudo.some((one) => one.name === name)
  const columns = all.filter((one) => !isPseudo(one.name))
  const valid = declareStream(job, {
    name: SOURCE,
    topic: VALID_TOPIC,
    keyFormat: 'KAFKA',
    columns,
  })
  const { time } = job.input.project
  if (time === undefined) return [valid, makeUntimed(job, pseudo)]
  const eventMs = `UNIX_TIMESTAMP(${job.printer(columns).print(time.expr)})`
  const visitor = columns.some((one) => one.name === VISITOR_ID) ? VISITOR_ID : KEY
  const carried: readonly Output[] = [...passColumns(columns), ...pseudo]
  const topic = `${job.input.model.name}.arrived`
  const arrived = makeTable(job, {
    name: `${job.name}_arrived`,
    topic,
    memory: 'table',
    keeps: { of: 'records' },
    keys: [{ sql: 'ROWPARTITION', name: `${KEY}_partition`, type: { is: 'INTEGER' } }],
    outputs: [
      { ...VISITOR, sql: `LATEST_BY_OFFSET(${quoteName(visitor)}, FALSE)` },
      ...carried.map((one) => ({ ...one, sql: `LATEST_BY_OFFSET(${one.sql}, FALSE)` })),
      { ...APPENDED, sql: 'LATEST_BY_OFFSET(ROWTIME, FALSE)' },
      { ...NEWEST, sql: `MAX(LEAST(${eventMs}, ROWTIME))` },
    ],
    body: { from: SOURCE, where: [], groupBy: ['ROWPARTITION'] },
  })
  const arrivals = declareStream(job, {
    name: `${job.name}_arrivals`,
    topic,
    over: arrived.name,
    keyFormat: 'AVRO',
    keyType: 'INT',
    columns: [VISITOR, ...carried, APPENDED, NEWEST],
  })
  // No event is judged by a time after its own: the log's clock may have been ahead.
  const newestMs = `LEAST(${quoteName(NEWEST.name)}, ${quoteName(APPENDED.name)})`
  const behindMs = `${newestMs} - ${time.watermarkMs} - ${eventMs}`
  job.note(
    "An import of older files counts as late: it does not restart the partition's watermark.",
  )
  const late = `GREATEST(${behindMs}, CAST(0 AS BIGINT))`
  return [valid, arrived, arrivals, makeBronze(job, { from: arrivals.name, late })]
}

function makeBronze(
  job: DialectJob,
  given: { readonly from: string; readonly late: string },
): Relation {
  const columns = job.input.findColumns(RAW)
  const { time } = job.input.project
  const { select } = job.input
  const hasTime = select.items.some((one) => one.name === time?.column)
  const own: readonly SelectItem[] =
    time === undefined || hasTime ? [] : [{ name: time.column, expr: time.expr }]
  const printer = job.printer(columns, [OWN_TOPIC, substitute(LATE, given.late)])
  return makeStream(job, {
    name: job.name,
    topic: job.input.model.name,
    outputs: printOutputs(job, [...select.items, ...own], columns, printer),
    from: given.from,
    where: printWhere(select, printer),
    key: quoteName(VISITOR.name),
  })
}

/** Bronze of a project without event time: no event is late. */
function makeUntimed(job: DialectJob, pseudo: readonly Output[]): Relation {
  const columns = job.input.findColumns(RAW)
  const { select } = job.input
  const printer = job.printer(columns, [
    ...pseudo.map((one) => substitute(one.name, one.sql)),
    OWN_TOPIC,
    substitute(LATE, 'CAST(0 AS BIGINT)'),
  ])
  return makeStream(job, {
    name: job.name,
    topic: job.input.model.name,
    outputs: printOutputs(job, select.items, columns, printer),
    from: SOURCE,
    where: printWhere(select, printer),
  })
}

function substitute(name: string, sql: string) {
  return { expr: { is: 'column', path: [name], at: undefined } as const, sql }
}

const OWN_TOPIC = substitute(TOPIC, quoteText(VALID_TOPIC))
