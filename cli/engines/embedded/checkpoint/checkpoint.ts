/**
 * Writes a snapshot: Bronze and Silver rows and closed Gold rows as Parquet into a staging
 * directory, partial Gold and new event ids into a directory of the same name in `state`: no other
 * attempt at a commit writes there. It runs on connections of its own while the engine ingests
 * more; nothing counts until a manifest names it.
 */

import { basename } from 'node:path'
import { catchDataError, readDataError } from '../../../adapters/duckdb/data-error.ts'
import { toDiskError } from '../../../adapters/duckdb/disk-error.ts'
import type { DuckConnection } from '../../../adapters/duckdb/duckdb.ts'
import { checkFile, syncFile } from '../../../adapters/files/file-check.ts'
import type { Files } from '../../../adapters/files/files.ts'
import { appendAll } from '../../../domain/kernel/lists.ts'
import { quoteText } from '../../../domain/kernel/sql-text.ts'
import type { StagedFile } from '../../../domain/lake/lake.ts'
import type { StateFile } from '../../../domain/lake/manifest.ts'
import type { Model } from '../../../domain/models/model.ts'
import type { WriteOptions } from '../../../domain/pipeline/batch-engine.ts'
import type { EmbeddedModel } from '../compile.ts'
import { type CompactedGold, type CompactOptions, createInSlices } from '../gold/gold-compactor.ts'
import { finalSql, type GoldSql, runsSql } from '../gold/gold-sql.ts'
import { writeIds } from '../intake/dedupe-files.ts'
import type { EmbeddedOptions } from '../options.ts'
import { setRowRange } from '../query/catalog.ts'
import type { EmbeddedFrozen, EmbeddedWritten, FrozenGold, GoldPart } from '../snapshot.ts'

/** What a checkpoint needs of the engine. */
export interface CheckpointSource {
  /** Each after the models that it reads. */
  readonly models: readonly EmbeddedModel[]
  /** Opens a connection whose queries see uncommitted rows; the caller closes it. */
  connect(): Promise<DuckConnection>
  /** Returns memory that the connection no longer needs to the system. */
  releaseMemory(connection: DuckConnection): Promise<void>
  /** Merges the frozen partial rows of a Gold model. */
  compact(
    model: string,
    connection: DuckConnection,
    frozen: FrozenGold,
    options: CompactOptions,
  ): Promise<CompactedGold>
}

/** Where the checkpoint writes, and its thresholds. */
export type CheckpointOptions = WriteOptions &
  Pick<EmbeddedOptions, 'files' | 'stateRoot' | 'goldLimits' | 'onStep'>

/** Can be repeated with the same snapshot after a failure. Throws CCS_DISK_FULL if it is. */
export async function writeCheckpoint(
  source: CheckpointSource,
  frozen: EmbeddedFrozen,
  options: CheckpointOptions,
): Promise<EmbeddedWritten> {
  const { files, stateRoot, stage } = options
  const connection = await source.connect()
  const staged: StagedFile[] = []
  const state: StateFile[] = []
  const replaced: string[] = []
  const unfinished: Unfinished[] = []
  const parts = new Map<string, readonly GoldPart[]>()
  try {
    await setRowRange(connection, frozen.fromSeq, frozen.toSeq)
    const folder = basename(stage)
    const stateDir = `${stateRoot}/${folder}`
    await files.remove(stateDir)
    await files.mkdir(stateDir)
    if (frozen.toSeq > frozen.fromSeq)
      appendAll(staged, await copyStreams(connection, source, frozen, options))
    await source.releaseMemory(connection)
    for (const { model, gold } of source.models) {
      if (!gold) continue
      options.onStep?.('gold.compact')
      const frozenGold = frozen.gold.get(model.name) as FrozenGold // freeze() made one per model
      if (frozenGold.isRebuilt) replaced.push(model.name)
      const { watermarkMs } = frozen
      const one = { model, gold, frozenGold, watermarkMs }
      const compacted = await compactGold(connection, source, one, options)
      appendAll(staged, compacted.staged)
      if (compacted.message !== undefined)
        unfinished.push({ model: model.name, message: compacted.message })
      const written: GoldPart[] = []
      for (const part of compacted.parts)
        written.push(
          part.file ? part : await copyGoldPart(connection, model, part, { ...options, folder }),
        )
      parts.set(model.name, written)
      for (const { file } of written) if (file) state.push(file)
    }
    appendAll(state, await writeIds(files, frozen, { ...options, folder }))
    await files.fsyncDir(stateDir)
    await files.fsyncDir(stateRoot)
    return { staged, state, replaced, unfinished, parts }
  } catch (error) {
    throw toDiskError(error, stage)
  } finally {
    connection.close()
  }
}

