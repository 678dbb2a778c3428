/**
 * Writes what an engine froze: Bronze and Silver rows and closed Gold as Parquet into a staging directory,
 * partial Gold and the new event ids into a state directory. It runs on a connection of its own while the
 * engine takes in more; nothing counts until a manifest names it.
 */

import type { DuckConnection } from '../../../adapters/duckdb/duckdb.ts'
import { checkFile, type Stored, syncFile } from '../../../adapters/files/file-check.ts'
import { diskError, type Files } from '../../../adapters/files/files.ts'
import type { StagedFile } from '../../../domain/lake/lake.ts'
import type { StateFile } from '../../../domain/lake/manifest.ts'
import type { Model } from '../../../domain/models/model.ts'
import type { WriteOptions, WrittenCommit } from '../../../domain/pipeline/batch-engine.ts'
import type { EmbeddedEngine } from '../engine.ts'
import type { FrozenGold, GoldPart } from '../gold/gold-compactor.ts'
import { writeEventIds } from '../intake/dedupe-files.ts'
import type { EmbeddedFrozen, EmbeddedOptions, GoldLimits } from '../options.ts'
import { setRowRange, text } from '../query/catalog.ts'

export interface CheckpointOptions extends WriteOptions {
  readonly files: Files
  /** Directory of all state; this commit writes below `<serial>/`. */
  readonly stateRoot: string
  readonly goldLimits: GoldLimits
  readonly onStep?: NonNullable<EmbeddedOptions['onStep']>
}

export interface EmbeddedWritten extends WrittenCommit {
  /** Model name → parts that hold its frozen partial rows now. */
  readonly parts: ReadonlyMap<string, readonly GoldPart[]>
}

/** Can be repeated with the same frozen part after a failure. */
export async function writeCheckpoint(
  engine: EmbeddedEngine,
  frozen: EmbeddedFrozen,
  options: CheckpointOptions,
): Promise<EmbeddedWritten> {
  const connection = await engine.connectDelta()
  const staged: StagedFile[] = []
  const state: StateFile[] = []
  const replaced: string[] = []
  const parts = new Map<string, readonly GoldPart[]>()
  try {
    await setRowRange(connection, frozen.fromSeq, frozen.toSeq)
    const stateDir = `${options.stateRoot}/${options.serial}`
    await options.files.remove(stateDir)
    await options.files.mkdir(stateDir)
    if (frozen.toSeq > frozen.fromSeq)
      staged.push(...(await copyStreams(connection, engine, frozen, options)))
    await engine.duck.giveBack(connection)
    for (const { model, gold } of engine.compiled) {
      if (!gold) continue
      options.onStep?.('gold.compact')
      const frozenGold = frozen.gold.get(model.name) as FrozenGold // freeze() made one a model
      if (frozenGold.isRebuilt) replaced.push(model.name)
      const result = await engine.gold(model.name).compact(connection, frozenGold, {
        watermarkMs: frozen.watermarkMs,
        ...options.goldLimits,
      })
      if (result.closedRowsSql)
        staged.push(...(await copyByDay(connection, model, result.closedRowsSql, options)))
      for (const table of result.scratchTables) await connection.run(`DROP TABLE ${table}`)
      const filed: GoldPart[] = []
      for (const part of result.parts)
        filed.push(part.file ? part : await copyGoldPart(connection, model, part, options))
      parts.set(model.name, filed)
      for (const { file } of filed) if (file) state.push(file)
    }
    state.push(...(await writeEventIds(options.files, frozen, options)))
    await options.files.fsyncDir(stateDir)
    await options.files.fsyncDir(options.stateRoot)
    return { staged, state, replaced, parts }
  } catch (error) {
    throw asDiskError(error, options.stage)
  } finally {
    connection.close()
  }
}

/**
 * Two connections take the tables in turn, each on a thread of its own: DuckDB's workers would only spin
 * over so few rows. Bronze has all rows, so its days are the days of all that follow.
 */
async function copyStreams(
  first: DuckConnection,
  engine: EmbeddedEngine,
  frozen: EmbeddedFrozen,
  options: CheckpointOptions,
): Promise<readonly StagedFile[]> {
  const waiting = engine.compiled.map(({ model }) => model).filter((one) => one.kind === 'stream')
  const days = new Map<string, readonly string[]>()
  for (const { name, partition } of waiting)
    if (partition && !days.has(partition))
      days.set(partition, await listDays(first, partition, `SELECT * FROM ${name}`))
  const staged: StagedFile[] = []
  const work = async (connection: DuckConnection) => {
    for (let model = waiting.shift(); model; model = waiting.shift()) {
      const target = { ...options, days: days.get(model.partition ?? '') }
      staged.push(...(await copyByDay(connection, model, `SELECT * FROM ${model.name}`, target)))
    }
  }
  const second = await engine.connectDelta()
  try {
    await setRowRange(second, frozen.fromSeq, frozen.toSeq)
    const ended = await Promise.allSettled([work(first), work(second)])
    for (const one of ended) if (one.status === 'rejected') throw one.reason
    return staged
  } finally {
    second.close()
  }
}

