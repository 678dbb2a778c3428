/**
 * Accounts of the gate in front of a cluster's engines: each record of events.raw is in
 * events.valid or rejected, once. Records are counted as a consumer of committed ones sees them,
 * and recognised by their bytes; offsets say nothing, since the marks of transactions take some.
 */
import { quoteText } from '../kernel/sql-text.ts'
import { DLQ_TOPIC, RAW_TOPIC, VALID_TOPIC } from '../log/topics.ts'
import { type AuditSql, queryCount } from './catalog.ts'
import { type AuditFault, type AuditRow, IDS_MAX } from './log-accounts.ts'

/** One record; `hash` is equal for equal bytes, or '' for all, where the gate changes them. */
export interface GateRecord {
  readonly partition: number
  readonly offset: number
  readonly hash: string
}

/** What the gate read and wrote, in parts. */
export interface GateAuditInput {
  /** Of events.raw all that the gate may have read. */
  readonly raw: AsyncIterable<readonly GateRecord[]>
  readonly valid: AsyncIterable<readonly GateRecord[]>
  /** The records of events.raw that were rejected. */
  readonly rejected: AsyncIterable<readonly Omit<GateRecord, 'hash'>[]>
  /** By partition of events.raw the first offset that the gate may not have read yet. */
  readonly read: ReadonlyMap<number, number>
}

/** Runs the accounts; uses tables of the schema `audit`. */
export async function auditGate(
  plain: AuditSql,
  input: GateAuditInput,
): Promise<{ readonly row: AuditRow; readonly faults: readonly AuditFault[] }> {
  for (const side of ['raw', 'valid', 'rejected'])
    await plain.run(`CREATE OR REPLACE TABLE audit.gate_${side} (p INTEGER, o BIGINT, h VARCHAR)`)
  await load(plain, 'raw', input.raw)
  await load(plain, 'valid', input.valid)
  await load(plain, 'rejected', withoutHash(input.rejected))
  const ends = [...input.read].map(([partition, end]) => `(${partition}, ${end})`)
  await plain.run(`CREATE OR REPLACE TABLE audit.gate_ends (p INTEGER, stop BIGINT)`)
  if (ends.length > 0) await plain.run(`INSERT INTO audit.gate_ends VALUES ${ends.join(', ')}`)
  // is_due: the gate has read it, so that it must be somewhere.
  await plain.run(`CREATE OR REPLACE TABLE audit.gate_records AS
    SELECT r.p, r.o, r.h, coalesce(r.o < stop, FALSE) AS is_due,
      EXISTS (FROM audit.gate_rejected d WHERE d.p = r.p AND d.o = r.o) AS is_rejected
    FROM audit.gate_raw r LEFT JOIN audit.gate_ends USING (p)`)
  await plain.run(`CREATE OR REPLACE TABLE audit.gate_groups AS
    SELECT p, h, sum(due)::BIGINT AS due, sum(may)::BIGINT AS may, sum(valid)::BIGINT AS valid,
      bool_or(rejected) AS rejected, min(ro) AS ro, max(vo) AS vo
    FROM (
      SELECT p, h, (is_due AND NOT is_rejected)::INTEGER AS due, (NOT is_rejected)::INTEGER AS may,
        0 AS valid, is_rejected AS rejected, CASE WHEN NOT is_rejected THEN o END AS ro,
        NULL::BIGINT AS vo
      FROM audit.gate_records
      UNION ALL SELECT p, h, 0, 0, 1, FALSE, NULL, o FROM audit.gate_valid
    ) GROUP BY p, h`)
  const count = (sql: string) => queryCount(plain, sql)
  const read = await count('SELECT count(*) FROM audit.gate_records WHERE is_due')
  const dlq = await count('SELECT count(*) FROM audit.gate_records WHERE is_due AND is_rejected')
  const out = await count(
    'SELECT coalesce(sum(least(due, valid)), 0)::BIGINT FROM audit.gate_groups',
  )
  const faults = [
    ...(await findFaults(plain, RAW_TOPIC, MISSING)),
    ...(await findFaults(plain, VALID_TOPIC, TOO_MANY)),
    ...(await findFaults(plain, DLQ_TOPIC, TWICE)),
  ]
  for (const name of ['raw', 'valid', 'rejected', 'ends', 'records', 'groups'])
    await plain.run(`DROP TABLE audit.gate_${name}`)
  const row = { model: VALID_TOPIC, in: read, out, duplicates: 0, filtered: 0, late: 0, dlq }
  return { row: { ...row, remainder: read - out - dlq }, faults }
}

const idOf = (topic: string, offset: string) =>
  `'${topic}-' || p || CASE WHEN h = '' THEN '' ELSE ':' || ${offset} END`

const MISSING = `SELECT 'neither in events.valid nor rejected' AS problem, due - valid AS n,
    p, ro AS o, ${idOf(RAW_TOPIC, 'ro')} AS id
  FROM audit.gate_groups WHERE valid < due`

const TOO_MANY = `SELECT CASE WHEN may > 0 THEN 'doubled in events.valid'
      WHEN rejected THEN 'both in events.valid and rejected'
      ELSE 'not in events.raw' END AS problem,
    valid - may AS n, p, vo AS o, ${idOf(VALID_TOPIC, 'vo')} AS id
  FROM audit.gate_groups WHERE valid > may`

const TWICE = `SELECT 'rejected twice' AS problem, count(*) - 1 AS n, p, o,
    'events.raw-' || p || ':' || o AS id
  FROM audit.gate_rejected GROUP BY p, o HAVING count(*) > 1`

async function findFaults(plain: AuditSql, topic: string, sql: string): Promise<AuditFault[]> {
  const { rows } = await plain.all(`SELECT problem, sum(n)::BIGINT AS n,
      list(id ORDER BY p, o)[1:${IDS_MAX}] AS ids
    FROM (${sql}) GROUP BY problem ORDER BY problem`)
  return rows.map(({ problem, n, ids }) => ({
    model: topic,
    check: String(problem),
    count: Number(n),
    ids: ids as readonly string[], // id is never NULL, so this is a list of texts
  }))
}

async function load(
  plain: AuditSql,
  side: string,
  parts: AsyncIterable<readonly GateRecord[]>,
): Promise<void> {
  for await (const part of parts) {
    if (part.length === 0) continue
    const rows = JSON.stringify(part.map((one) => [one.partition, one.offset, one.hash]))
    await plain.run(`INSERT INTO audit.gate_${side}
      SELECT one[1]::INTEGER, one[2]::BIGINT, one[3]
      FROM (SELECT unnest(from_json(${quoteText(rows)}, '[["VARCHAR"]]')) AS one)`)
  }
}

async function* withoutHash(
  parts: AsyncIterable<readonly Omit<GateRecord, 'hash'>[]>,
): AsyncGenerator<readonly GateRecord[]> {
  for await (const part of parts) yield part.map((one) => ({ ...one, hash: '' }))
}
