/**
 * Which columns of a model may be NULL, traced from the contract through the SELECTs: a field that
 * the contract lets be null, unless it requires the field of every kind of event that the model
 * selects; and what expressions make of it. What is not known to be never NULL counts as nullable.
 */
import { parseRecordSchema, type RecordNode, unwrapOptional } from '../avro/schema.ts'
import { RAW_TOPIC } from '../log/topics.ts'
import { isAggregate } from '../sql/aggregate-names.ts'
import type { Expr, FromClause, Select } from '../sql/tree.ts'

/** Why a column may be NULL: the end of a sentence; undefined: it never is. */
export type NullReason = string | undefined

/** A column of rows; `field` is that of the contract which it has unchanged. */
interface TracedColumn {
  readonly why: NullReason
  readonly field?: string
}

interface Rows {
  readonly columns: ReadonlyMap<string, TracedColumn>
  /** Kinds of events that rows are of; undefined: all. */
  readonly kinds: ReadonlySet<string> | undefined
}

/** A model with its SELECT as a tree. */
export interface TracedModel {
  readonly model: { readonly name: string }
  readonly select: Select
}

/**
 * Traces all models, each after those that it reads. Returns why a column of a model may be NULL;
 * undefined: it never is.
 */
export function traceNullable(
  models: readonly TracedModel[],
  rawSchema: string,
): (model: string, column: string) => NullReason {
  if (rawSchema === '') return () => undefined
  const contract = parseRecordSchema(rawSchema, RAW_TOPIC)
  const tracer = new Tracer(contract)
  for (const { model, select } of models) tracer.add(model.name, select)
  return (model, column) => tracer.explain(model, column)
}

const KIND = 'event_type'
/** Columns of raw.events beside the contract's. */
const COORDINATES = ['topic', 'partition', 'offset', 'ingest_time', 'late_ms']
/** Calls that may give NULL for arguments that are none. */
const MAKERS: ReadonlySet<string> = new Set(['nullif', 'lines_revenue', 'lines_units', 'journey'])
/** Calls that skip arguments that are NULL. */
const SKIPPING: ReadonlySet<string> = new Set(['coalesce', 'least', 'greatest'])
const COUNTS: ReadonlySet<string> = new Set(['count', 'count_star', 'right_now'])

class Tracer {
  readonly #contract: RecordNode
  readonly #models = new Map<string, Rows>()

  constructor(contract: RecordNode) {
    this.#contract = contract
    const fields = contract.fields.map(({ name, type }): readonly [string, TracedColumn] => {
      const why = unwrapOptional(type).isNullable ? `the contract lets ${name} be null` : undefined
      return [name, { why, field: name }]
    })
    const own = COORDINATES.map((name) => [name, { why: undefined }] as const)
    this.#models.set('raw.events', { columns: new Map([...own, ...fields]), kinds: undefined })
  }

  add(name: string, select: Select): void {
    this.#models.set(name, this.#trace(select))
  }

  explain(model: string, column: string): NullReason {
    const rows = this.#models.get(model)
    return rows && this.#explainColumn(rows, column)
  }

  #trace(select: Select): Rows {
    const source = this.#readFrom(select.from)
    const facts = new Facts(source.kinds)
    facts.read(select.where)
    const rows = { columns: source.columns, kinds: facts.kinds }
    const columns = new Map<string, TracedColumn>()
    for (const { expr, name } of select.items) {
      if (expr.is === 'star') {
        for (const [one, column] of rows.columns)
          if (!expr.excluded.includes(one)) columns.set(one, this.#narrow(rows, facts, one, column))
        continue
      }
      const of = expr.is === 'column' ? rows.columns.get(expr.path.at(-1) ?? '') : undefined
      const why = this.#explain(expr, { rows, facts, aliases: columns })
      columns.set(name, of?.field === undefined ? { why } : { why, field: of.field })
    }
    return { columns, kinds: facts.kinds }
  }