type Unfinished = EmbeddedWritten['unfinished'][number]

interface GoldToCompact {
  readonly model: Model
  readonly gold: GoldSql
  readonly frozenGold: FrozenGold
  readonly watermarkMs: number | null
}

/**
 * Merges partial rows and copies closed rows to the staging directory. If the closed rows can't be
 * computed because of rows that were committed before, none close, and `message` says why; if it
 * lies in new rows, the error is thrown, and the records are searched.
 */
async function compactGold(
  connection: DuckConnection,
  source: CheckpointSource,
  { model, gold, frozenGold, watermarkMs }: GoldToCompact,
  { stage, files, goldLimits }: CheckpointOptions,
): Promise<Pick<CompactedGold, 'parts'> & { staged: readonly StagedFile[]; message?: string }> {
  const compact = (least: number | null) =>
    source.compact(model.name, connection, frozenGold, { watermarkMs: least, ...goldLimits })
  let { parts, closedRowsSql, scratchTables } = await compact(watermarkMs)
  await source.releaseMemory(connection)
  let staged: readonly StagedFile[] = []
  let message: string | undefined
  if (closedRowsSql)
    try {
      staged = await copyByDay(connection, model, closedRowsSql, { stage, files })
    } catch (error) {
      message = readDataError(error)
      const known = frozenGold.parts.map((part) => part.table)
      if (message === undefined || !(await failsOn(connection, gold, known))) throw error
      ;({ parts, scratchTables } = await compact(null))
    }
  for (const table of scratchTables) await connection.run(`DROP TABLE ${table}`)
  await source.releaseMemory(connection)
  return { parts, staged, ...(message === undefined ? {} : { message }) }
}

/** Whether the model's rows can't be computed from these tables of partial rows. */
async function failsOn(
  connection: DuckConnection,
  gold: GoldSql,
  tables: readonly string[],
): Promise<boolean> {
  if (tables.length === 0) return false
  const rows = finalSql(gold, runsSql(gold, tables))
  const compute = `CREATE OR REPLACE TEMP TABLE final_rows AS ${rows}`
  try {
    return (await catchDataError(() => connection.run(compute))) !== undefined
  } finally {
    await connection.run('DROP TABLE IF EXISTS temp.main.final_rows')
  }
}

/**
 * Copies all stream models. Two connections take the tables in turn, each on its own thread: for so
 * few rows DuckDB's workers would only spin. Bronze has all rows, so its days are those of all
 * models.
 */
async function copyStreams(
  first: DuckConnection,
  source: CheckpointSource,
  frozen: EmbeddedFrozen,
  { stage, files }: CheckpointOptions,
): Promise<readonly StagedFile[]> {
  const waiting = source.models.map(({ model }) => model).filter((one) => one.kind === 'stream')
  const days = new Map<string, readonly string[]>()
  for (const { name, partition } of waiting)
    if (partition && !days.has(partition))
      days.set(partition, await listDays(first, partition, `SELECT * FROM ${name}`))
  const staged: StagedFile[] = []
  const work = async (connection: DuckConnection) => {
    for (let model = waiting.shift(); model; model = waiting.shift()) {
      const target = { stage, files, days: days.get(model.partition ?? '') }
      appendAll(staged, await copyByDay(connection, model, [`SELECT * FROM ${model.name}`], target))
    }
  }
  const second = await source.connect()
  try {
    await setRowRange(second, frozen.fromSeq, frozen.toSeq)
    const ended = await Promise.allSettled([work(first), work(second)])
    for (const one of ended) if (one.status === 'rejected') throw one.reason
    return staged
  } finally {
    second.close()
  }
}

