/** Schema registries as ports: looked up by id or subject, and changed where the registry is a server. */

/** An Avro schema with the id its records carry (Confluent wire format: byte 0, u32 big-endian id, Avro). */
export interface RegisteredSchema {
  readonly id: number
  readonly subject: string
  readonly version: number
  /** The schema as Avro JSON text. */
  readonly schema: string
}

export interface SchemaRegistry {
  byId(id: number): Promise<RegisteredSchema | undefined>
  /** All versions of a subject (`<topic>-value`), oldest first. */
  versions(subject: string): Promise<readonly RegisteredSchema[]>
}

/** A registry that is a server: subjects can be looked through and changed. */
export interface RemoteRegistry extends SchemaRegistry {
  subjects(): Promise<readonly string[]>
  /** Repeating it gives the version that is there. CCS_SCHEMA_BREAKS when the registry's own check refuses. */
  register(subject: string, schema: string): Promise<RegisteredSchema>
  /** Whether the registry would take `schema` as the next version; true for a subject without versions. */
  accepts(subject: string, schema: string): Promise<boolean>
  /** The subject's own level, or the global one where it has none. */
  compatibility(subject: string): Promise<string>
  setCompatibility(subject: string, level: string): Promise<void>
  /** Deletes one version for good; records that carry its id can be read no more by who asks the registry. */
  removeVersion(subject: string, version: number): Promise<void>
  /** Deletes the subject with all versions, for good. */
  remove(subject: string): Promise<void>
  /** What it says of itself, for `ccs doctor`: product, version, mode; what it does not say is left out. */
  about(): Promise<Readonly<Record<string, string>>>
}
