/** The lake's copy in a bucket: errors become sentences, and no key or token is in them. */
import { crc32 } from 'node:zlib'
import { formatPlace, type S3Place } from '../../domain/config/lake-s3.ts'
import { CcsError } from '../../domain/kernel/errors.ts'
import { redactAddress, redactText } from '../../domain/kernel/redact.ts'
import { type ObjectBody, type ObjectStore, wholeBody } from '../../domain/lake/s3/object-store.ts'
import { type Bucket, describeFailure, openBucket } from './client.ts'

/** How long a request without a body may take. */
const REQUEST_MS = 30_000

/** Each call makes one request, which takes `requestMs` at most. */
export function openLakeStore(
  place: S3Place,
  env: NodeJS.ProcessEnv,
  requestMs = REQUEST_MS,
): ObjectStore {
  const address = formatPlace(place)
  const bucket = openBucket(place, env, { attemptsMax: 1, requestMs })
  const ask = async <T>(run: (bucket: Bucket) => Promise<T>): Promise<T> => {
    try {
      return await run(bucket)
    } catch (error) {
      throw translate(error, place, env)
    }
  }
  const unlessNamed = async <T>(name: string, run: (bucket: Bucket) => Promise<T>) => {
    try {
      return await ask(run)
    } catch (error) {
      if (error instanceof CcsError && Object(error.cause).name === name) return undefined
      throw error
    }
  }
  /** Each answer of S3 to a read or a write of an object has the object's tag. */
  const requireTag = (tag: string) => {
    if (tag === '') throw noServerError('CCS_S3_REFUSED', place, env)
    return tag
  }
  const read = async function* (key: string): AsyncGenerator<Uint8Array> {
    const { body } = await ask((one) => one.read(key))
    const pieces = body[Symbol.asyncIterator]()
    for (;;) {
      const next = await ask(() => pieces.next())
      if (next.done) return
      yield next.value
    }
  }
  return {
    address,
    list: (prefix) => ask((one) => one.list(prefix)),
    inspect: async (key) => {
      const found = await unlessNamed('NotFound', (one) => one.inspect(key))
      return found && { bytes: found.bytes, crc32: decodeCrc(found.crc32) }
    },
    load: (key) =>
      unlessNamed('NoSuchKey', async (one) => {
        const { body, tag } = await one.read(key)
        requireTag(tag)
        const pieces: Uint8Array[] = []
        for await (const piece of body) pieces.push(piece)
        return { body: Buffer.concat(pieces), tag }
      }),
    read,
    readEnd: (key, bytes) => unlessNamed('NoSuchKey', (one) => one.readEnd(key, bytes)),
    write: async (key, body) => {
      requireTag(await ask((one) => one.write(key, withChecksum(key, body))))
    },
    replace: async (key, body, tag) => {
      const whole = wholeBody(body, crc32(body))
      const next = await unlessNamed('PreconditionFailed', (one) =>
        one.write(key, withChecksum(key, whole), { tag }),
      )
      return next === undefined ? undefined : requireTag(next)
    },
    remove: (key) => ask((one) => one.remove(key)),
  }
}

function withChecksum(key: string, body: ObjectBody) {
  const { bytes, crc32: sum } = body
  return { bytes, crc32: encodeCrc(sum), pieces: requireSum(key, body) }
}

/** The last piece goes only if all are as they should be: otherwise the object never gets whole. */
async function* requireSum(key: string, body: ObjectBody): AsyncGenerator<Uint8Array> {
  let sum = 0
  let bytes = 0
  let last: Uint8Array | undefined
  for await (const piece of body.pieces()) {
    if (last) yield last
    last = piece
    sum = crc32(piece, sum)
    bytes += piece.length
  }
  if (sum !== body.crc32 || bytes !== body.bytes)
    throw new CcsError('CCS_LAKE_DAMAGED', `${key} has other bytes than were written.`, {
      hint: 'It was not uploaded. See: ccs lake verify',
    })
  if (last) yield last
}

/** S3 has a CRC-32 as its four bytes, the highest first, in base64. */
function encodeCrc(sum: number): string {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(sum)
  return bytes.toString('base64')
}

function decodeCrc(text: string | undefined): number | null {
  const bytes = Buffer.from(text ?? '', 'base64')
  return bytes.length === 4 ? bytes.readUInt32BE() : null
}

