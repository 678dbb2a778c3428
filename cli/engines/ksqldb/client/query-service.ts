/**
 * Runs queries on a ksqlDB that name tables as the models do. Pull queries end by themselves, push
 * queries when they are cancelled. The server's streams and tables are listed before each query,
 * since a deployment may have changed their names.
 */

import { flattenName } from '../../../domain/dialects/dialect.ts'
import { quoteName } from '../../../domain/dialects/dialect-syntax.ts'
import { didYouMean } from '../../../domain/kernel/did-you-mean.ts'
import { CcsError, type Location } from '../../../domain/kernel/errors.ts'
import { appendAll } from '../../../domain/kernel/lists.ts'
import { toModelName } from '../../../domain/models/model.ts'
import type { QueryService } from '../../../domain/query/query-service.ts'
import type { QueryControl } from '../../../domain/sql/query-result.ts'
import { createNames } from '../plan/actions.ts'
import type { KsqlClient } from './client.ts'
import { endedEarlyError } from './connection.ts'
import { locateInQuery, type RewrittenQuery, readNames, rewriteQuery } from './query-text.ts'
import { createConverter, listFieldNames } from './query-values.ts'
import { asObjects, asText, type KsqlSource } from './server-answers.ts'
import { StatementRejected } from './server-error.ts'

/** The target that is queried. */
export interface QueriesOptions {
  /** Of the names of its streams and tables. */
  readonly prefix: string
  /** Name of the target, for hints. */
  readonly target: string
  /** Names of the project's models. */
  readonly models: readonly string[]
}

/** How one query runs. */
export interface RunOptions extends Pick<QueryControl, 'timeoutMs' | 'rowsMax'> {
  /** Cancels the query. */
  readonly signal?: AbortSignal | undefined
  /** Whether a push query also returns the rows from before its start. */
  readonly isFromStart?: boolean
}

/** The rows of one query. */
export interface QueryAnswer {
  readonly columns: readonly { readonly name: string; readonly type: string }[]
  /** Must be iterated, or the query keeps running; leaving the loop cancels it. */
  readonly rows: AsyncIterable<Readonly<Record<string, unknown>>>
  /** Whether it is a push query. */
  readonly isUnbounded: boolean
}

/** A limit that nobody keeps would be worse than none. */
function refuseLimits({ timeoutMs, rowsMax }: RunOptions): void {
  if (timeoutMs === undefined && rowsMax === undefined) return
  const flag = timeoutMs === undefined ? '--max-rows' : '--timeout'
  throw new CcsError('CCS_USAGE_INVALID', `ksqlDB answers this query and knows no ${flag}.`, {
    hint: 'Leave it out. --limit ends a query after so many rows, Ctrl-C at any time.',
  })
}

/** A table that can be queried. */
export interface KsqlTable {
  /** The model's name, or the server's for a stream or table that is not a model's. */
  readonly name: string
  readonly columns: readonly { readonly name: string; readonly type: string }[]
}

const EARLIEST = { 'auto.offset.reset': 'earliest' }
const RAW = 'raw.events'
const RAW_SOURCE = 'events_valid'

/** Runs queries on one target's ksqlDB. */
export class KsqlQueries {
  readonly #client: KsqlClient
  readonly #options: QueriesOptions

  constructor(client: KsqlClient, options: QueriesOptions) {
    this.#client = client
    this.#options = options
  }

