/**
 * Decides where the rows of each model come from when somebody asks: from the topic that Flink
 * fills, from the model's own SQL over other models, or, for sessions, from both.
 */
import type { CompiledModel, DialectInput } from '../../../domain/dialects/dialect.ts'
import { SESSION_START } from '../../../domain/dialects/dialect-job.ts'
import type { Model } from '../../../domain/models/model.ts'
import { type AstNode, asTexts, visit } from '../../../domain/sql/ast.ts'
import { expandMacros, type MacroSet } from '../../../domain/sql/expand-macros.ts'
import { type Expr, isSameExpr } from '../../../domain/sql/tree.ts'
import { isUpserted, RAW } from '../compile/ddl.ts'

/** Where the rows of a model come from. */
export type RowSource =
  | {
      readonly from: 'topic'
      readonly topic: string
      /** Whether a record replaces the one before with its key. */
      readonly isKeyed: boolean
    }
  /** DuckDB computes them from the rows of what the model reads. */
  | { readonly from: 'sql' }
  | { readonly from: 'sessions'; readonly topic: string; readonly open: OpenSessions }
  | { readonly from: 'nowhere'; readonly why: string }

/** How sessions that the topic does not have yet are found in the events of another topic. */
export interface OpenSessions {
  /** The model whose rows make sessions: `events` itself, or a view of its rows. */
  readonly rows: Model
  /** The model of the events, whose topic has one record per event. */
  readonly events: Model
  readonly topic: string
  /** Columns of `events` that are needed. */
  readonly columns: readonly string[]
  readonly time: string
  /** Columns of a session that say whose and when it is, and those of the rows. */
  readonly span: SessionSpan
}

/** Which events belong to a session. */
export interface SessionSpan {
  /** Column of the rows, and the session's column that has the same value. */
  readonly keys: readonly (readonly [row: string, session: string])[]
  /** Columns of a session with the times of its first and its last event. */
  readonly start: string
  readonly end: string
}

/** A model and where its rows come from. */
export interface PlannedTable {
  readonly model: Model
  /** What its SELECT reads. */
  readonly reads: readonly string[]
  readonly source: RowSource
}

/** A model as it was compiled, and what its SELECT reads. */
export interface CompiledTable {
  readonly input: DialectInput
  readonly compiled: CompiledModel
  readonly reads: readonly string[]
}

/** A target's models. */
export interface TablesInput {
  /** All models of the project, each after those that it reads. */
  readonly models: readonly CompiledTable[]
  readonly macros: MacroSet
  /** Full name of the topic that the engine fills for a model; undefined: it fills none. */
  readonly findTopic: (model: string) => string | undefined
}

/** Plans all models of a target, in their order. */
export function planTables(target: TablesInput): readonly PlannedTable[] {
  const planned = new Map<string, PlannedTable>()
  const inputs = new Map(target.models.map(({ input }) => [input.model.name, input]))
  const overSessions = new Set<string>()
  const find: Find = (name) => ({ input: inputs.get(name), source: planned.get(name)?.source })
  for (const one of target.models) {
    const { model } = one.input
    if (model.kind === 'session' || one.reads.some((read) => overSessions.has(read)))
      overSessions.add(model.name)
    const topic = hasSink(one) ? target.findTopic(model.name) : undefined
    const source =
      (topic !== undefined && planTopic(one, { topic, find, overSessions, ...target })) ||
      planSql(one, planned)
    planned.set(model.name, { model, reads: one.reads, source })
  }
  return [...planned.values()]
}

function hasSink({ compiled }: CompiledTable): boolean {
  return compiled.faults.length === 0 && compiled.statements.some(({ what }) => what === 'sink')
}

/** undefined where the topic alone would leave out what is under way. */
function planTopic(
  { input }: CompiledTable,
  context: {
    readonly topic: string
    readonly find: Find
    readonly overSessions: ReadonlySet<string>
    readonly macros: MacroSet
  },
): RowSource | undefined {
  const { model } = input
  const { topic, find, overSessions, macros } = context
  if (model.kind === 'session') {
    const open = findOpenSessions(input, find, macros)
    return open && { from: 'sessions', topic, open }
  }
  if (overSessions.has(model.name)) return undefined
  return { from: 'topic', topic, isKeyed: isUpserted(model) }
}

