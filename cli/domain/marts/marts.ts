/**
 * What ccs keeps of dbt's marts beside the lake: where things lie, what readers are told, and which files the
 * last green build saw, so that the next one looks back no further than it must.
 *
 *   marts/serve.duckdb    the published marts, replaced by one rename      marts/marts.json   what they are
 *   marts/snapshot-<n>/   the Silver a build reads, as hard links          marts/snapshot     link to the published
 *   marts/seen.json       files of the last green build
 */

import { selectWatermarkPositions } from '../dlq/replay-partitions.ts'
import { isObject } from '../kernel/json.ts'
import type { Manifest } from '../lake/manifest.ts'

export interface MartsLayout {
  readonly root: string
  readonly serve: string
  readonly info: string
  readonly seen: string
  readonly link: string
}

export function martsLayout(dataDir: string): MartsLayout {
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

/** marts.json. Before the first green build `serial` is 0 and `builtMs` null. */
export interface MartsInfo {
  readonly format: typeof MARTS_FORMAT
  /** The last run was green: the marts are what it made. */
  readonly ok: boolean
  /** Serial of the manifest whose Silver the published marts were made from. */
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

/** The last whole build, green or not. */
export interface LastRun {
  readonly ok: boolean
  readonly startedMs: number
  readonly endedMs: number
  readonly serial: number
  /** One sentence on what went wrong; null for a green run. */
  readonly message: string | null
  /** Names of models and tests that failed. */
  readonly failed: readonly string[]
}

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

/** undefined for text of another format, or none. */
export function parseMartsInfo(text: string): MartsInfo | undefined {
  const value = parsed(text)
  if (value?.format !== MARTS_FORMAT || !Array.isArray(value.models)) return undefined
  return { ...NO_MARTS, ...value } // written by renderJson below, whole or not at all
}

/** A file as it was seen: its bytes and when they were last written, which tell a changed file. */
export type SeenFile = string

/** What a build saw: `silver.orders` → `event_date=2026-11-22` → its rows and files. */
export interface Seen {
  readonly format: 1
  readonly generation: number
  /** Hash of what the marts' logic is: the dbt project, the lock file, the shop's timezone. */
  readonly logic: string
  readonly tables: Readonly<Record<string, Readonly<Record<string, SeenLeaf>>>>
}

export interface SeenLeaf {
  readonly rows: number
  readonly files: Readonly<Record<string, SeenFile>>
}

export function parseSeen(text: string): Seen | undefined {
  const value = parsed(text)
  const isSeen = value?.format === 1 && isObject(value.tables)
  return isSeen ? (value as unknown as Seen) : undefined // written by renderJson, whole or not at all
}

export function renderJson(value: MartsInfo | Seen): Buffer {
  return Buffer.from(`${JSON.stringify(value)}\n`)
}

/** How much a build must do again. */
export type Since =
  /** Nothing is known of what the warehouse holds, or its logic has changed. */
  | { readonly kind: 'all'; readonly why: string }
  /** The earliest day in which anything is new; null: nothing at all is. */
  | { readonly kind: 'from'; readonly date: string | null }

/**
 * Compares what a build will see with what the last green one saw. Compaction gives the same rows other file
 * names: a partition is new when its number of rows is, or when a file of the same name has other bytes.
 */
export function sinceOf(before: Seen | undefined, now: Seen): Since {
  if (!before) return { kind: 'all', why: 'nothing was built before' }
  if (before.generation !== now.generation) return { kind: 'all', why: 'the lake was rebuilt' }
  if (before.logic !== now.logic) return { kind: 'all', why: 'the dbt project has changed' }
  let earliest: string | null = null
  for (const [table, leaves] of Object.entries(now.tables))
    for (const [partition, leaf] of Object.entries(leaves)) {
      const seen = before.tables[table]?.[partition]
      if (seen && !isNew(seen, leaf)) continue
      const date = dateOf(partition)
      if (date === undefined) return { kind: 'all', why: `${table} has no days` }
      if (earliest === null || date < earliest) earliest = date
    }
  for (const [table, leaves] of Object.entries(before.tables))
    for (const partition of Object.keys(leaves))
      if (!now.tables[table]?.[partition]) return { kind: 'all', why: `${table} has lost a day` }
  return { kind: 'from', date: earliest }
}

function isNew(before: SeenLeaf, now: SeenLeaf): boolean {
  if (before.rows !== now.rows) return true
  return Object.entries(now.files).some(([name, file]) => (before.files[name] ?? file) !== file)
}

function dateOf(partition: string): string | undefined {
  return /^event_date=(\d{4}-\d{2}-\d{2})$/.exec(partition)?.[1]
}

/** The least watermark of all partitions that are waited for, as the engine has it. */
export function watermarkOf(manifest: Manifest, delayMs: number): number | null {
  let least: number | null = null
  for (const { maxEventMs } of selectWatermarkPositions(manifest.positions)) {
    if (maxEventMs === null) return null
    if (least === null || maxEventMs - delayMs < least) least = maxEventMs - delayMs
  }
  return least
}

function parsed(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}
