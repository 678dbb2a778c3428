/**
 * Bronze in ksqlDB: events.valid as it arrived. How late an event came is fixed here, once, on arrival, by the order
 * of its own partition, as the embedded engine does it (docs/adr/0003): a table with a row a partition keeps the
 * newest event time so far, and each of its changes is one event.
 */
import type { DialectJob } from '../../../domain/dialects/dialect-job.ts'
import { whereOf } from '../../../domain/dialects/dialect-job.ts'
import { quoted } from '../../../domain/dialects/dialect-syntax.ts'
import { quoteText } from '../../../domain/kernel/sql-text.ts'
import { VALID_TOPIC } from '../../../domain/log/topics.ts'
import type { SelectItem } from '../../../domain/sql/tree.ts'
import type { Column } from '../../../domain/sql/types.ts'
import { KEY, type Relation } from '../plan/relation.ts'
import { declareStream, makeStream, makeTable, type Output, outputsOf, passed } from './ddl.ts'

export const RAW = 'raw.events'

/** What Kafka says of a record, by the names that raw.events gives it. */
const PSEUDO: readonly Output[] = [
  { name: 'partition', sql: 'ROWPARTITION', type: { is: 'INTEGER' } },
  { name: 'offset', sql: 'ROWOFFSET', type: { is: 'BIGINT' } },
  { name: 'ingest_time', sql: 'FROM_UNIXTIME(ROWTIME)', type: { is: 'TIMESTAMP' } },
]
const LATE = 'late_ms'
const TOPIC = 'topic'
/** What Bronze is spread by. Records without a key would go anywhere, and a repetition might overtake the first. */
const VISITOR: Column = { name: '_visitor', type: { is: 'VARCHAR' } }
const VISITOR_ID = 'anonymous_id'
const NEWEST: Column = { name: '_newest_ms', type: { is: 'BIGINT' } }
const SOURCE = 'events_valid'

/** A model over raw.events. */
export function arrival(job: DialectJob): readonly Relation[] {
  const all = job.input.columnsOf(RAW)
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
  if (time === undefined) return [valid, untimed(job, pseudo)]
  const eventMs = `UNIX_TIMESTAMP(${job.printer(columns).print(time.expr)})`
  const visitor = columns.some((one) => one.name === VISITOR_ID) ? VISITOR_ID : KEY
  const carried: readonly Output[] = [...passed(columns), ...pseudo]
  const topic = `${job.input.model.name}.arrived`
  const arrived = makeTable(job, {
    name: `${job.name}_arrived`,
    topic,
    memory: 'table',
    keeps: { of: 'records' },
    keys: [{ sql: 'ROWPARTITION', name: `${KEY}_partition`, type: { is: 'INTEGER' } }],
    outputs: [
      { ...VISITOR, sql: `LATEST_BY_OFFSET(${quoted(visitor)}, FALSE)` },
      ...carried.map((one) => ({ ...one, sql: `LATEST_BY_OFFSET(${one.sql}, FALSE)` })),
      { ...NEWEST, sql: `MAX(${eventMs})` },
    ],
    body: { from: SOURCE, where: [], groupBy: ['ROWPARTITION'] },
  })
  const arrivals = declareStream(job, {
    name: `${job.name}_arrivals`,
    topic,
    over: arrived.name,
    keyFormat: 'AVRO',
    keyType: 'INT',
    columns: [VISITOR, ...carried, NEWEST],
  })
  const behindMs = `${quoted(NEWEST.name)} - ${time.watermarkMs} - ${eventMs}`
  const late = `GREATEST(${behindMs}, CAST(0 AS BIGINT))`
  return [valid, arrived, arrivals, bronze(job, { from: arrivals.name, late })]
}

function bronze(
  job: DialectJob,
  given: { readonly from: string; readonly late: string },
): Relation {
  const columns = job.input.columnsOf(RAW)
  const { time } = job.input.project
  const { select } = job.input
  const hasTime = select.items.some((one) => one.name === time?.column)
  const own: readonly SelectItem[] =
    time === undefined || hasTime ? [] : [{ name: time.column, expr: time.expr }]
  const printer = job.printer(columns, [OWN_TOPIC, standFor(LATE, given.late)])
  return makeStream(job, {
    name: job.name,
    topic: job.input.model.name,
    outputs: outputsOf(job, [...select.items, ...own], columns, printer),
    from: given.from,
    where: whereOf(select, printer),
    key: quoted(VISITOR.name),
  })
}

/** Of a project without event time: nothing can be late. */
function untimed(job: DialectJob, pseudo: readonly Output[]): Relation {
  const columns = job.input.columnsOf(RAW)
  const { select } = job.input
  const printer = job.printer(columns, [
    ...pseudo.map((one) => standFor(one.name, one.sql)),
    OWN_TOPIC,
    standFor(LATE, 'CAST(0 AS BIGINT)'),
  ])
  return makeStream(job, {
    name: job.name,
    topic: job.input.model.name,
    outputs: outputsOf(job, select.items, columns, printer),
    from: SOURCE,
    where: whereOf(select, printer),
  })
}

function standFor(name: string, sql: string) {
  return { expr: { is: 'column', path: [name], at: undefined } as const, sql }
}

const OWN_TOPIC = standFor(TOPIC, quoteText(VALID_TOPIC))
