/** A person's rows in Bronze, and traces of an id in the files of a data directory. */
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { PersonEvents } from '../../domain/erase/erase-person.ts'
import type { Person } from '../../domain/erase/erased-ids.ts'
import { createIdMatcher } from '../../domain/erase/match-bytes.ts'
import { ownVisitorsSql, personEventsSql } from '../../domain/erase/person-sql.ts'
import { quoteName, quoteText } from '../../domain/kernel/sql-text.ts'
import type { Manifest } from '../../domain/lake/manifest.ts'
import type { DuckConnection } from '../duckdb/duckdb.ts'
import { withDuck } from '../duckdb/with-duck.ts'
import { readRange } from '../files/file-pieces.ts'
import { type Files, isErrno } from '../files/files.ts'
import type { Store } from './data-store.ts'

const MEMORY_BYTES = 256 * 1024 * 1024

/** The person's events in the last commit, and the visitors that were nobody else. */
export async function findPersonEvents(
  { lake, root }: Pick<Store, 'lake' | 'root'>,
  manifest: Manifest | undefined,
  person: Person,
): Promise<PersonEvents> {
  const offsets = new Map<string, Set<number>>()
  const files = manifest?.files.filter(({ table }) => table.startsWith('bronze.')) ?? []
  if (manifest === undefined || files.length === 0) return { offsets, visitors: [] }
  const places = await lake.locate(manifest)
  const paths = files.map((file) => places.get(file.name) ?? lake.path(file))
  const list = paths.map(quoteText).join(', ')
  const bronze = `read_parquet([${list}], hive_partitioning = false, union_by_name = true)`
  return withDuck(settings(root), async (duck) => {
    const { rows } = await duck.all(personEventsSql(person, bronze))
    for (const { topic, partition, offset } of rows) {
      const place = `${topic}-${partition}`
      offsets.set(place, (offsets.get(place) ?? new Set()).add(Number(offset)))
    }
    if (person.kind === 'visitor') return { offsets, visitors: [] }
    const visitors = await duck.all(ownVisitorsSql(person.id, bronze))
    return { offsets, visitors: visitors.rows.map(({ id }) => String(id)) }
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
