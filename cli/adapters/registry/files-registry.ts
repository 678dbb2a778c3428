/**
 * The schema registry of a project without servers: the files in its `schemas` directory. The
 * current schema is `<topic>.avsc`. Every version that records may carry is kept as
 * `history/<topic>/<version>.id<id>.avsc`; the newest must equal the current schema.
 */
import { readdir, readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { canonicalizeSchema } from '../../domain/avro/schema.ts'
import type { RegisteredSchema, SchemaRegistry } from '../../domain/avro/schema-registry.ts'
import { CcsError, EXIT } from '../../domain/kernel/errors.ts'
import { appendAll } from '../../domain/kernel/lists.ts'
import { subjectFor } from '../../domain/log/topics.ts'

const VERSION_FILE = /^([1-9]\d{0,8})\.id([1-9]\d{0,8})\.avsc$/

/**
 * Reads the directory once. Throws CCS_SCHEMA_INVALID with all files that contradict each other.
 */
export async function openFilesRegistry(dir: string): Promise<SchemaRegistry> {
  const kept = await readHistory(join(dir, 'history'))
  const faults = [...findIdFaults(kept), ...(await findDriftFaults(dir, kept))]
  const [first, ...others] = faults
  if (first) {
    const { hint, location } = first
    throw new CcsError(first.code, first.message, {
      exit: EXIT.usage,
      others,
      ...(hint ? { hint } : {}),
      ...(location ? { location } : {}),
    })
  }
  const byId = new Map(kept.map((one) => [one.id, one]))
  return {
    byId: async (id) => byId.get(id),
    versions: async (subject) => kept.filter((one) => one.subject === subject),
  }
}

interface KeptVersion extends RegisteredSchema {
  readonly topic: string
  readonly file: string
}

/** All kept versions, by topic, oldest first. */
async function readHistory(dir: string): Promise<readonly KeptVersion[]> {
  const kept: KeptVersion[] = []
  for (const topic of await list(dir)) {
    const versions: KeptVersion[] = []
    for (const name of await list(join(dir, topic))) {
      const match = VERSION_FILE.exec(name)
      if (!match) continue
      const file = join(dir, topic, name)
      const [version, id] = [Number(match[1]), Number(match[2])]
      const schema = await readFile(file, 'utf8')
      versions.push({ id, subject: subjectFor(topic), version, schema, topic, file })
    }
    appendAll(
      kept,
      versions.sort((a, b) => a.version - b.version),
    )
  }
  return kept
}

async function list(dir: string): Promise<readonly string[]> {
  try {
    return (await readdir(dir)).sort()
  } catch (cause) {
    const hint = 'A project has schemas/<topic>.avsc and schemas/history/<topic>/1.id1.avsc.'
    throw new CcsError('CCS_SCHEMA_INVALID', `${dir} cannot be read.`, {
      exit: EXIT.usage,
      hint,
      cause,
    })
  }
}

function findIdFaults(kept: readonly KeptVersion[]): readonly CcsError[] {
  const faults: CcsError[] = []
  const owners = new Map<number, KeptVersion>()
  for (const one of kept) {
    const owner = owners.get(one.id)
    owners.set(one.id, owner ?? one)
    if (owner)
      faults.push(
        fault(one.file, `has the same id as ${owner.file}.`, 'An id stands for one schema.'),
      )
  }
  return faults
}

async function findDriftFaults(
  dir: string,
  kept: readonly KeptVersion[],
): Promise<readonly CcsError[]> {
  const faults: CcsError[] = []
  let nextId = Math.max(0, ...kept.map((one) => one.id)) + 1
  for (const name of (await list(dir)).filter((one) => one.endsWith('.avsc'))) {
    const topic = basename(name, '.avsc')
    const file = join(dir, name)
    const current = readCanonical(file, await readFile(file, 'utf8'), faults)
    const newest = kept.findLast((one) => one.topic === topic)
    if (newest && current === readCanonical(newest.file, newest.schema, faults)) continue
    const next = join(dir, 'history', topic, `${(newest?.version ?? 0) + 1}.id${nextId++}.avsc`)
    const problem = newest
      ? `differs from its newest kept version, ${newest.file}.`
      : 'has no kept version.'
    faults.push(fault(file, problem, `Keep it as a new version: cp ${file} ${next}`))
  }
  return faults
}

/** undefined, and one more fault, for text that is not a schema. */
function readCanonical(file: string, text: string, faults: CcsError[]): string | undefined {
  try {
    return canonicalizeSchema(text, file)
  } catch (error) {
    if (!(error instanceof CcsError)) throw error
    faults.push(error)
    return undefined
  }
}

function fault(file: string, problem: string, hint: string): CcsError {
  return new CcsError('CCS_SCHEMA_INVALID', `${file} ${problem}`, { hint, location: { file } })
}
