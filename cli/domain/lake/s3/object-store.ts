/** Objects by key, as S3 has them: written whole or not at all, without renames. */
import { appendAll } from '../../kernel/lists.ts'

/** What a listing says of an object. */
export interface ListedObject {
  readonly key: string
  readonly bytes: number
}

/** What the server says of one object. */
export interface ObjectFacts {
  readonly bytes: number
  /** CRC-32 as the server computed it; null: it computes none. */
  readonly crc32: number | null
}

/** The last bytes of an object. */
export interface ObjectEnd {
  readonly end: Uint8Array
  /** Of the whole object. */
  readonly bytes: number
}

/** Bytes to write, with the CRC-32 that they have. */
export interface ObjectBody {
  readonly bytes: number
  readonly crc32: number
  /** Can be read more than once. */
  readonly pieces: () => AsyncIterable<Uint8Array>
}

/** A body of bytes that are in memory; `crc32` is theirs. */
export function wholeBody(body: Uint8Array, crc32: number): ObjectBody {
  return {
    ...{ bytes: body.length, crc32 },
    pieces: async function* () {
      yield body
    },
  }
}

/** The bytes of a small object, and the tag by which `replace` knows it. */
export interface TaggedObject {
  readonly body: Buffer
  readonly tag: string
}

/**
 * Keys are relative paths with `/`. Each call is made once. It throws CCS_S3_UNREACHABLE when the
 * server does not answer in time or fails, so that the same call may succeed later, and
 * CCS_S3_REFUSED when it says no. After any error it is unknown whether a write took place.
 */
export interface ObjectStore {
  /** For messages: `s3://bucket/prefix`. */
  readonly address: string
  /** Objects whose keys begin so, by key. */
  list(prefix: string): Promise<readonly ListedObject[]>
  /** undefined: there is none. */
  inspect(key: string): Promise<ObjectFacts | undefined>
  /** undefined: there is none. For small objects. */
  load(key: string): Promise<TaggedObject | undefined>
  read(key: string): AsyncIterable<Uint8Array>
  /** The last bytes of an object, and how many it has in all; undefined: there is none. */
  readEnd(key: string, bytes: number): Promise<ObjectEnd | undefined>
  /** Other bytes than those of the checksum are CCS_LAKE_DAMAGED, and not written. */
  write(key: string, body: ObjectBody): Promise<void>
  /**
   * Writes the object if it is still the one with this tag (null: if there is none). Resolves with
   * the new tag; undefined: it is another one now.
   */
  replace(key: string, body: Buffer, tag: string | null): Promise<string | undefined>
  remove(key: string): Promise<void>
}

/** Objects below several prefixes; `run` makes each of the calls, and may repeat it. */
export async function listBelow(
  { list }: Pick<ObjectStore, 'list'>,
  prefixes: readonly string[],
  run: <T>(call: () => Promise<T>) => Promise<T>,
): Promise<readonly ListedObject[]> {
  const found: ListedObject[] = []
  for (const prefix of prefixes) appendAll(found, await run(() => list(prefix)))
  return found
}
