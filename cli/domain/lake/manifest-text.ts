/**
 * The manifest as bytes: three lines of JSON, with a SHA-256 over the third, so that a flipped bit,
 * a cut or an edit by hand is noticed before anything relies on it.
 */
import { createHash } from 'node:crypto'
import { CcsError, EXIT } from '../kernel/errors.ts'
import { isPartitionName, isPathBelow, isPlainName, isTableName } from './layout.ts'
import {
  type Counts,
  type DedupedDay,
  type DeployedModel,
  findFormat,
  type LakeFile,
  type LogGap,
  type LogMarks,
  type LogSource,
  MANIFEST_FORMAT,
  type Manifest,
  type ManifestFormat,
  type PartitionPosition,
  type Pruned,
  type StateFile,
} from './manifest.ts'

const TAIL = '\n}\n'

/** Throws CCS_MANIFEST_INVALID for a manifest that `parseManifest` would not accept. */
export function renderManifest(manifest: Manifest): Buffer {
  const format = findFormat(manifest)
  const body = JSON.stringify(readManifest({ ...manifest, format }, 'The new manifest'))
  return Buffer.from(`${head(format, sha256(body))}${body}${TAIL}`)
}

/**
 * Throws CCS_MANIFEST_INVALID for bytes that are damaged, of a newer format, or not a manifest;
 * `source` is the file's path for the message.
 */
