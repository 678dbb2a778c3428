/** The ports to schema registries: the project's own files, or a server. */
import { CcsError } from '../kernel/errors.ts'
import { subjectFor } from '../log/topics.ts'

/** A version of a subject; `id` stands in the wire header of its records. */
export interface RegisteredSchema {
  readonly id: number
  readonly subject: string
  readonly version: number
  /** The schema as Avro JSON text. */
  readonly schema: string
}

/** A registry that can be read. */
export interface SchemaRegistry {
  byId(id: number): Promise<RegisteredSchema | undefined>
  /** All versions of a subject such as `<topic>-value`, oldest first; [] for an unknown subject. */
  versions(subject: string): Promise<readonly RegisteredSchema[]>
}

/** The versions of a topic's schema, oldest first; CCS_SCHEMA_INVALID if there is none. */
export async function requireVersions(
  registry: Pick<SchemaRegistry, 'versions'>,
  topic: string,
): Promise<{ readonly all: readonly RegisteredSchema[]; readonly newest: RegisteredSchema }> {
  const all = await registry.versions(subjectFor(topic))
  return { all, newest: requireNewest(all, topic) }
}

/** The newest of a topic's versions; CCS_SCHEMA_INVALID if there is none. */
export function requireNewest(
  versions: readonly RegisteredSchema[],
  topic: string,
): RegisteredSchema {
  const newest = versions.at(-1)
  if (newest) return newest
  throw new CcsError('CCS_SCHEMA_INVALID', `schemas/ has no ${topic}.avsc.`)
}

/** A registry on a server, whose subjects can be listed and changed. */
export interface RemoteRegistry extends SchemaRegistry {
  subjects(): Promise<readonly string[]>
  /**
   * Idempotent. Throws CCS_SCHEMA_BREAKS when the registry's own compatibility check rejects the
   * schema.
   */
  register(subject: string, schema: string): Promise<RegisteredSchema>
  /**
   * Whether the registry would accept `schema` as the next version; true for a subject without
   * versions.
   */
  accepts(subject: string, schema: string): Promise<boolean>
  /** The subject's compatibility level, or the global one if it has none. */
  compatibility(subject: string): Promise<string>
  setCompatibility(subject: string, level: string): Promise<void>
  /**
   * Deletes a version permanently; consumers that ask the registry can't read records with its id
   * any more.
   */
  removeVersion(subject: string, version: number): Promise<void>
  /** Deletes the subject with all its versions permanently. */
  remove(subject: string): Promise<void>
  /** Facts for `ccs doctor`, by name: product, version, mode, as far as the server tells them. */
  about(): Promise<Readonly<Record<string, string>>>
}
