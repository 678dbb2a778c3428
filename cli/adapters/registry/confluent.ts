/**
 * A schema registry with Confluent's REST API: Confluent's own or Apicurio's; comments say where
 * they differ. Nothing is cached, because others change subjects too.
 */

import type { RegisteredSchema, RemoteRegistry } from '../../domain/avro/schema-registry.ts'
import type { HttpServer } from '../../domain/config/target.ts'
import { CcsError, EXIT } from '../../domain/kernel/errors.ts'
import { isObject } from '../../domain/kernel/json.ts'
import { schemaIdentity } from '../../domain/schemas/identity.ts'
import { javaSchemaText } from '../../domain/schemas/java-text.ts'
import {
  openRest,
  type RegistryAnswer,
  type RegistryRest,
  type RestOptions,
  unexpectedAnswer,
} from './rest.ts'

/** Sends nothing before the first call. */
export function openConfluentRegistry(
  server: HttpServer,
  options: RestOptions = {},
): RemoteRegistry {
  const rest = openRest(server, options)
  return {
    byId: (id) => readSchema(rest, id),
    versions: (subject) => readVersions(rest, subject),
    subjects: async () => parseTexts(rest, unwrap(rest, await rest.send('GET', '/subjects'))),
    register: (subject, schema) => registerSchema(rest, subject, schema),
    accepts: (subject, schema) => checkAccepted(rest, subject, schema),
    compatibility: (subject) => readLevel(rest, subject),
    setCompatibility: async (subject, compatibility) => {
      // The body as Confluent documents it; Apicurio answers 500 to any other.
      unwrap(
        rest,
        await rest.send('PUT', `/config/${encodeURIComponent(subject)}`, { compatibility }),
      )
    },
    removeVersion: (subject, version) => removePermanently(rest, versionPath(subject, version)),
    remove: (subject) => removePermanently(rest, `/subjects/${encodeURIComponent(subject)}`),
    about: () => readAbout(rest),
  }
}

/** The answer's data; throws CCS_REGISTRY_REFUSED for an error that the caller doesn't expect. */
function unwrap(rest: RegistryRest, answer: RegistryAnswer): unknown {
  if (answer.ok) return answer.data
  throw unexpectedAnswer(rest.url, `answers ${answer.status}: ${answer.message}`)
}

/** Whether the subject, version, id or setting is missing; a 404 of a proxy doesn't count. */
function isMissing(answer: RegistryAnswer): boolean {
  return !answer.ok && answer.status === 404 && answer.code > 0
}

async function readVersions(
  rest: RegistryRest,
  subject: string,
): Promise<readonly RegisteredSchema[]> {
  const path = `/subjects/${encodeURIComponent(subject)}/versions`
  const list = await rest.send('GET', path)
  if (isMissing(list)) return []
  const numbers = unwrap(rest, list)
  if (!Array.isArray(numbers)) throw strangeAnswer(rest)
  const versions: RegisteredSchema[] = []
  for (const number of numbers.map(Number).sort((a, b) => a - b)) {
    const answer = await rest.send('GET', `${path}/${number}`)
    // Deleted since the list was read.
    if (!isMissing(answer)) versions.push(parseVersion(rest, unwrap(rest, answer)))
  }
  return versions
}

/** A version, as GET /subjects/x/versions/n and POST /subjects/x return it. */
function parseVersion(rest: RegistryRest, data: unknown): RegisteredSchema {
  if (!isObject(data)) throw strangeAnswer(rest)
  const { subject, version, id, schema } = data
  if (typeof subject !== 'string' || typeof version !== 'number') throw strangeAnswer(rest)
  if (typeof id !== 'number' || typeof schema !== 'string') throw strangeAnswer(rest)
  rejectForeign(data, `${subject} version ${version}`)
  return { id, subject, version, schema }
}

