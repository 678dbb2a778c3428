/**
 * The schemas that a topic's records are read with on a cluster: what the files say, under the ids that the
 * registry gave, and what others have registered beside them.
 */
import { parseRecordSchema } from '../avro/schema.ts'
import type { RegisteredSchema, SchemaRegistry } from '../avro/schema-registry.ts'
import { CcsError, EXIT } from '../kernel/errors.ts'
import { schemaIdentity } from './identity.ts'

export interface RemoteSchemasOptions {
  /** As the registry knows it, with the target's prefix. */
  readonly subject: string
  /** The kept versions of the files, oldest first. */
  readonly files: readonly RegisteredSchema[]
  /** Of the target, for the hint. */
  readonly target: string
}

/**
 * As the gate wants them: the newest of the files comes last, with the text of the file, and makes columns
 * and rules; before it all other versions of the subject, oldest first, so that records of them are read too.
 * A kept version that the registry does not have has no id there, so no record carries it: it is left out, as
 * are versions of others that are no records.
 * Registers nothing; CCS_PLAN_CHANGES when the newest is not registered.
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
    // Registered twice, in other words each time: records may carry either id.
    if (last && identity === inForce) known.push(last)
    if (identity === inForce) last = schema
    else if (isRecordSchema(schema)) known.push(schema)
  }
  if (last) return [...known, last]
  const what = known.length === 0 ? 'is not registered' : 'lacks the newest version of the files'
  throw new CcsError('CCS_PLAN_CHANGES', `${subject} ${what} on target "${target}".`, {
    exit: EXIT.changes,
    hint: `ccs deploy --target ${target}`,
  })
}

/** Others may have registered anything. */
export function isRecordSchema({ schema, subject }: RegisteredSchema): boolean {
  try {
    parseRecordSchema(schema, subject)
    return true
  } catch (error) {
    if (error instanceof CcsError) return false
    throw error
  }
}
