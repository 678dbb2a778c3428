/**
 * The models as a graph: what each reads, in an order in which every model comes after what it reads, with
 * a fingerprint of what each means.
 */
import { createHash } from 'node:crypto'
import { didYouMean } from '../kernel/did-you-mean.ts'
import { CcsError, EXIT, throwAll } from '../kernel/errors.ts'
import {
  type AstNode,
  asNodes,
  expandMacros,
  locate,
  type MacroSet,
  type ParseSql,
  parseSelect,
  readTextConstant,
  visit,
} from '../sql/ast.ts'
import { findReferences } from '../sql/references.ts'
import type { Model } from './model.ts'

/** A model with its parsed SELECT and its place in the graph. */
export interface GraphModel {
  readonly model: Model
  /** The statement as written, macro calls included. */
  readonly ast: AstNode
  /** Names of models and sources it reads, each once, in the order of the text. */
  readonly reads: readonly string[]
  /** Equal for equal meaning: see `fingerprint`. */
  readonly fingerprint: string
}

export interface GraphInput {
  readonly macros: MacroSet
  /** Tables that come from outside, such as `raw.events`. */
  readonly sources: readonly string[]
  /** Settings of ccs.yml that macros read with getvariable, such as shop_timezone. */
  readonly settings?: Readonly<Record<string, string>>
  /** Fingerprints of tables whose rows are part of the project, by name. */
  readonly fingerprints?: ReadonlyMap<string, string>
  readonly parseSql: ParseSql
}

/** A model with its parsed SELECT, before anybody asked what it means. */
export type SortedModel = Omit<GraphModel, 'fingerprint'>

/** `sortModels` and `fingerprintModels`. */
export async function buildGraph(
  models: readonly Model[],
  input: GraphInput,
): Promise<readonly GraphModel[]> {
  return [...fingerprintModels(await sortModels(models, input), input)]
}

/**
 * Models in topological order (by name where the order is free). Throws all faults at once: syntax errors,
 * references to nothing (CCS_MODEL_INVALID) and cycles (CCS_MODEL_CYCLE).
 */
export async function sortModels(
  models: readonly Model[],
  input: Pick<GraphInput, 'sources' | 'parseSql'>,
): Promise<readonly SortedModel[]> {
  const faults: CcsError[] = []
  const parsed: SortedModel[] = []
  const known = new Set([...models.map((one) => one.name), ...input.sources])
  for (const model of [...models].sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const ast = await collectError(faults, () => parseSelect(selectSource(model), input.parseSql))
    if (ast === undefined) continue
    const found = findReferences(ast)
    for (const { name, at } of found)
      if (!known.has(name))
        faults.push(
          new CcsError('CCS_MODEL_INVALID', `There is no table '${name}'.`, {
            exit: EXIT.usage,
            location: locate(selectSource(model), at),
            hint: didYouMean(name, [...known]),
          }),
        )
    parsed.push({ model, ast, reads: found.map((one) => one.name) })
  }
  const { order, cycles } = sortByReads(parsed)
  throwAll([...faults, ...cycles])
  return order
}

/** The same models, each with its fingerprint; one after another, so that others may work in between. */
export function* fingerprintModels(
  sorted: readonly SortedModel[],
  {
    macros,
    settings = {},
    fingerprints: given,
  }: Pick<GraphInput, 'macros' | 'settings' | 'fingerprints'>,
): Generator<GraphModel> {
  const prints = new Map(given)
  for (const one of sorted) {
    const upstream = one.reads.map((name) => prints.get(name) ?? name)
    const expanded = expandMacros(one.ast, macros, () => true)
    const print = fingerprintModel(one.model, expanded, { upstream, settings })
    prints.set(one.model.name, print)
    yield { ...one, fingerprint: print }
  }
}

/** Where a model's SELECT stands. */
export function selectSource(model: Pick<Model, 'file' | 'sql' | 'sqlLine'>): {
  file: string
  line: number
  sql: string
} {
  return { file: model.file, line: model.sqlLine, sql: model.sql }
}

/**
 * SHA-256 (hex) of what decides a model's rows: its SELECT with macros in place and without positions, the
 * header but for grain and audits, the settings its macros read, and the fingerprints of all it reads.
 * Blanks, comments, and a macro written out by hand change nothing.
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

/** The same with the keys of every object in order and without positions; JSON leaves out what is undefined. */
function sortKeys(value: unknown): unknown {
  if (value === null || typeof value !== 'object') return value
  if (Array.isArray(value)) return value.length === 0 ? value : value.map(sortKeys)
  // Any object has string keys.
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
  return new CcsError('CCS_MODEL_CYCLE', `Models read each other in a circle: ${names}.`, {
    exit: EXIT.usage,
    hint: 'Take what they share into a model of its own that reads none of them.',
    ...(first === undefined ? {} : { location: locate(selectSource(first.model), 0) }),
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