/** Only Avro without references can be used. Confluent omits `schemaType` for Avro. */
function rejectForeign({ schemaType, references }: Json, what: string): void {
  const fault =
    schemaType !== undefined && schemaType !== 'AVRO'
      ? `is of type ${String(schemaType)}, not Avro`
      : Array.isArray(references) && references.length > 0
        ? 'refers to schemas of other subjects'
        : undefined
  if (fault !== undefined)
    throw new CcsError('CCS_SCHEMA_INVALID', `${what} in the registry ${fault}.`, {
      exit: EXIT.usage,
      hint: 'ccs reads Avro schemas without references: use another topic or prefix.',
    })
}

async function readSchema(rest: RegistryRest, id: number): Promise<RegisteredSchema | undefined> {
  const answer = await rest.send('GET', `/schemas/ids/${id}`)
  if (isMissing(answer)) return undefined
  const data = unwrap(rest, answer)
  if (!isObject(data) || typeof data.schema !== 'string') throw strangeAnswer(rest)
  rejectForeign(data, `Schema ${id}`)
  const where = await rest.send('GET', `/schemas/ids/${id}/versions`)
  const [first] = where.ok && Array.isArray(where.data) ? where.data : []
  const known = isObject(first) ? first : {}
  return {
    id,
    // A deleted subject leaves the id without a place; records may still carry it.
    subject: typeof known.subject === 'string' ? known.subject : '',
    version: typeof known.version === 'number' ? known.version : 0,
    schema: data.schema,
  }
}

async function registerSchema(
  rest: RegistryRest,
  subject: string,
  schema: string,
): Promise<RegisteredSchema> {
  const body = { schema: compactSchema(subject, schema) }
  // Apicurio compares bytes: the same schema in another layout would become a new version.
  const known = await findVersion(rest, subject, schema)
  if (known) return known
  const path = `/subjects/${encodeURIComponent(subject)}`
  const answer = await rest.send('POST', `${path}/versions`, body)
  if (!answer.ok && answer.status === 409) throw breaksError(subject, answer.message)
  if (!answer.ok && answer.status === 422) throw invalidError(subject, answer.message)
  unwrap(rest, answer)
  // Apicurio returns only the id of a new schema; looking it up returns the version too.
  const found = await rest.send('POST', path, body)
  if (found.ok) return parseVersion(rest, found.data)
  const again = await findVersion(rest, subject, schema)
  if (again) return again
  throw unexpectedAnswer(rest.url, `accepted a schema for ${subject}, but does not have it`)
}

async function findVersion(rest: RegistryRest, subject: string, schema: string) {
  const identity = schemaIdentity(schema)
  const versions = await readVersions(rest, subject)
  return versions.findLast((one) => schemaIdentity(one.schema) === identity)
}

/** Without layout, so that equal schemas are equal texts. */
function compactSchema(subject: string, schema: string): string {
  try {
    return javaSchemaText(schema)
  } catch (cause) {
    throw invalidError(subject, 'it is not JSON', cause)
  }
}

function invalidError(subject: string, words: string, cause?: unknown): CcsError {
  const message = `The registry says that this is not a schema (${subject}): ${toSentence(words)}`
  return new CcsError('CCS_SCHEMA_INVALID', message, {
    exit: EXIT.usage,
    hint: 'Schemas are Avro: https://avro.apache.org/docs/1.12.0/specification/',
    cause,
  })
}

function breaksError(subject: string, words: string): CcsError {
  // Apicurio puts the name of a Java class before its message.
  const said = toSentence(words.replace(/^[\w.]+Exception: /, ''))
  return new CcsError('CCS_SCHEMA_BREAKS', `The registry rejects ${subject}: ${said}`, {
    hint: 'Nothing was registered. To see the broken rule: ccs schema check --target NAME',
  })
}

const WORDS_MAX = 300

function toSentence(words: string): string {
  const line = words.replace(/\s+/g, ' ').trim().slice(0, WORDS_MAX)
  return /[.!?]$/.test(line) ? line : `${line}.`
}

