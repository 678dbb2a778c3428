/** The models as a graph: what each one reads, a topological order, and meaning as fingerprints. */
import { createHash } from 'node:crypto'
import { didYouMean } from '../kernel/did-you-mean.ts'
import { CcsError, throwAll } from '../kernel/errors.ts'
import {
  type AstNode,
  asNodes,
  locate,
  type ParseSql,
  parseSelect,
  readTextConstant,
  visit,
} from '../sql/ast.ts'
import { expandMacros, type MacroSet } from '../sql/expand-macros.ts'
import { findReferences } from '../sql/references.ts'
import type { Model } from './model.ts'

/** A model with its parsed SELECT and its place in the graph. */
export interface GraphModel {
  readonly model: Model
  /** The statement as written, with macro calls. */
  readonly ast: AstNode
  /** Models and sources that it reads, each once, in the order of the text. */
  readonly reads: readonly string[]
  /** Changes exactly when the meaning does: see `fingerprintModel`. */
  readonly fingerprint: string
}

/** What decides the meaning of models beside their own text. */
export interface Meaning {
  readonly macros: MacroSet
  /** Settings of ccs.yml that macros read with getvariable, such as shop_timezone. */
  readonly settings?: Readonly<Record<string, string>>
  /** Fingerprints of seeds, by table name. */
  readonly fingerprints?: ReadonlyMap<string, string>
}

/** A model in topological order, before it is fingerprinted. */
export type SortedModel = Omit<GraphModel, 'fingerprint'>

/**
 * Sorts models topologically, and by name where the order is free. Throws all faults at once:
 * syntax errors and unknown tables (CCS_MODEL_INVALID), cycles (CCS_MODEL_CYCLE). `sources` are
 * tables that are not models, such as `raw.events`.
 */
export async function sortModels(
  models: readonly Model[],
  { sources, parseSql }: { readonly sources: readonly string[]; readonly parseSql: ParseSql },
): Promise<readonly SortedModel[]> {
  const faults: CcsError[] = []
  const parsed: SortedModel[] = []
  const known = new Set([...models.map((one) => one.name), ...sources])
  for (const model of [...models].sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const ast = await collectError(faults, () => parseSelect(toSelectSource(model), parseSql))
    if (ast === undefined) continue
    const found = findReferences(ast)
    for (const { name, at } of found)
      if (!known.has(name))
        faults.push(
          new CcsError('CCS_MODEL_INVALID', `There is no table '${name}'.`, {
            location: locate(toSelectSource(model), at),
            hint: didYouMean(name, [...known]),
          }),
        )
    parsed.push({ model, ast, reads: found.map((one) => one.name) })
  }
  const { order, cycles } = sortByReads(parsed)
  throwAll([...faults, ...cycles])
  return order
}

/** Yields the models with their fingerprints one by one, so that callers can pause in between. */
export function* fingerprintModels(
  sorted: readonly SortedModel[],
  { macros, settings = {}, fingerprints: given }: Meaning,
): Generator<GraphModel> {
  const known = new Map(given)
  for (const one of sorted) {
    const upstream = one.reads.map((name) => known.get(name) ?? name)
    const expanded = expandMacros(one.ast, macros, () => true)
    const fingerprint = fingerprintModel(one.model, expanded, { upstream, settings })
    known.set(one.model.name, fingerprint)
    yield { ...one, fingerprint }
  }
}

/** The named models and all that they read, directly or through others, in the same order. */
export function keepUpstream(
  graph: readonly GraphModel[],
  names: Iterable<string>,
): readonly GraphModel[] {
  const wanted = new Set(names)
  for (const { model, reads } of graph.toReversed())
    if (wanted.has(model.name)) for (const name of reads) wanted.add(name)
  return graph.filter(({ model }) => wanted.has(model.name))
}

/** Where a model's SELECT stands in its file. */
export function toSelectSource(model: Pick<Model, 'file' | 'sql' | 'sqlLine'>): {
  file: string
  line: number
  sql: string
} {
  return { file: model.file, line: model.sqlLine, sql: model.sql }
}

/**
 * SHA-256 (hex) of what decides a model's rows: its SELECT with macros expanded and without
 * positions, the header without grain and audits, the settings that its macros read, and the
 * fingerprints of all it reads. Whitespace, comments, and writing a macro out by hand change
 * nothing.
 */
export function fingerprintModel(
  model: Model,
  expanded: AstNode,
  from: {
    upstream: readonly string[]
    settings: Readonly<Record<string, string>>
  },
): string {
  const used: Record<string, string> = {}
  visit(expanded, (node) => {
    if (node.function_name !== 'getvariable') return
    const [argument] = asNodes(node.children)
    const name = argument === undefined ? undefined : readTextConstant(argument)
    const value = name === undefined ? undefined : from.settings[name]
    if (name !== undefined && value !== undefined) used[name] = value
  })
  const { name, kind, key, time, watermarkMs, latenessMs, dedupe, window, session, partition } =
    model
  const header = {
    name,
    kind,
    key,
    time,
    watermarkMs,
    latenessMs,
    dedupe,
    window,
    session,
    partition,
  }
  const meaning = { header, select: expanded, used, upstream: from.upstream }
  return createHash('sha256')
    .update(JSON.stringify(sortKeys(meaning)))
    .digest('hex')
}

/** Sorts the keys of every object and drops positions, so that equal meaning gives equal JSON. */
function sortKeys(value: unknown): unknown {
  if (value === null || typeof value !== 'object') return value
  if (Array.isArray(value)) return value.length === 0 ? value : value.map(sortKeys)
  // An object that is not an array has string keys.
  const object = value as Readonly<Record<string, unknown>>
  const copy: Record<string, unknown> = {}
  for (const key of Object.keys(object).sort())
    if (key !== 'query_location') copy[key] = sortKeys(object[key])
  return copy
}

interface ReadingModel {
  readonly model: Model
  readonly reads: readonly string[]
}

function sortByReads<T extends ReadingModel>(
  models: readonly T[],
): { order: T[]; cycles: CcsError[] } {
  const byName = new Map(models.map((one) => [one.model.name, one]))
  const order: T[] = []
  const cycles: CcsError[] = []
  const state = new Map<string, 'open' | 'done'>()
  const visit = (one: T, path: readonly T[]): void => {
    const name = one.model.name
    if (state.get(name) === 'done') return
    if (state.get(name) === 'open') {
      cycles.push(cycleError([...path.slice(path.indexOf(one)), one]))
      return
    }
    state.set(name, 'open')
    for (const read of one.reads) {
      const next = byName.get(read)
      if (next !== undefined) visit(next, [...path, one])
    }
    state.set(name, 'done')
    order.push(one)
  }
  for (const one of models) visit(one, [])
  return { order, cycles }
}

function cycleError(path: readonly ReadingModel[]): CcsError {
  const [first] = path
  const names = path.map((one) => one.model.file).join(' → ')
  return new CcsError('CCS_MODEL_CYCLE', `Models read each other in a cycle: ${names}.`, {
    hint: 'Move what they share into a separate model that reads none of them.',
    ...(first === undefined ? {} : { location: locate(toSelectSource(first.model), 0) }),
  })
}

async function collectError<T>(faults: CcsError[], make: () => Promise<T>): Promise<T | undefined> {
  try {
    return await make()
  } catch (error) {
    if (!(error instanceof CcsError)) throw error
    faults.push(error)
    return undefined
  }
}
