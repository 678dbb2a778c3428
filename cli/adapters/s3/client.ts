/**
 * A bucket of S3 or of a server that speaks its protocol. The one file that imports the AWS SDK,
 * which finds region, credentials and endpoint as every tool of AWS does (AWS_REGION, AWS_PROFILE,
 * AWS_ENDPOINT_URL and others).
 */
import { Readable } from 'node:stream'
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3'

/** Where a bucket is. */
export interface BucketPlace {
  readonly bucket: string
  /** '' or a path that ends with `/`; keys are relative to it. */
  readonly prefix: string
  /** '': as the environment says. */
  readonly endpoint?: string
  readonly region?: string
}

/** How a bucket is asked. */
export interface BucketLimits {
  /** How often a request is made before its error is thrown; the SDK's default if absent. */
  readonly attemptsMax?: number
  /** A request without a body takes no longer, ms; with one it has as much more as that needs. */
  readonly requestMs?: number
}

/** An object of a listing. */
export interface BucketEntry {
  readonly key: string
  readonly bytes: number
  readonly modifiedMs: number
}

/** Bytes to write. */
export interface BucketBody {
  readonly bytes: number
  readonly pieces: AsyncIterable<Uint8Array>
  /** CRC-32 in base64, for the server to compare; absent: it computes none. */
  readonly crc32?: string
}

/** A condition on what is there: this tag, or nothing (null). */
export type BucketCondition = { readonly tag: string | null }

/** Errors are those of the SDK. */
export interface Bucket {
  list(prefix: string): Promise<readonly BucketEntry[]>
  inspect(key: string): Promise<{ readonly bytes: number; readonly crc32: string | undefined }>
  read(key: string): Promise<{ readonly body: AsyncIterable<Uint8Array>; readonly tag: string }>
  /** The last bytes of an object, and how many it has in all. */
  readEnd(key: string, bytes: number): Promise<{ readonly end: Buffer; readonly bytes: number }>
  /** Returns the new tag. */
  write(key: string, body: BucketBody, condition?: BucketCondition): Promise<string>
  remove(key: string): Promise<void>
}

/** The slowest line on which a large object still gets through. */
const BYTES_PER_MS_MIN = 64

const nothing = () => undefined
const SILENT = { trace: nothing, debug: nothing, info: nothing, warn: nothing, error: nothing }