function planSql(
  { input, reads }: CompiledTable,
  planned: ReadonlyMap<string, PlannedTable>,
): RowSource {
  const isLost = (name: string) => name === RAW || planned.get(name)?.source.from === 'nowhere'
  const lost = reads.find(isLost)
  if (lost === undefined) return { from: 'sql' }
  const why = `${input.model.name} has no topic, and neither has ${lost}, which it reads.`
  return { from: 'nowhere', why }
}

type Find = (name: string) => {
  readonly input: DialectInput | undefined
  readonly source: RowSource | undefined
}

/** undefined: all sessions have to be computed, from all events. */
function findOpenSessions(
  { model, select, ast }: DialectInput,
  find: Find,
  macros: MacroSet,
): OpenSessions | undefined {
  const span = readSpan(model, select.items, select.groupBy)
  if (select.from.is !== 'sessions' || span === undefined) return undefined
  const rows = find(select.from.name)
  const events = rows.source?.from === 'topic' ? rows : find(readWholeRowsOf(rows.input) ?? '')
  if (events.source?.from !== 'topic' || events.source.isKeyed) return undefined
  if (!rows.input || !events.input) return undefined
  const time = model.time ?? 'event_time'
  const used = listNames([ast, rows.input.ast], macros)
  const columns = events.input.columns.map(({ name }) => name)
  const isThere = (name: string) => columns.includes(name)
  if (![time, 'late_ms', ...span.keys.map(([row]) => row)].every(isThere)) return undefined
  return {
    rows: rows.input.model,
    events: events.input.model,
    topic: events.source.topic,
    columns: columns.filter((name) => name === time || name === 'late_ms' || used.has(name)),
    time,
    span,
  }
}

/** The model of which a view selects rows with all their columns. */
function readWholeRowsOf(input: DialectInput | undefined): string | undefined {
  if (input?.model.kind !== 'view') return undefined
  const { items, from, qualify, groupBy, unsupported } = input.select
  const [star] = items
  const isWhole = items.length === 1 && star?.expr.is === 'star' && star.expr.excluded.length === 0
  const isPlain = qualify === undefined && groupBy.length === 0 && unsupported.length === 0
  return isWhole && isPlain && from.is === 'table' ? from.name : undefined
}

function readSpan(
  model: Model,
  items: DialectInput['select']['items'],
  groupBy: readonly Expr[],
): SessionSpan | undefined {
  const time: Expr = { is: 'column', path: [model.time ?? 'event_time'], at: undefined }
  const start = items.find(({ expr }) => isSameExpr(expr, SESSION_START))
  const end = items.find(
    ({ expr }) =>
      expr.is === 'call' &&
      expr.name === 'max' &&
      expr.filter === undefined &&
      expr.args.length === 1 &&
      expr.args.every((one) => isSameExpr(one, time)),
  )
  const keys: (readonly [string, string])[] = []
  for (const expr of groupBy) {
    if (isSameExpr(expr, SESSION_START)) continue
    const item = items.find((one) => isSameExpr(one.expr, expr))
    const [row, ...more] = expr.is === 'column' ? expr.path : []
    if (item === undefined || row === undefined || more.length > 0) return undefined
    keys.push([row, item.name])
  }
  if (!start || !end || keys.length === 0) return undefined
  return { keys, start: start.name, end: end.name }
}

/** All names of columns in statements, and in the macros that they may call. */
function listNames(statements: readonly AstNode[], macros: MacroSet): ReadonlySet<string> {
  const found = new Set<string>()
  for (const one of statements)
    visit(
      expandMacros(one, macros, () => true),
      (node) => {
        if (node.class === 'COLUMN_REF')
          for (const name of asTexts(node.column_names)) found.add(name)
      },
    )
  return found
}
