/**
 * Compares the log with Bronze and the rejects: every committed record must be in exactly one of
 * them, once. A log on disk has a record at every offset, so its side is a range for each
 * partition; a Kafka log, whose offsets may have holes, is read at the offsets that were found
 * nowhere.
 */
import { appendAll } from '../kernel/lists.ts'
import { quoteText } from '../kernel/sql-text.ts'
import type { Manifest } from '../lake/manifest.ts'
import type { OffsetRange } from '../log/log-report.ts'
import { DLQ_TOPIC } from '../log/topics.ts'
import { type AuditSql, queryCount } from './catalog.ts'

/** How many ids a fault lists; its `count` is the total. */
export const IDS_MAX = 20

/** Rows of a model with the same problem. */
export interface AuditFault {
  readonly model: string
  /** The problem: missing, doubled, unexpected, differs, an audit of the header … */
  readonly check: string
  readonly count: number
  /** Keys of the rows, `a|b` for two key columns; the first 20 in order. */
  readonly ids: readonly string[]
}

/** One line of the accounts, counted in rows of what the model reads. */
export interface AuditRow {
  readonly model: string
  readonly in: number
  readonly out: number
  readonly duplicates: number
  readonly filtered: number
  readonly late: number
  readonly dlq: number
  /** What the other columns do not explain; 0 if the model is correct. */
  readonly remainder: number
}

/** A partition of events.raw: the first offset to account for, and the first not committed. */
export interface LogRange {
  readonly partition: number
  readonly start: number
  /** The first offset that the log still has. */
  readonly kept: number
  readonly end: number
  /** Added to the log's own offsets: see LogSource. */
  readonly shift: number
}

/** The record that was rejected. */
export interface RejectSource {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  /** The model that failed on it; null: the gate rejected it. */
  readonly model: string | null
}

/** The committed part of the log, and the rejects. */
export interface AuditLogInput {
  readonly topic: string
  readonly ranges: readonly LogRange[]
  /** The engine's partition of events.dlq up to the commit; undefined: not a reject. */
  readonly rejects: AsyncIterable<readonly (RejectSource | undefined)[]>
  /** How many rejects the manifest counts. */
  readonly dlqEnd: number
  /** First and end offset of what the topic still has. */
  readonly dlqKept: { readonly start: number; readonly end: number }
  /** How many records were rejected and lost their reject to retention; asked last. */
  readonly countPrunedRejects: () => Promise<number>
  /** Offsets that are accounted for as lost, `to` not included. */
  readonly lost: readonly (OffsetRange & { readonly partition: number })[]
  /** Ranges of offsets that have records; only for a log whose offsets may have holes. */
  readonly kept?: (range: LogRange) => AsyncIterable<{ baseOffset: number; count: number }>
}

/**
 * The committed range of each partition; `startOf` returns the log's first kept offset. With
 * `isNumbered`, offsets count from 0 without holes, so those before it are accounted for as well.
 */
export function readCommittedRanges(
  topic: string,
  { positions, sources = [] }: Pick<Manifest, 'positions' | 'sources'>,
  startOf: (partition: number) => Promise<number>,
  isNumbered: boolean,
): Promise<LogRange[]> {
  const own = positions.filter((one) => one.topic === topic)
  return Promise.all(
    own.map(async ({ partition, nextOffset }) => {
      const source = sources.find((one) => one.topic === topic && one.partition === partition)
      const { shift = 0, since = 0 } = source ?? {}
      const first = Math.max(since, (await startOf(partition)) + shift)
      const kept = Math.min(first, nextOffset)
      return { partition, start: isNumbered ? 0 : kept, kept, end: nextOffset, shift }
    }),
  )
}

const PROBLEM = `CASE
  WHEN bronze > 0 AND dlq > 0 THEN 'both in Bronze and rejected'
  WHEN bronze > 1 THEN 'doubled in Bronze'
  WHEN dlq > 1 THEN 'rejected twice'
  WHEN NOT is_known THEN 'beyond the commit'
END`

/** Accounts of `model`, which reads the log; its table has topic, partition and offset. */
export async function auditLog(
  plain: AuditSql,
  model: string,
  input: AuditLogInput,
): Promise<{ row: AuditRow; faults: readonly AuditFault[] }> {
  const { topic, ranges } = input
  const faults = await loadRejects(plain, input)
  await plain.run(`CREATE OR REPLACE TABLE audit.ranges
    (p INTEGER, start BIGINT, kept BIGINT, stop BIGINT)`)
  for (const { partition, start, kept, end } of ranges)
    await plain.run(`INSERT INTO audit.ranges VALUES (${partition}, ${start}, ${kept}, ${end})`)
  // Records before the range are ignored; records after the commit are a fault.
  await plain.run(`CREATE OR REPLACE TABLE audit.records AS
    SELECT p, o, count(*) FILTER (is_row) AS bronze, count(*) FILTER (NOT is_row) AS dlq,
      bool_and(coalesce(o < stop, FALSE)) AS is_known
    FROM (
      SELECT partition AS p, "offset" AS o, TRUE AS is_row FROM ${model}
      WHERE topic = ${quoteText(topic)}
      UNION ALL SELECT p, o, FALSE FROM audit.rejects WHERE topic = ${quoteText(topic)}
    ) LEFT JOIN audit.ranges USING (p)
    WHERE o >= coalesce(start, 0) GROUP BY p, o`)
  const offsets = ranges.reduce((sum, { start, end }) => sum + end - start, 0)
  const good = (side: string, other: string) =>
    queryCount(
      plain,
      `SELECT count(*) FROM audit.records WHERE is_known AND ${side} = 1 AND ${other} = 0`,
    )
  const out = await good('bronze', 'dlq')
  const dlq = await good('dlq', 'bronze')
  const found = await queryCount(plain, 'SELECT count(*) FROM audit.records WHERE is_known')
  const fault = queryOffsetFaults(plain, topic)
  appendAll(
    faults,
    await fault(`SELECT ${PROBLEM} AS problem, p, o FROM audit.records WHERE problem IS NOT NULL`),
  )
  let total = found
  let forgotten = 0
  if (found < offsets) {
    await findMissing(plain, input)
    const missing = await queryCount(plain, 'SELECT count(*) FROM audit.missing')
    total += missing
    const pruned = missing === 0 ? 0 : await input.countPrunedRejects()
    forgotten = Math.min(missing, pruned)
    if (missing > forgotten)
      appendAll(
        faults,
        await fault(
          `SELECT CASE WHEN o < kept THEN 'neither in Bronze nor rejected, and gone from the log'
            ELSE 'neither in Bronze nor rejected' END || '${describeLost(input, pruned)}'
            AS problem, p, o
          FROM audit.missing JOIN audit.ranges USING (p)`,
        ),
      )
    await plain.run('DROP TABLE audit.missing')
  }
  await plain.run('DROP TABLE audit.records; DROP TABLE audit.rejects')
  const row = { model, in: total, out, duplicates: 0, filtered: 0, late: 0, dlq: dlq + forgotten }
  return { row: { ...row, remainder: total - out - row.dlq }, faults }
}