const CREDENTIALS = [
  ...['ExpiredToken', 'ExpiredTokenException', 'TokenRefreshRequired', 'InvalidToken'],
  ...['InvalidAccessKeyId', 'SignatureDoesNotMatch', 'InvalidClientTokenId', 'UnrecognizedClient'],
  ...['CredentialsProviderError', 'TokenProviderError', 'RequestTimeTooSkewed'],
]

function translate(error: unknown, place: S3Place, env: NodeJS.ProcessEnv): unknown {
  if (!(error instanceof Error)) return error
  // What a body's generator throws comes back through the SDK.
  for (let at: unknown = error; at instanceof Error; at = at.cause)
    if (at instanceof CcsError) return at
  const { httpStatusCode: status } = Object(Object(error).$metadata)
  const text = hideSecrets(describeFailure(error), env)
  const address = formatPlace(place)
  const refuse = (what: string, hint: string) =>
    new CcsError('CCS_S3_REFUSED', `${address}: ${what}`, { hint, cause: error })
  if (CREDENTIALS.includes(error.name)) {
    const expired = /expired/i.test(`${error.name} ${text}`)
    return refuse(
      expired
        ? 'the credentials of AWS have expired.'
        : `the credentials of AWS are refused or missing: ${text}.`,
      'Renew AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, or the role of ' +
        'AWS_PROFILE; then start ccs again. What waits goes up then.',
    )
  }
  if (error.name === 'NoSuchBucket')
    return refuse(
      `there is no bucket called ${place.bucket}.`,
      'Create it, or correct lake.s3.bucket in ccs.yml.',
    )
  if (status === 301 || error.name === 'AuthorizationHeaderMalformed')
    return refuse(
      'the bucket is in another region.',
      'Set lake.s3.region in ccs.yml, or AWS_REGION, to the region of the bucket.',
    )
  if (status === 401 || status === 403)
    return refuse(
      `these credentials may not do that: ${text}.`,
      'They need s3:ListBucket, s3:GetObject, s3:PutObject and s3:DeleteObject: docs/lake.md.',
    )
  if (status === 501)
    return refuse(
      `the server can't do what ccs needs: ${text}.`,
      'It must know conditional writes (If-Match), as S3 does.',
    )
  // An answer that can't be read may have been cut: then the next one can.
  if (status === 200) return noServerError('CCS_S3_UNREACHABLE', place, env, error)
  if (status === 404 && error.name === 'NotFound')
    return noServerError('CCS_S3_REFUSED', place, env, error)
  const isLate = error.name === 'AbortError' || error.name === 'TimeoutError'
  const why = isLate ? 'in time' : `(${text})`
  const what =
    status === undefined
      ? `no S3 server answers${findServer(place, env)} ${why}.`
      : `the server${findServer(place, env)} fails with status ${status} (${text}).`
  return new CcsError('CCS_S3_UNREACHABLE', `${address}: ${what}`, { hint: ADDRESS, cause: error })
}

const ADDRESS = 'Check lake.s3.endpoint in ccs.yml, or AWS_ENDPOINT_URL, and the network.'

function noServerError(
  code: 'CCS_S3_REFUSED' | 'CCS_S3_UNREACHABLE',
  place: S3Place,
  env: NodeJS.ProcessEnv,
  cause?: unknown,
): CcsError {
  const what = `what answers${findServer(place, env)} is not an S3 server.`
  const message = `${formatPlace(place)}: ${what}`
  return new CcsError(code, message, { hint: ADDRESS, cause })
}

/** ` at http://…`, or nothing for that of AWS. */
function findServer({ endpoint }: S3Place, env: NodeJS.ProcessEnv): string {
  const address = endpoint || env.AWS_ENDPOINT_URL_S3 || env.AWS_ENDPOINT_URL || ''
  return address === '' ? '' : ` at ${redactAddress(address)}`
}

const SECRETS = ['AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN', 'AWS_ACCESS_KEY_ID']

function hideSecrets(text: string, env: NodeJS.ProcessEnv): string {
  const values = SECRETS.flatMap((name) => env[name] ?? []).filter((one) => one.length >= 8)
  const hidden = values.reduce((shown, value) => shown.replaceAll(value, '***'), text)
  return redactText(hidden).split('\n')[0] ?? ''
}
