/**
 * A schema registry with Confluent's REST API: Confluent's own, and Apicurio's, which differs. Where they
 * differ is said at each place; nothing is cached, since others change subjects too.
 */

import type { RegisteredSchema, RemoteRegistry } from '../../domain/avro/schema-registry.ts'
import type { HttpServer } from '../../domain/config/target.ts'
import { CcsError, EXIT } from '../../domain/kernel/errors.ts'
import { isObject } from '../../domain/kernel/json.ts'
import { schemaIdentity } from '../../domain/schemas/identity.ts'
import { javaSchemaText } from '../../domain/schemas/java-text.ts'
import { type Answer, openRest, type Rest, type RestOptions, refused } from './rest.ts'

export async function openConfluentRegistry(
  server: HttpServer,
  options: RestOptions = {},
): Promise<RemoteRegistry> {
  const rest = await openRest(server, options)
  return {
    byId: (id) => schemaById(rest, id),
    versions: (subject) => versionsOf(rest, subject),
    subjects: async () => textsOf(rest, granted(rest, await rest.send('GET', '/subjects'))),
    register: (subject, schema) => register(rest, subject, schema),
    accepts: (subject, schema) => accepts(rest, subject, schema),
    compatibility: (subject) => compatibility(rest, subject),
    setCompatibility: async (subject, compatibility) => {
      // The body of Confluent's documentation; Apicurio answers 500 to any other.
      granted(
        rest,
        await rest.send('PUT', `/config/${encodeURIComponent(subject)}`, { compatibility }),
      )
    },
    removeVersion: (subject, version) => removeForGood(rest, versionPath(subject, version)),
    remove: (subject) => removeForGood(rest, `/subjects/${encodeURIComponent(subject)}`),
    about: () => about(rest),
  }
}

/** What it answered; CCS_REGISTRY_REFUSED when that was a no which the caller did not expect. */
function granted(rest: Rest, answer: Answer): unknown {
  if (answer.ok) return answer.data
  throw refused(rest.url, `answers ${answer.status}: ${answer.message}`)
}

/** Whether it says that there is no such subject, version, id or setting: its own 404, not a web server's. */
function isMissing(answer: Answer): boolean {
  return !answer.ok && answer.status === 404 && answer.code > 0
}

async function versionsOf(rest: Rest, subject: string): Promise<readonly RegisteredSchema[]> {
  const path = `/subjects/${encodeURIComponent(subject)}/versions`
  const list = await rest.send('GET', path)
  if (isMissing(list)) return []
  const numbers = granted(rest, list)
  if (!Array.isArray(numbers)) throw strange(rest)
  const versions: RegisteredSchema[] = []
  for (const number of numbers.map(Number).sort((a, b) => a - b)) {
    const answer = await rest.send('GET', `${path}/${number}`)
    // Deleted since the list was given.
    if (!isMissing(answer)) versions.push(registered(rest, granted(rest, answer)))
  }
  return versions
}

/** A version as GET /subjects/x/versions/n and POST /subjects/x give it. */
function registered(rest: Rest, data: unknown): RegisteredSchema {
  if (!isObject(data)) throw strange(rest)
  const { subject, version, id, schema } = data
  if (typeof subject !== 'string' || typeof version !== 'number') throw strange(rest)
  if (typeof id !== 'number' || typeof schema !== 'string') throw strange(rest)
  refuseForeign(data, `${subject} version ${version}`)
  return { id, subject, version, schema }
}

/** `schemaType` is left out for Avro by Confluent, and given by Apicurio. */
function refuseForeign({ schemaType, references }: Json, what: string): void {
  const fault =
    schemaType !== undefined && schemaType !== 'AVRO'
      ? `is of type ${String(schemaType)}, not Avro`
      : Array.isArray(references) && references.length > 0
        ? 'refers to schemas of other subjects'
        : undefined
  if (fault !== undefined)
    throw new CcsError('CCS_SCHEMA_INVALID', `${what} in the registry ${fault}.`, {
      exit: EXIT.usage,
      hint: 'ccs reads Avro schemas that stand by themselves: name another topic or prefix.',
    })
}

async function schemaById(rest: Rest, id: number): Promise<RegisteredSchema | undefined> {
  const answer = await rest.send('GET', `/schemas/ids/${id}`)
  if (isMissing(answer)) return undefined
  const data = granted(rest, answer)
  if (!isObject(data) || typeof data.schema !== 'string') throw strange(rest)
  refuseForeign(data, `Schema ${id}`)
  const where = await rest.send('GET', `/schemas/ids/${id}/versions`)
  const [first] = where.ok && Array.isArray(where.data) ? where.data : []
  const known = isObject(first) ? first : {}
  return {
    id,
    // Nowhere any more when its subject was deleted; records may still carry it.
    subject: typeof known.subject === 'string' ? known.subject : '',
    version: typeof known.version === 'number' ? known.version : 0,
    schema: data.schema,
  }
}