  /**
   * Throws CCS_QUERY_INVALID, CCS_ENGINE_REFUSED or CCS_ENGINE_UNREACHABLE; places of errors are in
   * `sql` as given. CCS_USAGE_INVALID for limits, which the server does not have.
   */
  async query(sql: string, options: RunOptions = {}): Promise<QueryAnswer> {
    refuseLimits(options)
    const { signal, isFromStart = false } = options
    const given = sql.trim().replace(/;$/, '').trimEnd()
    // Throws for anything but one SELECT, before a request is sent.
    rewriteQuery(given, { source: () => undefined, columns: [] })
    const query = await this.#rewrite(given)
    const { isUnbounded, limit = Number.POSITIVE_INFINITY } = query
    const { url } = this.#client
    const properties = isUnbounded && isFromStart ? EARLIEST : {}
    const answer = await withQueryHints(() =>
      this.#client.query(query.sql, {
        properties,
        locate: query.locate,
        ...(signal ? { signal } : {}),
      }),
    ).catch((error: unknown) => {
      if (!signal?.aborted) throw error
      if (isUnbounded) return { columns: [], rows: [] }
      throw cancelledError(error)
    })
    const { columns } = answer
    const converters = columns.map(({ type }) => createConverter(type))
    async function* convertRows() {
      let count = 0
      for await (const row of answer.rows) {
        count++
        yield Object.fromEntries(
          columns.map(({ name }, index) => [name, converters[index]?.(row[index])] as const),
        )
      }
      if (isUnbounded && !signal?.aborted && count < limit) throw endedEarlyError(url)
      if (signal?.aborted && !isUnbounded) throw cancelledError()
    }
    return { columns, rows: convertRows(), isUnbounded }
  }

  /** Lists the models' tables first, then other streams and tables of the server. */
  async listTables(): Promise<readonly KsqlTable[]> {
    const sources = await this.#client.sources()
    const names = sources.map((one) => one.name)
    const models = [RAW, ...this.#options.models].flatMap((name) => {
      const source = this.#findSource(name, names)
      return source === undefined ? [] : [{ name, source }]
    })
    const taken = new Set(models.map((one) => one.source))
    const others = names.filter((one) => !taken.has(one)).sort()
    return [...models, ...others.map((source) => ({ name: source, source }))].map(
      ({ name, source }) => ({
        name,
        columns: listColumns(sources.find((one) => one.name === source)),
      }),
    )
  }

  async #rewrite(given: string): Promise<RewrittenQuery> {
    const sources = await this.#listSources()
    const names = readNames(given).map((one) => ({
      ...one,
      source: this.#resolveName(one, given, sources),
    }))
    const read = [...new Set(names.flatMap(({ source }) => source ?? []))]
    const columns: string[] = []
    for (const source of read)
      for (const { name, type } of await this.#listColumns(source))
        columns.push(name, ...listFieldNames(type))
    return rewriteQuery(given, {
      columns,
      source: (name) => {
        const source = names.find((one) => one.name === name)?.source
        return source === undefined ? undefined : quoteName(source)
      },
    })
  }

  /** The source that a name stands for; undefined for a plain name, which the server resolves. */
  #resolveName(
    { name, at }: { readonly name: string; readonly at: number },
    given: string,
    sources: readonly string[],
  ): string | undefined {
    const { models, target } = this.#options
    if (!name.includes('.')) {
      const same = sources.filter((one) => one.toLowerCase() === name.toLowerCase())
      if (same.includes(name)) return name
      if (same.length < 2) return same[0]
      throw unknownNameError(
        `'${name}' is ambiguous: it may be ${same.toSorted().join(' or ')}.`,
        'Write the name in the same case as the one that you mean.',
        locateInQuery(given, at),
      )
    }
    const known = [RAW, ...models]
    const location = locateInQuery(given, at)
    if (!known.includes(name))
      throw unknownNameError(`There is no table '${name}'.`, didYouMean(name, known), location)
    const found = this.#findSource(name, sources)
    if (found !== undefined) return found
    throw unknownNameError(
      `${name} is not on this ksqlDB.`,
      `To create it: ccs deploy --target ${target}. ` +
        'Models that ksqlDB cannot run, and why: ccs portability',
      location,
    )
  }

  /** The lowest version of a model's source: a higher one is filled until the lower is dropped. */
  #findSource(model: string, sources: readonly string[]): string | undefined {
    const flat = model === RAW ? RAW_SOURCE : flattenName(model)
    const base = createNames(this.#options.prefix).source(flat, 1)
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
  async #listSources(): Promise<readonly string[]> {
    const names: string[] = []
    for (const what of ['streams', 'tables'])
      for (const entity of (await this.#client.execute(`LIST ${what.toUpperCase()}`)).entities)
        appendAll(
          names,
          asObjects(entity[what]).map((one) => asText(one.name)),
        )
    return names
  }

  async #listColumns(source: string): Promise<KsqlTable['columns']> {
    return listColumns(await this.#client.describe(source))
  }
}

/** Adds a hint to a rejected query: ksqlDB's SQL is not that of the other targets. */
async function withQueryHints<T>(run: () => Promise<T>): Promise<T> {
  try {
    return await run()
  } catch (error) {
    if (!(error instanceof StatementRejected)) throw error
    const hint = hintFor(error.serverError.message) ?? error.hint
    const { location } = error
    const isPlaced = error.serverError.line !== undefined
    // The message repeats the statement as it was sent, which differs from what was typed.
    const message = error.message.replace(/\s*Statement: [\s\S]*$/, '').replace(/[.!]*$/, '.')
    throw new CcsError('CCS_ENGINE_REFUSED', message, {
      exit: error.exit,
      cause: error,
      ...(hint === undefined ? {} : { hint }),
      // `locate` returns a place even where the server named none.
      ...(isPlaced && location ? { location } : {}),
    })
  }
}

function listColumns(source: KsqlSource | undefined): KsqlTable['columns'] {
  return (source?.fields ?? []).map(({ name, type }) => ({ name, type }))
}

function hintFor(message: string): string | undefined {
  if (/syntax error|extraneous input|mismatched input|no viable/i.test(message))
    return "This is ksqlDB's SQL: it has no ORDER BY, DISTINCT, UNION, OVER or sub-query."
  if (/EMIT CHANGES|push query|pull quer/i.test(message))
    return 'Add EMIT CHANGES to follow its rows, or select one row of a table by its whole key.'
  if (/cannot be resolved/i.test(message))
    return 'To list the columns: ccs sql, then \\d and the name of the table.'
  if (/does not exist/i.test(message)) return 'To list the tables: ccs sql, then \\d'
  return undefined
}

function cancelledError(cause?: unknown): CcsError {
  return new CcsError('CCS_QUERY_INVALID', 'The query was cancelled.', { cause })
}

function unknownNameError(message: string, hint: string, location: Location): CcsError {
  return new CcsError('CCS_QUERY_INVALID', message, { hint, location })
}

/** Opens the queries of one target; `files` are those of its models. */
export function openKsqldbQueries(
  client: KsqlClient,
  about: {
    readonly prefix: string
    readonly target: string
    readonly files: readonly string[]
  },
): QueryService {
  const queries = new KsqlQueries(client, { ...about, models: listModelNames(about.files) })
  return {
    query: async (sql, options) => ({
      from: client.url,
      asOf: null,
      ...(await queries.query(sql, options)),
    }),
    listTables: () => queries.listTables(),
    close: async () => {},
  }
}

const LAYERS = ['bronze', 'silver', 'gold']

/** Names of models from their files; nothing else of a model is needed to query it. */
function listModelNames(files: readonly string[]): readonly string[] {
  const rank = (name: string) => LAYERS.indexOf(name.split('.')[0] ?? '')
  return files.map(toModelName).sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1))
}
