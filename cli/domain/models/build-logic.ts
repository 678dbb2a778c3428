/**
 * Turns the texts of a project into checked models: headers read, SELECTs parsed, bound,
 * fingerprinted, and aggregations split. DuckDB parses and binds on its own thread while our code
 * works.
 */

import type { NamedText } from '../documents/json-document.ts'
import { CcsError, throwAll } from '../kernel/errors.ts'
import { findForbidden } from '../sql/allowed-sql.ts'
import { expandMacros, type MacroSet } from '../sql/expand-macros.ts'
import { parseMacros } from '../sql/parse-macros.ts'
import { createBatchParser, type QueryTexts } from '../sql/parser.ts'
import { type BindDatabase, bindModels, type DuckColumn } from './bind-models.ts'
import {
  fingerprintModels,
  type GraphModel,
  type SortedModel,
  sortModels,
  toSelectSource,
} from './graph.ts'
import { isAggregateMacro, makeIncremental } from './incremental.ts'
import { parseModel } from './parse-model.ts'
import { printSeedsSql, readSeed, type Seed } from './seed.ts'
import { requireSeedJoin } from './seed-join.ts'
import { isSeed, readSeedName, readSeedShape } from './seed-shape.ts'
import { findVolatile } from './volatile.ts'

/** The files of a project that decide what its models mean. */
export interface LogicTexts {
  readonly models: readonly NamedText[]
  readonly macros: NamedText
  /** CSV and YAML files of dbt/seeds; those that no model reads are not checked. */
  readonly seeds?: readonly NamedText[]
  readonly timezone: string
  readonly rawColumns: readonly DuckColumn[]
  /** Classes of the fields of events, as a text; '' for none. */
  readonly classes?: string
}

/** An empty DuckDB to parse and bind with. */
export interface LogicDatabase extends BindDatabase {
  readonly queryTexts: QueryTexts
  /** Lets pending callbacks run. */
  readonly yieldToEventLoop: () => Promise<void>
}

/** The models in topological order, with the macros and seeds that they use. */
export interface BuiltLogic {
  readonly graph: readonly GraphModel[]
  readonly macros: MacroSet
  /** Only seeds that a model reads. */
  readonly seeds: readonly Seed[]
  /** Columns of raw.events and, if the database describes them, of each model. */
  readonly columns: ReadonlyMap<string, readonly DuckColumn[]>
}

/** Models between two yields to the event loop. */
const MODELS_PER_YIELD = 20

/** Throws CcsErrors with all faults that one pass finds, each with its place. */
export async function buildLogic(texts: LogicTexts, database: LogicDatabase): Promise<BuiltLogic> {
  const models = mapCollectingErrors(texts.models, ({ file, text }) => parseModel(file, text))
  const { timezone, rawColumns } = texts
  const names = (some: typeof models) => [...some].sort((a, b) => (a.name < b.name ? -1 : 1))
  const parseSql = createBatchParser(
    // The order in which sortModels asks for them.
    names(models).map((one) => one.sql),
    database.queryTexts,
  )
  const macros = await parseMacros(texts.macros.file, texts.macros.text, parseSql)
  const files = texts.seeds ?? []
  const known = files.flatMap((one) => readSeedName(one) ?? [])
  const sorted = await sortModels(models, { sources: ['raw.events', ...known], parseSql })
  const rules = { code: 'CCS_MODEL_INVALID', macros } as const
  throwAll(
    sorted.flatMap(({ model, ast }) =>
      findForbidden(ast, { ...rules, source: toSelectSource(model) }),
    ),
  )
  throwAll(findVolatile(sorted, macros))
  const seeds = readSeeds(sorted, files)
  const binding = bindModels(
    { models: sorted, macrosSql: texts.macros.text + printSeedsSql(seeds), timezone, rawColumns },
    database,
  )
  const settings = { shop_timezone: timezone }
  const prints = new Map(seeds.map((one) => [one.name, one.fingerprint]))
  // Rows with pseudonyms are other rows.
  if (texts.classes) prints.set('raw.events', `raw.events (${texts.classes})`)
  const [graph, bound] = await Promise.allSettled([
    takeYielding(fingerprintModels(sorted, { macros, settings, fingerprints: prints }), database),
    binding,
  ])
  if (graph.status === 'rejected') throw graph.reason
  if (bound.status === 'rejected') throw bound.reason
  mapCollectingErrors(
    graph.value.filter(({ model }) => model.kind === 'window' || model.kind === 'session'),
    ({ model, ast }) => makeIncremental(model, expandMacros(ast, macros, isAggregateMacro)),
  )
  return { graph: graph.value, macros, seeds, columns: bound.value }
}

/** Reads the seeds that models use; each must be joined in the one way that all engines support. */
function readSeeds(models: readonly SortedModel[], files: readonly NamedText[]): readonly Seed[] {
  const names = new Set(models.flatMap((one) => one.reads.filter(isSeed)))
  const yamls = files.filter(({ file }) => /\.ya?ml$/.test(file))
  const seeds = mapCollectingErrors([...names].sort(), (name) => {
    const shape = readSeedShape(name, yamls)
    const csv = files.find((one) => readSeedName(one) === name)
    return readSeed(shape, csv ?? { file: name, text: '' })
  })
  const keys = new Map(seeds.map((one) => [one.name, one.key]))
  mapCollectingErrors(
    models.filter(({ reads }) => reads.some(isSeed)),
    (one) => requireSeedJoin(one, keys),
  )
  return seeds
}

async function takeYielding<T>(
  items: Iterable<T>,
  { yieldToEventLoop }: LogicDatabase,
): Promise<readonly T[]> {
  const taken: T[] = []
  await yieldToEventLoop()
  for (const item of items) if (taken.push(item) % MODELS_PER_YIELD === 0) await yieldToEventLoop()
  return taken
}

/** Maps all items, then throws the errors of all of them together. */
function mapCollectingErrors<T, U>(items: readonly T[], map: (item: T) => U): U[] {
  const faults: CcsError[] = []
  const results: U[] = []
  for (const item of items) {
    try {
      results.push(map(item))
    } catch (error) {
      if (!(error instanceof CcsError)) throw error
      faults.push(error)
    }
  }
  throwAll(faults)
  return results
}
