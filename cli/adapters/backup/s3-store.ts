/**
 * Backups in an S3 bucket. The one file that imports the AWS SDK, which finds region, credentials
 * and endpoint as every tool of AWS does (AWS_REGION, AWS_PROFILE, AWS_ENDPOINT_URL and others).
 */
import { Readable } from 'node:stream'
import {
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3'
import type { BackupStore, StoredObject } from '../../domain/backup/backup-store.ts'
import { CcsError } from '../../domain/kernel/errors.ts'

/** `address` is `s3://bucket` or `s3://bucket/prefix`. CCS_USAGE_INVALID for another one. */
export function openS3Store(address: string, env: NodeJS.ProcessEnv): BackupStore {
  const [, bucket = '', rest = ''] = /^s3:\/\/([a-z0-9.-]{3,63})(?:\/(.*))?$/.exec(address) ?? []
  if (bucket === '')
    throw new CcsError('CCS_USAGE_INVALID', `${address} is not an address in S3.`, {
      hint: 'Write it as s3://bucket/prefix.',
    })
  const prefix = rest === '' || rest.endsWith('/') ? rest : `${rest}/`
  // A user can't change for which versions of Node the SDK will be published.
  env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true'
  const client = new S3Client({
    // Servers other than that of AWS know buckets by the path, and not the newer checksums.
    forcePathStyle: (env.AWS_ENDPOINT_URL_S3 ?? env.AWS_ENDPOINT_URL) !== undefined,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    ...(env.AWS_REGION === undefined ? { region: env.AWS_DEFAULT_REGION ?? 'us-east-1' } : {}),
  })
  const place = { Bucket: bucket }
  const ask = <T>(key: string, run: () => Promise<T>) => translate(`${address}: ${key}`, run)
  return {
    address,
    list: (below) =>
      ask(below, async () => {
        const found: StoredObject[] = []
        for (let token: string | undefined; ; ) {
          const Prefix = `${prefix}${below}`
          const next = { ...place, Prefix, ...(token ? { ContinuationToken: token } : {}) }
          const page = await client.send(new ListObjectsV2Command(next))
          for (const { Key = '', Size = 0, LastModified } of page.Contents ?? [])
            found.push({
              ...{ key: Key.slice(prefix.length), bytes: Size },
              modifiedMs: LastModified?.getTime() ?? 0,
            })
          token = page.NextContinuationToken
          if (!token) return found
        }
      }),
    read: async function* (key) {
      const get = new GetObjectCommand({ ...place, Key: `${prefix}${key}` })
      const { Body } = await ask(key, () => client.send(get))
      // In Node the SDK gives a stream of Node.
      for await (const piece of Body as Readable) yield piece
    },
    write: async (key, bytes, pieces) => {
      await ask(key, () => {
        const Body = Readable.from(pieces())
        const put = { ...place, Key: `${prefix}${key}`, Body, ContentLength: bytes }
        return client.send(new PutObjectCommand(put))
      })
    },
    remove: async (key) => {
      const one = new DeleteObjectCommand({ ...place, Key: `${prefix}${key}` })
      await ask(key, () => client.send(one))
    },
  }
}

async function translate<T>(what: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run()
  } catch (cause) {
    if (cause instanceof CcsError || !(cause instanceof Error)) throw cause
    if (cause.name === 'NoSuchKey')
      throw new CcsError('CCS_BACKUP_INVALID', `The backup lacks ${what}.`, { cause })
    throw new CcsError('CCS_BACKUP_UNREACHABLE', `${what}: ${describe(cause)}.`, {
      cause,
      hint:
        'Check the bucket, and AWS_REGION, AWS_ENDPOINT_URL and the credentials of AWS in the ' +
        'environment.',
    })
  }
}

/** The SDK's messages are sentences, or empty when no server answers. */
function describe(error: Error): string {
  const text = error.message.trim().replace(/\.$/, '')
  return text === '' || text === 'UnknownError' ? error.name : text
}
