/** Backups in an S3 bucket. */
import type { BackupStore } from '../../domain/backup/backup-store.ts'
import { CcsError } from '../../domain/kernel/errors.ts'
import { describeFailure, openBucket } from './client.ts'

/** `address` is `s3://bucket` or `s3://bucket/prefix`. CCS_USAGE_INVALID for another one. */
export function openS3BackupStore(address: string, env: NodeJS.ProcessEnv): BackupStore {
  const [, name = '', rest = ''] = /^s3:\/\/([a-z0-9.-]{3,63})(?:\/(.*))?$/.exec(address) ?? []
  if (name === '')
    throw new CcsError('CCS_USAGE_INVALID', `${address} is not an address in S3.`, {
      hint: 'Write it as s3://bucket/prefix.',
    })
  const prefix = rest === '' || rest.endsWith('/') ? rest : `${rest}/`
  const bucket = openBucket({ bucket: name, prefix }, env)
  const ask = <T>(key: string, run: () => Promise<T>) => translate(`${address}: ${key}`, run)
  return {
    address,
    list: (below) => ask(below, () => bucket.list(below)),
    read: async function* (key) {
      yield* (await ask(key, () => bucket.read(key))).body
    },
    write: async (key, bytes, pieces) => {
      await ask(key, () => bucket.write(key, { bytes, pieces: pieces() }))
    },
    remove: (key) => ask(key, () => bucket.remove(key)),
  }
}

async function translate<T>(what: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run()
  } catch (cause) {
    if (cause instanceof CcsError || !(cause instanceof Error)) throw cause
    if (cause.name === 'NoSuchKey')
      throw new CcsError('CCS_BACKUP_INVALID', `The backup lacks ${what}.`, { cause })
    throw new CcsError('CCS_BACKUP_UNREACHABLE', `${what}: ${describeFailure(cause)}.`, {
      cause,
      hint:
        'Check the bucket, and AWS_REGION, AWS_ENDPOINT_URL and the credentials of AWS in the ' +
        'environment.',
    })
  }
}