async function checkAccepted(
  rest: RegistryRest,
  subject: string,
  schema: string,
): Promise<boolean> {
  const body = { schema: compactSchema(subject, schema) }
  const level = await readLevel(rest, subject)
  // `versions/latest` compares with the latest version, whatever the level. `versions` compares
  // with all on Apicurio, and with as many as the level demands on Confluent.
  const versions = level.endsWith('_TRANSITIVE') ? 'versions' : 'versions/latest'
  const path = `/compatibility/subjects/${encodeURIComponent(subject)}/${versions}`
  const answer = await rest.send('POST', path, body)
  if (isMissing(answer)) return true
  // Two schemas that Avro can't reconcile at all: registering would be rejected as well.
  if (!answer.ok && answer.status === 422) return false
  const data = unwrap(rest, answer)
  if (!isObject(data) || typeof data.is_compatible !== 'boolean') throw strangeAnswer(rest)
  return data.is_compatible
}

async function readLevel(rest: RegistryRest, subject: string): Promise<string> {
  // Missing: Apicurio has no such subject (40401), Confluent no own level for it (40408).
  const own = await rest.send('GET', `/config/${encodeURIComponent(subject)}`)
  const data = unwrap(rest, isMissing(own) ? await rest.send('GET', '/config') : own)
  // Both return compatibilityLevel; some clones return compatibility.
  const level = isObject(data) ? (data.compatibilityLevel ?? data.compatibility) : undefined
  if (typeof level !== 'string') throw strangeAnswer(rest)
  return level
}

function versionPath(subject: string, version: number): string {
  return `/subjects/${encodeURIComponent(subject)}/versions/${version}`
}

async function removePermanently(rest: RegistryRest, path: string): Promise<void> {
  // Only what was soft-deleted before can be deleted permanently.
  for (const how of ['', '?permanent=true']) {
    const answer = await rest.send('DELETE', `${path}${how}`)
    if (!isMissing(answer)) unwrap(rest, answer)
  }
}

/** Each product describes itself at its own endpoints, which are a 404 on the other. */
async function readAbout(rest: RegistryRest): Promise<Readonly<Record<string, string>>> {
  const config = await rest.send('GET', '/config')
  const level = unwrap(rest, config)
  const apicurio = /^(.*)\/apis\/ccompat\/v\d+$/.exec(rest.url)?.[1]
  const [mode, version, system] = await Promise.all([
    // Apicurio has it since 3.1.
    rest.send('GET', '/mode'),
    apicurio === undefined ? rest.send('GET', '/v1/metadata/version') : undefined,
    apicurio === undefined
      ? undefined
      : rest.send('GET', `${apicurio}/apis/registry/v2/system/info`),
  ])
  const texts = {
    url: rest.url,
    product: readText(system, 'name') ?? (version?.ok ? 'Confluent Schema Registry' : undefined),
    version: readText(system, 'version') ?? readText(version, 'version'),
    mode: readText(mode, 'mode'),
    compatibility: isObject(level) ? (level.compatibilityLevel ?? level.compatibility) : undefined,
    date: config.ok ? config.date : undefined,
  }
  return Object.fromEntries(
    Object.entries(texts).filter(
      (entry): entry is [string, string] => typeof entry[1] === 'string',
    ),
  )
}

function readText(answer: RegistryAnswer | undefined, key: string): string | undefined {
  const value = answer?.ok && isObject(answer.data) ? answer.data[key] : undefined
  return typeof value === 'string' ? value : undefined
}

function parseTexts(rest: RegistryRest, data: unknown): readonly string[] {
  if (!Array.isArray(data)) throw strangeAnswer(rest)
  return data.map(String).sort()
}

function strangeAnswer(rest: RegistryRest): CcsError {
  return unexpectedAnswer(rest.url, 'gives an answer that no schema registry gives')
}

type Json = Readonly<Record<string, unknown>>
