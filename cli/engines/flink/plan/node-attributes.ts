/** Reads attributes that several types of nodes of a compiled plan have. */
import { asObject, type JsonObject } from '../../../domain/kernel/json.ts'
import { STATE_TTL } from './compiled-plan.ts'
import {
  findColumn,
  hashOf,
  type InputColumns,
  isTimed,
  type Meaning,
  markTime,
} from './expression-meaning.ts'
import type { NodeMeaning } from './meaning.ts'

/** Attributes that say nothing of the rows: how they are called, and how long state is kept. */
const FORMAL = ['id', 'type', 'description', 'inputProperties', 'outputType', 'state']

/** What is left of a node when its formal attributes and those that are read are taken away. */
export function own(json: JsonObject, ...read: readonly string[]): JsonObject {
  const left = Object.entries(json).filter(([key]) => ![...FORMAL, ...read].includes(key))
  const { [STATE_TTL]: _, ...configuration } = asObject(json.configuration)
  return { ...Object.fromEntries(left), configuration }
}

/** Columns by which an operator keeps its state. */
export interface Keys {
  readonly columns: readonly Meaning[]
  readonly meaning: Meaning
  readonly words: readonly string[]
}

/** RangeError for a position that is not there. */
export function readKeys(indices: unknown, input: InputColumns): Keys {
  if (!Array.isArray(indices)) throw new RangeError('no list of keys')
  const columns = indices.map((one) => findColumn(one, input))
  const words = indices.map((one) => input.names[one] ?? '?')
  return { columns, meaning: hashOf('keys', columns), words }
}

/** Whether a column of the input is the time of arrival, PROCTIME(). */
export function isArrival(index: unknown, { node }: NodeMeaning): boolean {
  const { fields } = asObject(node.json.outputType)
  const field = Array.isArray(fields) && typeof index === 'number' ? fields[index] : undefined
  return asObject(asObject(field).fieldType).kind === 'PROCTIME'
}

/** Calls of aggregate functions in words, such as `COUNT(DISTINCT anonymous_id) AS visitors`. */
export function describeCalls(calls: unknown, { names }: InputColumns): readonly string[] {
  return listObjects(calls).map(({ internalName, argList, filterArg, distinct, name }) => {
    const args = Array.isArray(argList) ? argList.map((one) => names[one]).join(', ') : ''
    const call = `${String(internalName).split('$')[1]}(${distinct === true ? 'DISTINCT ' : ''}`
    const filter = typeof filterArg === 'number' && filterArg >= 0 ? ' FILTER' : ''
    return `${call}${args === '' ? '*' : args})${filter}${name === null ? '' : ` AS ${name}`}`
  })
}

/** A window in words, such as `Tumbling window, size PT1M`. */
export function describeWindow({ type, ...size }: JsonObject): readonly string[] {
  const sizes = Object.entries(size).map(([key, value]) => `${key} ${String(value)}`)
  return [[String(type).replace('Window', ' window'), ...sizes].join(', ')]
}

/** The objects of a list; [] for anything else. */
export function listObjects(value: unknown): readonly JsonObject[] {
  return Array.isArray(value) ? value.map(asObject) : []
}

/** Positions of the columns that an expression reads. */
export function listInputs(value: unknown): readonly number[] {
  if (Array.isArray(value)) return value.flatMap(listInputs)
  const { kind, inputIndex, ...parts } = asObject(value)
  if (kind === 'INPUT_REF' && typeof inputIndex === 'number') return [inputIndex]
  return Object.values(parts).flatMap(listInputs)
}

/** A column that an operator makes of others; of times alone it makes a time. */
export function deriveColumn(what: Meaning, of: readonly Meaning[]): Meaning {
  return markTime(hashOf(what, ...of), of.every(isTimed))
}
