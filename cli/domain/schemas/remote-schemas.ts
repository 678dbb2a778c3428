/**
 * The schemas with which a topic's records are read on a cluster: those of the files, with the ids
 * that the registry gave them, and versions that others have registered.
 */
import { parseRecordSchema } from '../avro/schema.ts'
import type { RegisteredSchema, SchemaRegistry } from '../avro/schema-registry.ts'
import { addPrefix, type Target } from '../config/target.ts'
import { CcsError, EXIT } from '../kernel/errors.ts'
import { schemaIdentity } from './identity.ts'

/** Whose schemas are read. */
export interface RemoteSchemasOptions {
  /** Name of the subject in the registry, with the target's prefix. */
  readonly subject: string
  /** The kept versions of the files, oldest first. */
  readonly files: readonly RegisteredSchema[]
  /** Name of the target, for the hint. */
  readonly target: string
}

/**
 * The schemas in the order that the gate expects. The newest of the files is last, with the text of
 * the file: it defines columns and rules. Before it come all other versions of the subject, oldest
 * first, so that their records can be read too. Kept versions that the registry lacks are omitted,
 * as no record can carry their id; so are versions of others that are not record schemas. Throws
 * CCS_PLAN_CHANGES if the newest is not registered.
 */
export async function readRemoteSchemas(
  registry: SchemaRegistry,
  { subject, files, target }: RemoteSchemasOptions,
): Promise<readonly RegisteredSchema[]> {
  const newest = files.at(-1)
  if (newest === undefined)
    throw new CcsError('CCS_SCHEMA_INVALID', `The project has no schema for ${subject}.`, {
      exit: EXIT.usage,
    })
  const texts = new Map(files.map((one) => [schemaIdentity(one.schema), one.schema]))
  const inForce = schemaIdentity(newest.schema)
  const known: RegisteredSchema[] = []
  let last: RegisteredSchema | undefined
  for (const one of await registry.versions(subject)) {
    const identity = schemaIdentity(one.schema)
    const schema = { ...one, schema: texts.get(identity) ?? one.schema }
    // The same schema may be registered twice in different forms; records may carry either id.
    if (last && identity === inForce) known.push(last)
    if (identity === inForce) last = schema
    else if (isRecordSchema(schema)) known.push(schema)
  }
  if (last) return [...known, last]
  const what = known.length === 0 ? 'is not registered' : 'lacks the newest version of the files'
  throw new CcsError('CCS_PLAN_CHANGES', `${subject} ${what} on target "${target}".`, {
    hint: `ccs deploy --target ${target}`,
  })
}

/** The versions of a project's files as a target's registry has them; subjects without prefix. */
export function withRemoteIds(
  files: SchemaRegistry,
  registry: SchemaRegistry,
  target: Pick<Target, 'name' | 'prefix'>,
): SchemaRegistry {
  return {
    byId: (id) => registry.byId(id),
    versions: async (subject) =>
      readRemoteSchemas(registry, {
        subject: addPrefix(target, subject),
        files: await files.versions(subject),
        target: target.name,
      }),
  }
}

/**
 * Whether the version is a record schema that ccs can read; others may have registered anything.
 */
export function isRecordSchema({ schema, subject }: RegisteredSchema): boolean {
  try {
    parseRecordSchema(schema, subject)
    return true
  } catch (error) {
    if (error instanceof CcsError) return false
    throw error
  }
}
