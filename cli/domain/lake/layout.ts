/**
 * Paths in a data directory, with `/`:
 *
 *   manifest.json   the committed truth   state/   what the engine resumes from, a folder a commit
 *   log/            the event log         stage/   files of a commit that no manifest names yet
 *   lake -> lake-<generation>/tree        lake-<generation>/parts/   what the tree's links point to
 *   locks/          who runs here         published.ndjson   Gold rows that topics may hold
 *   checked.json    which files of the lake were found intact, and when
 *   scrub.json      how far the slow check of all files is
 *   s3.json         how far the lake's copy on S3 is
 *   history/        who asked what        access-token   who has it may ask the engine
 */

/** Absolute or relative paths, as `root` is. */
export interface DataLayout {
  readonly root: string
  readonly manifest: string
  readonly log: string
  readonly state: string
  readonly stage: string
  /** A link that follows the generation. Readers glob `<lake>/silver/events/*` + `/*.parquet`. */
  readonly lake: string
  readonly locks: string
  readonly publishedJournal: string
  readonly checkMarks: string
  readonly scrub: string
  /** How far the copy on S3 is, and by which id it knows this directory. */
  readonly s3: string
  /** Keyed hashes of persons who were erased. */
  readonly erased: string
  /** Keys of pseudonyms, unless ccs.yml names another file. */
  readonly piiKeys: string
}

/** The layout of the data directory `root`. */
export function dataLayout(root: string): DataLayout {
  return {
    root,
    manifest: `${root}/manifest.json`,
    log: `${root}/log`,
    state: `${root}/state`,
    stage: `${root}/stage`,
    lake: `${root}/lake`,
    locks: `${root}/locks`,
    publishedJournal: `${root}/published.ndjson`,
    checkMarks: `${root}/checked.json`,
    scrub: `${root}/scrub.json`,
    s3: `${root}/s3.json`,
    erased: `${root}/erased.json`,
    piiKeys: `${root}/pii-keys.json`,
  }
}

/** Files beside the manifest that can't be made again: backups have them too. */
export function listNotes(root: string): readonly string[] {
  const { publishedJournal, erased } = dataLayout(root)
  return [publishedJournal, erased]
}

/** `lake-3`: the directory of a generation, below the data directory. */
export function generationName(generation: number): string {
  return `lake-${generation}`
}

/** The generation of a directory called `lake-<n>`; undefined for any other name. */
export function parseGenerationName(name: string): number | undefined {
  const match = /^lake-(0|[1-9]\d{0,14})$/.exec(name)
  return match ? Number(match[1]) : undefined
}

/**
 * Path of a table's partition in the tree: `silver/events/event_date=2026-11-22`, or
 * `silver/events` for a table without partitions.
 */
export function leafPath(table: string, partition: string): string {
  const folder = table.replace('.', '/')
  return partition === '' ? folder : `${folder}/${partition}`
}

/** Path of a file in the tree; also below `files` of an open lake, and its key on S3. */
export function treePath(file: {
  readonly table: string
  readonly partition: string
  readonly name: string
}): string {
  return `${leafPath(file.table, file.partition)}/${file.name}`
}

/** Path below `parts` of a partition's file versions: `silver.events/event_date=2026-11-22`. */
export function partPath(table: string, partition: string): string {
  return `${table}/${partition === '' ? 'all' : partition}`
}

/** The partition of the last folder of `partPath`. */
export function parsePartName(partName: string): string {
  return partName === 'all' ? '' : partName
}

/**
 * Final name of the `index`-th file of a commit. The checksum keeps it unique although a rebuild
 * numbers its commits from 1 again.
 */
export function lakeFileName(commit: string, index: number, crc32: number): string {
  const sum = crc32.toString(16).padStart(8, '0')
  return `${commit}-${String(index).padStart(4, '0')}-${sum}.parquet`
}

/** Serial of the commit that wrote a file; for a compacted one, of the commit before it. */
export function commitSerial({ name }: { readonly name: string }): number {
  // Any other name counts as the newest.
  return Number(/^(?:c|compact-)(\d+)-/.exec(name)?.[1] ?? Number.MAX_SAFE_INTEGER)
}

/** The CRC-32 in the name of a lake file; undefined for any other name. */
export function parseFileCrc(name: string): number | undefined {
  const match = /-([0-9a-f]{8})\.parquet$/.exec(name)
  return match ? Number.parseInt(match[1] ?? '', 16) : undefined
}

/** `silver.events`: two names that are safe in a path and in SQL. */
export function isTableName(text: string): boolean {
  return /^[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*$/i.test(text)
}

/** '' or one Hive partition, `column=value`, that is safe as a folder name. */
export function isPartitionName(text: string): boolean {
  return text === '' || /^[a-z_][a-z0-9_]*=[^/\\\0]{1,200}$/i.test(text)
}

/** A file or folder name that can't leave its directory. */
export function isPlainName(text: string): boolean {
  return /^[a-z0-9_][a-z0-9_.=-]{0,250}$/i.test(text)
}

/** A relative path of plain names. */
export function isPathBelow(text: string): boolean {
  return text.split('/').every(isPlainName)
}