/** Why some of these records may lack their reject, as the end of a sentence. */
function describeLost({ dlqKept: { start } }: AuditLogInput, pruned: number): string {
  const removed = pruned === 0 ? '' : `, ${pruned} of them by retention`
  return start === 0 ? '' : `; events.dlq itself has lost ${start} rejects${removed}`
}

/** Fills the table audit.missing with records of the log that are in neither. */
async function findMissing(plain: AuditSql, { ranges, kept, lost }: AuditLogInput): Promise<void> {
  await plain.run(`CREATE OR REPLACE TABLE audit.missing AS SELECT p, o
    FROM (SELECT p, unnest(range(start, stop)) AS o FROM audit.ranges)
    ANTI JOIN audit.records USING (p, o)`)
  for (const { partition, from, to } of lost)
    await plain.run(
      `DELETE FROM audit.missing WHERE p = ${partition} AND o >= ${from} AND o < ${to}`,
    )
  if (!kept) return
  await plain.run('CREATE OR REPLACE TABLE audit.kept (p INTEGER, start BIGINT, stop BIGINT)')
  const { rows } = await plain.all(
    'SELECT p, min(o) AS first, max(o) AS last FROM audit.missing GROUP BY p',
  )
  for (const { p, first, last } of rows) {
    const whole = ranges.find((one) => one.partition === Number(p))
    if (!whole) continue
    const searched = { ...whole, start: Number(first), end: Number(last) + 1 }
    const values: string[] = []
    for await (const { baseOffset, count } of kept(searched))
      values.push(`(${p}, ${baseOffset}, ${baseOffset + count})`)
    if (values.length > 0) await plain.run(`INSERT INTO audit.kept VALUES ${values.join(', ')}`)
  }
  await plain.run(`CREATE OR REPLACE TABLE audit.missing AS SELECT p, o FROM audit.missing m
    WHERE EXISTS (FROM audit.kept k WHERE k.p = m.p AND m.o >= k.start AND m.o < k.stop)`)
  await plain.run('DROP TABLE audit.kept')
}

/** Summarizes a SELECT of `problem`, `p` and `o`; ids are `events.raw-<partition>:<offset>`. */
function queryOffsetFaults(plain: AuditSql, topic: string): (sql: string) => Promise<AuditFault[]> {
  return async (sql) => {
    const { rows } =
      await plain.all(`SELECT problem, count(*) AS n, min({'p': p, 'o': o}, ${IDS_MAX}) AS ids
      FROM (${sql}) GROUP BY problem ORDER BY problem`)
    return rows.map(({ problem, n, ids }) => ({
      model: topic,
      check: String(problem),
      count: Number(n),
      // min(struct, n) gives a list of structs
      ids: (ids as readonly { p: number; o: number }[]).map((at) => `${topic}-${at.p}:${at.o}`),
    }))
  }
}

/** Fills the table audit.rejects with the sources of the rejects. */
async function loadRejects(plain: AuditSql, input: AuditLogInput): Promise<AuditFault[]> {
  await plain.run('CREATE OR REPLACE TABLE audit.rejects (topic VARCHAR, p INTEGER, o BIGINT)')
  const foreign: string[] = []
  let read = input.dlqKept.start
  for await (const some of input.rejects) {
    const known: RejectSource[] = []
    for (const [index, one] of some.entries()) {
      if (one) known.push(one)
      else foreign.push(`events.dlq-0:${read + index}`)
    }
    read += some.length
    const rows = JSON.stringify(
      known.map(({ topic, partition, offset }) => [topic, partition, offset]),
    )
    await plain.run(`INSERT INTO audit.rejects SELECT one[1], one[2]::INTEGER, one[3]::BIGINT
      FROM (SELECT unnest(from_json(${quoteText(rows)}, '[["VARCHAR"]]')) AS one)`)
  }
  const faults: AuditFault[] = []
  const add = (check: string, count: number, ids: readonly string[]) => {
    if (count > 0) faults.push({ model: DLQ_TOPIC, check, count, ids })
  }
  add('no reject', foreign.length, foreign.slice(0, IDS_MAX))
  const { end } = input.dlqKept
  add('fewer rejects than committed', Math.max(0, input.dlqEnd - end), [`events.dlq-0:${end}`])
  return faults
}
