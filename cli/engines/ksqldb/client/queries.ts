/**
 * Questions to a ksqlDB in the names of the models: pull queries, which end, and push queries, which go on until
 * they are called off. The server is asked for its sources before each question, so that names are those of now.
 */

import { flatName } from '../../../domain/dialects/dialect.ts'
import { quoted } from '../../../domain/dialects/dialect-syntax.ts'
import { didYouMean } from '../../../domain/kernel/did-you-mean.ts'
import { CcsError, EXIT, type Location } from '../../../domain/kernel/errors.ts'
import type { QueryService } from '../../../domain/query/query-service.ts'
import { namesOf } from '../plan/actions.ts'
import type { KsqlClient } from './client.ts'
import { endedEarly } from './connection.ts'
import { type KsqlSource, records, text } from './query-service.ts'
import { placeIn, type QueryText, queryText, readNames } from './query-text.ts'
import { fieldNames, shapeOf } from './query-values.ts'
import { KsqlRefused } from './server-error.ts'

export interface QuestionsOptions {
  /** Of the target. */
  readonly prefix: string
  /** Name of the target, for hints. */
  readonly target: string
  /** Names of the project's models. */
  readonly models: readonly string[]
}

export interface Asked {
  readonly signal?: AbortSignal
  /** A push query begins with what is there already; else with what comes from now on. */
  readonly isFromStart?: boolean
}

export interface KsqlAnswer {
  readonly columns: readonly { readonly name: string; readonly type: string }[]
  /** Must be gone through, or the query runs on; leaving the loop calls it off. */
  readonly rows: AsyncIterable<Readonly<Record<string, unknown>>>
  readonly isUnbounded: boolean
}

export interface KsqlTable {
  /** As it is asked for: the model's name where it is one's. */
  readonly name: string
  readonly columns: readonly { readonly name: string; readonly type: string }[]
}

const EARLIEST = { 'auto.offset.reset': 'earliest' }
const RAW = 'raw.events'
const RAW_SOURCE = 'events_valid'

export class KsqlQuestions {
  readonly #client: KsqlClient
  readonly #options: QuestionsOptions

  constructor(client: KsqlClient, options: QuestionsOptions) {
    this.#client = client
    this.#options = options
  }

  /** CCS_QUERY_INVALID, CCS_ENGINE_REFUSED or CCS_ENGINE_UNREACHABLE; the place is in `sql` as given. */
  async ask(sql: string, { signal, isFromStart = false }: Asked = {}): Promise<KsqlAnswer> {
    const given = sql.trim().replace(/;$/, '').trimEnd()
    // Refuses what is no SELECT before anybody is asked.
    queryText(given, { source: () => undefined, columns: [] })
    const query = await this.#named(given)
    const { isUnbounded, limit = Number.POSITIVE_INFINITY } = query
    const { url } = this.#client
    const properties = isUnbounded && isFromStart ? EARLIEST : {}
    const answer = await refusable(() =>
      this.#client.query(query.sql, {
        properties,
        locate: query.locate,
        ...(signal ? { signal } : {}),
      }),
    ).catch((error: unknown) => {
      if (!signal?.aborted) throw error
      if (isUnbounded) return { columns: [], rows: [] }
      throw calledOff(error)
    })
    const { columns } = answer
    const shapes = columns.map(({ type }) => shapeOf(type))
    async function* shaped() {
      let count = 0
      for await (const row of answer.rows) {
        count++
        yield Object.fromEntries(
          columns.map(({ name }, index) => [name, shapes[index]?.(row[index])] as const),
        )
      }
      if (isUnbounded && !signal?.aborted && count < limit) throw endedEarly(url)
      if (signal?.aborted && !isUnbounded) throw calledOff()
    }
    return { columns, rows: shaped(), isUnbounded }
  }

  /** Those of the models first, then other streams and tables of the server. */
  async tables(): Promise<readonly KsqlTable[]> {
    const sources = await this.#client.sources()
    const names = sources.map((one) => one.name)
    const models = [RAW, ...this.#options.models].flatMap((name) => {
      const source = this.#sourceOf(name, names)
      return source === undefined ? [] : [{ name, source }]
    })
    const taken = new Set(models.map((one) => one.source))
    const others = names.filter((one) => !taken.has(one)).sort()
    return [...models, ...others.map((source) => ({ name: source, source }))].map(
      ({ name, source }) => ({
        name,
        columns: columnsOf(sources.find((one) => one.name === source)),
      }),
    )
  }

  async #named(given: string): Promise<QueryText> {
    const sources = await this.#sources()
    const names = readNames(given).map((one) => ({
      ...one,
      source: this.#find(one, given, sources),
    }))
    const read = [...new Set(names.flatMap(({ source }) => source ?? []))]
    const columns: string[] = []
    for (const source of read)
      for (const { name, type } of await this.#columns(source))
        columns.push(name, ...fieldNames(type))
    return queryText(given, {
      columns,
      source: (name) => {
        const source = names.find((one) => one.name === name)?.source
        return source === undefined ? undefined : quoted(source)
      },
    })
  }

  /** The source that a name means; undefined for a plain name that the server may know what to do with. */
  #find(
    { name, at }: { readonly name: string; readonly at: number },
    given: string,
    sources: readonly string[],
  ): string | undefined {
    const { models, target } = this.#options
    if (!name.includes('.')) {
      const same = sources.filter((one) => one.toLowerCase() === name.toLowerCase())
      if (same.includes(name)) return name
      if (same.length < 2) return same[0]
      throw unknown(
        `'${name}' may be any of ${same.toSorted().join(', ')}.`,
        'Spell it as the one that is meant: case tells them apart.',
        placeIn(given, at),
      )
    }
    const known = [RAW, ...models]
    const location = placeIn(given, at)
    if (!known.includes(name))
      throw unknown(`There is no table '${name}'.`, didYouMean(name, known), location)
    const found = this.#sourceOf(name, sources)
    if (found !== undefined) return found
    throw unknown(
      `${name} is not on this ksqlDB.`,
      `ccs deploy --target ${target} makes what it can run; ccs portability shows what it can't, and why.`,
      location,
    )
  }

  /** Of several versions the first: a new one is the model's when its old one is gone. */
  #sourceOf(model: string, sources: readonly string[]): string | undefined {
    const flat = model === RAW ? RAW_SOURCE : flatName(model)
    const base = namesOf(this.#options.prefix).source(flat, 1)
    const versions = sources.flatMap((name) => {
      if (name === base) return [{ name, version: 1 }]
      const version = name.startsWith(`${base}_v`)
        ? Number(name.slice(base.length + 2))
        : Number.NaN
      return Number.isInteger(version) && version > 1 ? [{ name, version }] : []
    })
    return versions.sort((a, b) => a.version - b.version)[0]?.name
  }

  /** Names of streams and tables. */
  async #sources(): Promise<readonly string[]> {
    const names: string[] = []
    for (const what of ['streams', 'tables'])
      for (const entity of (await this.#client.execute(`LIST ${what.toUpperCase()}`)).entities)
        names.push(...records(entity[what]).map((one) => text(one.name)))
    return names
  }

  async #columns(source: string): Promise<KsqlTable['columns']> {
    return columnsOf(await this.#client.describe(source))
  }
}