async function register(rest: Rest, subject: string, schema: string): Promise<RegisteredSchema> {
  const body = { schema: compact(subject, schema) }
  // Apicurio knows a schema again by its bytes only: another layout would become a version of its own.
  const known = await find(rest, subject, schema)
  if (known) return known
  const path = `/subjects/${encodeURIComponent(subject)}`
  const answer = await rest.send('POST', `${path}/versions`, body)
  if (!answer.ok && answer.status === 409) throw breaks(subject, answer.message)
  if (!answer.ok && answer.status === 422) throw invalid(subject, answer.message)
  granted(rest, answer)
  // Of what was registered, Apicurio gives the id alone; looking it up gives the version too.
  const found = await rest.send('POST', path, body)
  if (found.ok) return registered(rest, found.data)
  const again = await find(rest, subject, schema)
  if (again) return again
  throw refused(rest.url, `took a schema for ${subject} and does not have it`)
}

async function find(rest: Rest, subject: string, schema: string) {
  const identity = schemaIdentity(schema)
  const versions = await versionsOf(rest, subject)
  return versions.findLast((one) => schemaIdentity(one.schema) === identity)
}

/** One line: no byte of layout goes over the wire, and equal schemas are equal texts. */
function compact(subject: string, schema: string): string {
  try {
    return javaSchemaText(schema)
  } catch (cause) {
    throw invalid(subject, 'it is not JSON', cause)
  }
}

function invalid(subject: string, words: string, cause?: unknown): CcsError {
  const message = `The registry takes this for no schema (${subject}): ${oneSentence(words)}`
  return new CcsError('CCS_SCHEMA_INVALID', message, {
    exit: EXIT.usage,
    hint: 'Schemas are Avro: https://avro.apache.org/docs/1.12.0/specification/',
    cause,
  })
}

function breaks(subject: string, words: string): CcsError {
  // Apicurio puts the name of a Java class before its words.
  const said = oneSentence(words.replace(/^[\w.]+Exception: /, ''))
  return new CcsError('CCS_SCHEMA_BREAKS', `The registry refuses ${subject}: ${said}`, {
    exit: EXIT.checkFailed,
    hint: 'Nothing was registered. Field, rule, and what it may break: ccs schema check --target NAME',
  })
}

const WORDS_MAX = 300

function oneSentence(words: string): string {
  const line = words.replace(/\s+/g, ' ').trim().slice(0, WORDS_MAX)
  return /[.!?]$/.test(line) ? line : `${line}.`
}

async function accepts(rest: Rest, subject: string, schema: string): Promise<boolean> {
  const body = { schema: compact(subject, schema) }
  const level = await compatibility(rest, subject)
  // `versions/latest` compares with the latest only, whatever the level; `versions` compares with all on
  // Apicurio, and with as many as the level says on Confluent.
  const versions = level.endsWith('_TRANSITIVE') ? 'versions' : 'versions/latest'
  const path = `/compatibility/subjects/${encodeURIComponent(subject)}/${versions}`
  const answer = await rest.send('POST', path, body)
  if (isMissing(answer)) return true
  // Also for two schemas that Avro can't bring together at all: registering would be refused as well.
  if (!answer.ok && answer.status === 422) return false
  const data = granted(rest, answer)
  if (!isObject(data) || typeof data.is_compatible !== 'boolean') throw strange(rest)
  return data.is_compatible
}

async function compatibility(rest: Rest, subject: string): Promise<string> {
  // Missing: Apicurio has no such subject (40401), Confluent no level of its own for it (40408).
  const own = await rest.send('GET', `/config/${encodeURIComponent(subject)}`)
  const data = granted(rest, isMissing(own) ? await rest.send('GET', '/config') : own)
  // GET says compatibilityLevel in both; Confluent's PUT, and some clones' GET, say compatibility.
  const level = isObject(data) ? (data.compatibilityLevel ?? data.compatibility) : undefined
  if (typeof level !== 'string') throw strange(rest)
  return level
}

function versionPath(subject: string, version: number): string {
  return `/subjects/${encodeURIComponent(subject)}/versions/${version}`
}

async function removeForGood(rest: Rest, path: string): Promise<void> {
  // Only what was deleted softly can be deleted for good.
  for (const how of ['', '?permanent=true']) {
    const answer = await rest.send('DELETE', `${path}${how}`)
    if (!isMissing(answer)) granted(rest, answer)
  }
}

/** What each product says of itself, at its own places; the place of another product is a 404. */
async function about(rest: Rest): Promise<Readonly<Record<string, string>>> {
  const config = await rest.send('GET', '/config')
  const level = granted(rest, config)
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
    product: textIn(system, 'name') ?? (version?.ok ? 'Confluent Schema Registry' : undefined),
    version: textIn(system, 'version') ?? textIn(version, 'version'),
    mode: textIn(mode, 'mode'),
    compatibility: isObject(level) ? (level.compatibilityLevel ?? level.compatibility) : undefined,
    date: config.ok ? config.date : undefined,
  }
  return Object.fromEntries(
    Object.entries(texts).filter(
      (entry): entry is [string, string] => typeof entry[1] === 'string',
    ),
  )
}

function textIn(answer: Answer | undefined, key: string): string | undefined {
  const value = answer?.ok && isObject(answer.data) ? answer.data[key] : undefined
  return typeof value === 'string' ? value : undefined
}

function textsOf(rest: Rest, data: unknown): readonly string[] {
  if (!Array.isArray(data)) throw strange(rest)
  return data.map(String).sort()
}

function strange(rest: Rest): CcsError {
  return refused(rest.url, 'answers something else than a schema registry does')
}

type Json = Readonly<Record<string, unknown>>
