/**
 * The statements of a load. A group of days is copied into stage tables, which belong to the
 * session and end with it; then one transaction replaces these days and their rows of the ledger.
 * Rows of other days are never touched, so loads may come in any order and again.
 */
import { quoteName, quoteText } from '../kernel/sql-text.ts'
import type { CopiedFile } from '../lake/s3/copy-manifest.ts'
import { TEXT_BYTES_MAX } from './column-type.ts'
import type { LoadDay, LoadGroup } from './load-plan.ts'
import { describeColumn, type TableColumn } from './table-columns.ts'
import { quoteTable, type WarehouseSchemas, type WarehouseTable } from './warehouse-table.ts'

/** Files of one group that have the same columns in the same order. */
export interface Stage {
  readonly name: string
  readonly columns: readonly TableColumn[]
  readonly files: readonly CopiedFile[]
}

/** The table, in the schema of raw tables, that says what a warehouse has. */
export const LEDGER = 'ccs_load_ledger'

/** What the ledger is called in a warehouse. */
export function quoteLedger({ raw }: WarehouseSchemas): string {
  return quoteTable({ schema: raw, name: LEDGER })
}

/** Makes schemas and ledger where they are missing. */
export function prepareWarehouse(schemas: WarehouseSchemas): readonly string[] {
  const names = [...new Set([schemas.raw, schemas.silver])]
  return [
    ...names.map((name) => `CREATE SCHEMA IF NOT EXISTS ${quoteName(name)}`),
    `CREATE TABLE IF NOT EXISTS ${quoteLedger(schemas)} (source VARCHAR(256), day DATE, ` +
      'lake VARCHAR(64), generation BIGINT, serial BIGINT, sha256 CHAR(64), files BIGINT, ' +
      '"rows" BIGINT, bytes BIGINT, loaded_at TIMESTAMP, ccs_version VARCHAR(64))',
  ]
}

/** All that the warehouse has. */
export function selectLedger(schemas: WarehouseSchemas, where = ''): string {
  return (
    'SELECT source, CAST(day AS VARCHAR(10)) AS day, lake, generation, serial, sha256, "rows" ' +
    `FROM ${quoteLedger(schemas)}${where}`
  )
}

/** Of days of a table. */
export function selectLedgerDays(
  schemas: WarehouseSchemas,
  { source }: WarehouseTable,
  days: readonly string[],
): string {
  return selectLedger(schemas, ` WHERE source = ${quoteText(source)} AND day IN (${dates(days)})`)
}

/** Makes the stage table. */
export function createStage({ name, columns }: Stage): string {
  return `CREATE TEMP TABLE ${name} (${columns.map(describeColumn).join(', ')})`
}

/** Ends the stage table. */
export function dropStage({ name }: Stage): string {
  return `DROP TABLE ${name}`
}

/** `url` is that of the list of files, `role` an ARN or what stands for it. */
export function copyStage({ name, columns }: Stage, url: string, role: string): string {
  const nested = columns.some(({ type }) => type === 'SUPER') ? ' SERIALIZETOJSON' : ''
  return (
    `COPY ${name} FROM ${quoteText(url)} IAM_ROLE ${quoteText(role)} ` +
    `FORMAT AS PARQUET${nested} MANIFEST`
  )
}

/** Redshift's list of files; each must be there, with its length. */
export function renderFileList(files: readonly CopiedFile[], address: string): string {
  const entries = files.map(({ key, bytes }) => {
    return { url: `${address}/${key}`, mandatory: true, meta: { content_length: bytes } }
  })
  return `${JSON.stringify({ entries }, null, 1)}\n`
}

/** Rows of a stage by day; where files lack the day, all under the group's only one. */
export function countStage({ table, days }: LoadGroup, { name }: Stage): string {
  if (table.contract)
    return `SELECT ${quoteText(days[0]?.day ?? '')} AS day, COUNT(*) AS n FROM ${name}`
  return (
    `SELECT CAST(${quoteName(table.day)} AS VARCHAR(10)) AS day, COUNT(*) AS n ` +
    `FROM ${name} GROUP BY 1`
  )
}

/** The longest text of each text column in bytes; undefined: it has none. */
export function measureStage({ name, columns }: Stage): string | undefined {
  const texts = columns.filter(({ type }) => type === `VARCHAR(${TEXT_BYTES_MAX})`)
  if (texts.length === 0) return undefined
  const lengths = texts.map((one) => {
    const column = quoteName(one.name)
    return `MAX(OCTET_LENGTH(${column})) AS ${column}`
  })
  return `SELECT ${lengths.join(', ')} FROM ${name}`
}

/** One loader at a time: another waits here. */
export function lockLedger(schemas: WarehouseSchemas): string {
  return `LOCK TABLE ${quoteLedger(schemas)}`
}

/** Within the transaction: rows of these days go, also from the ledger. */
export function deleteDays(
  schemas: WarehouseSchemas,
  table: WarehouseTable,
  days: readonly string[],
): readonly string[] {
  return [
    `DELETE FROM ${quoteTable(table)} WHERE ${quoteName(table.day)} IN (${dates(days)})`,
    `DELETE FROM ${quoteLedger(schemas)} WHERE source = ${quoteText(table.source)} ` +
      `AND day IN (${dates(days)})`,
  ]
}

/** A transaction of its own, for days that the lake no longer has. */
export function removeDays(
  schemas: WarehouseSchemas,
  table: WarehouseTable,
  days: readonly string[],
): readonly string[] {
  return ['BEGIN', lockLedger(schemas), ...deleteDays(schemas, table, days), 'COMMIT']
}

/** Within the transaction: the rows of a stage. */
export function insertStage({ table, days }: LoadGroup, { name, columns }: Stage): string {
  const names = columns.map((one) => quoteName(one.name))
  const [into, from] = table.contract
    ? [
        [...names, quoteName(table.day)],
        [...names, `DATE ${quoteText(days[0]?.day ?? '')}`],
      ]
    : [names, names]
  const target = `${quoteTable(table)} (${into.join(', ')})`
  return `INSERT INTO ${target} SELECT ${from.join(', ')} FROM ${name}`
}

/** Of which commit the days are. */
export interface LoadOrigin {
  readonly lake: string
  readonly generation: number
  readonly serial: number
  readonly loadedMs: number
  readonly ccsVersion: string
}

/** Within the transaction: what the warehouse has now. */
export function insertLedger(
  schemas: WarehouseSchemas,
  { source }: WarehouseTable,
  days: readonly LoadDay[],
  { lake, generation, serial, loadedMs, ccsVersion }: LoadOrigin,
): string {
  const loaded = new Date(loadedMs).toISOString().replace('T', ' ').replace('Z', '')
  const rows = days.map(({ day, sha256, files, rows: count, bytes }) =>
    [
      ...[quoteText(source), `DATE ${quoteText(day)}`, quoteText(lake), generation, serial],
      ...[quoteText(sha256), files.length, count, bytes],
      ...[`TIMESTAMP ${quoteText(loaded)}`, quoteText(ccsVersion)],
    ].join(', '),
  )
  const columns =
    'source, day, lake, generation, serial, sha256, files, "rows", bytes, loaded_at, ccs_version'
  return `INSERT INTO ${quoteLedger(schemas)} (${columns}) VALUES (${rows.join('), (')})`
}

function dates(days: readonly string[]): string {
  return days.map((day) => `DATE ${quoteText(day)}`).join(', ')
}