/** A refusal with what helps a person who asks: this is not the SQL of the other targets. */
async function refusable<T>(run: () => Promise<T>): Promise<T> {
  try {
    return await run()
  } catch (error) {
    if (!(error instanceof KsqlRefused)) throw error
    const hint = hintOf(error.refusal.message) ?? error.hint
    const { location } = error
    const isPlaced = error.refusal.line !== undefined
    // The statement that it repeats is not quite the one that was written.
    const message = error.message.replace(/\s*Statement: [\s\S]*$/, '').replace(/[.!]*$/, '.')
    throw new CcsError('CCS_ENGINE_REFUSED', message, {
      exit: error.exit,
      cause: error,
      hint,
      // The locator gives every refusal a place; one that the server named none for has none.
      ...(isPlaced && location ? { location } : {}),
    })
  }
}

function columnsOf(source: KsqlSource | undefined): KsqlTable['columns'] {
  return (source?.fields ?? []).map(({ name, type }) => ({ name, type }))
}

function hintOf(message: string): string | undefined {
  if (/syntax error|extraneous input|mismatched input|no viable/i.test(message))
    return "This is ksqlDB's SQL: it has no ORDER BY, DISTINCT, UNION, OVER or sub-query."
  if (/EMIT CHANGES|push query|pull quer/i.test(message))
    return 'Add EMIT CHANGES to follow it, or ask one row of a table by its whole key.'
  if (/cannot be resolved/i.test(message))
    return 'Names of columns: ccs sql, then \\d and the name of the table.'
  if (/does not exist/i.test(message)) return 'What there is: ccs sql, then \\d'
  return undefined
}

function calledOff(cause?: unknown): CcsError {
  return new CcsError('CCS_QUERY_INVALID', 'The query was called off.', {
    exit: EXIT.unexpected,
    cause,
  })
}

function unknown(message: string, hint: string, location: Location): CcsError {
  return new CcsError('CCS_QUERY_INVALID', message, { hint, location })
}

/** Answers queries of one target; `files` are those of its models. */
export function openKsqldbQueries(
  client: KsqlClient,
  about: {
    readonly prefix: string
    readonly target: string
    readonly files: readonly string[]
  },
): QueryService {
  const questions = new KsqlQuestions(client, { ...about, models: modelNames(about.files) })
  return {
    query: async (sql, options) => ({
      from: client.url,
      asOf: null,
      ...(await questions.ask(sql, options)),
    }),
    listTables: () => questions.tables(),
    close: async () => {},
  }
}

const LAYERS = ['bronze', 'silver', 'gold']

/** By their files: a query needs to know no more of the models. */
function modelNames(files: readonly string[]): readonly string[] {
  const layerOf = (name: string) => LAYERS.indexOf(name.split('.')[0] ?? '')
  return files
    .map((file) => file.replace(/^sql\/|\.sql$/g, '').replace('/', '.'))
    .sort((a, b) => layerOf(a) - layerOf(b) || (a < b ? -1 : 1))
}
