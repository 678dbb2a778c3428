/**
 * What an expression of a compiled plan computes, whatever the positions of its inputs: two that
 * have the same meaning give the same values of the same events. Meanings are hashes, so that a
 * deep expression costs no more than a column.
 */
import { createHash } from 'node:crypto'
import { asObject, type JsonObject, sortKeys } from '../../../domain/kernel/json.ts'

/** A hash; equal ones mean the same. */
export type Meaning = string

/** Columns of the rows that an expression reads. */
export interface InputColumns {
  /** By position. */
  readonly meanings: readonly Meaning[]
  readonly names: readonly string[]
}

/** The meaning of a value, which is any JSON. */
export function hashOf(...parts: readonly unknown[]): Meaning {
  return createHash('sha256')
    .update(JSON.stringify(sortKeys(parts)))
    .digest('base64url')
}

/** Begins the meaning of what is computed from the event's time alone. */
const TIME = 'time '

/** Begins the meaning of a constant that can't make a longer period than a day of a time. */
const CONSTANT = 'constant '

/** Whether values are an event's time, or computed from it alone in periods of at most a day. */
export function isTimed(meaning: Meaning): boolean {
  return meaning.startsWith(TIME)
}

/** The same meaning, known as computed from the event's time alone if `isTime`. */
export function markTime(meaning: Meaning, isTime = true): Meaning {
  return isTime ? `${TIME}${meaning}` : meaning
}

/** The meaning of an expression; RangeError for a column that is not there. */
export function readExpression(value: unknown, input: InputColumns): Meaning {
  const expression = asObject(value)
  const { kind, operands, inputIndex, name, expr } = expression
  if (kind === 'INPUT_REF') return findColumn(inputIndex, input)
  if (kind === 'FIELD_ACCESS') {
    const { kind: of, correl } = asObject(expr)
    // A function that reads the row beside it reads its column by name.
    if (of === 'CORREL_VARIABLE' && typeof correl === 'string')
      return findColumn(input.names.indexOf(String(name)), input)
    return hashOf(kind, name, readExpression(expr, input))
  }
  if (!Array.isArray(operands)) return readConstant(expression)
  const { operands: _, ...own } = expression
  const parts = operands.map((one) => readExpression(one, input))
  const isPlain = parts.every((one) => isTimed(one) || one.startsWith(CONSTANT))
  return markTime(hashOf(own, ...parts), isPlain && parts.some(isTimed))
}

function readConstant(expression: JsonObject): Meaning {
  const { kind, value } = expression
  const isShort = kind === 'LITERAL' && !(Math.abs(Number(value)) > DAY_MS)
  return `${isShort ? CONSTANT : ''}${hashOf(expression)}`
}

const DAY_MS = 86_400_000

/** The conditions that AND joins, each with its meaning. */
export function readConditions(value: unknown, input: InputColumns): readonly Meaning[] {
  if (value === null || value === undefined) return []
  const { internalName, operands } = asObject(value)
  if (internalName === '$AND$1' && Array.isArray(operands))
    return operands.flatMap((one) => readConditions(one, input))
  return [readExpression(value, input)]
}

/** The meaning of a call of an aggregate function; its alias says nothing. */
export function readAggregate(value: unknown, input: InputColumns): Meaning {
  const { name: _, argList, filterArg, ...own } = asObject(value)
  const args = Array.isArray(argList) ? argList : []
  const filter = filterArg === -1 ? 'all' : findColumn(filterArg, input)
  const read = args.map((one) => findColumn(one, input))
  const isOneOf = own.internalName === '$MIN$1' || own.internalName === '$MAX$1'
  return markTime(hashOf(own, read, filter), isOneOf && read.every(isTimed))
}

/** The meaning of a column by its position. */
export function findColumn(index: unknown, { meanings }: InputColumns): Meaning {
  const found = typeof index === 'number' ? meanings[index] : undefined
  if (found === undefined) throw new RangeError(`no column ${String(index)} in a compiled plan`)
  return found
}

/** Names of the columns that a node gives, in order. */
export function readColumnNames({ outputType }: JsonObject): readonly string[] {
  if (typeof outputType === 'string') return splitRowType(outputType)
  const { fields } = asObject(outputType)
  return Array.isArray(fields) ? fields.map((one) => String(asObject(one).name)) : []
}

/** The names in "ROW<`a` INT, `b` ROW<`c` INT>>": those of the row, not of rows in it. */
function splitRowType(type: string): readonly string[] {
  const names: string[] = []
  let depth = 0
  let isName = true
  for (const [token] of type.matchAll(/`(?:[^`]|``)*`|[<>(),]|'(?:[^']|'')*'/g)) {
    if (token === '<' || token === '(') depth++
    else if (token === '>' || token === ')') depth--
    else if (token.startsWith('`') && depth === 1 && isName) names.push(token.slice(1, -1))
    isName = depth === 1 && (token === '<' || token === ',')
  }
  return names
}