/** A partition a file; where there are many days DuckDB divides the rows itself. */
const DAYS_MAX = 6

/**
 * Dictionaries pay for values that repeat, and nobody looks these rows up by bloom filter. A row group is in
 * memory until it is written: it is small.
 */
const PARQUET =
  'FORMAT parquet, DICTIONARY_SIZE_LIMIT 1000, WRITE_BLOOM_FILTER false, ROW_GROUP_SIZE 12288'

interface CopyTarget {
  readonly stage: string
  readonly files: Files
  /** Values of the partition column; looked up where absent. */
  readonly days?: readonly string[] | undefined
}

/** Copies rows to the staging directory: a file a partition. */
async function copyByDay(
  connection: DuckConnection,
  model: Model,
  sql: string,
  { stage, files, days }: CopyTarget,
): Promise<readonly StagedFile[]> {
  const folder = `${stage}/${model.name}`
  await files.mkdir(folder)
  const column = model.partition
  const values = column ? (days ?? (await listDays(connection, column, sql))) : ['']
  if (values.length > DAYS_MAX) return copyPartitioned(connection, model, sql, folder)
  const staged: StagedFile[] = []
  for (const [index, day] of values.entries()) {
    const path = `${folder}/${index}.parquet`
    const rowsOfDay =
      values.length > 1 ? `SELECT * FROM (${sql}) WHERE ${column} = DATE ${text(day)}` : sql
    const rows = await connection.run(`COPY (${rowsOfDay}) TO ${text(path)} (${PARQUET})`)
    if (rows === 0) await files.remove(path)
    else staged.push({ table: model.name, partition: column ? `${column}=${day}` : '', path, rows })
  }
  return staged
}

async function copyPartitioned(
  connection: DuckConnection,
  model: Model,
  sql: string,
  folder: string,
): Promise<readonly StagedFile[]> {
  const { rows } = await connection.all(
    `COPY (${sql}) TO ${text(`${folder}/parts`)} (${PARQUET}, PARTITION_BY (${model.partition}),
      WRITE_PARTITION_COLUMNS true, RETURN_STATS true)`,
  )
  return rows.map((row) => {
    const path = String(row.filename)
    const partition = path.split('/').at(-2) ?? ''
    return { table: model.name, partition, path, rows: Number(row.count) }
  })
}

async function listDays(
  connection: DuckConnection,
  column: string,
  sql: string,
): Promise<readonly string[]> {
  const { rows } = await connection.all(`SELECT DISTINCT ${column} AS day FROM (${sql}) ORDER BY 1`)
  return rows.map((row) => String(row.day))
}

async function copyGoldPart(
  connection: DuckConnection,
  model: Model,
  part: GoldPart,
  { files, serial, stateRoot }: CheckpointOptions,
): Promise<GoldPart> {
  const path = `${serial}/${model.name}.parquet`
  const full = `${stateRoot}/${path}`
  const rows = await connection.run(
    `COPY ${part.table} TO ${text(full)} (FORMAT parquet, ROW_GROUP_SIZE 12288)`,
  )
  const stored = await syncAndChecksum(files, full)
  const { closedMs } = part
  const closed = closedMs === null ? {} : { closedMs }
  const file: StateFile = { path, kind: 'gold', model: model.name, rows, ...stored, ...closed }
  return { ...part, file }
}

/** Deletes state that no manifest names any more: older commits, and those that never came to be. */
export async function removeUnreferencedState(
  files: Files,
  stateRoot: string,
  state: readonly StateFile[],
): Promise<void> {
  const named = state.map((file) => file.path)
  const clear = async (below: string): Promise<void> => {
    for (const name of await files.readdir(`${stateRoot}/${below}`)) {
      const path = below === '' ? name : `${below}/${name}`
      if (named.includes(path)) continue
      if (named.some((one) => one.startsWith(`${path}/`))) await clear(path)
      else await files.remove(`${stateRoot}/${path}`)
    }
  }
  await files.mkdir(stateRoot)
  await clear('')
}

async function syncAndChecksum(files: Files, path: string): Promise<Stored> {
  await syncFile(files, path)
  return checkFile(files, path)
}

/** DuckDB says in words that the disk is full. */
function asDiskError(error: unknown, path: string): unknown {
  const isFull = error instanceof Error && /no space left on device/i.test(error.message)
  return isFull
    ? diskError(Object.assign(new Error(error.message), { code: 'ENOSPC' }), path)
    : error
}