export function parseManifest(bytes: Buffer, source: string): Manifest {
  const start = /^\{\n"format": (\d{1,9}),\n/.exec(bytes.subarray(0, 64).toString('latin1'))
  if (!start) throw invalid(source, 'is not a manifest of ccs')
  const format = Number(start[1])
  if (format > MANIFEST_FORMAT) {
    const what = `has format ${format}; this ccs knows formats up to ${MANIFEST_FORMAT}`
    throw new CcsError('CCS_MANIFEST_INVALID', `${source} ${what}.`, {
      exit: EXIT.usage,
      hint: 'Run the newer ccs that wrote it, or point --data at another directory.',
    })
  }
  const headBytes = Buffer.byteLength(head(format, sha256('')))
  const body = bytes.subarray(headBytes, bytes.length - TAIL.length)
  const intact =
    bytes.subarray(0, headBytes).equals(Buffer.from(head(format, sha256(body)))) &&
    bytes.subarray(bytes.length - TAIL.length).equals(Buffer.from(TAIL))
  const manifest = intact ? readManifest(parseJson(body, source), source) : undefined
  if (manifest?.format === format) return manifest
  throw invalid(source, 'is damaged: its checksum does not match')
}

function head(format: number, sha: string): string {
  return `{\n"format": ${format},\n"sha256": "${sha}",\n"manifest": `
}

function sha256(body: string | Buffer): string {
  return createHash('sha256').update(body).digest('hex')
}

function parseJson(body: Buffer, source: string): unknown {
  try {
    return JSON.parse(body.toString('utf8'))
  } catch (cause) {
    throw invalid(source, 'is damaged: it is not JSON', cause)
  }
}

function invalid(source: string, what: string, cause?: unknown): CcsError {
  return new CcsError('CCS_MANIFEST_INVALID', `${source} ${what}.`, {
    exit: EXIT.checkFailed,
    hint:
      'Restore it from a backup. If each folder in log/ still has its first segment (a name of ' +
      'zeros), rebuild: delete everything there except log/, then: ccs run --once',
    cause,
  })
}

/** Reads one value, or throws with the path of the wrong one. */
type Read<T> = (value: unknown, at: string) => T

class FieldError extends Error {}

function check<T>(is: (value: unknown) => value is T, wanted: string): Read<T> {
  return (value, at) => {
    if (is(value)) return value
    throw new FieldError(`${at} should be ${wanted}`)
  }
}

const isCount = (v: unknown): v is number => Number.isSafeInteger(v) && Number(v) >= 0
const isText = (v: unknown): v is string => typeof v === 'string'

const count = check(isCount, 'a whole number from 0 on')
const whole = check((v): v is number => Number.isSafeInteger(v), 'a whole number')
const text = check(isText, 'text')
const crc = check((v): v is number => isCount(v) && v <= 0xffffffff, 'an unsigned 32-bit number')
const timeOrNull = check(
  (v): v is number | null => v === null || Number.isSafeInteger(v),
  'milliseconds or null',
)
const textLike = (is: (v: string) => boolean, wanted: string): Read<string> =>
  check((v): v is string => isText(v) && is(v), wanted)

function list<T>(item: Read<T>): Read<T[]> {
  return (value, at) => {
    if (!Array.isArray(value)) throw new FieldError(`${at} should be a list`)
    return value.map((one, index) => item(one, `${at}[${index}]`))
  }
}

function fields<T extends object>(reads: { readonly [K in keyof T]-?: Read<T[K]> }): Read<T> {
  return (value, at) => {
    if (typeof value !== 'object' || value === null)
      throw new FieldError(`${at} should be an object`)
    const given = new Map<string, unknown>(Object.entries(value))
    const entries = Object.entries<Read<unknown>>(reads).map(([name, read]): [string, unknown] => [
      name,
      read(given.get(name), `${at}.${name}`),
    ])
    // Each field of T has been read by its reader; absent optional fields are left out.
    return Object.fromEntries(entries.filter(([, one]) => one !== undefined)) as T
  }
}

const position: Read<PartitionPosition> = (value, at) => ({
  ...fields<Omit<PartitionPosition, 'hasEnded'>>({
    topic: textLike(isPlainName, 'a topic'),
    partition: count,
    nextOffset: count,
    maxEventMs: timeOrNull,
  })(value, at),
  ...(Object(value).hasEnded === true ? { hasEnded: true } : {}),
})

/** An older ccs set no record aside. */
const setAside: Read<number> = (value, at) => (value === undefined ? 0 : count(value, at))

const counts = fields<Counts>({
  records: count,
  bronze: count,
  duplicates: count,
  dlq: count,
  setAside,
  late: count,
})

const lakeFile = fields<LakeFile>({
  table: textLike(isTableName, 'a table such as silver.events'),
  partition: textLike(isPartitionName, 'a partition such as event_date=2026-11-22'),
  name: textLike((v) => isPlainName(v) && v.endsWith('.parquet'), 'the name of a Parquet file'),
  rows: count,
  bytes: count,
  crc32: crc,
})

const readStateKind = check(
  (v): v is StateFile['kind'] => v === 'gold' || v === 'seen' || v === 'orders',
  'gold, seen or orders',
)

const stateFile: Read<StateFile> = (value, at) => {
  const file = fields<Omit<StateFile, 'hour' | 'closedMs'>>({
    path: textLike(isPathBelow, 'a path below the state directory'),
    kind: readStateKind,
    model: text,
    rows: count,
    bytes: count,
    crc32: crc,
  })(value, at)
  const { hour, closedMs } = Object(value)
  return {
    ...file,
    ...(hour === undefined ? {} : { hour: whole(hour, `${at}.hour`) }),
    ...(closedMs === undefined ? {} : { closedMs: whole(closedMs, `${at}.closedMs`) }),
  }
}

const dedupedDay = fields<DedupedDay>({ day: whole, hour: count })

const model = fields<DeployedModel>({ name: text, fingerprint: text, text })

const source = fields<LogSource>({
  topic: textLike(isPlainName, 'a topic'),
  partition: count,
  id: text,
  shift: whole,
  since: count,
})

const GAPS = ['expired', 'recreated', 'truncated', 'given up'] as const

const gap = fields<LogGap>({
  topic: textLike(isPlainName, 'a topic'),
  partition: count,
  from: count,
  to: count,
  why: check((v): v is LogGap['why'] => GAPS.some((one) => one === v), `one of ${GAPS.join(', ')}`),
  seenMs: count,
})

const pruned = fields<Pruned>({
  records: list(
    fields<Pruned['records'][number]>({
      topic: textLike(isPlainName, 'a topic'),
      partition: count,
      from: count,
      to: count,
    }),
  ),
  rejects: count,
})

type Optional = 'epoch' | 'sources' | 'gaps' | keyof LogMarks | 'dedupedDays'

const wholeManifest = fields<Omit<Manifest, Optional>>({
  format: check((v): v is ManifestFormat => v === 1 || v === MANIFEST_FORMAT, 'a known format'),
  serial: count,
  generation: count,
  committedMs: count,
  positions: list(position),
  dlqEnd: count,
  counts,
  files: list(lakeFile),
  state: list(stateFile),
  models: list(model),
  schemas: list(
    fields<{ subject: string; fingerprint: string }>({ subject: text, fingerprint: text }),
  ),
})

const manifest: Read<Manifest> = (value, at) => {
  const { epoch, sources, gaps, pruned: removed, dedupedDays: days } = Object(value)
  const { compressedLog, hasErased } = Object(value)
  return {
    ...wholeManifest(value, at),
    ...(epoch === undefined ? {} : { epoch: count(epoch, `${at}.epoch`) }),
    ...(days === undefined ? {} : { dedupedDays: list(dedupedDay)(days, `${at}.dedupedDays`) }),
    ...(sources === undefined ? {} : { sources: list(source)(sources, `${at}.sources`) }),
    ...(gaps === undefined ? {} : { gaps: list(gap)(gaps, `${at}.gaps`) }),
    ...(removed === undefined ? {} : { pruned: pruned(removed, `${at}.pruned`) }),
    ...(compressedLog === true ? { compressedLog } : {}),
    ...(hasErased === true ? { hasErased } : {}),
  }
}

function readManifest(value: unknown, source: string): Manifest {
  try {
    const read = manifest(value, 'manifest')
    const names = new Set(read.files.map((file) => file.name))
    if (names.size < read.files.length) throw new FieldError('manifest.files names a file twice')
    return read
  } catch (cause) {
    if (cause instanceof FieldError) throw invalid(source, `is wrong: ${cause.message}`, cause)
    throw cause
  }
}