  #narrow(rows: Rows, facts: Facts, name: string, column: TracedColumn): TracedColumn {
    return facts.isThere(name)
      ? { ...column, why: undefined }
      : {
          ...column,
          why: this.#explainColumn(rows, name),
        }
  }

  #readFrom(from: FromClause): Rows {
    const nothing: Rows = { columns: new Map(), kinds: undefined }
    switch (from.is) {
      case 'table':
        return this.#models.get(from.name) ?? nothing
      case 'sessions': {
        const { columns, kinds } = this.#models.get(from.name) ?? nothing
        const start = ['session_start', { why: undefined }] as const
        return { columns: new Map([...columns, start]), kinds }
      }
      case 'select':
        return this.#trace(from.select)
      case 'join':
        // Columns of the other side are not found, so that they count as nullable.
        return this.#readFrom(from.left)
      default:
        return nothing
    }
  }

  /** A column of rows, by what the contract requires of their kinds. */
  #explainColumn({ columns, kinds }: Rows, name: string): NullReason {
    const column = columns.get(name)
    if (column === undefined) return `${name} may be missing`
    const { why, field } = column
    if (why === undefined || field === undefined || kinds === undefined) return why
    const isRequired = [...kinds].every((kind) =>
      (this.#contract.requires[kind] ?? []).includes(field),
    )
    return isRequired ? undefined : why
  }

  #explain(expr: Expr, scope: Scope): NullReason {
    const { rows, facts, aliases } = scope
    const first = (all: readonly Expr[]) => {
      for (const one of all) {
        const why = this.#explain(one, scope)
        if (why !== undefined) return why
      }
      return undefined
    }
    switch (expr.is) {
      case 'column': {
        const name = expr.path.at(-1) ?? ''
        if (facts.isThere(name)) return undefined
        const alias = rows.columns.has(name) ? undefined : aliases.get(name)
        return alias ? alias.why : this.#explainColumn(rows, name)
      }
      case 'literal':
        return expr.text === undefined ? 'it is NULL' : undefined
      case 'interval':
      case 'window':
        return undefined
      case 'call':
        if (COUNTS.has(expr.name) || expr.name === 'unnest') return undefined
        if (SKIPPING.has(expr.name)) {
          const all = expr.args.map((one) => this.#explain(one, scope))
          return all.some((why) => why === undefined) ? undefined : all[0]
        }
        if (MAKERS.has(expr.name)) return `${expr.name}() may give NULL`
        if (isAggregate(expr.name) && expr.filter !== undefined)
          return `no row may pass the FILTER of ${expr.name}()`
        return first(expr.args)
      case 'binary':
        if (['/', '//', '%'].includes(expr.op) && !isNumber(expr.right))
          return 'a division by zero gives NULL'
        return first([expr.left, expr.right])
      case 'unary':
        return expr.op.startsWith('IS') ? undefined : this.#explain(expr.of, scope)
      case 'case':
        return this.#explainCase(expr, scope)
      case 'cast':
        return expr.isTry ? 'TRY_CAST may give NULL' : this.#explain(expr.of, scope)
      case 'in':
        return first([expr.of, ...expr.list])
      case 'field':
        return `${expr.name} of a list's element may be missing`
      case 'index':
        return 'a list may be too short'
      default:
        return 'it may be NULL'
    }
  }

  #explainCase(expr: Extract<Expr, { is: 'case' }>, scope: Scope): NullReason {
    if (expr.otherwise === undefined) return 'a CASE without ELSE gives NULL'
    for (const { when, then } of expr.whens) {
      const facts = scope.facts.copy()
      facts.read(when)
      const why = this.#explain(then, { ...scope, facts })
      if (why !== undefined) return why
    }
    return this.#explain(expr.otherwise, scope)
  }
}

interface Scope {
  readonly rows: Rows
  readonly facts: Facts
  /** Columns of the SELECT itself, which later ones may name. */
  readonly aliases: ReadonlyMap<string, TracedColumn>
}

/** What a condition that holds says: kinds of events, and columns that are not NULL. */
class Facts {
  kinds: ReadonlySet<string> | undefined
  readonly #there: Set<string>

  constructor(kinds: ReadonlySet<string> | undefined, there: Iterable<string> = []) {
    this.kinds = kinds
    this.#there = new Set(there)
  }

  copy(): Facts {
    return new Facts(this.kinds, this.#there)
  }

  isThere(column: string): boolean {
    return this.#there.has(column)
  }

  /** Takes in a condition that holds. */
  read(condition: Expr | undefined): void {
    if (condition === undefined) return
    if (condition.is === 'binary' && condition.op === 'AND') {
      this.read(condition.left)
      this.read(condition.right)
    } else if (condition.is === 'unary' && condition.op === 'IS NOT NULL') this.#note(condition.of)
    else if (condition.is === 'binary' && COMPARISONS.has(condition.op)) {
      this.#note(condition.left)
      this.#note(condition.right)
      if (condition.op === '=' && isKind(condition.left)) this.#limit([condition.right])
    } else if (condition.is === 'in' && !condition.isNot) {
      this.#note(condition.of)
      if (isKind(condition.of)) this.#limit(condition.list)
    }
  }

  #note(expr: Expr): void {
    if (expr.is === 'column') this.#there.add(expr.path.at(-1) ?? '')
  }

  #limit(list: readonly Expr[]): void {
    const found = list.flatMap((one) => (one.is === 'literal' ? [one.text ?? ''] : []))
    if (found.length < list.length) return
    this.kinds = new Set(found.filter((one) => this.kinds?.has(one) ?? true))
  }
}

const COMPARISONS: ReadonlySet<string> = new Set(['=', '<>', '<', '<=', '>', '>=', 'LIKE'])

function isKind(expr: Expr): boolean {
  return expr.is === 'column' && expr.path.at(-1) === KIND
}

function isNumber(expr: Expr): boolean {
  return expr.is === 'literal' && Number(expr.text) !== 0
}