/** Reads nothing yet. */
export function openBucket(
  { bucket, prefix, endpoint = '', region = '' }: BucketPlace,
  env: NodeJS.ProcessEnv,
  { attemptsMax, requestMs }: BucketLimits = {},
): Bucket {
  // A user can't change for which versions of Node the SDK will be published.
  env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true'
  const ownServer = endpoint !== '' || (env.AWS_ENDPOINT_URL_S3 ?? env.AWS_ENDPOINT_URL)
  const client = new S3Client({
    // Servers other than that of AWS know buckets by the path, and not the newer checksums.
    forcePathStyle: Boolean(ownServer),
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    ...(endpoint === '' ? {} : { endpoint }),
    ...(attemptsMax === undefined ? {} : { maxAttempts: attemptsMax }),
    ...findRegion(region, env),
    // What it says otherwise goes to the console.
    logger: SILENT,
  })
  const place = { Bucket: bucket }
  /** Runs a request that is aborted when it takes too long for what it moves. */
  const within = async <T>(
    bytes: number,
    run: (options: { readonly abortSignal: AbortSignal }, ended: AbortController) => Promise<T>,
  ): Promise<T> => {
    // No AbortSignal.timeout in an AbortSignal.any: Node 20 may collect it before it fires.
    const ended = new AbortController()
    const ms = requestMs === undefined ? undefined : requestMs + Math.ceil(bytes / BYTES_PER_MS_MIN)
    const timer = ms === undefined ? undefined : setTimeout(() => ended.abort(), ms)
    try {
      return await run({ abortSignal: ended.signal }, ended)
    } finally {
      clearTimeout(timer)
    }
  }
  return {
    list: async (below) => {
      const found: BucketEntry[] = []
      for (let token: string | undefined; ; ) {
        const Prefix = `${prefix}${below}`
        const next = { ...place, Prefix, ...(token ? { ContinuationToken: token } : {}) }
        const page = await within(0, (how) => client.send(new ListObjectsV2Command(next), how))
        for (const { Key = '', Size = 0, LastModified } of page.Contents ?? [])
          found.push({
            ...{ key: Key.slice(prefix.length), bytes: Size },
            modifiedMs: LastModified?.getTime() ?? 0,
          })
        token = page.NextContinuationToken
        if (!token) return found
      }
    },
    inspect: async (key) => {
      const one = { ...place, Key: `${prefix}${key}`, ChecksumMode: 'ENABLED' } as const
      const { ContentLength = 0, ChecksumCRC32 } = await within(0, (how) =>
        client.send(new HeadObjectCommand(one), how),
      )
      return { bytes: ContentLength, crc32: ChecksumCRC32 }
    },
    read: async (key) => {
      const get = new GetObjectCommand({ ...place, Key: `${prefix}${key}` })
      const { Body, ETag = '' } = await within(0, (how) => client.send(get, how))
      const body = Body as Readable // in Node the SDK gives a stream of Node
      return { body: requestMs === undefined ? body : readWithin(body, requestMs), tag: ETag }
    },
    readEnd: async (key, bytes) => {
      const range = { ...place, Key: `${prefix}${key}`, Range: `bytes=-${bytes}` }
      return within(bytes, async (how) => {
        const found = await client.send(new GetObjectCommand(range), how)
        const end = Buffer.from((await found.Body?.transformToByteArray()) ?? [])
        const whole = Number(found.ContentRange?.split('/')[1] ?? end.length)
        return { end, bytes: whole }
      })
    },
    write: async (key, { bytes, pieces, crc32 }, condition) => {
      const Body = Readable.from(pieces)
      const put = {
        ...{ ...place, Key: `${prefix}${key}`, ContentLength: bytes, Body },
        ...(crc32 === undefined
          ? {}
          : { ChecksumAlgorithm: 'CRC32' as const, ChecksumCRC32: crc32 }),
        ...describeCondition(condition),
      }
      let failure: Error | undefined
      try {
        return await within(bytes, async (how, ended) => {
          // Without that, a body that fails leaves the server waiting for the rest of it.
          Body.once('error', (error) => {
            failure = error
            ended.abort()
          })
          const { ETag = '' } = await client.send(new PutObjectCommand(put), how)
          return ETag
        })
      } catch (error) {
        throw failure ?? error
      } finally {
        Body.on('error', () => undefined).destroy()
      }
    },
    remove: async (key) => {
      const one = { ...place, Key: `${prefix}${key}` }
      await within(0, (how) => client.send(new DeleteObjectCommand(one), how))
    },
  }
}

/** The pieces of a body; TimeoutError when none has come for `ms`. */
async function* readWithin(body: Readable, ms: number): AsyncGenerator<Uint8Array> {
  const pieces: AsyncIterator<Uint8Array> = body[Symbol.asyncIterator]()
  try {
    for (;;) {
      let timer: NodeJS.Timeout | undefined
      const late = new Promise<never>((_, reject) => {
        timer = setTimeout(() => reject(Object.assign(new Error('silence'), TIMEOUT)), ms)
      })
      const next = await Promise.race([pieces.next(), late]).finally(() => clearTimeout(timer))
      if (next.done) return
      yield next.value
    }
  } finally {
    body.destroy()
  }
}

const TIMEOUT = { name: 'TimeoutError' }

function findRegion(region: string, env: NodeJS.ProcessEnv): { readonly region?: string } {
  if (region !== '') return { region }
  return env.AWS_REGION === undefined ? { region: env.AWS_DEFAULT_REGION ?? 'us-east-1' } : {}
}

function describeCondition(condition: BucketCondition | undefined) {
  if (condition === undefined) return {}
  return condition.tag === null ? { IfNoneMatch: '*' } : { IfMatch: condition.tag }
}

/** The SDK's messages are sentences, or empty when no server answers. */
export function describeFailure(error: Error): string {
  const text = error.message.trim().replace(/\.$/, '')
  return text === '' || text === 'UnknownError' || text === 'Unknown' ? error.name : text
}
