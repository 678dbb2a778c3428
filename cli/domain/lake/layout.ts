/**
 * Where things lie in a data directory. Pure path arithmetic with `/`, so that every part of ccs agrees:
 *
 *   manifest.json   the truth            state/   what the engine resumes from
 *   log/            the event log        stage/   files of a commit that no manifest names yet
 *   lake -> lake-<generation>/tree       lake-<generation>/parts/   the files behind the tree's links
 *   locks/          who runs here        told.ndjson   what a copy of Gold elsewhere was told
 */
export interface DataLayout {
  readonly root: string
  readonly manifest: string
  readonly log: string
  readonly state: string
  readonly stage: string
  /** What readers glob: `<lake>/silver/events/*` + `/*.parquet`. A link that follows the generation. */
  readonly lake: string
  readonly locks: string
  readonly publishedJournal: string
}

export function dataLayout(root: string): DataLayout {
  return {
    root,
    manifest: `${root}/manifest.json`,
    log: `${root}/log`,
    state: `${root}/state`,
    stage: `${root}/stage`,
    lake: `${root}/lake`,
    locks: `${root}/locks`,
    publishedJournal: `${root}/told.ndjson`,
  }
}

/** `lake-3`: the directory of one generation, below the data directory. */
export function generationName(generation: number): string {
  return `lake-${generation}`
}

/** The generation of a directory called `lake-<n>`; undefined for any other name. */
export function parseGenerationName(name: string): number | undefined {
  const match = /^lake-(0|[1-9]\d{0,14})$/.exec(name)
  return match ? Number(match[1]) : undefined
}

/**
 * Where a table's partition is found below a tree: `silver/events/event_date=2026-11-22`, or `silver/events`
 * for a table without partitions.
 */
export function leafPath(table: string, partition: string): string {
  const folder = table.replace('.', '/')
  return partition === '' ? folder : `${folder}/${partition}`
}

/** The folder below `parts` that holds the versions of a partition: `silver.events/event_date=2026-11-22`. */
export function partPath(table: string, partition: string): string {
  return `${table}/${partition === '' ? 'all' : partition}`
}

/** Undoes `partPath`'s second half. */
export function parsePartName(partName: string): string {
  return partName === 'all' ? '' : partName
}

/**
 * Final name of the `index`-th file of a commit. The checksum makes it unique in the lake even where a rebuild
 * numbers its commits from 1 again.
 */
export function lakeFileName(commit: string, index: number, crc32: number): string {
  const sum = crc32.toString(16).padStart(8, '0')
  return `${commit}-${String(index).padStart(4, '0')}-${sum}.parquet`
}

/** Serial of the commit that made a file, or of the one before the compaction that did. */
export function commitSerial({ name }: { readonly name: string }): number {
  // Of a name that tells nothing: as if it were of the newest.
  return Number(/^(?:c|compact-)(\d+)-/.exec(name)?.[1] ?? Number.MAX_SAFE_INTEGER)
}

/** The CRC-32 that a file of the lake was named after; undefined for any other name. */
export function parseFileCrc(name: string): number | undefined {
  const match = /-([0-9a-f]{8})\.parquet$/.exec(name)
  return match ? Number.parseInt(match[1] ?? '', 16) : undefined
}

/** `silver.events`: two names that are safe in a path and in SQL. */
export function isTableName(text: string): boolean {
  return /^[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*$/i.test(text)
}

/** '' or one Hive partition, `column=value`, that is safe as a folder's name. */
export function isPartitionName(text: string): boolean {
  return text === '' || /^[a-z_][a-z0-9_]*=[^/\\\0]{1,200}$/i.test(text)
}

/** A single file or folder name without tricks. */
export function isPlainName(text: string): boolean {
  return /^[a-z0-9_][a-z0-9_.=-]{0,250}$/i.test(text)
}

/** A path of plain names below some directory. */
export function isPathBelow(text: string): boolean {
  return text.split('/').every(isPlainName)
}
