/** What the copy of a commit consists of, what of it is missing, and what may be removed. */
import { commitSerial } from '../layout.ts'
import type { LakeFile, Manifest } from '../manifest.ts'
import {
  type CopiedFile,
  type CopyManifest,
  copyKey,
  isCopyKey,
  type ReplacedFile,
} from './copy-manifest.ts'

/** The table whose files are made for the copy: clicks in the columns of a retail warehouse. */
export const CLICKS_TABLE = 'bronze.clicks'

const BRONZE_TABLE = 'bronze.events'

/** A file that the copy of a commit needs. */
export interface WantedFile {
  readonly file: LakeFile
  /** It is made of `file`, which is one of Bronze; otherwise it is `file`. */
  readonly isClicks: boolean
}

/** Files of a commit in the order in which they go up: the oldest first. */
export function listWanted({ files }: Manifest): readonly WantedFile[] {
  const inLine = [...files].sort((one, other) => commitSerial(one) - commitSerial(other))
  return inLine.flatMap((file) => {
    const whole = { file, isClicks: false }
    const hasClicks = file.table === BRONZE_TABLE && readDay(file.partition) !== undefined
    return hasClicks ? [whole, { file, isClicks: true }] : [whole]
  })
}

/** The entry of a file as it is. */
export function toCopied(file: LakeFile): CopiedFile {
  const { table, partition, rows, bytes, crc32 } = file
  return { table, partition, key: copyKey(file), rows, bytes, crc32 }
}

/** The entry of clicks that were made of a file of Bronze. */
export function toClicks(
  { partition, name }: LakeFile,
  made: Pick<CopiedFile, 'rows' | 'bytes' | 'crc32'>,
): CopiedFile {
  const dt = `dt=${readDay(partition) ?? ''}`
  const sum = made.crc32.toString(16).padStart(8, '0')
  const key = `bronze/clicks/${dt}/${name.replace(/-[0-9a-f]{8}\.parquet$/, '')}-${sum}.parquet`
  const { rows, bytes, crc32 } = made
  return { table: CLICKS_TABLE, partition: dt, key, rows, bytes, crc32, from: name }
}

function readDay(partition: string): string | undefined {
  return /^event_date=(\d{4}-\d{2}-\d{2})$/.exec(partition)?.[1]
}

/** What the next manifest says of files that it no longer names. */
export function listReplaced(
  before: CopyManifest | undefined,
  files: readonly CopiedFile[],
  more: {
    readonly nowMs: number
    /** Keys that are in the bucket, as far as they were listed. */
    readonly listed: Iterable<string>
    readonly removed: ReadonlySet<string>
  },
): readonly ReplacedFile[] {
  const { nowMs, listed, removed } = more
  const named = new Set(files.map(({ key }) => key))
  const waiting = (before?.replaced ?? []).filter(({ key }) => !named.has(key) && !removed.has(key))
  const known = new Set([...named, ...waiting.map(({ key }) => key)])
  const found: ReplacedFile[] = [...waiting]
  const add = (key: string, generation: number) => {
    if (known.has(key) || removed.has(key)) return
    known.add(key)
    found.push({ key, sinceMs: nowMs, generation })
  }
  for (const { key } of before?.files ?? []) add(key, before?.generation ?? 0)
  for (const key of listed) if (isCopyKey(key)) add(key, 0)
  return found
}

/** Files whose time has come: the visible manifest has not named them for `keepMs`. */
export function listDue(
  visible: CopyManifest | undefined,
  { nowMs, keepMs }: { readonly nowMs: number; readonly keepMs: number },
): readonly string[] {
  const named = new Set(visible?.files.map(({ key }) => key))
  return (visible?.replaced ?? [])
    .filter(({ key, sinceMs }) => nowMs - sinceMs >= keepMs && !named.has(key))
    .map(({ key }) => key)
}
