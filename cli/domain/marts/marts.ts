/**
 * What ccs stores about dbt's marts: where their files lie, what marts.json says, and which Silver
 * files the last successful build read, so that the next one rebuilds no more than it must.
 *
 *   marts/serve.duckdb   the published marts, replaced by one rename
 *   marts/marts.json     what they are
 *   marts/snapshot-<n>/  the Silver that a build reads, as hard links
 *   marts/snapshot       symbolic link to the published snapshot
 *   marts/seen.json      files that the last successful build read
 */

import { selectWatermarkPositions } from '../dlq/replay-partitions.ts'
import { isObject, parseJson } from '../kernel/json.ts'
import type { Manifest } from '../lake/manifest.ts'

/** Paths below the data directory. */
export interface MartsLayout {
  readonly root: string
  readonly serve: string
  readonly info: string
  readonly seen: string
  readonly link: string
}

/** Paths only: nothing is created. */
export function layOutMarts(dataDir: string): MartsLayout {
  const root = `${dataDir}/marts`
  return {
    root,
    serve: `${root}/serve.duckdb`,
    info: `${root}/marts.json`,
    seen: `${root}/seen.json`,
    link: `${root}/snapshot`,
  }
}

const MARTS_FORMAT = 1

/** marts.json. Before the first successful build `serial` is 0 and `builtMs` null. */
export interface MartsInfo {
  readonly format: typeof MARTS_FORMAT
  /** Whether the last run succeeded: the marts are its result. */
  readonly ok: boolean
  /** Serial of the manifest whose Silver the published marts were built from. */
  readonly serial: number
  readonly generation: number
  readonly watermarkMs: number | null
  readonly committedMs: number | null
  readonly builtMs: number | null
  readonly dbtVersion: string | null
  /** Directory of that Silver below marts/. */
  readonly snapshot: string | null
  /** Tables and views of the schema main, sorted. */
  readonly models: readonly string[]
  readonly lastRun: LastRun | null
}

/** The last whole build, successful or not. */
export interface LastRun {
  readonly ok: boolean
  readonly startedMs: number
  readonly endedMs: number
  readonly serial: number
  /** One sentence on what went wrong; null after success. */
  readonly message: string | null
  /** Names of models and tests that failed. */
  readonly failed: readonly string[]
}

/** marts.json before the first build. */
export const NO_MARTS: MartsInfo = {
  format: MARTS_FORMAT,
  ok: false,
  serial: 0,
  generation: 0,
  watermarkMs: null,
  committedMs: null,
  builtMs: null,
  dbtVersion: null,
  snapshot: null,
  models: [],
  lastRun: null,
}

/** undefined for an empty text or another format. */
export function parseMartsInfo(text: string): MartsInfo | undefined {
  const value = parseObject(text)
  if (value?.format !== MARTS_FORMAT || !Array.isArray(value.models)) return undefined
  return { ...NO_MARTS, ...value } // written by renderJson below in one piece
}

/** Size and modification time of a file, as one text: another text means a changed file. */
export type FileStamp = string

/** What a build read: `silver.orders` → `event_date=2026-11-22` → its rows and files. */
export interface BuildInput {
  readonly format: 1
  readonly generation: number
  /** Hash of what the marts depend on: the dbt project, the lock file, the shop's timezone. */
  readonly logic: string
  readonly tables: Readonly<Record<string, Readonly<Record<string, InputPartition>>>>
}

/** One partition of a table: its row count and its files by name. */
export interface InputPartition {
  readonly rows: number
  readonly files: Readonly<Record<string, FileStamp>>
}

/** undefined for an empty text or another format: then everything is rebuilt. */
export function parseBuildInput(text: string): BuildInput | undefined {
  const value = parseObject(text)
  const isSeen = value?.format === 1 && isObject(value.tables)
  return isSeen ? (value as unknown as BuildInput) : undefined // written by renderJson in one piece
}

/** marts.json or seen.json, as it is written. */
export function renderJson(value: MartsInfo | BuildInput): Buffer {
  return Buffer.from(`${JSON.stringify(value)}\n`)
}

/** How much of the marts a build must recompute. */
export type RebuildRange =
  /** The warehouse's content is unknown, or its logic has changed. */
  | { readonly kind: 'all'; readonly why: string }
  /** The first day with new rows; null: nothing is new. */
  | { readonly kind: 'from'; readonly date: string | null }

/**
 * Compares what a build will read with what the last successful one read. Compaction gives the
 * same rows new file names, so a partition is new only if its row count differs, or if a file of
 * the same name has changed.
 */
export function findRebuildRange(before: BuildInput | undefined, now: BuildInput): RebuildRange {
  if (!before) return { kind: 'all', why: 'nothing was built before' }
  if (before.generation !== now.generation) return { kind: 'all', why: 'the lake was rebuilt' }
  if (before.logic !== now.logic) return { kind: 'all', why: 'the dbt project has changed' }
  let earliest: string | null = null
  for (const [table, leaves] of Object.entries(now.tables))
    for (const [partition, leaf] of Object.entries(leaves)) {
      const seen = before.tables[table]?.[partition]
      if (seen && !isNew(seen, leaf)) continue
      const date = readDate(partition)
      if (date === undefined) return { kind: 'all', why: `${table} has no days` }
      if (earliest === null || date < earliest) earliest = date
    }
  for (const [table, leaves] of Object.entries(before.tables))
    for (const partition of Object.keys(leaves))
      if (!now.tables[table]?.[partition]) return { kind: 'all', why: `${table} has lost a day` }
  return { kind: 'from', date: earliest }
}

function isNew(before: InputPartition, now: InputPartition): boolean {
  if (before.rows !== now.rows) return true
  return Object.entries(now.files).some(([name, file]) => (before.files[name] ?? file) !== file)
}

function readDate(partition: string): string | undefined {
  return /^event_date=(\d{4}-\d{2}-\d{2})$/.exec(partition)?.[1]
}

/** The lowest watermark of all partitions that count, as the engine computes it; null: unknown. */
export function readWatermark(manifest: Manifest, delayMs: number): number | null {
  let least: number | null = null
  for (const { maxEventMs } of selectWatermarkPositions(manifest.positions)) {
    if (maxEventMs === null) return null
    if (least === null || maxEventMs - delayMs < least) least = maxEventMs - delayMs
  }
  return least
}

function parseObject(text: string): Record<string, unknown> | undefined {
  const value = parseJson(text)
  return isObject(value) ? value : undefined
}
