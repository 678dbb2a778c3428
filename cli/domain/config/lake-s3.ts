/** How the lake is given to others: `lake` of ccs.yml. */
import { readUrl, type ValueReader } from '../documents/value-readers.ts'

/** Formats in which the lake is published. */
export const OPEN_FORMATS = ['ducklake', 'iceberg'] as const
/** One of them. */
export type OpenFormat = (typeof OPEN_FORMATS)[number]

/** Where the copy is. Credentials and roles come from the environment, never from ccs.yml. */
export interface S3Place {
  readonly bucket: string
  /** Before each key: '' or a path that ends with `/`. */
  readonly prefix: string
  /** Of another server than that of AWS, or as AWS_ENDPOINT_URL says; '' for neither. */
  readonly endpoint: string
  /** '': as AWS_REGION says, else us-east-1. */
  readonly region: string
}

/** `lake` of ccs.yml. */
export interface LakeSettings {
  /** How long a file stays on S3 that no commit names any more, and an older snapshot, ms. */
  readonly keepMs: number
  /** null: there is no copy on S3. */
  readonly s3: S3Place | null
  /** Formats in which each commit is published. */
  readonly publish: readonly OpenFormat[]
}

/** A list of formats; it may be empty. */
export function readFormats(value: unknown): ReturnType<ValueReader<readonly OpenFormat[]>> {
  const isFormat = (one: unknown): one is OpenFormat => OPEN_FORMATS.some((name) => name === one)
  return Array.isArray(value) && value.every(isFormat)
    ? { value: OPEN_FORMATS.filter((name) => value.includes(name)) }
    : { wrong: `must be a list of formats: [${OPEN_FORMATS.join(', ')}].` }
}

/** The name of a bucket as AWS allows it; '' for none, as `${S3_BUCKET:-}` may give. */
export function readBucket(value: unknown): ReturnType<ValueReader<string>> {
  return typeof value === 'string' && /^$|^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(value)
    ? { value }
    : { wrong: 'must be the name of a bucket: 3 to 63 lower-case letters, digits, "." and "-".' }
}

/** A path such as `shop/live`; it may be empty. */
export function readPrefix(value: unknown): ReturnType<ValueReader<string>> {
  const steps = typeof value === 'string' ? value.split('/').filter((one) => one !== '') : undefined
  if (!steps?.every((one) => /^[\w.=-]{1,100}$/.test(one) && !/^\.+$/.test(one)))
    return { wrong: 'must be a path of letters, digits, ".", "-", "_" and "=", such as shop/live.' }
  return { value: steps.map((one) => `${one}/`).join('') }
}

/** The address of a server; '' for that of AWS. */
export function readEndpoint(value: unknown): ReturnType<ValueReader<string>> {
  return value === '' ? { value } : readUrl(value)
}

/** The region of a bucket, or ''. */
export function readRegion(value: unknown): ReturnType<ValueReader<string>> {
  return typeof value === 'string' && /^[a-z0-9-]{0,40}$/.test(value)
    ? { value }
    : { wrong: 'must be a region such as eu-central-1.' }
}

/** `s3://bucket/prefix`, for messages. */
export function formatPlace({ bucket, prefix }: S3Place): string {
  return `s3://${bucket}/${prefix}`.replace(/\/$/, '')
}