/** With more days than this, the rows are sorted by day first: then no day costs a scan of all. */
const DAYS_MAX = 6

/**
 * Dictionaries pay off for repeated values, and nothing looks these rows up by bloom filter. A row
 * group stays in memory until it is written, so it is small.
 */
const PARQUET =
  'FORMAT parquet, DICTIONARY_SIZE_LIMIT 1000, WRITE_BLOOM_FILTER false, ROW_GROUP_SIZE 12288'

interface CopyTarget {
  readonly stage: string
  readonly files: Files
  /** Values of the partition column. Absent: the rows are costly to compute, so only once. */
  readonly days?: readonly string[] | undefined
}

/**
 * Copies the rows of all SELECTs to the staging directory, one file per partition and one after the
 * other: DuckDB's PARTITION_BY would hold buffers for all of them, 1.7 MB a day of Bronze.
 */
async function copyByDay(
  connection: DuckConnection,
  model: Model,
  sqls: readonly string[],
  { stage, files, days }: CopyTarget,
): Promise<readonly StagedFile[]> {
  const folder = `${stage}/${model.name}`
  await files.mkdir(folder)
  const column = model.partition
  const known = column === undefined ? [''] : days
  const [sql = ''] = sqls
  if (sqls.length === 1 && known && known.length <= DAYS_MAX)
    return copyDays(connection, model, { sql, folder, days: known }, files)
  const table = `delta.state.${model.name.replace('.', '_')}_by_day`
  const order = column === undefined ? '' : ` ORDER BY ${column}`
  await createInSlices(
    connection,
    table,
    sqls.map((one) => `${one}${order}`),
  )
  try {
    const sorted = `SELECT * FROM ${table}`
    const found = column === undefined ? [''] : await listDays(connection, column, sorted)
    return await copyDays(connection, model, { sql: sorted, folder, days: found }, files)
  } finally {
    await connection.run(`DROP TABLE ${table}`)
  }
}

/** Copies the rows of each of the `days`, which are all days of `sql`. */
async function copyDays(
  connection: DuckConnection,
  model: Model,
  rows: { readonly sql: string; readonly folder: string; readonly days: readonly string[] },
  files: Files,
): Promise<readonly StagedFile[]> {
  const { sql, folder, days } = rows
  const column = model.partition
  const staged: StagedFile[] = []
  for (const [index, day] of days.entries()) {
    const path = `${folder}/${index}.parquet`
    const rowsOfDay =
      days.length > 1 ? `SELECT * FROM (${sql}) WHERE ${column} = DATE ${quoteText(day)}` : sql
    const count = await connection.run(`COPY (${rowsOfDay}) TO ${quoteText(path)} (${PARQUET})`)
    if (count === 0) await files.remove(path)
    else
      staged.push({
        ...{ table: model.name, path, rows: count },
        partition: column ? `${column}=${day}` : '',
      })
  }
  return staged
}

async function listDays(
  connection: DuckConnection,
  column: string,
  sql: string,
): Promise<readonly string[]> {
  const { rows } = await connection.all(`SELECT DISTINCT ${column} AS day FROM (${sql}) ORDER BY 1`)
  return rows.map((row) => String(row.day))
}

/** Writes a part to the state directory, durably; returns it with its file. */
async function copyGoldPart(
  connection: DuckConnection,
  model: Model,
  part: GoldPart,
  { files, folder, stateRoot }: CheckpointOptions & { readonly folder: string },
): Promise<GoldPart> {
  const path = `${folder}/${model.name}.parquet`
  const full = `${stateRoot}/${path}`
  const rows = await connection.run(
    `COPY ${part.table} TO ${quoteText(full)} (FORMAT parquet, ROW_GROUP_SIZE 12288)`,
  )
  await syncFile(files, full)
  const stored = await checkFile(files, full)
  const { closedMs } = part
  const closed = closedMs === null ? {} : { closedMs }
  const file: StateFile = { path, kind: 'gold', model: model.name, rows, ...stored, ...closed }
  return { ...part, file }
}
