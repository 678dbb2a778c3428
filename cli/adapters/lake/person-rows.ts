/** A person's rows in Bronze, and traces of an id in the files of a data directory. */
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import {
  type PersonRow,
  type PersonRows,
  ROW_FIELDS,
  SHARED_FIELDS,
} from '../../domain/erase/anonymise-event.ts'
import type { PersonEvents, PersonValues } from '../../domain/erase/find-person.ts'
import { createIdMatcher } from '../../domain/erase/match-bytes.ts'
import {
  type BronzeRows,
  ownVisitorsSql,
  personEventsSql,
  personRowsSql,
  sharedValuesSql,
} from '../../domain/erase/person-sql.ts'
import { quoteName, quoteText } from '../../domain/kernel/sql-text.ts'
import type { Manifest } from '../../domain/lake/manifest.ts'
import type { DuckConnection } from '../duckdb/duckdb.ts'
import { withDuck } from '../duckdb/with-duck.ts'
import { readRange } from '../files/file-pieces.ts'
import { type Files, isErrno } from '../files/files.ts'
import type { Store } from './data-store.ts'

const MEMORY_BYTES = 256 * 1024 * 1024

/** Where Bronze is; without a manifest, nothing was committed yet. */
export interface BronzePlace extends Pick<Store, 'lake' | 'root'> {
  readonly manifest: Manifest | undefined
}

type Row = Readonly<Record<string, unknown>>

/** The person's events in the last commit, and the visitors that were nobody else. */
export async function findPersonEvents(
  place: BronzePlace,
  person: PersonValues,
): Promise<Pick<PersonEvents, 'offsets' | 'visitors'>> {
  const offsets = new Map<string, Set<number>>()
  const found = await withBronze(place, async (duck, bronze) => {
    const { rows } = await duck.all(personEventsSql(person, bronze))
    for (const row of rows) addTo(offsets, row, new Set<number>()).add(Number(row.offset))
    if (person.kind === 'visitor') return []
    const visitors = await duck.all(ownVisitorsSql(person, bronze))
    return visitors.rows.map(({ id }) => String(id))
  })
  return { offsets, visitors: found ?? [] }
}

/** How the person's rows are read. */
export interface PersonRowsOptions {
  /** The project's macros. */
  readonly macrosSql: string
  /** Fields that are read besides ROW_FIELDS. */
  readonly texts: readonly string[]
}

/** What of these events is needed to anonymise them. */
export async function readPersonRows(
  place: BronzePlace,
  person: PersonValues,
  { macrosSql, texts }: PersonRowsOptions,
): Promise<PersonRows> {
  const rows = new Map<string, Map<number, PersonRow>>()
  const shared = new Map<string, Set<string>>()
  await withBronze(place, async (duck, bronze) => {
    await duck.run(macrosSql)
    const macros = await duck.all(`SELECT 1 FROM duckdb_functions()
      WHERE function_name = 'bot_rule' AND len(parameters) = 3`)
    const how = { fields: [...ROW_FIELDS, ...texts], hasBotRule: macros.rows.length > 0 }
    await duck.run(`CREATE TEMP TABLE "ccs person" AS ${personRowsSql(person, bronze, how)}`)
    const own = await duck.all('FROM "ccs person"')
    // The columns are texts.
    for (const row of own.rows)
      addTo(rows, row, new Map<number, PersonRow>()).set(Number(row.offset), row as PersonRow)
    for (const field of SHARED_FIELDS) {
      const others = await duck.all(sharedValuesSql(bronze, field, '"ccs person"'))
      shared.set(field, new Set(others.rows.map(({ id }) => String(id))))
    }
  })
  return { rows, shared }
}

function addTo<T>(byPlace: Map<string, T>, { topic, partition }: Row, empty: T): T {
  const place = `${topic}-${partition}`
  const found = byPlace.get(place) ?? empty
  byPlace.set(place, found)
  return found
}

/** Runs with the files of Bronze; undefined: there are none. */
export async function withBronze<T>(
  { lake, root, manifest }: BronzePlace,
  use: (duck: DuckConnection, bronze: BronzeRows) => Promise<T>,
): Promise<T | undefined> {
  const files = manifest?.files.filter(({ table }) => table.startsWith('bronze.')) ?? []
  if (manifest === undefined || files.length === 0) return undefined
  const places = await lake.locate(manifest)
  const list = files.map((file) => quoteText(places.get(file.name) ?? lake.path(file))).join(', ')
  const from = `read_parquet([${list}], hive_partitioning = false, union_by_name = true)`
  return withDuck(settings(root), async (duck) => {
    const { rows } = await duck.all(`DESCRIBE SELECT * FROM ${from}`)
    return use(duck, { from, columns: new Set(rows.map((row) => String(row.column_name))) })
  })
}

/** Files below `root` that have one of the ids: Parquet in a column, others in their bytes. */
export async function findTraces(
  files: Files,
  root: string,
  ids: readonly string[],
): Promise<readonly string[]> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true })
  const paths = entries.filter((one) => one.isFile()).map((one) => join(one.parentPath, one.name))
  const matchers = ids.map(createIdMatcher)
  const matches = (bytes: Buffer) => matchers.some((one) => one(bytes))
  return withDuck(settings(root), async (duck) => {
    const traces: string[] = []
    for (const path of paths.sort()) {
      const hasId = path.endsWith('.parquet')
        ? await hasParquetText(duck, path, ids)
        : await hasBytes(files, path, matches)
      if (hasId) traces.push(path)
    }
    return traces
  })
}

async function hasParquetText(
  duck: DuckConnection,
  path: string,
  ids: readonly string[],
): Promise<boolean> {
  const from = `read_parquet([${quoteText(path)}], hive_partitioning = false)`
  const { rows: columns } = await duck.all(`DESCRIBE SELECT * FROM ${from}`)
  const texts = columns.map(
    ({ column_name: name }) => `CAST(${quoteName(String(name))} AS VARCHAR)`,
  )
  const isWhole = `list_has_any([${texts.join(', ')}], [${ids.map(quoteText).join(', ')}])`
  const { rows } = await duck.all(`SELECT count(*) AS n FROM ${from} WHERE ${isWhole}`)
  return Number(rows[0]?.n ?? 0) > 0
}

/** Pieces overlap, so that an id on the border of two is found. */
async function hasBytes(
  files: Files,
  path: string,
  matches: (bytes: Buffer) => boolean,
): Promise<boolean> {
  try {
    const { bytes: to } = await files.stat(path)
    let before = Buffer.alloc(0)
    for await (const piece of readRange(files, path, { from: 0, to })) {
      const bytes = Buffer.concat([before, piece])
      if (matches(bytes)) return true
      before = bytes.subarray(-OVERLAP_BYTES)
    }
    return false
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return false
    throw error
  }
}

const OVERLAP_BYTES = 4096

function settings(root: string) {
  return { memoryLimitBytes: MEMORY_BYTES, tempDirectory: `${root}/spill` }
}
