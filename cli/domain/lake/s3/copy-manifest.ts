/**
 * The manifest of the lake's copy: one object that names all files of one commit, replaced by one
 * conditional write. A file that it does not name is not part of the lake, whether it is there or
 * not. docs/lake.md describes it for readers.
 */
import { CcsError } from '../../kernel/errors.ts'
import { asObject, parseJson } from '../../kernel/json.ts'
import { treePath } from '../layout.ts'
import type { LakeFile } from '../manifest.ts'

/** Its key. */
export const COPY_MANIFEST = 'manifest.json'

const FORMAT = 1

/** A file of the lake as it is in the bucket. */
export interface CopiedFile {
  /** Such as `silver.events`; `bronze.clicks` is made of Bronze for the copy. */
  readonly table: string
  /** `event_date=2026-11-22`; '' for a table without partitions. */
  readonly partition: string
  /** Relative to the prefix of the copy. */
  readonly key: string
  readonly rows: number
  readonly bytes: number
  /** CRC-32, unsigned. */
  readonly crc32: number
  /** Of `bronze.clicks`: the name of the file of Bronze that it was made of. */
  readonly from?: string
}

/** A file that no commit names any more, and that is removed later. */
export interface ReplacedFile {
  readonly key: string
  /** Since when no visible manifest names it, ms since 1970. */
  readonly sinceMs: number
  /** The generation of the lake that it belonged to; 0: it never became visible. */
  readonly generation: number
}

/** What is visible of the copy. */
export interface CopyManifest {
  /** Which data directory writes it. */
  readonly lake: string
  readonly serial: number
  readonly generation: number
  readonly committedMs: number
  readonly publishedMs: number
  readonly files: readonly CopiedFile[]
  readonly replaced: readonly ReplacedFile[]
}

/** The key of a file of the lake. */
export function copyKey(file: LakeFile): string {
  return treePath(file)
}

/** Below these, and only there, are files of the copy: whatever else a bucket has is not listed. */
export const COPY_FOLDERS = ['bronze/', 'gold/', 'silver/'] as const

const FOLDER = /^(?:bronze|silver|gold)\/[a-z0-9_]+(?:\/[^/]+=[^/]+)?$/i
const FILE = /^[\w.=-]+-\d{4}-[0-9a-f]{8}\.parquet$/i

/** Whether a key is that of a file that ccs may have written: others are never touched. */
export function isCopyKey(key: string): boolean {
  const at = key.lastIndexOf('/')
  return FOLDER.test(key.slice(0, at)) && FILE.test(key.slice(at + 1))
}

/** As the object's bytes. */
export function renderCopyManifest(manifest: CopyManifest): Buffer {
  const { lake, serial, generation, committedMs, publishedMs, files, replaced } = manifest
  const head = {
    ...{ format: FORMAT, lake, serial, generation },
    committed: new Date(committedMs).toISOString(),
    published: new Date(publishedMs).toISOString(),
  }
  const body = {
    files,
    replaced: replaced.map(({ key, sinceMs, generation: of }) => {
      return { key, since: new Date(sinceMs).toISOString(), generation: of }
    }),
  }
  return Buffer.from(`${JSON.stringify({ ...head, ...body })}\n`)
}

/** CCS_S3_INVALID if it is none, or of a newer format; `source` is for the message. */
export function parseCopyManifest(bytes: Buffer, source: string): CopyManifest {
  const { format, files, replaced, committed, published, ...rest } = asObject(
    parseJson(bytes.toString('utf8')),
  )
  const { lake, serial, generation } = rest
  if (Number.isSafeInteger(format) && Number(format) > FORMAT)
    throw invalid(source, `has format ${format}; this ccs knows format ${FORMAT}`)
  const isWhole =
    format === FORMAT && typeof lake === 'string' && isCount(serial) && isCount(generation)
  if (!isWhole || !Array.isArray(files) || !Array.isArray(replaced))
    throw invalid(source, 'is not a manifest of ccs')
  return {
    ...{ lake, serial, generation },
    committedMs: readTime(committed, source),
    publishedMs: readTime(published, source),
    files: files.map((one) => readFile(one, source)),
    replaced: replaced.map((one) => {
      const { key, since, generation: of } = asObject(one)
      if (typeof key !== 'string' || !isCount(of)) throw invalid(source, 'is damaged')
      return { key, sinceMs: readTime(since, source), generation: of }
    }),
  }
}

function readFile(value: unknown, source: string): CopiedFile {
  const { table, partition, key, rows, bytes, crc32, from } = asObject(value)
  const isNamed = typeof table === 'string' && typeof partition === 'string'
  const isCounted = isCount(rows) && isCount(bytes) && isCount(crc32)
  if (!isNamed || typeof key !== 'string' || !isCounted) throw invalid(source, 'is damaged')
  const made = typeof from === 'string' ? { from } : {}
  return { table, partition, key, rows, bytes, crc32, ...made }
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0
}

function readTime(value: unknown, source: string): number {
  const ms = typeof value === 'string' ? Date.parse(value) : Number.NaN
  if (Number.isNaN(ms)) throw invalid(source, 'is damaged')
  return ms
}

function invalid(source: string, what: string): CcsError {
  return new CcsError('CCS_S3_INVALID', `${source}/${COPY_MANIFEST} ${what}.`, {
    hint: 'Choose another lake.s3.prefix in ccs.yml. Nothing was changed there.',
  })
}
